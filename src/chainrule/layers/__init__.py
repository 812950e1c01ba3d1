"""Layers: one file a family. :data:`LAYERS` finds a family by the name that files hold."""

from collections.abc import Mapping
from typing import Any

from chainrule import schedules
from chainrule.layers.base import Layer, Parameter
from chainrule.layers.dense import Dense
from chainrule.layers.dropout import AlphaDropout, Dropout, GaussianNoise
from chainrule.layers.embedding import Embedding
from chainrule.layers.norm import BatchNorm, LayerNorm
from chainrule.layers.prelu import PReLU
from chainrule.layers.residual import Residual
from chainrule.layers.scale import Scale

LAYERS: dict[str, type[Any]] = {
    layer.kind: layer
    for layer in (
        Dense, Embedding, Scale, PReLU, Residual, Dropout, AlphaDropout, GaussianNoise, BatchNorm,
        LayerNorm,
    )
}  # fmt: skip

__all__ = [
    "LAYERS", "AlphaDropout", "BatchNorm", "Dense", "Dropout", "Embedding", "GaussianNoise",
    "Layer", "LayerNorm", "PReLU", "Parameter", "Residual", "Scale", "layer_of",
]  # fmt: skip


def layer_of(specification: Mapping[str, Any]) -> Layer:
    """The layer of a specification, as :meth:`Layer.to_dict` makes it, with those that it holds.

    Raises:
        ValueError: for a family that there is not, or options that it does not take.
    """
    options = {name: schedules.from_dict(value) for name, value in specification.items()}
    kind = options.pop("layer")
    if kind not in LAYERS:
        raise ValueError(f"unknown layer {kind!r}; there are {', '.join(LAYERS)}")
    if "layers" in options:
        options["layers"] = [layer_of(inner) for inner in options["layers"]]
    layer: Layer = LAYERS[kind](**options)
    return layer
