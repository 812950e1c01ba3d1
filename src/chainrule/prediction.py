"""Prediction and evaluation: the forward part of a program over any number of rows."""

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import data
from chainrule.engine.dtypes import REALS
from chainrule.engine.executor import Executor
from chainrule.engine.program import Program
from chainrule.lowering import lower

if TYPE_CHECKING:
    from chainrule.network import Network

ROWS_AT_ONCE = 4096  # the batch that prediction is tiled for
WORTH_A_THREAD = 2e7  # floating-point operations


def threads_for(threads: int | None, program: Program, rows: int) -> int:
    """How many threads to use: what was asked for, at most one a gradient slot.

    Raises:
        ValueError: for a number below 1.
    """
    if threads is None:
        worth = int(6 * program.parameters * rows // WORTH_A_THREAD)
        threads = min(os.cpu_count() or 1, max(worth, 1))
    elif isinstance(threads, bool) or not hasattr(threads, "__index__") or threads < 1:
        raise ValueError(f"threads must be a whole number of at least 1, not {threads!r}")
    return min(int(threads), program.slots)


def predict(network: "Network", X: Any, threads: int | None = None) -> np.ndarray:
    """See :meth:`chainrule.Network.predict`."""
    if not hasattr(X, "indptr"):
        X = np.asarray(X)
        if X.ndim == 1:
            X = X[None, :]
    X = data.features(X, network.inputs)
    rows = X.shape[0]
    out = np.empty((rows, network.outputs), REALS[network.dtype])
    program = lower(network, "predict", min(rows, ROWS_AT_ONCE), sources={"X": X})
    count = threads_for(threads, program, rows)
    with Executor(
        program, network.vector, {"X": X, "out": out}, rows, rows, threads=count
    ) as executor:
        executor.run(1)
    return out


def mean_loss(
    network: "Network", X: Any, y: data.Targets, weights: np.ndarray | None = None
) -> float:
    """The loss over all rows: the mean over the examples, or the sum for a loss that is one."""
    assert network.loss is not None
    rows = X.shape[0]
    sources = {"X": X, "Y": y.values}
    if weights is not None:
        sources["w"] = weights
    program = lower(
        network, "evaluate", min(rows, ROWS_AT_ONCE), labels=y.labels, sources=sources,
        weighted=weights is not None,
    )  # fmt: skip
    with Executor(
        program, network.vector, sources, rows, rows, mean=network.loss.mean,
        threads=threads_for(None, program, rows),
    ) as executor:  # fmt: skip
        executor.run(1)
    return float(executor.losses[0] / (rows if network.loss.mean else 1))
