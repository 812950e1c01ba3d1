"""What a foreign network is read as: all that :class:`chainrule.Network` is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.engine.dtypes import REALS
from chainrule.layers import Layer
from chainrule.losses import Loss


@dataclass(frozen=True)
class Parts:
    """The parts of a network that was read.

    Attributes:
        layers: first to last.
        loss: None for a network that only predicts.
        inputs: the number of features.
        arrays: the values of all parameters, in the order in which the layers ask for them.
    """

    layers: Sequence[Layer]
    loss: "str | Loss | None"
    inputs: int
    arrays: Sequence[np.ndarray]

    @property
    def dtype(self) -> str:
        """The wider one of the arrays' types."""
        return np.result_type(*self.arrays).name


def shown_paths(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Among the paths of parameters those that ``coefs_`` and ``intercepts_`` stand for.

    >>> shown_paths(["dense1.W", "dense1.b", "batch_norm1.gamma"])
    (['dense1.W'], ['dense1.b'])
    """
    of = {kind: [path for path in paths if path.endswith(f".{kind}")] for kind in "Wb"}
    return of["W"], of["b"]


def real_array(what: str, value: Any, *shape: int | None) -> np.ndarray:
    """An array of this shape, in which None stands for any length, of a type that we compute in.

    Raises:
        ValueError: that names what it is, for any other.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{what} is no array") from None
    if array.dtype.name not in REALS:
        raise ValueError(f"{what} must be float32 or float64, not {array.dtype}")
    fits = [length in (None, found) for length, found in zip(shape, array.shape, strict=False)]
    if array.ndim != len(shape) or not all(fits):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{what} must have the shape ({wanted}), not {array.shape}")
    return array
