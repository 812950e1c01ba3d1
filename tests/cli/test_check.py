"""The command ``chainrule check``."""

import json
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.neural_network import MLPClassifier

import chainrule as cr
from chainrule.cli.main import run
from chainrule.glass.checks import gradcheck

EXAMPLES = Path(__file__).parents[2] / "examples"
WALKTHROUGH = str(EXAMPLES / "problems" / "lecture-walkthrough.toml")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def wrong(monkeypatch):
    """The gradient of the first layer is wrong by a twentieth of a percent."""
    original = gradcheck.trace

    def trace(*arguments, **options):
        found = original(*arguments, **options)
        found.set("dense1.dW", found["dense1.dW"] * 1.0005)
        return found

    monkeypatch.setattr(gradcheck, "trace", trace)


def network(loss="mse", **options):
    net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(2)], loss, inputs=2, **options)
    cr.save(net, "net.safetensors")
    return net


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A run on the penguins, with two networks."""
    folder = tmp_path_factory.mktemp("runs") / "penguins"
    chosen = ["--target", "species", "--epochs", "2", "--hidden", "4", "--ensemble", "2"]
    table = str(EXAMPLES / "penguins.csv")
    assert run(["fit", table, *chosen, "--out", str(folder), "--quiet"]) == 0
    return str(folder)


def checked(capsys, *arguments, code=0):
    assert run(["check", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "path", sorted((EXAMPLES / "problems").glob("*.toml")), ids=lambda p: p.stem
)
def test_every_example_is_right(path, capsys, jax):
    found = checked(capsys, str(path))
    assert found["ok"]
    assert found["claims"] is None
    (one,) = found["networks"]
    assert all(p["differences"] < 1e-6 and p["jax"] < 1e-9 for p in one["parameters"].values())


def test_a_problem_as_a_table_with_a_verdict(capsys, jax):
    assert run(["check", WALKTHROUGH]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A 2-2-2-1 network, one step by hand"
    assert lines[2].split() == ["parameter", "elements", "differences", "JAX", "at", "kinks"]
    assert [line.split()[0] for line in lines[3:9]] == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert lines[-1] == "right: all 15 elements agree with central differences and JAX"


def test_a_wrong_gradient_fails(capsys, wrong):
    assert run(["check", WALKTHROUGH]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "WRONG: W1 of 6 parameters"
    network()
    found = checked(capsys, "net.safetensors", code=1)
    assert not found["ok"]
    assert [n for n, p in found["networks"][0]["parameters"].items() if not p["ok"]] == ["W1"]


def claimed(claims):
    Path("mine.toml").write_text(Path(WALKTHROUGH).read_text() + "\n[claims]\n" + claims)
    return "mine.toml"


def test_claims_are_examined(capsys):
    assert run(["check", claimed('"dW3[0,0]" = -0.112\nloss = 0.203\n')]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "All 2 numbers are right."
    assert run(["check", claimed('"dW3[0,0]" = 0.1122\ndelta3 = -0.184\n')]) == 1
    said = capsys.readouterr().out
    assert "right: all 15 elements" in said
    assert "One known mistake explains it:\nsign of the gradient in layer 3" in said
    found = checked(capsys, claimed("loss = 0.0883"), code=1)
    assert found["claims"]["explanations"][0]["mistake"] == "logarithm to base 10 in the loss"
    assert found["networks"][0]["ok"]


def test_a_network_on_random_data_that_are_told(capsys):
    network("huber(0.5)")
    assert run(["check", "net.safetensors", "--rows", "5", "--seed", "7"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("random data: 5 rows of seed 7\n")
    assert "right: all 17 elements" in said


def test_endings_count_in_any_case(capsys):
    network()
    Path("net.safetensors").rename("NET.SafeTensors")
    Path("A.TOML").write_text(Path(WALKTHROUGH).read_text())
    for name in ("NET.SafeTensors", "A.TOML"):
        assert checked(capsys, name)["ok"]


def test_a_network_of_scikit_learn(capsys):
    fitted = MLPClassifier((3,), "tanh", solver="lbfgs", random_state=1).fit(np.eye(2), [0, 1])
    skops.io.dump(fitted, "mlp.skops")
    found = checked(capsys, "mlp.skops", "--rows", "4")
    assert found["ok"]
    assert found["about"] == "random data: 4 rows of seed 0"


def test_a_network_on_a_table_of_numbers(capsys):
    network()
    rows = ["a,b,y,z", "1,2,0.5,1.5", "-1,0.25,2,3", "0,1,1e-3,2"]
    Path("t.csv").write_text("\n".join(rows) + "\n")
    assert checked(capsys, "net.safetensors", "--data", "t.csv")["about"] == "3 rows of t.csv"
    assert checked(capsys, "net.safetensors", "t.csv", "--rows", "2")["about"] == "2 rows of t.csv"


def test_a_network_on_a_table_with_classes(capsys):
    net = cr.Network([cr.Dense(3, "softmax")], "cross_entropy", inputs=1)
    cr.save(net, "net.safetensors")
    Path("t.csv").write_text("a,y\n1,0\n2,2\n3,1\n")
    assert checked(capsys, "net.safetensors", "--data", "t.csv")["ok"]


def test_a_model_on_rows_of_its_table(model, capsys):
    assert run(["check", model, str(EXAMPLES / "penguins.csv"), "--rows", "9"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"9 rows of {EXAMPLES / 'penguins.csv'}\n")
    assert said.count("right: all") == 2
    assert "network 2\n" in said


def test_a_model_of_numbers_is_checked_in_the_unit_that_it_learnt(capsys, monkeypatch):
    lines = ["a,y", *(f"{k},{1000 + k * k / 7}" for k in range(40))]
    Path("t.csv").write_text("\n".join(lines) + "\n")
    model = cr.table_model("t.csv", "y", epochs=2, hidden=(3,))
    cr.save_model(model, "m.chainrule")
    from chainrule.tables.checking import rows_for_model

    X, y = rows_for_model(model, "t.csv", 100)
    assert X.shape == (40, 1)
    assert abs(y).max() < 3
    assert checked(capsys, "m.chainrule", "t.csv")["ok"]


REFUSED = {
    "nothing": ([], "missing argument 'MODEL_OR_PROBLEM'"),
    "no problem": (["no.toml"], "'no.toml' cannot be read: No such file"),
    "a directory": (["folder.toml"], "there is no file 'folder.toml/model.chainrule'"),
    "bad problem": (["bad.toml"], "'bad.toml', line 1: a problem has no 'a'; it can have"),
    "problem and table": ([WALKTHROUGH, "t.csv"], "a problem has its own data: give no table"),
    "problem and rows": ([WALKTHROUGH, "--rows", "3"], "a problem has its own data, all of"),
    "problem and seed": ([WALKTHROUGH, "--seed", "0"], "is used: give no --seed"),
    "no network": (["no.safetensors"], "there is no file 'no.safetensors'"),
    "bad network": (["bad.safetensors"], "is not a network file"),
    "no loss": (["loss.safetensors"], "the network has no loss, so there is nothing to diff"),
    "no model": (["no.chainrule"], "there is no file 'no.chainrule'"),
    "no table": (["MODEL"], "is a table's model: give a table to check it on"),
    "table twice": (["net.safetensors", "t.csv", "--data", "t.csv"], "give the table once, as FIL"),
    "columns": (["net.safetensors", "t.csv"], "'t.csv' has 2 columns, and the network needs 2 of"),
    "cells": (["net.safetensors", "cells.csv"], "column 'c', line 3: 'x' is not a number"),
    "missing cells": (["net.safetensors", "gaps.csv"], "column 'b', line 2: '' is not a number"),
    "wrong table": (["MODEL", "t.csv"], "there is no column 'species'"),
    "rows": ([WALKTHROUGH, "--rows", "0"], "invalid value for '--rows'"),
    "seed": ([WALKTHROUGH, "--seed", "-1"], "invalid value for '--seed'"),
    "overflow": (["big.safetensors"], "the loss is not finite for these data"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_get_one_line(case, model, capsys):
    network()
    cr.save(cr.Network([cr.Dense(1)], inputs=2), "loss.safetensors")
    big = cr.Network([cr.Dense(1, "exponential")], "mse", inputs=1)
    big.parameters["b1"] = np.array([1e4])
    cr.save(big, "big.safetensors")
    Path("folder.toml").mkdir()
    Path("bad.toml").write_text("a = 1\n")
    Path("bad.safetensors").write_bytes(b"no network")
    Path("t.csv").write_text("a,b\n1,2\n3,4\n")
    Path("cells.csv").write_text("a,b,c,d\n1,2,3,4\n1,2,x,4\n")
    Path("gaps.csv").write_text("a,b,c,d\n1,,3,4\n1,2,3,4\n")
    arguments, words = REFUSED[case]
    assert run(["check", *(model if word == "MODEL" else word for word in arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_what_a_file_holds_does_not_steer_the_terminal(capsys):
    text = Path(WALKTHROUGH).read_text().replace("A 2-2-2-1", "\\u001b[31mA")
    Path("red.toml").write_text(text)
    assert run(["check", "red.toml"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_what_would_take_hours_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cr.save(cr.Network([cr.Dense(500), cr.Dense(1)], "mse", inputs=500), "large.safetensors")
    assert run(["check", "large.safetensors"]) == 2
    assert "the network has 251001 parameters" in capsys.readouterr().err
