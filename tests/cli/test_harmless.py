"""What a cell holds does nothing, wherever it comes out: terminal, CSV or JSON."""

import csv
import io
import json
import sys
import unicodedata
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule.cli.complaints import as_json
from chainrule.cli.main import run
from chainrule.tables.answers import harmless
from chainrule.tables.configuration import read_configuration

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


TARGET = "y\x1b[31m\x9b31m\u202etxt\u2066\u2028"


def steering(text):
    """The characters of a text that control, end a line or turn the direction of writing."""
    turns = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    return {
        c for c in text
        if unicodedata.category(c) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(c) in turns
    }  # fmt: skip


def test_the_files_of_a_run_hold_no_character_that_steers(capsys):
    frame = pd.read_parquet("t.parquet").rename(columns={"y": TARGET})
    frame.to_parquet("t.parquet")
    assert run(["fit", "t.parquet", "--target", TARGET, "--epochs", "1", "--out", "m"]) == 0
    printed(capsys)
    for name in ("config.json", "evaluation.json", "fit.toml", "metrics.csv", "report.html"):
        text = Path("m", name).read_text(encoding="utf-8")
        assert steering(text) <= {"\n"}, name
    with zipfile.ZipFile("m/model.chainrule") as archive:
        text = archive.read("model.json").decode()
    assert steering(text) <= {"\n"}
    config = json.loads(Path("m/config.json").read_text(encoding="utf-8"))
    assert config["target"]["column"] == TARGET
    assert set(config["target"]["classes"]) == set(NASTY)
    assert run(["fit", "--config", "m/fit.toml", "--epochs", "2", "--out", "n", "--quiet"]) == 0
    assert read_configuration("n/fit.toml")["target"] == TARGET


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_notes_of_hostile_levels_and_names_are_harmless(how, capsys):
    short = NASTY[:-1]
    frame = pd.DataFrame({"y": range(len(short) * 20)})
    frame["f\x1b[31m\u202e"] = [short[k % len(short)] for k in frame["y"]]
    frame.to_parquet("t.parquet")
    fit = ["fit", "t.parquet", "--target", "y", "--task", "regression", "--epochs", "1"]
    assert run([*fit, "--out", "m", "--quiet"]) == 0
    frame["f\x1b[31m\u202e"] = [f"{word}{word}" for word in frame["f\x1b[31m\u202e"]]
    for word in NASTY:
        frame[word] = 1
    frame.to_parquet("new.parquet")
    capsys.readouterr()
    assert run(["predict", "m", "new.parquet", *how]) == 0
    out, err = capsys.readouterr()
    for stream in (out, err):
        assert stream.replace("\n", "").isprintable()
    unknown, levels = err.splitlines()
    assert unknown.startswith("note: 11 columns that the model does not know: ")
    assert "levels that no training row had: " in levels
    assert len(err) < 2000


@pytest.mark.parametrize("without_torch", [False, True])
@pytest.mark.parametrize("how", [["--format", "onnx"], ["--format", "torch"]])
def test_an_export_of_hostile_names_shows_them_harmless(how, without_torch, capsys, monkeypatch):
    if without_torch:
        monkeypatch.setitem(sys.modules, "torch", None)
    frame = pd.DataFrame({"y": [NASTY[k % len(NASTY[:-1])] for k in range(200)]})
    for number, word in enumerate(NASTY[:-1]):
        frame[word] = np.arange(200) % (number + 3)
    frame.to_parquet("t.parquet")
    assert run(["fit", "t.parquet", "--target", "y", "--epochs", "1", "--out", "m", "--quiet"]) == 0
    printed(capsys)
    place = "out\x1b[31m\x9b31m\u202e"
    assert run(["export", "m", *how, "--table", "t.parquet", "--out", place]) == 0
    out = printed(capsys)
    alone = how[1] == "torch" and (without_torch or find_spec("torch") is None)
    assert ("PyTorch is not installed" if alone else "compared  on 200 rows") in out
    assert Path(place).exists()
    assert run(["export", "m", *how, "--out", f"nowhere{place}/{place}"]) == 2
    assert printed(capsys) == ""
    assert run(["export", f"no{place}", *how]) == 2
    assert printed(capsys) == ""


def test_predictions_are_harmless_in_csv_and_json(capsys):
    assert run(["fit", "t.parquet", "--target", "y", "--epochs", "1", "--out", "m", "--quiet"]) == 0
    printed(capsys)
    assert run(["predict", "m", "t.parquet", "--keep", "=kept"]) == 0
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
    assert run(["predict", "m", "t.parquet", "--keep", "=kept", "--json"]) == 0
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
