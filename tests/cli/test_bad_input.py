"""What users get wrong: one clear line, exit code 2, and nothing written."""

import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from chainrule.cli.main import EXTRAS, run
from chainrule.tables.fitting import fit_table
from chainrule.tables.options import Options

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"
GOOD = "a,b,y\n" + "".join(f"{k},{k * k % 7},{k % 2}\n" for k in range(20))

FILES = {
    "empty": (b"", "'t.csv' is empty"),
    "spaces": (b" \n\n \n", "'t.csv' is empty"),
    "header alone": (b"a,b,y\n", "'t.csv' has a header and no rows"),
    "long row": (b"a,b,y\n1,2,0\n1,2,0,4\n", "line 3: 4 cells, and the header has 3"),
    "short row": (b"a,b,y\n1,2,0\n1,2\n", "line 3: 2 cells, and the header has 3"),
    "one cell": (b"a,b,y\n1,2,0\n\n7\n", "line 4: 1 cell, and the header has 3"),
    "unclosed quote": (b'a,b,y\n1,2,0\n1,"2,0\n3,4,1\n', "line 3: a quote opens in this row"),
    "quote then text": (b'a,b,y\n1,"2"x,0\n', "line 2: text follows a closing quote"),
    "endless cell": (b'a,b,y\n1,"' + b"x\n" * 70_000, "line 2: a cell is longer than 131,072"),
    "two of a name": (b"a,a,y\n1,2,0\n", "line 1: two columns have the name 'a'"),
    "names with spaces": (b"a,a ,y\n1,2,0\n", "line 1: two columns have the name 'a'"),
    "no names": (b",,\n1,2,0\n", "line 1: the header names no column"),
    "endless numbers": (
        (",".join(["9" * 5000] * 3) + "\n1,2,0\n").encode(),
        "line 1: numbers ('99999",
    ),
    "no header": (b"5.1,3.5,0\n4.9,3.0,1\n", "line 1: numbers ('5.1', '3.5', '0') stand where"),
    "latin-1": ("a,b,y\n1,é,0\n".encode("latin-1"), "line 2: byte 9 is not UTF-8"),
    "latin-1 and BOM": ("\ufeffa\n".encode() + b"\xe9\n", "line 2: byte 6 is not UTF-8"),
    "UTF-16": ("a,b,y\n1,2,0\n".encode("utf-16"), "is in UTF-16: convert it to UTF-8"),
    "NUL": (b"a,b,y\n1,2\0,0\n", "is not a table of text: byte 10 is NUL"),
    "zip": (b"PK\x03\x04\x14\x00", "an Excel workbook: save the sheet as CSV"),
    "gzip": (b"\x1f\x8b\x08\x00", "cannot be unpacked: Compressed file ended"),
    "one column": (b"y\n0\n1\n0\n1\n", "the table has no column but the target 'y'"),
    "other delimiter": (b"a:b:y\n1:2:0\n", "the only one is 'a:b:y'; cells are divided by a"),
    "no such target": (GOOD.replace("y", "Y").encode(), "did you mean 'Y'? there are 'a', 'b'"),
    "infinity": (GOOD.replace("7,", "inf,").encode(), "column 'a', line 9: 'inf' is not a finite"),
    "overflow": (GOOD.replace("7,", "-1e999,").encode(), "line 9: '-1e999' is not a finite"),
    "infinite target": (
        b"a,y\n1,1.5\n2,2.5\n3,Infinity\n4,4.5\n",
        "column 'y', line 4: 'Infinity' is not a finite",
    ),
    "one value": (b"a,y\n1,no\n2,no\n3,NA\n", "the target 'y' is 'no' in every row that has one"),
    "one word": (b"a,y\n1,-\n2,-\n", "the target 'y' is '-' in every row that has one"),
    "no target at all": (b"a,y\n1,NA\n2,\n", "the target 'y' has no values"),
    "free text": (
        b"name,y\nAnn,0\nBob,1\nCid,0\nDan,1\nEve,1\n",
        "no column can be used as a feature: 'name' (every cell differs)",
    ),
    "constants": (
        b"a,b,y\n1,x,0\n1,x,1\n1,x,1\n",
        "no column can be used as a feature: 'a' (constant: always '1'), 'b' (constant",
    ),
    "two rows": (b"a,y\n1,0\n2,1\n", "2 rows with a target are too few to hold out"),
    "names as target": (
        b"a,y\n1,Ann\n2,Bob\n3,Cid\n",
        "3 different values in 3 rows: too few rows of each to learn them as classes",
    ),
    "stray word in target": (
        ("a,y\n" + "".join(f"{k},{k / 3}\n" for k in range(40)) + "9,unknown\n").encode(),
        "the target 'y' is not a number in line 42: 'unknown'",
    ),
    "xz": (b"\xfd7zXZ\0", "is compressed by xz: unpack it first, or use gzip"),
    "Parquet": (b"PAR1PAR1", "is no readable Parquet file"),
    "control characters": (b"a,\x1b[31m,y\n1,2\n", "line 2: 2 cells, and the header has 3"),
}

