"""What is called after each epoch, and the conditions that end a training."""

import math
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.metrics import metrics
from chainrule.training.callbacks import Epoch
from chainrule.training.history import History

X = np.random.default_rng(0).normal(size=(30, 2))
Y = (X.sum(axis=1) > 0).astype(int)


def network(dtype="float64"):
    return cr.Network([cr.Dense(1, "sigmoid")], "binary_cross_entropy", inputs=2, seed=1,
                      dtype=dtype)  # fmt: skip


def trained(net=None, **options):
    options = {"epochs": 20, "optimizer": cr.GradientDescent(0.5), "batch_size": 10} | options
    return cr.train(net or network(), X, Y, **options)


def after(figures, name="loss"):
    """The answers of a callback to a sequence of figures."""

    def answers(callback):
        callback.start() if hasattr(callback, "start") else None
        history, found = History(), []
        for number, value in enumerate(figures, start=1):
            history.append({"loss": value} | {name: value})
            found.append(callback(Epoch(number, number, None, history)))
        return found

    return answers


# ------------------------------------------------------------------ functions


def test_a_function_is_called_after_each_epoch_with_what_is_known():
    seen = []
    net = network()

    def look(epoch):
        seen.append((epoch.number, epoch.step, epoch.history["loss"][-1], epoch.network is net))

    result = trained(net, epochs=4, callbacks=[look])
    assert [s[:2] for s in seen] == [(1, 3), (2, 6), (3, 9), (4, 12)]
    assert [s[2] for s in seen] == result.history["loss"]
    assert all(s[3] for s in seen)


def test_a_callback_sees_the_weights_as_they_are_then():
    vectors = []
    trained(epochs=3, callbacks=[lambda epoch: vectors.append(epoch.network.vector.copy())])
    for number, vector in enumerate(vectors, start=1):
        net = network()
        trained(net, epochs=number)
        np.testing.assert_array_equal(vector, net.vector)


def test_a_callback_may_use_the_library_and_does_not_disturb_the_training():
    other = network()

    def busy(epoch):
        epoch.network.predict(X)
        cr.trace(epoch.network, X[:2], Y[:2])
        cr.gradcheck(epoch.network, X[:2], Y[:2])
        trained(other, epochs=1, threads=2)

    one, two = network(), network()
    trained(one, epochs=4, callbacks=[busy])
    trained(two, epochs=4)
    np.testing.assert_array_equal(one.vector, two.vector)


def test_a_callback_may_change_the_weights():
    def clip(epoch):
        np.clip(epoch.network.vector, -0.1, 0.1, out=epoch.network.vector)

    net = network()
    trained(net, epochs=4, callbacks=[clip])
    assert np.abs(net.vector).max() <= 0.1


def test_a_result_survives_a_pickle():
    result = trained(epochs=3)
    again = pickle.loads(pickle.dumps(result))
    assert again.history["loss"] == result.history["loss"]
    assert again.state.step == result.state.step


def test_a_reason_ends_the_training_and_is_told():
    result = trained(callbacks=[lambda epoch: "enough" if epoch.number == 3 else None])
    assert result.stopped == "enough"
    assert result.history.epochs == result.state.epoch == 3


def test_all_callbacks_of_an_epoch_are_called_and_the_first_reason_counts():
    calls = []
    result = trained(
        callbacks=[lambda e: calls.append(1), lambda e: "two", lambda e: calls.append(3) or "three"]
    )
    assert (calls, result.stopped) == ([1, 3], "two")


def test_epochs_are_counted_on_when_a_training_goes_on():
    first = trained(epochs=2)
    numbers = []
    trained(epochs=2, state=first.state, callbacks=[lambda e: numbers.append((e.number, e.step))])
    assert numbers == [(3, 9), (4, 12)]


# ------------------------------------------------------------------ Reached


def test_a_loss_is_reached_from_above():
    result = trained(epochs=1000, callbacks=[cr.Reached("loss", 0.3)])
    assert result.stopped == "loss reached 0.3"
    *earlier, last = result.history["loss"]
    assert last <= 0.3 < min(earlier)


def test_an_accuracy_is_reached_from_below():
    result = trained(epochs=1000, metrics=["accuracy"], validation_data=(X, Y),
                     callbacks=[cr.Reached("val_accuracy", 0.9)])  # fmt: skip
    *earlier, last = result.history["val_accuracy"]
    assert last >= 0.9 > max(earlier, default=0)


