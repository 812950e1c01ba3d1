"""Where tables come from: files, standard input, and data frames."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.tables.configuration import STANDARD_INPUT
from chainrule.tables.errors import TableError
from chainrule.tables.parquet import MAGIC, read_parquet
from chainrule.tables.reading import Table, content_of, parse_table

#: How many lines a table has above its first row, where it stands in no file.
HEADER = 1
TEXTS = ("string", "mixed", "mixed-integer", "bytes")  # as pandas calls what objects are


def table_of(data: Any) -> Table:
    """The table of a path, a data frame of pandas, Polars or Arrow, or a table itself.

    A file is CSV, packed by gzip or not, or Parquet, by what is in it; ``-`` is standard input.

    Raises:
        TableError: if it is none of them, or cannot be read.
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, str | os.PathLike):
        return _of_path(os.fspath(data))
    if not hasattr(data, "columns"):
        words = f"a table is a path or a data frame, not {type(data).__name__}"
        if isinstance(data, np.ndarray | list | tuple):
            words += ": its columns have names; arrays are for MLPClassifier and MLPRegressor"
        raise TableError(words)
    return from_frame(data if hasattr(data, "iloc") else data.to_pandas())


def _of_path(path: str) -> Table:
    if path == STANDARD_INPUT:
        name = "standard input"
        content = sys.stdin.buffer.read()
    elif _begins_with(path, MAGIC):
        return read_parquet(path, path)  # which need not be in memory whole
    else:
        name, content = path, content_of(path)
    if content.startswith(MAGIC):
        return read_parquet(content, name)
    return parse_table(content, name)


def _begins_with(path: str, signature: bytes) -> bool:
    """Whether a regular file does: a pipe can be read but once."""
    try:
        if not Path(path).is_file():
            return False
        with open(path, "rb") as file:
            return file.read(len(signature)) == signature
    except (OSError, ValueError):
        return False  # said when it is read


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
        if holds_texts(values):
            texts.add(name)
    lines = np.arange(len(frame)) + 1 + HEADER
    return Table(file, ",", cells, lines, frozenset(texts))


def holds_texts(values: Any) -> bool:
    """Whether a column of a data frame holds texts, and not numbers as objects."""
    import pandas as pd

    if hasattr(values, "cat"):
        values = values.cat.categories
    return str(pd.api.types.infer_dtype(values, skipna=True)) in TEXTS


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
