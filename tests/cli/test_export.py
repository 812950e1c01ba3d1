"""``chainrule export``: what it writes, says and refuses."""

import runpy

import numpy as np
import onnxruntime
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli.main import run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a table, a model of it in a run's directory, and a network."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=60), "kind": ["a", "b", "c"] * 20})
    frame["price"] = frame["size"] * 3 + (frame["kind"] == "b")
    frame.to_csv("table.csv", index=False)
    (tmp_path / "run").mkdir()
    cr.save_model(cr.table_model(frame, "price", epochs=2), "run/model.chainrule")
    cr.save(cr.Network([cr.Dense(2, "relu")], inputs=3), "net.safetensors")
    return tmp_path


def code_of(out):
    return "\n".join(line[4:] for line in out.splitlines() if line.startswith("    "))


def test_a_runs_model_becomes_one_file_beside_it(folder, capsys):
    assert run(["export", "run", "--table", "table.csv"]) == 0
    out = capsys.readouterr().out
    assert "run/model.onnx" in out
    assert "compared  on 60 rows; largest difference: " in out
    session = onnxruntime.InferenceSession("run/model.onnx")
    assert [one.name for one in session.get_inputs()] == ["size", "kind"]
    exec(code_of(out), {})
    assert "array(" in capsys.readouterr().out


def test_without_a_table_rows_are_made_up(folder, capsys):
    assert run(["export", "run/model.chainrule", "--format", "onnx", "--out", "m.onnx"]) == 0
    assert "on 64 rows that were made up" in capsys.readouterr().out
    assert (folder / "m.onnx").exists()


def test_a_network_becomes_a_file_too(folder, capsys):
    assert run(["export", "net.safetensors"]) == 0
    exec(code_of(capsys.readouterr().out), {})
    assert "array(" in capsys.readouterr().out
    assert (folder / "net.onnx").exists()


@pytest.mark.parametrize("model", ["run", "net.safetensors"])
def test_torch_gets_a_folder(model, folder, capsys):
    assert run(["export", model, "--format", "torch", "--out", "there"]) == 0
    out = capsys.readouterr().out
    assert {path.name for path in (folder / "there").iterdir()} == {
        "network.py", "network.safetensors",
    }  # fmt: skip
    pytest.importorskip("torch")
    assert "largest difference" in out
    runpy.run_path("there/network.py", run_name="__main__")
    assert "Linear(" in capsys.readouterr().out


REFUSED = {
    "no file": (["nowhere"], "there is no file 'nowhere'"),
    "no network": (["nowhere.safetensors"], "there is no file 'nowhere.safetensors'"),
    "no model": (["table.csv"], "'table.csv' is no readable model"),
    "no network in it": (["odd.safetensors"], "odd.safetensors is not a network file"),
    "empty directory": (["empty"], "there is no file 'empty/model.chainrule'"),
    "no such format": (["run", "--format", "pickle"], "'pickle'"),
    "no such table": (["run", "--table", "no.csv"], "there is no file 'no.csv'"),
    "another table": (["run", "--table", "other.csv"], "the table has no column 'kind'"),
    "a table for a network": (["net.safetensors", "--table", "table.csv"], "no columns"),
    "no such place": (["run", "--out", "no/model.onnx"], "no/model.onnx cannot be written"),
    "a directory": (["run", "--out", "empty"], "empty cannot be written"),
    "onto the model": (["run", "--out", "run/model.chainrule"], "is read: write somewhere else"),
    "onto its file": (["run/model.chainrule", "--out", "run/../run/model.chainrule"], "is read"),
    "onto the model by a link": (["run", "--out", "link/model.chainrule"], "is read"),
    "onto the table": (["run", "--table", "table.csv", "--out", "table.csv"], "is read"),
    "onto a network": (["net.safetensors", "--out", "net.safetensors"], "is read"),
    "onto itself by default": (["run/copy.onnx"], "'run/copy.onnx' is read"),
    "NUL": (["run", "--out", "a\0b"], "null byte"),
    "no such folder": (["run", "--format", "torch", "--out", "no/a"], "no/a cannot be written"),
    "a full folder": (["run", "--format", "torch", "--out", "run"], "not an empty directory"),
}  # fmt: skip


@pytest.mark.parametrize("arguments", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_written(arguments, folder, capsys):
    words, message = arguments
    (folder / "empty").mkdir()
    (folder / "odd.safetensors").write_bytes(b"odd")
    (folder / "other.csv").write_text("size\n1\n2\n")
    (folder / "link").symlink_to("run")
    (folder / "run" / "copy.onnx").write_bytes((folder / "run" / "model.chainrule").read_bytes())
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = {path: path.read_bytes() for path in files}
    before = sorted(folder.rglob("*"))
    assert run(["export", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    assert {path: path.read_bytes() for path in files} == contents


def test_without_the_extra_the_line_names_it(folder, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    assert run(["export", "run"]) == 2
    assert "pip install 'chainrule[onnx]'" in capsys.readouterr().err
