"""Reading a file of delimited text, strictly: every row has exactly the header's cells.

The ``csv`` module reads, and not ``pandas.read_csv``, for one reason: that pads short rows in
silence, so the file would have to be read by both, and where they disagree about a quote the
check would be worth nothing. Here the parser that checks a row is the one that delivers it.
"""

import codecs
import csv
import gzip
import io
import itertools
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chainrule.tables.errors import TableError, counted, listed, quoted

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SNIFFED = 50  # records that decide on the delimiter
MOST_DIGITS = 100  # of the number of a column or a year: Python turns some thousands into no number
BLOCK = 10_000  # records that are turned into columns together

GZIP = b"\x1f\x8b"
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)

#: What the first bytes of a file say it is instead.
SIGNATURES = {
    b"PK\x03\x04": "a zip archive or an Excel workbook: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save the sheet as CSV",
    b"BZh": "compressed by bzip2: unpack it first, or use gzip",
    b"\xfd7zXZ": "compressed by xz: unpack it first, or use gzip",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: unpack it first, or use gzip",
    codecs.BOM_UTF16_LE: "in UTF-16: convert it to UTF-8",
    codecs.BOM_UTF16_BE: "in UTF-16: convert it to UTF-8",
}


@dataclass(frozen=True)
class Table:
    """A table as it stands in the file: text, but for the spaces around cells.

    Attributes:
        file: where it was read, as given.
        delimiter: what divides its cells.
        cells: by column name, in the file's order: (rows,) of str.
        lines: (rows,) the line of the file on which each row begins.
        texts: names of columns that are known to hold texts, even if they look like numbers.
    """

    file: str
    delimiter: str
    cells: dict[str, np.ndarray]
    lines: np.ndarray
    texts: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        return list(self.cells)

    @property
    def rows(self) -> int:
        return len(self.lines)

    @property
    def stem(self) -> str:
        """The file's name without its endings."""
        return Path(self.file).name.partition(".")[0]

    def some(self, rows: np.ndarray) -> "Table":
        """The table of some of its rows."""
        cells = {name: found[rows] for name, found in self.cells.items()}
        return replace(self, cells=cells, lines=self.lines[rows])


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a file of delimited text with a header: UTF-8, divided by ``,`` ``;`` tab or ``|``.

    Args:
        path: of the file, which may be packed by gzip; see also :func:`parse_table`.

    Returns:
        The table, at least one row of it.

    Raises:
        TableError: if there is no such file, or it is not such a table; with the line.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "t.csv")
    ...     _ = file.write_text("size;price\\n1;10\\n2;20\\n")
    ...     table = read_table(file)
    >>> table.names, table.delimiter, table.cells["price"].tolist()
    (['size', 'price'], ';', ['10', '20'])
    """
    file = os.fspath(path)
    return parse_table(content_of(file), file)


def parse_table(content: bytes, file: str) -> Table:
    """Read a table from what a file of this name holds, packed by gzip or not.

    Raises:
        TableError: if it is no table; with the line.
    """
    if content.startswith(GZIP):
        content = _unpacked(content, file)
    text = _decoded(content, quoted(file, 80))
    if not text.strip():
        raise TableError(f"{quoted(file, 80)} is empty")
    delimiter = _delimiter(text)
    try:
        return _read(file, text, delimiter)
    except _MalformedError as error:
        raise TableError(f"{quoted(file, 80)}, line {error.line}: {error}") from None


class _MalformedError(ValueError):
    """A place where the text is not a table."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _unpacked(content: bytes, file: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{quoted(file, 80)} cannot be unpacked: {error}") from None


