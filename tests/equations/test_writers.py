"""One layout of mathematics, written as text, LaTeX, MathML and Typst: all say the same."""

import re
import xml.etree.ElementTree as ET

import pytest
import typst as compiler
from hypothesis import given
from hypothesis import strategies as st
from tests.equations.test_trees import LEAVES, VALUES, grown

from chainrule.equations import OPERATIONS, Expression, apply, number, symbol, symbols
from chainrule.equations.boxes import (
    Bracketed,
    Cases,
    Figure,
    Fraction,
    Mark,
    Matrix,
    Power,
    Symbol,
    Total,
    Words,
    box_of,
    row,
)
from chainrule.equations.latex import escaped, latex
from chainrule.equations.mathml import mathml
from chainrule.equations.text import text
from chainrule.equations.typst import typst

a, W, b, x, y, z = symbols("a W b x y z")


def layout(tree):
    return box_of(tree, Symbol, lambda n: Figure(f"{n:g}".replace("-", "−"), n))


def figure(value):
    return Figure(f"{value:g}".replace("-", "−"), value)


@pytest.mark.parametrize(
    ("tree", "as_text", "as_latex"),
    [
        (a @ W + b, "a W + b", r"a\,W+b"),
        ((a - y) / (a * (1 - a)), "(a − y) / (a (1 − a))", r"\frac{a-y}{a\,\left(1-a\right)}"),
        (x * -2, "x·(−2)", r"x\cdot \left(-2\right)"),
        (number(2) * number(3) + number(-1), "2·3 + (−1)", r"2\cdot 3+\left(-1\right)"),
        (number(-1) + x, "−1 + x", "-1+x"),
        (x - (-y), "x − (−y)", r"x-\left(-y\right)"),
        ((a @ W).T, "(a W)ᵀ", r"\left(a\,W\right)^{\top }"),
        (x ** (y + 1), "x^(y + 1)", "{x}^{y+1}"),
        (x**2, "x²", "{x}^{2}"),
        (apply("sqrt", x / y), "√(x / y)", r"\sqrt{\frac{x}{y}}"),
        (apply("maximum", 0, z), "max(0, z)", r"\max\left(0, z\right)"),
        (apply("expm1", z), "exp(z) − 1", r"\exp\left(z\right)-1"),
        (apply("absolute", z), "|z|", r"\left|z\right|"),
        (apply("sum_rows", x * y), "Σ_i x y", r"\sum_{i} x\,y"),
        (x * apply("where", z > 0, 1, 0), "x (1 if z > 0 else 0)",
         r"x\,\begin{cases} 1 & \text{if } z>0 \\ 0 & \text{otherwise} \end{cases}"),
        (Expression("terms", (x, y, -z)), "x + y + (−z)", r"x+y+\left(-z\right)"),
    ],
    ids=str,
)  # fmt: skip
def test_a_tree_is_laid_out_with_the_brackets_that_it_needs(tree, as_text, as_latex):
    assert text(layout(tree)) == as_text
    assert latex(layout(tree)) == as_latex


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_is_written_in_every_form(operation):
    arguments = VALUES[operation][0]
    tree = Expression(operation, tuple(symbol(f"v{n}") for n in range(len(arguments))))
    box = layout(tree * symbol("w"))
    assert "w" in text(box)
    assert latex(box).isascii()
    ET.fromstring(mathml(box).replace("&#160;", " "))
    compiler.compile(f"$ {typst(box)} $".encode(), format="svg")


@given(tree=st.recursive(LEAVES, grown, max_leaves=8))
def test_no_form_loses_a_symbol_or_a_number(tree):
    box = layout(tree)
    written = text(box), latex(box), "".join(ET.fromstring(mathml(box)).itertext())
    for name in tree.names:
        assert all(name in form for form in written)
    body = re.sub(r"\\[{}]", "", latex(box))
    assert body.count("{") == body.count("}")


def test_matrices_stand_on_the_line_of_writing():
    matrix = Matrix(((figure(0.1), figure(-3)), (figure(10), figure(1))))
    assert text(row(Symbol("Z", "[1]"), "=", matrix, "+", Symbol("b", "(1)", "1,2"))) == (
        "Z^[1] = ⎛0.1  −3⎞ + b⁽¹⁾₁₂\n        ⎝ 10   1⎠"
    )
    assert latex(matrix) == r"\begin{pmatrix} 0.1 & -3 \\ 10 & 1 \end{pmatrix}"
    assert mathml(matrix).count("<mtd>") == 4
    assert text(Power(matrix, Mark("⊤"))).splitlines()[0].endswith("⎞ᵀ")


def test_wide_matrices_have_as_many_columns_as_they_need():
    wide = Matrix((tuple(figure(k) for k in range(12)),))
    assert r"\begin{array}{rrrrrrrrrrrr}" in latex(wide)


def test_symbols_have_their_indices():
    symbol_ = Symbol("δ", "[2]", "1,12", bold=True, over="-")
    assert text(symbol_) == "δ̄^[2]_(1,12)"
    assert latex(symbol_) == r"\bar{\boldsymbol{\delta}}_{1,12}^{[2]}"
    assert "<msubsup>" in mathml(symbol_)
    assert typst(symbol_) == 'attach(accent(bold(δ), macron), t: "[2]", b: "1,12")'


def test_derivatives_stand_close_and_other_fractions_apart():
    derivative = Fraction(row("∂", Symbol("L")), row("∂", Symbol("W", "[1]")))
    assert text(derivative) == "∂L/∂W^[1]"
    assert text(row(Fraction(Symbol("d"), Symbol("y")), " ", Symbol("y"))) == "(d / y) y"


def test_a_layers_number_is_no_exponent():
    tree = symbol("y") ** 2
    box = box_of(tree, lambda n: Symbol(n, "2"), figure)
    assert text(box) == "(y²)²"


def test_powers_of_ten_are_written_as_such():
    tiny = Figure("−1.25e−9", -1.25e-9)
    assert latex(tiny) == r"-1.25 \cdot 10^{-9}"
    assert "<msup><mn>10</mn>" in mathml(tiny)
    assert typst(tiny) == "-1.25 dot.op 10^(-9)"


def test_cases_stand_below_each_other_or_in_a_line():
    cases = Cases(((figure(1), row(Symbol("z"), ">", figure(0))), (figure(0), None)))
    assert text(cases) == "⎰ 1  if z > 0\n⎱ 0  otherwise"
    assert text(Bracketed(cases)) == "(1 if z > 0 else 0)"


def test_words_are_no_code():
    words = Words('50% of {a_b} & "c" <d> $e$ \\f #g ~h ^i')
    assert latex(words).count("{") - latex(words).count(r"\{") == 6  # \text, and five commands
    assert "<d>" not in mathml(words)
    compiler.compile(f"$ {typst(words)} $".encode(), format="svg")
    assert escaped("α → β") == r"\ensuremath{\alpha} \ensuremath{\rightarrow} \ensuremath{\beta}"


def test_a_sum_says_over_what():
    assert text(Total("k", Symbol("x"))) == "Σ_k x"
    assert latex(Total("", Symbol("x"))) == r"\sum x"


@pytest.mark.parametrize("write", [text, latex, mathml, typst])
def test_something_else_is_refused(write):
    with pytest.raises(TypeError, match="nothing is known of the box"):
        write("a text")
