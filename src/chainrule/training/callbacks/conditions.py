"""Conditions that end a training."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checks import real_number, whole
from chainrule.metrics import metrics
from chainrule.training.callbacks.protocol import Epoch


def upwards(figure: str) -> bool:
    """Whether a figure should be large: so say some metrics; all others should be small."""
    name = figure.removeprefix("val_")
    return name in metrics and metrics[name].greater_is_better


def check_figure(owner: str, name: str, figures: Sequence[str] | None) -> None:
    """Check that there will be a figure to watch.

    Raises:
        ValueError: if it is not among the figures of the training.
    """
    if figures is not None and name not in figures:
        raise ValueError(
            f"monitor of {owner}: there is no figure {name!r} to watch; "
            f"there are {', '.join(figures)}"
        )


@dataclass
class Best:
    """The best value of a figure so far, and for how many epochs there was no better one.

    Attributes:
        upwards: whether larger is better.
        min_delta: by how much a better value must be better.
        value: the best, infinitely bad before the first.
        epoch: its number, None before the first.
        waiting: epochs since then.
    """

    upwards: bool
    min_delta: float = 0.0
    value: float = math.nan
    epoch: int | None = None
    waiting: int = 0

    def see(self, value: float, epoch: int) -> bool:
        """Whether a new value is the best; one that is not a number never is."""
        sign = -1 if self.upwards else 1
        best = math.inf if self.epoch is None else sign * self.value
        better = sign * value < best - self.min_delta
        if better:
            self.value, self.epoch, self.waiting = float(value), epoch, 0
        else:
            self.waiting += 1
        return better

    def state(self) -> dict[str, Any]:
        best = None if self.epoch is None else self.value
        return {"best": best, "best_epoch": self.epoch, "waiting": self.waiting}

    def restore(self, owner: str, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Raises:
            ValueError: if it is not one.
        """
        try:
            self.epoch = None
            if state["best_epoch"] is not None:
                self.value = float(state["best"])
                self.epoch = whole("best_epoch", state["best_epoch"])
            self.waiting = whole("waiting", state["waiting"], 0)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"this is no state of {owner}: {error}") from None


