"""Random data that a network can be checked on, where there are no others."""

import numpy as np

from chainrule.layers import Embedding
from chainrule.network import Network


def random_batch(network: Network, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of a normal distribution, and targets that the network's loss takes.

    Codes of an embedding are drawn from its levels; targets are classes where the loss takes
    such, else numbers between 0.1 and 0.9, in rows that sum to one for a distribution.

    Args:
        network: with a loss.
        rows: m.
        seed: of the draw.

    Returns:
        (m, inputs) and (m, columns), or (m,) labels.

    Raises:
        ValueError: if the network has no loss.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(3, "softmax")], loss="cross_entropy", inputs=2)
    >>> random_batch(net, 4, seed=0)[1].dtype
    dtype('int64')
    """
    loss = network.loss
    if loss is None:
        raise ValueError("the network has no loss, so there is nothing to differentiate")
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, network.inputs))
    first = network.layers[0]
    if isinstance(first, Embedding):
        for column, (levels, _) in first.sizes.items():
            X[:, column] = rng.integers(0, levels, rows)
    if "labels" in loss.forms:
        return X, rng.integers(0, network.outputs, rows)
    y = rng.uniform(0.1, 0.9, (rows, loss.target_columns(network.outputs)))
    return X, y / y.sum(axis=1, keepdims=True) if loss.distribution else y
