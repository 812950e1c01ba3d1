"""Label smoothing: the targets of the training are mixed with the uniform distribution."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.losses import losses
from chainrule.lowering import lower

ROWS = 23
KINDS = pytest.mark.parametrize(
    ("loss", "kind"), [(e, k) for e in losses if e.smoothing for k in e.forms], ids=str
)


def problem(loss, kind, rng, activation=None):
    """A network, its data, and the targets smoothed by hand with ε = 0.2."""
    outputs = 3
    last = activation or next(iter(loss.natural))
    net = cr.Network([cr.Dense(4, "tanh"), cr.Dense(outputs, last)], loss, inputs=2, seed=5,
                     dtype="float64")  # fmt: skip
    X, labels = rng.normal(size=(ROWS, 2)), rng.integers(0, outputs, ROWS)
    rows = np.eye(outputs)[labels]
    if not loss.distribution:
        rows = rng.integers(0, 2, (ROWS, outputs)).astype(float)
    smooth = 0.8 * rows + 0.2 / (outputs if loss.distribution else 2)
    return net, X, labels if kind == "labels" else rows, smooth


@pytest.mark.parametrize("weights", [None, np.linspace(0.2, 2, ROWS)], ids=["equal", "weights"])
@KINDS
def test_it_is_the_training_on_smoothed_targets(loss, kind, weights, rng):
    net, X, y, smooth = problem(loss, kind, rng)
    twin = net.copy()
    options = {"epochs": 3, "batch_size": 7, "seed": 1, "sample_weight": weights}
    found = cr.train(net, X, y, label_smoothing=0.2, **options)
    right = cr.train(twin, X, smooth, **options)
    np.testing.assert_allclose(found.history["loss"], right.history["loss"], rtol=1e-12)
    np.testing.assert_allclose(net.vector, twin.vector, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@KINDS
def test_without_a_natural_pair_it_is_the_same(loss, kind, dtype, rng):
    activation = "softmax" if "logistic" in loss.natural else "logistic"
    net, X, y, smooth = problem(loss, kind, rng, activation)
    twin = net.copy()
    if loss.distribution:
        smooth = smooth / smooth.sum(axis=1, keepdims=True)
    for each in (net, twin):
        each.use_dtype(dtype)
    found = cr.train(net, X, y, label_smoothing=0.2, epochs=2, batch_size=None)
    right = cr.train(twin, X, smooth, epochs=2, batch_size=None)
    np.testing.assert_allclose(found.history["loss"], right.history["loss"], rtol=1e-6)


@KINDS
def test_the_validation_loss_is_without_it(loss, kind, rng):
    net, X, y, _ = problem(loss, kind, rng)
    result = cr.train(net, X, y, label_smoothing=0.2, epochs=1, validation_data=(X, y))
    assert result.history["val_loss"] == [pytest.approx(float(cr.trace(net, X, y)["loss"]))]


@KINDS
def test_none_of_it_changes_nothing(loss, kind, rng):
    net, X, y, _ = problem(loss, kind, rng)
    twin = net.copy()
    cr.train(net, X, y, epochs=2, label_smoothing=0)
    cr.train(twin, X, y, epochs=2)
    np.testing.assert_array_equal(net.vector, twin.vector)


def test_its_share_is_a_hyperparameter_of_the_program(rng):
    net, _, _, _ = problem(losses["cross_entropy"], "labels", rng)
    program = lower(net, "gradient", 4, labels=True, smoothing=0.3)
    assert program.scalars["label_smoothing"] == 0.3
    equations = [e.text() for i in program.instructions for e in i.equations]
    assert "y.smooth = (1 − label_smoothing) onehot(y) + label_smoothing / 3" in equations


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, np.nan, np.inf, "0.1", None, True], ids=repr)
def test_a_share_outside_its_range_is_refused(share, rng):
    net, X, y, _ = problem(losses["cross_entropy"], "labels", rng)
    with pytest.raises(ValueError, match="label_smoothing must be from 0 to below 1, not"):
        cr.train(net, X, y, label_smoothing=share)


@pytest.mark.parametrize("loss", [e for e in losses if not e.smoothing], ids=str)
def test_losses_whose_targets_are_no_probabilities_refuse_it(loss):
    n = loss.outputs_per_target
    net = cr.Network([cr.Dense(n, next(iter(loss.natural), "linear"))], loss, inputs=1, seed=1)
    before = net.vector.copy()
    with pytest.raises(ValueError, match=r"is for losses of probabilities \(.*focal\), not for"):
        cr.train(net, [[1.0], [2.0]], [1, 1], label_smoothing=0.1)
    np.testing.assert_array_equal(net.vector, before)
