"""A training goes on from a checkpoint bit for bit."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.training.problems import classes, classifier, same, trained

import chainrule as cr
from chainrule.optimizers import OPTIMIZERS
from chainrule.training.history import TrainingState
from chainrule.training.resuming import file_name

OPTIMIZER = pytest.mark.parametrize(
    "optimizer", [c() for c in dict.fromkeys(OPTIMIZERS.values())], ids=lambda o: o.name
)


def options(folder, **more):
    return {
        "seed": 3, "validation_share": 0.3, "metrics": ["accuracy"],
        "callbacks": [cr.EarlyStopping(patience=50), cr.Checkpoint(folder, keep=20)],
    } | more  # fmt: skip


@OPTIMIZER
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_five_epochs_and_five_from_the_checkpoint_are_ten(optimizer, dtype, threads, tmp_path):
    same_options = {"optimizer": optimizer, "threads": threads}
    whole, ten = trained(classifier(dtype=dtype), epochs=10, **options(tmp_path / "w"),
                         **same_options)  # fmt: skip
    trained(classifier(dtype=dtype), epochs=5, **options(tmp_path / "p"), **same_options)
    saved = cr.load_checkpoint(tmp_path / "p" / file_name(5))
    assert saved.state.optimizer == optimizer
    assert saved.history.epochs == saved.state.epoch == 5
    parts, more = trained(saved.network, epochs=5, state=saved.state,
                          **options(tmp_path / "p", threads=threads))  # fmt: skip
    same(whole, parts)
    assert dict(more.history) == dict(ten.history)
    assert more.best_epoch == ten.best_epoch
    last = [cr.load_checkpoint(tmp_path / run / file_name(10)) for run in "wp"]
    same(last[0].network, last[1].network)
    np.testing.assert_array_equal(last[0].state.vector, last[1].state.vector)
    assert (last[0].state.step, last[0].state.epoch) == (last[1].state.step, 10)


def test_early_stopping_decides_as_in_one_run_wherever_that_is_cut(tmp_path):
    X, y = classes()
    data = {"data": (X, y), "validation_data": (X, (y + 1) % 3), "metrics": []}
    stopping = {"epochs": 40, "optimizer": cr.Adam(0.05)}

    def callbacks(folder):
        return [cr.EarlyStopping(patience=4), cr.Checkpoint(tmp_path / folder, keep=99)]

    whole, one = trained(callbacks=callbacks("whole"), **data, **stopping)
    assert one.stopped.startswith("val_loss has not improved for 4 epochs (best ")
    ends = one.history.epochs
    assert ends < 40
    for epoch in range(1, ends + 1):
        saved = cr.load_checkpoint(tmp_path / "whole" / file_name(epoch))
        net, more = trained(saved.network, callbacks=callbacks(f"from{epoch}"), state=saved.state,
                            **data, **stopping)  # fmt: skip
        same(net, whole)
        assert (more.stopped, more.best_epoch) == (one.stopped, one.best_epoch)
        assert dict(more.history) == dict(one.history)


def test_every_field_of_the_state_comes_back(tmp_path):
    _, result = trained(epochs=2, shuffle=False, seed=9, callbacks=[cr.Checkpoint(tmp_path)])
    found = cr.latest_checkpoint(tmp_path).state
    for field in dataclasses.fields(TrainingState):
        one, other = getattr(found, field.name), getattr(result.state, field.name)
        if field.name == "vector":
            np.testing.assert_array_equal(one, other)
        elif field.name == "history":
            assert dict(one) == dict(other)
        else:
            assert one == other, field.name
    assert (found.shuffle, found.batch_size, found.seed) == (False, 8, 9)


# ------------------------------------------------------------------ the latest


def test_the_latest_is_that_of_the_latest_epoch(tmp_path):
    assert cr.latest_checkpoint(tmp_path) is None
    assert cr.latest_checkpoint(tmp_path / "missing") is None
    trained(epochs=4, callbacks=[cr.Checkpoint(tmp_path)])
    saved = cr.latest_checkpoint(str(tmp_path))
    assert (saved.state.epoch, saved.path) == (4, tmp_path / file_name(4))


def test_one_that_cannot_be_read_is_reported_and_the_one_before_is_taken(tmp_path):
    trained(epochs=4, callbacks=[cr.Checkpoint(tmp_path)])
    (tmp_path / file_name(4)).write_bytes(b"half")
    with pytest.warns(UserWarning, match=r"left out: .*checkpoint-00000004"):
        assert cr.latest_checkpoint(tmp_path).state.epoch == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_training_killed_at_any_moment_goes_on_bit_for_bit():
    script = Path(__file__).parents[1] / "soak" / "kills.py"  # it forks: not from these tests
    done = subprocess.run(
        [sys.executable, script, "--kills", "5", "--epochs", "30"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "kills=" in done.stdout
