"""Optimizers, found by name in :data:`OPTIMIZERS`."""

from chainrule.optimizers.adam import Adam, AdamHat, AdamW, AMSGrad, NAdam
from chainrule.optimizers.adaptive import Adagrad, RMSprop
from chainrule.optimizers.descent import GradientDescent, Momentum, Nesterov
from chainrule.optimizers.entry import LETTERS, OPTIMIZERS, Optimizer, from_dict, named, register
from chainrule.optimizers.lion import Lion

__all__ = [
    "LETTERS", "OPTIMIZERS", "AMSGrad", "Adagrad", "Adam", "AdamHat", "AdamW", "GradientDescent",
    "Lion", "Momentum", "NAdam", "Nesterov", "Optimizer", "RMSprop", "from_dict",
    "named", "register",
]  # fmt: skip
