"""Equations: the tree that is evaluated and the text that is read say the same."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.equations import OPERATIONS, Equation, Expression, apply, symbol, symbols

a, W, b, x, y, z = symbols("a W b x y z")


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (a @ W + b, "a·W + b"),
        ((a - y) / (a * (1 - a)), "(a − y) / (a (1 − a))"),
        (x - (y - z), "x − (y − z)"),
        (x - y - z, "x − y − z"),
        (x / (y / z), "x / (y / z)"),
        (x / y / z, "x / y / z"),
        (x / (y * z), "x / (y z)"),
        (x / y * z, "(x / y) z"),
        (x * y / z, "x y / z"),
        (-(x / y), "−x / y"),
        (x * (y * z), "x (y z)"),
        (-(x + y), "−(x + y)"),
        (-(x * y), "−x y"),
        ((-x) ** 2, "(−x)²"),
        (-(x**2), "−x²"),
        ((x + y) ** 2, "(x + y)²"),
        (x ** (y + 1), "x^(y + 1)"),
        ((x @ W).T, "(x·W)ᵀ"),
        (x @ W.T, "x·Wᵀ"),
        (0.5 * x, "½ x"),
        (x * -2, "x (−2)"),
        (apply("power", -2, x), "(−2)^x"),
        (-2 * x, "−2 x"),
        ((x**2) ** 2, "(x²)²"),
        (x**3, "x^3"),
        (x / y**2, "x / y²"),
        (x / apply("sum_rows", y), "x / (Σᵢ y)"),
        (apply("hadamard", a, x - y), "a ⊙ (x − y)"),
        (apply("sum_outputs", x * y), "Σₖ (x y)"),
        (apply("sum_rows", x) / y, "Σᵢ x / y"),
        (apply("log1p", apply("exp", -z)), "ln(1 + exp(−z))"),
        (apply("where", z > 0, 1, y - 1), "1 if z > 0 else y − 1"),
        (apply("where", apply("at_least", z, 0), 1, 0) * x, "(1 if z ≥ 0 else 0) x"),
        (apply("pick", a, y), "a[y]"),
    ],
    ids=str,
)
def test_a_tree_is_written_with_the_brackets_that_it_needs(tree, text):
    assert str(tree) == text


def test_an_equation_is_written_with_its_sign():
    assert str(Equation("z", a @ W + b)) == "z = a·W + b"
    assert str(Equation("p", symbol("p") - x, "←")) == "p ← p − x"


def test_renaming_reaches_the_target_and_every_symbol():
    equation = Equation("z", a @ W + b).renamed({"z": "z1", "a": "x", "W": "W1", "b": "b1"})
    assert str(equation) == "z1 = x·W1 + b1"
    assert equation.names == {"x", "W1", "b1"}


def test_renaming_two_symbols_into_each_other_does_not_mix_them():
    assert str((x - y).renamed({"x": "y", "y": "x"})) == "y − x"


def test_a_symbol_can_become_a_tree():
    assert str((x * y).replaced({"x": a + b})) == "(a + b) y"
    assert str(Equation("z", x * y).replaced({"x": a + b})) == "z = (a + b) y"


def test_a_missing_value_is_an_error():
    with pytest.raises(KeyError):
        (x + y).evaluate({"x": 1.0})


def test_an_operation_that_does_not_exist_is_an_error():
    import chainrule.equations

    with pytest.raises(AttributeError, match="no attribute 'cosine'"):
        chainrule.equations.cosine  # noqa: B018


M = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]])
k = np.array([2, 0])
CODED = np.array([[7.0, 1.0, 8.0], [9.0, 0.0, 6.0]])
PLACE = (1, 5, 3, np.array([0, 1]))  # what draws are keyed by: site, seed, step, rows
# one example of each operation: arguments, and what NumPy says
VALUES = {
    "add": ((M, 2 * M), 3 * M),
    "subtract": ((M, 2 * M), -M),
    "negative": ((M,), -M),
    "multiply": ((M, M), M**2),
    "hadamard": ((M, M), M**2),
    "divide": ((M, 4), M / 4),
    "matmul": ((M, M.T), M.dot(M.T)),
    "power": ((M, 2), np.square(M)),
    "transpose": ((M,), np.transpose(M)),
    "exp": ((M,), np.e**M),
    "expm1": ((M,), np.e**M - 1),
    "log": ((M**2,), 2 * np.log(np.abs(M))),
    "log1p": ((M**2,), np.log(1 + M**2)),
    "sqrt": ((M**2,), np.abs(M)),
    "tanh": ((M,), np.sinh(M) / np.cosh(M)),
    "logistic": ((M,), (1 + np.tanh(M / 2)) / 2),
    "softplus": ((np.array([-800.0, 0.0, 800.0]),), np.array([0.0, np.log(2), 800.0])),
    "erfc": ((np.array([0.0, 30.0, -30.0]),), np.array([1.0, 0.0, 2.0])),
    "sign": ((np.array([-2.0, 0.0, 3.0, np.nan]),), np.array([-1.0, 0.0, 1.0, np.nan])),
    "absolute": ((M,), np.sqrt(M**2)),
    "maximum": ((0, M), M * (M > 0)),
    "minimum": ((0, M), M * (M < 0)),
    "greater": ((M, 0.25), np.array([[True, False, True], [True, False, False]])),
    "at_least": ((M, 0.25), np.array([[True, False, True], [True, True, False]])),
    "where": ((M > 0, 1, M), np.array([[1, -1, 1], [1, 1, -0.5]])),
    "onehot": ((k, M), np.array([[0, 0, 1], [1, 0, 0]])),
    "repeated": ((M[:, :1], M), np.array([[0.5, 0.5, 0.5], [1.5, 1.5, 1.5]])),
    "spread": ((k, np.ones((2, 4))), np.array([2, 2, 0, 0])),
    "first_half": ((np.array([[1, 2, 3, 4]]),), np.array([[1, 2]])),
    "second_half": ((np.array([[1, 2, 3, 4]]),), np.array([[3, 4]])),
    "beside": ((M[:, :1], M[:, 1:]), M),
    "pick": ((M, k), np.array([2.0, 1.5])),
    "rows": ((M, np.array([1, 1, 0])), np.array([M[1], M[1], M[0]])),
    "column": ((np.array([1.0, 2.0]),), np.array([[1.0], [2.0]])),
    "sum_outputs": ((M,), np.array([1.5, 1.25])),
    "sum_outputs_column": ((M,), np.array([[1.5], [1.25]])),
    "sum_all": ((M,), np.array(2.75)),
    "sum_rows": ((M,), np.array([2.0, -0.75, 1.5])),
    "mean_rows": ((M,), np.array([1.0, -0.375, 0.75])),
    "mean_outputs": ((M,), np.array([0.5, 1.25 / 3])),
    "mean_outputs_column": ((M,), np.array([[0.5], [1.25 / 3]])),
    "logsumexp": ((M,), np.log(np.exp(M).sum(axis=1))),
    "max_outputs_column": ((M,), np.array([[2.0], [1.5]])),
    "embedded": ((CODED, M, 1), np.array([[7.0, *M[1], 8.0], [9.0, *M[0], 6.0]])),
    "code_sums": (
        (np.hstack([M, M]), CODED, 1, np.zeros((3, 4))),
        np.array([[0.25, -0.5, 1.5, 0.25], [-1.0, 2.0, 0.5, -1.0], [0, 0, 0, 0]]),
    ),
    "unembedded": ((np.hstack([M, M]), 1, 4), np.array([[0.5, 0.0, 2.0], [1.5, 0.0, -0.5]])),
    "normals": (
        (M, *PLACE),
        np.array(
            [
                [0.260859274441931, 0.11720264625482264, -0.5725606767865159],
                [0.5590287329131964, -0.32828206095412105, 0.10951771568907287],
            ]
        ),
    ),
    "row_normals": ((M, *PLACE), np.array([[0.260859274441931], [0.5590287329131964]])),
    "uniforms": (
        (M, *PLACE),
        np.array(
            [
                [0.18017345666885376, 0.8179064989089966, 0.008929789066314697],
                [0.5481760501861572, 0.17687034606933594, 0.9453635811805725],
            ]
        ),
    ),
    "terms": ((M, M, 2 * M), 4 * M),
    "betas": ((0.5, *PLACE), np.array([0.9529855605854335, 0.23153886824341277])),
    "partners": ((9, *PLACE), np.array([1, 4])),
    "shifted": ((M, 1, 1, 3, 1, *PLACE), np.array([[0.0, 0.0, 0.0], [0.25, -0.5, 0.0]])),
    "flipped": ((M, 0.5, 1, 3, 1, *PLACE), np.array([[2.0, -1.0, 0.5], [1.5, 0.25, -0.5]])),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_computes_what_it_says_in_numpy_and_in_jax(operation, jax):
    arguments, right = VALUES[operation]
    names = [f"v{n}" for n in range(len(arguments))]
    tree = Expression(operation, tuple(symbol(name) for name in names))
    values = dict(zip(names, arguments, strict=True))
    np.testing.assert_allclose(tree.evaluate(values), right, rtol=1e-14, atol=1e-15)
    numbers = {key: jax.numpy.asarray(value) for key, value in values.items()}
    np.testing.assert_allclose(tree.evaluate(numbers, jax.numpy), right, rtol=1e-14, atol=1e-15)


def test_logsumexp_does_not_overflow():
    tree = apply("logsumexp", z)
    np.testing.assert_allclose(tree.evaluate({"z": np.array([[1e4, 0.0]])}), [1e4])


# ------------------------------------------------------------------ text and tree agree

NUMBERS = st.sampled_from([-2, -0.5, 0.5, 1, 2, 3])
LEAVES = st.one_of(
    st.sampled_from("xyz").map(symbol),
    NUMBERS.map(lambda n: Expression("number", (np.float64(n),))),
)


def grown(children):
    pairs = st.tuples(
        st.sampled_from(["add", "subtract", "multiply", "hadamard", "divide"]), children, children
    )
    powers = st.tuples(st.just("power"), children, st.sampled_from([1, 2, -1]))
    single = st.tuples(st.sampled_from(["negative", "tanh", "absolute", "log1p"]), children)
    return st.one_of(pairs, powers, single).map(lambda parts: apply(*parts))


def read(text, values):
    """The value of a printed tree, read as Python after the signs of print are replaced."""
    text = (
        text.replace("½", "0.5")
        .replace("−", "-")
        .replace("⊙", "*")
        .replace("^", "**")
        .replace("²", "**2")
    )
    text = re.sub(r"\|", "#", text)
    while "#" in text:  # innermost bars first: those without bars between them
        text = re.sub(r"#([^#]*)#", r"abs(\1)", text, count=1)
    text = text.replace("ln(", "log(")
    text = re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", text)
    text = re.sub(r"(?<![\w.])(\d+(\.\d+)?)", r"real(\1)", text)  # no error for 1 / 0
    scope = {
        "real": np.float64,
        "tanh": np.tanh,
        "log": lambda v: np.log(v + 0j).real,
        "abs": np.abs,
        **values,
    }
    return eval(text, {"__builtins__": {}}, scope)


@given(tree=st.recursive(LEAVES, grown, max_leaves=8))
def test_what_is_printed_is_what_is_computed(tree):
    values = {"x": np.float64(0.7), "y": np.float64(-1.3), "z": np.float64(2.1)}
    if str(tree).count("|") > 2:  # bars inside bars cannot be told apart
        return
    with np.errstate(all="ignore"):
        by_tree = np.asarray(tree.evaluate(values, ComplexLog), np.float64)
        by_text = np.asarray(read(str(tree), values), np.float64)
    np.testing.assert_allclose(by_text, by_tree, rtol=1e-12)


class ComplexLog:
    """NumPy, with logarithms of negative numbers."""

    tanh, abs = np.tanh, np.abs

    @staticmethod
    def log1p(v):
        return np.log(1 + v + 0j).real
