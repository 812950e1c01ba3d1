"""``chainrule explain``: problems, rows, steps and networks; and what it refuses."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from tests.cli.test_bad_input import refused

import chainrule as cr
from chainrule.cli.main import run
from chainrule.tables.fitting import fit_table
from chainrule.tables.options import Options

PROBLEMS = Path(__file__).parents[2] / "examples" / "problems"
PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A recorded run, one that was not recorded, and a network."""
    place = tmp_path_factory.mktemp("runs")
    options = Options(hidden=(4,), epochs=3, batch_size=32, threads=1)
    fit_table(str(PENGUINS), "species", options, out=place / "recorded", record=True)
    fit_table(str(PENGUINS), "body_mass_g", options, out=place / "plain")
    return place


@pytest.fixture
def folder(runs, tmp_path, monkeypatch):
    shutil.copytree(runs, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    net = cr.Network([cr.Dense(2, "tanh"), cr.Dense(3, "softmax")], "cross_entropy", inputs=2)
    cr.save(net, "net.safetensors")
    fitted = MLPClassifier((3,), "tanh", solver="lbfgs", random_state=1).fit(XOR, [0, 1, 1, 0])
    skops.io.dump(fitted, "mlp.skops")
    skops.io.dump(StandardScaler().fit(XOR), "scaler.skops")
    shutil.copy(PROBLEMS / "lecture-walkthrough.toml", "problem.toml")
    return tmp_path


@pytest.mark.parametrize("problem", sorted(path.name for path in PROBLEMS.glob("*.toml")))
def test_every_example_is_explained_in_its_notation(problem, capsys):
    assert run(["explain", str(PROBLEMS / problem), "--derive"]) == 0
    out = capsys.readouterr().out
    assert f"The {cr.read_problem(PROBLEMS / problem).notation} notation." in out


def test_a_problem_in_another_notation_and_with_fewer_iterations(folder, capsys):
    assert run(["explain", "problem.toml", "--notation", "theta", "--iterations", "1"]) == 0
    out = capsys.readouterr().out
    assert "The theta notation." in out
    assert "iteration" not in out
    assert "−0.11224" in out


@pytest.mark.parametrize(
    ("options", "name", "begins"),
    [
        (["--format", "pdf"], "problem.pdf", b"%PDF"),
        (["--out", "a.html"], "a.html", b"<!DOCTYPE html>"),
        (["--out", "a.tex"], "a.tex", b"\\documentclass"),
        (["--out", "a.md"], "a.md", b"# "),
        (["--out", "a.out", "--format", "latex"], "a.out", b"\\documentclass"),
    ],
)
def test_the_forms_of_output(options, name, begins, folder, capsys):
    assert run(["explain", "problem.toml", *options]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"written to {name}\n")
    assert Path(name).read_bytes().startswith(begins)


def test_where_a_number_comes_from_and_what_it_changes(folder, capsys):
    arguments = ["--why", "dW1[0,1]", "--influence", "W1[0,0]", "--iterations", "1"]
    assert run(["explain", "problem.toml", *arguments]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "dW1[0,1] is ∂L/∂W^[1]₂₁ in the bracket notation\ndW1[0,1] = x[0,0] delta1[0,1] = −0.12328"
    )
    assert "changes in" in out


@pytest.mark.parametrize(
    ("options", "begins"), [(["--why", "dW1[0,1]"], "dW1[0,1] is ∂L"), (["--json"], '{"schema"')]
)
def test_an_answer_is_written_where_it_is_asked_for(options, begins, folder, capsys):
    arguments = ["problem.toml", "--iterations", "1", *options]
    assert run(["explain", *arguments]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(begins)
    assert run(["explain", *arguments, "--out", "answer.html"]) == 0
    assert capsys.readouterr() == ("", "written to answer.html\n")
    assert Path("answer.html").read_text() == printed


def test_a_pdf_without_a_name_of_its_own_takes_the_place_of_another_pdf_alone(folder, capsys):
    assert run(["explain", "problem.toml", "--format", "pdf"]) == 0
    assert run(["explain", "problem.toml", "--format", "pdf", "--notation", "theta"]) == 0
    capsys.readouterr()
    Path("problem.pdf").write_text("mine")
    line = refused(["explain", "problem.toml", "--format", "pdf"], folder, capsys)
    assert "'problem.pdf' is there already and is no PDF: say where by --out" in line
    assert Path("problem.pdf").read_text() == "mine"


def test_endings_count_in_any_case(folder, capsys):
    inputs = ["--inputs", "1, 0"]
    names = {"problem.toml": [], "net.safetensors": inputs, "mlp.skops": inputs}
    for name, options in names.items():
        stem, _, ending = name.partition(".")
        Path(name).rename(f"{stem}.{ending.upper()}")
        assert run(["explain", f"{stem}.{ending.upper()}", *options]) == 0


def test_json_is_the_documented_trace(folder, capsys):
    assert run(["explain", "problem.toml", "--json", "--iterations", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "chainrule.trace"
    assert document["values"]["dense3.a"]["numbers"] == [[0.816]]


# ------------------------------------------------------------------ runs


def test_a_row_of_the_runs_own_table(folder, capsys):
    assert run(["explain", "runs/recorded", "--row", "7"]) == 0
    out = capsys.readouterr().out
    assert "What the network makes of row 7 of" in out
    for part in ("Layer 0: from columns to inputs", "island: 'Torgersen'", "Backpropagation",
                 "Probabilities: Adelie", "The label is"):  # fmt: skip
        assert part in out


def test_a_row_of_another_table(folder, capsys):
    lines = PENGUINS.read_text().splitlines()
    Path("few.csv").write_text("\n".join([lines[0], lines[40]]) + "\n")
    assert run(["explain", "runs/plain/model.chainrule", "few.csv", "--row", "1"]) == 0
    assert "body_mass_g = output·deviation + mean" in capsys.readouterr().out


def test_a_step_of_the_training_is_the_one_that_ran(folder, capsys):
    assert run(["explain", "runs/recorded", "--step", "5", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["step"], document["dtype"]) == (5, "float32")
    assert run(["explain", "runs/recorded", "--step", "6", "--json"]) == 0
    after = json.loads(capsys.readouterr().out)
    for path in ("dense1.W", "dense2.b"):
        assert document["values"][f"{path}.new"]["numbers"] == after["values"][path]["numbers"]
    assert run(["explain", "runs/recorded", "--step", "5"]) == 0
    out = capsys.readouterr().out
    assert "in epoch 1" in out
    assert "Optimizer: adam" in out


def test_the_last_step_ends_with_the_model(folder, capsys):
    network = cr.load("runs/recorded/network.safetensors")
    from chainrule.tables.runs import recorded_run

    recorded = recorded_run("runs/recorded", cr.load_model("runs/recorded"))
    np.testing.assert_array_equal(recorded.network(recorded.last).vector, network.vector)


def test_a_row_as_the_network_was_before_a_step(folder, capsys):
    for step, same in (("1", True), ("20", False)):
        assert run(["explain", "runs/recorded", "--row", "7", "--step", step, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["rows"] == 1
        first = cr.Network([cr.Dense(4, "relu"), cr.Dense(3, "softmax")], "cross_entropy",
                           inputs=document["network"]["inputs"], seed=0)  # fmt: skip
        W = np.array(document["values"]["dense1.W"]["numbers"])
        assert np.array_equal(W, first.parameters["W1"]) == same


# ------------------------------------------------------------------ networks


def test_a_network_with_inputs_a_target_and_a_rate(folder, capsys):
    arguments = ["--inputs", "0.5, -1", "--target", "2", "--rate", "0.1", "--form", "scalar"]
    assert run(["explain", "net.safetensors", *arguments]) == 0
    out = capsys.readouterr().out
    assert "α = 0.1" in out
    assert "W^[1]_(new,1,1)" in out


def test_a_network_of_scikit_learn(folder, capsys):
    arguments = ["--inputs", "1, 0", "--target", "1", "--notation", "theta"]
    assert run(["explain", "mlp.skops", *arguments]) == 0
    assert "2 inputs → 3 tanh → 1 logistic" in capsys.readouterr().out


def test_a_fitted_one_can_be_given_as_it_is():
    fitted = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", random_state=1, max_iter=20).fit(
        XOR, [0, 1, 1, 0]
    )
    w = cr.walkthrough(fitted, XOR[1], [1.0])
    assert w.traces[0]["a2"].item() == pytest.approx(fitted.predict(XOR[1:2])[0], rel=1e-12)


# ------------------------------------------------------------------ what is refused

# fmt: off
REFUSED = {
    "nothing": ([], "missing argument 'MODEL_OR_PROBLEM'"),
    "no file": (["nowhere"], "there is no file 'nowhere'"),
    "no problem": (["bad.toml"], "'bad.toml'"),
    "no run": (["empty", "--row", "1"], "there is no file 'empty/model.chainrule'"),
    "no row": (["runs/plain"], "say which --row of the table, or which --step of the training"),
    "row 0": (["runs/plain", "--row", "0"], "row must be from 1 to 344"),
    "row too far": (["runs/plain", "--row", "345"], "row must be from 1 to 344"),
    "another table": (["runs/plain", "t.csv", "--row", "1"], "the table has no column"),
    "a model alone": (["runs/plain/model.chainrule", "--row", "1"], "is no run's directory: give"),
    "not recorded": (["runs/plain", "--step", "1"], "holds no recording: fit with --record"),
    "step 0": (["runs/recorded", "--step", "0"], "step must be from 1 to"),
    "step too far": (["runs/recorded", "--step", "999"], "step must be from 1 to"),
    "table of a step": (["runs/recorded", "t.csv", "--step", "1"], "give no other"),
    "row of a problem": (["problem.toml", "--row", "1"], "--row is not for a problem"),
    "inputs of a problem": (["problem.toml", "--inputs", "1"], "--inputs is not for a problem"),
    "table of a problem": (["problem.toml", "t.csv"], "a problem takes no table beside it"),
    "iterations of a model": (["runs/plain", "--row", "1", "--iterations", "2"], "--iterations is"),
    "no inputs": (["net.safetensors"], "say the --inputs of the network"),
    "words": (["net.safetensors", "--inputs", "a, b"], "--inputs must be numbers such as"),
    "too few": (["net.safetensors", "--inputs", "1"], "x has 1 features, and the network takes 2"),
    "class": (["net.safetensors", "--inputs", "1,2", "--target", "7"], "classes are 0 to 2"),
    "rate": (["net.safetensors", "--inputs", "1,2", "--target", "1", "--rate", "0"], "positive"),
    "rate alone": (["net.safetensors", "--inputs", "1,2", "--rate", "1"], "an update needs y"),
    "no network": (["odd.safetensors", "--inputs", "1"], "odd.safetensors is not a network file"),
    "no MLP": (["scaler.skops", "--inputs", "1"], "StandardScaler"),
    "notation": (["problem.toml", "--notation", "roman"], "notation must be one of"),
    "form": (["problem.toml", "--form", "x"], "form must be one of matrix, scalar, both"),
    "format": (["problem.toml", "--format", "docx"], "unknown format 'docx'; there are text"),
    "ending": (["problem.toml", "--out", "a.docx"], "'a.docx' ends in none of .txt, .md"),
    "iterations": (["problem.toml", "--iterations", "0"], "iterations must be"),
    "decimals": (["problem.toml", "--decimals", "-1"], "decimals must be"),
    "form of a step": (["runs/recorded", "--step", "2", "--form", "foo"], "form must be one of"),
    "decimals of a step": (["runs/recorded", "--step", "2", "--decimals", "-3"], "decimals must"),
    "largest of a step": (["runs/recorded", "--step", "2", "--largest", "0"], "largest must be a"),
    "notation of a step": (["runs/recorded", "--step", "2", "--notation", "x"], "notation must be"),
    "network of a step": (["runs/recorded", "--step", "2", "--network", "2"], "of a single netw"),
    "network of a problem": (["problem.toml", "--network", "1"], "--network is not for a problem"),
    "iterations of a network": (
        ["net.safetensors", "--inputs", "1,2", "--iterations", "0"], "iterations must be a whole"
    ),
    "two answers": (["problem.toml", "--json", "--why", "loss"], "--json prints the whole step"),
    "format of an answer": (
        ["problem.toml", "--why", "loss", "--format", "html"], "--format is for a worked solution"
    ),
    "style of an answer": (["problem.toml", "--json", "--derive"], "--derive is for a worked solu"),
    "no skops": (["odd.skops", "--inputs", "1"], "'odd.skops' is no file of skops, or damaged"),
    "no such number": (["problem.toml", "--why", "dW1[9,9]"], "there is no dW1[9,9]"),
    "no such value": (["problem.toml", "--why", "dW9[0,0]"], "the trace holds no 'dW9'"),
    "influence": (["problem.toml", "--influence", "z1[0,0]"], "asked of a parameter or an input"),
    "onto itself": (["problem.toml", "--out", "problem.toml", "--format", "text"], "is read"),
    "into nowhere": (["problem.toml", "--out", "no/a.md"], "'no/a.md' cannot be written"),
}
# fmt: on


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_explained_gets_one_line(case, folder, capsys):
    arguments, expected = REFUSED[case]
    Path("bad.toml").write_text("loss = [\n")
    Path("odd.safetensors").write_bytes(b"odd")
    Path("odd.skops").write_bytes(b"odd")
    Path("t.csv").write_text("a,b\n1,2\n")
    Path("empty").mkdir()
    assert expected in refused(["explain", *arguments], folder, capsys)


@pytest.mark.parametrize(
    ("arguments", "place"),
    [(["--row", "1"], "birds.csv"), (["--row", "1"], "birds/training.recording"),
     (["--step", "1"], "birds/training.recording")],
)  # fmt: skip
def test_what_a_run_is_read_from_is_not_written_onto(arguments, place, folder, capsys):
    Path("birds.csv").write_text(PENGUINS.read_text())
    options = Options(hidden=(4,), epochs=1, threads=1)
    fit_table("birds.csv", "species", options, out="birds", record=True)
    line = refused(
        ["explain", "birds", *arguments, "--out", place, "--format", "text"], folder, capsys
    )
    assert "is read: write somewhere else" in line


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_every_solver_of_scikit_learn_leaves_a_network(solver, folder, capsys):
    fitted = MLPClassifier((3,), solver=solver, max_iter=5, random_state=1)
    with warnings.catch_warnings(action="ignore"):
        skops.io.dump(fitted.fit(XOR, [0, 1, 1, 0]), "fitted.skops")
    assert run(["explain", "fitted.skops", "--inputs", "1, 0", "--target", "1"]) == 0


def test_another_table_in_the_old_ones_place_is_refused(folder, capsys):
    text = PENGUINS.read_text()
    Path("birds.csv").write_text(text)
    options = Options(hidden=(4,), epochs=1, threads=1)
    fit_table("birds.csv", "species", options, out="birds", record=True)
    Path("birds.csv").write_text(text.replace("Torgersen", "Biscoe"))
    line = refused(["explain", "birds", "--step", "1"], folder, capsys)
    assert "birds.csv' and the recording do not belong together: X is not that of" in line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--ensemble", "2"], "a recording is of a single network, and ensemble is 2"),
        (["--checkpoint-every", "1"], "a fit is recorded or writes checkpoints, not both"),
    ],
)
def test_what_cannot_be_recorded_is_refused(options, expected, folder, capsys):
    arguments = ["fit", str(PENGUINS), "--target", "species", "--record", *options]
    assert expected in refused(arguments, folder, capsys)
