"""The trace: every number of a step, from the program that the training runs."""

import copy
import json
import pickle
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.optimizers import OPTIMIZERS

DOCS = Path(__file__).parents[3] / "docs"


def network(**options):
    layers = [cr.Dense(3, "tanh"), cr.Dense(2, "relu"), cr.Dense(1, "sigmoid")]
    return cr.Network(layers, "binary_cross_entropy", inputs=2, seed=3, **options)


X = np.array([[0.5, 1.0], [-1.0, 0.25], [0.0, 2.0], [1.5, -0.5]])
Y = np.array([1, 0, 1, 1])


def test_it_holds_every_value_by_its_short_name():
    t = cr.trace(network(), X, Y)
    names = ["x", "z1", "a1", "z2", "a2", "z3", "a3", "y", "loss", "delta3", "dW3", "db3", "da2",
             "delta2", "dW2", "db2", "da1", "delta1", "dW1", "db1"]  # fmt: skip
    assert set(names) <= set(t)
    assert next(n for n in t if n in names) == "x"
    assert len(t) == len(list(t))


def test_a_path_is_as_good_as_a_short_name():
    t = cr.trace(network(), X, Y)
    for short, path in {"z1": "dense1.z", "delta2": "dense2.delta", "dW3": "dense3.dW"}.items():
        np.testing.assert_array_equal(t[short], t[path])


def test_values_equal_numpy(plain):
    net = network(dtype="float64")
    t = cr.trace(net, X, Y)
    reference = plain(net)
    for k, (z, a) in enumerate(reference.forward(X), start=1):
        np.testing.assert_allclose(t[f"z{k}"], z, rtol=1e-13)
        np.testing.assert_allclose(t[f"a{k}"], a, rtol=1e-13)
    y = Y[:, None]
    assert t["loss"] == pytest.approx(reference.loss(X, y), rel=1e-13)
    for name, gradient in reference.gradients(X, y).items():
        np.testing.assert_allclose(t[name.replace(".", ".d")], gradient, rtol=1e-12, atol=1e-16)


def test_the_gradient_that_is_shown_is_the_one_that_trains():
    net = network(dtype="float64")
    t = cr.trace(net, X, Y)
    before = {name: value.copy() for name, value in net.parameters.items()}
    cr.train(net, X, Y, optimizer=cr.GradientDescent(0.5), epochs=1, batch_size=None)
    for name, value in net.parameters.items():
        step = 0.5 * t[name.replace(".", ".d")]
        np.testing.assert_allclose(value, before[name] - step, rtol=1e-14)


def test_deltas_are_those_of_each_example_and_gradients_those_of_the_batch():
    t = cr.trace(network(), X, Y)
    assert t["delta3"].shape == (4, 1)
    np.testing.assert_allclose(t["dW3"], t["a2"].T @ t["delta3"] / 4, rtol=1e-13)
    np.testing.assert_allclose(t["db3"], t["delta3"].mean(axis=0), rtol=1e-13)


def test_everything_is_in_float64_and_nothing_is_updated():
    net = network(dtype="float32")
    before = net.vector.copy()
    t = cr.trace(net, X, Y)
    np.testing.assert_array_equal(net.vector, before)
    assert net.dtype == "float32"
    assert all(np.asarray(v).dtype == np.float64 for k, v in t.items() if k != "y")


def test_steps_are_in_the_order_in_which_they_ran_with_their_equations():
    t = cr.trace(network(), X, Y)
    texts = [step.instruction.equations[0].text() for step in t.steps]
    where = {text: k for k, text in enumerate(texts)}
    order = ["z1 = x·W1 + b1", "z3 = a2·W3 + b3", "delta3 = a3 − y", "da2 = delta3·W3ᵀ",
             "delta1 = da1 ⊙ (1 − a1²)"]  # fmt: skip
    assert [where[text] for text in order] == sorted(where[text] for text in order)
    assert "z1 = x·W1 + b1: z1 = " in str(t)
    assert len(str(t).split(" = x·W1 + b1")) == 2


def test_what_a_step_wrote_stays_as_it_was_then():
    """Values are copies: a later instruction that reuses memory does not change them."""
    t = cr.trace(network(), X, Y)
    for step in t.steps:
        for name, value in step.written.items():
            if name in ("dW1", "dW2", "dW3", "db1", "db2", "db3"):
                continue  # shown as the sum first, and divided once at the end
            np.testing.assert_array_equal(t[name], value)


