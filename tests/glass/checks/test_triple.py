"""The triple check: over activations, losses and layers, and that it can fail."""

import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import activations
from chainrule.glass.checks import gradcheck as module
from chainrule.glass.checks import triple
from chainrule.losses import find, losses

TRAINABLE = [e for e in activations if e.trainable]
LOSSES = [*losses, find("quantile(0.2, 0.9)")]
ROWS, INPUTS, OUTPUTS = 4, 3, 2


def targets(loss, kind, rng):
    if kind == "labels":
        return rng.integers(0, OUTPUTS, ROWS)
    y = rng.uniform(0.1, 0.9, (ROWS, loss.target_columns(OUTPUTS)))
    return y / y.sum(axis=1, keepdims=True) if loss.distribution else y


def agrees(network, X, y, **options):
    check = cr.triple_check(network, X, y, **options)
    assert check, str(check)
    assert all(found.jax is not None for found in check.parameters.values())
    return check


@pytest.mark.parametrize("entry", TRAINABLE, ids=lambda e: e.name)
def test_every_activation(entry, rng, jax):
    net = cr.Network([cr.Dense(3, entry), cr.Dense(3, entry), cr.Dense(2)], "mse", inputs=INPUTS,
                     seed=3)  # fmt: skip
    agrees(net, rng.normal(size=(ROWS, INPUTS)), rng.normal(size=(ROWS, 2)))


@pytest.mark.parametrize(("loss", "kind"), [(e, k) for e in LOSSES for k in e.forms], ids=str)
@pytest.mark.parametrize("paired", [True, False], ids=["natural pair", "other outputs"])
def test_every_loss(loss, kind, paired, rng, jax):
    output = next(iter(loss.natural), "linear")
    if not paired:
        output = next(e.name for e in TRAINABLE if loss.accepts(e) and e.name not in loss.natural)
    net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(OUTPUTS, output)], loss, inputs=INPUTS, seed=1)
    agrees(net, rng.normal(size=(ROWS, INPUTS)), targets(loss, kind, rng))
    agrees(net, rng.normal(size=(ROWS, INPUTS)), targets(loss, kind, rng),
           sample_weight=[1.0, 0.0, 2.0, 0.5])  # fmt: skip


LAYERS = {
    "a function per neuron": [cr.Dense(4, ["tanh", "leaky_relu(0.3)", "gelu", "gelu"])],
    "no bias": [cr.Dense(4, "elu", bias=False)],
    "dropout": [cr.Dense(8, "tanh"), cr.Dropout(0.5)],
    "alpha dropout": [cr.Dense(8, "selu"), cr.AlphaDropout(0.3)],
    "noise": [cr.Dense(4, "tanh"), cr.GaussianNoise(0.3)],
    "batch norm": [cr.Dense(4), cr.BatchNorm()],
    "layer norm": [cr.Dense(4, "tanh"), cr.LayerNorm()],
    "prelu": [cr.Dense(4), cr.PReLU()],
    "scale": [cr.Scale(), cr.Dense(4, "tanh")],
    "residual": [cr.Residual([cr.Dense(3, "tanh"), cr.Dense(3)])],
    "embedding": [cr.Embedding({0: (3, 2)}), cr.Dense(4, "tanh")],
}


@pytest.mark.parametrize("case", LAYERS)
def test_every_layer(case, rng, jax):
    net = cr.Network([*LAYERS[case], cr.Dense(2)], "mse", inputs=INPUTS, seed=2)
    X = rng.normal(size=(ROWS, INPUTS))
    if case == "embedding":
        X[:, 0] = [0, 2, 1, 2]
    agrees(net, X, rng.normal(size=(ROWS, 2)))


