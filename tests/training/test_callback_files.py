"""Files that a training writes after its epochs, and how it ends when a callback fails."""

import csv
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.training.problems import classes, classifier, same, trained
from threadpoolctl import threadpool_info

import chainrule as cr
from chainrule.activations import activations


def epochs_in(folder):
    return sorted(cr.load_checkpoint(path).state.epoch for path in Path(folder).iterdir())


# ------------------------------------------------------------------ Checkpoint


def test_the_last_ones_are_kept(tmp_path):
    trained(epochs=9, callbacks=[cr.Checkpoint(tmp_path / "a" / "b", keep=2)])
    assert epochs_in(tmp_path / "a" / "b") == [8, 9]


def test_one_is_written_after_every_so_many_epochs(tmp_path):
    trained(epochs=8, callbacks=[cr.Checkpoint(str(tmp_path), every=3)])
    assert epochs_in(tmp_path) == [3, 6]


def test_the_best_is_kept_beside_the_last(tmp_path):
    options = {"validation_data": classes(9), "optimizer": cr.Adam(0.05), "epochs": 60}
    callback = cr.Checkpoint(tmp_path, keep=2, monitor="val_loss")
    _, result = trained(**options, callbacks=[callback])
    best = int(np.argmin(result.history["val_loss"])) + 1
    assert best < 50
    assert epochs_in(tmp_path) == [best, 59, 60]
    found = cr.load_checkpoint(callback.best_path)
    same(found.network, trained(**options | {"epochs": best})[0])


def test_a_training_that_goes_on_removes_what_the_one_before_it_wrote(tmp_path):
    net, first = trained(epochs=4, callbacks=[cr.Checkpoint(tmp_path)])
    saved = cr.latest_checkpoint(tmp_path)
    trained(saved.network, epochs=2, state=saved.state, callbacks=[cr.Checkpoint(tmp_path)])
    assert epochs_in(tmp_path) == [4, 5, 6]
    trained(net, epochs=2, state=first.state, callbacks=[cr.Checkpoint(tmp_path)])
    assert epochs_in(tmp_path) == [4, 5, 6]


def test_what_it_did_not_write_is_never_removed(tmp_path):
    trained(epochs=1, callbacks=[cr.Checkpoint(tmp_path / "other")])
    foreign = {
        "checkpoint-1.safetensors": b"1", "notes.txt": b"2", ".checkpoint-00000001": b"3",
        "checkpoint-00000001.safetensors.bak": b"4", ".hidden": b"5",
    }  # fmt: skip
    for name, content in foreign.items():
        (tmp_path / "other" / name).write_bytes(content)
    saved = cr.latest_checkpoint(tmp_path / "other")
    trained(saved.network, epochs=9, state=saved.state,
            callbacks=[cr.Checkpoint(tmp_path / "other", keep=1)])  # fmt: skip
    for name, content in foreign.items():
        assert (tmp_path / "other" / name).read_bytes() == content
    assert len(os.listdir(tmp_path / "other")) == len(foreign) + 1


def test_what_a_killed_process_left_unfinished_is_removed(tmp_path):
    trained(epochs=2, callbacks=[cr.Checkpoint(tmp_path)])
    left = tmp_path / ".checkpoint-00000003.safetensors.ab12cd34"
    left.write_bytes(b"half")
    saved = cr.latest_checkpoint(tmp_path)
    trained(saved.network, epochs=1, state=saved.state, callbacks=[cr.Checkpoint(tmp_path)])
    assert not left.exists()


def test_a_training_that_went_back_is_the_latest(tmp_path):
    trained(epochs=5, callbacks=[cr.Checkpoint(tmp_path, keep=9)])
    saved = cr.load_checkpoint(tmp_path / "checkpoint-00000002.safetensors")
    time.sleep(0.02)  # the clock of the file system is a coarse one
    trained(saved.network, epochs=1, state=saved.state, optimizer=cr.Adam(0.5),
            callbacks=[cr.Checkpoint(tmp_path, keep=9)])  # fmt: skip
    assert cr.latest_checkpoint(tmp_path).state.epoch == 3


def refused(message, callback, net=None, **options):
    net = net or classifier()
    before, dtype = net.vector.copy(), net.dtype
    with pytest.raises(ValueError, match=message):
        trained(net, callbacks=[callback], **options)
    np.testing.assert_array_equal(net.vector, before)
    assert net.dtype == dtype


def test_a_folder_with_the_checkpoints_of_another_training_is_refused(tmp_path):
    trained(epochs=2, callbacks=[cr.Checkpoint(tmp_path)])
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    refused("checkpoints of another training", cr.Checkpoint(tmp_path))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    refused("folder of Checkpoint: .*file", cr.Checkpoint(tmp_path / "file"))
    refused("folder of Checkpoint: .*file", cr.Checkpoint(tmp_path / "file" / "below"))


def test_what_could_not_be_read_again_is_refused_before_any_work(tmp_path):
    own = cr.Dense(3, replace(activations["softmax"], name="mine"))
    net = cr.Network([own], "cross_entropy", inputs=3)
    refused("activation 'mine' is not registered", cr.Checkpoint(tmp_path), net)

    class Mine(cr.Adam):
        name = "mine"

    refused("'mine' is not registered", cr.Checkpoint(tmp_path), optimizer=Mine())
    assert not os.listdir(tmp_path)


