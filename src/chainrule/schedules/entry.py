"""What all schedules have in common: immutable functions of the step, found by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from chainrule.checks import ByValue, real_number
from chainrule.registry import name_and_options


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

    def later(self, steps: int) -> "Steps":
        """The same steps counted from some steps later on, over what then remains."""
        horizon = max(self.horizon - steps / self.per_epoch, 1 / self.per_epoch)
        return Steps(np.maximum(self.step - steps, 0), self.per_epoch, self.rows, horizon)


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


@dataclass(frozen=True, eq=False)
class Schedule(ByValue, ABC):
    """What all schedules have in common.

    Attributes:
        initial: the value that the others are multiples of, at least 0.
        watching: whether the values depend on the figures of the epochs, so that they are asked
            for anew after each.
    """

    initial: float

    name: ClassVar[str]
    watching: ClassVar[bool] = False
    source: ClassVar[str] = ""

    def __post_init__(self) -> None:
        self._check("initial", "a number of at least 0", lambda x: x >= 0)

    def _check(self, field: str, allowed: str, fits: Callable[[Any], bool]) -> None:
        value = getattr(self, field)
        if isinstance(value, Schedule):  # only a warm-up goes around another schedule
            raise ValueError(f"{field} of {self.name} must be {allowed}, not {value!r}")
        amount(self.name, field, value, allowed, fits)

    @abstractmethod
    def values(self, at: Steps) -> np.ndarray:
        """The values at some steps: float64, one for each."""

    def to_dict(self) -> dict[str, Any]:
        """The specification, as files hold it."""
        found = {f.name: as_data(getattr(self, f.name)) for f in fields(self)}
        return {"schedule": self.name} | found


def as_data(value: Any) -> Any:
    """A number as Python's own; a schedule as a mapping, which :func:`from_dict` reads."""
    if isinstance(value, Schedule):
        return value.to_dict()
    return value.item() if isinstance(value, np.generic) else value


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


def named(text: Any, initial: float) -> Schedule:
    """The schedule of a name and, if it has some, the values in brackets behind it.

    Args:
        text: a name of :data:`SCHEDULES`, or such as ``"step(every=5, factor=0.5)"``.
        initial: the first value.

    Raises:
        ValueError: for an unknown name, other values than it has, or a lack of those it needs.

    >>> named("exponential(factor=0.9)", 0.1)
    Exponential(initial=0.1, factor=0.9)
    """
    name, options = name_and_options(text) if isinstance(text, str) else (text, {})
    entry = _entry(name)
    if "initial" in options:
        raise ValueError(f"{text!r}: the initial value has a place of its own")
    check_keys(f"the schedule {name!r}", entry, {"initial": initial, **options})
    return entry(initial, **options)


def _entry(name: Any) -> type[Schedule]:
    if not isinstance(name, str) or name not in SCHEDULES:
        raise ValueError(f"unknown schedule {name!r}; there are {', '.join(sorted(SCHEDULES))}")
    return SCHEDULES[name]


def from_dict(data: Any) -> Any:
    """The schedule that :meth:`Schedule.to_dict` wrote; anything else as it is.

    Raises:
        ValueError: for an unknown schedule, other values than it has, or some outside its ranges.
    """
    if not isinstance(data, dict) or "schedule" not in data:
        return data
    options = dict(data)
    name = options.pop("schedule")
    entry = _entry(name)
    check_keys(f"the schedule {name!r}", entry, options)
    return entry(**{key: from_dict(value) for key, value in options.items()})


def check_keys(owner: str, entry: Any, options: Mapping[Any, Any]) -> None:
    """Refuse options that a data class does not have, and a lack of those that it needs.

    Raises:
        ValueError: that names the first, and lists those that there are.
    """
    known = {field.name: field for field in fields(entry) if field.init}
    for key in options:
        if key not in known:
            raise ValueError(f"{owner} has no {key!r}; it can have {', '.join(known)}")
    for name, field in known.items():
        optional = (field.default, field.default_factory) != (MISSING, MISSING)
        if name not in options and not optional:
            raise ValueError(f"{owner} needs {name}; it can have {', '.join(known)}")
