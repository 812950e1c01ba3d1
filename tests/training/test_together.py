"""A condition that is asked after several epochs at once decides as one asked after each."""

import numpy as np
import pytest
from tests.training.problems import same, trained

import chainrule as cr
from chainrule.engine.executor import Executor

EPOCHS = 60
FALLING = cr.GradientDescent(cr.Exponential(0.5, 0.9))  # a loss that falls, and then hardly


@pytest.fixture
def runs(monkeypatch):
    """How many epochs each run of the executor was to complete."""
    found, run = [], Executor.run

    def counted(self, epoch):
        if self.program.ranges:
            found.append(epoch - self.epoch)
        return run(self, epoch)

    monkeypatch.setattr(Executor, "run", counted)
    return found


def both(epochs, state=(None, None), **options):
    """A training whose condition is asked seldom, and one whose condition is asked each time."""
    return [
        trained(
            epochs=epochs, batch_size=8, optimizer=FALLING, state=before,
            callbacks=[cr.Converged(**options), *others],
        )
        for before, others in zip(state, ([], [lambda _epoch: None]), strict=True)
    ]  # fmt: skip


def alike(one, other):
    (net, result), (reference, expected) = one, other
    same(net, reference)
    assert result.history == expected.history
    assert result.stopped == expected.stopped
    assert result.state.callbacks == expected.state.callbacks
    assert (result.state.epoch, result.state.step) == (expected.state.epoch, expected.state.step)


@pytest.mark.parametrize("min_delta", [0.0, 1e-3, 0.02, 10.0])
@pytest.mark.parametrize("patience", [1, 2, 3, 7, 25, 2 * EPOCHS])
def test_the_same_end_the_same_weights_and_the_same_memory(patience, min_delta, runs):
    seldom, often = both(EPOCHS, patience=patience, min_delta=min_delta)
    alike(seldom, often)
    last = seldom[1].state.epoch
    assert sum(runs) == 2 * last
    if patience > 1:
        assert len(runs) < 2 * last, "the first one was asked less often than the other"


@pytest.mark.parametrize("patience", [2, 4, 7])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_last_epoch_is_just_before_at_or_behind_the_end(patience, more, runs):
    options = {"patience": patience, "min_delta": 0.02}
    _, (_, result) = both(EPOCHS, **options)
    assert result.stopped.startswith("loss has not fallen")
    end, asked = result.state.epoch, np.cumsum(runs)
    assert end - patience not in asked, "the last fall was in the middle of a stretch"
    seldom, often = both(end + more, **options)
    alike(seldom, often)
    assert seldom[1].state.epoch == min(end + more, end)


@pytest.mark.parametrize("first", [1, 2, 5, 8])
def test_a_training_that_goes_on(first):
    options = {"patience": 7, "min_delta": 0.02}
    seldom, often = both(first, **options)
    alike(seldom, often)
    states = seldom[1].state, often[1].state
    alike(*both(EPOCHS, states, **options))


@pytest.mark.parametrize("after", [1, 4, 6, 7])
def test_epochs_completed_before_an_interruption_are_seen(after, monkeypatch):
    options = {"patience": 20, "min_delta": 0.02}
    _, (_, expected) = both(after, **options)
    run, pressed = Executor.run, []

    def interrupted(self, epoch):
        if self.program.ranges and not pressed:
            pressed.append(run(self, after))
            raise KeyboardInterrupt
        return run(self, epoch)

    monkeypatch.setattr(Executor, "run", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        (_, result), _ = both(EPOCHS, **options)
    assert result.state.epoch == after
    assert result.state.callbacks == expected.state.callbacks
    assert result.state.callbacks["Converged(loss)"]["best_epoch"] is not None
