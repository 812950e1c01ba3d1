"""The checkup: what one traced step says about the health of a network."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from chainrule import data
from chainrule.checks import seed as checked_seed
from chainrule.checks import whole
from chainrule.glass.health.findings import Finding, findings_of
from chainrule.glass.traces.slopes import Slopes, slopes_of
from chainrule.glass.traces.trace import trace
from chainrule.glass.traces.traced import Trace
from chainrule.network import Network
from chainrule.training.callbacks import Epoch


@dataclass(frozen=True)
class LayerHealth:
    """What a layer's values say; None for what the layer does not have.

    Attributes:
        layer: its path.
        mean, deviation: of its outputs a, over examples and units.
        largest: the largest |a|.
        not_finite: how many of its values and gradients are infinite or NaN.
        dead: the share of its units that are dead: of a function that is flat on one side, as ReLU
            is, f′(z) is 0 for every example (for smooth ones below 1e-6 of its maximum), so that
            neither they nor what is before them learns from any.
        saturated: the share of its units that are saturated: of a function that is flat on both
            sides, as the logistic one is, |f′(z)| is below 1 % of its maximum for 99 % of the
            examples.
        delta: the root mean square of delta over examples and units.
        ratio: delta over that of the next layer that has one: what a step back does to it.
        gradients: the norm ‖dW‖ of each parameter's gradient, by the parameter's name.
    """

    layer: str
    mean: float | None
    deviation: float | None
    largest: float | None
    not_finite: int
    dead: float | None
    saturated: float | None
    delta: float | None
    ratio: float | None
    gradients: Mapping[str, float]


@dataclass(frozen=True)
class Checkup:
    """The result of :func:`checkup`; ``print`` shows a table and the findings.

    Attributes:
        layers: first to last.
        findings: what is wrong, and what to try; empty for a healthy network.
        loss: of the examples that were looked at.
        rows: how many they were.
        epoch: after which it was made, if by :class:`Checkups`.
    """

    layers: tuple[LayerHealth, ...]
    findings: tuple[Finding, ...]
    loss: float
    rows: int
    epoch: int | None = None

    @property
    def ok(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def __getitem__(self, layer: str) -> LayerHealth:
        """The layer of a path."""
        for health in self.layers:
            if health.layer == layer:
                return health
        raise KeyError(
            f"there is no layer {layer!r}; there are {', '.join(h.layer for h in self.layers)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain numbers and texts, for JSON."""
        return {
            "loss": self.loss,
            "rows": self.rows,
            "epoch": self.epoch,
            "layers": [asdict(layer) for layer in self.layers],
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        lines = [("layer", "mean a", "std a", "dead", "saturated", "delta", "ratio", "gradients")]
        for h in self.layers:
            gradients = ", ".join(f"{name} {norm:.3g}" for name, norm in h.gradients.items())
            numbers = (_number(h.mean), _number(h.deviation), _share(h.dead), _share(h.saturated),
                       _number(h.delta), _number(h.ratio))  # fmt: skip
            lines.append((h.layer, *numbers, gradients))
        widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]) - 1)]
        table = []
        for first, *cells, last in lines:
            padded = [cell.rjust(w) for cell, w in zip(cells, widths[1:], strict=True)]
            table.append("  ".join([first.ljust(widths[0]), *padded, last]).rstrip())
        found = [finding.sentence for finding in self.findings] or ["Nothing found."]
        return "\n".join([*table, f"loss {self.loss:.4g} over {self.rows} rows", *found])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def checkup(
    network: Network,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    rows: int = 1000,
    seed: int = 0,
    history: Mapping[str, Any] | None = None,
) -> Checkup:
    """Look for what keeps a network from learning: dead units, gradients that vanish, and so on.

    One step, forward and backward, of the network's own program is traced, in float64 and in one
    batch; nothing is updated.

    Args:
        network: with a loss; its parameters are read, not changed.
        X, y, sample_weight: as for the training, such as the training data.
        rows: of so many of them at most, chosen by the seed.
        seed: of the choice.
        history: ``result.history`` of the training, to see whether the loss falls.

    Returns:
        The numbers of each layer, and the findings; a healthy network has none.

    Raises:
        ValueError: for data that do not fit, or a network without a loss, before any work.

    >>> import numpy as np, chainrule as cr
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(200, 4)), rng.integers(0, 2, 200)
    >>> deep = [cr.Dense(8, "logistic") for _ in range(8)]
    >>> net = cr.Network([*deep, cr.Dense(1, "logistic")], "binary_cross_entropy", inputs=4)
    >>> [(f.kind, f.layer) for f in cr.checkup(net, X, y).findings]
    [('vanishing_gradient', 'dense1')]

    Source: Glorot, Bengio, 'Understanding the difficulty of training deep feedforward neural
    networks', 2010, for what is looked at.
    """
    rows, seed = whole("rows", rows), checked_seed(seed)
    if network.loss is None:
        raise ValueError("the network has no loss: give one, such as loss='mse'")
    if history is not None and not (hasattr(history, "keys") and "loss" in history):
        raise ValueError("history must be that of a training, with the figure 'loss'")
    X = data.features(X, network.inputs, dtype="float64")
    targets = data.targets(network, y, X.shape[0])
    weights = data.weights(sample_weight, None, targets, X.shape[0])
    if rows < X.shape[0]:
        chosen = np.sort(np.random.default_rng(seed).permutation(X.shape[0])[:rows])
        X, targets = X[chosen], targets.rows(chosen)
        weights = None if weights is None else weights[chosen]
    with np.errstate(all="ignore"):
        found = trace(network, X, targets.values, sample_weight=weights)
        layers = _layers(network, found)
        spread = float(np.std(X.toarray() if hasattr(X, "indptr") else np.asarray(X, np.float64)))
        loss = float(found["loss"])
        losses = list(history["loss"]) if history is not None else []
        return Checkup(
            layers, findings_of(layers, slopes_of(found), spread, loss, losses), loss, X.shape[0]
        )


