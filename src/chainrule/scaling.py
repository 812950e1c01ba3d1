"""Targets scaled into an inner part of an interval, and back: 002's normalization."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class InnerRange:
    """The affine map of targets onto an inner part of (0, 1), where a logistic output can reach.

    t = low + (high − low) (y − min y) / (max y − min y), for each column.

    Args:
        minimum: the smallest target of each column; see :meth:`of`.
        maximum: the largest.
        low: what the smallest becomes.
        high: what the largest becomes.

    Source: 002: "if the measurements take different values, one first has to perform the
    well-known normalization steps".

    >>> scale = InnerRange.of(np.array([-1.0, 0.0, 3.0]))
    >>> scale.apply(np.array([-1.0, 3.0]))
    array([0.1, 0.9])
    >>> scale.invert(np.array([0.1, 0.9]))
    array([-1., 3.])
    """

    minimum: np.ndarray
    maximum: np.ndarray
    low: float = 0.1
    high: float = 0.9

    @classmethod
    def of(cls, y: Any, low: float = 0.1, high: float = 0.9) -> "InnerRange":
        """The map for these targets.

        Raises:
            ValueError: unless 0 < low < high < 1 and the targets are finite and take two values.
        """
        if not 0 < low < high < 1:
            raise ValueError(f"InnerRange needs 0 < low < high < 1, not {low} and {high}")
        y = np.asarray(y, dtype=np.float64)
        if y.size == 0 or not np.isfinite(y).all():
            raise ValueError("InnerRange needs targets, all of them finite")
        minimum, maximum = y.min(axis=0), y.max(axis=0)
        if np.any(minimum == maximum):
            raise ValueError("InnerRange needs targets that take at least two values")
        return cls(minimum, maximum, low, high)

    def apply(self, y: Any) -> np.ndarray:
        """Targets to the inner range; new ones may lie outside of what :meth:`of` saw."""
        share = (np.asarray(y, dtype=np.float64) - self.minimum) / (self.maximum - self.minimum)
        return np.asarray(self.low + (self.high - self.low) * share)

    def invert(self, t: Any) -> np.ndarray:
        """Outputs back to the scale of the targets."""
        share = (np.asarray(t, dtype=np.float64) - self.low) / (self.high - self.low)
        return np.asarray(self.minimum + (self.maximum - self.minimum) * share)
