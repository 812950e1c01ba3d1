"""Worked examples of 000: notes on neural networks, with a network in its figure 5."""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import chainrule as cr
from chainrule.lowering import lower

PROBLEMS = Path(__file__).parents[2] / "examples" / "problems"

# ------------------------------------------------------------------ 000, figures 3 and 5


def figure_5(seed=3):
    layers = [cr.Dense(2, "logistic"), cr.Dense(3, "logistic"), cr.Dense(1, "logistic")]
    net = cr.Network(layers, loss="mse", inputs=4, seed=seed, dtype="float64")
    rng = np.random.default_rng(seed)
    for value in net.parameters.values():
        value[...] = rng.normal(size=value.shape)
    return net


FIGURE_5_X = np.array([[0.9, -0.3, 0.4, 1.2]])
FIGURE_5_Y = np.array([[0.3]])


def test_000_figure_3_is_a_4_2_3_network_with_bias_units_of_one():
    net = cr.Network([cr.Dense(2, "logistic"), cr.Dense(3, "logistic")], inputs=4, seed=1,
                     dtype="float64")  # fmt: skip
    net.parameters["b1"] = [0.2, -0.7]
    net.parameters["b2"] = [0.1, 0.4, -0.3]
    # Θ of N_{i+1} × (N_i + 1): the bias weights are its column 0
    theta1 = np.column_stack([net.parameters["b1"], net.parameters["W1"].T])
    theta2 = np.column_stack([net.parameters["b2"], net.parameters["W2"].T])
    assert theta1.shape == (2, 5)
    assert theta2.shape == (3, 3)
    a1 = np.concatenate([[1.0], FIGURE_5_X[0]])
    a2 = np.concatenate([[1.0], 1 / (1 + np.exp(-theta1 @ a1))])
    a3 = 1 / (1 + np.exp(-theta2 @ a2))
    np.testing.assert_allclose(net.predict(FIGURE_5_X), [a3], rtol=0, atol=1e-15)


def relative(found, right):
    return np.linalg.norm(found - right) / np.linalg.norm(right)


def gradients_of(trace, network):
    return {name: trace[f"{name[:-1]}d{name[-1]}"] for name in network.parameters}


def test_000_figure_5_gradients_of_all_layers_equal_central_differences(plain):
    net = figure_5()
    found = gradients_of(cr.trace(net, FIGURE_5_X, FIGURE_5_Y), net)
    right = plain(net).central_differences(FIGURE_5_X, FIGURE_5_Y)
    assert len(right) == 6
    for name in right:
        assert relative(found[name], right[name]) < 1e-7, name


def test_000_figure_5_gradients_of_all_layers_equal_complex_steps(plain):
    net = figure_5()
    found = gradients_of(cr.trace(net, FIGURE_5_X, FIGURE_5_Y), net)
    right = plain(net).complex_step(FIGURE_5_X, FIGURE_5_Y)
    for name in right:
        assert relative(found[name], right[name]) < 1e-12, name


def test_000_figure_5_deltas_with_one_derivative_of_sigma_and_the_right_sign():
    t = cr.trace(figure_5(), FIGURE_5_X, FIGURE_5_Y)
    net = figure_5()
    slope = t["a3"] * (1 - t["a3"])
    np.testing.assert_allclose(t["da3"], t["a3"] - FIGURE_5_Y, atol=1e-15)
    np.testing.assert_allclose(t["delta3"], (t["a3"] - FIGURE_5_Y) * slope, atol=1e-15)
    np.testing.assert_allclose(t["dW3"], t["a2"].T @ t["delta3"], atol=1e-15)
    # ∂C/∂a_j = Σ_k θ_{j,k} δ_k
    np.testing.assert_allclose(t["da2"], t["delta3"] @ net.parameters["W3"].T, atol=1e-15)


# ------------------------------------------------------------------ 000, error functions


def one_example(name, outputs=1, activation="linear"):
    """A network whose output is its input, to look at a loss alone."""
    net = cr.Network([cr.Dense(outputs, activation, bias=False)], name, inputs=outputs,
                     dtype="float64")  # fmt: skip
    net.parameters["W1"] = np.eye(outputs)
    return net


def test_000_rss_is_the_plain_sum_of_squares():
    predicted, right = np.array([[0.5], [2.0], [-1.0]]), np.array([[1.0], [0.0], [-1.5]])
    t = cr.trace(one_example("rss"), predicted, right)
    assert t["loss"] == pytest.approx(0.25 + 4 + 0.25, abs=1e-15)
    assert t["dW1"].item() == pytest.approx((2 * (predicted - right) * predicted).sum())


def test_000_mse_is_half_the_mean_of_squares():
    predicted, right = np.array([[0.5], [2.0], [-1.0]]), np.array([[1.0], [0.0], [-1.5]])
    t = cr.trace(one_example("mse"), predicted, right)
    assert t["loss"] == pytest.approx((0.25 + 4 + 0.25) / 6, abs=1e-15)
    assert t["dW1"].item() == pytest.approx(((predicted - right) * predicted).mean())


