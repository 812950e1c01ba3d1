"""Losses, found by name in :data:`losses`.

The loss of a batch is the mean over its examples (``rss``: the sum) of a loss that is itself
summed over the outputs; ``delta`` and ``da`` are per example, and the division by the number of
examples happens once, where the gradient is reduced.
"""

from chainrule.losses import catalogue, classification, distribution, robust
from chainrule.losses.entry import Form, Loss, elementwise, find, losses, natural

__all__ = [
    "Form", "Loss", "catalogue", "classification", "distribution", "elementwise", "find", "losses",
    "natural", "robust",
]  # fmt: skip
