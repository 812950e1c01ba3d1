"""Callbacks that write files: checkpoints and histories."""

import csv
import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.training.problems import classes, classifier, same, trained

import chainrule as cr
from chainrule.activations import activations
from chainrule.training.resuming import file_name


def names(folder):
    return sorted(os.listdir(folder))


# ------------------------------------------------------------------ Checkpoint


@pytest.mark.parametrize(
    ("every", "keep", "epochs"), [(1, 3, [5, 6, 7]), (2, 2, [4, 6]), (3, 9, [3, 6]), (8, 1, [])]
)
def test_the_last_few_are_kept(every, keep, epochs, tmp_path):
    folder = tmp_path / "new" / "one"
    callback = cr.Checkpoint(folder, every=every, keep=keep)
    trained(epochs=7, callbacks=[callback])
    assert names(folder) == [file_name(epoch) for epoch in epochs]
    assert callback.paths == [folder / name for name in names(folder)]


def test_each_holds_the_training_as_it_was_then(tmp_path):
    trained(epochs=4, callbacks=[cr.Checkpoint(tmp_path, keep=9)])
    for epoch in range(1, 5):
        net, result = trained(epochs=epoch)
        saved = cr.load_checkpoint(tmp_path / file_name(epoch))
        same(saved.network, net)
        assert dict(saved.history) == dict(result.history)


def test_the_best_is_kept_as_well(tmp_path):
    X, y = classes()
    callback = cr.Checkpoint(tmp_path, keep=1, monitor="val_loss")
    _, result = trained(epochs=30, optimizer=cr.Adam(0.05), callbacks=[callback],
                        validation_data=(X, (y + 1) % 3))  # fmt: skip
    best = int(np.argmin(result.history["val_loss"])) + 1
    assert names(tmp_path) == [file_name(best), file_name(30)]
    assert callback.best_path == tmp_path / file_name(best)


def test_what_it_did_not_write_stays(tmp_path):
    others = ["notes.txt", "checkpoint-1.safetensors", "mine-00000001.safetensors"]
    for name in others:
        (tmp_path / name).write_text("mine")
    trained(epochs=9, callbacks=[cr.Checkpoint(tmp_path, keep=1)])
    assert names(tmp_path) == sorted([*others, file_name(9)])


def test_a_training_that_goes_on_removes_its_older_ones_too(tmp_path):
    net, first = trained(epochs=3, callbacks=[cr.Checkpoint(tmp_path)])
    trained(net, epochs=3, state=first.state, callbacks=[cr.Checkpoint(tmp_path, keep=2)])
    assert names(tmp_path) == [file_name(5), file_name(6)]


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    (tmp_path / f".{file_name(3)}.x8s_d").write_bytes(b"half")
    trained(callbacks=[cr.Checkpoint(tmp_path, keep=1)])
    assert names(tmp_path) == [file_name(3)]


def test_the_checkpoints_of_another_training_are_neither_removed_nor_replaced(tmp_path):
    trained(callbacks=[cr.Checkpoint(tmp_path)])
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    with pytest.raises(ValueError, match="holds checkpoints of another training"):
        trained(callbacks=[cr.Checkpoint(tmp_path)])
    assert before == {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every of Checkpoint must be .*, not 0"),
        ({"keep": 0}, "keep of Checkpoint must be .*, not 0"),
        ({"keep": 1.5}, "keep of Checkpoint must be .*, not 1.5"),
        ({"folder": 3}, "folder of Checkpoint must be a path, not 3"),
        ({"monitor": 3}, "monitor of Checkpoint must be a figure's name, not 3"),
    ],
)
def test_what_is_outside_its_range_is_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        cr.Checkpoint(**{"folder": tmp_path} | options)


def occupied(path):
    path.write_text("a file")
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: cr.Checkpoint(occupied(path)), "folder of Checkpoint: .* cannot be written"),
        (lambda path: cr.Checkpoint(occupied(path) / "a"), "folder of Checkpoint: .* cannot be wr"),
        (lambda path: cr.Checkpoint(path, monitor="val_loss"), "monitor of Checkpoint: .*val_loss"),
        (lambda path: cr.HistoryFile(occupied(path) / "h.csv"), "path of HistoryFile: .* cannot"),
    ],
)
def test_what_cannot_be_written_or_watched_is_refused_before_any_work(make, message, tmp_path):
    net = classifier()
    before = net.vector.copy()
    with pytest.raises(ValueError, match=message):
        trained(net, callbacks=[make(tmp_path / "place")])
    np.testing.assert_array_equal(net.vector, before)
    assert net.dtype == "float32"


# ------------------------------------------------------------------ HistoryFile