ARGUMENTS = {
    "nothing": (["fit"], "missing argument 'FILE'"),
    "no target": (["fit", "t.csv"], "missing option '--target'"),
    "no such file": (["fit", "u.csv", "--target", "y"], "there is no file 'u.csv'"),
    "a directory": (["fit", ".", "--target", "y"], "'.' is a directory, not a file"),
    "newline in name": (["fit", "a\nb", "--target", "y"], r"there is no file 'a\nb'"),
    "NUL in name": (["fit", "a\0b", "--target", "y"], r"'a\x00b' cannot be read"),
    "resume here": (["fit", "--resume", "."], "there is no unfinished run '"),
    "resume the root": (["fit", "--resume", "/"], "'/' cannot be the directory of a run"),
    "resume a circle": (["fit", "--resume", "circle"], "'circle' cannot be a directory: "),
    "out in a circle": (
        ["fit", str(PENGUINS), "--target", "species", "--out", "circle"],
        "'circle' cannot be a directory: ",
    ),
    "no such command": (["fut"], "no such command 'fut'"),
    "no such option": (["fit", "t.csv", "--target", "y", "--epoch", "3"], "no such option"),
}

OPTIONS = {
    "activation": (
        ["--activation", "rulu"],
        "unknown activation 'rulu'; there are elu, exponential, gelu,",
    ),
    "its argument": (["--activation", "leaky_relu(x)"], "the argument 'x' in 'leaky_relu(x)'"),
    "threshold": (["--activation", "threshold"], "'threshold' has no useful derivative"),
    "negative size": (
        ["--hidden", "64,-1"],
        "a size in hidden must be a whole number of at least 1",
    ),
    "zero size": (["--hidden", "0"], "a size in hidden must be a whole number of at least 1"),
    "no sizes": (["--hidden", "large"], "hidden must be sizes such as 64,64, not 'large'"),
    "countless epochs": (["--epochs", "9" * 20], "epochs must be at most 2147483647"),
    "huge size": (["--hidden", "9" * 10], "a size in hidden must be at most 2147483647"),
    "no epochs": (["--epochs", "0"], "epochs must be a whole number of at least 1, not 0"),
    "half an epoch": (["--epochs", "0.5"], "invalid value for '--epochs'"),
    "no batch": (["--batch-size", "0"], "batch_size must be a whole number of at least 1, not 0"),
    "negative rate": (["--learning-rate", "-1"], "must be a positive number, not -1.0"),
    "NaN rate": (["--learning-rate", "nan"], "must be a positive number, not nan"),
    "explosion": (["--learning-rate", "1e30"], "the loss is not finite at step"),
    "explosion at the end": (
        ["--learning-rate", "1e30", "--epochs", "1"],
        "the loss is not finite at step 1",
    ),
    "negative seed": (["--seed", "-1"], "seed must be a whole number of at least 0, not -1"),
    "large seed": (["--seed", "9223372036854775808"], "seed must be at most 9223372036854775807"),
    "dropout": (["--dropout", "1"], "dropout must be from 0 to below 1, not 1.0"),
    "penalty": (["--l2", "-1"], "l2 must be a number of at least 0, not -1.0"),
    "smoothing": (["--label-smoothing", "inf"], "label_smoothing must be from 0 to below 1"),
    "optimizer": (["--optimizer", "adma"], "unknown optimizer 'adma'; there are adagrad, adam,"),
    "schedule": (["--schedule", "cos"], "unknown schedule 'cos'; there are"),
    "loss": (["--loss", "hinges"], "unknown loss 'hinges'"),
    "loss of numbers": (["--loss", "mse"], "the loss 'mse' does not suit a binary task"),
    "loss of one output": (
        ["--task", "multiclass", "--loss", "focal"],
        "the loss 'focal' does not suit a multiclass task",
    ),
    "weights of numbers": (
        ["--task", "regression", "--class-weight", "balanced"],
        "class_weight 'balanced' is for classes, and the task is a regression",
    ),
    "smoothing of numbers": (
        ["--task", "regression", "--label-smoothing", "0.1"],
        "label_smoothing is for losses of probabilities, and the loss of this regression task",
    ),
    "scaling": (["--scaling", "log"], "unknown scaling 'log'; there are standard, robust"),
    "weights": (["--class-weight", "even"], "unknown class_weight 'even'; there are none, bal"),
    "one fold": (["--cv", "1"], "folds must be 0 for none, or at least 2, not 1"),
    "many folds": (["--cv", "21"], "20 rows with a target cannot make 21 folds"),
    "networks": (["--ensemble", "0"], "ensemble must be a whole number of at least 1, not 0"),
    "metric": (["--metric", "rmse"], "the metric of a classification is one of accuracy,"),
    "test": (["--test", "u.csv"], "there is no file 'u.csv'"),
    "test without": (["--test", "x.csv"], "there is no column 'y': there are 'a', 'b'"),
    "test lacks": (["--test", "z.csv"], "the table has no column 'b', which the model reads"),
    "test of a new class": (["--test", "n.csv"], "line 2: the class '7' was in no training row"),
    "configuration": (["--config", "c.toml"], "there is no file 'c.toml'"),
    "its kind": (["--config", "."], "'.' cannot be read: Is a directory"),
    "checkpoints": (["--checkpoint-every", "-1"], "checkpoint_every must be a whole number of"),
    "resume": (["--resume", "r"], "--resume goes on with the choices of the fit"),
    "two dashes": (["--batch-norm=3"], "option '--batch-norm' does not take a value"),
    "share": (["--test-share", "1"], "test_share must be between 0 and 1, not 1.0"),
    "task": (["--task", "guess"], "unknown task 'guess'; there are auto, binary, multiclass"),
    "out is a file": (["--out", "t.csv"], "'t.csv' exists and is not a directory"),
    "out below a file": (["--out", "t.csv/deeper/run"], "cannot be written: Not a directory"),
    "out as what is unfinished": (["--out", "z.unfinished"], "give the run another name"),
    "checkpoints there": (
        ["--out", "z.unfinished", "--checkpoint-every", "1"],
        "'z.unfinished' is what the unfinished fit of another place is called",
    ),
    "out in use": (["--out", "."], "the directory '.' exists and is not empty"),
}

