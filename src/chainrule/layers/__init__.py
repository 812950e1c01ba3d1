"""Layers: one file a family. :data:`LAYERS` finds a family by the name that files hold."""

from typing import Any

from chainrule.layers.base import Layer, Parameter
from chainrule.layers.dense import Dense
from chainrule.layers.dropout import AlphaDropout, Dropout, GaussianNoise
from chainrule.layers.norm import BatchNorm, LayerNorm

LAYERS: dict[str, type[Any]] = {
    layer.kind: layer
    for layer in (Dense, Dropout, AlphaDropout, GaussianNoise, BatchNorm, LayerNorm)
}

__all__ = [
    "LAYERS", "AlphaDropout", "BatchNorm", "Dense", "Dropout", "GaussianNoise", "Layer",
    "LayerNorm", "Parameter",
]  # fmt: skip
