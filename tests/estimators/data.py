"""The small data of the tests of the estimators, and their comparison."""

import numpy as np

import chainrule as cr

ROWS = 60
RNG = np.random.default_rng(7)
X = RNG.normal(size=(ROWS, 4))
BINARY = (X[:, 0] * X[:, 1] > 0).astype(int)
THREE = BINARY + (X[:, 2] > 0.5)
SEVERAL = (np.stack([X[:, 0], X[:, 1], X[:, 2] - 0.3], axis=1) > 0).astype(int)
NUMBERS = X[:, 0] - np.abs(X[:, 1])
LABELS = {"binary": BINARY, "three classes": THREE, "several labels": SEVERAL}
FEW = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0, "batch_size": 16}


def classifier(**options):
    return cr.MLPClassifier(**FEW | options)


def regressor(**options):
    return cr.MLPRegressor(**FEW | options)


def same(one, other):
    """Both have the same weights and curves, bit for bit."""
    for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.loss_curve_ == other.loss_curve_