PLANNED = ("explosion", "explosion at the end")  # found out after the plan is shown

OTHERS = {"x.csv": "a,b\n1,2\n", "z.csv": "a,y\n1,0\n", "n.csv": "a,b,y\n1,2,7\n"}

PROFILE = {
    "nothing": ([], "missing argument 'NETWORK'"),
    "no sizes": (["large"], "NETWORK must be layer sizes such as 784-100-10 or a file"),
    "one size": (["7"], "NETWORK must be layer sizes such as 784-100-10 or a file"),
    "no file": (["u.safetensors"], "error: there is no file 'u.safetensors'"),
    "a folder": (["empty"], "error: 'empty' is a directory, not a file"),
    "a run": (["m"], "error: 'm' is a directory: its network is 'm/network.safetensors'"),
    "no network": (["t.safetensors"], "t.safetensors is not a network file"),
    "batch": (["2-3-1", "--batch-size", "0"], "batch_size must be a whole number from 1 to"),
    "optimizer": (["2-3-1", "--optimizer", "adma"], "unknown optimizer 'adma'"),
    "loss": (["2-3-1", "--loss", "none"], "unknown loss 'none'"),
    "dtype": (["2-3-1", "--dtype", "int8"], "dtype must be"),
}

WARMUP = {
    "an argument": (["all"], "got unexpected extra argument(s) (all)"),
    "an option": (["--dtype", "float32"], "no such option"),
}

