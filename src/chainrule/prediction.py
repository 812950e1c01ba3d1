"""Prediction and evaluation: the forward part of a program over any number of rows."""

import math
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import data
from chainrule.checks import whole
from chainrule.engine.dtypes import REALS
from chainrule.engine.executor import Executor, NotFiniteError
from chainrule.engine.program import Program
from chainrule.engine.threads import cores
from chainrule.layers.base import reads_features
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
        threads = min(cores(), max(worth, 1))
    return min(whole("threads", threads), program.slots)


class Predictor:
    """Computes the outputs of a network for one set of rows, as often as it is asked.

    Use it as a context manager. The parameters are read where they lie: it sees their changes.

    Args:
        network: what predicts.
        X: checked features.
        threads: how many; None chooses.
    """

    def __init__(self, network: "Network", X: Any, threads: int | None = None) -> None:
        rows = X.shape[0]
        self.outputs = np.empty((rows, network.outputs), REALS[network.dtype])
        program = lower(network, "predict", min(rows, ROWS_AT_ONCE), sources={"X": X})
        self._executor = Executor(
            program, network.vector, {"X": X, "out": self.outputs}, rows, rows,
            threads=threads_for(threads, program, rows),
        )  # fmt: skip

    def __enter__(self) -> "Predictor":
        self._executor.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._executor.__exit__(*details)

    def run(self) -> np.ndarray:
        """The outputs for the parameters as they are now; the array is used again."""
        self._executor.restart()
        self._executor.run(1)
        return self.outputs


class Evaluator:
    """Computes the loss over one set of rows, as often as it is asked; like :class:`Predictor`.

    Args:
        network: with a loss.
        X: checked features.
        y: checked targets.
        threads: how many; None chooses.
    """

    def __init__(
        self, network: "Network", X: Any, y: data.Targets, threads: int | None = None
    ) -> None:
        assert network.loss is not None
        rows = X.shape[0]
        sources = {"X": X, "Y": y.read_as(network.dtype)}
        program = lower(
            network, "evaluate", min(rows, ROWS_AT_ONCE), labels=y.labels, sources=sources
        )
        self._divisor = rows if network.loss.mean else 1
        self._executor = Executor(
            program, network.vector, sources, rows, rows, mean=network.loss.mean,
            threads=threads_for(threads, program, rows),
        )  # fmt: skip

    def __enter__(self) -> "Evaluator":
        self._executor.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._executor.__exit__(*details)

    def run(self) -> float:
        """The loss for the parameters as they are now; infinite or NaN if it overflows."""
        self._executor.restart()
        try:
            self._executor.run(1)
        except NotFiniteError:
            return float("nan")
        return float(self._executor.losses[0] / self._divisor)


class _SingleRow:
    """Predicts one row of one network in one thread, without anything that can be done before."""

    def __init__(self, network: "Network") -> None:
        self.vector = network.vector
        self._x = np.zeros((1, network.inputs), REALS[network.dtype])
        self._row = self._x[0]
        self._out = np.empty((1, network.outputs), REALS[network.dtype])
        first = network.layers[0]  # not the network itself: it would never be let go
        self._check = first.check_features if reads_features(first) else None
        sources = {"X": self._x, "out": self._out}
        program = lower(network, "predict", 1, sources=sources)
        self._pass = Executor(program, network.vector, sources, 1, 1).single_pass()

    def run(self, x: np.ndarray) -> np.ndarray:
        if x.dtype.itemsize > self._row.dtype.itemsize:
            with np.errstate(over="ignore"):  # what overflows is looked at below
                self._row[:] = x
        else:
            self._row[:] = x
        # Not finite: either a value is not, or the sum of finite squares overflows. Look closer.
        if not math.isfinite(np.vdot(self._row, self._row)):  # other sums warn, and take longer
            data.check_finite(x[None, :], "X", self._row.dtype.name)
        if self._check is not None:
            self._check(self._x, "X")
        self._pass()
        return self._out.copy()


_of_this_thread = threading.local()


def _single_row(network: "Network") -> _SingleRow:
    """The thread's own predictor of a network's rows, made anew when the parameters moved."""
    known = _of_this_thread.__dict__.setdefault("known", weakref.WeakKeyDictionary())
    found = known.get(network)
    if found is None or found.vector is not network.vector:
        found = known[network] = _SingleRow(network)
    return found


def predict(network: "Network", X: Any, threads: int | None = None) -> np.ndarray:
    """See :meth:`chainrule.Network.predict`."""
    if type(X) is np.ndarray and X.dtype.kind == "f" and X.size == network.inputs:
        if X.ndim == 1:
            return _single_row(network).run(X)
        if X.ndim == 2 and X.shape[0] == 1:
            return _single_row(network).run(X[0])
    if not hasattr(X, "indptr"):
        X = data.numeric(X, "X")
        X = X[None, :] if X.ndim == 1 else X
    X = data.features(X, network.inputs, dtype=network.dtype)
    network.check_features(X)
    with Predictor(network, X, threads) as predictor:
        return predictor.run()
