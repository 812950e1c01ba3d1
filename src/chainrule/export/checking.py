"""What every export is checked with: rows to compare on, and how far outputs are apart."""

import math

import numpy as np

from chainrule.layers import Embedding
from chainrule.network import Network
from chainrule.tables.preprocessing import DAY, Preprocessing

TOLERANCE = 1e-5  # of the scale of the outputs, which are computed in float32
ROWS = 64  # that are made up where there is no table


def scale_of(ours: np.ndarray) -> float:
    """The largest finite absolute value; 0 if there is none.

    An infinite one would divide every difference away.
    """
    return float(np.abs(ours[np.isfinite(ours)], dtype=np.float64).max(initial=0.0))


def difference_of(name: str, found: np.ndarray, ours: np.ndarray, scale: float) -> float:
    """The largest difference of outputs as a share of their scale.

    Args:
        name: of the outputs, for messages.
        found: what the exported model gives.
        ours: what it should give.
        scale: of ours, 0 for 1.

    Raises:
        ValueError: if it is more than :data:`TOLERANCE`, the shapes differ, or the scale is not
            finite.
    """
    if found.shape != ours.shape:
        raise ValueError(f"the exported {name} has the shape {found.shape}, not {ours.shape}")
    if not math.isfinite(scale):
        raise ValueError(f"the scale of the exported {name} must be finite, not {scale}")
    # Two infinities of one sign are no difference, and neither are two that are no numbers.
    other = ~((found == ours) | (np.isnan(found) & np.isnan(ours)))
    apart = np.abs(found[other].astype(np.float64) - ours[other]) / (scale or 1.0)
    largest = float(apart.max(initial=0.0))
    if not largest <= TOLERANCE:
        raise ValueError(
            f"the exported {name} differs by {largest:.2g} of its scale from our own, "
            f"which is more than {TOLERANCE:g}"
        )
    return largest


def random_inputs(network: Network, rows: int = ROWS) -> np.ndarray:
    """Inputs that a network can take."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, network.inputs)).astype(network.dtype)
    for layer in network.layers:
        if isinstance(layer, Embedding):
            for column, (levels, _) in layer.sizes.items():
                X[:, column] = rng.integers(0, levels, rows)
    return X


def made_up(preprocessing: Preprocessing, rows: int = ROWS) -> dict[str, np.ndarray]:
    """Values like those of the training rows, with some missing and some levels unknown."""
    rng = np.random.default_rng(0)
    values = {}
    numbers = _made_up_numbers(preprocessing, rng, rows)
    levels = preprocessing.levels()
    for reading in preprocessing.readings:
        if reading.kind == "text":
            words = np.array([*levels[reading.name], "", "\N{REPLACEMENT CHARACTER}"], object)
            values[reading.name] = words[rng.integers(0, len(words), rows)]
            continue
        found = numbers[reading.name]
        if reading.kind == "boolean":
            found = rng.integers(0, 2, rows).astype(np.float64)
        elif reading.kind == "date":
            found = np.round(found * DAY)
        found[rng.random(rows) < 0.1] = np.nan
        values[reading.name] = found
    return values


def _made_up_numbers(
    preprocessing: Preprocessing, rng: np.random.Generator, rows: int
) -> dict[str, np.ndarray]:
    for name, transformer, chosen in preprocessing.transformer.transformers_:
        if name == "numbers":
            scaler = transformer.steps[1][1]
            columns = scaler.inverse_transform(rng.normal(size=(rows, len(chosen)))).T
            return dict(zip(chosen, columns, strict=True))
    return {}