#: The model, the table, further arguments, and what is said.
PREDICT = {
    "no model": ("u", GOOD, [], "there is no file 'u'"),
    "an empty folder": ("empty", GOOD, [], "there is no file 'empty/model.chainrule'"),
    "no model file": ("t.csv", GOOD, [], "'t.csv' is no model of chainrule; MODEL comes first, "
                      "then FILE"),
    "a network": ("m/network.safetensors", GOOD, [], "is no model of chainrule; MODEL comes first"),
    "half a model": ("half", GOOD, [], "'half' is no readable model: no archive, or one cut short"),
    "no table": ("m", None, [], "there is no file 't.csv'"),
    "an empty table": ("m", "", [], "'t.csv' is empty"),
    "no rows": ("m", "a,b\n", [], "'t.csv' has a header and no rows"),
    "a column is missing": ("m", "a,c\n1,2\n", [], "no column 'b', which the model reads"),
    "all are missing": ("m", "c\n1\n", [], "no column 'a', 'b', which the model reads"),
    "a word": ("m", "a,b\n1,2\n1,two\n", [], "column 'b', line 3: 'two' is not a number"),
    "infinity": ("m", "a,b\n1,inf\n", [], "column 'b', line 2: 'inf' is not a finite number"),
    "to keep": ("m", GOOD, ["--keep", "id"], "there is no column 'id': there are 'a', 'b', 'y'"),
    "a name of ours": ("m", "a,b,spread\n1,2,3\n", ["--keep", "spread"], "cannot be kept"),
    "onto the table": ("m", GOOD, ["--out", "t.csv"], "'t.csv' is read: write somewhere else"),
    "onto the model": ("m", GOOD, ["--out", "m/model.chainrule"], "model.chainrule' is read"),
    "onto the model's file": ("m/model.chainrule", GOOD, ["--out", "./m/model.chainrule"],
                              "model.chainrule' is read: write somewhere else"),
    "onto the model by a link": ("m", GOOD, ["--out", "link/model.chainrule"], "' is read: write"),
    "onto a linked model": ("link", GOOD, ["--out", "m/model.chainrule"], "' is read: write"),
    "onto a link to the table": ("m", GOOD, ["--out", "table-link"], "'table-link' is read: write"),
    "onto a folder": ("m", GOOD, ["--out", "m"], "'m' is a directory, not a file"),
    "into nowhere": ("m", GOOD, ["--out", "u/p.csv"], "'u/p.csv' cannot be written"),
    "NUL": ("m", GOOD, ["--out", "a\0b"], r"'a\x00b' cannot be written"),
    "an option": ("m", GOOD, ["--spread"], "no such option"),
}  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place = tmp_path_factory.mktemp("model")
    (place / "t.csv").write_text(GOOD)
    return fit_table(str(place / "t.csv"), "y", Options(epochs=1), out=place / "m").path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(arguments, folder, capsys, planned=False):
    """Run a command that must fail, after it has shown its plan or nothing; its line."""
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    code = run(arguments)
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == before
    printed = capsys.readouterr()
    assert code == 2
    assert (printed.out != "") == planned
    assert "Traceback" not in printed.err
    lines = [line for line in printed.err.splitlines() if not line.startswith("epoch ")]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert lines[0].isprintable()
    return lines[0]


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_gets_one_line(case, folder, capsys):
    content, expected = FILES[case]
    Path("t.csv").write_bytes(content)
    assert expected in refused(["fit", "t.csv", "--target", "y"], folder, capsys)


@pytest.mark.parametrize("case", ARGUMENTS)
def test_bad_arguments_get_one_line(case, folder, capsys):
    arguments, expected = ARGUMENTS[case]
    if "circle" in arguments:
        Path("circle").symlink_to("circle")
    assert expected in refused(arguments, folder, capsys)


def test_a_run_does_not_take_the_place_of_the_folder_that_one_is_in(folder, capsys):
    line = refused(["fit", str(PENGUINS), "--target", "species", "--out", "."], folder, capsys)
    assert "is the directory that this was started in: name one within it" in line


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are Unicode")
@pytest.mark.parametrize("how", [["--out", os.fsdecode(b"caf\xe9")], ["--test", "table"], []])
def test_a_name_that_is_not_utf8_is_refused_before_the_training(how, folder, capsys):
    odd = os.fsdecode(b"caf\xe9.csv")
    Path(odd).write_text(GOOD)
    Path("t.csv").write_text(GOOD)
    arguments = [odd if word == "table" else word for word in how]
    line = refused(["fit", "t.csv" if how else odd, "--target", "y", *arguments], folder, capsys)
    assert "is not UTF-8, and fit.toml could not hold it: rename it" in line


