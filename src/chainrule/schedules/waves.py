"""Schedules along cosines, and the warm-up in front of any other."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from chainrule.checks import whole
from chainrule.schedules.decays import Constant, ReduceOnPlateau
from chainrule.schedules.entry import Schedule, Steps, positive, register


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
            begun = np.expm1(number * math.log(s)) / (s - 1)
            t = np.clip((x - begun) / s**number, 0, 1)
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
class Warmup(Schedule):
    """A straight line up to the first value of another schedule, which then takes over.

    Args:
        initial: the value, or the schedule, that is warmed up to.
        epochs: how long that takes, more than 0; parts of an epoch are fine.
        then: the schedule that takes over: what ``initial`` was, if it was one.

    Source: Goyal et al., "Accurate, Large Minibatch SGD", 2017.

    >>> Warmup(Cosine(1.0), epochs=2).values(Steps(np.arange(5), 1, 10, 6)).round(3)
    array([0.5  , 1.   , 1.   , 0.854, 0.5  ])
    """

    initial: Any
    epochs: float = 1.0
    then: Schedule | None = None
    name: ClassVar[str] = "warmup"
    source: ClassVar[str] = "Goyal et al., 2017"

    def __post_init__(self) -> None:
        if isinstance(self.initial, Schedule) and self.then is None:
            object.__setattr__(self, "then", self.initial)
            object.__setattr__(self, "initial", self.initial.initial)
        self._check("initial", "a number of at least 0, or a schedule", lambda x: x >= 0)
        if self.then is None:
            object.__setattr__(self, "then", Constant(self.initial))
        if isinstance(self.then, ReduceOnPlateau):
            raise ValueError(
                f"initial of {self.name} must be a schedule of the steps alone, not {self.then!r}"
            )
        if not isinstance(self.then, Schedule) or self.then.initial != self.initial:
            raise ValueError(
                f"then of {self.name} must be a schedule from {self.initial!r}, not {self.then!r}"
            )
        self._check("epochs", "a positive number", positive)

    def values(self, at: Steps) -> np.ndarray:
        assert self.then is not None
        steps = max(round(self.epochs * at.per_epoch), 1)
        after = at.later(steps)
        first = self.then.values(replace(after, step=np.zeros(1)))
        rising = first * (at.step + 1) / steps
        return np.asarray(np.where(at.step < steps, rising, self.then.values(after)))
