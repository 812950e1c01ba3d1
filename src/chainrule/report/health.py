"""The health of the networks: gradients by layer, and what the checkup says."""

import math
from dataclasses import dataclass

import numpy as np

from chainrule.glass.health.checkup import Checkup, LayerHealth, checkup
from chainrule.report.bars import Bar, bars
from chainrule.report.words import figure as number
from chainrule.report.words import percent
from chainrule.tables.fitting import Fitted

MOST_NETWORKS = 5  # of an ensemble that are looked at
MOST_ROWS = 1000  # that are traced


@dataclass(frozen=True)
class Layer:
    """A layer's figures in words.

    Attributes:
        gradient: the norm of the gradient of all its parameters.
        outputs: mean and deviation.
        dead, saturated: shares of its units, where the words have a meaning.
    """

    gradient: Bar
    outputs: str
    dead: str
    saturated: str


@dataclass(frozen=True)
class Health:
    """What a checkup of the networks found.

    Attributes:
        layers: of the first network.
        sentences: of all networks that were looked at; none if they are healthy.
        networks: how many that were.
        rows: of the training data that were traced.
    """

    layers: list[Layer]
    sentences: list[str]
    networks: int
    rows: int


def health_of(fitted: Fitted) -> Health:
    """Trace one step of each network on training rows."""
    plan, model = fitted.plan, fitted.model
    goal = model.goal
    rows = plan.train
    if len(rows) > MOST_ROWS:  # chosen before they are transformed, which costs more than a step
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST_ROWS])
    X = model.preprocessing.inputs({name: v[rows] for name, v in plan.values.items()})
    y = plan.target.values[rows]
    if not goal.classes:
        y = ((y - goal.mean) / goal.scale).astype(np.float32)
    networks = model.networks[:MOST_NETWORKS]
    seen = []
    for network, result in zip(networks, fitted.results, strict=False):
        history = result.history if "loss" in result.history else None
        seen.append(checkup(network, X, y, history=history, rows=MOST_ROWS))
    return Health(_layers(seen[0]), _sentences(seen), len(seen), seen[0].rows)


def _sentences(seen: list[Checkup]) -> list[str]:
    several = len(seen) > 1
    return [
        f"Network {k}: {finding.sentence}" if several else finding.sentence
        for k, one in enumerate(seen, start=1)
        for finding in one.findings
    ]


def _layers(seen: Checkup) -> list[Layer]:
    having = [layer for layer in seen.layers if layer.gradients]
    norms = [_norm(layer) for layer in having]
    drawn = bars([h.layer for h in having], norms, [number(norm, 3) for norm in norms])
    return [
        Layer(bar, _outputs(layer), percent(layer.dead, 0), percent(layer.saturated, 0))
        for bar, layer in zip(drawn, having, strict=True)
    ]


def _norm(layer: LayerHealth) -> float:
    return math.sqrt(sum(norm**2 for norm in layer.gradients.values()))


def _outputs(layer: LayerHealth) -> str:
    if layer.mean is None or layer.deviation is None:
        return "–"
    nothing = abs(layer.mean) < 1e-3 * layer.deviation
    return f"{'0' if nothing else number(layer.mean, 3)} ± {number(layer.deviation, 3)}"
