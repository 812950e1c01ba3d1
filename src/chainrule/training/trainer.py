"""Training: gradient descent over batches, epoch after epoch.

Batch, mini-batch and stochastic gradient descent are this one code path; they differ by
``batch_size``: all rows, some, one.
"""

import contextlib
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import data
from chainrule.engine.dtypes import REALS
from chainrule.engine.executor import Executor, NotFiniteError
from chainrule.lowering import lower
from chainrule.metrics import Metric
from chainrule.metrics import metrics as metric_registry
from chainrule.network import Network
from chainrule.optimizers import OPTIMIZERS, Adam, Optimizer
from chainrule.prediction import Evaluator, Predictor, threads_for
from chainrule.training.callbacks import Callback, Epoch
from chainrule.training.history import Result, TrainingState
from chainrule.training.progress import Progress


class DivergedError(ArithmeticError):
    """The loss or the weights overflowed; the network keeps its last finite weights.

    Attributes:
        step: the step, counted from 1, at which it was seen.
        result: the history up to there.
    """

    def __init__(self, step: int, learning_rate: float, result: Result) -> None:
        super().__init__(
            f"the loss is not finite at step {step}: try a learning rate below "
            f"{learning_rate:g}; the network keeps its last finite weights"
        )
        self.step, self.result = step, result


@dataclass
class _Task:
    """A checked training: everything but the executor."""

    network: Network
    X: Any
    y: data.Targets
    weights: np.ndarray | None
    validation: tuple[Any, data.Targets, np.ndarray] | None
    metrics: tuple[Metric, ...]
    raw_y: np.ndarray


def train(
    network: Network,
    X: Any,
    y: Any,
    *,
    optimizer: Optimizer | str | None = None,
    epochs: int = 10,
    batch_size: int | None = 32,
    seed: int | None = None,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: Any = None,
    validation_data: tuple[Any, Any] | None = None,
    validation_share: float | None = None,
    metrics: Sequence[str] = (),
    callbacks: Sequence[Callback] = (),
    threads: int | None = None,
    progress: bool = False,
    state: TrainingState | None = None,
) -> Result:
    """Train a network in place.

    Args:
        network: with a loss; its parameters change. Its dtype follows X (float64 stays float64,
            everything else is float32) unless it was given one.
        X: (m, inputs) numbers, any strides, or a SciPy CSR matrix; read where it lies.
        y: (m,), (m, 1) or (m, outputs); integer labels (m,) or one-hot rows for ``cross_entropy``.
        optimizer: a specification or a name; Adam by default, or that of ``state``.
        epochs: passes over all rows, at least 1; conditions among the callbacks may end it earlier.
        batch_size: rows of a batch: None takes all of them (batch gradient descent), 1 is
            stochastic gradient descent. The last batch may be smaller, and averages over its own
            size.
        seed: of the shuffles; by default the network's, or that of ``state``.
        shuffle: whether each epoch has an order of its own.
        sample_weight: (m,), scaled to mean one.
        class_weight: ``"balanced"`` or a mapping from class to weight.
        validation_data: (Xv, yv), evaluated after each epoch.
        validation_share: instead, the share of the rows to hold out, in (0, 1).
        metrics: names, computed after each epoch on the validation data, else on X.
        callbacks: called after each epoch; see :mod:`chainrule.training.callbacks`.
        threads: how many; None chooses. The result does not depend on it.
        progress: whether to show where it stands, on standard error.
        state: of an earlier training of this network, to go on from bit for bit.

    Returns:
        The history and the state. Ctrl-C ends the training with the last completed step.

    Raises:
        ValueError: for anything that does not fit, before any work is done.
        DivergedError: if the loss overflows.

    >>> import numpy as np, chainrule as cr
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    >>> net = cr.Network([cr.Dense(4, "tanh"), cr.Dense(1, "sigmoid")],
    ...                  loss="binary_cross_entropy", inputs=2, seed=1)
    >>> result = cr.train(net, X, [0, 1, 1, 0], optimizer=cr.Adam(0.05), epochs=300,
    ...                   batch_size=None)
    >>> net.predict(X).round().ravel()
    array([0., 1., 1., 0.])

    Source: 000, "Types of gradient descent"; 001, "Training a Neural Network".
    """
    optimizer = _optimizer(optimizer, state)
    epochs = _whole("epochs", epochs)
    chosen = tuple(metric_registry[name] for name in metrics)
    task = _checked(
        network, X, y, sample_weight, class_weight, validation_data, validation_share, chosen,
        network.seed if seed is None else seed,
    )  # fmt: skip
    rows = task.X.shape[0]
    batch_rows = rows if batch_size is None else min(_whole("batch_size", batch_size), rows)
    if not all(callable(c) for c in callbacks):
        raise ValueError("callbacks must be functions of an Epoch")
    seed = (state.seed if state else network.seed) if seed is None else _seed(seed)
    dtype = _training_dtype(network, task.X)
    sources = _sources(task, dtype)
    program = lower(
        network, "train", batch_rows, optimizer, labels=task.y.labels,
        weighted=task.weights is not None, sources=sources, dtype=dtype,
    )  # fmt: skip
    threads = threads_for(threads, program, batch_rows)
    network.use_dtype(program.dtype)
    state = _state(state, optimizer, program.states * program.parameters, program.dtype, seed)
    result = Result(state=state, threads=threads)
    start = time.perf_counter()
    assert network.loss is not None
    executor = Executor(
        program, network.vector, sources, rows, batch_rows, state=state.vector,
        scalars=optimizer.scalars, seed=seed, shuffled=shuffle and batch_rows < rows,
        mean=network.loss.mean, threads=threads, cursor=(state.epoch, state.step), epochs=epochs,
    )  # fmt: skip
    try:
        with executor:
            _run(executor, task, result, epochs, callbacks, progress)
    except KeyboardInterrupt:
        result.stopped = "interrupted"
        warnings.warn("training was interrupted; the last completed step is kept", stacklevel=2)
    except NotFiniteError as error:
        raise DivergedError(error.step, optimizer.learning_rate, result) from None
    finally:
        state.epoch, state.step = executor.epoch, executor.step
        result.seconds = time.perf_counter() - start
    return result


