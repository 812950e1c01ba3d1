"""Rounding as on paper: what is rounded to how many decimals before it is used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Any

import numpy as np

from chainrule.checks import whole

TIES = {"even": ROUND_HALF_EVEN, "up": ROUND_HALF_UP}
SIGNIFICANT = 13  # what the decimal digits of a double are sure of after some arithmetic
LARGEST = 1e15  # a double of this size has no decimals that could be rounded
EXACT = Context(prec=60)
FURTHEST = 15  # decimals: more than a double has below 1


@dataclass(frozen=True)
class Rounding:
    """A policy of rounding.

    Numbers are rounded as they are written in the decimal system: 2.675 is halfway between two
    neighbours of two decimals, though the double next to it is not.

    Args:
        decimals: by name. A value such as ``a3`` or ``dense3.a``, or a quantity, for all values of
            it: ``z``, ``a``, ``da``, ``delta``, ``dW``, ``db``; ``loss``.
        ties: what is halfway goes to the ``"even"`` neighbour, or ``"up"``, away from zero.

    Raises:
        ValueError: for other ties, or decimals that are not whole numbers from 0 to 15.

    >>> Rounding({"a": 2}, ties="up").rounded(np.array([2.675, 0.125]), 2)
    array([2.68, 0.13])
    """

    decimals: Mapping[str, int] = field(default_factory=dict)
    ties: str = "even"

    def __post_init__(self) -> None:
        if not isinstance(self.ties, str) or self.ties not in TIES:
            raise ValueError(f"ties must be {' or '.join(map(repr, TIES))}, not {self.ties!r}")
        if not isinstance(self.decimals, Mapping):
            raise ValueError(f"rounding must map names to decimals, not {self.decimals!r}")
        for name, places in self.decimals.items():
            whole(f"the decimals of {name!r}", places, 0, FURTHEST)

    @staticmethod
    def of(rounding: "Rounding | Mapping[str, int] | None") -> "Rounding":
        """What was given, or the policy of a mapping; None rounds nothing."""
        return rounding if isinstance(rounding, Rounding) else Rounding(rounding or {})

    def __bool__(self) -> bool:
        return bool(self.decimals)

    def rounded(self, value: Any, places: int) -> np.ndarray:
        """A value rounded to so many decimals; what is not finite stays."""
        unit = Decimal(1).scaleb(-places)

        def one(number: float) -> float:
            if not np.isfinite(number) or abs(number) >= LARGEST:
                return number
            written = Decimal(f"{number:.{SIGNIFICANT}g}")
            return float(written.quantize(unit, TIES[self.ties], EXACT))

        array = np.asarray(value, np.float64)
        return np.array([one(number) for number in array.ravel()]).reshape(array.shape)
