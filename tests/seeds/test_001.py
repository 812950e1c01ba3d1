"""Worked examples of 001: a lecture with a numerical walk through a 2-2-2-1 network."""

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

PROBLEMS = Path(__file__).parents[2] / "examples" / "problems"

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