def content_of(file: str) -> bytes:
    """The bytes of a file.

    Raises:
        TableError: if it cannot be read.
    """
    path = Path(file)
    if path.is_dir():
        raise TableError(f"{quoted(file, 80)} is a directory, not a file")
    try:
        # Read once and whole: a pipe can be read but once, and a file may change between two.
        return path.read_bytes()
    except FileNotFoundError:
        raise TableError(f"there is no file {quoted(file, 80)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TableError(f"{quoted(file, 80)} cannot be read: {reason}") from None


def _decoded(content: bytes, file: str) -> str:
    for signature, what in SIGNATURES.items():
        if content.startswith(signature):
            raise TableError(f"{file} is {what}")
    if b"\0" in content:
        at = content.index(b"\0")
        raise TableError(f"{file} is not a table of text: byte {at + 1} is NUL")
    body = content.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start + len(content) - len(body)
        line = content.count(b"\n", 0, at) + 1
        raise TableError(
            f"{file}, line {line}: byte {at + 1} is not UTF-8: convert the file to UTF-8"
        ) from None


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records with the line on which each begins; lines without anything are passed over."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise _MalformedError(line, _what(str(error))) from None
        if record is None:
            return
        if len(record) > 1 or (record and record[0].strip()):
            yield line, [cell.strip() for cell in record]


def _what(error: str) -> str:
    """What an error of the ``csv`` module means to who wrote the file."""
    if "unexpected end" in error:
        return "a quote opens in this row and is never closed"
    if "field limit" in error:
        return f"a cell is longer than {csv.field_size_limit():,} characters: is a quote left open?"
    if "expected after" in error:
        return "text follows a closing quote: a quote within a quoted cell is written twice"
    return error


def _delimiter(text: str) -> str:
    """The delimiter by which most of the first records are as wide as the header."""

    def fit(delimiter: str) -> tuple[float, int]:
        widths: list[int] = []
        try:
            for _, record in itertools.islice(_records(text, delimiter), SNIFFED):
                widths.append(len(record))
        except _MalformedError:
            pass
        if not widths or widths[0] == 1:
            return 0.0, 1
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(DELIMITERS, key=fit)


def _read(file: str, text: str, delimiter: str) -> Table:
    records = _records(text, delimiter)
    names = _names(*next(records))
    columns: list[list[str]] = [[] for _ in names]
    lines: list[int] = []
    while block := list(itertools.islice(records, BLOCK)):
        for line, record in block:
            if len(record) != len(names):
                found = counted(len(record), "cell")
                raise _MalformedError(line, f"{found}, and the header has {len(names)}")
            lines.append(line)
        for column, cells in zip(columns, zip(*(r for _, r in block), strict=True), strict=True):
            column.extend(cells)
    if not lines:
        raise TableError(f"{quoted(file, 80)} has a header and no rows")
    cells_by_name = {
        name: np.array(column, dtype=object) for name, column in zip(names, columns, strict=True)
    }
    return Table(file, delimiter, cells_by_name, np.array(lines))


def _names(line: int, header: list[str]) -> list[str]:
    """The names of the columns; one without a name, as row labels often are, is numbered."""
    if not any(header):
        raise _MalformedError(line, "the header names no column")
    if _is_data(header):
        raise _MalformedError(
            line, f"numbers ({listed(header, 3)}) stand where the names of the columns should"
        )
    names: dict[str, None] = {}
    for number, cell in enumerate(header, start=1):
        name = cell or f"column {number}"
        if name in names:
            raise _MalformedError(line, f"two columns have the name {quoted(name)}")
        names[name] = None
    return list(names)


def _is_data(header: list[str]) -> bool:
    """Whether the header is a row of numbers; column numbers and years are names, too."""
    numbers = [cell for cell in header if re.fullmatch(NUMBER, cell)]
    whole = [cell for cell in numbers if cell.isdecimal()]
    if 2 * (len(numbers) - len(whole)) >= len(header):
        return True
    if len(numbers) < sum(map(bool, header)):
        return False
    return len(whole) < len(numbers) or not _consecutive(whole)


def _consecutive(digits: list[str]) -> bool:
    if max(map(len, digits)) > MOST_DIGITS:
        return len(digits) == 1
    first = int(digits[0])
    return list(map(int, digits)) == list(range(first, first + len(digits)))
