"""Activation functions, found by name in :data:`activations`."""

from chainrule.activations import catalogue, further
from chainrule.activations.entry import Activation, activations, find

__all__ = ["Activation", "activations", "catalogue", "find", "further"]