def _run(
    executor: Executor, task: _Task, result: Result, epochs: int, callbacks: Sequence[Callback],
    progress: bool,
) -> None:  # fmt: skip
    first = executor.epoch
    last = first + epochs
    rows = task.X.shape[0] if task.network.loss and task.network.loss.mean else 1
    each_epoch = list(callbacks)
    for callback in callbacks:
        if hasattr(callback, "start"):
            callback.start()
    with contextlib.ExitStack() as stack:
        if progress:
            each_epoch.insert(0, stack.enter_context(Progress(last, first)))
        if not (each_epoch or task.metrics or task.validation):
            try:
                executor.run(last)
            finally:
                done = executor.epoch - first
                result.history.extend_losses(executor.losses[:done] / rows)
            return
        figures = _Figures(task, stack)
        while executor.epoch < last:
            number = executor.epoch
            executor.run(number + 1)
            loss = float(executor.losses[number - first] / rows)
            result.history.append({"loss": loss} | figures.compute())
            seen = Epoch(executor.epoch, executor.step, task.network, result.history)
            reasons = [r for r in (callback(seen) for callback in each_epoch) if r]
            if reasons:
                result.stopped = reasons[0]
                return


class _Figures:
    """The figures beyond the loss of the training, after each epoch."""

    def __init__(self, task: _Task, stack: contextlib.ExitStack) -> None:
        X, self._y, self._prefix = task.X, task.raw_y, ""
        self._metrics = task.metrics
        self._evaluator = self._predictor = None
        if task.validation:
            X, y, self._y = task.validation
            self._prefix = "val_"
            self._evaluator = stack.enter_context(Evaluator(task.network, X, y))
        if task.metrics:
            self._predictor = stack.enter_context(Predictor(task.network, X))

    def compute(self) -> dict[str, float]:
        figures = {}
        if self._evaluator:
            figures["val_loss"] = self._evaluator.run()
        if self._predictor:
            outputs = self._predictor.run()
            for metric in self._metrics:
                figures[self._prefix + metric.name] = metric.compute(self._y, outputs)
        return figures