def _layers(network: Network, found: Trace) -> tuple[LayerHealth, ...]:
    values = {network.path(name): value for name, value in found.items()}
    slopes = slopes_of(found)
    owners = list(dict.fromkeys(
        path.rpartition(".")[0] for path in (*network.places, *values)
        if path.rpartition(".")[2] in ("z", "a", "delta")
    ))  # fmt: skip
    layers: list[LayerHealth] = []
    following = None
    for owner in reversed(owners):
        delta = _root_mean_square(values.get(f"{owner}.delta"))
        ratio = None if delta is None or not following else delta / following
        following = delta if delta is not None else following
        layers.append(_layer(network, owner, values, slopes.get(owner), delta, ratio))
    return tuple(reversed(layers))


def _layer(
    network: Network, owner: str, values: Mapping[str, np.ndarray], slopes: Slopes | None,
    delta: float | None, ratio: float | None,
) -> LayerHealth:  # fmt: skip
    own = {path: v for path, v in values.items() if path.rpartition(".")[0] == owner}
    outputs = own.get(f"{owner}.a", own.get(f"{owner}.z"))
    gradients = {}
    for path in network.places:
        before, _, name = path.rpartition(".")
        if before == owner and f"{owner}.d{name}" in own:
            norm = float(np.linalg.norm(own[f"{owner}.d{name}"]))
            gradients[network.labels.get(path, path)] = norm
    return LayerHealth(
        layer=owner,
        mean=None if outputs is None else float(outputs.mean()),
        deviation=None if outputs is None else float(outputs.std()),
        largest=None if outputs is None else float(np.abs(outputs).max()),
        not_finite=sum(int((~np.isfinite(v)).sum()) for v in own.values() if v.dtype.kind == "f"),
        dead=slopes.dead if slopes else None,
        saturated=slopes.saturated if slopes else None,
        delta=delta,
        ratio=ratio,
        gradients=gradients,
    )


def _root_mean_square(value: np.ndarray | None) -> float | None:
    return None if value is None else float(np.sqrt(np.mean(value**2)))


class Checkups:
    """A callback that makes a :func:`checkup` every so many epochs.

    Args:
        X, y, sample_weight, rows, seed: as for :func:`checkup`.
        every: epochs from one to the next, at least 1.

    Attributes:
        results: the checkups, each with the ``epoch`` after which it was made.

    Raises:
        ValueError: for numbers below 1; data that do not fit are told of at the first checkup.

    >>> import numpy as np, chainrule as cr
    >>> X, y = np.eye(4), [0, 1, 1, 0]
    >>> net = cr.Network([cr.Dense(4, "tanh"), cr.Dense(1)], "mse", inputs=4)
    >>> watch = cr.Checkups(X, y, every=2)
    >>> result = cr.train(net, X, y, epochs=6, callbacks=[watch])
    >>> [(seen.epoch, seen.ok) for seen in watch.results]
    [(2, True), (4, True), (6, True)]
    """

    def __init__(
        self, X: Any, y: Any, every: int = 10, *, sample_weight: Any = None, rows: int = 1000,
        seed: int = 0,
    ) -> None:  # fmt: skip
        self.every = whole("every of Checkups", every)
        self._X, self._y, self._sample_weight = X, y, sample_weight
        self._rows, self._seed = whole("rows", rows), checked_seed(seed)
        self.results: list[Checkup] = []

    def start(self, figures: Any = None) -> None:
        """Forget the results of an earlier training."""
        self.results = []

    def __call__(self, epoch: Epoch) -> str | None:
        if epoch.number % self.every == 0:
            seen = checkup(
                epoch.network, self._X, self._y, sample_weight=self._sample_weight,
                rows=self._rows, seed=self._seed, history=epoch.history,
            )  # fmt: skip
            self.results.append(
                Checkup(seen.layers, seen.findings, seen.loss, seen.rows, epoch.number)
            )
        return None
