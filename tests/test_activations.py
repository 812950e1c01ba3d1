"""Activations: value, derivative, accuracy, and what happens at the ends, over the registry."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import Activation, activations, find
from chainrule.engine.kernel import device, real
from chainrule.equations import symbols

ALL = pytest.mark.parametrize("entry", list(activations), ids=lambda e: e.name)
TRAINABLE = pytest.mark.parametrize(
    "entry", [e for e in activations if e.trainable], ids=lambda e: e.name
)
ELEMENTWISE = pytest.mark.parametrize(
    "entry", [e for e in activations if not e.rowwise], ids=lambda e: e.name
)
WITH_PARAMETER = pytest.mark.parametrize(
    "entry", [e for e in activations if e.k is not None], ids=lambda e: e.name
)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def grid(entry, low=-15.0, high=15.0, rows=400):
    """Rows of four over an interval; for softmax rows that differ in more than a constant."""
    z = np.linspace(low, high, 4 * rows).reshape(rows, 4)
    return np.roll(z, 1, axis=0)[:, ::-1] * [1, 0.7, -0.4, 0.1] if entry.rowwise else z


def off_the_kinks(entry, z, distance=1e-3):
    near = [np.abs(z - kink) < distance for kink in entry.kinks]
    return ~np.any(near, axis=0) if near else np.ones(z.shape, bool)


def by_equation(entry, z):
    return np.broadcast_to(entry.equation.evaluate({"z": z, "k": entry.k}), z.shape)


# ------------------------------------------------------------------ value


@ALL
def test_the_value_is_that_of_the_equation(entry, activate):
    z = grid(entry)
    np.testing.assert_allclose(activate(entry, z), by_equation(entry, z), rtol=1e-13, atol=1e-15)


@ALL
def test_float32_computes_the_same_function(entry, activate):
    z = grid(entry).astype(np.float32)
    right = by_equation(entry, z.astype(np.float64))
    np.testing.assert_allclose(activate(entry, z), right, rtol=2e-6, atol=1e-7)


@ALL
@DTYPES
def test_values_stay_within_the_stated_range(entry, dtype, activate):
    z = grid(entry, -60, 60).astype(dtype)
    found = activate(entry, z)
    low, high = entry.range
    assert low <= found.min()
    assert found.max() <= high


KNOWN = {
    "logistic": "sigmoid", "tanh": "tanh", "relu": "relu", "leaky_relu": "leaky_relu",
    "elu": "elu", "silu": "silu", "softplus": "softplus", "softmax": "softmax", "selu": "selu",
    "mish": "mish", "relu6": "relu6", "hard_sigmoid": "hard_sigmoid", "softsign": "soft_sign",
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_known_functions_equal_those_of_jax(name, jax, activate):
    z = grid(activations[name])
    right = getattr(jax.nn, KNOWN[name])(z)
    np.testing.assert_allclose(activate(activations[name], z), right, rtol=1e-12, atol=1e-15)


def test_gelu_is_the_exact_one_not_the_tanh_approximation(jax, activate):
    z = grid(activations["gelu"])
    right = jax.nn.gelu(z, approximate=False)
    np.testing.assert_allclose(activate(activations["gelu"], z), right, rtol=1e-12, atol=1e-15)


def test_gelu_tanh_is_the_approximation_of_gelu(jax, activate):
    z = grid(activations["gelu_tanh"])
    found = activate(activations["gelu_tanh"], z)
    right = jax.nn.gelu(z, approximate=True)
    np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-14)
    exact = activate(activations["gelu"], z)
    assert 1e-4 < np.abs(found - exact).max() < 1e-3


def test_exponential_is_e_to_the_z(activate):
    z = grid(activations["exponential"])
    np.testing.assert_allclose(activate(activations["exponential"], z), np.exp(z), rtol=1e-14)


def test_selu_keeps_mean_0_and_variance_1(activate):
    """The fixed point that its two constants were chosen for, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()
    a = activate(activations["selu"], nodes[:, None])[:, 0]
    assert weights @ a == pytest.approx(0, abs=2e-3)  # the kink limits the quadrature
    assert weights @ a**2 == pytest.approx(1, abs=2e-3)


