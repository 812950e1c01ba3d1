"""Problems and their files."""

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.glass.problems import problem as problem_module

EXAMPLES = Path(__file__).parents[3] / "examples" / "problems"

GOOD = """title = "A network"
notation = "theta"
loss = "binary_cross_entropy"
rate = 0.1
inputs = [0.5, 1.0]
target = 1.0
iterations = 2

[[layers]]
activation = "relu"
weights = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
biases = [0.05, 0.06, 0.07]

[[layers]]
activation = "sigmoid"
weights = [[0.9, 1.0, 1.1]]

[rounding]
ties = "up"
decimals = {a2 = 3, loss = 3}

[claims]
"dW2[0,0]" = -0.020
"W1.new[0,1]" = "0.30"
loss = 1
"""


def read(text, folder):
    file = folder / "problem.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return cr.read_problem(file)


def test_everything_that_a_file_may_hold(tmp_path):
    problem = read(GOOD, tmp_path)
    assert problem.title == "A network"
    assert problem.notation == "theta"
    assert problem.optimizer == cr.GradientDescent(0.1)
    assert problem.iterations == 2
    assert problem.rounding == cr.Rounding({"a2": 3, "loss": 3}, "up")
    assert problem.x.tolist() == [[0.5, 1.0]]
    assert problem.y.tolist() == [[1.0]]
    net = problem.network
    assert net.dtype == "float64"
    assert net.parameters["W1"].tolist() == [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]
    assert net.parameters["b1"].tolist() == [0.05, 0.06, 0.07]
    assert [str(layer) for layer in net.layers] == [
        "Dense(3, 'relu')", "Dense(1, 'logistic', bias=False)",
    ]  # fmt: skip
    assert problem.claims == {"dW2[0,0]": "-0.020", "W1.new[0,1]": "0.30", "loss": 1}


def test_three_ways_to_write_the_same_weights(tmp_path):
    by_neurons = read(GOOD, tmp_path)
    by_inputs = read(
        GOOD.replace("[[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]", "[[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]")
        .replace("biases", 'rows = "inputs"\nbiases'), tmp_path)  # fmt: skip
    theta = read(
        GOOD.replace("weights = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]\n",
                     "theta = [[0.05, 0.1, 0.2],\n [0.06, 0.3, 0.4], [0.07, 0.5, 0.6]]\n")
        .replace("biases = [0.05, 0.06, 0.07]\n", ""), tmp_path)  # fmt: skip
    assert by_neurons.to_toml() == by_inputs.to_toml() == theta.to_toml()


def test_another_optimizer(tmp_path):
    text = GOOD.replace("rate = 0.1\n", "") + "[optimizer]\nname = 'adam'\nlearning_rate = 0.5\n"
    assert read(text, tmp_path).optimizer == cr.Adam(0.5)
    assert read(GOOD.replace("rate = 0.1\n", ""), tmp_path).optimizer == cr.GradientDescent()


