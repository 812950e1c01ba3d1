"""Where tables come from: files, and data frames."""

import os
from typing import Any

import numpy as np

from chainrule.tables.errors import TableError
from chainrule.tables.reading import Table, read_table

#: How many lines a table has above its first row, where it stands in no file.
HEADER = 1


def table_of(data: Any) -> Table:
    """The table of a path, a data frame of pandas, Polars or Arrow, or a table itself.

    Raises:
        TableError: if it is none of them, or cannot be read.
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, str | os.PathLike):
        return read_table(data)
    if not hasattr(data, "columns"):
        raise TableError(f"a table is a path or a data frame, not {type(data).__name__}")
    return from_frame(data if hasattr(data, "iloc") else data.to_pandas())


def from_frame(frame: Any, file: str = "the data frame") -> Table:
    """The table of a pandas data frame: its cells as a file would spell them.

    Raises:
        TableError: for no rows, or two columns of one name.
    """
    if len(frame) == 0:
        raise TableError(f"{file} has no rows")
    cells: dict[str, np.ndarray] = {}
    texts = set()
    for position, column in enumerate(frame.columns):
        name = str(column)
        if name in cells:
            raise TableError(f"{file}: two columns have the name {name!r}")
        values = frame.iloc[:, position]
        cells[name] = _spelled(values)
        if values.dtype.kind in "OUT" or hasattr(values, "cat"):
            texts.add(name)
    lines = np.arange(len(frame)) + 1 + HEADER
    return Table(file, ",", cells, lines, frozenset(texts))


def _spelled(values: Any) -> np.ndarray:
    missing = values.isna().to_numpy()
    if values.dtype.kind == "M":
        words = [
            value.isoformat() if ok else "" for value, ok in zip(values, ~missing, strict=True)
        ]
    elif values.dtype.kind == "f":
        words = [
            repr(float(value)) if ok else "" for value, ok in zip(values, ~missing, strict=True)
        ]
    else:
        words = [
            str(value).strip() if ok else "" for value, ok in zip(values, ~missing, strict=True)
        ]
    spelled = np.empty(len(words), dtype=object)
    spelled[:] = words
    return spelled