def test_selu_with_its_initializer_normalises_itself_from_layer_to_layer(rng):
    """From any scale of the inputs; without biases and any other normalisation."""
    layers = [cr.Dense(200, "selu") for _ in range(16)]
    net = cr.Network(layers, inputs=200, seed=3, dtype="float64")
    for scale in (0.7, 1.0, 1.4):
        a = net.predict(scale * rng.normal(size=(300, 200)))
        assert abs(a.mean()) < 0.15
        assert 0.75 < a.var() < 1.25


@pytest.mark.parametrize(
    ("name", "z", "a"),
    [
        ("relu6", [-1.0, 0.0, 3.0, 6.0, 7.0], [0, 0, 3, 6, 6]),
        ("hard_sigmoid", [-4.0, -3.0, 0.0, 1.5, 3.0, 4.0], [0, 0, 0.5, 0.75, 1, 1]),
        ("softsign", [-3.0, -1.0, 0.0, 1.0, 3.0], [-0.75, -0.5, 0, 0.5, 0.75]),
        ("exponential", [-1000.0, 0.0, 1000.0], [0, 1, np.inf]),
        ("mish", [-1000.0, 0.0, 1000.0], [0, 0, 1000]),
        ("gelu_tanh", [-1000.0, 0.0, 1000.0], [0, 0, 1000]),
        ("selu", [-1000.0, 0.0, 1.0], [-1.7580993408473766, 0, 1.0507009873554805]),
    ],
)
@DTYPES
def test_values_at_special_points(name, z, a, dtype, activate):
    found = activate(activations[name], np.array([z], dtype))[0]
    assert found.tolist() == np.array(a, dtype).tolist()


def test_threshold_is_one_from_k_on(activate):
    z = np.array([[0.5 - 1e-9, 0.5, 0.6, -3.0]])
    assert activate(activations["threshold"], z).tolist() == [[0, 1, 1, 0]]
    assert activate(find("threshold(0.6)"), z).tolist() == [[0, 0, 1, 0]]


# ------------------------------------------------------------------ derivative


@TRAINABLE
def test_the_derivative_equals_central_differences_off_the_kinks(entry, activate, pull_back):
    z, h = grid(entry, -8, 8, rows=100), 1e-5
    da = np.cos(np.arange(z.size)).reshape(z.shape)
    found = pull_back(entry, da, z)
    right = np.empty_like(z)
    for c in range(z.shape[1]):  # one column at a time: softmax couples those of a row
        step = np.zeros(z.shape)
        step[:, c] = h
        difference = (activate(entry, z + step) - activate(entry, z - step)) / (2 * h)
        right[:, c] = (da * difference).sum(axis=1)
    kept = off_the_kinks(entry, z)
    assert kept.mean() > 0.95
    np.testing.assert_allclose(found[kept], right[kept], rtol=1e-7, atol=1e-9)


@TRAINABLE
def test_the_derivative_equals_that_of_the_equation_by_jax(entry, jax, pull_back):
    z = grid(entry, -8, 8, rows=50)
    da = np.sin(np.arange(z.size)).reshape(z.shape)

    def f(x):
        value = entry.equation.evaluate({"z": x, "k": entry.k}, xp=jax.numpy)
        return jax.numpy.broadcast_to(value, x.shape)

    right = np.asarray(jax.vjp(f, z)[1](da)[0])
    kept = off_the_kinks(entry, z)
    np.testing.assert_allclose(pull_back(entry, da, z)[kept], right[kept], rtol=1e-10, atol=1e-12)


@TRAINABLE
def test_float32_computes_the_same_derivative(entry, pull_back):
    z = grid(entry, -8, 8).astype(np.float32)
    da = np.cos(np.arange(z.size)).reshape(z.shape).astype(np.float32)
    right = pull_back(entry, da.astype(np.float64), z.astype(np.float64))
    np.testing.assert_allclose(pull_back(entry, da, z), right, rtol=1e-4, atol=1e-6)


def test_softmax_has_a_jacobian_not_a_factor(pull_back, activate):
    softmax = activations["softmax"]
    z = np.array([[0.2, -1.0, 0.7]])
    a = activate(softmax, z)[0]
    jacobian = [pull_back(softmax, np.eye(3)[c : c + 1], z)[0] for c in range(3)]
    np.testing.assert_allclose(jacobian, np.diag(a) - np.outer(a, a), atol=1e-15)


