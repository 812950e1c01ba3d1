"""The letters of a worked solution: one for each value, and words where a rule does not hold."""

import itertools

import numpy as np
import pytest
from tests.glass.solutions.test_walkthrough import (
    DESCENT,
    ROWS,
    TARGETS,
    figures,
    network,
    problem,
    two_layers,
)
from tests.seeds.test_001 import ROUNDING, walkthrough_network, x

import chainrule as cr
from chainrule.equations.text import text
from chainrule.glass.notation import NOTATIONS
from chainrule.glass.writers.document import Equations

HOUSES = {
    "everything": (
        [cr.Dense(3, ["tanh", "relu", "silu"]), cr.BatchNorm(), cr.Residual([cr.Dense(3, "elu")]),
         cr.PReLU(), cr.Dropout(0.3), cr.LayerNorm(), cr.Dense(3, "softmax")],
        {"optimizer": cr.Adam(0.1), "penalty": cr.Penalty(0.1, 0.2),
         "clip": cr.ClipGlobalNorm(0.1), "constraint": cr.MaxNorm(0.9),
         "sample_weight": [1, 2, 3]},
    ),
    "momentum": ([cr.Dense(2, "logistic"), cr.Dense(3, "softmax")], {"optimizer": cr.Momentum()}),
}  # fmt: skip


@pytest.mark.parametrize("notation", sorted(NOTATIONS))
@pytest.mark.parametrize("house", HOUSES)
def test_no_two_values_share_a_symbol_and_none_stands_in_its_own_equation(house, notation):
    layers, options = HOUSES[house]
    net = network(*layers, loss="cross_entropy")
    rows = [[0.5, 1.0], [1.0, 2.0], [-1.0, 0.3]]
    w = cr.walkthrough(net, rows, [1, 0, 2], notation=notation, **options)
    symbols = {}
    for block in w.document.blocks:
        if isinstance(block, Equations) and block.of:
            symbols.setdefault(text(block.left), set()).add(block.of)
    shared = {symbol_: names for symbol_, names in symbols.items() if len(names) > 1}
    assert not shared
    for block in w.document.blocks:
        if isinstance(block, Equations) and block.of and len(block.steps) > 1:
            assert text(block.left) not in text(block.steps[0][1]).split(), block.of


@pytest.mark.parametrize("notation", sorted(NOTATIONS))
def test_weighed_derivatives_have_a_name_of_their_own(notation):
    w = cr.walkthrough(two_layers(), ROWS, TARGETS, notation=notation, sample_weight=[1, 3])
    out = w.text()
    assert "_unweighed = " in out
    assert "weight = (0.5  1.5)" in out
    assert "scaled so that their mean is one" in out


def test_products_element_by_element_are_told_from_matrix_products():
    net = network(cr.Dense(2, "logistic"), cr.Dense(1, "logistic"), loss="mse")
    out = cr.walkthrough(net, ROWS, TARGETS).text()
    assert "f′(Z^[1]) = A^[1] ⊙ (1 − A^[1])" in out
    assert "δ^[1] = ∂ℓ/∂A^[1] ⊙ f′(Z^[1])" in out


def test_classes_are_shown_as_one_hot_columns():
    net, X, _ = problem("softmax", 2, 3)
    out = cr.walkthrough(net, X, [2, 0]).text()
    assert "class = (2  0)" in out
    assert "Classes count from 0: class 0 is neuron 1" in out
    assert "δ^[2] = A^[2] − Y" in out
    assert "which changes nothing but that no exponential overflows" in " ".join(out.split())


def test_a_penalty_stands_in_the_loss_as_a_sum_over_each_matrix():
    out = cr.walkthrough(two_layers(), ROWS, TARGETS, penalty=cr.L2(0.1)).text()
    assert "L = (ℓ⁽¹⁾ + ℓ⁽²⁾) / m + λ₂ (Σ 0.5 W^[1]²) + λ₂ (Σ 0.5 W^[2]²)" in out
    assert "λ₁" not in out


def test_what_lies_between_dense_layers_gets_no_rule_that_does_not_hold():
    net = network(cr.Dense(2, "tanh"), cr.Dropout(0.5), cr.Dense(1), loss="mse")
    out = cr.walkthrough(net, ROWS, TARGETS, derive=True).text()
    assert "reaches every neuron k" not in out
    plain = network(cr.Dense(2, "tanh"), cr.Dense(1), loss="mse")
    assert "reaches every neuron k" in cr.walkthrough(plain, ROWS, TARGETS, derive=True).text()


def test_softmax_with_squared_errors_is_derived_by_its_jacobian():
    net = network(cr.Dense(2, "tanh"), cr.Dense(3, "softmax"), loss="mse")
    out = cr.walkthrough(net, ROWS, np.eye(3)[:2], derive=True).text()
    assert "the chain rule sums over the outputs c" in out
    assert "f′(z^[2]_k)" not in out


@pytest.mark.parametrize("decimals", range(5))
def test_few_decimals_leave_ordinary_numbers_ordinary(decimals):
    out = cr.walkthrough(two_layers(), ROWS, TARGETS, decimals=decimals).text()
    assert "·10⁰" not in out
    loss = float(cr.trace(two_layers(), ROWS, TARGETS)["loss"])
    assert round(loss, decimals) in [round(found, 9) for found in figures(out)]
    assert decimals == 4 or "·10" not in out


def test_iterations_from_a_step_are_the_ones_that_follow():
    net = cr.Network([cr.Dense(2, "tanh"), cr.Dropout(0.5), cr.Dense(1)], "mse", inputs=2, seed=0)
    x, y = [[0.5, 1.0], [1.0, 3.0]], [1.0, 0.0]
    w = cr.walkthrough(net, x, y, optimizer=cr.Adam(0.1), step=5, iterations=3)
    assert [t.step for t in w.traces] == [5, 6, 7]
    for before, after in itertools.pairwise(w.traces):
        np.testing.assert_array_equal(before["dense1.W.new"], after["dense1.W"])
        np.testing.assert_array_equal(before["dense1.W.m"], after["dense1.W.m.old"])


def test_a_rounded_trace_is_introduced_with_its_rounding():
    t = cr.trace(walkthrough_network(), [0.5, 1.0], [1.0], rounding={"a1": 3})
    assert "Rounded before it is used: A^[1] to 3 decimals." in cr.walkthrough(t).text()
    assert "Rounded" not in cr.walkthrough(cr.trace(walkthrough_network(), [0.5, 1.0])).text()


def test_a_number_that_was_rounded_has_a_sign_of_its_own():
    w = cr.walkthrough(walkthrough_network(), x, [1.0], optimizer=DESCENT, rounding=ROUNDING)
    assert "A^[3] = 1 / (1 + exp(−Z^[3])) = 1 / (1 + exp(−1.489)) ≈ 0.816" in w.text()
    assert "Rounded before it is used: A^[3] to 3 decimals, L to 3 decimals." in w.text()
    assert "≈" not in cr.walkthrough(walkthrough_network(), x, [1.0], optimizer=DESCENT).text()
