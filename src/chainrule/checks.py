"""Checks of single values, each with the sentence that names the value and what is allowed."""

import math
from typing import Any

SEEDS = 2**63 - 1


class ByValue:
    """A specification that equals another one of its class with the same attributes.

    A data class tells its instances apart by its fields. A class that someone derives from one
    without being a data class itself may have further attributes: they count here too.
    """

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), frozenset(vars(self).items())))


def whole(name: str, value: Any, low: int = 1, high: int | None = None) -> int:
    """A whole number from ``low`` to ``high``.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(value, bool) and hasattr(value, "__index__"):
        number = int(value)
        if low <= number and (high is None or number <= high):
            return number
    allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise ValueError(f"{name} must be a whole number {allowed}, not {value!r}")


def seed(value: Any) -> int:
    """A seed."""
    return whole("seed", value, 0, SEEDS)


def real_number(value: Any) -> bool:
    """Whether this is a finite number."""
    if isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except (TypeError, OverflowError):
        return False
