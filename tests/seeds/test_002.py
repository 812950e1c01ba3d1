"""Worked examples of 002: approximation by sums of squared errors."""

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.losses import losses

PROBLEMS = Path(__file__).parents[2] / "examples" / "problems"

# ------------------------------------------------------------------ 002


def approximation(seed):
    options = {"bias": False, "weights": "normal(0, 3)"}
    layers = [cr.Dense(16, "logistic", **options), cr.Dense(16, "logistic", **options),
              cr.Dense(1, "logistic", **options)]  # fmt: skip
    return cr.Network(layers, "rss", inputs=1, seed=seed, dtype="float64")


POINTS = np.linspace(-np.pi, np.pi, 50)[:, None]
MEASURED = np.sin(POINTS)


def test_002_has_no_biases():
    assert list(approximation(0).parameters) == ["dense1.W", "dense2.W", "dense3.W"]


def test_002_steepest_descent_is_the_update_with_local_gradients(rng):
    """w ← w + η Σ S y_j with S = e y (1 − y), e = target − output, and the 2 of Σe² in η."""
    net = approximation(1)
    t = cr.InnerRange.of(MEASURED).apply(MEASURED)
    before = {name: value.copy() for name, value in net.parameters.items()}
    step = cr.trace(net, POINTS, t)
    cr.train(net, POINTS, t, optimizer=cr.GradientDescent(0.02), epochs=1, batch_size=None)
    e, output = t - step["a3"], step["a3"]
    S = e * output * (1 - output)
    right = before["dense3.W"] + 2 * 0.02 * step["a2"].T @ S
    np.testing.assert_allclose(net.parameters["W3"], right, rtol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_002_sine_is_approximated_from_every_seed(seed):
    net = approximation(seed)
    scale = cr.InnerRange.of(MEASURED)
    result = cr.train(
        net, POINTS, scale.apply(MEASURED), optimizer=cr.GradientDescent(0.02), epochs=5000,
        batch_size=None, callbacks=[cr.Reached("loss", 0.05)],
    )  # fmt: skip
    assert result.state.step <= 5000
    assert result.history["loss"][-1] < 0.05
    predicted = net.predict(POINTS)
    sum_of_squares = float(((scale.apply(MEASURED) - predicted) ** 2).sum())
    assert sum_of_squares < 0.05
    assert np.abs(scale.invert(predicted) - MEASURED).max() < 0.5


def test_002_points_can_be_added_without_changing_the_model():
    net = approximation(0)
    scale = cr.InnerRange.of(MEASURED)
    descend = {"optimizer": cr.GradientDescent(0.02), "batch_size": None}
    first = cr.train(net, POINTS, scale.apply(MEASURED), epochs=500, **descend)
    more = np.linspace(-3, 3, 33)[:, None]
    points = np.concatenate([POINTS, more])
    targets = scale.apply(np.sin(points))
    before = float(cr.trace(net, points, targets)["loss"])
    second = cr.train(net, points, targets, epochs=500, state=first.state, **descend)
    assert second.state.step == 1000
    assert second.history["loss"][500] == pytest.approx(before, rel=1e-12)
    assert second.history["loss"][-1] < before


def test_the_errors_in_the_texts_are_not_taken_over():
    """∂C/∂ŷ of ½(y − ŷ)² is ŷ − y, whatever 000 and 001 say."""
    gradient = losses["mse"].forms["values"].gradient.equations[0]
    assert gradient.value.evaluate({"a": 3.0, "y": 1.0}) == 2.0
