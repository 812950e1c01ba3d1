"""``chainrule fit --config``: a file of choices, and the one that a run leaves to be run again."""

import os
from pathlib import Path

import pytest

import chainrule
from chainrule.cli.main import run
from chainrule.tables.configuration import read_configuration
from chainrule.tables.options import Options

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("penguins.csv").write_bytes(PENGUINS.read_bytes())
    return tmp_path


def options(place):
    return read_configuration(f"{place}/fit.toml")


def test_a_run_is_repeated_bit_for_bit_from_its_own_configuration(folder, monkeypatch):
    flags = ["--hidden", "8,4", "--batch-norm", "--dropout", "0.2", "--seed", "5", "--metric"]
    fit = ["fit", "penguins.csv", "--target", "species", "--epochs", "20", *flags, "f1_macro"]
    assert run([*fit, "--patience", "15", "--out", "deep/a", "--quiet"]) == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert run(["fit", "--config", "../deep/a/fit.toml", "--out", "../b", "--quiet"]) == 0
    first, second = folder / "deep" / "a", folder / "b"
    for name in ("metrics.csv", "evaluation.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    before, again = (chainrule.load_model(place) for place in (first, second))
    assert (before.networks[0].vector == again.networks[0].vector).all()
    assert options(first)["metric"] == "f1_macro"
    for key, value in options(first).items():
        assert key == "file" or options(second)[key] == value


def test_a_run_that_is_reached_through_a_link_is_repeated():
    Path("store/deep").mkdir(parents=True)
    Path("near").symlink_to("store/deep")
    fit = ["fit", "penguins.csv", "--target", "species", "--epochs", "1", "--quiet"]
    assert run([*fit, "--out", "near/a"]) == 0
    assert Path("near/a/fit.toml").read_text().count('file = "../../../penguins.csv"') == 1
    Path("last").symlink_to("store/deep/a")
    for number, file in enumerate(("near/a/fit.toml", "last/fit.toml", "store/deep/a/fit.toml")):
        assert run(["fit", "--config", file, "--out", f"b{number}", "--quiet"]) == 0


def test_a_table_that_is_reached_through_a_link_is_found_again():
    Path("store/deep").mkdir(parents=True)
    Path("store/penguins.csv").write_bytes(PENGUINS.read_bytes())
    Path("penguins.csv").unlink()
    Path("near").symlink_to("store/deep")
    # For the system this is store/penguins.csv.
    fit = ["fit", "near/../penguins.csv", "--target", "species", "--epochs", "1", "--quiet"]
    assert run([*fit, "--out", "a"]) == 0
    assert run(["fit", "--config", "a/fit.toml", "--out", "b", "--quiet"]) == 0
    assert options("b")["file"] == os.path.join("store", "penguins.csv")


def test_a_flag_overrides_the_file_which_overrides_the_default():
    Path("c.toml").write_text(
        'file = "penguins.csv"\ntarget = "species"\nepochs = 3\nhidden = [5]\nout = "from_file"\n'
    )
    assert run(["fit", "--config", "c.toml", "--epochs", "2", "--quiet"]) == 0
    found = options("from_file")
    assert (found["epochs"], found["hidden"]) == (2, [5])
    assert found["batch_size"] == Options().batch_size
    assert run(["fit", "--config", "c.toml", "--target", "sex", "--out", "b", "--quiet"]) == 0
    assert options("b")["target"] == "sex"


def test_paths_are_relative_to_the_file():
    Path("conf").mkdir()
    Path("conf/c.toml").write_text(
        'file = "../penguins.csv"\ntest = "../penguins.csv"\ntarget = "species"\nepochs = 1\n'
        'out = "run"\n'
    )
    assert run(["fit", "--config", "conf/c.toml", "--quiet"]) == 0
    assert sorted(os.listdir("conf")) == ["c.toml", "run"]
    assert options("conf/run")["test"] == os.path.normpath("conf/run/../../penguins.csv")


def test_every_choice_is_written_back():
    assert run(["fit", "penguins.csv", "--target", "sex", "--epochs", "1", "--quiet"]) == 0
    found = options("runs/penguins-1")
    assert {name: found[name] for name in Options.names()} == Options(epochs=1).to_dict()


REFUSED = {
    "unknown": ("hiden = [3]", "'c.toml' has an unknown key 'hiden': did you mean 'hidden'?"),
    "dashes": ("batch-size = 3", "has an unknown key 'batch-size': did you mean 'batch_size'?"),
    "far off": ("zzzz = 3", "has an unknown key 'zzzz': there are file, target, test,"),
    "a section": ("[network]\nhidden = [3]", "has an unknown key 'network'"),
    "no TOML": ("hidden: [3]", "'c.toml' is not TOML: "),
    "twice": ("epochs = 1\nepochs = 2", "'c.toml' is not TOML: "),
    "a text for a number": ('epochs = "3"', "epochs must be a whole number of at least 1, not '3'"),
    "a number for a text": ("activation = 3", "activation must be a text, not 3"),
    "a text for sizes": ('hidden = "8"', "hidden must be a sequence of sizes"),
    "a number for yes": ("batch_norm = 1", "batch_norm must be true or false, not 1"),
    "a number for a path": ("out = 3", "out must be a text, not 3"),
    "checkpoints": ("checkpoint_every = -1", "checkpoint_every must be a whole number of at least"),
    "no target": ("epochs = 1", "missing option '--target'"),
    "metric": ('metric = "rmse"', "the metric of a classification is one of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_configuration_gets_one_line(case, folder, capsys):
    words, expected = REFUSED[case]
    Path("c.toml").write_text(words if case == "no target" else f'target = "sex"\n{words}')
    assert run(["fit", "penguins.csv", "--config", "c.toml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert err.count("\n") == 1
    assert sorted(os.listdir()) == ["c.toml", "penguins.csv"]