# ------------------------------------------------------------------ kinks, ends, NaN


@pytest.mark.parametrize(
    ("entry", "kink"),
    [(e, kink) for e in activations if e.trainable for kink in e.kinks],
    ids=lambda v: getattr(v, "name", str(v)),
)
@DTYPES
def test_at_a_kink_the_derivative_is_the_stated_one(entry, kink, dtype, pull_back):
    z = np.full((1, 4), kink, dtype)
    found = pull_back(entry, np.ones_like(z), z)
    np.testing.assert_allclose(found, entry.kinks[kink], rtol=1e-6)
    sides = [pull_back(entry, np.ones_like(z), z + s * 1e-3)[0, 0] for s in (-1, 1)]
    assert abs(sides[1] - sides[0]) > 0.01, "this is no kink"


@TRAINABLE
@pytest.mark.parametrize("k", [None, 0.3, 2.0])
def test_a_jump_of_the_derivative_is_a_stated_kink(entry, k, pull_back):
    if k is not None and entry.k is None:
        k = None
    entry = entry if k is None else entry(k)
    h = 1e-9
    z = np.linspace(-8, 8, 1601)[:, None] * ([1.0] if not entry.rowwise else [1.0, 0.5])
    sides = [pull_back(entry, np.ones_like(z), z + s * h) for s in (-1, 1)]
    jumps = np.unique(z[np.abs(sides[1] - sides[0]) > 1e-6 * (1 + np.abs(sides[0]))])
    np.testing.assert_allclose(jumps, sorted(entry.kinks), atol=1e-12)
    for kink, stated in entry.kinks.items():
        found = pull_back(entry, np.ones((1, 1)), np.full((1, 1), kink))
        np.testing.assert_allclose(found, stated)


def test_relu_takes_the_derivative_0_at_0(pull_back):
    assert pull_back(activations["relu"], np.ones((1, 2)), np.array([[0.0, -0.0]])).tolist() == [
        [0, 0]
    ]


@ELEMENTWISE
@DTYPES
def test_infinities_become_the_stated_limits(entry, dtype, activate):
    z = np.array([[-np.inf, np.inf]], dtype)
    assert activate(entry, z)[0].tolist() == np.array(entry.limits, dtype).tolist()


@WITH_PARAMETER
@pytest.mark.parametrize("k", [-0.5, 0.25, 3.0])
def test_another_parameter_has_its_own_range_and_limits(entry, k, activate):
    other = entry(k)
    z = np.concatenate([[[-np.inf] * 4], grid(other, -60, 60), [[np.inf] * 4]])
    found = activate(other, z)
    assert found[[0, -1], 0].tolist() == list(other.limits)
    assert other.range[0] <= found.min()
    assert found.max() <= other.range[1]


@ELEMENTWISE
@DTYPES
def test_huge_arguments_come_near_the_limits(entry, dtype, activate):
    huge = 1e37
    z = np.array([[-huge, huge]], dtype)
    found = activate(entry, z)[0]
    with np.errstate(all="ignore"):
        overflows = np.isinf(by_equation(entry, z))[0]  # e**z does, and what grows no faster not
    for value, limit, infinite in zip(found, entry.limits, overflows, strict=True):
        assert abs(value) > 1e30 if math.isinf(limit) else value == pytest.approx(limit)
        assert np.isfinite(value) != infinite


@DTYPES
def test_softmax_gives_nothing_to_minus_infinity_and_is_undefined_at_infinity(dtype, activate):
    softmax = activations["softmax"]
    found = activate(softmax, np.array([[-np.inf, 0.0, 0.0]], dtype))
    assert found.tolist() == [[softmax.limits[0], 0.5, 0.5]]
    assert math.isnan(softmax.limits[1])
    assert np.isnan(activate(softmax, np.array([[np.inf, 0.0, 0.0]], dtype))[0, 0])