TARGETS = {
    "a number for one output": (1, "mse", [1], "0.5", [[0.5]]),
    "a row": (1, "mse", [2], "[0.5, 1]", [[0.5, 1.0]]),
    "a number for each example": (3, "mse", [1], "[1, 2, 3]", [[1.0], [2.0], [3.0]]),
    "rows": (2, "mse", [2], "[[1, 2], [3, 4]]", [[1.0, 2.0], [3.0, 4.0]]),
    "a label": (1, "cross_entropy", [3], "2", [2]),
    "labels": (3, "cross_entropy", [3], "[0, 2, 1]", [0, 2, 1]),
    "a distribution": (1, "cross_entropy", [3], "[0, 1, 0]", [[0.0, 1.0, 0.0]]),
    "distributions": (2, "cross_entropy", [2], "[[0, 1], [0.5, 0.5]]", [[0.0, 1.0], [0.5, 0.5]]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets(case, tmp_path):
    rows, loss, (outputs,), target, expected = TARGETS[case]
    activation = "softmax" if loss == "cross_entropy" else "tanh"
    problem = read(
        f'loss = "{loss}"\ninputs = {[[0.5]] * rows}\ntarget = {target}\n[[layers]]\n'
        f'activation = "{activation}"\nweights = {[[0.1]] * outputs}\n', tmp_path)  # fmt: skip
    assert problem.y.tolist() == expected
    again = cr.Problem(problem.network, problem.x, problem.y)
    assert again.y.tolist() == expected
    cr.trace(problem.network, problem.x, problem.y)
    assert read(problem.to_toml(), tmp_path).to_toml() == problem.to_toml()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda p: p.stem)
def test_examples_can_be_read_written_and_run(path, tmp_path):
    problem = cr.read_problem(path)
    assert read(problem.to_toml(), tmp_path).to_toml() == problem.to_toml()
    assert problem.title
    found = cr.trace(problem.network, problem.x, problem.y, optimizer=problem.optimizer,
                     rounding=problem.rounding)  # fmt: skip
    assert np.isfinite(found["loss"])


def test_a_problem_is_a_copy_in_double_precision(rng):
    net = cr.Network([cr.Dense(2, "tanh"), cr.Dense(1)], "mse", inputs=3, dtype="float32")
    problem = cr.Problem(net, rng.normal(size=(4, 3)), rng.normal(size=4))
    net.parameters["W1"] = np.zeros((3, 2))
    assert problem.network.dtype == "float64"
    assert problem.network.parameters["W1"].all()
    assert problem.y.shape == (4, 1)


@given(
    title=st.text(st.characters(exclude_categories=["Cs"])),
    seed=st.integers(0, 1000), rows=st.integers(1, 3), bias=st.booleans(),
    activations=st.lists(
        st.sampled_from(["relu", "tanh", "leaky_relu(0.2)", "gelu"]), min_size=2, max_size=2
    ),
    loss=st.sampled_from(["mse", "rss", "huber(1.5)"]),
    optimizer=st.sampled_from([cr.GradientDescent(1 / 3), cr.Adam(1e-7), cr.Momentum(2.0)]),
)  # fmt: skip
def test_what_is_written_reads_as_the_same_problem(
    title, seed, rows, bias, activations, loss, optimizer, tmp_path_factory
):
    net = cr.Network([cr.Dense(2, activations, bias, name="first"), cr.Dense(2)], loss, inputs=3,
                     seed=seed)  # fmt: skip
    rng = np.random.default_rng(seed)
    problem = cr.Problem(
        net, rng.normal(size=(rows, 3)) * 1e-9, rng.normal(size=(rows, 2)) * 1e9,
        optimizer=optimizer, title=title, iterations=7, claims={"W1[0,1]": "0.10", "loss": 1.5},
    )  # fmt: skip
    again = read(problem.to_toml(), tmp_path_factory.mktemp("problem"))
    assert np.array_equal(again.network.vector, problem.network.vector)
    assert again.network.paths == problem.network.paths
    assert np.array_equal(again.x, problem.x)
    assert np.array_equal(again.y, problem.y)
    for name in ("title", "optimizer", "iterations", "notation", "rounding"):
        assert getattr(again, name) == getattr(problem, name)
    assert again.claims == {"W1[0,1]": "0.10", "loss": "1.5"}
    assert again.claimed() == problem.claimed()


# ------------------------------------------------------------------ what is refused

BAD = {
    "syntax": (("rate = 0.1", "rate = "), "no TOML: invalid value (at line 4"),
    "twice": (("rate = 0.1", "rate = 0.1\nrate = 0.2"), "no TOML: cannot overwrite a value (at"),
    "bytes": (("A network", "\udcff"), "line 1: this is no text in UTF-8"),
    "nested": (("0.1, 0.2]", "[" * 4000 + "]" * 4000 + "]"), "nested too deeply"),
    "extra": (("rate", "rait"), "line 4: a problem has no 'rait'; it can have title, notation"),
    "extra in layer": (("biases", "bias"), "line 12: a layer has no 'bias'; it can have activ"),
    "extra in rounding": (("ties", "tied"), "line 19: rounding has no 'tied'"),
    "title": (('"A network"', "1"), "line 1: title must be a text, not 1"),
    "notation": (('"theta"', '"greek"'), "line 2: notation must be one of 'bracket', 'signal',"),
    "no loss": (('loss = "binary_cross_entropy"\n', ""), "'problem.toml': needs loss"),
    "loss": (('"binary_cross_entropy"', '"nix"'), "line 3: loss: unknown loss 'nix'; there are"),
    "loss's domain": (("sigmoid", "tanh"), "line 3: loss: the loss 'binary_cross_entropy' needs"),
    "rate": (("rate = 0.1", "rate = -1"), "line 4: rate: learning_rate of gradient_descent must"),
    "rate nan": (("rate = 0.1", "rate = nan"), "line 4: rate: learning_rate of gradient_descent"),
    "no inputs": (("inputs = [0.5, 1.0]\n", ""), "'problem.toml': needs inputs"),
    "inputs": (("inputs = [0.5, 1.0]", "inputs = 0.5"), "line 5: inputs must be a row of numbers,"),
    "none": (("inputs = [0.5, 1.0]", "inputs = []"), "line 5: inputs must be a row of numbers, or"),
    "words": (("[0.5, 1.0]", "[0.5,\n'a']"), "line 6: inputs must be finite numbers, and holds 'a"),
    "infinite": (("[0.5, 1.0]", "[0.5, inf]"), "line 5: inputs must be finite numbers, and holds"),
    "truth": (("[0.5, 1.0]", "[0.5, true]"), "line 5: inputs must be finite numbers, and holds Tr"),
    "huge": (("[0.5, 1.0]", f"[0.5, 1{'0' * 400}]"), "line 5: inputs must be finite numbers, and"),
    "ragged": (("[0.5, 1.0]", "[[0.5, 1],\n[2]]"), "line 6: inputs must have rows of one length"),
    "no target": (("target = 1.0\n", ""), "'problem.toml': needs target"),
    "target's range": (("target = 1.0", "target = 2"), "line 6: target must lie between 0 and 1"),
    "target's length": (("target = 1.0", "target = [1, 0]"), "line 6: target must have a column f"),
    "target's rows": (("target = 1.0", "target = [[1], [0]]"), "line 6: target has 2 rows, and X"),
    "target's kind": (("target = 1.0", "target = 'a'"), "line 6: target must be a number, a row"),
    "iterations": (("iterations = 2", "iterations = 0"), "line 7: iterations must be a whole num"),
    "half": (("iterations = 2", "iterations = 1.5"), "line 7: iterations must be a whole number"),
    "no layers": (None, "'problem.toml': needs layers"),
    "layers": (("[[layers]]\nactivation = \"relu\"", "[layers]\na = 1"), "no TOML"),
    "no activation": (('activation = "relu"\n', ""), "line 9: layer 1 needs activation"),
    "activation": (('"relu"', '"rulu"'), "line 10: activation of layer 1: unknown activation"),
    "activations": (('"relu"', '["relu"]'), "line 10: activation of layer 1: Dense(3) needs one"),
    "useless": (('"relu"', '"threshold"'), "line 10: activation of layer 1: 'threshold' has no us"),
    "number": (('"relu"', "5"), "line 10: activation of layer 1: an activation is a name or an en"),
    "no weights": (("weights = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]\n", ""),
                   "line 9: layer 1 needs weights or theta"),
    "vector": (("[[0.9, 1.0, 1.1]]", "[0.9, 1.0, 1.1]"),
               "line 16: weights of layer 2 must be a list with a row of numbers for each of the "),
    "width": (("[[0.9, 1.0, 1.1]]", "[[0.9, 1.0]]"),
              "line 16: weights of layer 2 must have 3 columns, one for each input of the layer, "),
    "NaN weight": (("0.6]]", "nan]]"), "line 11: weights of layer 1 must be finite numbers, and"),
    "rows": (("biases", "rows = 'columns'\nbiases"), "line 12: rows of layer 1 must be 'neurons' "),
    "biases": (("[0.05, 0.06, 0.07]", "[0.05]"),
               "line 12: biases of layer 1 must be 3 numbers, one for each neuron, not 1"),
    "one bias": (("[0.05, 0.06, 0.07]", "0.05"), "line 12: biases of layer 1 must be a list of nu"),
    "both": (("biases", "theta = [[1]]\nbiases"), "line 11: weights of layer 1 cannot stand besid"),
    "theta": (("weights = [[0.9, 1.0, 1.1]]", "theta = [[1, 2, 3]]"),
              "line 16: theta of layer 2 must have 4 columns, one of biases and 3 for the inputs "),
    "name": (("biases", "name = 'a b'\nbiases"), "line 12: name of layer 1: a layer's name must b"),
    "rounding": (("[rounding]\nties = \"up\"\ndecimals = {a2 = 3, loss = 3}", "[[rounding]]"),
                 "line 18: rounding must be a table"),
    "ties": (('"up"', '"down"'), "line 18: rounding: ties must be 'even' or 'up', not 'down'"),
    "decimals": (("{a2 = 3, loss = 3}", "3"), "line 20: rounding.decimals must be a table such as"),
    "places": (("a2 = 3", "a2 = -1"), "line 18: rounding: the decimals of 'a2' must be a whole nu"),
    "rounded what": (("a2 = 3", "a9 = 3"), "line 18: rounding names 'a9', which this step does"),
    "claimed what": (('"dW2[0,0]"', '"dW9[0,0]"'), "line 23: 'dW9[0,0]' is nothing that this prob"),
    "claimed where": (('"dW2[0,0]"', '"dW2[3,0]"'), "'dW2[3,0]' is no number of dW2, which has th"),
    "claimed whole": (('"dW2[0,0]"', '"dW2"'), "'dW2' is no number of dW2, which has the shape (3"),
    "claimed when": (('"dW2[0,0]"', '"dW2[0,0]@3"'), "is of iteration 3, and the problem has 2"),
    "claimed word": (("-0.020", "'little'"), "line 23: claims.dW2[0,0]: the number of 'dW2[0,0]'"),
    "claimed nan": (("-0.020", "nan"), "the number of 'dW2[0,0]' must be a finite number, not nan"),
    "unquoted": (('"W1.new[0,1]"', "W1.new"), "claims.W1 must be a number; write the name in quot"),
    "both rates": (("[claims]", "[optimizer]\nname = 'adam'\n[claims]"),
                   "line 4: rate cannot stand beside [optimizer]"),
    "optimizer": (("rate = 0.1", "optimizer = {name = 'nix'}"), "line 4: optimizer: unknown optim"),
    "no name": (("rate = 0.1", "optimizer = {rate = 1}"), "line 4: optimizer needs name"),
    "its option": (("rate = 0.1", "optimizer = {name = 'adam', rate = 1}"),
                   "line 4: optimizer: the optimizer 'adam' has no 'rate'; it can have learning_r"),
    "its schedule": (
        ("rate = 0.1", "optimizer = {name = 'adam', learning_rate = {schedule = 'cosine'}}"),
        "line 4: optimizer: the schedule 'cosine' needs initial; it can have initial"),
    "scheduled": (
        ("rate = 0.1", "optimizer = {name = 'adam', "
                       "learning_rate = {schedule = 'constant', initial = 0.1}}"),
        "line 4: optimizer: learning_rate of a problem's optimizer must be a number, not Constant"),
    "names": (('activation = "sigmoid"', 'name = "dense1"\nactivation = "sigmoid"'),
              "line 15: name of layer 2: two layers have the name 'dense1'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_files_get_one_sentence_with_the_line(case, tmp_path):
    change, words = BAD[case]
    text = GOOD.replace(*change) if change else GOOD.partition("[[layers]]")[0]
    assert text != GOOD
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read(text.encode("utf-8", "surrogateescape"), tmp_path)
    said = str(caught.value)
    assert said.startswith("'problem.toml'")
    assert words in said
    assert "\n" not in said


@settings(max_examples=300)
@given(
    place=st.integers(0, len(GOOD)), removed=st.integers(0, 12),
    put=st.sampled_from(["", "\n", "[", "]", "{", "}", '"', "'", "=", ".", ",", "-1", "1e9", "nan",
                         "true", "[[1]]", "{a = 1}", "#", "x = 1\n", "[layers]\n", "[[claims]]\n",
                         '"""', "1979-05-27", "\\", "é"]),
)  # fmt: skip
def test_a_damaged_file_is_read_or_told_in_one_sentence(place, removed, put, tmp_path_factory):
    text = GOOD[:place] + put + GOOD[place + removed :]
    said = "'problem.toml'"
    try:
        read(text, tmp_path_factory.mktemp("damaged")).to_toml()
    except ValueError as error:
        said = str(error)
    assert said.startswith("'problem.toml'")
    assert "\n" not in said


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        cr.read_problem(tmp_path / "no.toml")


def test_a_fault_that_is_of_no_key_is_told_of_the_file(tmp_path, monkeypatch):
    """Of whatever two keys do together, none is accused."""

    def fail(*_):
        raise ValueError("it does not fit")

    monkeypatch.setattr(problem_module, "unfused", fail)
    with pytest.raises(ValueError, match=r"^'problem.toml': it does not fit$"):
        read(GOOD, tmp_path)


def plain():
    return cr.Network([cr.Dense(1)], "mse", inputs=1)


REFUSED = {
    "network": (lambda: cr.Problem("net", [1], [1]), "network must be a network"),
    "loss": (lambda: cr.Problem(cr.Network([cr.Dense(1)], inputs=1), [1], 1), "has no loss"),
    "x": (lambda: cr.Problem(plain(), [[np.nan]], 1), "x.0, 0. is nan: every value must be"),
    "width": (lambda: cr.Problem(plain(), [1, 2], 1), "x has 2 features, and the network takes 1"),
    "y": (lambda: cr.Problem(plain(), [1], [[np.inf]]), "y.0, 0. is inf"),
    "rows": (lambda: cr.Problem(plain(), [[1], [2]], 1), "y has no rows, and X has 2"),
    "optimizer": (lambda: cr.Problem(plain(), [1], 1, optimizer="adam"), "takes steps, not 'adam'"),
    "schedule": (
        lambda: cr.Problem(plain(), [1], 1, optimizer=cr.Adam(cr.Exponential(0.1, 0.9))),
        "learning_rate of a problem's optimizer must be a number, not Exponential"),
    "notation": (lambda: cr.Problem(plain(), [1], 1, notation=3), "notation must be one of"),
    "iterations": (lambda: cr.Problem(plain(), [1], 1, iterations=True), "iterations must be a"),
    "title": (lambda: cr.Problem(plain(), [1], 1, title=None), "title must be a text"),
    "claims": (lambda: cr.Problem(plain(), [1], 1, claims={"W1": [1]}), "the number of 'W1' must"),
    "no claims": (lambda: cr.Problem(plain(), [1], 1, claims=3), "claims must map names of value"),
    "rounding": (lambda: cr.Problem(plain(), [1], 1, rounding={"z": 99}), "decimals of 'z' must"),
    "rounded": (lambda: cr.Problem(plain(), [1], 1, rounding={"q": 2}), "rounding names .q., whi"),
    "useless": (lambda: cr.Problem(cr.Network([cr.Dense(1, "threshold"), cr.Dense(1)], "mse",
                                              inputs=1), [1], 1), "has no useful derivative"),
    "file": (
        lambda: cr.Problem(cr.Network([cr.Dense(1), cr.Dropout(0.5)], "mse", inputs=1), [1], 1)
        .to_toml(), "describes dense layers alone, not Dropout"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_problem_is_refused(case):
    make, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        make()


def test_a_parameter_that_is_no_number_is_refused():
    net = plain()
    net.parameters["W1"] = [[np.nan]]
    with pytest.raises(ValueError, match="parameters of the network"):
        cr.Problem(net, [1], 1)


def test_what_was_read_can_be_pickled(tmp_path):
    problem = read(GOOD, tmp_path)
    assert pickle.loads(pickle.dumps(problem)).to_toml() == problem.to_toml()


def test_a_problem_can_be_changed_by_replacing(tmp_path):
    problem = dataclasses.replace(read(GOOD, tmp_path), title="Another", claims={})
    assert problem.title == "Another"
    assert "[claims]" not in problem.to_toml()
