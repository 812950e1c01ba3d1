"""Bars with names: they are text in the page, so that long names wrap and are escaped."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes:
        name: as it is shown.
        width: in percent of the widest.
        words: the figure that it stands for.
    """

    name: str
    width: float
    words: str


def bars(names: Sequence[str], values: Sequence[float], words: Sequence[str]) -> list[Bar]:
    """Bars of which the largest value has the full width; what is below 0 has none.

    >>> [bar.width for bar in bars(["a", "b", "c"], [4.0, 1.0, -1.0], ["4", "1", "-1"])]
    [100.0, 25.0, 0.0]
    """
    largest = max([value for value in values if value == value], default=0.0)
    widths = [
        round(100 * value / largest, 2) if largest > 0 and value > 0 else 0.0 for value in values
    ]
    return [Bar(*parts) for parts in zip(names, widths, words, strict=True)]
