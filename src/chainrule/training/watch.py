"""What happens after each epoch of a training: figures are computed, callbacks called."""

import contextlib

import numpy as np

from chainrule.prediction import Evaluator, Predictor
from chainrule.training.callbacks import Callbacks
from chainrule.training.history import Result
from chainrule.training.progress import Progress
from chainrule.training.task import Task


class Watch:
    """Writes the history of a training and asks its callbacks whether to go on.

    Args:
        task: what is trained on what.
        result: whose history is written, and which is told why the training stopped.
        callbacks: called after each epoch.
        stack: what closes the programs that compute the figures.
        bar: what shows where the training stands.
    """

    def __init__(
        self, task: Task, result: Result, callbacks: Callbacks, stack: contextlib.ExitStack,
        bar: Progress | None = None,
    ) -> None:  # fmt: skip
        assert result.state is not None
        self._result, self._state, self._callbacks = result, result.state, callbacks
        self._figures, self._bar = _Figures(task, stack), bar

    def together(self) -> int:
        """How many epochs may pass before it is called again."""
        if self._figures or self._bar:
            return 1
        return self._callbacks.together()

    def __call__(self, epoch: int, step: int, losses: np.ndarray) -> bool:
        """Note that ``epoch`` epochs are completed; whether the training is to stop.

        Args:
            epoch: how many epochs are completed.
            step: how many updates were made.
            losses: those of the epochs since the last call; several only if :meth:`together` said
                so.
        """
        self._state.epoch, self._state.step = epoch, step
        self._result.loss = float(losses[-1])
        found: dict[str, float] = {}
        try:
            found = self._figures.compute() if self._figures else {}
        finally:  # an interruption leaves as many epochs in the history as were trained
            if found:
                self._result.history.append({"loss": float(losses[-1])} | found)
            else:
                self._result.history.extend_losses(losses)
        if self._bar:
            self._bar.show(epoch, self._result.history)
        reason = self._callbacks()
        if reason:
            self._result.stopped = reason
        return bool(reason)


class _Figures:
    """The figures beyond the loss of the training, after each epoch."""

    def __init__(self, task: Task, stack: contextlib.ExitStack) -> None:
        seen = task.validation or task
        self._y, self._metrics = seen.y.values, task.metrics
        self._predicts = task.network.loss.predicts if task.network.loss else "targets"
        self._prefix = "val_" if task.validation else ""
        self._evaluator = self._predictor = None
        if task.validation:
            self._evaluator = stack.enter_context(Evaluator(task.network, seen.X, seen.y))
        if task.metrics:
            self._predictor = stack.enter_context(Predictor(task.network, seen.X))

    def __bool__(self) -> bool:
        return self._evaluator is not None or self._predictor is not None

    def compute(self) -> dict[str, float]:
        figures = {}
        if self._evaluator:
            figures["val_loss"] = self._evaluator.run()
        if self._predictor:
            outputs = self._predictor.run()
            for metric in self._metrics:
                figure = metric.of_outputs(self._y, outputs, self._predicts)
                figures[self._prefix + metric.name] = figure
        return figures
