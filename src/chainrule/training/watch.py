"""What happens after each epoch of a training: figures are computed, callbacks called."""

import contextlib
from collections.abc import Sequence

from chainrule.prediction import Evaluator, Predictor
from chainrule.training.callbacks import Callback, Epoch
from chainrule.training.history import Result
from chainrule.training.task import Task


class Watch:
    """Writes the history of a training and asks its callbacks whether to go on.

    Args:
        task: what is trained on what.
        result: whose history is written, and which is told why the training stopped.
        callbacks: called after each epoch.
        stack: what closes the programs that compute the figures.
    """

    def __init__(
        self, task: Task, result: Result, callbacks: Sequence[Callback],
        stack: contextlib.ExitStack,
    ) -> None:  # fmt: skip
        self._network, self._result, self._callbacks = task.network, result, callbacks
        self._figures = _Figures(task, stack)

    def __call__(self, epoch: int, step: int, loss: float) -> bool:
        """Note that ``epoch`` epochs are completed; whether the training is to stop."""
        self._result.history.append({"loss": loss} | self._figures.compute())
        seen = Epoch(epoch, step, self._network, self._result.history)
        reasons = [r for r in (callback(seen) for callback in self._callbacks) if r]
        if reasons:
            self._result.stopped = reasons[0]
        return bool(reasons)


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