def read(path):
    """(epochs, columns) of a history file."""
    with path.open() as file:
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in file]
        else:
            rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return columns.pop("epoch"), columns


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_each_epoch_is_a_line_in_full_precision_as_soon_as_it_is_over(ending, tmp_path):
    path = tmp_path / f"history.{ending}"
    lines = []
    _, result = trained(
        epochs=4, metrics=["accuracy"], validation_share=0.3,
        callbacks=[cr.HistoryFile(path), lambda _: lines.append(path.read_text().count("\n"))],
    )  # fmt: skip
    head = ending == "csv"
    assert lines == [1 + head, 2 + head, 3 + head, 4 + head]
    assert read(path) == ([1, 2, 3, 4], dict(result.history))


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("later", [0, 2])
def test_a_training_that_goes_on_writes_each_epoch_once(ending, later, tmp_path):
    """Also where the file has epochs that the state does not know, and a line that was cut."""
    path = tmp_path / f"history.{ending}"
    net, first = trained(epochs=3, callbacks=[cr.HistoryFile(path)])
    if later:
        trained(net.copy(), epochs=later, state=first.state, callbacks=[cr.HistoryFile(path)])
        path.write_text(path.read_text() + "7")
    _, second = trained(net, epochs=3, state=first.state, callbacks=[cr.HistoryFile(path)])
    assert read(path) == ([1, 2, 3, 4, 5, 6], dict(second.history))


def test_a_new_training_replaces_the_file_of_an_earlier_one(tmp_path):
    callback = cr.HistoryFile(tmp_path / "history.csv")
    for epochs in (5, 2):
        trained(epochs=epochs, callbacks=[callback])
    assert read(callback.path)[0] == [1, 2]


def test_figures_that_are_not_finite_are_null_in_json(tmp_path):
    path = tmp_path / "history.jsonl"
    X, _ = classes()
    huge = (np.full((2, 3), 1e30), np.array([0, 1]))
    net = cr.Network([cr.Dense(1)], "mse", inputs=3, dtype="float32")
    result = cr.train(net, X, X[:, 0], epochs=1, validation_data=huge,
                      callbacks=[cr.HistoryFile(path)])  # fmt: skip
    assert not math.isfinite(result.history["val_loss"][0])
    assert read(path)[1]["val_loss"] == [None]


@pytest.mark.parametrize("path", ["history.txt", "history", 3, None])
def test_another_ending_is_refused(path):
    with pytest.raises(ValueError, match=r"must end in \.csv or \.jsonl, not"):
        cr.HistoryFile(path)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_file_of_another_kind_is_not_replaced(ending, tmp_path):
    path = tmp_path / f"data.{ending}"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="holds something else"):
        trained(callbacks=[cr.HistoryFile(path)])
    assert path.read_text() == "a,b\n1,2\n"


# ------------------------------------------------------------------ going back, failing


def epochs_in(folder):
    return sorted(cr.load_checkpoint(path).state.epoch for path in Path(folder).iterdir())


def refused(message, callback, net=None, **options):
    net = net or classifier()
    before, dtype = net.vector.copy(), net.dtype
    with pytest.raises(ValueError, match=message):
        trained(net, callbacks=[callback], **options)
    np.testing.assert_array_equal(net.vector, before)
    assert net.dtype == dtype


def test_a_training_that_went_back_is_the_latest(tmp_path):
    trained(epochs=5, callbacks=[cr.Checkpoint(tmp_path, keep=9)])
    saved = cr.load_checkpoint(tmp_path / "checkpoint-00000002.safetensors")
    time.sleep(0.02)  # the clock of the file system is a coarse one
    trained(saved.network, epochs=1, state=saved.state, optimizer=cr.Adam(0.5),
            callbacks=[cr.Checkpoint(tmp_path, keep=9)])  # fmt: skip
    assert cr.latest_checkpoint(tmp_path).state.epoch == 3


def test_what_could_not_be_read_again_is_refused_before_any_work(tmp_path):
    own = cr.Dense(3, replace(activations["softmax"], name="mine"))
    net = cr.Network([own], "cross_entropy", inputs=3)
    refused("activation 'mine' is not registered", cr.Checkpoint(tmp_path), net)

    class Mine(cr.Adam):
        name = "mine"

    refused("'mine' is not registered", cr.Checkpoint(tmp_path), optimizer=Mine())
    assert not os.listdir(tmp_path)


def test_a_full_disk_ends_the_training_and_leaves_the_files_whole(tmp_path, monkeypatch):
    def fail(handle):
        raise OSError("no space left on device")

    def fill(epoch):
        if epoch.number == 3:
            monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="no space left"):
        trained(epochs=9, callbacks=[cr.Checkpoint(tmp_path), fill])
    assert epochs_in(tmp_path) == [1, 2]
