"""How accurate activations are, in units of the last place, against a longer number type."""

import numpy as np
import pytest
import scipy.special

from chainrule.activations import Activation, activations
from chainrule.engine.elementary import exp
from chainrule.engine.kernel import device
from chainrule.equations import apply, symbols

LONG = np.longdouble
DTYPES = pytest.mark.parametrize(
    "dtype",
    [
        np.float32,
        pytest.param(
            np.float64,
            marks=pytest.mark.skipif(
                np.finfo(LONG).nmant <= np.finfo(np.float64).nmant,
                reason="this platform has no number type that is longer than float64",
            ),
        ),
    ],
)


def exact_logistic(z):
    return 1 / (1 + np.exp(-z))


def ulps(found, right):
    """The distance in units of the last place of what was found, where that is a normal number."""
    normal = np.abs(right) >= np.finfo(found.dtype).tiny
    unit = np.spacing(np.abs(right[normal]).astype(found.dtype)).astype(LONG)
    return np.abs(found[normal].astype(LONG) - right[normal]) / unit


def everywhere(largest, dtype=np.float32):
    """Numbers of every size up to the largest, of both signs, and a dense middle."""
    sizes = np.geomspace(float(np.finfo(dtype).tiny) * 10, largest, 40_001)
    middle = np.linspace(-20, 20, 200_001)
    z = np.unique(np.concatenate([-sizes, sizes, middle, [0.0]]).astype(dtype))
    return z[:, None]


@device()
def exp_value(z, k):
    return exp(z)


@pytest.fixture
def exponential():
    (z,) = symbols("z")
    return Activation("exp", apply("exp", z), apply("exp", z), exp_value, None)


@DTYPES
def test_exp_is_within_4_ulp(dtype, exponential, activate):
    z = everywhere(np.log(np.finfo(dtype).max) - 0.5, dtype)
    assert ulps(activate(exponential, z), np.exp(z.astype(LONG))).max() <= 4


@DTYPES
def test_exp_reaches_the_largest_number_and_the_smallest_one(dtype, exponential, activate):
    information = np.finfo(dtype)
    largest = np.nextafter(dtype(np.log(LONG(information.max))), dtype(0))
    found = activate(
        exponential, np.array([[largest, np.log(information.smallest_subnormal)]], dtype)
    )
    assert 0.999 * information.max < found[0, 0] < np.inf
    assert 0 < found[0, 1] <= 2 * information.smallest_subnormal


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_overflows_to_infinity_and_underflows_to_zero(dtype, exponential, activate):
    over, under = (89.5, -110.0) if dtype is np.float32 else (709.8, -745.5)
    ends = [[over, 1e30, np.inf, under, -1e30, -np.inf]]
    assert activate(exponential, np.array(ends, dtype)).tolist() == [[np.inf] * 3 + [0] * 3]


@DTYPES
@pytest.mark.parametrize(("name", "exact"), [("logistic", exact_logistic), ("tanh", np.tanh)])
def test_sigmoidal_functions_are_within_4_ulp(name, exact, dtype, activate):
    z = everywhere(np.finfo(dtype).max / 2, dtype)
    with np.errstate(over="ignore"):
        right = exact(z.astype(LONG))
    assert ulps(activate(activations[name], z), right).max() <= 4


@DTYPES
def test_softmax_is_within_4_ulp_and_the_spread_of_its_row(dtype, activate, rng):
    for scale in (1, 10, 40):
        z = (scale * rng.normal(size=(2000, 7))).astype(dtype)
        right = np.exp(z.astype(LONG) - z.max(axis=1, keepdims=True))
        right /= right.sum(axis=1, keepdims=True)
        found = activate(activations["softmax"], z)
        spread = np.max(z.max(axis=1, keepdims=True) - z, axis=1, keepdims=True)
        normal = right >= np.finfo(dtype).tiny
        distance = np.abs(found - right) / np.spacing(right.astype(dtype)).astype(LONG)
        assert (distance <= 4 + spread)[normal].all()


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "gelu_tanh"])
def test_smooth_rectifiers_are_right_to_six_digits(name, activate):
    z = everywhere(1e30)
    x = z[:, 0].astype(np.float64)
    cubic = np.sqrt(8 / np.pi) * (x + 0.044715 * x**3)
    factor = {
        "gelu": scipy.special.ndtr(x), "silu": scipy.special.expit(x),
        "mish": np.tanh(np.logaddexp(0, x)), "gelu_tanh": scipy.special.expit(cubic),
    }[name]  # fmt: skip
    error = np.abs(activate(activations[name], z)[:, 0] - x * factor)
    # e to a rounded argument: its error grows with the argument
    argument = np.minimum(np.abs(cubic), 100) if name == "gelu_tanh" else 0
    assert (error <= (1e-6 + 2e-7 * argument) * np.abs(x * factor) + 1e-12).all()
