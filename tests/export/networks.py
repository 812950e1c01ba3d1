"""Small networks with every layer, and rows for them, for the tests of all exports."""

import numpy as np

import chainrule as cr

CODED = cr.Embedding({0: (3, 2), 2: (4, 1)})
STACKS = {
    "dense": [cr.Dense(3, "tanh"), cr.Dense(2, bias=False)],
    "each unit its own": [cr.Dense(4, ["relu", "tanh", "linear(2)", "relu"])],
    "embedding": [CODED, cr.Dense(3)],
    "embedding of the last column": [cr.Embedding({3: (5, 2)})],
    "scale": [cr.Scale("normal(1, 1)")],
    "prelu": [cr.PReLU("normal(0, 1)")],
    "residual": [cr.Residual([cr.Residual([cr.PReLU(), cr.Scale(0.5)]), cr.Dense(4, "tanh")])],
    "dropout": [cr.Dropout(0.5), cr.Dense(2)],
    "alpha_dropout": [cr.Dense(3, "selu"), cr.AlphaDropout(0.2), cr.Dense(2)],
    "gaussian_noise": [cr.GaussianNoise(0.3), cr.Dense(2)],
    "batch_norm": [cr.BatchNorm(epsilon=1e-3), cr.Dense(3)],
    "layer_norm": [cr.LayerNorm(epsilon=1e-2), cr.Residual([cr.LayerNorm()])],
}


def network(layers, dtype="float32"):
    net = cr.Network(layers, inputs=4, seed=2, dtype=dtype)
    rng = np.random.default_rng(1)
    for name, value in net.parameters.items():  # nothing stays at a 0 or 1 that hides a mistake
        value += rng.uniform(0.1, 0.5, value.shape)
        assert np.all(value != 0), name
    return net


def inputs(dtype, rows=50):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(rows, 4)) * 3
    X[:, 0], X[:, 2] = rng.integers(0, 3, rows), rng.integers(0, 4, rows)
    X[:, 3] = rng.integers(0, 5, rows)
    return X.astype(dtype)
