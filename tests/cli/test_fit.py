"""The command ``chainrule fit``, from the table to the run's directory."""

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule.cli.main import run
from chainrule.tables.fitting import fit_table
from chainrule.tables.options import Options
from chainrule.tables.reading import read_table

PENGUINS = str(Path(__file__).parents[2] / "examples" / "penguins.csv")
FILES = [
    "config.json", "evaluation.json", "fit.toml", "metrics.csv", "model.chainrule",
    "network.safetensors", "report.html",
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fit(*arguments):
    return run(["fit", PENGUINS, "--epochs", "15", "--target", *arguments])


def read(path):
    return json.loads(Path(path).read_text())


def test_species_of_penguins_are_told_apart(capsys):
    assert fit("species") == 0
    said = capsys.readouterr().out
    assert "multiclass: Adelie, Chinstrap, Gentoo" in said
    assert "275 to train on, 69 held out" in said
    for words in (
        "bill_length_mm",
        "from 32.1 to 59.6",
        "2 categories",
        "one-hot, 3 levels",
        "confusion matrix",
    ):
        assert words in said
    assert said.rstrip().endswith("runs/penguins-1")
    assert sorted(os.listdir("runs/penguins-1")) == FILES
    found = read("runs/penguins-1/evaluation.json")
    assert found["guess"]["value"] == "Adelie"
    assert found["figures"]["accuracy"] > 0.9 > 0.5 > found["guess"]["figures"]["accuracy"]
    assert np.sum(found["confusion_matrix"]) == found["rows"] == 69
    network = chainrule.load("runs/penguins-1/network.safetensors")
    assert network.inputs == 15  # 5 numbers, 4 with gaps, 3 islands, 2 sexes or unknown
    assert network.outputs == 3


def test_two_values_make_a_binary_task(capsys):
    assert fit("sex", "--out", "sexes") == 0
    assert "11 rows without a target dropped" in capsys.readouterr().out
    config = read("sexes/config.json")
    assert config["target"]["task"] == "binary"
    assert config["network"]["loss"] == "binary_cross_entropy"
    assert config["rows"] == {"without_target": 11, "training": 266, "held_out": 67}


def test_numbers_make_a_regression_in_their_own_unit(capsys):
    assert fit("body_mass_g") == 0
    assert "always the mean, 4,19" in capsys.readouterr().out
    found = read("runs/penguins-1/evaluation.json")
    assert 200 < found["figures"]["rmse"] < 500 < found["guess"]["figures"]["rmse"]
    assert found["figures"]["r2"] > 0.7


def test_json_is_all_that_stands_on_standard_output(capsys):
    assert fit("species", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["task"] == "multiclass"
    assert summary["epochs"] == 15
    assert Path(summary["model"]).is_file()
    assert summary["metric"] == "accuracy"
    assert summary["better_than_the_guess"]
    assert summary["evaluation"]["figures"]["accuracy"] > 0.9


def test_a_run_says_how_it_came_about():
    assert fit("species", "--hidden", "8,4", "--activation", "tanh", "--seed", "3") == 0
    config = read("runs/penguins-1/config.json")
    expected = Options(hidden=(8, 4), activation="tanh", epochs=15, seed=3)
    assert config["options"] == expected.to_dict()
    assert [layer["units"] for layer in config["network"]["layers"]] == [8, 4, 3]
    assert config["columns"][5] == {
        "column": "sex", "read_as": "text", "detail": "2 categories", "missing": 11,
        "treatment": "one-hot, 3 levels",
    }  # fmt: skip
    assert config["target"]["classes"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert config["versions"]["chainrule"] == chainrule.__version__


def test_the_metrics_are_those_of_each_epoch():
    assert fit("species") == 0
    with open("runs/penguins-1/metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 16))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    accuracy = read("runs/penguins-1/evaluation.json")["figures"]["accuracy"]
    assert float(rows[-1]["val_accuracy"]) == pytest.approx(accuracy)


def test_the_seed_decides_everything():
    for seed, out in (("1", "a"), ("1", "b"), ("2", "c")):
        assert fit("species", "--seed", seed, "--out", out) == 0
    same, again, other = (Path(out, "metrics.csv").read_bytes() for out in "abc")
    assert same == again != other
    assert read("a/config.json") == read("b/config.json")


def test_runs_are_numbered_and_never_overwritten(capsys):
    Path("empty").mkdir()
    for options in ([], [], ["--out", "empty"]):
        assert fit("species", "--epochs", "1", *options) == 0
    assert sorted(os.listdir("runs")) == ["penguins-1", "penguins-2"]
    assert sorted(os.listdir("empty")) == FILES
    before = Path("empty/config.json").stat().st_mtime_ns
    assert fit("species", "--out", "empty") == 2
    assert Path("empty/config.json").stat().st_mtime_ns == before


def test_the_files_of_a_run_have_the_usual_permissions(folder):
    previous = os.umask(0o027)
    try:
        fit_table(PENGUINS, "species", Options(epochs=1), out="a/b/run")
    finally:
        os.umask(previous)
    assert oct(Path("a/b/run").stat().st_mode & 0o777) == "0o750"
    assert oct(Path("a/b/run/config.json").stat().st_mode & 0o777) == "0o640"


def test_scaling_knows_the_training_rows_only():
    ran = fit_table(PENGUINS, "species", Options(epochs=1))
    plan = ran.fitted.plan
    cells = read_table(PENGUINS).cells["body_mass_g"][plan.train]
    masses = np.array([float(cell) for cell in cells if cell != "NA"])
    filled = np.append(masses, [np.median(masses)] * (len(cells) - len(masses)))
    figures = read(ran.path / "config.json")["preprocessing"]["numbers"]["body_mass_g"]
    assert figures["median"] == np.median(masses)
    assert figures["mean"] == pytest.approx(filled.mean(), rel=1e-12)
    assert figures["scale"] == pytest.approx(filled.std(), rel=1e-12)
    assert not set(plan.train) & set(plan.held)
    assert len(plan.train) + len(plan.held) == 344


def test_a_saved_model_predicts_what_the_evaluation_says():
    ran = fit_table(PENGUINS, "species", Options(epochs=10))
    predicted = chainrule.load_model(ran.path).predict(PENGUINS).values
    held = ran.fitted.plan.held
    right = predicted[held] == read_table(PENGUINS).cells["species"][held]
    assert right.mean() == ran.fitted.evaluation.figures["accuracy"]


def test_the_figure_that_counts_stands_first(capsys):
    assert fit("species", "--metric", "log_loss") == 0
    said = capsys.readouterr().out
    assert said.index("log loss") < said.index("balanced accuracy")
    assert read("runs/penguins-1/evaluation.json")["metric"] == "log_loss"


def test_a_model_no_better_than_the_guess_is_told(capsys):
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal()},{rng.normal()}" for _ in range(60)]
    Path("t.csv").write_text("\n".join(["a,y", *rows]))
    assert run(["fit", "t.csv", "--target", "y", "--epochs", "300", "--metric", "r2"]) == 0
    assert "by R² the model is no better than that guess" in capsys.readouterr().out


def test_folds_are_evaluated_each_by_a_model_of_the_others(capsys):
    assert fit("species", "--cv", "3") == 0
    said, progress = capsys.readouterr()
    assert progress.splitlines()[:3] == [f"fold {k} of 3" for k in (1, 2, 3)]
    assert "344 to train on, evaluated in 3 folds" in said
    assert "on 344 rows, each by a model of the other 2 folds" in said
    assert "accuracy" in read("runs/penguins-1/evaluation.json")["deviation_between_folds"]


def test_another_table_is_evaluated_on(capsys):
    lines = Path(PENGUINS).read_text().splitlines(keepends=True)
    Path("test.csv").write_text("".join([lines[0], *lines[1::5]]))
    assert fit("species", "--test", "test.csv") == 0
    said = capsys.readouterr().out
    assert "344 to train on" in said
    assert "on the 69 rows of test.csv" in said
    assert read("runs/penguins-1/config.json")["rows"]["held_out"] == 0


def test_quiet_prints_the_place_alone(capsys):
    assert fit("species", "--quiet") == 0
    assert capsys.readouterr() == ("runs/penguins-1\n", "")


def test_each_option_is_a_flag_with_its_help(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["fit", "--help"]) == 0
    said = capsys.readouterr().out
    plain = " ".join(said.replace("│", " ").split())
    for field in fields(Options):
        assert f"--{field.name.replace('_', '-')}" in said
        assert field.metadata["words"] in plain
        assert f"{field.name}: {field.metadata['words']}" in Options.__doc__
    for words in ("Network", "Regularisation", "Evaluation", "default: 64,64", "Examples:"):
        assert words in said


def test_flags_of_all_kinds_reach_the_options():
    flags = [
        "--batch-norm", "--dropout", "0.1", "--optimizer", "adamw", "--schedule", "cosine",
        "--l2", "1e-4", "--clip", "1", "--ensemble", "2", "--class-weight", "balanced",
        "--scaling", "robust", "--one-hot", "2", "--hidden", "4",
    ]  # fmt: skip
    assert fit("species", *flags, "--epochs", "2", "--quiet") == 0
    assert read("runs/penguins-1/config.json")["options"] == Options(
        batch_norm=True, dropout=0.1, optimizer="adamw", schedule="cosine", l2=1e-4, clip=1,
        ensemble=2, class_weight="balanced", scaling="robust", one_hot=2, hidden=(4,), epochs=2,
    ).to_dict()  # fmt: skip


def test_names_that_look_like_markup_are_shown_as_they_are(capsys):
    rows = "".join(f"{k},{k % 3},{'[red]yes' if k % 3 else '[/]no'}\n" for k in range(30))
    Path("t.csv").write_text("[bold]a,\x1b[31mb,[y]\n" + rows)
    assert run(["fit", "t.csv", "--target", "[y]", "--epochs", "1"]) == 0
    said = capsys.readouterr().out
    for words in ("[bold]a", r"\x1b[31mb", "[y]", "[red]yes", "[/]no"):
        assert words in said


def test_a_wide_table_is_summed_up(capsys):
    names = [f"x{k}" for k in range(300)]
    rows = np.random.default_rng(0).normal(size=(20, 300))
    lines = [",".join([*names, "odd", "y"])]
    lines += [",".join([*map(str, row), "same", str(k % 2)]) for k, row in enumerate(rows)]
    Path("t.csv").write_text("\n".join(lines))
    assert run(["fit", "t.csv", "--target", "y", "--epochs", "1"]) == 0
    said = capsys.readouterr().out
    assert "x17" not in said
    assert "constant: always 'same'" in said
    assert "read as 1 dropped, 300 number" in said


def test_many_classes_leave_their_matrix_to_the_file(capsys):
    rows = "".join(f"{k % 20},{k},c{k % 20}\n" for k in range(200))
    Path("t.csv").write_text("a,b,y\n" + rows)
    assert run(["fit", "t.csv", "--target", "y", "--epochs", "1"]) == 0
    assert "confusion matrix is in evaluation.json" in capsys.readouterr().out
    assert np.shape(read("runs/t-1/evaluation.json")["confusion_matrix"]) == (20, 20)


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", "from chainrule.cli.main import main; main()", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_in_a_pipe_progress_is_plain_lines():
    with command("fit", PENGUINS, "--target", "species", "--epochs", "20") as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0
    lines = err.splitlines()
    assert lines[0].startswith("epoch 1/20  loss ")
    assert lines[-1].startswith("epoch 20/20  loss ")
    assert all(line.isprintable() for line in lines)
    assert "\x1b" not in out


def test_an_interrupted_training_is_evaluated_and_saved():
    endless = ["--epochs", "1000000", "--json"]
    with command("fit", PENGUINS, "--target", "species", *endless) as process:
        assert process.stderr.readline().startswith("epoch 1/")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "interrupted after epoch" in err.splitlines()[-1]
    assert "Traceback" not in err
    summary = json.loads(out)
    assert summary["stopped"] == "interrupted"
    assert sorted(os.listdir(summary["run"])) == FILES


def test_help_and_version_are_there_at_once(capsys):
    code = "import sys; from chainrule.cli.main import run; run(['--help']); "
    code += "print([m for m in ('pandas', 'sklearn', 'numba', 'numpy') if m in sys.modules])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        out = process.communicate(timeout=60)[0].decode()
    assert "fit" in out
    assert out.rstrip().endswith("[]")
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"chainrule {chainrule.__version__}\n"
    assert run([]) == 0
    assert "Usage" in capsys.readouterr().out


def test_a_report_that_cannot_be_written_leaves_the_run_and_names_it(capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chainrule.report.write_report", full)
    arguments = ["fit", PENGUINS, "--target", "species", "--epochs", "1", "--out", "m", "--json"]
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "error: the run is in 'm', but its report cannot be written: No space left" in err
    assert (Path("m") / "model.chainrule").is_file()
