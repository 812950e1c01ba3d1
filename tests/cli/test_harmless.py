"""What a cell holds does nothing, wherever it comes out: terminal, CSV or JSON."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest

from chainrule.cli.complaints import as_json
from chainrule.cli.main import run
from chainrule.tables.answers import harmless

NASTY = [
    "=cmd|' /C calc'!A0", "+SUM(A1)", "@echo", "-2+3", "\x1b[31mred\x1b]0;title\x07", "[red]yes[/]",
    "<script>alert(1)</script>", "\x9b31m", "\u202etxt.exe", "a\rb", "=" * 1_000_000,
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"x": range(len(NASTY) * 20)})
    frame["=kept"] = frame["y"] = [NASTY[k % len(NASTY)] for k in frame["x"]]
    frame.to_parquet("t.parquet")
    return tmp_path


def printed(capsys):
    out, err = capsys.readouterr()
    for stream in (out, err):
        assert stream.replace("\n", "").isprintable()
    return out


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_a_fit_shows_cells_as_they_are_and_short(how, capsys):
    assert run(["fit", "t.parquet", "--target", "y", "--epochs", "1", *how]) == 0
    out = printed(capsys)
    if how:
        assert set(json.loads(out)["evaluation"]["classes"]) == set(NASTY)
    else:
        assert len(out) < 20_000
        assert "[red]yes[/]" in out


def test_predictions_are_harmless_in_csv_and_json(capsys):
    assert run(["fit", "t.parquet", "--target", "y", "--epochs", "1", "--out", "m", "--quiet"]) == 0
    printed(capsys)
    assert run(["predict", "m", "t.parquet", "--keep", "=kept", "--quiet"]) == 0
    out = printed(capsys)
    csv.field_size_limit(2_000_000)
    try:
        header, *rows = csv.reader(io.StringIO(out))
    finally:
        csv.field_size_limit(131_072)
    assert header[0] == "'=kept"
    assert len(rows) == len(NASTY) * 20
    for row in rows:
        assert all(not cell.startswith(("=", "+", "@", "-", "\t", "\r")) for cell in row)
    assert rows[5][0] == "[red]yes[/]"
    assert run(["predict", "m", "t.parquet", "--keep", "=kept", "--json", "--quiet"]) == 0
    found = json.loads(printed(capsys))
    assert [row["=kept"] for row in found["rows"][: len(NASTY)]] == NASTY


def test_a_megabyte_in_a_cell_of_csv_is_refused_in_one_line(capsys):
    Path("t.csv").write_text(f"a,y\n{'=' * 1_000_000},1\n")
    assert run(["fit", "t.csv", "--target", "y"]) == 2
    assert len(capsys.readouterr().err) < 200


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1", "'=1"), ("+1", "+1"), ("+a", "'+a"), ("-1.5e3", "-1.5e3"), ("-1,5", "-1,5"),
        ("-1+1", "'-1+1"), ("@a", "'@a"), (" =a", "' =a"), ("\t1", "'\t1"), ("＝a", "'＝a"),
        ("a=b", "a=b"), ("", ""), ("-", "'-"), ("a\nb", "a\nb"), ("\ra", "'\\ra"),
        ("-2024-01-01", "'-2024-01-01"), ("a\u2028b", "a\\u2028b"), ("a\tb", "a\tb"),
    ],
)  # fmt: skip
def test_only_texts_that_could_be_formulas_are_marked(text, cell):
    assert harmless(text) == cell


@pytest.mark.parametrize("codes", [range(ord("]"), 0x3000), [0xD800, 0xDFFF, 0xFEFF]])
def test_csv_and_json_escape_the_same_characters(codes):
    texts = [f"a{chr(code)}" for code in codes]
    assert [harmless(text) == text for text in texts] == [as_json(t) == f'"{t}"' for t in texts]
