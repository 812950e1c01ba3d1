"""Known mistakes: each gives the number that its wrong formula gives, written by hand in NumPy."""

import dataclasses
from decimal import ROUND_HALF_EVEN

import numpy as np
import pytest
from tests.glass.mistakes.told_apart import check_right, examine_all, made_by_hand, told
from tests.glass.mistakes.wrong_by_hand import by_hand, drawn, names_of

import chainrule as cr
from chainrule.glass.mistakes import MISTAKES, Mistake, register
from chainrule.glass.mistakes.diagnosis import Examiner


def test_every_known_mistake_says_what_was_done_and_what_is_right():
    assert len(MISTAKES) >= 25
    for mistake in MISTAKES.values():
        assert mistake.says
        assert mistake.right
        assert not mistake.says.endswith(".")
    assert len({mistake.says for mistake in MISTAKES.values()}) == len(MISTAKES)


def test_two_mistakes_of_one_name_are_refused():
    with pytest.raises(ValueError, match="the mistake 'uphill' exists already"):
        register(Mistake("uphill", "", "", lambda i, at: False))


@pytest.mark.parametrize("seed", range(24))
def test_the_program_with_a_mistake_computes_what_the_wrong_formula_does(seed):
    # So many decimals that none is halfway when it is rounded.
    problem = drawn(np.random.default_rng(seed), decimals=15)
    for outcome in Examiner(problem).outcomes:
        for number, values in enumerate(made_by_hand(problem, outcome)):
            trace = outcome.runs[-1][number]  # of rounding, the one with halves up
            for name, value in values.items():
                ours = trace[name]
                ours = ours.T if outcome.mistake.exchanges else ours
                if not np.isfinite(value).all():
                    continue  # a logarithm of what is no probability any more
                np.testing.assert_allclose(
                    ours, value, rtol=1e-9, atol=1e-11,
                    err_msg=f"{outcome.mistake.name}, {outcome.layers}, {outcome.variant}: {name}",
                )  # fmt: skip


def test_random_problems_meet_every_mistake():
    met = set()
    for seed in range(24):
        met |= {o.mistake.name for o in Examiner(drawn(np.random.default_rng(seed))).outcomes}
    assert met == set(MISTAKES)


# ------------------------------------------------------------------ random problems


@pytest.mark.parametrize("seed", range(100, 106))
def test_each_mistake_is_named_or_said_not_to_be_told_apart(seed):
    rng = np.random.default_rng(seed)
    ends = examine_all(drawn(rng), rng)
    assert set(ends) <= set(MISTAKES)
    assert "named" in ends.values()


@pytest.mark.parametrize("seed", range(200, 220))
def test_a_right_number_is_never_called_wrong(seed):
    rng = np.random.default_rng(seed)
    check_right(drawn(rng), rng)


@pytest.mark.parametrize("seed", range(300, 310))
def test_with_a_policy_a_number_is_right_rounded_on_the_way_or_not(seed):
    rng = np.random.default_rng(seed)
    places = int(rng.integers(1, 5))
    plain = drawn(rng)
    problem = dataclasses.replace(plain, rounding={"z": places, "a": places})
    rounded = by_hand(problem, "rounded too early", None, ("z and a", places, ROUND_HALF_EVEN))
    for values in (rounded, by_hand(plain)):
        claims = {name: told(number, 8) for name, number in names_of(values).items()}
        assert cr.diagnose(problem, claims), str(cr.diagnose(problem, claims))


def test_a_mistake_of_the_users_own_is_found_too():
    known = dict(MISTAKES)
    try:
        register(Mistake("tripled", "z is tripled", "z = W·a",
                         lambda i, at: "z" in i.kernel.outputs,
                         lambda i, running, at, variant: np.multiply(
                             running.value(i.operands["z"]), 3,
                             out=running.value(i.operands["z"]))))  # fmt: skip
        net = cr.Network([cr.Dense(1, bias=False)], "mse", inputs=1)
        net.parameters["W1"] = [[0.5]]
        found = cr.diagnose(cr.Problem(net, [1.7], [1.0]), {"z1": 2.55})
        assert [e.name for e in found.explanations] == ["tripled in layer 1"]
    finally:
        MISTAKES.clear()
        MISTAKES.update(known)


def test_everywhere_is_tried_beside_each_layer_alone():
    problem = drawn(np.random.default_rng(3))
    found = [o for o in Examiner(problem).outcomes if o.mistake.name == "activation forgotten"]
    paths = problem.network.paths
    assert [o.layers for o in found] == [*((path,) for path in paths), tuple(paths)]
    assert [o.everywhere for o in found] == [*(False for _ in paths), True]
