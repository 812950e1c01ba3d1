"""The diagnosis of a reader's numbers: right, which mistake, or unknown."""

import dataclasses

import numpy as np
import pytest
from tests.glass.mistakes.problems import approximation, figure_5, names, right, walkthrough

import chainrule as cr
from chainrule.glass.problems.claims import number_of

# ------------------------------------------------------------------ right numbers


def test_all_that_001_prints_is_right():
    t = cr.trace(walkthrough().network, [0.5, 1.0], [1.0], rounding={"a3": 3, "loss": 3},
                 optimizer=cr.GradientDescent(0.1))  # fmt: skip
    claims = {}
    for name in (*(f"d{p}{k}" for p in "Wb" for k in (1, 2, 3)), "W1.new", "b3.new", "loss", "z3"):
        for place in np.ndindex(np.shape(t[name])):
            inside = f"[{','.join(map(str, place))}]" if place else ""
            claims[name + inside] = f"{t[name][place]:.6f}".rstrip("0")
    found = cr.diagnose(walkthrough(), claims)
    assert found
    assert found.explanations == ()
    assert str(found).endswith(f"All {len(claims)} numbers are right.")


def test_with_a_policy_of_rounding_exact_numbers_are_right_as_well():
    problem, exact = walkthrough(), right(walkthrough())
    assert cr.diagnose(problem, {"dW3[0,0]": exact["dW3"][0, 0], "loss": float(exact["loss"])})
    assert cr.diagnose(problem, {"dW3[0,0]": -0.11224, "loss": 0.203})


def test_the_digits_that_were_written_decide():
    problem = figure_5()
    number = right(problem)["dW1"][0, 0]  # 0.00019...
    for digits in range(2, 16):
        assert cr.diagnose(problem, {"dW1[0,0]": f"{number:.{digits}e}"})
        assert cr.diagnose(problem, {"dW1[0,0]": f"{number:.{digits + 3}f}"})
    off = number * 1.001
    assert cr.diagnose(problem, {"dW1[0,0]": f"{off:.1e}"})
    assert not cr.diagnose(problem, {"dW1[0,0]": f"{off:.6e}"})


def test_numbers_of_single_precision_are_right():
    problem, t = figure_5(), right(figure_5())
    assert cr.diagnose(problem, {"dW1[0,0]": np.float32(t["dW1"][0, 0]) * np.float32(1 + 3e-7)})


def test_a_saturated_output_has_its_right_numbers():
    net = cr.Network([cr.Dense(1, "sigmoid", bias=False)], "binary_cross_entropy", inputs=1)
    net.parameters["W1"] = [[800.0]]
    problem = cr.Problem(net, [1.0], [0.0])
    found = cr.diagnose(problem, {"delta1": 1.0, "loss": 800.0, "dW1[0,0]": "1.00"})
    assert found, str(found)


