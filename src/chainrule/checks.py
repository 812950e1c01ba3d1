"""Checks of single values, each with the sentence that names the value and what is allowed."""

import math
from typing import Any

SEEDS = 2**63 - 1


class ByValue:
    """A specification that equals another one of its class with the same attributes.

    A data class would tell its instances apart by its fields alone, and so would all that is
    derived from it. But a class that someone derives may have further attributes, which a program
    depends on: here they count too.
    """

    def __init_subclass__(cls, **details: Any) -> None:
        super().__init_subclass__(**details)
        for name in ("__eq__", "__hash__"):  # a data class makes them only where there are none
            if name not in vars(cls):
                setattr(cls, name, getattr(ByValue, name))

    def _attributes(self) -> dict[str, Any]:
        found: Any = object.__getstate__(self)  # also those that lie in slots
        if isinstance(found, tuple):
            own, slots = found
            return (own or {}) | slots
        return found or {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ByValue) or type(self) is not type(other):
            return False
        return self._attributes() == other._attributes()

    def __hash__(self) -> int:
        return hash((type(self), frozenset(self._attributes().items())))


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


def printable(words: str) -> str:
    """The words with control characters escaped: what a file holds does not steer a reader.

    >>> printable("red \\x1b[31m")
    'red \\\\x1b[31m'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
