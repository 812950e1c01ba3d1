"""Odd but valid files are read as they are meant."""

import os
import threading

import pytest

from chainrule.tables.errors import TableError
from chainrule.tables.reading import read_table

ROWS = [["x", "1"], ["y", "2"]]


@pytest.fixture
def read(tmp_path):
    def read_content(content):
        file = tmp_path / "t.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        table = read_table(file)
        rows = [list(row) for row in zip(*table.cells.values(), strict=True)]
        return table, rows

    return read_content


@pytest.mark.parametrize(
    "content",
    [
        "a,b\nx,1\ny,2\n",
        "a;b\nx;1\ny;2\n",
        "a\tb\nx\t1\ny\t2\n",
        "a|b\nx|1\ny|2\n",
        "a,b\r\nx,1\r\ny,2\r\n",
        "a,b\rx,1\ry,2\r",
        "a,b\nx,1\ny,2",
        "\ufeffa,b\nx,1\ny,2\n",
        '"a","b"\n"x","1"\n"y","2"\n',
        'a, b\nx, 1\n "y", 2 \n',
        "\n\na,b\n\nx,1\n  \ny,2\n\n",
    ],
)
def test_the_same_table_in_another_dress_is_the_same(read, content):
    table, rows = read(content)
    assert table.names == ["a", "b"]
    assert rows == ROWS


def test_quoted_cells_hold_anything_and_lines_are_counted(read):
    table, rows = read('a,"b ""c"""\n"one\ntwo",1\n"x,y;z|\t",2\n,3\n')
    assert table.names == ["a", 'b "c"']
    assert rows == [["one\ntwo", "1"], ["x,y;z|", "2"], ["", "3"]]
    assert table.lines.tolist() == [2, 4, 5]


def test_names_may_have_spaces_and_any_letters(read):
    table, rows = read(" größe (cm) ,Имя\n1,Юля\n")
    assert table.names == ["größe (cm)", "Имя"]
    assert rows == [["1", "Юля"]]


def test_a_column_without_a_name_gets_its_number(read):
    assert read(",a,\n1,x,\n")[0].names == ["column 1", "a", "column 3"]


@pytest.mark.parametrize(
    "header", ["0,1,2,3,target", "2019,2020,2021", "a1,b2,3.5", "nan,inf,x", "9" * 5000 + ",x"]
)
def test_numbers_may_be_names(read, header):
    cells = ",".join("1" for _ in header.split(","))
    assert read(f"{header}\n{cells}\n")[0].names == header.split(",")


def test_the_delimiter_is_the_one_that_fits_the_rows(read):
    table, rows = read("size, cm;price\n1,5;2,5\n2,5;3,5\n")
    assert table.delimiter == ";"
    assert rows == [["1,5", "2,5"], ["2,5", "3,5"]]
    assert read("a,b;c\n1,2;3\n1,2\n")[0].delimiter == ","


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_can_be_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("a,b\nx,1\ny,2\n"))
    writer.start()
    assert read_table(pipe).rows == 2
    writer.join()


def test_more_rows_than_are_taken_together(read):
    table, rows = read("a,b\n" + "".join(f"{k},{-k}\n" for k in range(25_000)))
    assert table.rows == 25_000
    assert rows[24_999] == ["24999", "-24999"]


def test_a_bad_row_is_found_wherever_it_is(read):
    with pytest.raises(TableError, match="line 20001: 1 cell, and the header has 2"):
        read("a,b\n" + "1,2\n" * 19_999 + "1\n" + "1,2\n" * 9)
