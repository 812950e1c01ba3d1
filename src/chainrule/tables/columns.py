"""How each column is read: as numbers, as text with categories, or left out, and why."""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chainrule.tables.cells import Numbers, date_like, is_missing, numbers
from chainrule.tables.errors import TableError, counted, quoted

MOST_CATEGORIES = 100  # of a text column; the rarer ones are taken together
STRAY_SHARE = 0.05  # up to this share of words, a column is still one of numbers
FEW = 10  # this many different texts are categories even where they are most of the rows
LARGEST = 1e100  # beyond it, squares overflow

#: Names that whole numbers which all differ may have when they only tell rows apart.
IDENTIFIER = re.compile(
    r"(?i:column \d+|row|((row|case|record)[ _]?)?(id|idx|index))"
    r"|.*[ _.-](?i:id|idx|index)|.*[a-z](Id|ID)"
)


@dataclass(frozen=True)
class Column:
    """A column as it was read.

    Attributes:
        name: its name.
        kind: what it is read as; ``dropped`` is no feature.
        detail: what is in it, or why it was dropped.
        missing: how many cells are missing.
        values: (rows,) float64 with NaN, or (rows,) of str with None; empty for a dropped one.
    """

    name: str
    kind: Literal["number", "text", "dropped"]
    detail: str
    missing: int
    values: np.ndarray


def read_column(name: str, cells: np.ndarray, lines: np.ndarray, delimiter: str = ",") -> Column:
    """Decide what a column is as a feature.

    Args:
        name: of the column.
        cells: (rows,) of str.
        lines: (rows,) the lines of the file, for messages.
        delimiter: of the file: what a comma in a number means depends on it.

    Raises:
        TableError: for a number that is not finite, with its line.

    >>> cells = np.array(["male", "female", "NA", "male"], dtype=object)
    >>> column = read_column("sex", cells, np.arange(2, 6))
    >>> column.kind, column.detail, column.missing
    ('text', '2 categories', 1)
    """
    missing = is_missing(cells)
    if missing.all():
        return _dropped(name, "no values", missing)
    read = numbers(cells, delimiter)
    present = len(cells) - int(read.missing.sum())
    stray = int(read.wrong.sum())
    if stray == 0 or (stray <= STRAY_SHARE * present and mostly_different(read)):
        return _number(name, cells, lines, read)
    return _text(name, cells, missing)


def mostly_different(read: Numbers) -> bool:
    """Whether there are enough different numbers for a measured quantity, not a set of codes."""
    return np.unique(read.values[~np.isnan(read.values)]).size > FEW


def check_finite(name: str, cells: np.ndarray, lines: np.ndarray, values: np.ndarray) -> None:
    """Refuse infinities and numbers whose squares overflow, naming the line.

    Raises:
        TableError: for the first of them.
    """
    wrong = np.abs(values) > LARGEST
    if wrong.any():
        at = int(np.argmax(wrong))
        raise TableError(
            f"column {quoted(name)}, line {lines[at]}: {quoted(cells[at])} is not a finite number "
            f"of a size that can be computed with"
        )


def _dropped(name: str, why: str, missing: np.ndarray) -> Column:
    return Column(name, "dropped", why, int(missing.sum()), np.zeros(0))


def _number(name: str, cells: np.ndarray, lines: np.ndarray, read: Numbers) -> Column:
    check_finite(name, cells, lines, read.values)
    known = read.values[~np.isnan(read.values)]
    different = np.unique(known)
    if different.size == 0:
        return _dropped(name, "no values", read.missing)
    complete = known.size == len(cells)
    if different.size == 1 and complete:
        return _dropped(name, f"constant: always {quoted(cells[0])}", read.missing)
    if different.size == known.size > 2 and _is_identifier(name) and _whole(known):
        return _dropped(name, "an identifier: every row has a number of its own", read.missing)
    detail = f"from {different[0]:g} to {different[-1]:g}"
    if read.style:
        detail += f", written with {read.style}"
    if read.wrong.any():
        stray = cells[read.wrong]
        detail += f"; {counted(len(stray), 'cell')} such as {quoted(stray[0])} taken as missing"
    return Column(name, "number", detail, int((read.missing | read.wrong).sum()), read.values)


def _text(name: str, cells: np.ndarray, missing: np.ndarray) -> Column:
    known = cells[~missing]
    different = len(set(known))
    dates = "dates, taken as text: " if date_like(known) else ""
    if different == 1 and len(known) == len(cells):
        return _dropped(name, f"constant: always {quoted(cells[0])}", missing)
    if different == len(known) > 1:
        return _dropped(name, f"{dates}every cell differs", missing)
    if different > max(FEW, len(known) / 2):
        return _dropped(name, f"{dates}{different} different values in {len(known)} cells", missing)
    detail = dates + counted(different, "category", "categories")
    if different > MOST_CATEGORIES:
        detail += f", the rarest of them taken together so that {MOST_CATEGORIES} remain"
    values = cells.copy()
    values[missing] = None
    return Column(name, "text", detail, int(missing.sum()), values)


def _is_identifier(name: str) -> bool:
    return bool(IDENTIFIER.fullmatch(name))


def _whole(values: np.ndarray) -> bool:
    return bool((values == np.floor(values)).all())
