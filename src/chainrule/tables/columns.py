"""How each column is read: as numbers, yes and no, dates, texts, or left out, and why."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule.tables.cells import (
    YES_AND_NO,
    Numbers,
    booleans,
    date_like,
    dates,
    is_missing,
    numbers,
    seconds_of,
)
from chainrule.tables.errors import TableError, counted, quoted

MOST_STRAYS = 100  # different words among numbers that are remembered
STRAY_SHARE = 0.05  # up to this share of words, a column is still one of numbers
FEW = 10  # this many different texts are categories even where they are most of the rows
YES_OR_NO = frozenset(word for pair in YES_AND_NO for word in pair)
LARGEST = 1e100  # beyond it, squares overflow

#: Names that whole numbers which all differ may have when they only tell rows apart.
IDENTIFIER = re.compile(
    r"(?i:column \d+|row|((row|case|record)[ _]?)?(id|idx|index))"
    r"|.*[ _.-](?i:id|idx|index)|.*[a-z](Id|ID)"
)


Kind = Literal["number", "boolean", "date", "text", "dropped"]


@dataclass(frozen=True)
class Reading:
    """How the cells of a column are read, in one table and in later ones.

    Attributes:
        name: of the column.
        kind: what it is read as; ``dropped`` is no feature.
        style: of numbers, how they are written if not plainly; of dates, their format.
        strays: words among numbers that count as missing.
    """

    name: str
    kind: Kind
    style: str = ""
    strays: tuple[str, ...] = ()

    def values(self, cells: np.ndarray, lines: np.ndarray, delimiter: str = ",") -> np.ndarray:
        """The values of cells of another table, read in the same way.

        Returns:
            (rows,) float64 with NaN, dates as seconds since 1970; or (rows,) of str, ``""`` where
            missing.

        Raises:
            TableError: for a cell of another kind, with its line.
        """
        missing = is_missing(cells) | np.isin(cells, self.strays)
        if self.kind == "text":
            return np.where(missing, "", cells)
        if self.kind == "number":
            read = numbers(np.where(missing, "", cells), delimiter, self.style)
            self._refuse(cells, lines, read.wrong, "a number")
            check_finite(self.name, cells, lines, read.values)
            return read.values
        if missing.all():
            return np.full(len(cells), np.nan)
        if self.kind == "boolean":
            found = booleans(cells, missing)
            if found is None:
                words = np.array([cell.lower() not in YES_OR_NO for cell in cells])
                self._refuse(cells, lines, words & ~missing, "a yes or no")
                self._refuse(cells, lines, ~missing, "one pair of yes and no with the others")
            assert found is not None
            return found
        seconds = seconds_of(cells, missing, self.style)
        wrong = np.isnan(seconds) & ~missing
        self._refuse(cells, lines, wrong, f"a date written as {self.style}")
        return seconds

    def _refuse(self, cells: np.ndarray, lines: np.ndarray, wrong: np.ndarray, what: str) -> None:
        if wrong.any():
            at = int(np.argmax(wrong))
            raise TableError(
                f"column {quoted(self.name)}, line {lines[at]}: {quoted(cells[at])} is not {what}, "
                "as which the column was read when the model was fitted"
            )

    def to_dict(self) -> dict[str, Any]:
        return {
            "column": self.name, "read_as": self.kind, "style": self.style,
            "strays": list(self.strays),
        }  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column as it was read.

    Attributes:
        reading: how.
        detail: what is in it, or why it was dropped.
        missing: how many cells are missing.
        values: as :meth:`Reading.values` gives them; empty for a dropped one.
    """

    reading: Reading
    detail: str
    missing: int
    values: np.ndarray

    @property
    def name(self) -> str:
        return self.reading.name

    @property
    def kind(self) -> Kind:
        return self.reading.kind


def read_column(
    name: str, cells: np.ndarray, lines: np.ndarray, delimiter: str = ",", as_text: bool = False
) -> Column:
    """Decide what a column is as a feature.

    Args:
        name: of the column.
        cells: (rows,) of str.
        lines: (rows,) the lines of the file, for messages.
        delimiter: of the file: what a comma in a number means depends on it.
        as_text: whether it is known to hold texts, even if they look like numbers.

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
    if not as_text:
        read = numbers(cells, delimiter)
        present = len(cells) - int(read.missing.sum())
        stray = int(read.wrong.sum())
        if stray == 0 or (stray <= STRAY_SHARE * present and mostly_different(read)):
            return _number(name, cells, lines, read)
    return (
        _boolean(name, cells, missing) or _date(name, cells, missing) or _text(name, cells, missing)
    )


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
    return Column(Reading(name, "dropped"), why, int(missing.sum()), np.zeros(0))


def _boolean(name: str, cells: np.ndarray, missing: np.ndarray) -> Column | None:
    values = booleans(cells, missing)
    if values is None or (np.unique(values[~missing]).size == 1 and not missing.any()):
        return None
    words = sorted({cell.lower() for cell in cells[~missing]}, reverse=True)
    return Column(Reading(name, "boolean"), " or ".join(words), int(missing.sum()), values)


def _date(name: str, cells: np.ndarray, missing: np.ndarray) -> Column | None:
    known = cells[~missing]
    found = dates(cells, missing) if date_like(known) else None
    if found is None or len(set(known)) == 1:
        return None
    style, values = found
    first, last = (
        np.datetime64(int(seconds), "s").astype("datetime64[D]")
        for seconds in (np.nanmin(values), np.nanmax(values))
    )
    detail = f"from {first} to {last}" + ("" if style == "ISO8601" else f", written as {style}")
    return Column(Reading(name, "date", style), detail, int(missing.sum()), values)


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
    strays = tuple(sorted(set(cells[read.wrong])))[:MOST_STRAYS]
    reading = Reading(name, "number", read.style, strays)
    return Column(reading, detail, int((read.missing | read.wrong).sum()), read.values)


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
    values = np.where(missing, "", cells)
    return Column(Reading(name, "text"), detail, int(missing.sum()), values)


def _is_identifier(name: str) -> bool:
    return bool(IDENTIFIER.fullmatch(name))


def _whole(values: np.ndarray) -> bool:
    return bool((values == np.floor(values)).all())
