"""What all writers decide alike: whether an equation stands on one line."""

from chainrule.equations.boxes import Box, row
from chainrule.equations.text import text
from chainrule.glass.document import Equations

LONGEST = 64  # characters, as text: wider ones do not fit a printed page


def in_one_line(block: Equations) -> bool:
    """Whether all steps of an equation fit beside each other."""
    return width_of(whole(block)) <= LONGEST


def width_of(box: Box) -> int:
    """How many characters wide a box is as text."""
    return max(map(len, text(box).splitlines()))


def whole(block: Equations) -> Box:
    """All steps beside each other."""
    parts: list[Box | str] = [block.left]
    for sign, step in block.steps:
        parts += [sign, step]
    return row(*parts)