@pytest.mark.parametrize("metric", list(metrics), ids=lambda m: m.name)
@pytest.mark.parametrize("prefix", ["", "val_"])
def test_every_metric_is_reached_from_the_side_where_it_improves(metric, prefix):
    name = prefix + metric.name
    figures = [0.1, 0.5, 0.9] if metric.greater_is_better else [0.9, 0.5, 0.1]
    found = after(figures, name)(cr.Reached(name, 0.5))
    assert found[0] is None
    assert found[1] == found[2] == f"{name} reached 0.5"


def test_a_figure_that_is_not_a_number_is_never_reached():
    assert after([math.nan] * 3)(cr.Reached("loss", 1.0)) == [None] * 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_cannot_be_reached(value):
    with pytest.raises(ValueError, match="value of Reached must be finite, not"):
        cr.Reached("loss", value)


# ------------------------------------------------------------------ Converged


def test_a_training_ends_when_its_loss_no_longer_falls():
    callback = cr.Converged(min_delta=0.05, patience=4)
    result = trained(epochs=1000, callbacks=[callback])
    assert result.stopped == "loss has not fallen by 0.05 in 4 epochs"
    losses = result.history["loss"]
    assert len(losses) < 1000
    assert min(losses[-4:]) >= min(losses[:-4]) - 0.05


def test_patience_counts_epochs_without_a_fall():
    found = after([1.0, 0.9, 0.9, 0.95, 0.8, 0.8, 0.8, 0.8])(cr.Converged(0.01, 3))
    assert [bool(f) for f in found] == [False] * 7 + [True]


def test_a_slow_fall_adds_up():
    """What counts is the fall below the best figure, not that below the last one."""
    found = after([1.0 - 0.004 * k for k in range(30)])(cr.Converged(0.01, 5))
    assert not any(found)


def test_a_figure_that_is_not_a_number_is_no_fall():
    found = after([1.0, math.nan, math.nan])(cr.Converged(0.01, 2))
    assert [bool(f) for f in found] == [False, False, True]


def test_a_condition_that_is_used_again_starts_afresh():
    callback = cr.Converged(min_delta=10.0, patience=5)
    first, second = (trained(callbacks=[callback]) for _ in range(2))
    assert first.history.epochs == second.history.epochs == 6


def test_the_loss_of_validation_can_be_watched():
    result = trained(
        epochs=500, validation_data=(X, 1 - Y),
        callbacks=[cr.Converged(patience=3, monitor="val_loss")],
    )  # fmt: skip
    assert result.stopped.startswith("val_loss has not fallen")
    assert result.history.epochs < 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_delta": -1e-3}, "min_delta of Converged must be at least 0, not -0.001"),
        ({"min_delta": math.nan}, "min_delta of Converged must be at least 0, not nan"),
        ({"min_delta": "a"}, "min_delta of Converged must be at least 0, not 'a'"),
        ({"patience": 0}, "patience of Converged must be .*, not 0"),
        ({"patience": 1.5}, "patience of Converged must be .*, not 1.5"),
        ({"patience": None}, "patience of Converged must be .*, not None"),
    ],
)
def test_a_condition_outside_its_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cr.Converged(**options)


@pytest.mark.parametrize(
    "callback",
    [cr.Reached("val_loss", 0.1), cr.Reached("acuracy", 0.9), cr.Converged(monitor="val_loss")],
    ids=lambda c: f"{type(c).__name__} {c.monitor}",
)
def test_a_figure_that_is_not_computed_cannot_be_watched(callback):
    with pytest.raises(
        ValueError, match=f"no figure '{callback.monitor}' to watch; there are loss"
    ):
        trained(callbacks=[callback])


@pytest.mark.parametrize(
    "callback",
    [cr.Reached("val_loss", 0.1), cr.Reached("acuracy", 0.9), cr.Converged(monitor="val_loss")],
    ids=lambda c: f"{type(c).__name__} {c.monitor}",
)
def test_and_that_is_said_before_any_work(callback):
    net = network()
    before = net.vector.copy()
    with pytest.raises(ValueError, match="to watch"):
        trained(net, callbacks=[callback])
    np.testing.assert_array_equal(net.vector, before)
