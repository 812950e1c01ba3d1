"""Guards of the speed that measure no time: what a step must not do."""

import sys
import tracemalloc

import numpy as np
import pytest

from chainrule.engine import executor as executor_module
from chainrule.engine.executor import Executor
from chainrule.layers import Dense
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.optimizers import Adam

BATCH = 4


@pytest.fixture(autouse=True)
def one_slice(monkeypatch):
    """Control comes back to Python when the run is over, however slow the machine."""
    monkeypatch.setattr(executor_module, "SLICE", 1e6)


def table():
    layers = [Dense(64, "relu"), Dense(64, "relu"), Dense(1, "logistic")]
    return Network(layers, loss="binary_cross_entropy", inputs=20, seed=0)


def executor(batches, epochs):
    net, rows = table(), batches * BATCH
    rng = np.random.default_rng(0)
    sources = {
        "X": rng.normal(size=(rows, 20)).astype("float32"),
        "Y": rng.integers(0, 2, (rows, 1)).astype("float32"),
    }
    program = lower(net, "train", BATCH, Adam(), sources=sources)
    state = np.zeros(program.states * program.parameters, "float32")
    run = Executor(program, net.vector, sources, rows, BATCH, state=state, shuffled=True,
                   epochs=epochs)  # fmt: skip
    run._tile_seconds = 1e-6
    return run


def calls_during(batches, epochs):
    """Calls of Python and C functions while the executor runs."""
    count = 0

    def counter(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    with executor(batches, epochs) as run:
        run.run(1)  # whatever is done once
        run.restart()
        run._tile_seconds = 1e-6
        before = sys.getprofile()
        sys.setprofile(counter)
        try:
            run.run(epochs)
        finally:
            sys.setprofile(before)
    assert run.step == batches * epochs
    return count


def test_a_step_of_the_standard_network_has_so_many_instructions():
    """Gather X and Y, 6 forward, 2 of the loss; delta, 3 + 3 + 2 and 2 activations; 3 at the end.

    One more is a pass over memory more in each step: raise the number only for a reason.
    """
    program = lower(table(), "train", 128, Adam())
    phases = [i.phase for i in program.instructions]
    assert [phases.count(phase) for phase in range(4)] == [10, 11, 2, 1]


def test_python_is_not_called_between_batches():
    few = calls_during(10, 1)
    assert calls_during(1000, 1) == few < 100


def test_python_is_not_called_between_epochs():
    assert calls_during(10, 1) == calls_during(10, 50)


def peak_during(batches, epochs):
    """The most memory that was allocated at once while the executor ran, in bytes."""
    with executor(batches, epochs) as run:
        run.run(1)
        run.restart()
        run._tile_seconds = 1e-6
        tracemalloc.start()
        try:
            run.run(epochs)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_memory_does_not_grow_with_epochs_or_batches():
    losses = 8 * 50  # a float64 for each epoch is copied along with the parameters
    least = peak_during(10, 1)
    assert least > 1000, "NumPy's allocations are seen"
    for batches, epochs in ((10, 50), (1000, 1), (1000, 50)):
        assert peak_during(batches, epochs) <= least + losses + 512
