"""Schedules: hyperparameters that change from step to step.

A schedule stands where a number would: ``cr.Adam(cr.Cosine(1e-3))``, ``cr.AdamW(1e-3,
weight_decay=cr.FlatCosine(1e-2))``, ``cr.Dropout(cr.CosLog4(0.1))``. Each is an immutable function
of the step; the values are computed ahead into the program's table of hyperparameters, so that no
step waits for Python.

``t`` is the share of the training that is done, in [0, 1): the steps made over those of the
horizon, which is the number of epochs that the training was first asked for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from chainrule.checks import real_number, whole


@dataclass(frozen=True)
class Steps:
    """The steps for which a schedule is asked.

    Attributes:
        step: updates made before, counted from 0.
        per_epoch: updates of an epoch.
        rows: examples of an epoch.
        horizon: epochs of the whole training.
    """

    step: np.ndarray
    per_epoch: int
    rows: int
    horizon: float

    @property
    def epoch(self) -> np.ndarray:
        """Epochs done, in parts."""
        return np.asarray(self.step / self.per_epoch)

    @property
    def share(self) -> np.ndarray:
        """The share of the training that is done."""
        return np.asarray(np.minimum(self.epoch / self.horizon, 1.0))

    def later(self, epochs: float) -> "Steps":
        """The same steps counted from some epochs later on, over what then remains."""
        passed = round(epochs * self.per_epoch)
        horizon = max(self.horizon - epochs, 1 / self.per_epoch)
        return Steps(np.maximum(self.step - passed, 0), self.per_epoch, self.rows, horizon)


def amount(owner: str, name: str, value: Any, allowed: str, fits: Callable[[Any], bool]) -> None:
    """Check a number, or the number that a schedule starts from.

    Raises:
        ValueError: that names the owner's parameter, its value, and what is allowed.
    """
    number = value.initial if isinstance(value, Schedule) else value
    if not real_number(number) or not fits(number):
        raise ValueError(f"{name} of {owner} must be {allowed}, not {value!r}")


def initial(value: Any) -> float:
    """The number that a hyperparameter starts from."""
    return float(value.initial if isinstance(value, Schedule) else value)


def positive(x: float) -> bool:
    return x > 0


@dataclass(frozen=True)
class Schedule:
    """What all schedules have in common.

    Attributes:
        initial: the value that the others are multiples of, at least 0.
    """

    initial: float

    name: ClassVar[str]
    source: ClassVar[str] = ""

    def __post_init__(self) -> None:
        self._check("initial", "a number of at least 0", lambda x: x >= 0)

    def _check(self, field: str, allowed: str, fits: Callable[[Any], bool]) -> None:
        amount(self.name, field, getattr(self, field), allowed, fits)

    def values(self, at: Steps) -> np.ndarray:
        """The values at some steps: float64, one for each."""
        raise NotImplementedError  # every entry has its own

    def to_dict(self) -> dict[str, Any]:
        """The specification, as files hold it."""
        inner = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"schedule": self.name} | {
            k: v.to_dict() if isinstance(v, Schedule) else v for k, v in inner.items()
        }


SCHEDULES: dict[str, type[Schedule]] = {}


def register(entry: type[Schedule]) -> type[Schedule]:
    """Add a schedule under its name.

    Raises:
        ValueError: if the name is taken.
    """
    if entry.name in SCHEDULES:
        raise ValueError(f"the schedule {entry.name!r} exists already")
    SCHEDULES[entry.name] = entry
    return entry


def from_dict(data: Any) -> Any:
    """The schedule that :meth:`Schedule.to_dict` wrote; anything else as it is.

    Raises:
        ValueError: for an unknown schedule, or values outside its ranges.
    """
    if not isinstance(data, dict) or "schedule" not in data:
        return data
    options = dict(data)
    name = options.pop("schedule", None)
    if name not in SCHEDULES:
        raise ValueError(f"unknown schedule {name!r}; there are {', '.join(sorted(SCHEDULES))}")
    try:
        return SCHEDULES[name](**{key: from_dict(value) for key, value in options.items()})
    except TypeError as error:
        raise ValueError(f"the schedule {name!r} cannot be read: {error}") from None


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

    Source: Robbins, Monro, 1951; scikit-learn's ``learning_rate="invscaling"``.

    >>> InverseScaling(1.0, power=1).values(Steps(np.arange(3), 1, 10, 3)).round(3)
    array([1.   , 0.5  , 0.333])
    """

    power: float = 0.5
    by: str = "step"
    name: ClassVar[str] = "inverse_scaling"
    source: ClassVar[str] = "Robbins, Monro, 1951; scikit-learn, invscaling"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("power", "a number of at least 0", lambda x: x >= 0)
        if self.by not in ("step", "epoch", "example"):
            raise ValueError(
                f"by of {self.name} must be 'step', 'epoch' or 'example', not {self.by!r}"
            )

    def values(self, at: Steps) -> np.ndarray:
        epochs = np.floor(at.epoch)
        t = {"step": at.step, "epoch": epochs, "example": epochs * at.rows}[self.by]
        return np.asarray(self.initial / (1.0 + t) ** self.power)


