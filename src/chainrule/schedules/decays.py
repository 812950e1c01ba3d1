"""Schedules that never rise: by steps, epochs or examples, or on a plateau."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chainrule.checks import whole
from chainrule.schedules.entry import Schedule, Steps, register


@register
@dataclass(frozen=True)
class Constant(Schedule):
    """The same value for all steps: what a plain number is.

    Args:
        initial: the value.

    Source: 001, "Gradient Descent".

    >>> Constant(0.1).values(Steps(np.arange(3), 1, 10, 3))
    array([0.1, 0.1, 0.1])
    """

    name: ClassVar[str] = "constant"
    source: ClassVar[str] = "001, 'Gradient Descent'"

    def values(self, at: Steps) -> np.ndarray:
        return np.full(at.step.shape, float(self.initial))


@register
@dataclass(frozen=True)
class StepDecay(Schedule):
    """After every so many epochs a fraction: initial · factor^⌊epoch / every⌋.

    Args:
        initial: the value of the first epochs.
        every: epochs between two falls, at least 1.
        factor: what is left after each, in (0, 1].

    Source: PyTorch's ``StepLR``.

    >>> StepDecay(1.0, every=2, factor=0.5).values(Steps(np.arange(5), 1, 10, 5))
    array([1.  , 1.  , 0.5 , 0.5 , 0.25])
    """

    every: int = 10
    factor: float = 0.1
    name: ClassVar[str] = "step"
    source: ClassVar[str] = "PyTorch, StepLR"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(f"every of {self.name}", self.every)
        self._check("factor", "in (0, 1]", lambda x: 0 < x <= 1)

    def values(self, at: Steps) -> np.ndarray:
        return np.asarray(self.initial * self.factor ** np.floor(at.epoch / self.every))


@register
@dataclass(frozen=True)
class Exponential(Schedule):
    """The same fraction from epoch to epoch, smoothly: initial · factor^epoch.

    Args:
        initial: the first value.
        factor: what is left after an epoch, in (0, 1].

    Source: PyTorch's ``ExponentialLR``, step by step.

    >>> Exponential(1.0, factor=0.25).values(Steps(np.arange(3), 2, 10, 3))
    array([1.  , 0.5 , 0.25])
    """

    factor: float = 0.95
    name: ClassVar[str] = "exponential"
    source: ClassVar[str] = "PyTorch, ExponentialLR"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("factor", "in (0, 1]", lambda x: 0 < x <= 1)

    def values(self, at: Steps) -> np.ndarray:
        return np.asarray(self.initial * self.factor**at.epoch)


@register
@dataclass(frozen=True)
class InverseScaling(Schedule):
    """initial / (1 + t)^power, where t counts steps, epochs or examples.

    Args:
        initial: the first value.
        power: at least 0.
        by: ``"step"``, ``"epoch"`` or ``"example"``: updates made; epochs completed; examples seen
            in completed epochs, as scikit-learn's ``invscaling`` counts them.
        start: what t begins with, a whole number: what was counted before this training.

    Source: Robbins, Monro, 1951; scikit-learn's ``learning_rate="invscaling"``.

    >>> InverseScaling(1.0, power=1).values(Steps(np.arange(3), 1, 10, 3)).round(3)
    array([1.   , 0.5  , 0.333])
    """

    power: float = 0.5
    by: str = "step"
    start: int = 0
    name: ClassVar[str] = "inverse_scaling"
    source: ClassVar[str] = "Robbins, Monro, 1951; scikit-learn, invscaling"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("power", "a number of at least 0", lambda x: x >= 0)
        if self.by not in ("step", "epoch", "example"):
            raise ValueError(
                f"by of {self.name} must be 'step', 'epoch' or 'example', not {self.by!r}"
            )
        whole(f"start of {self.name}", self.start, 0)

    def values(self, at: Steps) -> np.ndarray:
        epochs = np.floor(at.epoch)
        t = {"step": at.step, "epoch": epochs, "example": epochs * at.rows}[self.by]
        return np.asarray(self.initial / (1.0 + self.start + t) ** self.power)


@register
@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """A fraction each time that a figure has not improved for some epochs.

    Args:
        initial: the first value.
        factor: what is left after each reduction, in (0, 1).
        patience: epochs without an improvement after which it is reduced, at least 1.
        min_delta: what counts as an improvement, at least 0.
        minimum: it is never reduced below, from 0 to initial.
        monitor: the figure, such as ``"val_loss"``.

    Source: PyTorch's and Keras's ``ReduceLROnPlateau``.

    >>> plateau = ReduceOnPlateau(1.0, factor=0.5, patience=2)
    >>> [plateau.reduced(n) for n in (0, 1, 2)]
    [1.0, 0.5, 0.25]
    """

    factor: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    minimum: float = 0.0
    monitor: str = "loss"
    name: ClassVar[str] = "reduce_on_plateau"
    watching: ClassVar[bool] = True
    source: ClassVar[str] = "PyTorch, ReduceLROnPlateau"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("factor", "in (0, 1)", lambda x: 0 < x < 1)
        whole(f"patience of {self.name}", self.patience)
        self._check("min_delta", "a number of at least 0", lambda x: x >= 0)
        self._check("minimum", "from 0 to initial", lambda x: 0 <= x <= self.initial)
        if not isinstance(self.monitor, str):
            raise ValueError(
                f"monitor of {self.name} must be the name of a figure, not {self.monitor!r}"
            )

    def reduced(self, times: int) -> float:
        """The value after so many reductions."""
        return float(max(self.initial * self.factor**times, self.minimum))

    def reductions(self, figures: list[float], upwards: bool) -> int:
        """How often it has been reduced after epochs with these figures."""
        best, waiting, times = -math.inf, 0, 0
        for figure in figures:
            value = figure if upwards else -figure
            if value > best + self.min_delta:
                best, waiting = value, 0
                continue
            waiting += 1
            if waiting >= self.patience:
                waiting, times = 0, times + 1
        return times

    def values(self, at: Steps) -> np.ndarray:
        return np.full(at.step.shape, float(self.initial))
