"""The losses that are tested, their formulas without the library, and networks for them."""

import numpy as np
import pytest
import scipy.special
import scipy.stats

import chainrule as cr
from chainrule.activations import activations
from chainrule.losses import find, losses

# Every entry, and some with other parameters.
ENTRIES = [*losses, *map(find, ("huber(0.25)", "focal(0.5)", "quantile(0.1, 0.5, 0.9)"))]
ALL = pytest.mark.parametrize("loss", ENTRIES, ids=str)
NATURAL = pytest.mark.parametrize(
    ("loss", "partner", "kind"),
    [(e, p, kind) for e in ENTRIES for p in e.natural for kind in e.natural[p]],
    ids=str,
)


def huber(error, k):
    return error**2 / 2 if abs(error) <= k else k * (abs(error) - k / 2)


def pinball(prediction, target, k):
    """By the check function of Koenker and Bassett: an error times the level, less one below 0."""
    error = target - prediction
    return error * (k - (error < 0))


def quantiles(a, y, k):
    each = np.reshape(a, (len(k), len(y)))  # a row for each level
    return sum(pinball(each[q, c], y[c], k[q]) for q in range(len(k)) for c in range(len(y)))


def focal(a, y, k):
    return -sum(
        t * (1 - p) ** k[0] * np.log(p) + (1 - t) * p ** k[0] * np.log(1 - p)
        for p, t in zip(a, y, strict=True)
    )


# The loss of one example, written without the library.
FORMULAS = {
    "rss": lambda a, y, k: sum((t - p) ** 2 for p, t in zip(a, y, strict=True)),
    "mse": lambda a, y, k: sum((t - p) ** 2 for p, t in zip(a, y, strict=True)) / 2,
    "binary_cross_entropy": lambda a, y, k: (
        -sum(t * np.log(p) + (1 - t) * np.log(1 - p) for p, t in zip(a, y, strict=True))
    ),
    "cross_entropy": lambda a, y, k: -sum(t * np.log(p) for p, t in zip(a, y, strict=True)),
    "mean_absolute": lambda a, y, k: np.abs(a - y).sum(),
    "huber": lambda a, y, k: sum(huber(p - t, k[0]) for p, t in zip(a, y, strict=True)),
    "log_cosh": lambda a, y, k: np.log(np.cosh(a - y)).sum(),
    "quantile": quantiles,
    # likelihoods by SciPy, without the terms that the library leaves out
    "poisson": lambda a, y, k: (a - scipy.special.xlogy(y, a)).sum(),
    "gamma": lambda a, y, k: -(scipy.stats.gamma.logpdf(y, 1, scale=a)).sum(),
    "gaussian": lambda a, y, k: (
        -(
            scipy.stats.norm.logpdf(y, a[: len(y)], np.exp(a[len(y) :] / 2)) + np.log(2 * np.pi) / 2
        ).sum()
    ),
    "hinge": lambda a, y, k: sum(max(0, 1 - (2 * t - 1) * p) for p, t in zip(a, y, strict=True)),
    "focal": focal,
}


def outputs_for(loss, targets=3):
    """So many outputs that there are at most that many columns of targets, or one."""
    each = loss.outputs_per_target
    return each * max(1, targets // each)


def identity_network(loss, activation, outputs=3, dtype="float64"):
    """A network whose z is its input."""
    layer = cr.Dense(outputs, activation, bias=False)
    net = cr.Network([layer], loss, inputs=outputs, dtype=dtype)
    net.parameters["W1"] = np.eye(outputs)
    return net


def targets_for(loss, kind, rows, outputs, rng):
    if kind == "labels":
        return rng.integers(0, outputs, rows)
    y = rng.uniform(0.05, 0.95, (rows, loss.target_columns(outputs)))
    return y / y.sum(axis=1, keepdims=True) if loss.distribution else y


def as_rows(y, outputs):
    return np.eye(outputs)[y] if y.ndim == 1 else y


PAIRS = pytest.mark.parametrize(
    ("loss", "kind", "entry"),
    [
        pytest.param(loss, kind, entry, id=f"{loss}-{kind}-{entry.name}")
        for loss in ENTRIES
        for kind in loss.forms
        for entry in activations
        if entry.trainable and loss.accepts(entry)
    ],
)