@register
@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from initial to final, again and again if there is a period.

    final + ½ (initial − final) (1 + cos(π t)), t from 0 to 1 over each period.

    Args:
        initial: the value at the start of each period.
        final: the value at its end, from 0 to initial.
        period: epochs of the first period, at least 1; by default the whole training, once.
        stretch: how many times longer each period is than the one before, at least 1.

    Source: Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    >>> Cosine(1.0).values(Steps(np.arange(5), 1, 10, 4)).round(3)
    array([1.   , 0.854, 0.5  , 0.146, 0.   ])
    >>> Cosine(1.0, period=2).values(Steps(np.arange(5), 1, 10, 4)).round(3)
    array([1. , 0.5, 1. , 0.5, 1. ])
    """

    final: float = 0.0
    period: int | None = None
    stretch: float = 1.0
    name: ClassVar[str] = "cosine"
    source: ClassVar[str] = "Loshchilov, Hutter, 2017"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("final", "from 0 to initial", lambda x: 0 <= x <= self.initial)
        if self.period is not None:
            whole(f"period of {self.name}", self.period)
        self._check("stretch", "a number of at least 1", lambda x: x >= 1)

    def values(self, at: Steps) -> np.ndarray:
        if self.period is None:
            t = at.share
        elif self.stretch == 1:
            t = at.epoch % self.period / self.period
        else:
            s, x = self.stretch, at.epoch / self.period
            # Periods end at 1, 1 + s, 1 + s + s², ...: the geometric sum, solved for their number.
            number = np.floor(np.log1p(x * (s - 1)) / math.log(s) + 1e-12)
            t = np.clip((x - (s**number - 1) / (s - 1)) / s**number, 0, 1)
        return np.asarray(self.final + 0.5 * (self.initial - self.final) * (1 + np.cos(np.pi * t)))


@register
@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to initial and down again, both along half a cosine.

    From initial / start_divisor to initial over the first ``warm`` share of the training, then to
    initial / end_divisor.

    Args:
        initial: the peak.
        warm: the share of the training up to the peak, in (0, 1).
        start_divisor: the peak over the first value, at least 1.
        end_divisor: the peak over the last value, at least 1.

    Source: Smith, Topin, "Super-Convergence", 2018.

    >>> OneCycle(1.0, warm=0.5, start_divisor=10).values(Steps(np.arange(5), 1, 10, 4)).round(2)
    array([0.1 , 0.55, 1.  , 0.5 , 0.  ])
    """

    warm: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 1e4
    name: ClassVar[str] = "one_cycle"
    source: ClassVar[str] = "Smith, Topin, 2018"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("warm", "in (0, 1)", lambda x: 0 < x < 1)
        for field in ("start_divisor", "end_divisor"):
            self._check(field, "a number of at least 1", lambda x: x >= 1)

    def values(self, at: Steps) -> np.ndarray:
        t, first = at.share, self.initial / self.start_divisor
        last = self.initial / self.end_divisor
        up = first + (self.initial - first) * 0.5 * (1 - np.cos(np.pi * t / self.warm))
        down = last + (self.initial - last) * 0.5 * (
            1 + np.cos(np.pi * (t - self.warm) / (1 - self.warm))
        )
        return np.asarray(np.where(t < self.warm, up, down))


