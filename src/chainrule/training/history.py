"""What a training leaves behind: the figures of each epoch, and the state to go on from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from chainrule.optimizers import Optimizer

if TYPE_CHECKING:
    from chainrule.training.quasi_newton import LBFGS


class History(Mapping[str, list[float]]):
    """The figures of each epoch, by name: ``history["loss"][0]`` is that of the first epoch.

    The names: ``loss``, the mean over the examples of the losses that the steps of the epoch saw
    (for ``rss`` their sum); ``val_loss`` on the validation data; each metric, with ``val_`` in
    front where it was computed on validation data.
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {}

    def append(self, figures: Mapping[str, float]) -> None:
        """Add the figures of one epoch."""
        for name, value in figures.items():
            self._columns.setdefault(name, []).append(float(value))

    def extend_losses(self, losses: np.ndarray) -> None:
        """Add epochs of which only the loss is known."""
        self._columns.setdefault("loss", []).extend(losses.tolist())

    def last(self) -> dict[str, float]:
        """The figures of the last epoch."""
        return {name: values[-1] for name, values in self._columns.items() if values}

    @property
    def epochs(self) -> int:
        return len(self._columns.get("loss", ()))

    def __getitem__(self, name: str) -> list[float]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        figures = ", ".join(f"{name} {value:.4g}" for name, value in self.last().items())
        return f"<history of {self.epochs} epochs: {figures}>"


@dataclass
class TrainingState:
    """What is needed to go on bit for bit where a training ended.

    Attributes:
        optimizer: its specification.
        vector: its flat state vectors, one behind the other.
        epoch: epochs completed.
        step: updates made.
        seed: of the shuffles.
        horizon: epochs of the whole training, as it was first asked for: what schedules run over.
    """

    optimizer: "Optimizer | LBFGS"
    vector: np.ndarray
    epoch: int = 0
    step: int = 0
    seed: int = 0
    horizon: int = 0


@dataclass
class Result:
    """The result of a training.

    Attributes:
        history: the figures of each epoch.
        state: to go on from, with ``train(..., state=result.state)``.
        stopped: why it ended: ``"epochs"``, what a condition said, or ``"interrupted"``.
        seconds: how long it took.
        threads: how many threads ran.
    """

    history: History = field(default_factory=History)
    state: TrainingState | None = None
    stopped: str = "epochs"
    seconds: float = 0.0
    threads: int = 1

    def __repr__(self) -> str:
        return f"<result: {self.history!r}, stopped by {self.stopped}, {self.seconds:.3g} s>"


class DivergedError(ArithmeticError):
    """The loss or the weights overflowed; the network keeps its last finite weights.

    Attributes:
        step: the step, counted from 1, at which it was seen.
        result: the history up to there.
    """

    def __init__(self, step: int, learning_rate: float | None, result: Result) -> None:
        advice = "" if learning_rate is None else f": try a learning rate below {learning_rate:g}"
        super().__init__(
            f"the loss is not finite at step {step}{advice}; "
            "the network keeps its last finite weights"
        )
        self.step, self.result = step, result
