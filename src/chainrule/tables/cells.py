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

#: Styles of numbers that are not written plainly.
COMMA, GROUPED = "a decimal comma", "thousands separators"
POINTED = "points between thousands"


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


def numbers(cells: np.ndarray, delimiter: str = ",", style: str = "") -> Numbers:
    """Read cells as numbers, plain (``-1.5e3``), with thousands separators or a decimal comma.

    The style is that in which they are known to be written; by default the cells settle it.

    ``1,234`` is 1234 where cells are divided by commas and 1.234 elsewhere, unless other cells
    of the column settle it (``1,234,567`` or ``1,234.5``, or ``984`` among them).

    >>> read = numbers(np.array(["950", "1,200", "NA", "much"], dtype=object))
    >>> read.values.tolist(), read.wrong.tolist(), read.style
    ([950.0, 1200.0, nan, nan], [False, False, False, True], 'thousands separators')
    """
    missing = is_missing(cells)
    values = _plain(np.where(missing, "", cells))
    wrong = np.isnan(values) & ~missing
    if style and not missing.all():
        values = _in_style(cells, values, style)
        wrong = np.isnan(values) & ~missing
    elif wrong.any():
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
        return GROUPED, _replaced(cells, values, groups, (SEPARATORS, ""))
    # Where the comma is the decimal one, a point divides thousands: those are to be read anew.
    points = {cell for cell in cells[~missing & ~wrong] if "." in cell}
    if commas and all(map(DECIMAL_COMMA.fullmatch, points)):
        style = COMMA if any("," in cell for cell in commas) else POINTED
        return style, _replaced(cells, values, commas | points, (r"\.", ""), (",", "."))
    return "", values


def _in_style(cells: np.ndarray, values: np.ndarray, style: str) -> np.ndarray:
    """The values of cells that are known to be written in a style."""
    if style == GROUPED:
        known = {cell for cell in cells if THOUSANDS.fullmatch(cell)}
        return _replaced(cells, values, known, (SEPARATORS, ""))
    known = {cell for cell in cells if DECIMAL_COMMA.fullmatch(cell)}
    return _replaced(cells, values, known, (r"\.", ""), (",", "."))


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


#: Words that say yes and no, in pairs.
YES_AND_NO = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("on", "off"))

#: How dates are written, the unambiguous first. A column is read by one of them.
DATE_FORMATS = (
    "ISO8601", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
)  # fmt: skip
TIMES = ("", " %H:%M", " %H:%M:%S")


def booleans(cells: np.ndarray, missing: np.ndarray) -> np.ndarray | None:
    """Cells read as 1 and 0, NaN where missing; None if they are not a pair of yes and no.

    >>> booleans(np.array(["Yes", "no", ""], dtype=object), np.array([False, False, True]))
    array([ 1.,  0., nan])
    """
    words = {cell.lower() for cell in cells[~missing]}
    for yes, no in YES_AND_NO:
        if words and words <= {yes, no}:
            values = np.array([float(cell.lower() == yes) for cell in cells])
            values[missing] = np.nan
            return values
    return None


def date_like(cells: np.ndarray) -> bool:
    """Whether nearly all of these cells are dates, with or without a time.

    >>> date_like(np.array(["2007-11-11", "2007-11-12"], dtype=object))
    True
    """
    return sum(bool(DATE.fullmatch(cell)) for cell in cells) >= 0.9 * len(cells) > 0


def dates(cells: np.ndarray, missing: np.ndarray) -> tuple[str, np.ndarray] | None:
    """Dates as seconds since 1970, NaN where missing, and the first format that reads them all.

    Args:
        cells: (rows,) of str.
        missing: which of them are.

    Returns:
        None if no format does.

    >>> cells = np.array(["31.12.1969", "2.1.1970"], dtype=object)
    >>> style, seconds = dates(cells, np.zeros(2, bool))
    >>> style, (seconds / 86400).tolist()
    ('%d.%m.%Y', [-1.0, 1.0])
    """
    for style in (date + time for date in DATE_FORMATS for time in _times(date)):
        seconds = seconds_of(cells, missing, style)
        if not np.isnan(seconds[~missing]).any():
            return style, seconds
    return None


def seconds_of(cells: np.ndarray, missing: np.ndarray, style: str) -> np.ndarray:
    """Dates in one format as seconds since 1970, NaN where missing or no date in that format.

    >>> seconds_of(np.array(["2.1.1970", "1970"], object), np.zeros(2, bool), "%d.%m.%Y").tolist()
    [86400.0, nan]
    """
    import pandas as pd

    present = pd.Series(cells[~missing], dtype=object)
    read = pd.to_datetime(present, format=style, errors="coerce", utc=True)
    seconds = read.astype("datetime64[us, UTC]").to_numpy("datetime64[us]").astype(np.int64) / 1e6
    values = np.full(len(cells), np.nan)
    values[~missing] = np.where(read.isna(), np.nan, seconds)
    return values


def _times(date: str) -> tuple[str, ...]:
    return ("",) if date == "ISO8601" else TIMES
