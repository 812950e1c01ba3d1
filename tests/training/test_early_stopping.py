"""Early stopping, time limits, and errors and interruptions of callbacks."""

import math
import threading
import time

import numpy as np
import pytest
from tests.training.problems import classes, classifier, same, trained
from threadpoolctl import threadpool_info

import chainrule as cr
from chainrule.metrics import metrics
from chainrule.training.callbacks import Epoch
from chainrule.training.history import History, TrainingState

X, Y = classes()
WORSE = {"validation_data": (X, (Y + 1) % 3), "optimizer": cr.Adam(0.05), "epochs": 60}


def answers(callback, name, figures):
    """What a callback says to a sequence of figures, with weights that are the epoch's number."""
    net = cr.Network([cr.Dense(1)], inputs=1)
    state, history = TrainingState(cr.Adam(), np.zeros(4, np.float32)), History()
    callback.start(["loss", name])
    found = []
    for number, value in enumerate(figures, start=1):
        history.append({"loss": value} | {name: value})
        net.vector[:] = number
        found.append(callback(Epoch(number, number, net, history, lambda: state)))
    return found


# ------------------------------------------------------------------ when it stops


def test_it_stops_after_so_many_epochs_without_an_improvement_and_says_so():
    found = answers(cr.EarlyStopping(patience=3), "val_loss", [3, 2, 2.5, 1.234567, 2, 2, 2])
    assert found[:-1] == [None] * 6
    assert found[-1] == "val_loss has not improved for 3 epochs (best 1.235 in epoch 4)"


@pytest.mark.parametrize("metric", list(metrics), ids=lambda m: m.name)
@pytest.mark.parametrize("prefix", ["", "val_"])
def test_what_is_better_the_metric_says(metric, prefix):
    figures = [0.1, 0.5, 0.4, 0.3] if metric.greater_is_better else [0.9, 0.5, 0.6, 0.7]
    name = prefix + metric.name
    callback = cr.EarlyStopping(name, patience=2)
    assert [bool(f) for f in answers(callback, name, figures)] == [False, False, False, True]
    assert callback.best_epoch == 2


def test_less_than_min_delta_is_no_improvement():
    found = answers(cr.EarlyStopping(patience=2, min_delta=0.1), "val_loss", [1, 0.95, 0.91, 0.8])
    assert [bool(f) for f in found] == [False, False, True, False]


def test_a_figure_that_never_is_a_number_stops_it_too():
    found = answers(cr.EarlyStopping(patience=2), "val_loss", [math.nan] * 2)
    assert found[-1] == "val_loss has not improved for 2 epochs (it never was a number)"


# ------------------------------------------------------------------ the best weights


@pytest.mark.parametrize("held_out", [{"validation_share": 0.4}, {}], ids=["share", "own"])
def test_the_weights_of_the_best_epoch_come_back(held_out):
    options = WORSE | held_out
    if held_out:
        options.pop("validation_data")
    net, result = trained(callbacks=[cr.EarlyStopping(patience=5)], **options)
    figures = result.history["val_loss"]
    best = int(np.argmin(figures)) + 1
    assert (result.best_epoch, result.state.epoch) == (best, best)
    assert len(figures) == best + 5
    assert result.stopped.endswith(f"in epoch {best})")
    same(net, trained(**options | {"epochs": best})[0])


def test_they_come_back_when_the_epochs_are_over():
    net, result = trained(callbacks=[cr.EarlyStopping(patience=50)], **WORSE | {"epochs": 20})
    assert result.stopped == "epochs"
    assert result.history.epochs == 20 > result.best_epoch
    same(net, trained(**WORSE | {"epochs": result.best_epoch})[0])


def test_they_come_back_after_an_interruption():
    def interrupt(epoch):
        if epoch.number == 15:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        net, result = trained(callbacks=[cr.EarlyStopping(patience=50), interrupt], **WORSE)
    assert result.stopped == "interrupted"
    assert result.best_epoch < 15
    same(net, trained(**WORSE | {"epochs": result.best_epoch})[0])


def test_without_restore_best_those_of_the_last_epoch_stay():
    callback = cr.EarlyStopping(patience=5, restore_best=False)
    net, result = trained(callbacks=[callback], **WORSE)
    same(net, trained(**WORSE | {"epochs": result.history.epochs})[0])
    assert result.state.epoch == result.history.epochs == result.best_epoch + 5


def test_what_came_back_can_go_on():
    net, result = trained(callbacks=[cr.EarlyStopping(patience=5)], **WORSE)
    options = WORSE | {"epochs": 3}
    trained(net, state=result.state, **options)
    same(net, trained(**WORSE | {"epochs": result.best_epoch + 3})[0])


def test_one_that_is_used_again_starts_afresh():
    callback = cr.EarlyStopping(patience=5)
    one, first = trained(callbacks=[callback], **WORSE)
    other, second = trained(callbacks=[callback], **WORSE)
    same(one, other)
    assert first.stopped == second.stopped


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience of EarlyStopping must be a whole number .*, not 0"),
        ({"patience": 2.5}, "patience of EarlyStopping must be a whole number .*, not 2.5"),
        ({"min_delta": -1}, "min_delta of EarlyStopping must be at least 0, not -1"),
        ({"min_delta": math.nan}, "min_delta of EarlyStopping must be at least 0, not nan"),
        ({"monitor": 3}, "monitor of EarlyStopping must be the name of a figure, not 3"),
        ({"restore_best": 1}, "restore_best of EarlyStopping must be True or False, not 1"),
    ],
)
def test_what_is_outside_its_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cr.EarlyStopping(**options)


def test_an_unknown_figure_is_refused_before_any_work():
    net = classifier()
    before = net.vector.copy()
    with pytest.raises(ValueError, match=r"monitor of EarlyStopping: .*'val_loss'.*there are loss"):
        trained(net, callbacks=[cr.EarlyStopping()])
    np.testing.assert_array_equal(net.vector, before)
    assert net.dtype == "float32"


# ------------------------------------------------------------------ time


def test_a_time_limit_ends_the_training_after_a_whole_epoch():
    result = trained(epochs=10**6, callbacks=[lambda _: time.sleep(0.02), cr.TimeLimit(0.1)])[1]
    assert result.stopped == "0.1 seconds have passed"
    assert result.state.step == 5 * result.history.epochs
    assert result.history.epochs <= 6


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan, "a"])
def test_a_time_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError, match="seconds of TimeLimit must be a positive number, not"):
        cr.TimeLimit(seconds)


# ------------------------------------------------------------------ errors


def blas():
    return sorted(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_of_a_callback_reaches_the_caller_and_leaves_the_last_epoch(threads):
    trained(threads=threads)
    before, alive, states = blas(), threading.active_count(), []

    def fail(epoch):
        states.append(epoch.state)
        if epoch.number == 4:
            raise RuntimeError("of the callback")

    options = {"data": classes(rows=3000), "batch_size": 1000, "threads": threads}
    net = classifier()
    with pytest.raises(RuntimeError, match="of the callback"):
        trained(net, epochs=9, callbacks=[fail], **options)
    assert blas() == before
    assert threading.active_count() == alive
    state = states[-1]
    assert (state.epoch, state.step, state.history.epochs) == (4, 12, 4)
    same(net, trained(epochs=4, **options)[0])
    trained(net, epochs=5, state=state, **options)
    same(net, trained(epochs=9, **options)[0])
