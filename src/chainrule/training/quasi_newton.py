"""L-BFGS: full batches, and steps that know the curvature of the loss, by SciPy."""

import contextlib
import time
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule.checks import real_number, whole
from chainrule.engine.executor import Executor, NotFiniteError
from chainrule.lowering import Regime, lower
from chainrule.training.callbacks import Callbacks
from chainrule.training.history import DivergedError, Result, TrainingState
from chainrule.training.progress import Progress
from chainrule.training.task import Task
from chainrule.training.watch import Watch

CONVERGED, LIMIT = 0, 1  # what SciPy's status means


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS: steps along −H⁻¹ g, with the curvature H known from the last gradients.

    p ← p − α H⁻¹ g, with α by a line search that meets the strong Wolfe conditions. For small
    data and full batches (``batch_size=None``); SciPy's ``L-BFGS-B`` takes the steps, on the
    loss and gradients of the compiled program. An iteration is an epoch of the history; its loss
    is that of the point reached, where epochs of batches report the loss on the way.

    SciPy counts in float64, the network computes in its dtype: in float32 a training ends as
    soon as the loss falls by no more than its rounding.

    Args:
        max_iterations: at most so many; None takes the training's ``epochs``.
        tolerance: converged when an iteration lowers the loss by no more than this, relative to
            the loss or to 1, whichever is larger; at least 0.
        gradient_tolerance: converged when no element of the gradient is larger, at least 0.
        memory: pairs of steps and gradients that H is made of, at least 1.
        line_search: evaluations of one line search at most, at least 1.
        max_evaluations: evaluations of the loss in all, about, at least 1; None sets no limit.

    Raises:
        ValueError: for a value outside its range.

    Source: Liu, Nocedal, "On the limited memory BFGS method for large scale optimization", 1989;
    Byrd, Lu, Nocedal, Zhu, 1995, for the code.

    >>> import numpy as np, chainrule as cr
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> net = cr.Network([cr.Dense(1)], loss="mse", inputs=1, seed=0)
    >>> result = cr.train(net, X, 3 * X - 1, optimizer=cr.LBFGS(), batch_size=None)
    >>> net.parameters["W1"].round(4), net.parameters["b1"].round(4)
    (array([[3.]]), array([-1.]))
    """

    max_iterations: int | None = None
    tolerance: float = 1e-9
    gradient_tolerance: float = 1e-5
    memory: int = 10
    line_search: int = 20
    max_evaluations: int | None = None
    name: ClassVar[str] = "lbfgs"

    def __post_init__(self) -> None:
        for name in ("max_iterations", "memory", "line_search", "max_evaluations"):
            if not (name.startswith("max_") and getattr(self, name) is None):
                whole(f"{name} of {self.name}", getattr(self, name))
        for name in ("tolerance", "gradient_tolerance"):
            value = getattr(self, name)
            if not real_number(value) or value < 0:
                raise ValueError(
                    f"{name} of {self.name} must be a number of at least 0, not {value!r}"
                )


def minimise(
    method: LBFGS, task: Task, *, regime: Regime, batch_rows: int, epochs: int,
    state: TrainingState | None, callbacks: Callbacks, threads: int | None, seed: int,
    progress: bool,
) -> Result:  # fmt: skip
    """Train by L-BFGS; see :func:`chainrule.train`.

    Raises:
        ValueError: for batches that are not all rows, or a state.
        DivergedError: if the loss overflows.
    """
    if batch_rows != task.rows:
        raise ValueError(
            f"L-BFGS takes full batches: batch_size must be None or {task.rows} (all rows), "
            f"not {batch_rows}"
        )
    if state is not None:
        raise ValueError(
            "L-BFGS cannot go on from a state, as SciPy keeps the curvature to itself: train "
            "without state, and it starts afresh from the present weights"
        )
    iterations = whole("epochs", method.max_iterations or epochs)
    if regime.clip or regime.constraint or regime.rate_factors:
        raise ValueError("L-BFGS takes no clip, constraint or rate_factors: it sets its own steps")
    if any(layer.couples_rows for layer in task.network.layers):
        raise ValueError("L-BFGS cannot follow the running statistics of batch normalisation")
    loss = _Loss(task, regime, threads, seed)
    state = TrainingState(method, np.zeros(0), seed=seed)
    result = Result(state.history, state)
    if reason := callbacks.begin(task.network, state):
        result.stopped, iterations = reason, 0
    result.history.extend_losses(np.zeros(0))  # there may be nothing to do
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(Progress(iterations)) if progress else None
        watch = Watch(task, result, callbacks, stack, bar)
        try:
            stack.enter_context(loss.executor)
            if iterations:
                _iterate(method, iterations, loss, watch, result, state)
        except KeyboardInterrupt:
            result.stopped = "interrupted"
            warnings.warn("training was interrupted; the last iteration is kept", stacklevel=3)
        except NotFiniteError:
            raise DivergedError(state.step + 1, None, result) from None
        finally:
            result.seconds = time.perf_counter() - start
            result.threads = loss.executor.threads
    result.best_epoch = callbacks.finish()
    return result


def _iterate(
    method: LBFGS, iterations: int, loss: "_Loss", watch: Watch, result: Result,
    state: TrainingState,
) -> None:  # fmt: skip
    from scipy.optimize import minimize

    network = loss.network
    stopped = False

    def accepted(intermediate_result: Any) -> None:
        nonlocal stopped
        network.vector[:] = intermediate_result.x
        stopped = watch(state.epoch + 1, state.step + 1, np.array([intermediate_result.fun]))
        if stopped:
            raise StopIteration

    evaluations = method.max_evaluations or iterations * (method.line_search + 1) + 1
    found = minimize(
        loss, network.vector.astype(np.float64), jac=True, method="L-BFGS-B", callback=accepted,
        options={
            "maxiter": iterations, "maxfun": evaluations,
            "ftol": method.tolerance, "gtol": method.gradient_tolerance,
            "maxcor": method.memory, "maxls": method.line_search,
        },
    )  # fmt: skip
    result.loss = float(found.fun)
    if stopped or (found.status == LIMIT and found.nit >= iterations):
        return
    if found.status == LIMIT:
        result.stopped = f"evaluations: {found.nfev} in {found.nit} iterations"
        return
    reason = found.message.partition(":")[2].strip().lower()
    ended = "converged" if found.status == CONVERGED else "no further fall"
    result.stopped = f"{ended}: {reason}" if reason else ended


class _Loss:
    """The loss over all rows and its gradient, as SciPy asks for them.

    The program runs on a vector of its own: the network's holds the last accepted point.
    """

    def __init__(self, task: Task, regime: Regime, threads: int | None, seed: int) -> None:
        network = self.network = task.network
        assert network.loss is not None
        sources = task.sources(task.dtype)
        program = lower(
            network, "gradient", task.rows, labels=task.y.labels,
            weighted=task.weights is not None, sources=sources, dtype=task.dtype, regime=regime,
            smoothing=task.label_smoothing,
        )  # fmt: skip
        if threads is not None:
            threads = whole("threads", threads)
        network.use_dtype(program.dtype)
        self._point = network.vector.copy()
        self._divisor = task.rows if network.loss.mean else 1
        self.executor = Executor(
            program, self._point, sources, task.rows, task.rows, seed=seed,
            mean=network.loss.mean, threads=threads,
        )  # fmt: skip

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self._point[:] = x
        self.executor.restart()
        self.executor.run(1)
        loss = float(self.executor.losses[0] / self._divisor)
        return loss, self.executor.binding.gradients.astype(np.float64)