@register
@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight line up to the first value of another schedule, which then takes over.

    Args:
        initial: the value, or the schedule, that is warmed up to.
        epochs: how long that takes, more than 0; parts of an epoch are fine.

    Source: Goyal et al., "Accurate, Large Minibatch SGD", 2017.

    >>> Warmup(Cosine(1.0), epochs=2).values(Steps(np.arange(5), 1, 10, 6)).round(3)
    array([0.5  , 1.   , 1.   , 0.854, 0.5  ])
    """

    initial: Any
    epochs: float = 1.0
    name: ClassVar[str] = "warmup"
    source: ClassVar[str] = "Goyal et al., 2017"

    def __post_init__(self) -> None:
        inner = self.initial
        if not isinstance(inner, Schedule):
            inner = Constant(inner)
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "initial", inner.initial)
        self._check("initial", "a number of at least 0, or a schedule", lambda x: x >= 0)
        self._check("epochs", "a positive number", positive)

    def to_dict(self) -> dict[str, Any]:
        inner: Schedule = self._inner  # type: ignore[attr-defined]
        return {"schedule": self.name, "initial": inner.to_dict(), "epochs": self.epochs}

    def values(self, at: Steps) -> np.ndarray:
        inner: Schedule = self._inner  # type: ignore[attr-defined]
        steps = max(round(self.epochs * at.per_epoch), 1)
        rising = self.initial * (at.step + 1) / steps
        return np.asarray(np.where(at.step < steps, rising, inner.values(at.later(self.epochs))))


@register
@dataclass(frozen=True)
class CosLog4(Schedule):
    """Four waves that grow longer: initial · ½ (1 − cos(2π log₂(1 + 15 t))).

    Args:
        initial: the height of the waves.

    Source: Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs", 2024.

    >>> CosLog4(1.0).values(Steps(np.array([0, 1, 3, 15]), 1, 10, 15)).round(3)
    array([0., 0., 0., 0.])
    """

    name: ClassVar[str] = "coslog4"
    source: ClassVar[str] = "Holzmüller, Grinsztajn, Steinwart, 2024"

    def values(self, at: Steps) -> np.ndarray:
        waves = np.cos(2 * np.pi * np.log2(1 + 15 * at.share))
        return np.asarray(self.initial * 0.5 * (1 - waves))


@register
@dataclass(frozen=True)
class FlatCosine(Schedule):
    """First flat, then half a cosine down to 0.

    Args:
        initial: the value of the flat part.
        flat: its share of the training, in [0, 1).

    Source: Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs", 2024.

    >>> FlatCosine(1.0).values(Steps(np.arange(5), 1, 10, 4)).round(3)
    array([1. , 1. , 1. , 0.5, 0. ])
    """

    flat: float = 0.5
    name: ClassVar[str] = "flat_cosine"
    source: ClassVar[str] = "Holzmüller, Grinsztajn, Steinwart, 2024"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("flat", "in [0, 1)", lambda x: 0 <= x < 1)

    def values(self, at: Steps) -> np.ndarray:
        t = np.maximum((at.share - self.flat) / (1 - self.flat), 0)
        return np.asarray(self.initial * 0.5 * (1 + np.cos(np.pi * t)))


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
    source: ClassVar[str] = "PyTorch, ReduceLROnPlateau"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("factor", "in (0, 1)", lambda x: 0 < x < 1)
        whole(f"patience of {self.name}", self.patience)
        self._check("min_delta", "a number of at least 0", lambda x: x >= 0)
        self._check("minimum", "from 0 to initial", lambda x: 0 <= x <= self.initial)

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


def as_data(value: Any) -> Any:
    """A number as it is; a schedule as a mapping, which :func:`from_dict` reads."""
    return value.to_dict() if isinstance(value, Schedule) else value


__all__ = [
    "SCHEDULES", "Constant", "CosLog4", "Cosine", "Exponential", "FlatCosine", "InverseScaling",
    "OneCycle", "ReduceOnPlateau", "Schedule", "StepDecay", "Steps", "Warmup", "amount",
    "as_data", "from_dict", "initial", "register",
]  # fmt: skip
