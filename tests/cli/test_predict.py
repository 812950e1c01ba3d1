"""``chainrule predict``: from a model and another table to answers on standard output."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule.cli.main import run
from chainrule.tables.fitting import fit_table
from chainrule.tables.options import Options

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
HEADER, *ROWS = PENGUINS.read_text().splitlines()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Runs on the penguins: of species, body mass, and an ensemble on sex."""
    place = tmp_path_factory.mktemp("models")
    for target, networks in (("species", 1), ("body_mass_g", 1), ("sex", 3)):
        options = Options(epochs=10, hidden=(8,), ensemble=networks)
        fit_table(str(PENGUINS), target, options, out=place / target)
    return place


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("new.csv").write_text("\n".join([HEADER, *ROWS[::50]]) + "\n")
    return tmp_path


def predict(model, *arguments, file="new.csv"):
    return run(["predict", str(model), file, *arguments])


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_classes_come_with_their_probabilities(models, capsys):
    assert predict(models / "species") == 0
    out, err = capsys.readouterr()
    assert err == ""
    rows = rows_of(out)
    names = ["Adelie", "Chinstrap", "Gentoo"]
    assert list(rows[0]) == ["prediction", *(f"probability_{name}" for name in names)]
    model = chainrule.load_model(models / "species")
    expected = model.predict("new.csv")
    assert [row["prediction"] for row in rows] == expected.values.tolist()
    found = [[float(row[f"probability_{name}"]) for name in names] for row in rows]
    np.testing.assert_array_equal(found, expected.probabilities)


def test_numbers_are_in_the_unit_of_the_target(models, capsys):
    assert predict(models / "body_mass_g" / "model.chainrule") == 0
    rows = rows_of(capsys.readouterr().out)
    assert list(rows[0]) == ["prediction"]
    assert all(2500 < float(row["prediction"]) < 6500 for row in rows)


def test_an_ensemble_says_how_far_its_networks_are_apart(models, capsys):
    assert predict(models / "sex") == 0
    rows = rows_of(capsys.readouterr().out)
    assert list(rows[0]) == ["prediction", "probability_female", "probability_male", "spread"]
    assert all(0 < float(row["spread"]) < 0.5 for row in rows)


def test_the_order_of_the_columns_does_not_matter(models, capsys):
    assert predict(models / "species") == 0
    straight = capsys.readouterr().out
    cells = [line.split(",")[::-1] for line in Path("new.csv").read_text().splitlines()]
    Path("new.csv").write_text("\n".join(map(";".join, cells)))
    assert predict(models / "species") == 0
    assert capsys.readouterr().out == straight


def test_columns_of_the_table_can_stand_in_front(models, capsys):
    lines = Path("new.csv").read_text().splitlines()
    lines = [f"{'name' if not k else f'bird {k}'},{line}" for k, line in enumerate(lines)]
    Path("new.csv").write_text("\n".join(lines))
    assert predict(models / "species", "--keep", "name", "--keep", "island", "--quiet") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0].startswith("name,island,prediction,probability_Adelie")
    assert out.splitlines()[1].startswith("bird 1,Torgersen,Adelie,")


def test_what_is_unusual_is_told_on_standard_error(models, capsys):
    Path("new.csv").write_text(f"extra,{HEADER}\n1,{ROWS[0].replace('Torgersen', 'Mars')}\n")
    assert predict(models / "species") == 0
    out, err = capsys.readouterr()
    assert len(rows_of(out)) == 1
    assert err.splitlines() == [
        "note: 1 column that the model does not know: 'extra'; passed over",
        "note: column 'island': 1 row with levels that no training row had: 'Mars'",
    ]


def test_json_holds_the_same_and_the_notes(models, capsys):
    assert predict(models / "sex") == 0
    rows = rows_of(capsys.readouterr().out)
    assert predict(models / "sex", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["notes"] == []
    assert [row["prediction"] for row in found["rows"]] == [row["prediction"] for row in rows]
    assert found["rows"][0]["spread"] == float(rows[0]["spread"])


def test_a_file_is_written_whole(models, capsys):
    assert predict(models / "species", "--out", "p.csv") == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{len(ROWS[::50])} predictions in p.csv\n")
    assert predict(models / "species") == 0
    assert Path("p.csv").read_text() == capsys.readouterr().out
    assert sorted(os.listdir()) == ["new.csv", "p.csv"]


def test_a_failed_write_leaves_the_old_file(models, capsys, monkeypatch):
    Path("p.csv").write_text("old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    assert predict(models / "species", "--out", "p.csv") == 2
    assert "'p.csv' cannot be written: No space left on device" in capsys.readouterr().err
    assert Path("p.csv").read_text() == "old"
    assert sorted(os.listdir()) == ["new.csv", "p.csv"]


def test_standard_input_is_a_table(models, capsys, monkeypatch):
    assert predict(models / "species") == 0
    straight = capsys.readouterr().out
    with open("new.csv") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert predict(models / "species", file="-") == 0
    assert capsys.readouterr().out == straight
