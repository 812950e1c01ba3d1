"""What happens after each epoch of a training: figures are computed, callbacks called."""

import contextlib

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

    def __call__(self, epoch: int, step: int, loss: float) -> bool:
        """Note that ``epoch`` epochs are completed; whether the training is to stop."""
        self._state.epoch, self._state.step = epoch, step
        found = {"loss": loss}
        try:
            found |= self._figures.compute()
        finally:  # an interruption leaves as many epochs in the history as were trained
            self._result.history.append(found)
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
