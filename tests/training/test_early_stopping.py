"""Early stopping: it stops when nothing improves, and goes back to the best epoch."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from tests.training.problems import classes, classifier, same, trained

import chainrule as cr
from chainrule.metrics import metrics
from chainrule.training.callbacks import Epoch
from chainrule.training.history import History, TrainingState

TO_OVERFIT = {"epochs": 200, "optimizer": cr.Adam(0.05), "validation_data": classes(9)}


def answers(callback, figures):
    """What it says of a sequence of figures."""
    callback.start([callback.monitor])
    network = SimpleNamespace(vector=np.zeros(1))
    history, found = History(), []
    state = TrainingState(cr.Adam(), np.zeros(2), history=history)
    for number, value in enumerate(figures, start=1):
        history.append({callback.monitor: value})
        found.append(callback(Epoch(number, number, network, history, lambda: state)))
    return found


def test_it_stops_when_the_validation_no_longer_improves():
    _, result = trained(**TO_OVERFIT, callbacks=[cr.EarlyStopping(patience=5)])
    figures = result.history["val_loss"]
    best = int(np.argmin(figures)) + 1
    assert len(figures) == best + 5 < 200
    assert result.best_epoch == best
    assert result.stopped == (
        f"val_loss has not improved for 5 epochs (best {min(figures):.4g} at epoch {best})"
    )


def test_the_weights_and_the_state_of_the_best_epoch_are_put_back():
    net, result = trained(**TO_OVERFIT, callbacks=[cr.EarlyStopping(patience=5)])
    reference, until = trained(**TO_OVERFIT | {"epochs": result.best_epoch})
    same(net, reference)
    assert (result.state.epoch, result.state.step) == (until.state.epoch, until.state.step)
    np.testing.assert_array_equal(result.state.vector, until.state.vector)
    assert dict(result.state.history) == dict(until.history)
    for each, last in ((net, result), (reference, until)):
        trained(each, **TO_OVERFIT | {"epochs": 2, "state": last.state, "optimizer": None})
    same(net, reference)


def test_without_restore_best_the_last_weights_stay():
    callback = cr.EarlyStopping(patience=5, restore_best=False)
    net, result = trained(**TO_OVERFIT, callbacks=[callback])
    reference, _ = trained(**TO_OVERFIT | {"epochs": result.history.epochs})
    same(net, reference)
    assert result.best_epoch == result.history.epochs - 5


def test_a_training_that_ends_by_its_epochs_goes_back_too():
    options = TO_OVERFIT | {"epochs": 60}
    net, result = trained(**options, callbacks=[cr.EarlyStopping(patience=1000)])
    assert result.stopped == "epochs"
    assert result.best_epoch < 60
    same(net, trained(**options | {"epochs": result.best_epoch})[0])


def test_an_interrupted_training_goes_back_too():
    def interrupt(epoch):
        if epoch.number == 60:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        net, result = trained(**TO_OVERFIT, callbacks=[cr.EarlyStopping(patience=1000), interrupt])
    assert result.stopped == "interrupted"
    assert result.history.epochs == 60 > result.best_epoch
    same(net, trained(**TO_OVERFIT | {"epochs": result.best_epoch})[0])


def test_it_works_with_a_share_that_is_held_out():
    options = {"epochs": 200, "optimizer": cr.Adam(0.05), "validation_share": 0.3}
    _, result = trained(**options, callbacks=[cr.EarlyStopping(patience=5)])
    figures = result.history["val_loss"]
    assert result.best_epoch == int(np.argmin(figures)) + 1 == len(figures) - 5


@pytest.mark.parametrize("metric", list(metrics), ids=lambda m: m.name)
@pytest.mark.parametrize("prefix", ["", "val_"])
def test_every_metric_improves_in_its_own_direction(metric, prefix):
    callback = cr.EarlyStopping(prefix + metric.name, patience=2)
    better = [0.1, 0.2, 0.3, 0.4] if metric.greater_is_better else [0.4, 0.3, 0.2, 0.1]
    assert answers(callback, better) == [None] * 4
    assert callback.best_epoch == 4
    found = answers(callback, better[::-1])
    assert found[:2] == [None, None]
    assert found[2].endswith("at epoch 1)")


@pytest.mark.parametrize(
    ("figures", "min_delta", "best", "stops"),
    [
        ([1.0, 0.95, 0.91], 0.1, 1, True),  # less than min_delta each
        ([1.0, 0.95, 0.89], 0.1, 3, False),  # more than that below the best
        ([1.0, 1.0, 1.0], 0.0, 1, True),  # equal is no improvement
        ([math.nan, 1.0, math.nan], 0.0, 2, False),
        ([1.0, math.nan, math.nan], 0.0, 1, True),
        ([math.nan, math.nan, math.nan], 0.0, None, True),
        ([math.inf, 2.0, 3.0], 0.0, 2, False),
    ],
)
def test_what_counts_as_an_improvement(figures, min_delta, best, stops):
    callback = cr.EarlyStopping("loss", patience=2, min_delta=min_delta)
    found = answers(callback, figures)
    assert callback.best_epoch == best
    assert bool(found[-1]) == stops


def test_a_training_on_nothing_but_nan_has_no_best_epoch():
    callback = cr.EarlyStopping("loss", patience=1)
    assert answers(callback, [math.nan]) == [
        "loss has not improved for 1 epochs (it never was a number)"
    ]


def test_it_starts_afresh_with_each_training():
    callback = cr.EarlyStopping(patience=5)
    first, second = (trained(**TO_OVERFIT, callbacks=[callback])[1] for _ in range(2))
    assert first.history.epochs == second.history.epochs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience of EarlyStopping must be a whole number of at least 1, not 0"),
        ({"patience": 1.5}, "patience of EarlyStopping must be .*, not 1.5"),
        ({"min_delta": -1}, "min_delta of EarlyStopping must be at least 0, not -1"),
        ({"min_delta": math.nan}, "min_delta of EarlyStopping must be at least 0, not nan"),
        ({"restore_best": 1}, "restore_best of EarlyStopping must be True or False, not 1"),
        ({"monitor": 3}, "monitor of EarlyStopping must be .*, not 3"),
    ],
)
def test_a_value_outside_its_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cr.EarlyStopping(**options)


def test_a_figure_that_is_not_computed_is_refused_before_any_work():
    net = classifier()
    before = net.vector.copy()
    message = "monitor of EarlyStopping: there is no figure 'val_loss' to watch; there are loss"
    with pytest.raises(ValueError, match=message):
        trained(net, callbacks=[cr.EarlyStopping()])
    np.testing.assert_array_equal(net.vector, before)