def test_a_figure_that_is_not_computed_cannot_be_the_best(tmp_path):
    refused("monitor of Checkpoint: .*'auc'", cr.Checkpoint(tmp_path / "new", monitor="auc"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every of Checkpoint must be a whole number of at least 1, not 0"),
        ({"keep": 0}, "keep of Checkpoint must be a whole number of at least 1, not 0"),
        ({"keep": None}, "keep of Checkpoint must be .*, not None"),
        ({"monitor": 1}, "monitor of Checkpoint must be .*, not 1"),
        ({"folder": 1}, "folder of Checkpoint must be a path, not 1"),
    ],
)
def test_a_value_outside_its_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cr.Checkpoint(**{"folder": "run"} | options)


def test_a_full_disk_ends_the_training_and_leaves_the_files_whole(tmp_path, monkeypatch):
    def fail(handle):
        raise OSError("no space left on device")

    def fill(epoch):
        if epoch.number == 3:
            monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="no space left"):
        trained(epochs=9, callbacks=[cr.Checkpoint(tmp_path), fill])
    assert epochs_in(tmp_path) == [1, 2]


# ------------------------------------------------------------------ HistoryFile


def lines_of(path):
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return [{k: float(v) for k, v in row.items()} for row in rows]
    return [json.loads(line) for line in path.read_text().splitlines()]


def as_lines(history):
    return [
        {"epoch": n + 1} | {name: values[n] for name, values in history.items()}
        for n in range(history.epochs)
    ]


@pytest.fixture(params=["figures.csv", "figures.jsonl"])
def path(request, tmp_path):
    return tmp_path / request.param


OPTIONS = {"validation_share": 0.3, "metrics": ["accuracy"]}


def test_every_epoch_has_a_line_with_all_digits(path):
    _, result = trained(epochs=4, callbacks=[cr.HistoryFile(path)], **OPTIONS)
    assert lines_of(path) == as_lines(result.history)
    assert list(lines_of(path)[0]) == ["epoch", "loss", "val_loss", "val_accuracy"]


def test_each_line_is_there_after_its_epoch(path):
    seen = []
    callbacks = [cr.HistoryFile(path), lambda epoch: seen.append(len(lines_of(path)))]
    trained(epochs=3, callbacks=callbacks)
    assert seen == [1, 2, 3]


def test_a_training_that_goes_on_appends(path):
    net, first = trained(epochs=3, callbacks=[cr.HistoryFile(path)], **OPTIONS)
    _, result = trained(net, epochs=2, state=first.state, callbacks=[cr.HistoryFile(path)],
                        **OPTIONS)  # fmt: skip
    assert lines_of(path) == as_lines(result.history)
    assert result.history.epochs == 5


def test_lines_that_a_killed_training_wrote_after_its_checkpoint_are_not_doubled(path, tmp_path):
    folder = tmp_path / "run"
    trained(epochs=5, callbacks=[cr.HistoryFile(path), cr.Checkpoint(folder, every=3)])
    with path.open("a") as file:
        file.write('{"epo' if path.suffix == ".jsonl" else "6,0.3")
    saved = cr.latest_checkpoint(folder)
    assert saved.state.epoch == 3
    _, result = trained(saved.network, epochs=4, state=saved.state,
                        callbacks=[cr.HistoryFile(path)])  # fmt: skip
    assert lines_of(path) == as_lines(result.history)
    assert result.history.epochs == 7


@pytest.mark.parametrize("name", ["figures.txt", "figures", "csv", 3])
def test_another_ending_is_refused(name):
    with pytest.raises(ValueError, match=r"path of HistoryFile must end in .csv or .jsonl, not"):
        cr.HistoryFile(name)


def test_a_file_that_is_something_else_is_refused_and_left_alone(path):
    path.write_text("name;age\nAda;36\n")
    refused("path of HistoryFile", cr.HistoryFile(path))
    assert path.read_text() == "name;age\nAda;36\n"


# ------------------------------------------------------------------ TimeLimit


def test_a_training_ends_after_the_epoch_in_which_the_time_has_passed():
    _, result = trained(epochs=10**6, callbacks=[cr.TimeLimit(0.05)])
    assert "0.05 s" in result.stopped
    assert 0 < result.history.epochs == result.state.epoch < 10**6


def test_a_time_that_has_passed_before_the_first_epoch_is_over_still_lets_it_end():
    _, result = trained(epochs=9, callbacks=[cr.TimeLimit(1e-9)])
    assert result.history.epochs == 1


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "1"])
def test_a_time_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError, match=r"seconds of TimeLimit must be .*, not"):
        cr.TimeLimit(seconds)


# ------------------------------------------------------------------ callbacks that fail


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, GeneratorExit])
def test_an_error_of_a_callback_leaves_the_last_epoch_and_nothing_running(error):
    states = []

    def fail(epoch):
        states.append(epoch.state)
        if epoch.number == 3:
            raise error

    def blas():
        return [(p["filepath"], p["num_threads"]) for p in threadpool_info()]

    running, limits = set(threading.enumerate()), blas()
    net = classifier()
    options = {"epochs": 9, "threads": 2, "callbacks": [cr.EarlyStopping("loss"), fail]}
    with pytest.raises(error):
        trained(net, **options)
    assert set(threading.enumerate()) == running
    assert blas() == limits
    reference, until = trained(epochs=3)
    same(net, reference)
    assert (states[-1].epoch, states[-1].step) == (3, until.state.step)
    np.testing.assert_array_equal(states[-1].vector, until.state.vector)
    trained(net, epochs=2, state=states[-1])
    same(net, trained(epochs=5)[0])
