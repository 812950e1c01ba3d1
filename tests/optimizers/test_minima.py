"""Every optimizer finds the lowest point of a bowl and the way down a bent valley."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.optimizers import OPTIMIZERS

ALL = pytest.mark.parametrize("optimizer", list(dict.fromkeys(OPTIMIZERS.values())),
                              ids=lambda c: c.name)  # fmt: skip

# name: (specification, steps)
IN_A_BOWL = {
    "gradient_descent": (cr.GradientDescent(0.1), 500),
    "momentum": (cr.Momentum(0.1), 500),
    "nesterov": (cr.Nesterov(0.1), 500),
    "adagrad": (cr.Adagrad(1.0), 500),
    "rmsprop": (cr.RMSprop(1e-3), 5000),
    "adam": (cr.Adam(0.1), 2000),
    "adam_epsilon_hat": (cr.AdamHat(0.1), 2000),
    "amsgrad": (cr.AMSGrad(0.1), 2000),
    "adamw": (cr.AdamW(0.1, weight_decay=0), 2000),
    "nadam": (cr.NAdam(0.1), 2000),
    "lion": (cr.Lion(1e-3), 5000),
}
IN_A_VALLEY = {
    "gradient_descent": (cr.GradientDescent(1e-3), 20000),
    "momentum": (cr.Momentum(5e-4), 8000),
    "nesterov": (cr.Nesterov(5e-4), 8000),
    "adagrad": (cr.Adagrad(0.5), 20000),
    "rmsprop": (cr.RMSprop(1e-3), 8000),
    "adam": (cr.Adam(0.02), 8000),
    "adam_epsilon_hat": (cr.AdamHat(0.02), 8000),
    "amsgrad": (cr.AMSGrad(0.02), 8000),
    "adamw": (cr.AdamW(0.02, weight_decay=0), 8000),
    "nadam": (cr.NAdam(0.02), 8000),
    "lion": (cr.Lion(1e-3), 8000),
}

STEEPNESS = np.array([1.0, 0.5, 3.0])
LOWEST = np.array([1.0, -2.0, 0.5]) * np.pi / 3


@ALL
def test_the_lowest_point_of_a_parabola_is_found(optimizer, descend):
    chosen, steps = IN_A_BOWL[optimizer.name]
    found = descend(chosen, lambda x: STEEPNESS * (x - LOWEST), np.zeros(3), steps)
    # Steps of one size end in going to and fro around the point.
    near = chosen.learning_rate if optimizer is cr.Lion else 1e-6
    np.testing.assert_allclose(found, LOWEST, rtol=0, atol=near)


def valley(p):
    """Rosenbrock's function: its value and gradient, 0 at (1, 1)."""
    x, y = p
    value = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    return value, np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


@ALL
def test_the_way_down_a_bent_valley_is_found(optimizer, descend):
    chosen, steps = IN_A_VALLEY[optimizer.name]
    start = np.array([-1.2, 1.0])
    found = descend(chosen, lambda p: valley(p)[1], start, steps)
    assert valley(start)[0] > 24
    assert valley(found)[0] < 1e-3


@ALL
def test_float32_goes_the_same_way(optimizer, descend):
    chosen, _ = IN_A_BOWL[optimizer.name]

    def gradient(x):
        return STEEPNESS * (x - LOWEST)

    one = descend(chosen, gradient, np.zeros(3), 20)
    other = descend(chosen, gradient, np.zeros(3, "float32"), 20)
    assert other.dtype == np.float32
    np.testing.assert_allclose(one, other, rtol=1e-4)