def test_one_example_may_be_a_vector():
    t = cr.trace(network(), X[0], Y[0])
    rows = cr.trace(network(), X[:1], Y[:1])
    for name in rows:
        np.testing.assert_array_equal(t[name], rows[name])


def test_without_targets_it_holds_the_forward_part():
    t = cr.trace(network(), X)
    assert "a3" in t
    assert "loss" not in t
    assert "delta3" not in t
    np.testing.assert_allclose(t["a3"], network(dtype="float64").predict(X), rtol=1e-6)


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, np.asfortranarray, np.ndarray.tolist],
                         ids=lambda f: f.__name__)  # fmt: skip
def test_it_takes_what_the_training_takes(form):
    t = cr.trace(network(), form(X), Y)
    np.testing.assert_array_equal(t["dW1"], cr.trace(network(), X, Y)["dW1"])


def test_a_name_that_does_not_occur_is_refused_with_those_that_do():
    t = cr.trace(network(), X, Y)
    with pytest.raises(KeyError, match="the trace holds no 'z9'; it holds W1, b1, W2"):
        t["z9"]


# ------------------------------------------------------------------ the two factors


def test_the_natural_pair_has_no_da_unless_asked_for():
    assert "da3" not in cr.trace(network(), X, Y)
    t = cr.trace(network(), X, Y, fused=False)
    np.testing.assert_allclose(t["da3"] * t["a3"] * (1 - t["a3"]), t["delta3"], rtol=1e-13)


# ------------------------------------------------------------------ weights


def test_weights_of_examples_reach_the_loss_and_the_gradients(plain):
    net = network(dtype="float64")
    weights = np.array([1.0, 3.0, 0.0, 2.0])
    t = cr.trace(net, X, Y, sample_weight=weights)
    scaled = weights / weights.mean()
    reference = plain(net)
    assert t["loss"] == pytest.approx(reference.loss(X, Y[:, None], scaled), rel=1e-13)
    for name, gradient in reference.gradients(X, Y[:, None], scaled).items():
        np.testing.assert_allclose(t[name.replace(".", ".d")], gradient, rtol=1e-12, atol=1e-16)
    assert not t["delta3"][2].any()


# ------------------------------------------------------------------ rounding


def test_a_rounded_value_is_used_as_rounded():
    t = cr.trace(network(), X, Y, rounding={"a1": 1})
    np.testing.assert_array_equal(t["a1"], np.round(t["a1"], 1))
    W, b = (network(dtype="float64").parameters[n].astype(np.float32) for n in ("W2", "b2"))
    np.testing.assert_allclose(t["z2"], t["a1"] @ W.astype(float) + b, rtol=1e-12)


def test_rounding_one_value_leaves_those_before_it_alone():
    exact, rounded = cr.trace(network(), X, Y), cr.trace(network(), X, Y, rounding={"z3": 1})
    np.testing.assert_array_equal(exact["z2"], rounded["z2"])
    assert not np.array_equal(exact["delta3"], rounded["delta3"])


def test_where_something_is_rounded_the_loss_is_computed_from_the_prediction():
    t = cr.trace(network(), X[0], [1], rounding={"a3": 2, "loss": 3})
    assert t["loss"] == pytest.approx(round(-np.log(t["a3"].item()), 3), abs=1e-15)
    assert t["delta3"].item() == pytest.approx(t["a3"].item() - 1, abs=1e-12)


@pytest.mark.parametrize("name", ["z9", "dense9.z", "nonsense", "W1", "X"])
def test_rounding_what_no_instruction_computes_is_refused(name):
    with pytest.raises(ValueError, match=f"rounding names '{name}', which"):
        cr.trace(network(), X, Y, rounding={name: 3})


def test_a_path_can_be_rounded_too():
    t = cr.trace(network(), X, Y, rounding={"dense1.a": 1})
    np.testing.assert_array_equal(t["a1"], np.round(t["a1"], 1))


def test_a_quantity_is_rounded_in_every_layer_and_a_name_counts_for_more():
    t = cr.trace(network(), X, Y, rounding={"a2": 3, "a": 1})
    for name, decimals in (("a1", 1), ("a2", 3), ("a3", 1)):
        np.testing.assert_array_equal(t[name], np.round(t[name], decimals))
    assert not np.array_equal(t["a2"], np.round(t["a2"], 1))


