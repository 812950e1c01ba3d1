"""Tables come from files of several kinds, standard input and data frames, and are the same."""

import gzip
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainrule.tables.columns import read_column
from chainrule.tables.errors import TableError
from chainrule.tables.sources import table_of
from chainrule.tables.task import read_target

TEXT = "a;b\n1,5;x\n2,25;y\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def cells(table):
    return {name: found.tolist() for name, found in table.cells.items()}


def test_gzip_is_unpacked_whatever_the_name():
    Path("plain.csv").write_text(TEXT)
    Path("t.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    Path("packed").write_bytes(gzip.compress(TEXT[:6].encode()) + gzip.compress(TEXT[6:].encode()))
    expected = cells(table_of("plain.csv"))
    assert cells(table_of("t.csv.gz")) == cells(table_of("packed")) == expected
    assert table_of("t.csv.gz").stem == "t"


@pytest.mark.parametrize(
    "content", [TEXT.encode(), gzip.compress(TEXT.encode())], ids=["plain", "packed"]
)
def test_standard_input_is_read_whole(content, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    table = table_of("-")
    assert table.file == "standard input"
    assert table.cells["a"].tolist() == ["1,5", "2,25"]


def test_parquet_from_standard_input(monkeypatch):
    pd.DataFrame({"a": [1, 2]}).to_parquet("t.parquet")
    content = Path("t.parquet").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert cells(table_of("-")) == {"a": ["1", "2"]}


def test_a_decimal_comma_goes_with_semicolons():
    Path("t.csv").write_text(TEXT)
    table = table_of("t.csv")
    read = read_column("a", table.cells["a"], table.lines, table.delimiter)
    assert (read.kind, read.values.tolist()) == ("number", [1.5, 2.25])


def parquet(**columns):
    pq.write_table(pa.table(columns), "t.parquet", row_group_size=2)
    return table_of("t.parquet")


def test_the_types_of_parquet_are_those_of_its_cells():
    table = parquet(
        whole=pa.array([1, None, 3], pa.int64()), real=pa.array([0.1, float("nan"), None]),
        single=pa.array([0.1, 1, 2], pa.float32()), yes=pa.array([True, None, False]),
        day=pa.array([0, 1, None], pa.date32()), time=pa.array([0, 1, None], pa.timestamp("ms")),
        money=pa.array(["1.50", "2", None]).cast(pa.decimal128(9, 2)), nested=[[1], [2], None],
        word=pa.array([" a ", None, "b"]), nothing=pa.nulls(3), code=pa.array([b"x", None, b"y"]),
    )  # fmt: skip
    assert cells(table) == {
        "whole": ["1", "", "3"], "real": ["0.1", "nan", ""],
        "single": [repr(float(np.float32(0.1))), "1.0", "2.0"], "yes": ["True", "", "False"],
        "day": ["1970-01-01", "1970-01-02", ""],
        "time": ["1970-01-01T00:00:00", "1970-01-01T00:00:00.001000", ""],
        "money": ["1.50", "2.00", ""], "nested": ["[1]", "[2]", ""], "word": ["a", "", "b"],
        "nothing": ["", "", ""], "code": ["x", "", "y"],
    }  # fmt: skip
    assert table.texts == {"word"}


def test_text_that_looks_like_numbers_stays_text():
    codes = ["1", "2", "3"] * 40
    table = parquet(code=codes, y=codes, **{"a.b": codes})
    assert table.texts == {"code", "y", "a.b"}
    assert read_column("code", table.cells["code"], table.lines, "", True).kind == "text"
    assert read_target(table, "y").classes == ("1", "2", "3")
    assert read_target(table, "y", "regression").values[:3].tolist() == [1, 2, 3]


def test_levels_of_parquet_are_its_texts_even_more_than_their_index_counts():
    values = pa.array([str(k) for k in range(128)])
    table = parquet(a=pa.DictionaryArray.from_arrays(pa.array([127, None, 3], pa.int8()), values))
    assert cells(table) == {"a": ["127", "", "3"]}
    assert table.texts == {"a"}


def test_the_unnamed_index_of_a_frame_is_no_column():
    pd.DataFrame({"a": [1, 2]}, index=[5, 9]).to_parquet("t.parquet")
    assert table_of("t.parquet").names == ["a"]


@pytest.mark.parametrize("kind", [pd.DataFrame, polars.DataFrame, pa.table])
def test_frames_of_all_kinds_are_the_same_table(kind):
    table = table_of(kind({"a": [1.5, None], "b": ["x", "7"]}))
    assert cells(table) == {"a": ["1.5", ""], "b": ["x", "7"]}
    assert table.texts == {"b"}


def test_numbers_that_are_objects_are_numbers():
    frame = pd.DataFrame(
        {"a": [1, 2.5, None], "b": ["1", "2", "3"], "c": [1, "2", 3]}, dtype=object
    )
    assert table_of(frame).texts == {"b", "c"}


BAD = {
    "no Parquet": (b"PAR1" + bytes(50), "'t' is no readable Parquet file: "),
    "half a gzip": (gzip.compress(b"a,b\n1,2\n")[:-4], "'t' cannot be unpacked: "),
    "a damaged gzip": (gzip.compress(b"a,b\n1,2\n")[:-8] + bytes(8), "'t' cannot be unpacked: "),
    "an empty gzip": (gzip.compress(b""), "'t' is empty"),
    "bzip2": (b"BZh9", "'t' is compressed by bzip2: unpack it first, or use gzip"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_damaged_file_is_refused(case):
    content, expected = BAD[case]
    Path("t").write_bytes(content)
    with pytest.raises(TableError) as caught:
        table_of("t")
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_two_columns_of_one_name_are_refused():
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), "t.parquet")
    with pytest.raises(TableError, match="two columns have the name 'a'"):
        table_of("t.parquet")