def test_a_gradient_that_is_wrong_by_a_twentieth_of_a_percent_fails(rng, jax, monkeypatch):
    original = module.trace

    def wrong(*arguments, **options):
        found = original(*arguments, **options)
        found.set("dense1.dW", found["dW1"] * 1.0005)
        return found

    monkeypatch.setattr(module, "trace", wrong)
    net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(1)], "mse", inputs=INPUTS)
    check = cr.triple_check(net, rng.normal(size=(ROWS, INPUTS)), rng.normal(size=ROWS))
    assert not check
    assert [name for name in check.parameters if not check.right(name)] == ["W1"]
    assert check.parameters["W1"].jax.error == pytest.approx(5e-4, rel=1e-2)
    assert check.verdict == "WRONG: W1 of 4 parameters"
    assert str(check).splitlines()[1].endswith("WRONG")


def test_without_jax_two_are_compared_and_that_is_said(rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(1)], "mse", inputs=INPUTS)
    check = cr.triple_check(net, rng.normal(size=(ROWS, INPUTS)), rng.normal(size=ROWS))
    assert check
    assert check.note == triple.NO_JAX
    assert check.to_dict()["parameters"]["W1"]["jax"] is None
    assert str(check).splitlines()[-1] == "right: all 16 elements agree with central differences"


def test_kinks_are_left_out_of_both(jax):
    net = cr.Network([cr.Dense(1, "relu"), cr.Dense(1)], "mse", inputs=1)
    net.parameters.update({"W1": [[0.5]], "W2": [[2.0]]})
    check = agrees(net, [[0.0], [1.0]], [1.0, 2.0])
    assert check.parameters["b1"].differences.left_out == 1
    assert check.parameters["W1"].differences.left_out == 0


def test_a_loss_that_is_not_finite_has_no_gradient_to_check():
    net = cr.Network([cr.Dense(1, "exponential")], "mse", inputs=1)
    net.parameters["W1"] = [[1e3]]
    with pytest.raises(ValueError, match="the loss is not finite for these data"):
        cr.triple_check(net, [[1.0]], [1.0])


def test_a_gradient_of_zero_is_right(rng, jax):
    """Batch normalisation subtracts what a bias in front of it adds."""
    net = cr.Network([cr.Dense(4), cr.BatchNorm(), cr.Dense(1)], "mse", inputs=3)
    X, y = rng.normal(size=(8, 3)), 1e3 * rng.normal(size=8)
    agrees(net, X, y)
    assert cr.gradcheck(net, X, y)


def test_a_small_gradient_of_the_wrong_sign_fails(rng, monkeypatch, jax):
    original = module.trace

    def wrong(*arguments, **options):
        found = original(*arguments, **options)
        found.set("dense1.dW", -found["dW1"])
        return found

    monkeypatch.setattr(module, "trace", wrong)
    net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(1)], "mse", inputs=3)
    net.parameters["W2"] *= 1e-7
    check = cr.triple_check(net, rng.normal(size=(5, 3)), rng.normal(size=5))
    assert not check.right("W1")
    assert check.right("W2")
    assert check.parameters["W1"].differences.error > check.tolerance


def test_other_code_keeps_its_single_precision(jax, rng):
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", False)
    try:
        net = cr.Network([cr.Dense(1)], "mse", inputs=2)
        agrees(net, rng.normal(size=(3, 2)), rng.normal(size=3))
        assert jax.numpy.ones(2).dtype == np.float32
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", ["h", "tolerance", "jax_tolerance"])
@pytest.mark.parametrize("value", ["a", None, [1.0, 2.0], True])
def test_a_setting_that_is_no_number_is_refused(name, value):
    net = cr.Network([cr.Dense(1)], "mse", inputs=1)
    with pytest.raises(ValueError, match=f"^{name} must be a positive number, not "):
        cr.triple_check(net, [[1.0]], [1.0], **{name: value})


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match=r"^network must be a Network, not str$"):
        cr.triple_check("net", [[1.0]], [1.0])


@pytest.mark.parametrize("name", ["h", "tolerance", "jax_tolerance"])
def test_impossible_settings_are_refused(name):
    net = cr.Network([cr.Dense(1)], "mse", inputs=1)
    with pytest.raises(ValueError, match=f"{name} must be a positive number"):
        cr.triple_check(net, [[1.0]], [1.0], **{name: 0})