@DTYPES
def test_softmax_of_huge_arguments_is_right(dtype, activate):
    found = activate(activations["softmax"], np.array([[1e4, 0, -1e4], [3e37, 3e37, 0]], dtype))
    assert found.tolist() == [[1, 0, 0], [0.5, 0.5, 0]]


@ELEMENTWISE
@DTYPES
def test_both_zeros_and_the_tiniest_arguments_give_the_value_at_zero(entry, dtype, activate):
    tiny = np.finfo(dtype).tiny
    found = activate(entry, np.array([[0.0, -0.0, tiny, -tiny]], dtype))[0]
    at_zero = by_equation(entry, np.zeros((1, 1)))[0, 0]
    np.testing.assert_allclose(found, at_zero, rtol=1e-6, atol=2 * tiny)


@TRAINABLE
@DTYPES
def test_derivatives_at_infinity_are_finite_numbers(entry, dtype, pull_back):
    z = np.array([[-np.inf, 0.0 if entry.rowwise else np.inf]], dtype)
    found = pull_back(entry, np.ones_like(z), z)
    if entry.name == "exponential":  # its slope grows without end, as it does itself
        assert found.tolist() == [[0, np.inf]]
    else:
        assert np.isfinite(found).all()


@ALL
@DTYPES
def test_nan_stays_nan(entry, dtype, activate, pull_back):
    z = np.array([[np.nan, np.nan], [1.0, np.nan]], dtype)
    values = activate(entry, z)
    assert np.isnan(values[np.isnan(z)]).all()
    if entry.trainable:
        assert np.isnan(pull_back(entry, np.full_like(z, np.nan), z)[np.isnan(z)]).all()


@TRAINABLE
@DTYPES
def test_a_nan_gradient_stays_nan_where_the_function_has_a_slope(entry, dtype, pull_back):
    z = np.array([[1.0, 0.9]], dtype)
    assert np.isnan(pull_back(entry, np.full_like(z, np.nan), z)).all()


# ------------------------------------------------------------------ the registry


@ALL
def test_every_entry_says_what_it_is_and_where_it_is_from(entry):
    assert entry.name
    assert entry.source
    assert entry.equation.text()
    assert entry.derivative_equation.text()
    assert entry.equation.names <= {"z", "k"}
    assert entry.derivative_equation.names <= {"z", "a", "k", "da"}


@ALL
def test_an_entry_is_found_by_its_name_and_its_aliases(entry):
    for name in (entry.name, *entry.aliases):
        assert find(name) is entry
    assert find(entry) is entry
    assert str(entry) == entry.name


@WITH_PARAMETER
def test_a_parameter_is_read_from_the_name(entry, activate):
    other = find(f"{entry.name}(0.25)")
    assert other.k == 0.25
    assert other != entry
    assert other == entry(0.25)
    assert find(str(other)) == other
    z = grid(entry)
    np.testing.assert_allclose(activate(other, z), by_equation(other, z), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sigmod", r"unknown activation 'sigmod'; there are .*sigmoid"),
        ("relu(0.2)", "'relu' has no parameter"),
        ("leaky_relu(x)", "'x' in 'leaky_relu\\(x\\)' is not a number"),
        ("leaky_relu(nan)", "must be finite, not nan"),
        ("leaky relu", "neither a name nor"),
        (3, "an activation is a name or an entry, not 3"),
        (None, "an activation is a name or an entry, not None"),
    ],
)
def test_what_is_no_activation_is_refused_with_a_reason(text, message):
    with pytest.raises(ValueError, match=message):
        find(text)


@device()
def square_value(z, k):
    return z * z


@device()
def square_pullback(da, z, a, k):
    return real(2) * z * da


def test_an_entry_of_ones_own_is_a_few_lines(activate, pull_back):
    (z,) = symbols("z")
    square = Activation("square", z**2, 2 * z, square_value, square_pullback)
    assert str(square) == "square"
    points = np.array([[-3.0, 0.5]])
    assert activate(square, points).tolist() == [[9, 0.25]]
    assert pull_back(square, np.ones((1, 2)), points).tolist() == [[-6, 1]]


def test_two_entries_cannot_share_a_name():
    entry = activations["relu"]
    with pytest.raises(ValueError, match="'relu' exists already"):
        activations.register(entry)
