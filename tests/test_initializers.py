"""Initializers: the distributions that their rules state."""

import math
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.initializers import Initializer, find, initializers

ALL = pytest.mark.parametrize("entry", list(initializers), ids=lambda e: e.name)
FAN_IN, FAN_OUT = 120, 80


def drawn(entry, seed=0):
    return entry.draw(np.random.default_rng(seed), (400, 300), FAN_IN, FAN_OUT)


def stated(rule):
    """(kind, half width or deviation) that a rule such as "N(0, 2 / fan_in)" states."""
    for old, new in (("−", "-"), ("²", "**2"), ("√", "math.sqrt")):
        rule = rule.replace(old, new)
    scope = {"fan_in": FAN_IN, "fan_out": FAN_OUT, "math": math}
    if match := re.fullmatch(r"U\(±(.*)\)", rule):
        return "uniform", eval(match[1], scope)
    if match := re.fullmatch(r"U\[(.*), (.*)\)", rule):
        assert float(match[1]) == -float(match[2])
        return "uniform", float(match[2])
    if match := re.fullmatch(r"N\(0, (.*)\)", rule):
        return "normal", math.sqrt(eval(match[1], scope))
    if match := re.fullmatch(r"singular values (.*)", rule):
        return "orthogonal", float(match[1])
    return "constant", float(rule)


@ALL
def test_the_values_are_distributed_as_the_rule_says(entry):
    values = drawn(entry)
    kind, size = stated(entry.rule)
    assert values.dtype == np.float64
    assert values.shape == (400, 300)
    if kind == "constant":
        assert (values == size).all()
        return
    if kind == "orthogonal":
        np.testing.assert_allclose(np.linalg.svd(values, compute_uv=False), size, rtol=1e-12)
        return
    assert abs(values.mean()) < 0.01 * size
    deviation = size if kind == "normal" else size / math.sqrt(3)
    assert values.std() == pytest.approx(deviation, rel=0.01)
    if kind == "uniform":
        assert -size <= values.min() < -0.999 * size
        assert 0.999 * size < values.max() < size
    else:
        within = np.mean(np.abs(values) < size)
        assert within == pytest.approx(0.6827, abs=0.01)


@ALL
def test_the_same_seed_draws_the_same_values(entry):
    np.testing.assert_array_equal(drawn(entry, 3), drawn(entry, 3))


@ALL
def test_every_entry_is_found_by_its_names(entry):
    for name in (entry.name, *entry.aliases):
        assert find(name) is entry
    assert str(entry) == entry.name
    assert entry.rule


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("uniform(-2, 3)", -2, 3), ("uniform(0,1)", 0, 1), ("uniform(-1e-3, 1e-3)", -1e-3, 1e-3)],
)
def test_uniform_with_its_bounds(text, low, high):
    values = drawn(find(text))
    assert low <= values.min()
    assert values.max() < high
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.01 * (high - low))


def test_normal_with_its_mean_and_deviation():
    values = drawn(find("normal(1, 3)"))
    assert values.mean() == pytest.approx(1, abs=0.05)
    assert values.std() == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("shape", [(5, 5), (9, 4), (4, 9), (1, 6), (6, 1), (1, 1)], ids=str)
@pytest.mark.parametrize("gain", [1.0, 1.414, 0.25])
def test_the_fewer_of_rows_and_columns_are_orthogonal_with_the_length_of_the_gain(shape, gain):
    W = find(f"orthogonal({gain})").draw(np.random.default_rng(0), shape, *shape)
    assert W.shape == shape
    product = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(product, gain**2 * np.eye(min(shape)), atol=1e-14)


def test_orthogonal_matrices_are_uniform_among_all_of_them():
    # LAPACK's Q has the signs of its reflections: without the correction by R's diagonal every
    # determinant here is −1, and no rotation is ever drawn.
    rng = np.random.default_rng(0)
    drawn = np.array([find("orthogonal").draw(rng, (2, 2), 2, 2) for _ in range(4000)])
    assert abs(drawn.mean(axis=0)).max() < 0.05
    assert np.linalg.det(drawn).mean() == pytest.approx(0, abs=0.05)
    np.testing.assert_allclose((drawn**2).mean(axis=0), 0.5, atol=0.03)


def test_orthogonal_is_for_matrices_alone():
    with pytest.raises(ValueError, match=r"for matrices, not for a parameter of the shape \(3,\)"):
        cr.Network([cr.Dense(3, biases="orthogonal")], inputs=2)


@pytest.mark.parametrize("entry", ["constant(0.5)", 0.5, cr.constant(0.5)], ids=str)
def test_a_number_is_a_constant(entry):
    assert (drawn(find(entry)) == 0.5).all()


@pytest.mark.parametrize(
    "entry",
    [cr.normal(0, 3), cr.uniform(-0.25, 0.75), cr.constant(-2), cr.normal(0.1234567891, 1 / 3),
     cr.uniform(-1 / 3, 1 / 3), cr.constant(1 / 7), cr.orthogonal(),
     cr.orthogonal(math.sqrt(2))],
    ids=str,
)  # fmt: skip
def test_what_an_initializer_is_called_draws_the_same_values(entry):
    np.testing.assert_array_equal(drawn(find(str(entry))), drawn(entry))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("xavier", "unknown initializer 'xavier'; there are .*glorot_uniform"),
        ("uniform(1, 0)", "uniform needs low < high, both finite, not 1.0 and 0.0"),
        ("uniform(0, inf)", "both finite"),
        ("uniform(1, 2, 3)", r"'uniform\(1, 2, 3\)' has the wrong number of arguments"),
        ("uniform(a, b)", r"'uniform\(a, b\)'"),
        ("normal(0, -1)", "deviation > 0"),
        ("normal(0, 0)", "deviation > 0"),
        ("normal(nan, 1)", "finite mean"),
        ("orthogonal(0)", "orthogonal needs a finite gain > 0, not 0.0"),
        ("orthogonal(-1)", "gain > 0"),
        ("orthogonal(inf)", "finite gain"),
        ("orthogonal(1, 2)", "wrong number of arguments"),
        ("constant(nan)", "constant needs a finite value, not nan"),
        ("constant()", r"'constant\(\)'"),
        ("zeros(1)", r"unknown initializer 'zeros\(1\)'"),
        (float("inf"), "constant needs a finite value, not inf"),
        (True, "an initializer is a name, a number or an entry, not True"),
        (None, "not None"),
        ([0.0], r"not \[0.0\]"),
    ],
    ids=str,
)
def test_what_is_no_initializer_is_refused_with_a_reason(entry, message):
    with pytest.raises(ValueError, match=message):
        find(entry)


def test_an_initializer_of_ones_own_can_be_given_to_a_layer():
    eye = Initializer("eye", lambda rng, shape, fan_in, fan_out: np.eye(*shape), "the unit matrix")
    net = cr.Network([cr.Dense(3, weights=eye)], inputs=3)
    np.testing.assert_array_equal(net.parameters["W1"], np.eye(3))


def test_activations_of_the_relu_family_start_with_he_and_the_others_with_glorot():
    he, glorot = (cr.Network([cr.Dense(50, name)], inputs=50, dtype="float64").parameters["W1"]
                  for name in ("relu", "tanh"))  # fmt: skip
    assert np.abs(he).max() == pytest.approx(math.sqrt(6 / 50), rel=0.01)
    assert np.abs(glorot).max() == pytest.approx(math.sqrt(6 / 100), rel=0.01)


def test_biases_start_at_zero():
    assert not cr.Network([cr.Dense(5, "relu")], inputs=2).parameters["b1"].any()
