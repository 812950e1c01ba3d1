"""The small problems of the tests of training: data, networks, and trainings of them."""

import numpy as np

import chainrule as cr

ROWS = 37


def classes(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)


def classifier(seed=1, **options):
    layers = [cr.Dense(6, "tanh"), cr.Dense(3, "softmax")]
    return cr.Network(layers, "cross_entropy", inputs=3, seed=seed, **options)


def binary(seed=0, rows=ROWS):
    X, y = classes(seed, rows)
    return X, (y > 0).astype(int)


def binary_network(seed=1, **options):
    layers = [cr.Dense(6, "tanh"), cr.Dense(1, "sigmoid")]
    return cr.Network(layers, "binary_cross_entropy", inputs=3, seed=seed, **options)


def trained(net=None, data=None, **options):
    """(network, result) after a training."""
    net = net or classifier()
    X, y = data or classes()
    return net, cr.train(net, X, y, **{"epochs": 3, "batch_size": 8} | options)


def same(one, other):
    np.testing.assert_array_equal(one.vector, other.vector)
    assert one.dtype == other.dtype
