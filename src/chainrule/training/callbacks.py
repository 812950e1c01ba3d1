"""What can be called after each epoch, and the conditions that end a training.

A callback is a function of :class:`Epoch`; what it returns, if anything, is the reason to stop.
One with a method ``start(figures)`` is told before the training which figures there will be, and
forgets what it kept of an earlier one.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainrule.checks import real_number, whole
from chainrule.metrics import metrics
from chainrule.network import Network
from chainrule.training.history import History


@dataclass(frozen=True)
class Epoch:
    """What a callback sees after an epoch.

    Attributes:
        number: epochs completed, those of earlier trainings included.
        step: updates made.
        network: with the parameters as they are now.
        history: the figures so far.
    """

    number: int
    step: int
    network: Network
    history: History


Callback = Callable[[Epoch], str | None]


class Converged:
    """Stop when a figure no longer falls: convergence, as 001 has it.

    Args:
        monitor: the figure, ``loss`` or ``val_loss``.
        min_delta: what counts as a fall, at least 0.
        patience: epochs without a fall after which to stop, at least 1.

    Raises:
        ValueError: for values outside these ranges.
    """

    def __init__(self, min_delta: float = 1e-4, patience: int = 10, monitor: str = "loss") -> None:
        if not real_number(min_delta) or min_delta < 0:
            raise ValueError(f"min_delta of Converged must be at least 0, not {min_delta!r}")
        self.min_delta, self.monitor = min_delta, monitor
        self.patience = whole("patience of Converged", patience)
        self.start()

    def start(self, figures: Sequence[str] | None = None) -> None:
        _check_figure(self.monitor, figures)
        self._best, self._without = math.inf, 0

    def __call__(self, epoch: Epoch) -> str | None:
        value = epoch.history[self.monitor][-1]
        if value < self._best - self.min_delta:
            self._best, self._without = value, 0
            return None
        self._without += 1
        if self._without < self.patience:
            return None
        return f"{self.monitor} has not fallen by {self.min_delta:g} in {self.patience} epochs"


class Reached:
    """Stop when a figure reaches a value: a desired accuracy, a loss that is small enough.

    Args:
        monitor: ``loss``, ``val_loss``, or a metric of the training, such as ``val_accuracy``.
        value: reached from below by metrics that should be large, from above by all others.
    """

    def __init__(self, monitor: str, value: float) -> None:
        if not real_number(value):
            raise ValueError(f"value of Reached must be finite, not {value!r}")
        self.monitor, self.value = monitor, float(value)
        name = monitor.removeprefix("val_")
        self._upwards = name in metrics and metrics[name].greater_is_better

    def start(self, figures: Sequence[str] | None = None) -> None:
        _check_figure(self.monitor, figures)

    def __call__(self, epoch: Epoch) -> str | None:
        now = epoch.history[self.monitor][-1]
        if now >= self.value if self._upwards else now <= self.value:
            return f"{self.monitor} reached {self.value:g}"
        return None


def _check_figure(name: str, figures: Sequence[str] | None) -> None:
    if figures is not None and name not in figures:
        raise ValueError(f"there is no figure {name!r} to watch; there are {', '.join(figures)}")
