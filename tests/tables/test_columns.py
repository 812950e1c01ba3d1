"""How cells and columns are understood, each with its reason."""

import numpy as np
import pandas as pd
import pytest

from chainrule.tables import columns
from chainrule.tables.cells import date_like, numbers
from chainrule.tables.columns import Reading, read_column
from chainrule.tables.errors import TableError


def cells(*texts):
    return np.array(texts, dtype=object)


def column(name, texts, delimiter=","):
    return read_column(name, cells(*texts), np.arange(2, len(texts) + 2), delimiter)


@pytest.mark.parametrize(
    ("texts", "delimiter", "expected"),
    [
        (["1", "-2.5", "+3e2", ".5", "4."], ",", [1, -2.5, 300, 0.5, 4]),
        (["1,234", "5,678,901.5"], ",", [1234, 5678901.5]),
        (["984", "1,409"], ";", [984, 1409]),
        (["1,409", "2,5"], ";", [1.409, 2.5]),
        (["1,409", "0,984"], ";", [1.409, 0.984]),
        (["1,409", "2,500"], ";", [1.409, 2.5]),
        (["1.234,5", "1.234", "7"], ";", [1234.5, 1234, 7]),
        (["1.234.567", "770.880", "12"], ";", [1234567, 770880, 12]),
        (["3,14", "-2,5e3"], ",", [3.14, -2500]),
        (["1,5", "none", "2,25", "-"], ";", [1.5, np.nan, 2.25, np.nan]),
        (["1 234", "12"], ",", [1234, 12]),
        (["1\u00a0234", "1\u202f234"], ",", [1234, 1234]),
        (["1'234", "1'234.5"], ";", [1234, 1234.5]),
        (["1_234"], ",", [1234]),
    ],
)
def test_numbers_are_read_in_the_style_of_their_column(texts, delimiter, expected):
    read = numbers(cells(*texts), delimiter)
    np.testing.assert_array_equal(read.values, expected)
    assert not read.wrong.any()


@pytest.mark.parametrize(
    "texts", [["3,5", "3.5"], ["1,2,3"], ["12,345,6"], ["0x1A"], ["1 2"], ["True"], ["1e"]]
)
def test_what_no_style_explains_is_no_number(texts):
    assert numbers(cells(*texts), ",").wrong.any()


@pytest.mark.parametrize("text", ["", "NA", "na", "N/A", "#N/A", "NaN", "nan", "NULL", "?", "<NA>"])
def test_these_spellings_are_missing_in_every_column(text):
    assert column("a", ["1", "2", text]).missing == 1
    assert column("a", ["x", "y", "x", "y", text]).missing == 1


@pytest.mark.parametrize("text", ["none", "None", "-", "--", "."])
def test_these_are_missing_among_numbers_and_a_category_among_words(text):
    number = column("a", ["1", "2", text])
    assert (number.kind, number.missing) == ("number", 1)
    words = column("severity", ["mild", "severe", text] * 4)
    assert (words.kind, words.detail, words.missing) == ("text", "3 categories", 0)


@pytest.mark.parametrize(
    ("name", "texts", "kind", "detail"),
    [
        ("a", ["1", "2.5", "NA"], "number", "from 1 to 2.5"),
        ("a", ["3,5", "2,25", ""], "number", "from 2.25 to 3.5, written with a decimal comma"),
        ("a", ["red", "blue", "red", "blue"], "text", "2 categories"),
        ("a", ["yes", "", "yes"], "boolean", "yes"),
        ("a", ["", "NA", "?"], "dropped", "no values"),
        ("a", ["-", "-", "none"], "text", "2 categories"),
        ("a", ["7", "7", "7"], "dropped", "constant: always '7'"),
        ("a", ["x", "x"], "dropped", "constant: always 'x'"),
        ("a", ["Ann", "Bob", "Cid"], "dropped", "every cell differs"),
        ("a", ["Ann", "Bob", "", "Cid"], "dropped", "every cell differs"),
        ("PassengerId", ["4", "5", "9"], "dropped", "an identifier: every row has a number"),
        ("column 1", ["1", "2", "3"], "dropped", "an identifier: every row has a number"),
        ("x", ["1", "2", "3"], "number", "from 1 to 3"),
        ("id", ["1", "2", "2"], "number", "from 1 to 2"),
        ("acid", ["1", "2", "3"], "number", "from 1 to 3"),
        ("day", ["2024-01-31", "2024-02-01"] * 6, "date", "from 2024-01-31 to 2024-02-01"),
        ("day", ["31.01.2024", "1.2.2024"], "date", "from 2024-01-31 to 2024-02-01, writ"),
        ("day", ["31.01.2024", "2024-02-31"], "dropped", "dates, taken as text: every cell"),
        ("on", ["TRUE", "FALSE", "TRUE"], "boolean", "true or false"),
    ],
)  # fmt: skip
def test_a_column_is_what_its_cells_say(name, texts, kind, detail):
    read = column(name, texts)
    assert read.kind == kind
    assert read.detail.startswith(detail)


def test_nearly_unique_text_is_no_feature():
    texts = [f"t{k}" for k in range(60)] + ["t0"] * 40
    assert column("a", texts).detail == "60 different values in 100 cells"
    assert column("a", texts + ["t0"] * 40).kind == "text"


def test_a_few_words_among_many_numbers_are_taken_as_missing_and_said():
    read = column("a", [str(k) for k in range(50)] + ["unknown", "NA"])
    assert (read.kind, read.missing) == ("number", 2)
    assert read.detail == "from 0 to 49; 1 cell such as 'unknown' taken as missing"
    codes = column("a", ["401", "402", "403"] * 20 + ["V27"])
    assert (codes.kind, codes.detail) == ("text", "4 categories")


def test_dates_are_told_from_what_looks_like_them():
    assert date_like(cells("2024-01-31 10:15", "2024/2/1", "1/2/24"))
    assert not date_like(cells("1-2", "2024", "10:15"))
    assert not date_like(cells())


def test_a_column_known_to_be_text_is_not_read_as_numbers(monkeypatch):
    monkeypatch.setattr(columns, "numbers", None)
    read = read_column("a", cells("1", "2", "1", "2"), np.arange(2, 6), as_text=True)
    assert (read.kind, read.detail) == ("text", "2 categories")


@pytest.mark.parametrize("strange", ["2024-02-30", "soon", "1.2.2024"])
def test_a_wrong_date_among_later_ones_is_named_after_one_reading(strange, monkeypatch):
    read = []
    to_datetime = pd.to_datetime
    monkeypatch.setattr(pd, "to_datetime", lambda *a, **k: read.append(1) or to_datetime(*a, **k))
    later = cells(*["2024-01-31"] * 20, "", strange, strange)
    with pytest.raises(TableError, match=f"column 'day', line 23: '{strange}' is not a date"):
        Reading("day", "date", "ISO8601").values(later, np.arange(2, 25))
    assert len(read) == 1
