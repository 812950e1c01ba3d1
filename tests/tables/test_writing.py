"""The directory of a run appears whole or not at all."""

import os
from pathlib import Path

import pytest

from chainrule.tables import writing
from chainrule.tables.errors import TableError
from chainrule.tables.fitting import fit
from chainrule.tables.options import Options
from chainrule.tables.sources import table_of
from chainrule.tables.writing import RunDirectory

FILES = [
    "config.json", "evaluation.json", "fit.toml", "metrics.csv", "model.chainrule",
    "network.safetensors",
]  # fmt: skip


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    file = tmp_path_factory.mktemp("table") / "t.csv"
    file.write_text("a,y\n" + "".join(f"{k},{2 * k + 0.5}\n" for k in range(20)))
    options = Options(hidden=(2,), epochs=2)
    return fit(table_of(file), "y", options, sources={"file": str(file)})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_written(fitted):
    place = RunDirectory("deep/down/run", "t").write(fitted)
    assert sorted(os.listdir(place)) == FILES
    lines = (place / "metrics.csv").read_text().splitlines()
    assert lines[0] == "network,epoch,loss,val_loss,val_r2"
    assert [line[:4] for line in lines[1:]] == ["1,1,", "1,2,"]


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
def test_a_failure_while_writing_leaves_nothing_behind(
    fitted, folder, monkeypatch, out, error, expected
):
    directory = RunDirectory(out, "t")

    def fail(path, content):
        if path.name == "metrics.csv":
            raise error
        Path(path).write_bytes(content)

    monkeypatch.setattr(writing, "write_whole", fail)
    with pytest.raises(expected) as caught:
        directory.write(fitted)
    if expected is TableError:
        assert "cannot be written: No space left on device" in str(caught.value)
    assert not list(folder.iterdir())


def test_a_place_that_was_taken_in_the_meantime_is_left_alone(fitted):
    numbered, named = RunDirectory(None, "t"), RunDirectory("mine", "t")
    for taken in ("runs/t-1", "mine"):
        Path(taken).mkdir(parents=True)
        Path(taken, "precious").touch()
    assert numbered.write(fitted) == Path("runs/t-2")
    with pytest.raises(TableError, match="'mine' cannot be written"):
        named.write(fitted)
    assert os.listdir("runs/t-1") == os.listdir("mine") == ["precious"]
    assert sorted(os.listdir(".")) == ["mine", "runs"]


def test_two_runs_at_once_get_a_number_each(fitted, monkeypatch):
    first, second = RunDirectory(None, "t"), RunDirectory(None, "t")
    rename = os.rename
    ran = []

    def second_is_quicker(source, target):
        if not ran:
            ran.append(True)
            ran.append(second.write(fitted))
        rename(source, target)

    monkeypatch.setattr(os, "rename", second_is_quicker)
    assert first.write(fitted) == Path("runs/t-2")
    assert ran[1] == Path("runs/t-1")
    assert sorted(os.listdir("runs")) == ["t-1", "t-2"]


def test_a_link_to_an_empty_directory_stays_and_leads_to_the_run(fitted):
    Path("store/empty").mkdir(parents=True)
    Path("link").symlink_to("store/empty")
    Path("dangling").symlink_to("store/later")
    for name, target in (("link", "empty"), ("dangling", "later")):
        RunDirectory(name, "t").write(fitted)
        assert Path(name).is_symlink()
        assert sorted(os.listdir(f"store/{target}")) == FILES
