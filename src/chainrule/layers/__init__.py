"""Layers: one file a family. :data:`LAYERS` finds a family by the name that files hold."""

from typing import Any

from chainrule.layers.base import Layer, Parameter
from chainrule.layers.dense import Dense

LAYERS: dict[str, type[Any]] = {Dense.kind: Dense}

__all__ = ["LAYERS", "Dense", "Layer", "Parameter"]
