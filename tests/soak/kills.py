"""Trainings killed at random moments go on from their checkpoints as if nothing had been.

    python tests/soak/kills.py --kills 500

Each training is a process of its own, forked from this one, and killed by SIGKILL after a random
time. Then every checkpoint that it left must load, and a new process goes on from the latest. When
a training has come to its end, weights, history and the decision of early stopping must be those of
one that was never killed, bit for bit; then the next one begins.
"""

import argparse
import csv
import os
import random
import signal
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.training.resuming import in_folder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = np.sin(2 * X[:, 0]) + 0.3 * RNG.normal(size=60)


@dataclass
class Report:
    """What was seen.

    Attributes:
        kills: processes that were killed while they trained.
        loaded: checkpoint files that were read after a kill.
        finished: trainings that came to their end, equal to the uninterrupted one.
        without: kills before the first checkpoint.
    """

    kills: int = 0
    loaded: int = 0
    finished: int = 0
    without: int = 0


def train(folder, epochs):
    """Train to the end, from the latest checkpoint if there is one; leave the result in a file."""
    saved = cr.latest_checkpoint(folder / "checkpoints")
    network = cr.Network([cr.Dense(8, "tanh"), cr.Dense(1)], "mse", inputs=3, seed=1)
    network, state = (saved.network, saved.state) if saved else (network, None)
    result = cr.train(
        network, X, Y, optimizer=cr.Adam(0.02), epochs=epochs - (state.epoch if state else 0),
        batch_size=20, validation_share=0.3, metrics=["r2"], threads=1, state=state,
        callbacks=[
            cr.EarlyStopping(patience=40), cr.HistoryFile(folder / "history.csv"),
            cr.Checkpoint(folder / "checkpoints", monitor="val_loss"),
        ],
    )  # fmt: skip
    np.savez(
        folder / "ending.npz", weights=network.vector, state=result.state.vector,
        stopped=result.stopped, best=result.best_epoch, **result.history,
    )  # fmt: skip
    os.rename(folder / "ending.npz", folder / "result.npz")


def start(folder, epochs):
    """The id of a new process that trains."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        warnings.simplefilter("error")  # such as one of a checkpoint that cannot be read
        train(folder, epochs)
        code = 0
    finally:
        os._exit(code)


def results(folder):
    """What a training that came to its end left, by name."""
    with np.load(folder / "result.npz") as file:
        return {name: file[name] for name in file.files}


def rows(folder):
    """The history file."""
    with (folder / "history.csv").open() as file:
        return list(csv.reader(file))


def soak(kills, epochs, seed=0):
    """Kill as many times, and check all that is said above.

    Raises:
        AssertionError: if anything is not as it should be.
    """
    rng, report = random.Random(seed), Report()
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name, "whole")
        whole.mkdir()
        train(whole, epochs)  # which compiles what is not in the cache
        expected, lines = results(whole), rows(whole)
        begun = time.perf_counter()
        train(whole_again := _new(name, "timed"), epochs)
        seconds = time.perf_counter() - begun
        assert rows(whole_again) == lines
        number = 0
        while report.kills < kills:
            number += 1
            folder = _new(name, f"training-{number}")
            longest = seconds / 2  # of a life; more each time, so that a slow machine comes through
            while not _killed_or_done(start(folder, epochs), rng.uniform(0, longest)):
                longest *= 1.2
                report.kills += 1
                files = (
                    in_folder(folder / "checkpoints") if (folder / "checkpoints").exists() else []
                )
                report.without += not files
                for path in files:
                    cr.load_checkpoint(path)
                    report.loaded += 1
            found = results(folder)
            assert found.keys() == expected.keys()
            for key, value in expected.items():
                np.testing.assert_array_equal(found[key], value, err_msg=key)
            assert rows(folder) == lines
            left = sorted(path.name for path in (folder / "checkpoints").iterdir())
            assert left == sorted(path.name for path in (whole / "checkpoints").iterdir())
            report.finished += 1
    return report


def _new(name, folder):
    path = Path(name, folder)
    path.mkdir()
    return path


def _killed_or_done(child, seconds):
    """Kill a process after some time: False, or True if it came to its end before."""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), f"the training failed with {code}"
    return code == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=120, help="of each training")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begin = time.perf_counter()
    done = soak(options.kills, options.epochs, options.seed)
    print(f"{done} in {time.perf_counter() - begin:.0f} s")