class EarlyStopping:
    """Stop when a figure no longer improves, and go back to the best epoch.

    A training that ends for another reason, its epochs or an interruption, goes back too; one that
    ends by an error does not. Network and ``result.state`` are then those of the best epoch, and
    ``result.history`` holds all epochs. A training that is to go on exactly where it ended goes on
    from a checkpoint, or has ``restore_best=False``.

    Args:
        monitor: any figure of the training: ``loss``, ``val_loss``, or a metric such as
            ``val_accuracy``. What is better, a metric says; losses should be small.
        patience: epochs without an improvement after which to stop, at least 1.
        min_delta: what counts as an improvement over the best value, at least 0.
        restore_best: whether the weights of the best epoch are put back at the end.

    Raises:
        ValueError: for values outside these ranges, and at the start of a training that does not
            compute the figure.

    >>> import numpy as np, chainrule as cr
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> net = cr.Network([cr.Dense(16, "tanh"), cr.Dense(1)], "mse", inputs=3, seed=0)
    >>> result = cr.train(net, X, np.sin(X[:, 0]), epochs=10000, validation_share=0.3,
    ...                   optimizer=cr.Adam(0.02), callbacks=[cr.EarlyStopping(patience=20)])
    >>> result.history["val_loss"].index(min(result.history["val_loss"])) + 1 == result.best_epoch
    True

    Source: Prechelt, "Early Stopping - But When?", 1998.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        if not isinstance(monitor, str):
            raise ValueError(
                f"monitor of EarlyStopping must be the name of a figure, not {monitor!r}"
            )
        if not real_number(min_delta) or min_delta < 0:
            raise ValueError(f"min_delta of EarlyStopping must be at least 0, not {min_delta!r}")
        if not isinstance(restore_best, bool):
            raise ValueError(
                f"restore_best of EarlyStopping must be True or False, not {restore_best!r}"
            )
        self.monitor, self.min_delta, self.restore_best = monitor, float(min_delta), restore_best
        self.patience = whole("patience of EarlyStopping", patience)
        self.name = f"EarlyStopping({monitor})"
        self.start()

    @property
    def best_epoch(self) -> int | None:
        """The number of the best epoch; None before the first."""
        return self._best.epoch

    def start(self, figures: Sequence[str] | None = None) -> None:
        check_figure("EarlyStopping", self.monitor, figures)
        self._best = Best(upwards(self.monitor), self.min_delta)
        self._step = 0
        self._kept: dict[str, np.ndarray] = {}

    def begin(self, epoch: Epoch) -> str | None:
        sizes = {"weights": epoch.network.vector.size, "vector": epoch.state.vector.size}
        for key, kept in self._kept.items():
            if kept.shape != (sizes[key],):
                raise ValueError(
                    f"the best {key} in the state of {self.name} are {kept.size} numbers, and this "
                    f"training has {sizes[key]}"
                )
        return self._reason()

    def __call__(self, epoch: Epoch) -> str | None:
        better = self._best.see(epoch.history[self.monitor][-1], epoch.number)
        if better and self.restore_best:
            self._step = epoch.step
            vectors = {"weights": epoch.network.vector, "vector": epoch.state.vector}
            self._kept = {key: vector.copy() for key, vector in vectors.items()}
        return self._reason()

    def _reason(self) -> str | None:
        if self._best.waiting < self.patience:
            return None
        best = "it never was a number"
        if self._best.epoch is not None:
            best = f"best {self._best.value:.4g} in epoch {self._best.epoch}"
        return f"{self.monitor} has not improved for {self.patience} epochs ({best})"

    def finish(self, epoch: Epoch) -> None:
        self._best.waiting = 0  # who goes on after this end has patience again
        number = self._best.epoch
        if not self._kept or number is None:
            return
        state = epoch.state
        epoch.network.vector[:] = self._kept["weights"]
        state.vector[:] = self._kept["vector"]
        state.history = epoch.history.first(epoch.history.epochs - (state.epoch - number))
        state.epoch, state.step = number, self._step

    def state(self) -> dict[str, Any]:
        return self._best.state() | {"best_step": self._step} | self._kept

    def restore(self, state: Mapping[str, Any]) -> None:
        self._best.restore(self.name, state)
        self._kept = {}
        if not self.restore_best or self._best.epoch is None:
            return
        self._step = whole("best_step", state.get("best_step"), 0)
        for key in ("weights", "vector"):
            if not isinstance(state.get(key), np.ndarray):
                raise ValueError(
                    f"the state of {self.name} holds no best weights: it can go on only with "
                    "restore_best=False"
                )
            self._kept[key] = state[key]


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
        self.name = f"Converged({monitor})"
        self.start()

    def start(self, figures: Sequence[str] | None = None) -> None:
        check_figure("Converged", self.monitor, figures)
        self._best = Best(False, self.min_delta)
        self._seen = 0

    def begin(self, epoch: Epoch) -> str | None:
        self._seen = epoch.number
        return self._reason()

    def together(self) -> int:
        return max(self.patience - self._best.waiting, 1)

    def __call__(self, epoch: Epoch) -> str | None:
        self._catch_up(epoch)
        return self._reason()

    def _catch_up(self, epoch: Epoch) -> None:
        figures = epoch.history[self.monitor]
        for number in range(self._seen + 1, epoch.number + 1):
            self._best.see(figures[number - epoch.number - 1], number)
        self._seen = epoch.number

    def _reason(self) -> str | None:
        if self._best.waiting < self.patience:
            return None
        return f"{self.monitor} has not fallen by {self.min_delta:g} in {self.patience} epochs"

    def finish(self, epoch: Epoch) -> None:
        self._catch_up(epoch)  # an interruption may have come between two calls
        self._best.waiting = 0

    def state(self) -> dict[str, Any]:
        return self._best.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._best.restore(self.name, state)


class Reached:
    """Stop when a figure reaches a desired value: an accuracy, a loss that is small enough.

    Args:
        monitor: ``loss``, ``val_loss``, or a metric of the training, such as ``val_accuracy``.
        value: reached from below by metrics that should be large, from above by all others.
    """

    def __init__(self, monitor: str, value: float) -> None:
        if not real_number(value):
            raise ValueError(f"value of Reached must be finite, not {value!r}")
        self.monitor, self.value = monitor, float(value)
        self._upwards = upwards(monitor)

    def start(self, figures: Sequence[str] | None = None) -> None:
        check_figure("Reached", self.monitor, figures)

    def __call__(self, epoch: Epoch) -> str | None:
        now = epoch.history[self.monitor][-1]
        if now >= self.value if self._upwards else now <= self.value:
            return f"{self.monitor} reached {self.value:g}"
        return None


class TimeLimit:
    """Stop after the epoch in which a time has passed.

    An epoch is always finished, however long it is: a state counts whole epochs, and could not go
    on bit for bit from the middle of one. The time is that of this training, without those before.

    Args:
        seconds: greater than 0.

    Raises:
        ValueError: for a time that is not positive and finite.
    """

    def __init__(self, seconds: float) -> None:
        if not real_number(seconds) or seconds <= 0:
            raise ValueError(f"seconds of TimeLimit must be a positive number, not {seconds!r}")
        self.seconds = float(seconds)
        self.start()

    def start(self, figures: Sequence[str] | None = None) -> None:
        self._start = time.monotonic()

    def __call__(self, _epoch: Epoch) -> str | None:
        if time.monotonic() - self._start < self.seconds:
            return None
        return f"{self.seconds:g} seconds have passed"
