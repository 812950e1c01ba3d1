"""Equations as small expression trees: one evaluator, and one writer for each form of output.

``trees`` holds the trees, ``elements`` what one element of a value is computed from, ``boxes`` the
layout of mathematics, and ``text``, ``latex``, ``mathml`` and ``typst`` write it.
"""

from collections.abc import Callable

from chainrule.equations.trees import (
    OPERATIONS,
    Equation,
    Expression,
    apply,
    number,
    symbol,
    symbols,
)

__all__ = ["OPERATIONS", "Equation", "Expression", "apply", "number", "symbol", "symbols"]


def __getattr__(name: str) -> Callable[..., Expression]:
    """Every operation by its name: ``from chainrule.equations import exp, maximum``."""
    if name in OPERATIONS:
        return lambda *arguments: apply(name, *arguments)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
