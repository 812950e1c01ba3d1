"""Random data for networks: every loss takes its targets, every first layer its features."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import activations
from chainrule.glass.checks.random_batch import random_batch
from chainrule.losses import losses


@pytest.mark.parametrize("loss", list(losses), ids=lambda e: e.name)
def test_every_loss_takes_the_targets(loss):
    output = next(iter(loss.natural), None) or next(e.name for e in activations if loss.accepts(e))
    net = cr.Network([cr.Dense(4, "tanh"), cr.Dense(2, output)], loss, inputs=3)
    X, y = random_batch(net, 5, seed=1)
    assert np.isfinite(cr.trace(net, X, y)["loss"])
    again = random_batch(net, 5, seed=1)
    assert np.array_equal(X, again[0])
    assert np.array_equal(y, again[1])
    assert not np.array_equal(X, random_batch(net, 5, seed=2)[0])


def test_codes_are_drawn_from_the_levels():
    net = cr.Network([cr.Embedding({1: (3, 2)}), cr.Dense(1)], "mse", inputs=2)
    X, y = random_batch(net, 50, seed=0)
    assert set(X[:, 1]) == {0, 1, 2}
    assert np.isfinite(cr.trace(net, X, y)["loss"])


def test_without_a_loss_there_is_nothing_to_check():
    with pytest.raises(ValueError, match="the network has no loss"):
        random_batch(cr.Network([cr.Dense(1)], inputs=1), 3, 0)
