"""The worked examples of the three lecture texts that the project implements.

000 are notes on neural networks with a network in its figure 5; 001 a lecture with a numerical
walk through a 2-2-2-1 network; 002 a text on approximation by sums of squared errors.
"""

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import chainrule as cr
from chainrule.losses import losses
from chainrule.lowering import lower

PROBLEMS = Path(__file__).parents[1] / "examples" / "problems"

# ------------------------------------------------------------------ 001, 'Simple Forward Pass'


def small_network():
    net = cr.Network([cr.Dense(1, "sigmoid"), cr.Dense(1, "sigmoid")], inputs=2, dtype="float64")
    net.parameters.update({"W1": [[0.1], [0.3]], "b1": [0.05], "W2": [[0.2]], "b2": [0.01]})
    return net


def test_001_simple_forward_pass_to_the_digit_under_its_rounding():
    t = cr.trace(small_network(), [0.5, 1.0], rounding={"a1": 4, "a2": 4})
    assert t["z1"].item() == pytest.approx(0.4, abs=1e-12)
    assert t["a1"].item() == 0.5987
    assert t["z2"].item() - 0.01 == pytest.approx(0.11974, abs=1e-12)
    assert t["z2"].item() == pytest.approx(0.12974, abs=1e-12)
    assert t["a2"].item() == 0.5324


def test_001_simple_forward_pass_without_rounding():
    t = cr.trace(small_network(), [0.5, 1.0])
    hidden = 1 / (1 + np.exp(-0.4))
    assert t["a1"].item() == pytest.approx(hidden, abs=1e-12)
    assert t["a2"].item() == pytest.approx(1 / (1 + np.exp(-(0.2 * hidden + 0.01))), abs=1e-12)


# ------------------------------------------------------------------ 001, the walkthrough

x, y, RATE = np.array([0.5, 1.0]), 1.0, 0.1

# 001 writes W as (outputs, inputs) and samples in columns: here they are transposed back.
START = {
    "W1": np.array([[0.1, 0.2], [0.3, 0.4]]).T, "b1": np.array([0.05, 0.05]),
    "W2": np.array([[0.5, 0.6], [0.7, 0.8]]).T, "b2": np.array([0.1, 0.1]),
    "W3": np.array([[0.9, 1.0]]).T, "b3": np.array([0.15]),
}  # fmt: skip

# Step 1, as printed: 11 values.
FORWARD = {
    "z1": [[0.30, 0.60]], "a1": [[0.30, 0.60]],
    "z2": [[0.61, 0.79]], "a2": [[0.61, 0.79]],
    "z3": [[1.489]], "a3": [[0.816]], "loss": 0.203,
}  # fmt: skip

# Steps 2 and 3, as printed: 39 values, each once.
BACKWARD = {
    "delta3": [[-0.184]], "dW3": [[-0.11224], [-0.14536]], "db3": [-0.184],
    "da2": [[-0.1656, -0.1840]], "delta2": [[-0.1656, -0.1840]],
    "dW2": np.transpose([[-0.04968, -0.09936], [-0.05520, -0.11040]]),
    "db2": [-0.1656, -0.1840],
    "da1": [[-0.2116, -0.24656]], "delta1": [[-0.2116, -0.24656]],
    "dW1": np.transpose([[-0.10580, -0.21160], [-0.12328, -0.24656]]),
    "db1": [-0.2116, -0.24656],
}  # fmt: skip
UPDATED = {
    "W3": [[0.911224], [1.014536]], "b3": [0.1684],
    "W2": np.transpose([[0.504968, 0.609936], [0.705520, 0.811040]]), "b2": [0.11656, 0.11840],
    "W1": np.transpose([[0.110580, 0.221160], [0.312328, 0.424656]]), "b1": [0.07116, 0.074656],
}  # fmt: skip
ROUNDING = {"a3": 3, "loss": 3}  # the only quantities that 001 rounds


def walkthrough_network():
    net = cr.Network(
        [cr.Dense(2, "relu"), cr.Dense(2, "relu"), cr.Dense(1, "sigmoid")],
        loss="binary_cross_entropy", inputs=2, dtype="float64",
    )  # fmt: skip
    net.parameters.update(START)
    return net


def numpy_step(p):
    """One pass through 001's network and its gradients, in plain NumPy."""
    v = {"z1": x @ p["W1"] + p["b1"]}
    v["a1"] = np.maximum(0, v["z1"])
    v["z2"] = v["a1"] @ p["W2"] + p["b2"]
    v["a2"] = np.maximum(0, v["z2"])
    v["z3"] = v["a2"] @ p["W3"] + p["b3"]
    v["a3"] = 1 / (1 + np.exp(-v["z3"]))
    v["loss"] = -(y * np.log(v["a3"]) + (1 - y) * np.log(1 - v["a3"])).item()
    v["delta3"] = v["a3"] - y
    for layer in (3, 2, 1):
        before = v[f"a{layer - 1}"] if layer > 1 else x
        v[f"dW{layer}"] = np.outer(before, v[f"delta{layer}"])
        v[f"db{layer}"] = v[f"delta{layer}"]
        if layer > 1:
            v[f"da{layer - 1}"] = p[f"W{layer}"] @ v[f"delta{layer}"]
            v[f"delta{layer - 1}"] = v[f"da{layer - 1}"] * (v[f"z{layer - 1}"] > 0)
    return v


