"""The notations of the lecture texts: the same numbers in other letters and on the other side."""

from chainrule.glass.notation.base import (
    NOTATIONS,
    Notation,
    Shown,
    checked_notation,
    notation_of,
)
from chainrule.glass.notation.bracket import Bracket
from chainrule.glass.notation.signal import Signal
from chainrule.glass.notation.theta import Theta

__all__ = [
    "NOTATIONS", "Bracket", "Notation", "Shown", "Signal", "Theta", "checked_notation",
    "notation_of",
]  # fmt: skip
