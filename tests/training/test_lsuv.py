"""Layer-sequential unit variance: what it promises of z, and what it leaves alone."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import activations

RAW = np.random.default_rng(0).normal(3, 40, size=(200, 6))


def network(activation="relu", biases="zeros", dtype=None):
    layers = [cr.Dense(n, activation, biases=biases) for n in (12, 5, 9)]
    return cr.Network([*layers, cr.Dense(2)], loss="mse", inputs=6, seed=3, dtype=dtype)


@pytest.mark.parametrize("name", [e.name for e in activations if e.pullback is not None])
def test_z_of_every_layer_has_unit_variance(name):
    net = network(name, dtype="float64")
    found = cr.lsuv(net, RAW)
    seen = cr.trace(net, RAW)
    assert list(found) == ["z1", "z2", "z3", "z4"]
    for label, variance in found.items():
        assert variance == pytest.approx(seen[label].var(), rel=1e-9)
        assert variance == pytest.approx(1, abs=0.02)


def test_each_matrix_stays_a_multiple_of_an_orthogonal_one():
    net = network(dtype="float64")
    cr.lsuv(net, RAW)
    for name in ("W1", "W2", "W3", "W4"):
        sizes = np.linalg.svd(net.parameters[name], compute_uv=False)
        np.testing.assert_allclose(sizes, sizes[0], rtol=1e-10)


def test_layers_of_other_kinds_stay_and_those_inside_blocks_are_scaled():
    block = cr.Residual([cr.Dense(8, "relu", name="inner"), cr.Dense(8)])
    layers = [cr.Dense(8, "tanh"), cr.BatchNorm(), cr.Dropout(0.1), block, cr.Dense(2)]
    net = cr.Network(layers, inputs=6, seed=0)
    kept = {name: v.copy() for name, v in net.parameters.items() if not name.endswith(".W")}
    found = cr.lsuv(net, RAW)
    assert list(found) == ["dense1.z", "residual1.inner.z", "residual1.dense2.z", "dense2.z"]
    assert all(abs(v - 1) <= 0.02 for v in found.values())
    for name, value in kept.items():
        np.testing.assert_array_equal(net.parameters[name], value, err_msg=name)


def test_biases_are_kept_and_take_more_than_one_scaling():
    net = network(biases="normal(0, 0.3)", dtype="float64")
    before = net.parameters["b2"].copy()
    once = cr.lsuv(net.copy(), RAW, tolerance=1e-6, max_iterations=1)
    found = cr.lsuv(net, RAW, tolerance=1e-6, max_iterations=50)
    np.testing.assert_array_equal(net.parameters["b2"], before)
    assert max(abs(v - 1) for v in once.values()) > 1e-3
    assert max(abs(v - 1) for v in found.values()) <= 1e-6


def test_the_same_network_gets_the_same_weights_in_its_own_dtype():
    one, two = network(), network()
    cr.lsuv(one, RAW)
    cr.lsuv(two, RAW)
    assert one.dtype == "float32"
    np.testing.assert_array_equal(one.vector, two.vector)


def test_a_layer_without_variance_is_named_and_nothing_is_written():
    layers = [cr.Dense(4, "relu"), cr.Dense(3, "relu", biases=-1e9, name="blocked"), cr.Dense(2)]
    net = cr.Network(layers, inputs=6, seed=0)
    before = net.vector.copy()
    with pytest.raises(ValueError, match=r"^z3 has no variance on X"):
        cr.lsuv(net, RAW)
    np.testing.assert_array_equal(net.vector, before)
    with pytest.raises(ValueError, match=r"^z1 has no variance on X"):
        cr.lsuv(net, np.zeros((5, 6)))
    np.testing.assert_array_equal(net.vector, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0}, "tolerance must be a positive number, not 0"),
        ({"tolerance": float("nan")}, "tolerance must be"),
        ({"tolerance": "small"}, "not 'small'"),
        ({"max_iterations": 0}, "max_iterations must be a whole number of at least 1, not 0"),
        ({"X": RAW[:, :5]}, "X has 5 features, and the network takes 6"),
        ({"X": RAW * np.nan}, "every value must be finite"),
        ({"X": RAW * 1e200}, "z1 has no finite variance on X: scale the features"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(arguments, message):
    net = network()
    before = net.vector.copy()
    with pytest.raises(ValueError, match=message):
        cr.lsuv(net, **({"X": RAW} | arguments))
    np.testing.assert_array_equal(net.vector, before)
