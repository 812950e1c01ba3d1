"""What the cells of a column spell: nothing, numbers, dates, or other text."""

import re
from dataclasses import dataclass

import numpy as np

#: Spellings of a missing cell, in any column and case.
MISSING = frozenset({"", "na", "n/a", "#na", "#n/a", "nan", "-nan", "null", "<na>", "?"})
#: Missing only where all others are numbers; among words they may be a category.
MISSING_AMONG_NUMBERS = frozenset({"none", "-", "--", "."})

SEPARATORS = "[,'_ \u00a0\u202f]"  # the last two are the spaces that do not break a line
THOUSANDS = re.compile(rf"[+-]?[1-9]\d{{0,2}}({SEPARATORS}\d{{3}})+(\.\d*)?")
SURELY_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(,\d{3}|\.\d*)")
# 1.234,5 and 0,5; and 1.234.567, which has that comma nowhere
DECIMAL_COMMA = re.compile(
    r"[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+([eE][+-]?\d+)?|[+-]?\d{1,3}(\.\d{3})+"
)
DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4}))([ T]\d{1,2}:\d{2}.*)?"
)


@dataclass(frozen=True)
class Numbers:
    """Cells read as numbers.

    Attributes:
        values: (rows,) float64, NaN where the cell is missing or no number.
        missing: (rows,) of bool.
        wrong: (rows,) of bool, where a cell is there and is no number.
        style: how they are written, if not plainly.
    """

    values: np.ndarray
    missing: np.ndarray
    wrong: np.ndarray
    style: str = ""


def is_missing(cells: np.ndarray, spellings: frozenset[str] = MISSING) -> np.ndarray:
    """Which cells say that nothing is known: bool (rows,).

    >>> is_missing(np.array(["NA", "0", "", "none"], dtype=object)).tolist()
    [True, False, True, False]
    """
    return np.fromiter((cell.lower() in spellings for cell in cells), bool, len(cells))


def numbers(cells: np.ndarray, delimiter: str = ",") -> Numbers:
    """Read cells as numbers, plain (``-1.5e3``), with thousands separators or a decimal comma.

    ``1,234`` is 1234 where cells are divided by commas and 1.234 elsewhere, unless other cells
    of the column settle it (``1,234,567`` or ``1,234.5``, or ``984`` among them).

    >>> read = numbers(np.array(["950", "1,200", "NA", "much"], dtype=object))
    >>> read.values.tolist(), read.wrong.tolist(), read.style
    ([950.0, 1200.0, nan, nan], [False, False, False, True], 'thousands separators')
    """
    missing = is_missing(cells)
    values = _plain(np.where(missing, "", cells))
    wrong = np.isnan(values) & ~missing
    style = ""
    if wrong.any():
        style, values = _styled(cells, values, missing, wrong, delimiter)
        wrong = np.isnan(values) & ~missing
    if wrong.any() and not np.isnan(values).all():
        absent = np.zeros(len(cells), bool)
        absent[wrong] = is_missing(cells[wrong], MISSING_AMONG_NUMBERS)
        missing, wrong = missing | absent, wrong & ~absent
    return Numbers(values, missing, wrong, style)


def _plain(cells: np.ndarray) -> np.ndarray:
    import pandas as pd

    return np.asarray(pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce"), np.float64)


def _styled(
    cells: np.ndarray, values: np.ndarray, missing: np.ndarray, wrong: np.ndarray, delimiter: str
) -> tuple[str, np.ndarray]:
    """The values with those read that are no plain numbers but written in a style, if any are."""
    odd = cells[wrong]
    commas = {cell for cell in odd if DECIMAL_COMMA.fullmatch(cell)}
    groups = {cell for cell in odd if THOUSANDS.fullmatch(cell)}
    others = values[~np.isnan(values)]
    # In 984 and 1,409 the comma divides thousands: with three decimals, 984 would be 984,000.
    below = others.size > 0 and bool(((np.abs(others) < 1000) & (others == np.floor(others))).all())
    surely = below or any(map(SURELY_THOUSANDS.fullmatch, groups))
    if groups and commas <= groups and (delimiter == "," or not commas or surely):
        return "thousands separators", _replaced(cells, values, groups, (SEPARATORS, ""))
    # Where the comma is the decimal one, a point divides thousands: those are to be read anew.
    points = {cell for cell in cells[~missing & ~wrong] if "." in cell}
    if commas and all(map(DECIMAL_COMMA.fullmatch, points)):
        style = "a decimal comma" if any("," in cell for cell in commas) else "thousands separators"
        return style, _replaced(cells, values, commas | points, (r"\.", ""), (",", "."))
    return "", values


def _replaced(
    cells: np.ndarray, values: np.ndarray, which: set[str], *rules: tuple[str, str]
) -> np.ndarray:
    """The values with some cells read after replacements of characters."""
    chosen = np.fromiter((cell in which for cell in cells), bool, len(cells))
    plain = cells[chosen]
    for pattern, replacement in rules:
        plain = np.array([re.sub(pattern, replacement, cell) for cell in plain], object)
    values = values.copy()
    values[chosen] = _plain(plain)
    return values


def date_like(cells: np.ndarray) -> bool:
    """Whether nearly all of these cells are dates, with or without a time.

    >>> date_like(np.array(["2007-11-11", "2007-11-12"], dtype=object))
    True
    """
    return sum(bool(DATE.fullmatch(cell)) for cell in cells) >= 0.9 * len(cells) > 0
