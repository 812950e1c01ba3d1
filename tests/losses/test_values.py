"""Losses: of each example and of a batch, and the natural pairs."""

import numpy as np
import pytest
from tests.losses.data import (
    FORMULAS,
    NATURAL,
    PAIRS,
    as_rows,
    identity_network,
    outputs_for,
    targets_for,
)

import chainrule as cr
from chainrule.losses import losses

# ------------------------------------------------------------------ values


@PAIRS
def test_the_loss_of_each_example_is_the_formula_and_that_of_a_batch_its_mean(
    loss, kind, entry, rng
):
    n = outputs_for(loss)
    net = identity_network(loss, entry, n)
    z, y = rng.normal(size=(5, n)), targets_for(loss, kind, 5, n, rng)
    t = cr.trace(net, z, y)
    right = [FORMULAS[loss.name](a, row, loss.k) for a, row in zip(t["a1"], as_rows(y, n),
                                                                   strict=True)]  # fmt: skip
    np.testing.assert_allclose(t["loss.example"], right, rtol=1e-12)
    reduced = np.mean(right) if loss.mean else np.sum(right)
    assert t["loss"] == pytest.approx(reduced, rel=1e-12)


@PAIRS
def test_delta_is_per_example_and_the_division_happens_once(loss, kind, entry, rng):
    n = outputs_for(loss)
    net = identity_network(loss, entry, n)
    z, y = rng.normal(size=(4, n)), targets_for(loss, kind, 4, n, rng)
    together = cr.trace(net, z, y)
    alone = [cr.trace(net, z[i : i + 1], y[i : i + 1]) for i in range(4)]
    deltas = np.concatenate([t["delta1"] for t in alone])
    np.testing.assert_allclose(together["delta1"], deltas, rtol=1e-13, atol=1e-15)
    gradients = np.sum([t["dW1"] for t in alone], axis=0) / (4 if loss.mean else 1)
    np.testing.assert_allclose(together["dW1"], gradients, rtol=1e-12, atol=1e-15)


@PAIRS
def test_history_reports_the_loss_that_is_differentiated(loss, kind, entry, rng):
    n = outputs_for(loss)
    net = identity_network(loss, entry, n)
    z, y = rng.normal(size=(5, n)), targets_for(loss, kind, 5, n, rng)
    right = float(cr.trace(net, z, y)["loss"])
    result = cr.train(net, z, y, epochs=1, batch_size=None, validation_data=(z, y))
    assert result.history["loss"] == [pytest.approx(right, rel=1e-12)]
    after = float(cr.trace(net, z, y)["loss"])
    assert result.history["val_loss"] == [pytest.approx(after, rel=1e-12)]


def test_the_squared_errors_are_told_apart_by_their_factors():
    a, y = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 2.0]])
    found = {name: float(cr.trace(identity_network(losses[name], "linear", 2), a, y)["loss"])
             for name in ("rss", "mse")}  # fmt: skip
    assert found == {"rss": 9.0, "mse": 9 / 4}


def test_bce_at_certain_right_predictions_is_zero_not_nan():
    """0·ln 0 is 0: where y is 0 or 1 the other term does not count."""
    net = identity_network(losses["binary_cross_entropy"], "logistic", 1)
    z, y = np.array([[800.0], [-800.0]]), np.array([1.0, 0.0])
    for fused in (True, False):
        assert cr.trace(net, z, y, fused=fused)["loss"] == 0.0


# ------------------------------------------------------------------ natural pairs


@NATURAL
def test_a_natural_pair_equals_its_two_factors(loss, partner, kind, rng):
    net = identity_network(loss, partner, 4)
    z = rng.uniform(-7.4, 7.4, (200, 4))
    y = targets_for(loss, kind, 200, 4, rng)
    fused, unfused = (cr.trace(net, z, y, fused=f) for f in (True, False))
    assert "da1" not in fused
    assert "da1" in unfused
    for name in ("loss", "loss.example", "delta1", "dW1"):
        np.testing.assert_allclose(fused[name], unfused[name], rtol=1e-9, atol=1e-9)


@NATURAL
def test_a_natural_pair_up_to_15(loss, partner, kind, rng):
    net = identity_network(loss, partner, 2)
    z = np.array([[14.9, -14.9], [-14.9, 14.9], [14.9, 14.9], [0.0, 14.9]])
    y = targets_for(loss, kind, 4, 2, rng)
    fused, unfused = (cr.trace(net, z, y, fused=f) for f in (True, False))
    for name in ("loss.example", "delta1"):
        # beside 1 a probability of e**-15 keeps nine digits
        np.testing.assert_allclose(fused[name], unfused[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("loss", "partner", "kind"),
    [(losses[name], partner, kind) for name, partner in (
        ("binary_cross_entropy", "logistic"), ("cross_entropy", "softmax"),
        ("poisson", "exponential")) for kind in losses[name].natural[partner]],
    ids=str,
)  # fmt: skip
def test_the_delta_of_a_canonical_pair_is_prediction_minus_target(loss, partner, kind, rng):
    net = identity_network(loss, partner, 3)
    z, y = rng.normal(size=(5, 3)), targets_for(loss, kind, 5, 3, rng)
    t = cr.trace(net, z, y)
    np.testing.assert_allclose(t["delta1"], t["a1"] - as_rows(y, 3), atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("z", [-1e4, 1e4])
def test_logistic_with_binary_cross_entropy_is_stable(dtype, y, z):
    net = identity_network(losses["binary_cross_entropy"], "logistic", 1, dtype)
    result = cr.train(net, [[z]], [y], optimizer=cr.GradientDescent(1e-9), epochs=1)
    assert result.history["loss"] == [1e4 if (z > 0) != y else 0]
    t = cr.trace(identity_network(losses["binary_cross_entropy"], "logistic", 1), [[z]], [y])
    assert t["delta1"].item() == (z > 0) - y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("one_hot", [True, False])
def test_softmax_with_cross_entropy_is_stable(dtype, label, one_hot):
    z, right = [[1e4, 0.0, -1e4]], [0, 1e4, 2e4][label]
    y = cr.one_hot(np.array([label]), 3) if one_hot else [label]
    net = identity_network(losses["cross_entropy"], "softmax", 3, dtype)
    result = cr.train(net, z, y, optimizer=cr.GradientDescent(1e-9), epochs=1)
    assert result.history["loss"] == [right]
    t = cr.trace(identity_network(losses["cross_entropy"], "softmax"), z, y)
    np.testing.assert_array_equal(t["delta1"], [[1, 0, 0]] - np.eye(3)[[label]])