def test_gradients_are_rounded_after_the_division_by_the_rows_and_weights_after_the_step():
    t = cr.trace(network(), X, Y, optimizer=cr.GradientDescent(0.1), rounding={"dW": 2, "new": 3})
    exact = cr.trace(network(), X, Y, optimizer=cr.GradientDescent(0.1))
    for layer in "123":
        np.testing.assert_allclose(t[f"dW{layer}"], np.round(exact[f"dW{layer}"], 2), atol=1e-12)
        np.testing.assert_allclose(
            t[f"W{layer}.new"], np.round(t[f"W{layer}"] - 0.1 * t[f"dW{layer}"], 3), atol=1e-12
        )
        np.testing.assert_array_equal(t[f"db{layer}"], exact[f"db{layer}"])


def test_halves_go_to_the_even_neighbour_or_up():
    net = cr.Network([cr.Dense(1, bias=False)], "mse", inputs=1)
    net.parameters["W1"] = [[1.0]]
    for ties, expected in (("even", [0.12, 2.68, -0.12]), ("up", [0.13, 2.68, -0.13])):
        x = [[0.125], [2.675], [-0.125]]
        t = cr.trace(net, x, [0, 0, 0], rounding=cr.Rounding({"z1": 2}, ties=ties))
        np.testing.assert_array_equal(t["z1"].ravel(), expected)


# ------------------------------------------------------------------ updates


@pytest.mark.parametrize("name", sorted({o.name for o in OPTIMIZERS.values()}))
def test_the_update_that_is_shown_is_the_one_that_trains(name):
    net, optimizer = network(dtype="float64"), OPTIMIZERS[name]()
    twin = net.copy()
    result = None
    for _ in range(3):
        before = net.vector.copy()
        t = cr.trace(net, X, Y, optimizer=optimizer, state=result and result.state)
        np.testing.assert_array_equal(net.vector, before)
        result = cr.train(twin, X, Y, optimizer=optimizer, epochs=1, batch_size=None,
                          shuffle=False, state=result and result.state)  # fmt: skip
        states = np.split(result.state.vector, len(optimizer.states) or 1)
        for path, (start, shape) in net.places.items():
            np.testing.assert_array_equal(t[path], net.parameters[path])
            np.testing.assert_array_equal(t[f"{path}.new"], twin.parameters[path])
            for state, vector in zip(optimizer.states, states, strict=False):
                part = vector[start : start + int(np.prod(shape))].reshape(shape)
                np.testing.assert_array_equal(t[f"{path}.{state}"], part)
        net = twin.copy()
    assert t.step == 3


def test_the_corrections_of_adam_are_shown():
    optimizer = cr.Adam(0.01)
    first = cr.train(net := network(dtype="float64"), X, Y, optimizer=optimizer, epochs=4)
    t = cr.trace(net, X, Y, state=first.state)
    g = t["dW2"]
    np.testing.assert_allclose(t["W2.m"], 0.9 * t["W2.m.old"] + 0.1 * g, rtol=1e-13)
    np.testing.assert_allclose(t["W2.m_hat"], t["W2.m"] / (1 - 0.9**5), rtol=1e-13)
    np.testing.assert_allclose(t["W2.v_hat"], t["W2.v"] / (1 - 0.999**5), rtol=1e-13)
    step = 0.01 * t["W2.m_hat"] / (np.sqrt(t["W2.v_hat"]) + 1e-8)
    np.testing.assert_allclose(t["W2.new"], t["W2"] - step, rtol=1e-13)


def test_what_a_penalty_adds_and_what_clipping_leaves_are_told_apart():
    net = network(dtype="float64")
    options = {"penalty": cr.L2(0.1), "clip": cr.ClipValue(0.02), "frozen": ["b2"]}
    t = cr.trace(net, X, Y, optimizer=cr.GradientDescent(0.5), **options)
    alone = cr.trace(net, X, Y)
    np.testing.assert_allclose(t["dW1.data"], alone["dW1"], rtol=1e-13)
    np.testing.assert_allclose(t["dW1"], t["dW1.data"] + 0.1 * t["W1"], rtol=1e-13)
    np.testing.assert_array_equal(t["db1"], t["db1.data"])
    np.testing.assert_array_equal(t["dW1.clipped"], np.clip(t["dW1"], -0.02, 0.02))
    np.testing.assert_allclose(t["W1.new"], t["W1"] - 0.5 * t["dW1.clipped"], rtol=1e-13)
    np.testing.assert_array_equal(t["b2.new"], t["b2"])
    assert t["loss"] == pytest.approx(
        alone["loss"] + 0.05 * sum((t[f"W{k}"] ** 2).sum() for k in (1, 2, 3)), rel=1e-13
    )


