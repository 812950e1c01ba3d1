"""The claim about named mistakes, for one problem: what tests and the long run hold.

A mistake is made by formulas that do not use the library, and one of the numbers that it makes
wrong is handed to the library: it names the mistake, and if it names others too they give that
number.
"""

import re
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP

import numpy as np
from tests.glass.mistakes.wrong_by_hand import by_hand, names_of

from chainrule.glass.mistakes.diagnosis import Examiner

TIES = (ROUND_HALF_EVEN, ROUND_HALF_UP)


def variant_of(words, ties):
    """What the library calls ``neuron 2 alone`` or ``z to 3 decimals``."""
    if found := re.fullmatch(r"neuron (\d+) alone", words):
        return int(found[1]) - 1
    if found := re.fullmatch(r"(.*) to (\d) decimals?", words):
        return found[1], int(found[2]), ties
    return None


def layers_of(problem, outcome):
    paths = problem.network.paths
    alone = not outcome.everywhere and outcome.layers[0] in paths
    return {paths.index(outcome.layers[0]) + 1} if alone else None


def made_by_hand(problem, outcome, ties=ROUND_HALF_UP):
    return by_hand(problem, outcome.mistake.name, layers_of(problem, outcome),
                   variant_of(outcome.variant, ties))  # fmt: skip


def told(number, digits):
    """A number as a reader writes it."""
    return f"{number:#.{digits}g}"


def examine_all(problem, rng, digits=7):
    """Each mistake of a problem once, by a number that it makes wrong: how it was told.

    Args:
        problem: as ``drawn`` makes it.
        rng: of the choice of places and numbers.
        digits: with which the number is written.

    Returns:
        By mistake ``named``, ``not told apart``, or ``hidden``, as it makes no number wrong.
    """
    examiner = Examiner(problem)
    right = names_of(by_hand(problem))
    ends = {}
    outcomes = {}
    for outcome in examiner.outcomes:
        outcomes.setdefault(outcome.mistake.name, []).append(outcome)
    for name, ways in outcomes.items():
        outcome = ways[rng.integers(len(ways))]
        wrong = names_of(made_by_hand(problem, outcome, TIES[rng.integers(2)]))
        seen = [
            n for n, number in wrong.items()
            if n in right and np.isfinite(number) and 1e-12 < abs(number) < 1e12
            and abs(number - right[n]) > 10 ** (2 - digits) * max(abs(number), abs(right[n]))
        ]  # fmt: skip
        if not seen:
            ends[name] = "hidden"
            continue
        asked = str(rng.choice(seen))
        claims = {asked: told(wrong[asked], digits)}
        found = examiner.examine(problem.claimed(claims))
        assert not found, (name, claims)
        names = [e.mistake.name for e in found.explanations]
        assert name in names, (name, outcome.layers, outcome.variant, claims, names)
        for other in names:  # what is said not to be told apart gives the very number
            assert any(
                abs(names_of(made_by_hand(problem, o, t)).get(asked, np.inf) - wrong[asked])
                <= 2 * 10 ** (1 - digits) * abs(wrong[asked])
                for o in outcomes[other]
                for t in TIES
            ), (name, other, claims)
        ends[name] = "named" if names == [name] else "not told apart"
    return ends


def check_right(problem, rng, how_many=10):
    """Right numbers, with as many digits as a reader likes, are never called wrong."""
    right = names_of(by_hand(problem))
    examiner = Examiner(problem)
    for name in rng.choice(sorted(right), how_many):
        digits = int(rng.integers(1, 16))
        found = examiner.examine(problem.claimed({str(name): told(right[name], digits)}))
        assert found, (name, told(right[name], digits), right[name])
    exact = examiner.examine(problem.claimed(right))
    assert exact, str(exact)