def updated(gradients):
    return {name: START[name] - RATE * np.reshape(gradients[f"d{name}"], START[name].shape)
            for name in START}  # fmt: skip


def test_001_walkthrough_prints_11_values_forward_and_39_backward_and_updated():
    assert sum(np.size(v) for v in FORWARD.values()) == 11
    assert sum(np.size(v) for v in (BACKWARD | UPDATED).values()) == 39


@pytest.mark.parametrize("name", FORWARD | BACKWARD)
def test_001_walkthrough_to_the_digit_under_its_rounding(name):
    t = cr.trace(walkthrough_network(), x, [y], rounding=ROUNDING)
    np.testing.assert_allclose(t[name], (FORWARD | BACKWARD)[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", UPDATED)
def test_001_updated_weights_to_the_digit_under_its_rounding(name):
    t = cr.trace(walkthrough_network(), x, [y], rounding=ROUNDING)
    np.testing.assert_allclose(updated(t)[name], UPDATED[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["z1", "a1", "z2", "a2", "z3", "a3", "loss", *BACKWARD])
@pytest.mark.parametrize("fused", [True, False])
def test_001_walkthrough_without_rounding_equals_numpy(name, fused):
    t = cr.trace(walkthrough_network(), x, [y], fused=fused)
    right = np.reshape(numpy_step(START)[name], np.shape(t[name]))
    np.testing.assert_allclose(t[name], right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", FORWARD | BACKWARD | {f"{k}.new": v for k, v in UPDATED.items()})
def test_001_walkthrough_as_a_problem_file_to_the_digit(name):
    problem = cr.read_problem(PROBLEMS / "lecture-walkthrough.toml")
    t = cr.trace(problem.network, problem.x, problem.y, optimizer=problem.optimizer,
                 rounding=problem.rounding)  # fmt: skip
    printed = FORWARD | BACKWARD | {f"{k}.new": v for k, v in UPDATED.items()}
    np.testing.assert_allclose(t[name], printed[name], rtol=0, atol=1e-12)


def test_001_simple_forward_pass_as_a_problem_file_to_the_digit():
    problem = cr.read_problem(PROBLEMS / "lecture-forward.toml")
    t = cr.trace(problem.network, problem.x, problem.y, rounding=problem.rounding)
    assert (t["a1"].item(), t["a2"].item()) == (0.5987, 0.5324)


def test_000_figure_5_as_a_problem_file_has_a_theta_of_the_next_layer_by_this_one_and_the_bias():
    problem = cr.read_problem(PROBLEMS / "notes-figure-5.toml")
    net, a = problem.network, problem.x[0]
    for layer, shape in enumerate([(2, 5), (3, 3), (1, 4)], start=1):
        theta = np.column_stack([net.parameters[f"b{layer}"], net.parameters[f"W{layer}"].T])
        assert theta.shape == shape
        a = 1 / (1 + np.exp(-theta @ np.concatenate([[1.0], a])))
    t = cr.trace(net, problem.x, problem.y)
    np.testing.assert_allclose(t["a3"], [a], atol=1e-15)
    assert t["loss"] == pytest.approx(0.5 * (0.8 - a.item()) ** 2, abs=1e-15)


def test_002_approximation_as_a_problem_file_has_no_biases_and_a_plain_sum_of_squares():
    problem = cr.read_problem(PROBLEMS / "approximation.toml")
    assert list(problem.network.parameters) == ["dense1.W", "dense2.W", "dense3.W"]
    t = cr.trace(problem.network, problem.x, problem.y)
    assert t["loss"] == pytest.approx(((problem.y - t["a3"]) ** 2).sum(), abs=1e-15)


def test_001_training_makes_the_unrounded_update():
    net = walkthrough_network()
    result = cr.train(net, [x], [y], optimizer=cr.GradientDescent(RATE), epochs=1, batch_size=None)
    right = updated(numpy_step(START))
    for name, value in net.parameters.items():
        short = {"dense1": "1", "dense2": "2", "dense3": "3"}[name[:6]]
        np.testing.assert_allclose(value, right[name[-1] + short], rtol=0, atol=1e-12)
    assert result.history["loss"] == [pytest.approx(numpy_step(START)["loss"], abs=1e-12)]
    for name, value in UPDATED.items():  # 001's three digits of ŷ move the weights a little
        np.testing.assert_allclose(net.parameters[name], value, rtol=0, atol=1e-4)


def test_001_loss_of_the_second_iteration():
    net = walkthrough_network()
    cr.train(net, [x], [y], optimizer=cr.GradientDescent(RATE), epochs=1)
    assert round(float(cr.trace(net, x, [y])["loss"]), 5) == 0.16667
    net.parameters.update(UPDATED)  # ŷ = 0.846 then, rounded as in the first iteration
    t = cr.trace(net, x, [y], rounding={"a3": 3, "loss": 5})
    assert t["a3"].item() == 0.846
    assert t["loss"] == 0.16724


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