def test_000_binary_cross_entropy_is_the_negative_log_likelihood_of_a_bernoulli():
    z = np.linspace(-4, 4, 9)[:, None]
    y = (np.arange(9) % 2)[:, None]
    net = one_example("binary_cross_entropy", activation="logistic")
    p = net.predict(z)[:, 0]
    likelihood = np.prod(scipy.stats.bernoulli.pmf(y[:, 0], p))
    logs = scipy.stats.bernoulli.logpmf(y[:, 0], p)
    for fused in (True, False):
        t = cr.trace(net, z, y, fused=fused)
        assert t["loss"] == pytest.approx(-np.log(likelihood) / 9, rel=1e-12)
        np.testing.assert_allclose(t["loss.example"], -logs, rtol=1e-12)


def test_000_class_4_of_6_is_one_hot_in_the_fourth_place():
    assert cr.one_hot(np.array([4 - 1]), 6).tolist() == [[0, 0, 0, 1, 0, 0]]


@pytest.mark.parametrize("fused", [True, False])
def test_000_cross_entropy_of_labels_is_that_of_their_one_hot_rows(fused, rng):
    net = one_example("cross_entropy", 6, "softmax")
    z, labels = rng.normal(size=(8, 6)), rng.integers(0, 6, 8)
    by_labels = cr.trace(net, z, labels, fused=fused)
    by_rows = cr.trace(net, z, cr.one_hot(labels, 6), fused=fused)
    p = net.predict(z)
    assert by_labels["loss"] == pytest.approx(-np.log(p[np.arange(8), labels]).mean(), rel=1e-12)
    for name in ("loss", "loss.example", "delta1", "dW1"):
        np.testing.assert_allclose(by_labels[name], by_rows[name], rtol=1e-12, atol=1e-15)


def test_000_the_class_is_the_most_probable_one():
    net = one_example("cross_entropy", 3, "softmax")
    assert cr.decide(net.predict([[0.1, 0.5, 0.2], [3.0, -1.0, 2.9]])).tolist() == [1, 0]


def test_000_the_class_is_1_from_one_half_on_by_the_threshold_function():
    net = one_example("binary_cross_entropy", activation="logistic")
    z = np.array([[-0.1], [0.0], [0.1]])
    assert cr.decide(net.predict(z)).tolist() == [0, 1, 1]
    threshold = one_example(None, activation="threshold")  # k = ½
    assert threshold.predict(net.predict(z))[:, 0].tolist() == [0, 1, 1]


# ------------------------------------------------------------------ 000, epochs and batches


def regression(rows, rng, features=3):
    X = rng.normal(size=(rows, features))
    return X, np.sin(X.sum(axis=1, keepdims=True))


def tanh_network(seed=1, inputs=3, **options):
    layers = [cr.Dense(4, "tanh", **options), cr.Dense(1, **options)]
    return cr.Network(layers, "mse", inputs=inputs, seed=seed, dtype="float64")


def test_000_a_thousand_examples_in_batches_of_200_are_5_iterations(rng):
    X, y = regression(1000, rng)
    result = cr.train(tanh_network(), X, y, epochs=1, batch_size=200)
    assert (result.state.step, result.state.epoch) == (5, 1)


@pytest.mark.parametrize(
    ("batch_size", "steps"), [(None, 1), (23, 1), (100, 1), (10, 3), (5, 5), (1, 23)]
)
def test_000_batch_mini_batch_and_stochastic_gradient_descent_are_one_path(
    batch_size, steps, plain, rng
):
    """The last batch may be smaller, and is averaged over its own size."""
    X, y = regression(23, rng)
    net = tanh_network()
    reference = plain(net)
    result = cr.train(
        net, X, y, optimizer=cr.GradientDescent(0.1), epochs=3, batch_size=batch_size,
        shuffle=False,
    )  # fmt: skip
    assert result.state.step == 3 * steps
    size = min(batch_size or 23, 23)
    history = []
    for _ in range(3):
        seen = 0.0
        for start in range(0, 23, size):
            rows = slice(start, start + size)
            seen += len(X[rows]) * reference.descend(X[rows], y[rows], 0.1)
        history.append(seen / 23)
    np.testing.assert_allclose(result.history["loss"], history, rtol=1e-12)
    for name, value in reference.parameters.items():
        np.testing.assert_allclose(net.parameters[name], value, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("rows", [100_000, 10_000_000])
def test_000_batch_gradient_descent_needs_constant_memory(rows):
    program = lower(tanh_network(), "train", rows, cr.GradientDescent())
    assert program.arena < 1_000_000
    assert program.slots * program.slot_bytes < 10_000


def test_000_biases_can_start_at_one():
    net = tanh_network(biases="ones")
    assert net.parameters["b1"].tolist() == [1, 1, 1, 1]
    assert net.parameters["b2"].tolist() == [1]
