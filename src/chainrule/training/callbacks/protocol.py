"""What a callback is: a function of :class:`Epoch`, called after each epoch.

What it returns, if anything, is the reason to stop; all callbacks of an epoch are called, and the
first reason counts. An object may have more than its call, each part optional:

``start(figures)``
    Told before any work which figures there will be; forgets what it kept of an earlier training.
``state()`` and ``restore(state)``
    What it must remember for a training that goes on: a mapping from names to numbers, texts,
    lists of them, and arrays. Kept in :class:`~chainrule.training.history.TrainingState` and in
    checkpoints, and given back after ``start`` when a training goes on from there. It is matched by
    the callback's ``name``, which is by default that of its class; several of one name are
    counted. Arrays that it has given out it replaces, and never writes into.
``begin(epoch)``
    The epoch that the training starts behind, before any work: number 0, or that of the state.
    May return a reason to stop at once: so a training that was killed after its last epoch ends
    as it would have ended.
``finish(epoch)``
    The training is over, by its epochs, a reason or an interruption, not by an error. May change
    the network and ``epoch.state``.
``together()``
    How many epochs may pass before it is called again, by default 1. One that looks at the losses
    alone, and cannot stop before some more epochs, spares the training the way back to Python
    after each: it then finds several new losses in the history. Where more than the loss is
    computed for each epoch it is called after each all the same.
``last = True``
    It is called after the others, when what they remember is that of this epoch.
``best_epoch``
    The number of the best epoch, for the result.

An error in a callback ends the training and reaches the caller; network and state are then those of
the last completed epoch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from chainrule.network import Network
from chainrule.training.history import History, TrainingState


@dataclass(frozen=True)
class Epoch:
    """What a callback sees after an epoch.

    Attributes:
        number: epochs completed, those of earlier trainings included.
        step: updates made.
        network: with the parameters as they are now.
        history: the figures so far.
    """

    number: int
    step: int
    network: Network
    history: History
    state_now: Callable[[], TrainingState] | None = field(default=None, repr=False)

    @property
    def state(self) -> TrainingState:
        """What is needed to go on from here; alive, so copy what you keep."""
        assert self.state_now is not None
        return self.state_now()


Callback = Callable[[Epoch], str | None]
