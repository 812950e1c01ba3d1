"""``chainrule fit --resume``: a fit that was killed ends as if it had not been."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule.cli.main import run

PENGUINS = str(Path(__file__).parents[2] / "examples" / "penguins.csv")
COMMAND = [sys.executable, "-c", "from chainrule.cli.main import main; main()"]
FIT = ["fit", PENGUINS, "--target", "species", "--dropout", "0.1", "--hidden", "64,64", "--quiet"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(*arguments):
    return subprocess.Popen([*COMMAND, *FIT, *arguments], stderr=subprocess.PIPE, text=True)


def checkpoints(place):
    return sorted(Path(place).glob("checkpoint-*.safetensors"))


def stopped_by(how, *arguments):
    """Start a fit, and end it by a signal when it has written some checkpoints."""
    with started("--out", "b", "--checkpoint-every", "20", *arguments) as process:
        while process.poll() is None and not checkpoints("b.unfinished"):
            time.sleep(0.01)
        process.send_signal(how)
        err = process.communicate(timeout=300)[1]
    assert not Path("b").exists()
    return process.returncode, err


def same(first, second):
    for name in ("metrics.csv", "evaluation.json"):
        assert Path(first, name).read_bytes() == Path(second, name).read_bytes()
    one, other = (chainrule.load_model(place).networks[0].vector for place in (first, second))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("stopping", [[], ["--patience", "3000"]])
@pytest.mark.parametrize("name", ["b", "b.unfinished"])
def test_a_killed_fit_ends_with_the_same_bits(name, stopping, folder):
    choices = ["--epochs", "4000", *stopping]
    assert run([*FIT, *choices, "--out", "a"]) == 0
    stopped_by(signal.SIGKILL, *choices)
    assert run(["fit", "--resume", name, "--quiet"]) == 0
    same("a", "b")
    assert sorted(os.listdir()) == ["a", "b"]


def test_an_interruption_leaves_what_is_needed_to_go_on():
    code, err = stopped_by(signal.SIGINT, "--epochs", "1000000")
    assert code == 130
    assert err.splitlines()[-1] == "error: interrupted; go on with --resume b"
    assert checkpoints("b.unfinished")


def test_a_fit_without_a_kill_leaves_nothing_but_its_run():
    assert run([*FIT, "--epochs", "30", "--checkpoint-every", "10"]) == 0
    assert os.listdir() == ["runs"]
    assert os.listdir("runs") == ["penguins-1"]


def begun(table="t.csv"):
    """A fit that was killed after its first checkpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.tables.writing.RunDirectory.write", lambda *_: 1 / 0)
        arguments = ["--target", "species", "--epochs", "2", "--checkpoint-every", "1"]
        with pytest.raises(ZeroDivisionError):
            run(["fit", table, *arguments, "--out", "b"])


def test_a_fit_that_was_begun_is_not_begun_again(capsys):
    Path("t.csv").write_bytes(Path(PENGUINS).read_bytes())
    begun()
    capsys.readouterr()
    assert run([*FIT, "--out", "b"]) == 2
    err = capsys.readouterr().err
    assert "'b.unfinished' holds a fit that was begun: go on with --resume 'b', or" in err


def test_another_table_is_not_gone_on_with(capsys):
    Path("t.csv").write_bytes(Path(PENGUINS).read_bytes())
    begun()
    Path("t.csv").write_text(Path("t.csv").read_text().replace("Dream", "Drama", 1))
    capsys.readouterr()
    assert run(["fit", "--resume", "b", "--quiet"]) == 2
    assert "'t.csv'" in capsys.readouterr().err
    assert not Path("b").exists()


def test_damaged_checkpoints_get_one_line(capsys):
    Path("t.csv").write_bytes(Path(PENGUINS).read_bytes())
    begun()
    for path in checkpoints("b.unfinished"):
        path.write_bytes(b"x")
    capsys.readouterr()
    assert run(["fit", "--resume", "b", "--quiet"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: no checkpoint in 'b.unfinished' can be read: ")
    assert err.count("\n") == 1


REFUSED = {
    "nothing": ([], "there is no unfinished run 'b.unfinished'"),
    "a table": ([PENGUINS], "give no FILE"),
    "a choice": (["--epochs", "3"], "give no --epochs"),
    "a configuration": (["--config", "c.toml"], "give no --config"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_gone_on_with_gets_one_line(case, capsys):
    arguments, expected = REFUSED[case]
    assert run(["fit", "--resume", "b", *arguments]) == 2
    assert expected in capsys.readouterr().err


def test_checkpoints_are_of_one_network(capsys):
    assert run([*FIT, "--ensemble", "2", "--checkpoint-every", "3"]) == 2
    assert "checkpoints are of a single network, and ensemble is 2" in capsys.readouterr().err
