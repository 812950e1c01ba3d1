"""The directory of a run appears whole or not at all."""

import os
from pathlib import Path

import pytest

from chainrule.layers import Dense
from chainrule.network import Network
from chainrule.tables import writing
from chainrule.tables.errors import TableError
from chainrule.tables.writing import RunDirectory
from chainrule.training.history import History


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(directory):
    history = History()
    history.append({"loss": 0.5, "val_loss": 0.25})
    network = Network([Dense(1)], loss="mse", inputs=2)
    return directory.write(network, {"a": 1}, history, {"b": None})


def test_what_is_written():
    place = write(RunDirectory("deep/down/run", "t"))
    assert sorted(os.listdir(place)) == [
        "config.json", "evaluation.json", "metrics.csv", "network.safetensors",
    ]  # fmt: skip
    assert (place / "metrics.csv").read_text() == "epoch,loss,val_loss\n1,0.5,0.25\n"
    assert (place / "config.json").read_text() == '{\n  "a": 1\n}\n'


@pytest.mark.parametrize("out", [None, "deep/down/run"])
def test_the_check_leaves_nothing_behind(folder, out):
    RunDirectory(out, "t")
    assert not list(folder.iterdir())


@pytest.mark.parametrize("out", [None, "deep/down/run"])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), TableError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_failure_while_writing_leaves_nothing_behind(folder, monkeypatch, out, error, expected):
    directory = RunDirectory(out, "t")

    def fail(path, content):
        if path.name == "metrics.csv":
            raise error
        Path(path).write_bytes(content)

    monkeypatch.setattr(writing, "write_whole", fail)
    with pytest.raises(expected) as caught:
        write(directory)
    if expected is TableError:
        assert "cannot be written: No space left on device" in str(caught.value)
    assert not list(folder.iterdir())


def test_a_place_that_was_taken_in_the_meantime_is_left_alone():
    numbered, named = RunDirectory(None, "t"), RunDirectory("mine", "t")
    for taken in ("runs/t-1", "mine"):
        Path(taken).mkdir(parents=True)
        Path(taken, "precious").touch()
    assert write(numbered) == Path("runs/t-2")
    with pytest.raises(TableError, match="'mine' cannot be written"):
        write(named)
    assert os.listdir("runs/t-1") == os.listdir("mine") == ["precious"]
    assert sorted(os.listdir(".")) == ["mine", "runs"]


def test_two_runs_at_once_get_a_number_each(monkeypatch):
    first, second = RunDirectory(None, "t"), RunDirectory(None, "t")
    rename = os.rename
    ran = []

    def second_is_quicker(source, target):
        if not ran:
            ran.append(True)
            ran.append(write(second))
        rename(source, target)

    monkeypatch.setattr(os, "rename", second_is_quicker)
    assert write(first) == Path("runs/t-2")
    assert ran[1] == Path("runs/t-1")
    assert sorted(os.listdir("runs")) == ["t-1", "t-2"]
