"""Augmentation: what training changes in each batch, so that a network sees no row twice alike.

The steps stand between the gather of the rows and the first layer, one instruction each, in
training only. Their random numbers are keyed by seed, step and row of the batch: they depend
neither on tiles nor on threads, and :func:`chainrule.trace` can show those of any step.
"""

from chainrule.augmentation.steps import (
    Augmentation,
    FeatureDropout,
    Flip,
    Jitter,
    Mixup,
    RandomScale,
    Shift,
    augmented,
    checked_steps,
    mixed,
    mixes,
)

__all__ = [
    "Augmentation", "FeatureDropout", "Flip", "Jitter", "Mixup", "RandomScale", "Shift",
    "augmented", "checked_steps", "mixed", "mixes",
]  # fmt: skip
