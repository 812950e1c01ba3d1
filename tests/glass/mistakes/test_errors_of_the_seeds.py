"""The errors of the lecture texts are told by their names, from the numbers that they give."""

import dataclasses

import numpy as np
import pytest
from tests.glass.mistakes.problems import approximation, figure_5, names, right, walkthrough

import chainrule as cr

# ------------------------------------------------------------------ the errors of the seeds


def test_000_the_sign_of_the_derivative_of_the_cost():
    """∂C/∂ŷ = y − ŷ, says 000; 001 has the same for MSE."""
    problem = figure_5()
    t = right(problem)
    found = cr.diagnose(problem, {
        "da3": 0.8 - t["a3"].item(), "dW3[0,0]": -t["dW3"][0, 0], "a3": t["a3"].item(),
    })  # fmt: skip
    assert names(found) == ["sign of y − ŷ"]


def test_000_the_derivative_of_sigma_twice_in_the_gradient():
    """z = σ(θᵀa) makes ∂C/∂θ = σ′(z)² (ŷ − y) a, while ∂C/∂z has one σ′."""
    problem = figure_5()
    t = right(problem)
    slope = t["a3"] * (1 - t["a3"])
    wrong = (slope**2 * (t["a3"] - 0.8) * t["a2"][0, 0]).item()
    assert names(cr.diagnose(problem, {"dW3[0,0]": wrong})) == ["σ′ twice", "σ′ again in dW"]
    told_apart = cr.diagnose(problem, {"dW3[0,0]": wrong, "delta3": t["delta3"].item()})
    assert names(told_apart) == ["σ′ again in dW"]


def test_000_lost_on_the_way_back_without_the_sum_over_k():
    """∂C/∂a_j from the first neuron of the next layer alone."""
    problem = figure_5()
    t = right(problem)
    wrong = (t["delta2"][0, 0] * problem.network.parameters["W2"][1, 0]).item()
    found = cr.diagnose(problem, {"da1[0,1]": wrong})
    assert names(found) == ["no sum over k"]
    assert found.explanations[0].variants == ("neuron 1 alone",)
    # only Σ δ, without the weights
    assert names(cr.diagnose(problem, {"da1[0,1]": t["delta2"].sum()})) == ["W left out backward"]


def test_000_biases_set_to_1_and_a_theta_without_the_bias_column():
    problem = figure_5()
    t, b = right(problem), problem.network.parameters["b1"][0]
    z = t["z1"][0, 0]
    assert names(cr.diagnose(problem, {"z1[0,0]": z - b + 1})) == ["bias of 1"]
    assert names(cr.diagnose(problem, {"z1[0,0]": z - b})) == ["bias forgotten"]


def test_001_a_missing_transpose():
    problem = walkthrough()
    w = problem.network.parameters["W2"]
    delta = right(problem)["delta2"]
    found = cr.diagnose(problem, {"da1[0,0]": (delta @ w)[0, 0], "da1[0,1]": (delta @ w)[0, 1]})
    assert names(found) == ["W transposed backward"]


def test_001_the_derivative_of_a_softmax_is_not_elementwise(rng):
    net = cr.Network([cr.Dense(3, "softmax")], "cross_entropy", inputs=2, seed=1)
    problem = cr.Problem(net, [0.5, -1.0], 2)
    t = right(problem)
    wrong = (t["da1"] * t["a1"] * (1 - t["a1"]))[0, 2]
    # For the label's own output the two are the same; for the others da is 0.
    assert cr.diagnose(problem, {"delta1[0,2]": wrong})
    found = cr.diagnose(problem, {"delta1[0,2]": wrong, "delta1[0,0]": "0.000"})
    assert "softmax as elementwise" in names(found)


@pytest.mark.parametrize("factor", [1 / 4, 4])
def test_001_the_mean_twice_or_not_at_all(factor):
    problem = dataclasses.replace(
        figure_5(), x=np.array([[1, 2, 3, 4], [2, 1, 0, 1], [0, 1, 0, 2], [1, 1, 1, 1]]) / 4,
        y=np.array([0.1, 0.9, 0.4, 0.2]),
    )  # fmt: skip
    t = right(problem)
    found = cr.diagnose(problem, {"dW2[0,1]": t["dW2"][0, 1] * factor, "delta3[0,0]": (
        t["delta3"][0, 0])})  # fmt: skip
    assert names(found) == ["1/m twice" if factor < 1 else "1/m missing"]
    of_the_mean = cr.diagnose(problem, {"delta3[0,0]": t["delta3"][0, 0] / 4,
                                        "dW2[0,1]": t["dW2"][0, 1]})  # fmt: skip
    assert names(of_the_mean) == ["1/m in delta"]


def test_001_updated_weights_within_a_step_and_old_ones_in_the_second():
    problem = walkthrough(rounding=cr.Rounding())
    t = right(problem)
    wrong = (t["delta3"] @ t["W3.new"].T)[0, 0]
    assert names(cr.diagnose(problem, {"delta2[0,0]": wrong})) == ["updated weights"]
    net = problem.network.copy()
    net.parameters.update({name: t[f"{name}.new"] for name in ("W1", "b1", "W2", "b2", "W3", "b3")})
    second = cr.trace(net, problem.x, problem.y)
    wrong = (second["delta3"] @ t["W3"].T)[0, 0]
    assert names(cr.diagnose(problem, {"delta2[0,0]@2": wrong})) == ["old weights"]
    assert cr.diagnose(problem, {"delta2[0,0]@2": second["delta2"][0, 0]})


def test_002_the_2_of_the_square():
    problem = approximation()
    t = right(problem)
    e = problem.y - t["a3"]
    update = (e * t["a3"] * (1 - t["a3"]) * t["a2"][:, [0]]).sum()  # 002's Σ e y (1 − y) yⱼ
    found = cr.diagnose(problem, {"W3.new[0,0]": t["W3"][0, 0] + 0.1 * update})
    assert names(found) == ["2 lost"]
    assert cr.diagnose(problem, {"W3.new[0,0]": t["W3"][0, 0] + 0.2 * update})


@pytest.mark.parametrize("digits", [3, 6])
def test_a_logarithm_to_base_10(digits):
    loss = -np.log10(right(walkthrough())["a3"].item())
    found = cr.diagnose(walkthrough(), {"loss": f"{loss:.{digits}f}"})
    assert names(found)[:2] == [
        "logarithm to base 10 in the loss", "logarithm to base 10 throughout",
    ]  # fmt: skip
    narrowed = cr.diagnose(walkthrough(), {"loss": f"{loss:.{digits}f}", "delta3": "-0.184"})
    assert names(narrowed)[0] == "logarithm to base 10 in the loss"
    assert "logarithm to base 10 throughout" not in names(narrowed)


def test_rounding_too_early_is_told_with_its_decimals():
    problem = figure_5()
    net = problem.network
    z = np.round(problem.x @ net.parameters["W1"] + net.parameters["b1"], 1)
    a = 1 / (1 + np.exp(-z))
    found = cr.diagnose(problem, {"a1[0,0]": f"{a[0, 0]:.6f}", "a1[0,1]": f"{a[0, 1]:.6f}"})
    assert names(found) == ["rounded too early"]
    assert "z to 1 decimal" in found.explanations[0].variants
    assert "z to 2 decimals" not in found.explanations[0].variants
    assert cr.diagnose(problem, {"z1[0,0]": f"{z[0, 0]:.1f}"})  # z itself may be written so
