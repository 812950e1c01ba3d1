"""Numbers and users' texts as they stand on the page."""

import math
from collections.abc import Iterable
from typing import Any

LONGEST = 48  # characters of a name that are shown


def visible(text: str) -> str:
    """The text with control characters escaped; those that turn the direction of writing, too.

    >>> visible("red \\x1b[31m")
    'red \\\\x1b[31m'
    """
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def shown(text: Any, longest: int = LONGEST) -> str:
    """A user's text: on one line, shortened.

    What is not printable stays: it is escaped where everything goes into the page.

    >>> shown("a" * 1_000_000, 5), shown(" ")
    ('aaaa…', '(blank)')
    """
    words = str(text)
    words = words if len(words) <= longest else words[: longest - 1] + "…"
    return " ".join(words.split()) or "(blank)"


def figure(value: float | None, digits: int = 4) -> str:
    """A number with a few significant digits, as people write it.

    >>> figure(0.912345), figure(-1234567.8), figure(0.0), figure(None)
    ('0.9123', '−1,234,568', '0', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if value == 0 or not 1e-4 <= abs(value) < 1e12:
        return f"{value:.{digits}g}".replace("-", "−")
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}".replace("-", "−")


def score(value: float | None) -> str:
    """A figure around 1, with three decimals.

    >>> score(0.5), score(-0.0022), score(-12345.6)
    ('0.500', '−0.002', '−12,346')
    """
    if value is None or abs(value) >= 1000:
        return figure(value)
    return f"{value:.3f}".replace("-", "−")


def percent(share: float | None, digits: int = 1) -> str:
    """A share in percent.

    >>> percent(0.98507), percent(1.0), percent(None)
    ('98.5 %', '100 %', '–')
    """
    if share is None or math.isnan(share):
        return "–"
    words = f"{100 * share:.{digits}f}"
    return f"{words.removesuffix('.' + '0' * digits)} %"


def named(names: Iterable[Any], most: int = 3) -> str:
    """A few names, and how many more there are.

    >>> named(["a", "b", "c", "d"])
    '“a”, “b”, “c” and 1 more'
    """
    every = list(names)
    words = ", ".join(f"“{shown(name, 24)}”" for name in every[:most])
    return words if len(every) <= most else f"{words} and {len(every) - most} more"