def _checked(
    network: Network, X: Any, y: Any, sample_weight: Any, class_weight: Any,
    validation_data: tuple[Any, Any] | None, validation_share: float | None,
    chosen: tuple[Metric, ...], seed: int,
) -> _Task:  # fmt: skip
    if network.loss is None:
        raise ValueError("the network has no loss: give one, such as loss='mse'")
    X = data.features(X, network.inputs)
    targets = data.targets(network, y, X.shape[0])
    weights = data.weights(sample_weight, class_weight, targets, X.shape[0])
    validation = None
    if validation_data is not None and validation_share is not None:
        raise ValueError("give validation_data or validation_share, not both")
    if validation_data is not None:
        Xv = data.features(validation_data[0], network.inputs, "validation X")
        yv = data.targets(network, validation_data[1], Xv.shape[0], "validation y")
        validation = (Xv, yv, yv.values)
    elif validation_share is not None:
        kept, held = _split(X.shape[0], validation_share, seed)
        yv = data.Targets(np.ascontiguousarray(targets.values[held]), targets.labels)
        validation = (X[held], yv, yv.values)
        X = X[kept]
        targets = data.Targets(np.ascontiguousarray(targets.values[kept]), targets.labels)
        weights = None if weights is None else weights[kept] / weights[kept].mean()
    return _Task(network, X, targets, weights, validation, chosen, targets.values)


def _split(rows: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if not 0 < share < 1:
        raise ValueError(f"validation_share must be between 0 and 1, not {share!r}")
    held = round(rows * share)
    if not 0 < held < rows:
        raise ValueError(f"validation_share={share} of {rows} rows leaves one side empty")
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[held:]), np.sort(order[:held])


def _sources(task: _Task, dtype: str) -> dict[str, Any]:
    sources = {"X": task.X, "Y": task.y.read_as(dtype)}
    if task.weights is not None:
        sources["w"] = task.weights.astype(dtype)
    return sources


def _training_dtype(network: Network, X: Any) -> str:
    return network.fixed_dtype or ("float64" if X.dtype == np.float64 else "float32")


def _optimizer(optimizer: Optimizer | str | None, state: TrainingState | None) -> Optimizer:
    if optimizer is None:
        return state.optimizer if state else Adam()
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            raise ValueError(
                f"unknown optimizer {optimizer!r}; there are {', '.join(sorted(OPTIMIZERS))}"
            )
        optimizer = OPTIMIZERS[optimizer]()  # type: ignore[call-arg]
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"an optimizer is a specification or a name, not {optimizer!r}")
    if state and type(state.optimizer) is not type(optimizer):
        raise ValueError(
            f"the state is one of {state.optimizer.name}: it cannot go on with {optimizer.name}"
        )
    return optimizer


def _state(
    state: TrainingState | None, optimizer: Optimizer, size: int, dtype: str, seed: int
) -> TrainingState:
    if state is None:
        return TrainingState(optimizer, np.zeros(size, REALS[dtype]), seed=seed)
    if state.vector.shape != (size,) or state.vector.dtype != REALS[dtype]:
        raise ValueError(
            f"the state holds {state.vector.size} {state.vector.dtype} numbers, and this network "
            f"needs {size} of {dtype}"
        )
    return TrainingState(optimizer, state.vector.copy(), state.epoch, state.step, seed)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 <= value < 2**63:
        raise ValueError(f"seed must be a whole number from 0 to 2**63 - 1, not {value!r}")
    return int(value)
