"""Schedules: hyperparameters that change from step to step.

A schedule stands where a number would: ``cr.Adam(cr.Cosine(1e-3))``, ``cr.AdamW(1e-3,
weight_decay=cr.FlatCosine(1e-2))``, ``cr.Dropout(cr.CosLog4(0.1))``. Each is an immutable function
of the step; the values are computed ahead into the program's table of hyperparameters, so that no
step waits for Python.

``t`` is the share of the training that is done, in [0, 1): the steps made over those of the
horizon, which is the number of epochs that the training was first asked for.
"""

from chainrule.schedules.decays import (
    Constant,
    Exponential,
    InverseScaling,
    ReduceOnPlateau,
    StepDecay,
)
from chainrule.schedules.entry import (
    SCHEDULES,
    Schedule,
    Steps,
    amount,
    as_data,
    from_dict,
    initial,
    named,
    register,
)
from chainrule.schedules.waves import Cosine, CosLog4, FlatCosine, OneCycle, Warmup

__all__ = [
    "SCHEDULES", "Constant", "CosLog4", "Cosine", "Exponential", "FlatCosine", "InverseScaling",
    "OneCycle", "ReduceOnPlateau", "Schedule", "StepDecay", "Steps", "Warmup", "amount",
    "as_data", "from_dict", "initial", "named", "register",
]  # fmt: skip
