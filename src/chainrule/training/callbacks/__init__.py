"""What can be called after each epoch: conditions that end a training, files that it writes.

See :mod:`chainrule.training.callbacks.protocol` for what a callback may be.
"""

from chainrule.training.callbacks.conditions import Converged, EarlyStopping, Reached, TimeLimit
from chainrule.training.callbacks.files import Checkpoint, HistoryFile
from chainrule.training.callbacks.protocol import Callback, Epoch
from chainrule.training.callbacks.running import Callbacks

__all__ = [
    "Callback", "Callbacks", "Checkpoint", "Converged", "EarlyStopping", "Epoch", "HistoryFile",
    "Reached", "TimeLimit",
]  # fmt: skip