@pytest.mark.parametrize("case", OPTIONS)
def test_a_bad_choice_gets_one_line(case, folder, capsys):
    options, expected = OPTIONS[case]
    Path("t.csv").write_text(GOOD)
    for name, content in OTHERS.items():
        Path(name).write_text(content)
    arguments = ["fit", "t.csv", "--target", "y", *options]
    assert expected in refused(arguments, folder, capsys, case in PLANNED)


@pytest.mark.parametrize("case", PREDICT)
def test_a_bad_prediction_gets_one_line(case, model, folder, capsys):
    name, content, options, expected = PREDICT[case]
    shutil.copytree(model, "m")
    Path("empty").mkdir()
    Path("link").symlink_to("m")
    Path("half").write_bytes((model / "model.chainrule").read_bytes()[:5000])
    if content is not None:
        Path("t.csv").write_text(content)
        Path("table-link").symlink_to("t.csv")
    assert expected in refused(["predict", name, "t.csv", *options], folder, capsys)


@pytest.mark.parametrize("case", PROFILE)
def test_a_bad_profile_gets_one_line(case, folder, capsys):
    arguments, expected = PROFILE[case]
    Path("t.safetensors").write_bytes(b"not a network")
    Path("empty").mkdir()
    Path("m").mkdir()
    Path("m/network.safetensors").write_bytes(b"not looked at")
    assert expected in refused(["profile", *arguments], folder, capsys)


@pytest.mark.parametrize("case", WARMUP)
def test_a_bad_warmup_gets_one_line_and_compiles_nothing(case, folder, capsys, monkeypatch):
    monkeypatch.setattr("chainrule.warmup.warmup", lambda *_, **__: pytest.fail("it compiled"))
    arguments, expected = WARMUP[case]
    assert expected in refused(["warmup", *arguments], folder, capsys)


@pytest.mark.parametrize(
    ("target", "task", "expected"),
    [
        ("species", "regression", "the target 'species' is not a number in line 2: 'Adelie'"),
        ("species", "binary", "has 3 different values, and a binary task has two"),
    ],
)
def test_a_task_that_the_target_does_not_allow_is_refused(target, task, expected, folder, capsys):
    arguments = ["fit", str(PENGUINS), "--target", target, "--task", task]
    assert expected in refused(arguments, folder, capsys)


NEEDS = {"pyarrow": "Parquet", "skops": "a model file"}  # all others: the command line


@pytest.mark.parametrize("package", EXTRAS)
def test_a_missing_extra_is_named_before_any_work(package, folder, capsys, monkeypatch):
    table = PENGUINS
    if package == "pyarrow":
        table = folder / "penguins.parquet"
        pd.read_csv(PENGUINS).to_parquet(table)
    for name in list(sys.modules):
        if name.startswith(f"{package}."):
            monkeypatch.setitem(sys.modules, name, None)
        if name.startswith("chainrule.cli.") and name != "chainrule.cli.main":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    line = refused(["fit", str(table), "--target", "species"], folder, capsys)
    what = NEEDS.get(package, "the command line")
    assert line == f"error: {what} needs {package}: pip install 'chainrule[{EXTRAS[package]}]'"


def test_without_a_report_its_packages_are_not_needed(folder, monkeypatch):
    for name in ("matplotlib", "jinja2"):
        monkeypatch.setitem(sys.modules, name, None)
    arguments = ["fit", str(PENGUINS), "--target", "species", "--epochs", "1", "--no-report"]
    assert run([*arguments, "--out", "m"]) == 0
    assert not Path("m/report.html").exists()


def test_too_little_memory_gets_one_line(folder, capsys, monkeypatch):
    def refuse(*_, **__):
        raise MemoryError("Unable to allocate 7 TiB")

    monkeypatch.setattr("chainrule.tables.learning.Network", refuse)
    line = refused(["fit", str(PENGUINS), "--target", "species"], folder, capsys, planned=True)
    assert line == "error: not enough memory: Unable to allocate 7 TiB"
