"""The problems whose numbers are diagnosed."""

import dataclasses
from pathlib import Path

import chainrule as cr

PROBLEMS = Path(__file__).parents[3] / "examples" / "problems"


def walkthrough(**changes):
    return dataclasses.replace(cr.read_problem(PROBLEMS / "lecture-walkthrough.toml"), **changes)


def figure_5():
    return cr.read_problem(PROBLEMS / "notes-figure-5.toml")


def approximation():
    return cr.read_problem(PROBLEMS / "approximation.toml")


def names(diagnosis):
    return [explanation.mistake.name for explanation in diagnosis.explanations]


def right(problem):
    """The right numbers, without the problem's rounding."""
    return cr.trace(problem.network, problem.x, problem.y, optimizer=problem.optimizer, fused=False)
