"""What can be chosen about a fit, checked before any work is done."""

import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chainrule import activations
from chainrule.layers import Dense
from chainrule.optimizers import Adam
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.task import TASKS


@dataclass(frozen=True)
class Options:
    """The choices of a fit.

    Attributes:
        task: one of ``TASKS``; ``auto`` infers it from the target.
        hidden: the sizes of the hidden layers; none makes the network linear.
        activation: of the hidden layers.
        epochs: passes over the training rows.
        batch_size: rows of a batch.
        learning_rate: of Adam.
        seed: of the held-out rows, the initial parameters and the shuffles.
        test_share: the share of the rows that is held out.

    Raises:
        TableError: for a value outside its range, or an unknown name.

    >>> Options(hidden=(8,)).layers()
    [Dense(8, 'relu')]
    """

    task: str = "auto"
    hidden: Sequence[int] = (64, 64)
    activation: str = "relu"
    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 0.001
    seed: int = 0
    test_share: float = 0.2

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise TableError(f"unknown task {quoted(self.task)}; there are {', '.join(TASKS)}")
        object.__setattr__(self, "hidden", tuple(_sizes(self.hidden)))
        object.__setattr__(self, "epochs", _whole("epochs", self.epochs, 1))
        object.__setattr__(self, "batch_size", _whole("batch_size", self.batch_size, 1))
        object.__setattr__(self, "seed", _whole("seed", self.seed, 0, 2**63 - 1))
        if not (isinstance(self.test_share, int | float) and 0 < self.test_share < 1):
            raise TableError(f"test_share must be between 0 and 1, not {self.test_share!r}")
        try:
            Adam(self.learning_rate)
            trainable = activations.find(self.activation).trainable
            self.layers()
        except ValueError as error:
            raise TableError(str(error)) from None
        if not trainable:
            raise TableError(
                f"{self.activation!r} has no useful derivative: "
                "a hidden layer with it cannot be trained"
            )

    def layers(self) -> list[Dense]:
        """The hidden layers."""
        return [Dense(units, self.activation) for units in self.hidden]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"hidden": list(self.hidden), "optimizer": Adam.name}


def read_sizes(text: str) -> tuple[int, ...]:
    """Read the sizes of hidden layers.

    Raises:
        TableError: if it is not whole numbers, divided by commas.

    >>> read_sizes("64, 32")
    (64, 32)
    """
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise TableError(f"hidden must be sizes such as 64,64, not {quoted(text)}") from None


def _sizes(sizes: Any) -> list[int]:
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise TableError(f"hidden must be a sequence of sizes such as (64, 64), not {sizes!r}")
    return [_whole("a size in hidden", size, 1) for size in sizes]


def _whole(name: str, value: Any, least: int, most: int = 2**31 - 1) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise TableError(f"{name} must be a whole number of at least {least}, not {value!r}")
    if value > most:
        raise TableError(f"{name} must be at most {most}, not {value}")
    return operator.index(value)
