"""Dropout, alpha dropout and noise: what is drawn, what it does, and that it can be seen."""

import numpy as np
import pytest

import chainrule as cr

X = np.random.default_rng(1).normal(size=(24, 6))
Y = np.random.default_rng(2).normal(size=(24, 2))
LAYERS = [cr.Dropout(0.4), cr.AlphaDropout(0.3), cr.GaussianNoise(0.5)]
ALL = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.kind)


def network(layer, dtype="float64"):
    return cr.Network([layer, cr.Dense(2)], "mse", inputs=6, seed=1, dtype=dtype)


@ALL
def test_gradients_equal_central_differences_under_the_same_draws(layer):
    layers = [cr.Dense(5, "tanh"), layer, cr.Dense(4, "selu"), type(layer)(), cr.Dense(2)]
    assert cr.gradcheck(cr.Network(layers, "mse", inputs=6, seed=3), X, Y)


@ALL
def test_prediction_passes_values_through(layer):
    net = network(layer)
    right = X @ net.parameters["dense1.W"] + net.parameters["dense1.b"]
    np.testing.assert_allclose(net.predict(X), right, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("step", [1, 2, 5])
def test_a_traced_step_shows_the_very_mask_that_the_step_used(step):
    """Train up to a step, then take the next one by hand from the traced values."""
    net = network(cr.Dropout(0.5))
    batch, rate = 8, 0.1
    order = [slice(first, first + batch) for first in range(0, len(X), batch)]

    def after(steps):
        copy = network(cr.Dropout(0.5))
        seen = X[np.r_[tuple(order[k % 3] for k in range(steps))]] if steps else X[:0]
        wanted = Y[np.r_[tuple(order[k % 3] for k in range(steps))]] if steps else Y[:0]
        if steps:
            cr.train(copy, seen, wanted, optimizer=cr.GradientDescent(rate), epochs=1,
                     batch_size=batch, shuffle=False)  # fmt: skip
        return copy

    net, then = after(step - 1), after(step)
    rows = order[(step - 1) % 3]
    t = cr.trace(net, X[rows], Y[rows], step=step)
    mask = t["dropout1.mask"]
    assert set(np.unique(mask)) == {0.0, 2.0}
    z = (X[rows] * mask) @ net.parameters["dense1.W"] + net.parameters["dense1.b"]
    dW = (X[rows] * mask).T @ (z - Y[rows]) / batch
    np.testing.assert_allclose(then.parameters["dense1.W"],
                               net.parameters["dense1.W"] - rate * dW, rtol=1e-12)  # fmt: skip


@ALL
def test_threads_and_tiles_change_no_draw(layer):
    found = []
    for threads in (1, 2, 3):
        net = cr.Network([layer, cr.Dense(64, "tanh"), cr.Dense(2)], "mse", inputs=6, seed=1)
        rng = np.random.default_rng(5)
        big, wanted = rng.normal(size=(3000, 6)), rng.normal(size=(3000, 2))
        cr.train(net, big, wanted, epochs=2, batch_size=1500, threads=threads)
        found.append(net.vector)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_draws_differ_from_step_to_step_place_to_place_and_seed_to_seed():
    net = cr.Network([cr.Dropout(), cr.Dropout(), cr.Dense(2)], "mse", inputs=6, seed=1)
    one, other = cr.trace(net, X, Y), cr.trace(net, X, Y, step=2)
    seeded = cr.trace(net, X, Y, seed=2)
    masks = [one["dropout1.mask"], one["dropout2.mask"], other["dropout1.mask"],
             seeded["dropout1.mask"]]  # fmt: skip
    for k, mask in enumerate(masks):
        for another in masks[:k]:
            assert 0.3 < (mask == another).mean() < 0.7


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_as_many_units_are_dropped_as_the_rate_says_and_the_mean_stays(rate):
    net = cr.Network([cr.Dropout(rate), cr.Dense(1)], "mse", inputs=50, seed=1)
    mask = cr.trace(net, np.ones((2000, 50)), np.zeros(2000))["dropout1.mask"]
    deviation = np.sqrt(rate * (1 - rate) / mask.size)
    assert (mask == 0).mean() == pytest.approx(rate, abs=5 * deviation)
    assert mask.mean() == pytest.approx(1, abs=5 * deviation / (1 - rate))


def test_alpha_dropout_keeps_mean_and_variance():
    net = cr.Network([cr.AlphaDropout(0.2), cr.Dense(1)], "mse", inputs=50, seed=1)
    x = np.random.default_rng(3).normal(size=(4000, 50))
    a = cr.trace(net, x, np.zeros(4000))["alpha_dropout1.a"]
    assert a.mean() == pytest.approx(0, abs=0.02)
    assert a.std() == pytest.approx(1, abs=0.02)


def test_noise_is_normal():
    stats = pytest.importorskip("scipy.stats")
    net = cr.Network([cr.GaussianNoise(2.0), cr.Dense(1)], "mse", inputs=50, seed=1)
    noise = cr.trace(net, np.zeros((2000, 50)), np.zeros(2000))["gaussian_noise1.noise"]
    assert stats.kstest(noise.ravel() / 2, "norm").pvalue > 0.01


@ALL
def test_nothing_drawn_is_nothing_changed(layer):
    still = type(layer)(0.0)
    nets = [network(still), network(cr.Dropout(0.0))]
    for net in nets:
        cr.train(net, X, Y, epochs=3, batch_size=8)
    plain = cr.Network([cr.Dense(2)], "mse", inputs=6, seed=1, dtype="float64")
    cr.train(plain, X, Y, epochs=3, batch_size=8)
    np.testing.assert_allclose(nets[0].vector, plain.vector, rtol=1e-12)


def test_a_rate_may_follow_a_schedule():
    net = network(cr.Dropout(cr.FlatCosine(0.8)))
    again = cr.Network.from_dict(net.to_dict())
    assert again.layers[0] == net.layers[0]
    result = cr.train(net, X, Y, epochs=4, batch_size=8)
    assert np.isfinite(result.history["loss"]).all()


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, np.nan, "a half", None, True], ids=repr)
@pytest.mark.parametrize("layer", [cr.Dropout, cr.AlphaDropout], ids=lambda c: c.kind)
def test_a_rate_outside_its_range_is_refused(layer, value):
    with pytest.raises(ValueError, match=rf"rate of {layer.__name__} must be in \[0, 1\), not "):
        layer(value)


def test_a_negative_deviation_is_refused():
    with pytest.raises(ValueError, match="deviation of GaussianNoise must be a number of at least"):
        cr.GaussianNoise(-1)