def test_an_update_needs_targets_and_an_optimizer_of_steps():
    with pytest.raises(ValueError, match="an update needs y"):
        cr.trace(network(), X, optimizer=cr.Adam())
    with pytest.raises(ValueError, match=r"such as cr\.Adam\(\) takes steps, not LBFGS"):
        cr.trace(network(), X, Y, optimizer=cr.LBFGS())


# ------------------------------------------------------------------ what is refused

WRONG = {
    "too wide": (np.zeros((1, 3)), [1], {}, "x has 3 features, and the network takes 2"),
    "nan": ([[np.nan, 0]], [1], {}, r"x\[0, 0\] is nan"),
    "rows differ": (X, [1], {}, "y has 1 rows, and X has 4"),
    "weights of another length": (X, Y, {"sample_weight": [1, 2]}, r"sample_weight has the shape"),
    "negative weights": (X, Y, {"sample_weight": [1, -1, 1, 1]}, "sample_weight must not be neg"),
}


@pytest.mark.parametrize("case", WRONG)
def test_data_that_do_not_fit_are_refused_with_a_reason(case):
    x, y, options, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        cr.trace(network(), x, y, **options)


def test_targets_without_a_loss_are_refused():
    net = cr.Network([cr.Dense(1)], inputs=2)
    with pytest.raises(ValueError, match="the network has no loss: give one, such as loss='mse'"):
        cr.trace(net, X, Y)


def test_the_document_tells_the_rounding_and_the_seed():
    schema = json.loads((DOCS / "trace.schema.json").read_text())
    for rounding, wanted in (
        (None, None), (cr.Rounding({"a1": 2}, "up"), {"ties": "up", "decimals": {"a1": 2}}),
    ):  # fmt: skip
        t = cr.trace(network(), X, Y, rounding=rounding, seed=7)
        document = json.loads(json.dumps(t.to_dict()))
        jsonschema.Draft202012Validator(schema).validate(document)
        assert (document["rounding"], document["seed"]) == (wanted, 7)
        assert t.rounding == cr.Rounding.of(rounding)


def test_a_data_frame_gives_its_columns_names():
    t = cr.trace(network(), pd.DataFrame(X, columns=["length", "width"]), Y)
    assert list(t.table("x").columns) == list(t.input_names) == ["length", "width"]
    assert not cr.trace(network(), pd.DataFrame(X), Y).input_names


def test_without_targets_a_state_traces_the_forward_part_alone():
    result = cr.train(net := network(dtype="float64"), X, Y, optimizer=cr.Adam(), epochs=4)
    t = cr.trace(net, X, state=result.state)
    assert (t.step, t.optimizer) == (5, None)
    np.testing.assert_array_equal(t["a3"], net.predict(X))


KEPT = {
    "adam": {"optimizer": cr.Adam(), "penalty": cr.L2(0.1), "clip": cr.ClipGlobalNorm(0.1)},
    "rounded": {"rounding": {"a": 2}},
    "constraint": {"optimizer": cr.GradientDescent(0.1), "constraint": cr.MaxNorm(0.1)},
}


@pytest.mark.parametrize("name", KEPT)
def test_a_pickled_trace_has_its_numbers_and_where_they_come_from(name):
    t = cr.trace(network(), X, Y, **KEPT[name])
    _ = t.definitions
    twin = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(t))))
    assert list(twin) == list(t)
    assert str(twin) == str(t)
    assert twin.to_dict() == t.to_dict()
    for value in ("dW1[0,0]", "a2[1,0]", "W1.new[1,0]" if t.optimizer else "z1[0,0]"):
        assert twin.why(value).tree() == t.why(value).tree()
    assert cr.walkthrough(twin).text() == cr.walkthrough(t).text()
    with pytest.raises(ValueError, match="cannot run its step again, since pickling"):
        twin.influence("W1[0,0]")


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
def test_a_copy_is_a_trace_of_its_own(how):
    t = cr.trace(network(), X, Y)
    twin = how(t)
    assert str(twin.influence("W1[0,0]")) == str(t.influence("W1[0,0]"))
    assert twin.definitions.trace is twin
    twin.set("extra", np.zeros(1))
    assert "extra" not in t
    if how is copy.deepcopy:
        twin["z1"][:] = 0
        assert t["z1"].any()
        assert twin.network is not t.network
