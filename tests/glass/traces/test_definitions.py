"""Every number of a step has an expression of others, and the expression has its value."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.glass.traces.lineage import split_name
from chainrule.optimizers import OPTIMIZERS

X = np.array([[0.5, 1.0, 0.3], [-1.0, 0.25, 0.7], [0.0, 2.0, -1.0], [1.5, -0.5, 0.2]])
Y = np.array([1, 0, 1, 1])
TWO = np.stack([Y, 2.0 * Y], axis=1)


def net(*layers, loss="binary_cross_entropy"):
    return cr.Network(layers, loss, inputs=3, seed=1)


def cases():
    plain = net(cr.Dense(3, "tanh"), cr.Dense(1, "sigmoid"))
    limits = {"penalty": cr.Penalty(0.1, 0.2), "clip": cr.ClipNorm(0.05)}
    for entry in {o.name: o for o in OPTIMIZERS.values()}.values():
        options = {"optimizer": entry(), "constraint": cr.MaxNorm(0.5), **limits}
        yield entry.name, plain, Y, options
    several = net(cr.Dense(3, ["relu", "tanh", "tanh"]), cr.Dropout(0.4), cr.BatchNorm(),
                  cr.Dense(1, "sigmoid"))  # fmt: skip
    yield "a function for each neuron, dropout, batch normalisation", several, Y, {
        "optimizer": cr.Adam(), "penalty": cr.Penalty(0.1, 0.2, per_example=True),
        "clip": cr.ClipGlobalNorm(0.05), "rate_factors": {"dense1.W": 2.0}, "frozen": ["dense2.b"],
    }  # fmt: skip
    yield "softmax", net(cr.Dense(3, "gelu"), cr.LayerNorm(), cr.Dense(3, "softmax"),
                         loss="cross_entropy"), Y, {"optimizer": cr.Momentum()}  # fmt: skip
    inner = cr.Residual([cr.Dense(2, "silu"), cr.PReLU(), cr.Dense(3)])
    yield (
        "residual, mixed rows",
        net(cr.Dense(3, "elu"), inner, cr.Scale(0.5), cr.Dense(2), loss="rss"),
        TWO,
        {"augment": [cr.Mixup(0.3), cr.Jitter(0.1)], "optimizer": cr.AdamW()},
    )
    yield "weights", plain, Y, {"sample_weight": [1.0, 2.0, 0.0, 1.0]}


CASES = {case[0]: case[1:] for case in cases()}
GIVEN = ("x", "y", "weight", "mixup")


@pytest.fixture(params=[True, False], ids=["fused", "two factors"])
def fused(request):
    return request.param


@pytest.mark.parametrize("case", CASES)
def test_every_value_equals_its_definition(case, fused):
    network, y, options = CASES[case]
    t = cr.trace(network, X, y, fused=fused, **options)
    for path, definitions in t.definitions.items():
        value = np.asarray(t[path], float)
        for definition in definitions:
            own = value[:, slice(*definition.columns)] if definition.columns else value
            elements = t.definitions.elements(definition)
            whole = np.broadcast_to(np.asarray(elements.value, float), own.shape)
            np.testing.assert_allclose(whole, own, rtol=1e-9, atol=1e-12, err_msg=path)
            for index in np.ndindex(own.shape):
                tree = elements[index]
                numbers = {}
                for name in tree.names:
                    of, at = split_name(name)
                    numbers[name] = np.asarray(t.definitions.value(of))[at]
                found = tree.evaluate(numbers)
                np.testing.assert_allclose(found, own[index], rtol=1e-9, atol=1e-12, err_msg=path)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_undefined_but_what_was_given(case):
    network, y, options = CASES[case]
    t = cr.trace(network, X, y, **options)
    for path in map(t.path, t):
        known = path in t.definitions or path in network.places or path.endswith(".old")
        unchanged = path.removesuffix(".new") in ("dense2.b",)  # frozen
        assert known or unchanged or path.partition(".")[0] in GIVEN, path


def test_columns_of_different_functions_have_definitions_of_their_own():
    network, y, options = CASES["a function for each neuron, dropout, batch normalisation"]
    t = cr.trace(network, X, y, **options)
    assert [d.columns for d in t.definitions["dense1.a"]] == [(0, 1), (1, 3)]


def test_a_correction_stands_in_the_update_by_its_name():
    t = cr.trace(CASES["adam"][0], X, Y, optimizer=cr.Adam())
    (definition,) = t.definitions["dense1.W.new"]
    assert str(definition.tree) == "dense1.W − η dense1.W.m_hat / (√(dense1.W.v_hat) + ε)"
