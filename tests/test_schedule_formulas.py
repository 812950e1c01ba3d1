"""Schedules against the papers' formulas and other libraries."""

import math

import numpy as np
import pytest
from tests.test_schedules import HORIZON, PER_EPOCH, ROWS, steps

from chainrule.schedules import (
    Cosine,
    CosLog4,
    Exponential,
    FlatCosine,
    InverseScaling,
    OneCycle,
    Schedule,
    StepDecay,
    Steps,
)


def by_steps(formula, **options):
    """What a formula of (step, epochs done, share done) gives, one step after the other."""
    at = steps(**options)
    total = at.horizon * at.per_epoch
    return [formula(int(k), k / at.per_epoch, k / total) for k in at.step]


@pytest.mark.parametrize(
    ("chosen", "formula"),
    [(StepDecay(0.3, 3, 0.5), lambda k, e, t: 0.3 * 0.5 ** (k // (3 * PER_EPOCH))),
     (Exponential(0.3, 0.8), lambda k, e, t: 0.3 * math.exp(e * math.log(0.8))),
     (InverseScaling(0.3, 0.7), lambda k, e, t: 0.3 / (1 + k) ** 0.7),
     (InverseScaling(0.3, 0.7, start=9), lambda k, e, t: 0.3 / (10 + k) ** 0.7),
     (InverseScaling(0.3, 0.7, "epoch"), lambda k, e, t: 0.3 / (1 + k // PER_EPOCH) ** 0.7),
     (Cosine(0.3, 0.1), lambda k, e, t: 0.1 + 0.2 * math.cos(math.pi * t / 2) ** 2),
     (CosLog4(0.3), lambda k, e, t: 0.3 * math.sin(math.pi * math.log2(1 + 15 * t)) ** 2),
     (FlatCosine(0.3), lambda k, e, t: 0.15 * (1 + math.cos(math.pi * (max(1, 2 * t) - 1)))),
     (FlatCosine(0.3, 0.0), lambda k, e, t: 0.3 * math.cos(math.pi * t / 2) ** 2)],
    ids=lambda v: repr(v) if isinstance(v, Schedule) else "",
)  # fmt: skip
def test_it_is_what_its_formula_says(chosen, formula):
    np.testing.assert_allclose(chosen.values(steps()), by_steps(formula), rtol=1e-12, atol=1e-15)


def test_each_wave_of_coslog4_is_twice_as_long_as_the_one_before():
    at = steps(last=15, per_epoch=1, horizon=15)
    np.testing.assert_allclose(CosLog4(1.0).values(at)[[0, 1, 3, 7, 15]], 0, atol=1e-12)
    middle = (np.array([2**0.5, 2**1.5, 2**2.5, 2**3.5]) - 1) / 15
    tops = CosLog4(1.0).values(Steps(middle * 1000, 1, 10, 1000))
    np.testing.assert_allclose(tops, 1, rtol=1e-12)


def test_inverse_scaling_by_example_is_scikit_learns():
    from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

    twin, expected = SGDOptimizer([np.zeros(1)], 0.3, "invscaling", power_t=0.6), []
    for epoch in range(1, HORIZON + 1):
        expected += [twin.learning_rate] * PER_EPOCH  # one rate for the steps of an epoch
        twin.iteration_ends(epoch * ROWS)
    chosen = InverseScaling(0.3, 0.6, "example")
    values = chosen.values(steps(last=HORIZON * PER_EPOCH - 1))
    np.testing.assert_allclose(values, expected, rtol=1e-12)


def restarts(period, stretch, final, k):
    """SGDR by its words: count down through the periods."""
    length, left = period, k / PER_EPOCH
    while left >= length - 1e-9:
        left, length = left - length, length * stretch
    return final + 0.5 * (1 - final) * (1 + math.cos(math.pi * left / length))


@pytest.mark.parametrize(
    ("period", "stretch", "final"),
    [(1, 1.0, 0.0), (3, 1.0, 0.2), (1, 2.0, 0.0), (2, 1.5, 0.1), (1, 3.0, 0.0), (2, 1.01, 0.0),
     (2, 1 + 1e-9, 0.0)],
)  # fmt: skip
def test_warm_restarts_of_a_cosine_are_those_of_the_paper(period, stretch, final):
    at = steps(last=500)
    expected = [restarts(period, stretch, final, int(k)) for k in at.step]
    values = Cosine(1.0, final, period, stretch).values(at)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("stretch", [1, 2, 3])
def test_warm_restarts_of_a_cosine_are_pytorchs(stretch):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.3)
    twin = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2, stretch, eta_min=0.05)
    expected = []
    for k in range(100):
        twin.step(k / PER_EPOCH)
        expected.append(optimizer.param_groups[0]["lr"])
    values = Cosine(0.3, 0.05, 2, stretch).values(steps(last=99))
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_one_cycle_is_optaxs(jax):
    """Optax interpolates by the cosine between the same three points."""
    optax = pytest.importorskip("optax")
    total = HORIZON * PER_EPOCH
    twin = optax.cosine_onecycle_schedule(total, 0.3, 0.25, 10, 50)  # the end: 1 / (10 · 50)
    expected = [float(twin(k)) for k in range(total + 1)]
    values = OneCycle(0.3, 0.25, 10, 500).values(steps())
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_one_cycle_is_its_formula():
    def formula(k, e, t):
        if t < 0.25:
            return 0.03 + 0.27 * math.sin(math.pi * t / 0.25 / 2) ** 2
        return 0.003 + 0.297 * math.cos(math.pi * (t - 0.25) / 0.75 / 2) ** 2

    values = OneCycle(0.3, 0.25, 10, 100).values(steps())
    np.testing.assert_allclose(values, by_steps(formula), rtol=1e-12)
