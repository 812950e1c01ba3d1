"""Worked solutions: every figure in them is one of the trace, in the letters of the texts."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.seeds.test_001 import BACKWARD, FORWARD, ROUNDING, UPDATED, walkthrough_network, x

import chainrule as cr
from chainrule.equations.boxes import Bracketed, Matrix
from chainrule.equations.text import text
from chainrule.glass.figures import parsed
from chainrule.glass.notation import NOTATIONS, notation_of
from chainrule.glass.writers.document import Equations, Heading

NUMBER = re.compile(r"(?<![\w⁰¹²³⁴⁵⁶⁷⁸⁹\[^_.])[−-]?\d+(?:\.\d+)?(?:e[−-]?\d+)?")
DESCENT = cr.GradientDescent(0.1)


def figures(text):
    """The numbers of a text, without those above and below letters."""
    return [parsed(found) for found in NUMBER.findall(text)]


def network(*layers, loss="binary_cross_entropy", inputs=2, seed=1):
    return cr.Network(layers, loss, inputs=inputs, seed=seed, dtype="float64")


def two_layers():
    return network(cr.Dense(3, "tanh"), cr.Dense(1, "sigmoid"))


ROWS, TARGETS = [[0.5, 1.0], [-1.0, 2.0]], [1, 0]


def close(found, value):
    """Whether a number of the trace is shown, to the six decimals."""
    return any(math.isclose(f, value, rel_tol=6e-4 if abs(value) < 1e-3 else 0, abs_tol=5.1e-7)
               for f in found)  # fmt: skip


# ------------------------------------------------------------------ the texts


def test_001_walkthrough_holds_each_of_its_50_values():
    w = cr.walkthrough(walkthrough_network(), x, [1.0], optimizer=DESCENT, rounding=ROUNDING)
    found = figures(w.text())
    for name, values in (FORWARD | BACKWARD | UPDATED).items():
        for value in np.ravel(values):
            assert any(math.isclose(f, value, abs_tol=1e-12) for f in found), (name, value)


def test_001_first_example_under_its_rounding():
    net = cr.Network([cr.Dense(1, "sigmoid"), cr.Dense(1, "sigmoid")], inputs=2, dtype="float64")
    net.parameters.update({"W1": [[0.1], [0.3]], "b1": [0.05], "W2": [[0.2]], "b2": [0.01]})
    text = cr.walkthrough(net, [0.5, 1.0], rounding={"a": 4}).text()
    assert {0.4, 0.5987, 0.12974, 0.5324} <= set(figures(text))
    assert "Loss" not in text


def test_000_figure_5_complete_to_the_first_layer():
    net = network(cr.Dense(2, "logistic"), cr.Dense(3, "logistic"), cr.Dense(1, "logistic"),
                  loss="mse", inputs=4)  # fmt: skip
    w = cr.walkthrough(net, [0.1, 0.2, 0.3, 0.4], [1.0], notation="theta", optimizer=DESCENT,
                       derive=True)  # fmt: skip
    text = w.text()
    for part in ("z⁽²⁾ = Θ⁽¹⁾ a⁽¹⁾", "a⁽⁴⁾ = 1 / (1 + exp(−z⁽⁴⁾))", "∂C/∂a⁽³⁾ = Θ̄⁽³⁾ᵀ δ⁽⁴⁾",
                 "∂C/∂Θ⁽¹⁾ = δ⁽²⁾ a⁽¹⁾ᵀ", "Θ⁽¹⁾_new = Θ⁽¹⁾ − η ∂C/∂Θ⁽¹⁾",
                 "Σ_k θ⁽²⁾_jk δ⁽³⁾_k"):  # fmt: skip
        assert part in text.replace("θ⁽³⁾_jk δ⁽⁴⁾", "θ⁽²⁾_jk δ⁽³⁾"), part
    assert [b.text for b in w.document.blocks if isinstance(b, Heading)].count("Layer 2 (logistic)")


def test_002_output_and_hidden_updates_with_local_gradients_and_errors():
    layers = [cr.Dense(2, "logistic", bias=False), cr.Dense(2, "logistic", bias=False),
              cr.Dense(1, "logistic", bias=False)]  # fmt: skip
    net = network(*layers, loss="rss", inputs=1)
    w = cr.walkthrough(net, [[0.3], [0.7]], [0.2, 0.9], notation="signal", optimizer=DESCENT)
    text, t = w.text(), w.traces[0]
    for part in ("e = d − y³", "w²_new = w² + η (S³ y²ᵀ)", "w¹_new = w¹ + η (S² y¹ᵀ)",
                 "f′(v²) = y² ⊙ (1 − y²)", "S² = (−∂E/∂y²) ⊙ f′(v²)",
                 "−∂E/∂y² = w²ᵀ S³"):  # fmt: skip
        assert part in text, part
    e = np.array([0.2, 0.9]) - t["a3"].ravel()
    y = t["a3"].ravel()
    update = 0.1 * ((2 * e * y * (1 - y))[:, None] * t["a2"]).sum(axis=0)
    np.testing.assert_allclose(t["W3.new"].ravel(), t["W3"].ravel() + update, rtol=1e-12)


def test_the_notations_have_the_same_numbers_up_to_their_factors():
    net = two_layers()
    shown = {name: notation_of(name, cr.trace(net, ROWS, TARGETS, optimizer=DESCENT))
             for name in NOTATIONS}  # fmt: skip
    bracket, theta, signal = (shown[name] for name in ("bracket", "theta", "signal"))
    for path in ("dense1.z", "dense2.a", "dense1.W", "dense2.W.new"):
        np.testing.assert_array_equal(bracket.array(path), signal.array(path))
        np.testing.assert_array_equal(bracket.array(path), theta.array(path))
    np.testing.assert_array_equal(signal.array("dense1.S"), -bracket.array("dense1.delta"))
    np.testing.assert_allclose(signal.array("dense1.dW"), 2 * bracket.array("dense1.dW"))
    assert signal.array("loss") == 2 * bracket.array("loss")
    np.testing.assert_array_equal(theta.array("dense1.Theta")[:, 1:], bracket.array("dense1.W"))
    np.testing.assert_array_equal(theta.array("dense1.Theta")[:, :1], bracket.array("dense1.b"))


# ------------------------------------------------------------------ number for number

LAYERS = {
    "tanh, logistic": ([cr.Dense(3, "tanh"), cr.Dense(1, "sigmoid")], "binary_cross_entropy"),
    "relu, linear": ([cr.Dense(2, "relu"), cr.Dense(2)], "mse"),
    "softmax": ([cr.Dense(3, "logistic"), cr.Dense(3, "softmax")], "cross_entropy"),
    "several functions": ([cr.Dense(3, ["tanh", "relu", "relu"]), cr.Dense(1)], "rss"),
    "other layers": ([cr.Dense(2, "elu"), cr.Dropout(0.4), cr.LayerNorm(), cr.Dense(1)], "mse"),
}
OPTIMIZERS = [DESCENT, cr.Momentum(0.1), cr.Adam(0.1), cr.AdamW(0.1)]


def problem(name, rows, seed):
    layers, loss = LAYERS[name]
    net = network(*layers, loss=loss, seed=seed)
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 2)).round(2)
    if loss == "cross_entropy":
        return net, X, rng.integers(0, 3, rows)
    if loss == "binary_cross_entropy":
        return net, X, rng.integers(0, 2, rows)
    return net, X, rng.normal(size=(rows, net.outputs)).round(2)


def evaluated(text):
    """The value of an equation in numbers, as a reader would compute it."""
    signs = {"−": "-", "·": "*", "≥": ">=", "√": "sqrt"}
    signs |= {raised: f"**{digit}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
    code = "".join(signs.get(letter, letter) for letter in text)
    code = re.sub(r"\^\(([^()]*)\)", r"**(\1)", code).replace("^", "**")
    code = re.sub(r"\|([^|]*)\|", r"abs(\1)", code)
    code = re.sub(r"(?<=[\d)]) (?=[(\d]|sqrt|exp|ln|tanh|abs|sign)", "*", code)
    names = {"exp": math.exp, "ln": math.log, "tanh": math.tanh, "sqrt": math.sqrt, "abs": abs,
             "max": max, "min": min, "sign": np.sign}  # fmt: skip
    return eval(code, {"__builtins__": {}}, names)


@given(
    name=st.sampled_from(sorted(LAYERS)), notation=st.sampled_from(sorted(NOTATIONS)),
    rows=st.integers(1, 3), seed=st.integers(0, 50), optimizer=st.sampled_from(OPTIMIZERS),
    fused=st.booleans(),
)  # fmt: skip
def test_every_line_of_numbers_says_what_stands_at_its_end(
    name, notation, rows, seed, optimizer, fused
):
    net, X, y = problem(name, rows, seed)
    w = cr.walkthrough(net, X, y, optimizer=optimizer, notation=notation, form="scalar",
                       decimals=12, largest=50, fused=fused)  # fmt: skip
    t = cr.trace(net, X, y, optimizer=optimizer, fused=fused)
    again = notation_of(notation, t)
    lines = 0
    for block in w.document.blocks:
        if not isinstance(block, Equations) or block.left == block.steps[-1][1] or not block.of:
            continue
        # In brackets a function that is given by cases stands in one line.
        *steps, result = [text(Bracketed(step)) for _, step in block.steps]
        if isinstance(block.steps[-1][1], Matrix):
            continue  # what was given
        last = parsed(result[1:-1])
        whole = again.array(block.of.partition("[")[0])
        value = again.value_of(block.of) if "[" in block.of else whole.item()
        assert math.isclose(last, value, rel_tol=6e-4, abs_tol=1e-9), block.of
        if len(steps) == 2 and "onehot" not in steps[1]:
            lines += 1
            assert math.isclose(evaluated(steps[1]), value, rel_tol=2e-3, abs_tol=1e-8), steps
    assert lines > 10


@given(
    name=st.sampled_from(sorted(LAYERS)), notation=st.sampled_from(sorted(NOTATIONS)),
    rows=st.integers(1, 3), seed=st.integers(0, 50),
)  # fmt: skip
def test_every_figure_of_the_page_is_one_of_the_trace_or_of_its_equations(
    name, notation, rows, seed
):
    net, X, y = problem(name, rows, seed)
    w = cr.walkthrough(net, X, y, optimizer=DESCENT, notation=notation, form="both")
    t = cr.trace(net, X, y, optimizer=DESCENT)
    again = notation_of(notation, t)
    known = [np.zeros(0)]
    for block in w.document.blocks:
        if isinstance(block, Equations) and block.of:
            name_ = block.of.partition("[")[0]
            known.append(np.ravel(again.array(name_)))
    known += [np.ravel(np.asarray(t[value], float)) for value in t]
    known += [-np.ravel(np.asarray(t[value], float)) for value in t]
    known.append(np.array([*t.scalars.values(), t.rows, 0, 1, 2, 0.5]))
    if "dropout1.mask" in t:  # the numbers that were drawn stand in its equation
        (definition,) = t.definitions["dropout1.mask"]
        condition = definition.tree.arguments[0]
        known.append(np.ravel(t.definitions.elements(definition).array(condition.arguments[0])))
    known = np.concatenate(known)
    page = ET.fromstring(re.search(r"<main.*</main>", w.html(), re.S)[0].replace("&#160;", " "))
    for equation in page.iter("div"):
        for number in signed(equation):
            near = np.abs(known - number) <= np.maximum(5.1e-7, 6e-4 * np.abs(known) * (
                np.abs(known) < 1e-3))  # fmt: skip
            assert near.any(), number


def signed(equation):
    """The numbers of an equation in MathML, powers of ten put together."""
    powers = {id(n) for p in equation.iter("msup") for n in p.iter("mn")
              if p.find("mn") is not None and p.find("mn").text == "10"}  # fmt: skip
    for row in equation.iter("mrow"):
        parts = list(row)
        if len(parts) == 3 and parts[1].text == "·" and parts[2].tag == "msup":
            digits = "".join(parts[0].itertext())
            power = "".join(list(parts[2])[1].itertext())
            powers |= {id(n) for n in parts[0].iter("mn")}
            yield parsed(f"{digits}e{power}")
    for row in equation.iter():
        parts = list(row)
        for k, part in enumerate(parts):
            if part.tag == "mn" and id(part) not in powers:
                minus = len(parts) == 2 and k == 1 and parts[0].text == "−"
                yield parsed(part.text) * (-1 if minus else 1)


def test_a_problem_brings_its_data_notation_and_iterations():
    problem = cr.Problem(two_layers(), ROWS, TARGETS, optimizer=DESCENT, notation="theta",
                         iterations=2, title="Two steps")  # fmt: skip
    w = cr.walkthrough(problem)
    assert (w.document.title, w.notation, len(w.traces)) == ("Two steps", "theta", 2)
    one = cr.walkthrough(problem, notation="signal", iterations=1, title="One")
    assert (one.document.title, one.notation, len(one.traces)) == ("One", "signal", 1)
    with pytest.raises(ValueError, match="a problem has a step of its own"):
        cr.walkthrough(problem, ROWS, TARGETS)


def test_a_trace_is_a_step_that_ran():
    t = cr.trace(two_layers(), ROWS, TARGETS, optimizer=DESCENT)
    right = cr.walkthrough(two_layers(), ROWS, TARGETS, optimizer=DESCENT)
    assert cr.walkthrough(t).text() == right.text()
    for options in ({"optimizer": DESCENT}, {"iterations": 5}, {"fused": False}):
        with pytest.raises(ValueError, match="a trace is a step of its own"):
            cr.walkthrough(t, **options)


def test_a_problem_with_many_iterations_is_worked_out():
    """What a problem may have, a walkthrough may show."""
    problem = cr.Problem(two_layers(), ROWS, TARGETS, optimizer=DESCENT, iterations=101)
    assert len(cr.walkthrough(problem).traces) == 101


def test_the_slope_is_derived_in_the_letters_of_its_own_layer():
    net = network(cr.Dense(2, "tanh"), cr.Dense(1, "logistic"), loss="mse")
    out = cr.walkthrough(net, ROWS, TARGETS, derive=True).text()
    assert "a^[2] = 1 / (1 + exp(−z^[2]))" in out
    assert "a^[1] = tanh(z^[1])" in out


def test_rules_are_derived_once():
    w = cr.walkthrough(two_layers(), ROWS, TARGETS, optimizer=DESCENT, iterations=2, derive=True)
    assert w.text().count("the loss is minus its logarithm") == 1


def test_several_iterations_go_on_as_the_training_does():
    net = two_layers()
    w = cr.walkthrough(net, ROWS, TARGETS, optimizer=cr.Adam(0.1), iterations=3)
    before = net.vector.copy()
    cr.train(net, ROWS, TARGETS, optimizer=cr.Adam(0.1), epochs=3, batch_size=None, shuffle=False)
    assert not np.array_equal(before, net.vector)
    for path, value in net.parameters.items():
        np.testing.assert_array_equal(w.traces[2][f"{path}.new"], value)
    for word in ("First iteration: backpropagation", "Third iteration: update"):
        assert word in w.text()


def test_what_is_shown_rounded_is_not_computed_so():
    w = cr.walkthrough(two_layers(), ROWS, TARGETS, decimals=2)
    np.testing.assert_array_equal(w.traces[0]["dW1"], cr.trace(two_layers(), ROWS, TARGETS)["dW1"])


def test_large_layers_are_shown_by_their_shapes_and_a_few_neurons():
    net = network(cr.Dense(100, "relu"), cr.Dense(10, "softmax"), loss="cross_entropy", inputs=784)
    X = np.random.default_rng(0).random((200, 784))
    text = cr.walkthrough(net, X, np.arange(200) % 10, optimizer=DESCENT).text()
    assert "W^[1] ∈ ℝ^(100×784)" in text
    assert "… (777 more) …" in text
    assert "And so on for all 200 examples." in text
    assert len(text.splitlines()) < 600


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"notation": "roman"},
            "notation must be one of 'bracket', 'signal', 'theta', not",
        ),
        ({"form": "vector"}, "form must be one of matrix, scalar, both, not 'vector'"),
        ({"iterations": 0}, "iterations must be"),
        ({"iterations": 2}, "several iterations need an optimizer"),
        ({"decimals": -1}, "decimals must be"),
        ({"largest": 0}, "largest must be"),
        ({"rounding": {"z9": 2}}, "rounding names 'z9'"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cr.walkthrough(two_layers(), ROWS, TARGETS, **options)


def test_what_a_title_holds_steers_nothing():
    title = "\x1b[31m \u202e \x00 #read(1)"
    w = cr.walkthrough(two_layers(), ROWS, TARGETS, title=title)
    for written in (w.text(), w.markdown(), w.html(), w.latex()):
        assert not set("\x1b\u202e\x00") & set(written)
    assert w.pdf().startswith(b"%PDF")


def test_letters_that_latex_does_not_know_are_shown_by_their_codes():
    w = cr.walkthrough(two_layers(), ROWS, TARGETS, title="größe Ж 中")
    assert r"\DeclareUnicodeCharacter{0416}{[U+0416]}" in w.latex()
    assert "<" not in cr.walkthrough(two_layers(), ROWS, title="a <b>").latex().split("Network")[0]


def test_a_loss_of_several_parameters_is_worked_out():
    net = network(cr.Dense(2), loss="quantile(0.1, 0.9)")
    w = cr.walkthrough(net, [[0.5, -1.0]], [1.0], form="both")
    assert w.traces[0].why("loss").value == w.traces[0]["loss"]
    assert "k₁" in w.text()
