"""When an estimator's training ends: scikit-learn's rule, on the loss or on a validation score."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from chainrule.schedules import Schedule, Steps
from chainrule.training.callbacks import Epoch
from chainrule.training.history import MOST_EPOCHS

SMALLEST_RATE = 1e-6  # below which "adaptive" stops instead


@dataclass
class Progressed:
    """What is known of the epochs so far; kept from one call of an estimator to the next.

    Attributes:
        losses: of each epoch; likewise ``scores`` and ``validation_losses``.
        best_loss: the least of them.
        best_score: the largest of the scores.
        best_vector: the parameters then.
        waiting: epochs in a row that were not better than the best by the tolerance.
        reductions: how often the rate has been divided.
        examples: seen so far, those of each epoch counted anew.
    """

    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    best_score: float = -math.inf
    best_vector: np.ndarray | None = None
    waiting: int = 0
    reductions: int = 0
    examples: int = 0


class Stopping:
    """Ends a training as scikit-learn's networks end, or has the rate divided by five.

    The loss, or with early stopping the score, has to be better than the best by ``tol`` once in
    ``patience`` + 1 epochs.

    Args:
        progressed: what is known so far, and is written.
        tol: what counts as better, at least 0.
        patience: epochs, or infinite.
        rows: examples of an epoch.
        score: computes the score of the network as it is now; None without rows to judge by.
        by_score: whether the score decides, and not only is noted.
        adaptive: the initial rate, if the rate is to be divided before the training ends.
        constant: what a reported loss has over the one that is differentiated.
        validation_constant: the same for the rows to judge by.
        verbose: whether to print each epoch.
    """

    name: ClassVar[str] = "estimator"

    def __init__(
        self, progressed: Progressed, *, tol: float, patience: float, rows: int,
        score: Callable[[Epoch], float] | None = None, by_score: bool = False,
        adaptive: float | None = None, constant: float = 0.0,
        validation_constant: float = 0.0, verbose: bool = False,
    ) -> None:  # fmt: skip
        self.progressed, self.tol, self.patience, self.rows = progressed, tol, patience, rows
        self._score, self._by_score, self._adaptive = score, by_score, adaptive
        self._constant, self._validation_constant = constant, validation_constant
        self._verbose = verbose
        self.epochs = 0
        self.stopped = False

    def begin(self, epoch: Epoch) -> None:
        self._seen = epoch.number

    def together(self) -> int:
        if self._score or self._verbose:
            return 1
        left = self.patience + 1 - self.progressed.waiting
        return MOST_EPOCHS if math.isinf(left) else max(int(left), 1)

    def __call__(self, epoch: Epoch) -> str | None:
        known = self.progressed
        score = self._score(epoch) if self._score else None
        self._catch_up(epoch)
        if self._verbose:
            print(f"Iteration {self.epochs}, loss = {known.losses[-1]:.8f}")
        if score is not None:
            self._note_score(score, epoch.network.vector)
        return self._no_improvement() if known.waiting > self.patience else None

    def finish(self, epoch: Epoch) -> None:
        """Note what was trained since the last call: an interruption may have come between."""
        new = self._catch_up(epoch)
        if self._score:
            self.progressed.scores += [math.nan] * new

    def _catch_up(self, epoch: Epoch) -> int:
        """Note the losses of the epochs since the last call; how many there are."""
        new = epoch.number - self._seen
        if new == 0:
            return 0
        self._seen = epoch.number
        known, history = self.progressed, epoch.history
        losses = history["loss"][-new:]
        if self._constant:
            losses = [loss + self._constant for loss in losses]
        known.losses += losses
        known.examples += new * self.rows
        self.epochs += new
        if self._score:
            found = history["val_loss"][-new:] if "val_loss" in history else [math.nan] * new
            known.validation_losses += [loss + self._validation_constant for loss in found]
        if not self._by_score:
            self._note_losses(losses)
        return new

    def _note_losses(self, losses: list[float]) -> None:
        """Several only where none but the last can be the one too many: see together."""
        best, waiting = self.progressed.best_loss, self.progressed.waiting
        for loss in losses:
            waiting = waiting + 1 if loss > best - self.tol else 0
            if loss < best:
                best = loss
        self.progressed.best_loss, self.progressed.waiting = best, waiting

    def _note_score(self, score: float, vector: np.ndarray) -> None:
        known = self.progressed
        known.scores.append(score)
        if self._verbose:
            print(f"Validation score: {score:f}")
        if self._by_score:
            known.waiting = known.waiting + 1 if score < known.best_score + self.tol else 0
            if score > known.best_score:
                known.best_vector = vector.copy()
        if score > known.best_score:  # a score that is no number is never the best
            known.best_score = score

    def _no_improvement(self) -> str | None:
        what = "Validation score" if self._by_score else "Training loss"
        reason = (
            f"{what} did not improve more than tol={self.tol:f} for {self.patience:g} "
            "consecutive epochs."
        )
        self.stopped, advice = True, " Stopping."
        if self._adaptive is not None:
            rate = reduced(self._adaptive, self.progressed.reductions)
            if rate > SMALLEST_RATE:
                self.progressed.reductions += 1
                self.progressed.waiting = 0
                self.stopped, advice = False, f" Setting learning rate to {rate / 5:f}"
            else:
                advice = " Learning rate too small. Stopping."
        if self._verbose:
            print(reason + advice)
        return reason if self.stopped else None


def reduced(initial: float, times: int) -> float:
    """The rate after so many divisions by five, one after the other."""
    for _ in range(times):
        initial /= 5.0
    return initial


@dataclass(frozen=True, eq=False)
class Adaptive(Schedule):
    """scikit-learn's ``learning_rate="adaptive"``: divided by five whenever a Stopping says so.

    Two of them are equal only if they are one: they belong to a training.

    Args:
        initial: the first rate.
        progressed: what the Stopping writes.
    """

    progressed: Progressed = field(default_factory=Progressed, repr=False)
    name: ClassVar[str] = "adaptive"
    watching: ClassVar[bool] = True

    def values(self, at: Steps) -> np.ndarray:
        return np.full(at.step.shape, reduced(self.initial, self.progressed.reductions))

    def to_dict(self) -> dict[str, object]:
        """The rate as it is now: a checkpoint goes on with it, by its own conditions."""
        return {
            "schedule": "constant",
            "initial": reduced(self.initial, self.progressed.reductions),
        }
