"""What a training leaves behind: the figures of each epoch, and the state to go on from."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from chainrule.training.recording import Recording

MOST_EPOCHS = 2**31 - 1  # of one training


class History(Mapping[str, list[float]]):
    """The figures of each epoch, by name: ``history["loss"][0]`` is that of the first epoch.

    The names: ``loss``, the mean over the examples of the losses that the steps of the epoch saw
    (for ``rss`` their sum); ``val_loss`` on the validation data; each metric, with ``val_`` in
    front where it was computed on validation data. A training that goes on from a state goes on
    with its history; where a figure was not computed in some of the epochs, it is NaN.

    Args:
        columns: the figures of epochs that are over, all of one length.
    """

    def __init__(self, columns: Mapping[str, Sequence[float]] | None = None) -> None:
        self._columns = {name: list(values) for name, values in (columns or {}).items()}
        self._of_last = tuple(self._columns)

    def append(self, figures: Mapping[str, float]) -> None:
        """Add the figures of one epoch."""
        self._extend({name: [float(value)] for name, value in figures.items()}, 1)

    def extend_losses(self, losses: np.ndarray) -> None:
        """Add epochs of which only the loss is known."""
        self._extend({"loss": losses.tolist()}, len(losses))

    def _extend(self, columns: Mapping[str, list[float]], epochs: int) -> None:
        before, unknown = self.epochs, [math.nan] * epochs
        for name in columns:
            self._columns.setdefault(name, [math.nan] * before)
        for name, values in self._columns.items():
            values.extend(columns.get(name, unknown))
        if epochs or not self._of_last:
            self._of_last = tuple(columns)

    def first(self, epochs: int) -> "History":
        """A history of its own of the first epochs."""
        return History({name: values[:epochs] for name, values in self._columns.items()})

    def copy(self) -> "History":
        """A history of its own of all epochs."""
        return self.first(self.epochs)

    def last(self) -> dict[str, float]:
        """The figures of the last epoch."""
        return {name: self._columns[name][-1] for name in self._of_last if self._columns[name]}

    @property
    def epochs(self) -> int:
        return max((len(values) for values in self._columns.values()), default=0)

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

    The data, the metrics and the other arguments of the training are not among it, and are given
    again. Checkpoints hold every field, those of further names as JSON.

    Attributes:
        optimizer: its specification.
        vector: its flat state vectors, one behind the other.
        epoch: epochs completed.
        step: updates made.
        seed: of the shuffles.
        horizon: epochs of the whole training, as it was first asked for: what schedules run over.
        shuffle: whether each epoch had an order of its own.
        batch_size: rows of a batch, as the training was told.
        history: the figures of all epochs completed.
        callbacks: what the callbacks remember, by their names.
    """

    optimizer: Any
    vector: np.ndarray
    epoch: int = 0
    step: int = 0
    seed: int = 0
    horizon: int = 0
    shuffle: bool = True
    batch_size: int | None = None
    history: History = field(default_factory=History)
    callbacks: dict[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass
class Result:
    """The result of a training.

    Attributes:
        history: the figures of each epoch, those of the state that it went on from included.
        state: to go on from, with ``train(..., state=result.state)``.
        loss: that of the last epoch; of the point reached for L-BFGS, also without an iteration.
        stopped: why it ended: ``"epochs"``, what a condition said, or ``"interrupted"``.
        seconds: how long it took.
        threads: how many threads ran.
        best_epoch: the number of the best epoch, if a callback looked for it.
        recording: of a training that was asked to record; see :func:`chainrule.open_recording`.
    """

    history: History = field(default_factory=History)
    state: TrainingState | None = None
    loss: float = math.nan
    stopped: str = "epochs"
    seconds: float = 0.0
    threads: int = 1
    best_epoch: int | None = None
    recording: "Recording | None" = field(default=None, repr=False)

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
