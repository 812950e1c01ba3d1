"""Ensembles train like their members alone."""

import signal
import threading

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(300, 5)), RNG.integers(0, 3, 300)


def networks(count=5):
    layers = [cr.Dense(8, "relu"), cr.Dense(3, "softmax")]
    return [cr.Network(layers, "cross_entropy", inputs=5, seed=k) for k in range(count)]


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_each_member_is_trained_as_it_would_be_alone(threads):
    together, alone = networks(), networks()
    results = cr.train_ensemble(together, X, Y, epochs=4, threads=threads)
    for one, other, result in zip(together, alone, results, strict=True):
        expected = cr.train(other, X, Y, epochs=4, threads=1)
        np.testing.assert_array_equal(one.vector, other.vector)
        assert result.history["loss"] == expected.history["loss"]
    assert len({tuple(n.vector) for n in together}) == len(together)


def test_seeds_are_those_of_the_shuffles():
    one, other = networks(2), networks(2)
    cr.train_ensemble(one, X, Y, epochs=2, seeds=[7, 8])
    for network, seed in zip(other, (7, 8), strict=True):
        cr.train(network, X, Y, epochs=2, seed=seed)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.vector, b.vector)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": [1]}, "there are 1 seeds for 2 networks"),
        ({"threads": 0}, "threads must be a whole number of at least 1, not 0"),
        ({"progress": True}, "progress belongs to one training"),
        ({"epochs": 0}, "epochs must be"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cr.train_ensemble(networks(2), X, Y, **options)


def test_a_network_cannot_stand_twice_in_it():
    (net,) = networks(1)
    with pytest.raises(ValueError, match="stands twice"):
        cr.train_ensemble([net, net], X, Y)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal to a thread")
def test_ctrl_c_ends_all_of_them():
    cr.train_ensemble(networks(2), X, Y, epochs=1)
    main = threading.main_thread().ident
    timer = threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        cr.train_ensemble(networks(4), X, Y, epochs=10**7)
    timer.join()
    assert threading.active_count() < 10