NUMBERS = {
    "0.203": (0.203, 0.0005), "-0.0210": (-0.021, 0.00005), "\N{MINUS SIGN}1.50": (-1.5, 0.005),
    "2": (2.0, 0.5), "0": (0.0, 0.0), "0.00": (0.0, 0.005), "1.20e-3": (0.0012, 0.000005),
    "+.5": (0.5, 0.05), " 7. ": (7.0, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_as_exact_as_it_is_written(text):
    value, tolerance = NUMBERS[text]
    assert number_of("loss", text)[1:] == (value, pytest.approx(tolerance, rel=1e-12))


def test_numbers_count_as_python_writes_them():
    assert number_of("loss", 0.25)[0] == "0.25"
    assert number_of("loss", 1e-7)[0] == "1e-07"
    assert number_of("loss", np.float64(0.5))[0] == "0.5"
    assert number_of("loss", np.int64(3))[0] == "3"
    assert number_of("loss", np.array(0.5))[0] == "0.5"


REFUSED = {
    "word": ({"loss": "much"}, "the number of 'loss' must be a finite number, not 'much'"),
    "infinite": ({"loss": float("inf")}, "the number of 'loss' must be a finite number, not inf"),
    "huge": ({"loss": "1e999"}, "the number of 'loss' must be a finite number"),
    "truth": ({"loss": True}, "the number of 'loss' must be a finite number, not True"),
    "nothing": ({"loss": None}, "the number of 'loss' must be a finite number, not None"),
    "list": ({"loss": [1.0, 2.0]}, "the number of 'loss' must be a finite number"),
    "array": ({"loss": np.array([1.0, 2.0])}, "the number of 'loss' must be a finite number"),
    "name": ({"dW9[0,0]": 1.0}, "'dW9[0,0]' is nothing that this problem computes; did"),
    "near": ({"dw1[0,0]": 1.0}, "did you mean 'dW1'? there are x, z1, a1, z2"),
    "no name": ({"dW1[0,0": 1.0}, "is no name of a number"),
    "no text": ({3: 1.0}, "3 is no name of a number"),
    "matrix": ({"dW1": 1.0}, "'dW1' is no number of dW1, which has the shape (4, 2): places count"),
    "place": ({"dW1[4,0]": 1.0}, "'dW1[4,0]' is no number of dW1"),
    "axes": ({"dW1[0]": 1.0}, "'dW1[0]' is no number of dW1"),
    "later": ({"dW1[0,0]@2": 1.0}, "is of iteration 2, and the problem has 1"),
    "zeroth": ({"dW1[0,0]@0": 1.0}, "is of iteration 0, and the problem has 1"),
    "none": ({}, "there are no claims: give numbers by name"),
}


def test_what_is_no_problem_is_refused():
    net = cr.Network([cr.Dense(1)], "mse", inputs=1)
    with pytest.raises(ValueError, match=r"must be a Problem, not Network: cr.Problem.* makes one"):
        cr.diagnose(net, {"loss": 1})
    with pytest.raises(ValueError, match=r"^problem must be a Problem, not str$"):
        cr.diagnose("net", {"loss": 1})


@pytest.mark.parametrize("case", REFUSED)
def test_claims_that_are_none_are_refused(case):
    claims, words = REFUSED[case]
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        cr.diagnose(figure_5(), claims)
    assert words in str(caught.value)


# ------------------------------------------------------------------ the letters of a page


def in_signals(loss="mse", **options):
    """Two examples through two layers, in the letters of 002."""
    net = cr.Network([cr.Dense(2, "logistic"), cr.Dense(1, "logistic")], loss, inputs=2, seed=3)
    return cr.Problem(net, [[0.3, -0.2], [0.7, 0.4]], [[0.2], [0.9]], notation="signal", **options)


LETTERS = {
    "S2[1,0]": ("delta2", (1, 0), -1), "S1[0,1]": ("delta1", (0, 1), -1),
    "v1[0,1]": ("z1", (0, 1), 1), "y2[0,0]": ("a2", (0, 0), 1), "w0[1,0]": ("W1", (1, 0), 1),
    "w1[0,0]": ("W2", (0, 0), 1), "w1.new[0,0]": ("W2.new", (0, 0), 1), "E": ("loss", (), 2),
    "delta2[1,0]": ("delta2", (1, 0), 1), "W1[1,0]": ("W1", (1, 0), 1), "b2[0]": ("b2", (0,), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", LETTERS)
def test_the_letters_of_signals_are_understood_with_their_signs(name):
    path, index, factor = LETTERS[name]
    number = factor * float(right(in_signals())[path][index])
    found = cr.diagnose(in_signals(), {name: number})
    assert found
    assert found[name].number == pytest.approx(number, rel=1e-12)
    if found[name].by_differences is not None:
        assert found[name].by_differences == pytest.approx(number, rel=1e-6)
    if factor < 0:
        turned = cr.diagnose(in_signals(), {name: -number})
        assert "sign of y − ŷ" in [e.mistake.name for e in turned[name].explanations]


def test_the_loss_of_signals_is_the_sum_that_the_program_has_where_it_has_one():
    loss = float(right(in_signals("rss"))["loss"])
    assert cr.diagnose(in_signals("rss"), {"E": loss})


@pytest.mark.parametrize(
    "name", ["S3[0,0]", "S0[0,0]", "w2[0,0]", "q1[0,0]", "S[0,0]", "E.example[0]"]
)
def test_a_letter_of_no_layer_is_nothing_that_is_computed(name):
    with pytest.raises(ValueError, match="is nothing that this problem computes"):
        in_signals(claims={name: 1.0})


def test_the_letters_of_signals_are_those_of_its_problems_alone():
    with pytest.raises(ValueError, match="is nothing that this problem computes"):
        cr.diagnose(figure_5(), {"S3[0,0]": 1.0})


def test_layers_with_names_that_are_words_are_told_as_layers():
    first, last = cr.Dense(2, "logistic", name="everywhere"), cr.Dense(1, "logistic")
    net = cr.Network([first, cr.Scale(2.0), last], "mse", inputs=2, seed=3)
    problem = cr.Problem(net, [[0.3, -0.2]], [[0.2]])
    wrong = -cr.trace(problem.network, problem.x, problem.y)["everywhere.dW"][0, 0]
    (found,) = [
        e for e in cr.diagnose(problem, {"everywhere.dW[0,0]": wrong}).explanations
        if e.mistake.name == "sign of the gradient"
    ]  # fmt: skip
    assert (found.layers, found.everywhere) == (("everywhere",), True)
    assert found.name == "sign of the gradient in everywhere or everywhere"
    assert found.places == ("everywhere", "everywhere")


# ------------------------------------------------------------------ several claims, and words


def test_claims_together_narrow_it_down():
    problem, t = figure_5(), right(figure_5())
    one = cr.diagnose(problem, {"dW3[0,0]": -t["dW3"][0, 0]})
    assert names(one) == ["sign of y − ŷ", "sign of the gradient"]
    both = cr.diagnose(problem, {"dW3[0,0]": -t["dW3"][0, 0], "delta3": t["delta3"].item()})
    assert names(both) == ["sign of the gradient"]
    assert both.explanations[0].places == ("layer 3", "everywhere")
    three = cr.diagnose(problem, {
        "dW3[0,0]": -t["dW3"][0, 0], "delta3": t["delta3"].item(), "dW2[0,0]": t["dW2"][0, 0],
    })  # fmt: skip
    assert three.explanations[0].places == ("layer 3",)
    assert [finding.verdict for finding in three.findings] == ["mistake", "right", "right"]


def test_numbers_of_two_mistakes_are_explained_each_for_itself():
    problem, t = figure_5(), right(figure_5())
    found = cr.diagnose(problem, {"z1[0,0]": t["z1"][0, 0] - 0.1, "W3.new[0,0]": (
        t["W3"][0, 0] + 0.5 * t["dW3"][0, 0]), "loss": 3.14159})  # fmt: skip
    assert found.explanations == ()
    assert [finding.verdict for finding in found.findings] == ["mistake", "mistake", "unknown"]
    said = str(found)
    assert "No single known mistake explains all wrong numbers." in said
    assert "bias forgotten" in said
    assert "uphill" in said
    assert "loss: no known mistake gives 3.14159; right is 0.0161288." in said


def test_the_proof_by_differences_stands_beside_the_numbers():
    problem, t = figure_5(), right(figure_5())
    asked = {"dW2[1,2]": "dW2", "db1[1]": "db1", "delta2[0,1]": "delta2", "da1[0,0]": "da1"}
    for name in asked:
        found = cr.diagnose(problem, {name: 0.5})[name]
        assert found.by_differences == pytest.approx(found.number, rel=1e-6), name
    new = cr.diagnose(problem, {"W1.new[0,0]": 0.5})["W1.new[0,0]"]
    assert new.by_differences == pytest.approx(t["W1.new"][0, 0], rel=1e-9)
    assert cr.diagnose(problem, {"loss": 0.5})["loss"].by_differences is None
    assert cr.diagnose(problem, {"z1[0,0]": 0.5})["z1[0,0]"].by_differences is None


def test_the_differences_of_a_batch_are_those_of_each_example():
    problem = dataclasses.replace(figure_5(), x=np.eye(4), y=np.full(4, 0.3))
    for name in ("delta2[3,1]", "dW1[2,0]", "da3[1,0]"):
        found = cr.diagnose(problem, {name: 0.5})[name]
        assert found.by_differences == pytest.approx(found.number, rel=1e-6)
    found = cr.diagnose(approximation(), {"delta2[3,1]@2": 0.5})["delta2[3,1]@2"]
    assert found.by_differences == pytest.approx(found.number, rel=1e-6)


def test_there_is_no_proof_at_a_kink():
    net = cr.Network([cr.Dense(1, "relu", bias=False), cr.Dense(1)], "mse", inputs=1)
    net.parameters.update({"W1": [[0.0]], "W2": [[2.0]]})
    found = cr.diagnose(cr.Problem(net, [1.0], [3.0]), {"delta1": 0.0})
    assert found
    assert found["delta1"].by_differences is None


def test_what_is_printed():
    problem, t = figure_5(), right(figure_5())
    found = cr.diagnose(problem, {"delta3": f"{-t['delta3'].item():.6f}", "loss": "0.01613"})
    lines = str(found).splitlines()
    assert lines[0].split() == ["value", "yours", "right", "by", "differences"]
    assert lines[1].split()[:1] == ["delta3"]
    assert lines[1].endswith("wrong: sign of y − ŷ")
    assert lines[2].endswith("right")
    assert lines[4] == "One known mistake explains it:"
    assert lines[5].startswith("sign of y − ŷ: the derivative of the loss has the wrong sign")
    assert "Right: ∂L/∂ŷ = ŷ − y" in lines[5]
    assert found.to_dict()["explanations"][0]["mistake"] == "sign of y − ŷ"
    assert not found
    with pytest.raises(KeyError):
        found["loss2"]


def test_several_that_cannot_be_told_apart_are_said_so():
    t = right(figure_5())
    said = str(cr.diagnose(figure_5(), {"dW3[0,0]": -t["dW3"][0, 0]}))
    assert "2 known mistakes explain it, and the numbers given cannot tell them apart:" in said
    assert "\n- sign of y − ŷ: " in said
    assert "\n- sign of the gradient in layer 3 or everywhere: " in said


def test_rows_and_columns_exchanged_is_a_mistake_of_reading():
    problem, t = figure_5(), right(figure_5())
    found = cr.diagnose(problem, {"dW2[0,1]": t["dW2"][1, 0]})
    assert names(found) == ["row for column"]


def test_the_claims_of_a_problem_are_taken_by_default():
    problem = dataclasses.replace(figure_5(), claims={"loss": "0.016", "z1[0,0]": 9.9})
    found = cr.diagnose(problem)
    assert [finding.right for finding in found.findings] == [True, False]


# ------------------------------------------------------------------ other networks


def test_a_network_of_other_layers_by_paths(rng):
    layers = [cr.Dense(3, ["tanh", "relu", "relu"]), cr.LayerNorm(), cr.Dense(2, "softmax")]
    net = cr.Network(layers, "cross_entropy", inputs=2, seed=4)
    problem = cr.Problem(net, rng.normal(size=(3, 2)), [0, 1, 1], optimizer=cr.Adam(0.1),
                         iterations=2)  # fmt: skip
    t = cr.trace(problem.network, problem.x, problem.y, optimizer=cr.Adam(0.1))
    assert cr.diagnose(problem, {"dense1.dW[0,1]": t["dense1.dW"][0, 1],
                                 "dense1.W.m_hat[0,1]": t["dense1.W.m_hat"][0, 1]})  # fmt: skip
    wrong = cr.diagnose(problem, {"dense1.dW[0,0]": 3 * t["dense1.dW"][0, 0]})
    assert names(wrong) == ["1/m missing"]
    up = 2 * t["dense1.W"][0, 0] - t["dense1.W.new"][0, 0]
    assert "uphill" in names(cr.diagnose(problem, {"dense1.W.new[0,0]": up}))


def test_the_terms_of_a_derivative_have_no_proof_but_their_sum_has_a_place(rng):
    net = cr.Network([cr.Dense(2, "tanh"), cr.Residual([cr.Dense(2, "tanh")]), cr.Dense(1)], "mse",
                     inputs=2)  # fmt: skip
    found = cr.diagnose(cr.Problem(net, [0.5, 1.0], 1.0), {
        "dense1.da[0,0]": 0.5, "dense1.da.2[0,0]": 0.5, "dense1.delta[0,0]": 0.5,
    })  # fmt: skip
    assert found["dense1.da[0,0]"].by_differences is None
    assert found["dense1.da.2[0,0]"].by_differences is None
    delta = found["dense1.delta[0,0]"]
    assert delta.by_differences == pytest.approx(delta.number, rel=1e-6)


def test_a_function_for_each_neuron_has_its_own_slope(rng):
    net = cr.Network([cr.Dense(3, ["tanh", "logistic", "tanh"]), cr.Dense(1)], "mse", inputs=2,
                     seed=4, dtype="float64")  # fmt: skip
    problem = cr.Problem(net, rng.normal(size=2), [0.5])
    t = right(problem)
    slope = t["a1"][0, 1] * (1 - t["a1"][0, 1])
    found = cr.diagnose(problem, {"delta1[0,1]": t["da1"][0, 1] * slope**2})
    assert names(found) == ["σ′ twice"]


def test_parameters_that_are_not_learnt_by_gradients_have_no_state_of_an_optimizer():
    layers = [cr.Dense(3, "relu"), cr.BatchNorm(), cr.Dense(1)]
    net = cr.Network(layers, "mse", inputs=2, seed=0)
    x, y = np.array([[0.5, 1.0], [-1.0, 0.25], [2.0, 1.0]]), [1.0, 0.0, 0.5]
    problem = cr.Problem(net, x, y, optimizer=cr.Adam(0.1), iterations=2)
    second = cr.walkthrough(problem).traces[1]
    claims = {
        "loss@2": float(second["loss"]),
        "dense1.W.m[0,0]@2": float(second["dense1.W.m"][0, 0]),
    }
    assert cr.diagnose(problem, claims)
    with pytest.raises(ValueError, match="is nothing that this problem computes"):
        cr.diagnose(problem, {"batch_norm1.mean.m[0]": 0.5})
