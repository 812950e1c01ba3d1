"""Where a number comes from, down to inputs and weights, and what changes when a weight does."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.glass.traces.stepping import run_step
from chainrule.lowering import lower

X = np.array([[0.5, 1.0], [-1.0, 0.25]])


@pytest.fixture
def t():
    layers = [cr.Dense(3, "relu"), cr.Dense(2, "tanh"), cr.Dense(1, "sigmoid")]
    net = cr.Network(layers, "binary_cross_entropy", inputs=2, seed=3)
    return cr.trace(net, X, [1, 0], optimizer=cr.Adam(0.1))


def test_a_gradient_is_the_sum_over_the_examples(t):
    why = t.why("dW2[2,1]")
    assert list(why.operands) == ["a1[0,2]", "delta2[0,1]", "a1[1,2]", "delta2[1,1]", "m"]
    assert str(why).splitlines()[0] == "dW2[2,1] = (a1[0,2] delta2[0,1] + a1[1,2] delta2[1,1]) / m"
    assert why.value == t["dW2"][2, 1]
    a, delta = t["a1"][:, 2], t["delta2"][:, 1]
    assert why.value == pytest.approx((a * delta).sum() / 2, rel=1e-15)


def test_a_path_and_blanks_will_do(t):
    assert str(t.why("dense2.dW[ 2, 1 ]")) == str(t.why("dW2[2,1]"))


def test_every_operand_can_be_asked_again_down_to_inputs_and_weights(t):
    open_, seen = ["W1.new[0,0]"], set()
    while open_:
        name = open_.pop()
        if name in seen:
            continue
        seen.add(name)
        why = t.why(name)
        if why.expression is None:
            assert why.note, name
            continue
        found = why.expression.evaluate(why.operands)
        assert found == pytest.approx(why.value, rel=1e-12, abs=1e-15)
        open_ += [n for n in why.operands if n.partition("[")[0] in t]
    assert {"x[0,0]", "y[1,0]", "W1[0,0]", "W3[1,0]", "b2[1]"} <= seen


def test_what_was_given_says_so(t):
    assert str(t.why("x[0,1]")) == "x[0,1] = 1, an input"
    assert "a parameter that the step began with" in str(t.why("W1[0,0]"))
    assert "what the optimizer remembered" in str(t.why("W1.m.old[0,0]"))


def test_long_sums_are_shown_by_their_ends():
    net = cr.Network([cr.Dense(1)], "mse", inputs=50)
    why = cr.trace(net, np.ones(50), [1.0]).why("z1[0,0]")
    assert "… (43 more) …" in str(why)
    assert "x[0,49] W1[49,0]" in str(why)
    assert len(why.operands) == 101


def test_the_tree_goes_as_deep_as_asked(t):
    assert len(t.why("dW1[0,0]").tree(0).splitlines()) == 1
    tree = t.why("dW1[0,0]").tree(3)
    assert "\n    slope1[1,0] = 1 if z1[1,0] > 0 else 0 = 1\n" in tree
    assert "\n      z1[1,0] = x[1,0] W1[0,0] + x[1,1] W1[1,0] + b1[0] = 1.506508" in tree


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dW2[3,1]", r"there is no dW2\[3,1\]: its places go from dW2\[0,0\] to dW2\[2,1\]"),
        ("dW2[1]", "its places go from"),
        ("dW2", "its places go from"),
        ("loss[0]", "it is one number: loss"),
        ("dW2[1,", "is no name of a number"),
        ("dW2[-1,0]", "is no name of a number"),
        ("", "is no name of a number"),
    ],
)
def test_a_place_that_is_not_there_is_refused(t, name, message):
    with pytest.raises(ValueError, match=message):
        t.why(name)


def test_an_unknown_value_is_refused_with_those_that_are_known(t):
    with pytest.raises(KeyError, match="the trace holds no 'dW9'; it holds W1"):
        t.why("dW9[0,0]")


# ------------------------------------------------------------------ influence


@pytest.mark.parametrize("name", ["W1[0,0]", "b1[2]", "W2[1,0]", "W3[1,0]", "b3[0]"])
def test_the_influence_on_the_loss_is_the_gradient(t, name):
    value, index = name[:2], eval(name[2:])
    gradient = t[f"d{value}"][tuple(index)]
    assert t.influence(name)["loss"] == pytest.approx(gradient, rel=1e-6, abs=1e-9)


def test_what_lies_before_a_weight_or_beside_it_does_not_change(t):
    changes = t.influence("W2[0,1]").changes
    assert not {"x", "z1", "a1", "y", "W1"} & set(changes)
    assert {"z2", "a2", "z3", "a3", "loss", "delta3", "dW1"} <= set(changes)
    assert not changes["z2"][:, 0].any()
    np.testing.assert_allclose(changes["z2"][:, 1], t["a1"][:, 0], atol=1e-9)


def test_a_change_of_a_given_size_is_the_difference(t):
    by = t.influence("x[0,1]", by=0.5)
    moved = X.copy()
    moved[0, 1] += 0.5
    other = cr.trace(t.network, moved, [1, 0], optimizer=cr.Adam(0.1))
    for name, change in by.changes.items():
        np.testing.assert_allclose(change, other[name] - t[name], atol=1e-15)
    assert "for 0.5 more" in str(by)


def test_influence_is_of_parameters_and_inputs(t):
    with pytest.raises(ValueError, match="asked of a parameter or an input x, not of z1"):
        t.influence("z1[0,0]")
    with pytest.raises(ValueError, match="by must be a number other than 0"):
        t.influence("W1[0,0]", by=0)


def test_a_value_that_does_not_change_has_an_influence_of_zeros(t):
    found = t.influence("x[0,1]")
    for name in ("x", "dense1.W", "b3"):
        assert found[name].shape == np.shape(t[name])
    assert not found["y"].any()
    with pytest.raises(KeyError, match="the trace holds no 'dW9'"):
        found["dW9"]


FORMS = {
    "float32": lambda X: X.astype("float32"),
    "uint8": lambda X: np.round(X).astype("uint8"),
    "sparse": lambda X: scipy.sparse.csr_matrix(np.round(X).astype("float32")),
    "float64": lambda X: X,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [16, 1500], ids=["one tile", "several"])
def test_the_influence_on_a_recorded_step_is_that_on_its_numbers(form, rows):
    data = np.random.default_rng(0).uniform(0, 9, (2 * rows, 40))
    given, y = FORMS[form](data), np.arange(2 * rows) % 3
    layers = [cr.Dense(64, "tanh"), cr.Dropout(0.2), cr.Dense(3, "softmax")]
    net = cr.Network(layers, "cross_entropy", inputs=40, seed=1)
    result = cr.train(net, given, y, optimizer=cr.Adam(cr.Cosine(1e-3)), epochs=2,
                      batch_size=rows, record=True)  # fmt: skip
    t = cr.open_recording(result.recording, given, y).at(3)
    gradient = t["dense2.dW"][5, 1]
    assert t.influence("dense2.W[5,1]")["loss"] == pytest.approx(gradient, rel=2e-3, abs=1e-7)
    moved = t.influence("x[2,7]", by=1.0)
    np.testing.assert_allclose(moved["dense1.z"][2], t["dense1.W"][7], rtol=1e-5, atol=1e-7)
    assert not np.delete(moved["dense1.z"], 2, axis=0).any()
    slope = t.influence("x[2,7]")["dense1.z"][2]
    np.testing.assert_allclose(slope, t["dense1.W"][7], rtol=1e-5, atol=1e-7)


def test_a_program_is_not_run_on_data_that_it_reads_as_others():
    net = cr.Network([cr.Dense(1)], "mse", inputs=3)
    for kind in ("float32", "uint8"):
        program = lower(net, "predict", 4, dtype="float64", sources={"X": np.zeros((4, 3), kind)})
        out = np.empty((4, 1))
        with pytest.raises(ValueError, match=f"X is float64, and the program reads it by .*{kind}"):
            run_step(net, program, {"X": np.zeros((4, 3)), "out": out}, 4)
        sparse = scipy.sparse.csr_matrix(np.zeros((4, 3), kind))
        with pytest.raises(ValueError, match="X is sparse"):
            run_step(net, program, {"X": sparse, "out": out}, 4)
        with pytest.raises(ValueError, match="X has 3 rows, and the step needs 4"):
            run_step(net, program, {"X": np.zeros((3, 3), kind), "out": out}, 4)


def test_derivatives_are_without_rounding_and_say_so():
    net = cr.Network([cr.Dense(2, "sigmoid"), cr.Dense(1)], "mse", inputs=2, seed=0)
    rounded, exact = cr.trace(net, X, [1, 0], rounding={"a1": 2}), cr.trace(net, X, [1, 0])
    found, wanted = rounded.influence("W1[0,0]"), exact.influence("W1[0,0]")
    assert found["loss"] == pytest.approx(wanted["loss"], rel=1e-12)
    assert "derivatives of the step without its rounding" in str(found)
    assert "rounding" not in str(wanted)
    by = rounded.influence("W1[0,0]", by=0.1)
    np.testing.assert_allclose(by["a1"], np.round(by["a1"], 2), atol=1e-12)
    assert "rounding" not in str(by)


def test_a_kink_is_told():
    net = cr.Network([cr.Dense(1, "relu"), cr.Dense(1)], "mse", inputs=1, dtype="float64")
    net.parameters["W1"][...] = net.parameters["W2"][...] = 1.0
    at, beside = cr.trace(net, [[0.0]], [[1.0]]), cr.trace(net, [[0.1]], [[1.0]])
    found = at.influence("x[0,0]")
    assert "a1" in found.kinks
    assert "z1" not in found.kinks
    assert found["a1"] == pytest.approx(0.5)
    assert "at a kink: a1, " in str(found)
    assert not beside.influence("x[0,0]").kinks


def test_why_tells_what_was_rounded():
    net = cr.Network([cr.Dense(2, "sigmoid"), cr.Dense(1)], "mse", inputs=2, seed=0)
    t = cr.trace(net, X, [1, 0], rounding={"a": 3, "z2": 1})
    assert str(t.why("a1[0,0]")).endswith(", rounded to 3 decimals")
    assert str(t.why("z2[0,0]")).endswith(", rounded to 1 decimal")
    assert "rounded" not in str(t.why("z1[0,0]"))
    tree = t.why("z2[0,0]").tree(1)
    assert tree.count("(rounded to 3 decimals)") == 2
