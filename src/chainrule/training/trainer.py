"""Training: gradient descent over batches, epoch after epoch.

Batch, mini-batch and stochastic gradient descent are this one code path; they differ by
``batch_size``: all rows, some, one.
"""

import contextlib
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.augmentation import Augmentation, mixes
from chainrule.checks import seed as checked_seed
from chainrule.checks import whole
from chainrule.engine.dtypes import REALS
from chainrule.engine.executor import Executor, NotFiniteError
from chainrule.network import Network
from chainrule.optimizers import Adam, Optimizer, named
from chainrule.penalties import Clip, MaxNorm, Penalty
from chainrule.schedules import initial
from chainrule.training.callbacks import Callback, Callbacks
from chainrule.training.history import MOST_EPOCHS, DivergedError, Result, TrainingState
from chainrule.training.progress import Progress
from chainrule.training.quasi_newton import LBFGS, minimise
from chainrule.training.recorder import Recorder, Tape, recorder_for
from chainrule.training.recording import Settings
from chainrule.training.regime import regime_for
from chainrule.training.scheduling import check_monitors, values_of, watches
from chainrule.training.task import Task, checked
from chainrule.training.watch import Watch


def train(
    network: Network,
    X: Any,
    y: Any,
    *,
    optimizer: Optimizer | LBFGS | str | None = None,
    epochs: int = 10,
    batch_size: int | None = 32,
    seed: int | None = None,
    shuffle: bool = True,
    sample_weight: Any = None,
    class_weight: Any = None,
    label_smoothing: float = 0.0,
    validation_data: tuple[Any, Any] | None = None,
    validation_share: float | None = None,
    metrics: Sequence[str] = (),
    callbacks: Sequence[Callback] = (),
    threads: int | None = None,
    progress: bool = False,
    state: TrainingState | None = None,
    penalty: Penalty | None = None,
    clip: Clip | None = None,
    constraint: MaxNorm | None = None,
    frozen: Sequence[str] = (),
    rate_factors: Mapping[str, float] | None = None,
    augment: Sequence[Augmentation] = (),
    record: Recorder | str | os.PathLike[str] | bool | None = None,
) -> Result:
    """Train a network in place.

    Args:
        network: with a loss; its parameters change. Its dtype follows X (float64 stays float64,
            everything else is float32) unless it was given one.
        X: (m, inputs) numbers, any strides, or a SciPy CSR matrix; read where it lies.
        y: (m,), (m, 1) or (m, outputs); integer labels (m,) or one-hot rows for ``cross_entropy``.
        optimizer: a specification or a name; Adam by default, or that of ``state``.
            :class:`~chainrule.LBFGS` takes full batches only.
        epochs: passes over all rows, at least 1; conditions among the callbacks may end it earlier.
            With a state they are further ones, and may be 0: then only the end of the training is
            made up for.
        batch_size: rows of a batch: None takes all of them (batch gradient descent), 1 is
            stochastic gradient descent. The last batch may be smaller, and averages over its own
            size.
        seed: of the shuffles; by default the network's, or that of ``state``.
        shuffle: whether each epoch has an order of its own.
        sample_weight: (m,), scaled to mean one.
        class_weight: ``"balanced"`` or a mapping from class to weight.
        label_smoothing: the share ε of the uniform distribution that is mixed into the targets of
            a cross-entropy or focal loss, from 0 to below 1: y becomes (1 − ε) y + ε / K for
            softmax, K being its outputs, and (1 − ε) y + ε / 2 for logistic outputs. The loss
            of the training is the one that is differentiated; ``val_loss`` is without it.
        validation_data: (Xv, yv), evaluated after each epoch.
        validation_share: instead, the share of the rows to hold out, in (0, 1).
        metrics: names, computed after each epoch on the validation data, else on X.
        callbacks: called after each epoch; see :mod:`chainrule.training.callbacks.protocol`.
        threads: how many; None measures whether several are faster than one. The result does
            not depend on it.
        progress: whether to show where it stands, on standard error.
        state: of an earlier training of this network, to go on from bit for bit: with the same
            data and arguments, five epochs and five more are ten, in weights, state, history and
            the decisions of callbacks.
        penalty: added to the loss: ``cr.L1``, ``cr.L2`` or ``cr.Penalty``.
        clip: how gradients are clipped: ``cr.ClipValue``, ``cr.ClipNorm`` or
            ``cr.ClipGlobalNorm``.
        constraint: what holds for the weights after each update: ``cr.MaxNorm``.
        frozen: names of what is not trained: ``"weights"``, ``"biases"``, a layer, a parameter.
        rate_factors: factors of the learning rate by such names.
        augment: what is changed in each batch, in this order: ``cr.Jitter``, ``cr.RandomScale``,
            ``cr.FeatureDropout``, ``cr.Mixup``, ``cr.Shift``, ``cr.Flip``.
        record: a path, ``cr.Recorder`` or True: what :func:`chainrule.open_recording` needs to
            open any step of the training is kept in a file, or in ``result.recording`` alone. It
            changes no bit of the training.

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
    epochs = whole("epochs", epochs, 0 if state else 1)
    if epochs > MOST_EPOCHS:
        raise ValueError(f"epochs must be at most {MOST_EPOCHS}, not {epochs}")
    if not isinstance(shuffle, bool):
        raise ValueError(f"shuffle must be True or False, not {shuffle!r}")
    if seed is None:
        seed = state.seed if state else network.seed
    seed = checked_seed(seed)
    task = checked(
        network, X, y, sample_weight=sample_weight, class_weight=class_weight,
        validation_data=validation_data, validation_share=validation_share,
        metric_names=metrics, seed=seed, label_smoothing=label_smoothing,
    )  # fmt: skip
    batch_rows = (
        task.rows if batch_size is None else min(whole("batch_size", batch_size), task.rows)
    )
    regime = regime_for(network, penalty, clip, constraint, frozen, rate_factors, augment)
    if mixes(regime.augment):
        task = replace(task, y=task.y.one_hot(network.outputs))
    watch = Callbacks(callbacks, task.figures())
    recorder = recorder_for(record)
    if isinstance(optimizer, LBFGS):
        if recorder:
            raise ValueError("record: LBFGS is not recorded, as its steps are none of batches")
        return minimise(
            optimizer, task, regime=regime, batch_rows=batch_rows, epochs=epochs, state=state,
            callbacks=watch, threads=threads, seed=seed, progress=progress,
        )  # fmt: skip
    sources = task.sources(task.dtype)
    program = task.program(sources, batch_rows, optimizer, regime)
    check_monitors(program, task.figures())
    if threads is not None:
        threads = whole("threads", threads)
    state = _state(state, optimizer, program.states * program.parameters, program.dtype, seed)
    state.horizon = state.horizon or epochs
    state.shuffle = shuffle
    state.batch_size = None if batch_size is None else int(batch_size)
    result = Result(state.history, state)
    settings = Settings(
        optimizer, regime, batch_rows, seed, shuffle, class_weight=class_weight,
        label_smoothing=label_smoothing, validation_share=validation_share, horizon=state.horizon,
    )  # fmt: skip
    if recorder:
        recorder.check(network, settings)
    if reason := watch.begin(network, state):
        result.stopped, epochs = reason, 0
    network.use_dtype(program.dtype)
    start = time.perf_counter()
    assert network.loss is not None
    executor = Executor(
        program, network.vector, sources, task.rows, batch_rows, state=state.vector,
        seed=seed, shuffled=shuffle and batch_rows < task.rows,
        mean=network.loss.mean, threads=threads, cursor=(state.epoch, state.step), epochs=epochs,
        values_at=values_of(program, result.history, rows=task.rows, batch_rows=batch_rows,
                            horizon=state.horizon),
    )  # fmt: skip
    tape = Tape(recorder, executor, task, settings, len(watch) > 0) if recorder else None
    try:
        with executor:
            _run(executor, tape or executor, task, result, epochs, watch, progress)
    except KeyboardInterrupt:
        result.stopped = "interrupted"
        warnings.warn("training was interrupted; the last completed step is kept", stacklevel=2)
    except NotFiniteError as error:
        raise DivergedError(error.step, initial(optimizer.learning_rate), result) from None
    finally:
        state.epoch, state.step = executor.epoch, executor.step
        result.seconds, result.threads = time.perf_counter() - start, executor.threads
        result.loss = result.history.last().get("loss", result.loss)
        result.recording = tape.finish(result.history) if tape else None
    result.best_epoch = watch.finish()
    return result


def _run(
    executor: Executor, runner: Executor | Tape, task: Task, result: Result, epochs: int,
    callbacks: Callbacks, progress: bool,
) -> None:  # fmt: skip
    first = executor.epoch
    last = first + epochs
    rows = task.rows if task.network.loss and task.network.loss.mean else 1
    watching = watches(executor.program)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(Progress(last, first)) if progress else None
        watch = Watch(task, result, callbacks, stack, bar)
        while executor.epoch < last:
            number = executor.epoch
            together = 1 if watching else min(watch.together(), last - number)
            try:
                runner.run(number + together)
            except (KeyboardInterrupt, NotFiniteError):
                # As many epochs are in the history as were completed.
                result.history.extend_losses(
                    executor.losses[number - first : executor.epoch - first] / rows
                )
                raise
            losses = executor.losses[number - first : executor.epoch - first] / rows
            stop = watch(executor.epoch, executor.step, losses)
            if watching:
                executor.reschedule()
            if stop:
                return


def _optimizer(
    optimizer: Optimizer | LBFGS | str | None, state: TrainingState | None
) -> Optimizer | LBFGS:
    if optimizer is None:
        return state.optimizer if state else Adam()
    if isinstance(optimizer, str):
        optimizer = named(optimizer, LBFGS)()
    if not isinstance(optimizer, Optimizer | LBFGS):
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
    return replace(
        state, optimizer=optimizer, vector=state.vector.copy(), seed=seed,
        history=state.history.copy(), callbacks=dict(state.callbacks),
    )  # fmt: skip
