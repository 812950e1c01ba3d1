"""What the numbers of a checkup mean: each finding says what was seen, and what to try."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.glass.traces.slopes import Slopes

if TYPE_CHECKING:
    from chainrule.glass.health.checkup import LayerHealth

SHARE_DEAD = 0.5  # of a layer's units: deep ReLU networks work with a quarter of them dead
SHARE_SATURATED = 0.25
FADED = 1e-3  # of the last delta
GROWN = 1e3  # times the last delta, or the spread of the features
FALL = 0.01  # of the first loss
EPOCHS = 5  # before which nothing is said of its fall


@dataclass(frozen=True)
class Finding:
    """Something that keeps a network from learning.

    Attributes:
        kind: ``dead_units``, ``saturated_units``, ``vanishing_gradient``, ``exploding_gradient``,
            ``exploding_values``, ``not_finite`` or ``loss_does_not_fall``.
        layer: its path, None if it is of the whole network.
        number: the share, ratio or count that was seen.
        sentence: what was seen, and what to try.
    """

    kind: str
    layer: str | None
    number: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def findings_of(
    layers: "Sequence[LayerHealth]", slopes: Mapping[str, Slopes], spread: float, loss: float,
    losses: Sequence[float],
) -> tuple[Finding, ...]:  # fmt: skip
    """All that is found, the earliest layer first within a kind.

    Args:
        layers: their numbers, first to last.
        slopes: of their activations, by path.
        spread: the standard deviation of the features.
        loss: of the step.
        losses: of each epoch of the training, if they are known.
    """
    found = list(_not_finite(layers, loss))
    if not found:  # with infinities among them, the other numbers mean nothing
        found = [*_gradients(layers), *_values(layers, spread), *_units(layers, slopes)]
    return (*found, *_losses(losses))


def _not_finite(layers: "Sequence[LayerHealth]", loss: float) -> Iterator[Finding]:
    wrong = [layer for layer in layers if layer.not_finite]
    if not wrong and np.isfinite(loss):
        return
    count = sum(layer.not_finite for layer in wrong)
    where = wrong[0].layer if wrong else None
    seen = f"{count} values and gradients are infinite or NaN, the first of them in {where}"
    yield Finding(
        "not_finite", where, float(count),
        f"{seen if wrong else f'The loss is {loss}'}. Try a smaller learning rate, "
        "cr.ClipGlobalNorm(1), and features scaled to mean 0 and deviation 1.",
    )  # fmt: skip


def _gradients(layers: "Sequence[LayerHealth]") -> Iterator[Finding]:
    """The first layer whose delta has faded or grown on the way back, against the last one's."""
    having = [layer for layer in layers if layer.delta is not None]
    last = having[-1] if having else None
    if last is None or not last.delta:
        return
    for faded in (True, False):
        for layer in having[:-1]:
            assert layer.delta is not None
            ratio = layer.delta / last.delta
            if (ratio < FADED) if faded else (ratio > GROWN):
                yield _of_gradient(layer, last, ratio, faded)
                break


def _of_gradient(layer: "LayerHealth", last: "LayerHealth", ratio: float, faded: bool) -> Finding:
    parameters = ""
    if layer.gradients and last.gradients:
        (one, norm), (other, last_norm) = (next(iter(h.gradients.items())) for h in (layer, last))
        if last_norm:
            parameters = f", the gradient of {one} {norm / last_norm:.1g} of that of {other}"
    seen = f"The delta of {layer.layer} is {ratio:.1g} of that of {last.layer}{parameters}: "
    if not faded:
        return Finding(
            "exploding_gradient", layer.layer, ratio,
            seen + "it explodes on the way back. Try the default initialisation or cr.lsuv, "
            "BatchNorm, or cr.ClipGlobalNorm(1).",
        )  # fmt: skip
    flat = layer.saturated is not None
    start = "'relu' with He initialisation" if flat else "He initialisation or cr.lsuv"
    return Finding(
        "vanishing_gradient", layer.layer, ratio,
        f"{seen}it vanishes on the way back. Try {start}, BatchNorm, or a residual connection.",
    )  # fmt: skip


def _values(layers: "Sequence[LayerHealth]", spread: float) -> Iterator[Finding]:
    """The last layer is left out: the targets say how large its values are."""
    for layer in layers[:-1]:
        if layer.deviation is not None and layer.deviation > GROWN * max(spread, 1):
            yield Finding(
                "exploding_values", layer.layer, layer.deviation,
                f"The outputs of {layer.layer} have the standard deviation {layer.deviation:.3g}, "
                f"and the features {spread:.3g}: values explode on the way forward. Try the "
                "default initialisation or cr.lsuv, BatchNorm, or cr.L2(1e-3).",
            )  # fmt: skip
            return


def _units(layers: "Sequence[LayerHealth]", slopes: Mapping[str, Slopes]) -> Iterator[Finding]:
    for layer in layers:
        if layer.dead is not None and layer.dead > SHARE_DEAD:
            yield Finding(
                "dead_units", layer.layer, layer.dead,
                f"{layer.dead:.0%} of the {slopes[layer.layer].units} units of {layer.layer} are "
                "dead: their slope is 0 for every row, so that nothing changes them any more. Try "
                "'leaky_relu', a smaller learning rate, or He initialisation with biases of 0.",
            )  # fmt: skip
        if layer.saturated is not None and layer.saturated > SHARE_SATURATED:
            yield Finding(
                "saturated_units", layer.layer, layer.saturated,
                f"{layer.saturated:.0%} of the {slopes[layer.layer].units} units of "
                f"{layer.layer} are saturated: their slope is below 1 % of its maximum for nearly "
                "all rows. Try features scaled to mean 0 and deviation 1, smaller initial weights, "
                "BatchNorm, or 'relu'.",
            )  # fmt: skip


def _losses(losses: Sequence[float]) -> Iterator[Finding]:
    if len(losses) < EPOCHS:
        return
    first, best = losses[0], float(np.min(losses[1:]))
    if not first - best >= FALL * abs(first) and not first == best == 0:
        fall = (first - best) / abs(first) if first else first - best
        yield Finding(
            "loss_does_not_fall", None, fall,
            f"The loss does not fall: {first:.4g} in the first epoch, {best:.4g} in the best of "
            f"the {len(losses) - 1} after it. Try a learning rate ten times smaller and ten times "
            "larger, scaled features, and whether y belongs to X row by row.",
        )  # fmt: skip
