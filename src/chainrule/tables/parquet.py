"""Tables from Parquet files, a column at a time."""

import io
import re
from typing import Any

import numpy as np

from chainrule.tables.errors import TableError, quoted
from chainrule.tables.reading import Table

MAGIC = b"PAR1"
UNNAMED = re.compile(r"__index_level_\d+__")  # the index of a pandas frame that had no name


def read_parquet(source: str | bytes, file: str) -> Table:
    """Read a Parquet file: its cells as a CSV file would spell them, its texts known as texts.

    One column is in memory as Arrow has it at a time, and cells that are equal are one object.

    Args:
        source: the path, or what the file holds.
        file: what it is called in messages.

    Raises:
        TableError: if it is no readable Parquet file, has no rows, or two columns of one name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = quoted(file, 80)
    try:
        with pq.ParquetFile(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
            fields = [f for f in opened.schema_arrow if not UNNAMED.fullmatch(f.name)]
            _check(opened.metadata.num_rows, [f.name for f in fields], name)
            cells = {f.name: _spelled(opened.read(columns=[f.name]).column(0)) for f in fields}
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())
        raise TableError(f"{name} is no readable Parquet file: {words}") from None
    texts = frozenset(field.name for field in fields if _is_text(field.type))
    lines = np.arange(len(next(iter(cells.values())))) + 1
    return Table(file, "", cells, lines, texts)


def _check(rows: int, names: list[str], file: str) -> None:
    if rows == 0 or not names:
        raise TableError(f"{file} has no {'columns' if rows else 'rows'}")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise TableError(f"{file}: two columns have the name {quoted(twice[0])}")


def _is_text(kind: Any) -> bool:
    import pyarrow.types as kinds

    if kinds.is_dictionary(kind):
        return _is_text(kind.value_type)
    return any(
        check(kind) for check in (kinds.is_string, kinds.is_large_string, kinds.is_string_view)
    )


def _spelled(column: Any) -> np.ndarray:
    """The cells of a column: (rows,) of str, ``""`` where there is none."""
    import pyarrow as pa

    if pa.types.is_nested(column.type):
        return _objects([_word(value) for value in column.to_pylist()])
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    parts = [np.zeros(0, dtype=object)]
    for chunk in column.chunks:
        words = _objects([*map(_word, chunk.dictionary.to_pylist()), ""])
        places = (
            chunk.indices.cast("int64").fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
        )
        parts.append(words[places])
    return np.concatenate(parts)


def _word(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return repr(value) if isinstance(value, float) else str(value).strip()


def _objects(words: list[str]) -> np.ndarray:
    cells = np.empty(len(words), dtype=object)
    cells[:] = words
    return cells
