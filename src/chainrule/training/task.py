"""What is to be trained on what, checked before any work is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import data
from chainrule.checks import real_number
from chainrule.engine.program import Program
from chainrule.losses import Loss, losses
from chainrule.lowering import Regime, lower
from chainrule.metrics import Metric, metrics
from chainrule.network import Network
from chainrule.optimizers import Optimizer


@dataclass(frozen=True)
class Validation:
    """Data that is evaluated after each epoch."""

    X: Any
    y: data.Targets


@dataclass(frozen=True)
class Task:
    """A checked training: everything but the executor.

    Attributes:
        network: whose parameters will change.
        X: features.
        y: targets.
        weights: of the examples, with mean one, or None.
        validation: what to evaluate after each epoch, or None.
        metrics: to compute after each epoch.
        label_smoothing: the share of the uniform distribution in the targets of the training.
    """

    network: Network
    X: Any
    y: data.Targets
    weights: np.ndarray | None
    validation: Validation | None
    metrics: tuple[Metric, ...]
    label_smoothing: float = 0.0

    @property
    def rows(self) -> int:
        return int(self.X.shape[0])

    @property
    def dtype(self) -> str:
        """The dtype to compute in: the network's own, else float64 for float64 data."""
        return _dtype(self.network, self.X)

    def sources(self, dtype: str) -> dict[str, Any]:
        """The data that the program reads, by source name."""
        sources = {"X": self.X, "Y": self.y.read_as(dtype)}
        if self.weights is not None:
            sources["w"] = self.weights.astype(dtype)
        return sources

    def program(
        self, sources: Mapping[str, Any], batch_rows: int, optimizer: Optimizer, regime: Regime,
        dtype: str | None = None, tile_rows: int | None = None,
    ) -> Program:  # fmt: skip
        """What trains on these sources, a batch of so many rows after the other.

        Args:
            sources: by name.
            batch_rows: of a batch.
            optimizer: whose steps are made.
            regime: what holds beside it.
            dtype: of the computation; by default that of the training.
            tile_rows: of a tile; by default a function of the shapes.
        """
        return lower(
            self.network, "train", batch_rows, optimizer, labels=self.y.labels,
            weighted=self.weights is not None, sources=sources, dtype=dtype or self.dtype,
            regime=regime, smoothing=self.label_smoothing, tile_rows=tile_rows,
        )  # fmt: skip

    def figures(self) -> list[str]:
        """The names of the figures that the history will hold."""
        prefix = "val_" if self.validation else ""
        losses = ["loss", "val_loss"] if self.validation else ["loss"]
        return losses + [prefix + metric.name for metric in self.metrics]


def checked(
    network: Network,
    X: Any,
    y: Any,
    *,
    sample_weight: Any,
    class_weight: Any,
    validation_data: Any,
    validation_share: Any,
    metric_names: Sequence[str],
    seed: int,
    label_smoothing: Any = 0.0,
) -> Task:
    """Check the arguments of a training.

    Raises:
        ValueError: for anything that does not fit.
    """
    if network.loss is None:
        raise ValueError("the network has no loss: give one, such as loss='mse'")
    chosen = _metrics(metric_names)
    for metric in chosen:
        metric.check(network.loss.predicts, str(network.loss))
    smoothing = _smoothing(label_smoothing, network.loss)
    X = data.features(X, network.inputs, dtype=network.fixed_dtype)
    network.check_features(X)
    targets = data.targets(network, y, X.shape[0])
    targets.check_range(_dtype(network, X))
    _check_classes(chosen, network.loss, targets, "y")
    weights = data.weights(sample_weight, class_weight, targets, X.shape[0])
    if validation_data is not None and validation_share is not None:
        raise ValueError("give validation_data or validation_share, not both")
    if validation_data is not None:
        validation = _validation(network, validation_data, _dtype(network, X))
        _check_classes(chosen, network.loss, validation.y, "validation y")
        return Task(network, X, targets, weights, validation, chosen, smoothing)
    if validation_share is None:
        return Task(network, X, targets, weights, None, chosen, smoothing)
    kept, held = split(X.shape[0], validation_share, seed)
    if weights is not None:
        weights = data.mean_one(weights[kept])
    held_out = Validation(X[held], targets.rows(held))
    return Task(network, X[kept], targets.rows(kept), weights, held_out, chosen, smoothing)


def _dtype(network: Network, X: Any) -> str:
    return network.fixed_dtype or data.dtype_of(X)


def _smoothing(share: Any, loss: Loss) -> float:
    if not real_number(share) or not 0 <= share < 1:
        raise ValueError(f"label_smoothing must be from 0 to below 1, not {share!r}")
    if share and not loss.smoothing:
        names = ", ".join(entry.name for entry in losses if entry.smoothing)
        raise ValueError(
            f"label_smoothing is for losses of probabilities ({names}), not for {str(loss)!r}"
        )
    return float(share)


def _metrics(names: Any) -> tuple[Metric, ...]:
    if isinstance(names, str) or not hasattr(names, "__iter__"):
        raise ValueError(f"metrics must be a list of names, not {names!r}")
    return tuple(metrics[name] for name in names)


def _check_classes(chosen: tuple[Metric, ...], loss: Loss, y: data.Targets, name: str) -> None:
    """Refuse metrics of one class where an example may have several labels, or none."""
    if y.labels or y.values.shape[1] == 1 or loss.targets != (0, 1):
        return
    for metric in chosen:
        if metric.classification and not np.allclose(y.values.sum(axis=1), 1, atol=1e-5):
            raise ValueError(
                f"the metric {metric.name!r} cannot be computed: each row of {name} must be one "
                "class, and some have several labels or none"
            )


def _validation(network: Network, pair: Any, dtype: str) -> Validation:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError("validation_data must be a pair (X, y)")
    X = data.features(pair[0], network.inputs, "validation X", dtype)
    network.check_features(X, "validation X")
    y = data.targets(network, pair[1], X.shape[0], "validation y")
    y.check_range(dtype, "validation y")
    return Validation(X, y)


def split(rows: int, share: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to train on and those to hold out, both in their natural order."""
    if not real_number(share) or not 0 < share < 1:
        raise ValueError(f"validation_share must be between 0 and 1, not {share!r}")
    held = round(rows * share)
    if not 0 < held < rows:
        raise ValueError(f"validation_share={share} of {rows} rows leaves one side empty")
    order = np.random.default_rng(seed).permutation(rows)
    return np.sort(order[held:]), np.sort(order[:held])
