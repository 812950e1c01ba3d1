"""The callbacks of one training, together."""

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.network import Network
from chainrule.training.callbacks.protocol import Callback, Epoch
from chainrule.training.history import MOST_EPOCHS, TrainingState


class Callbacks:
    """The callbacks of one training: told of its start, its epochs and its end.

    Args:
        callbacks: what the user gave; see :mod:`chainrule.training.callbacks.protocol`.
        figures: the names of the figures that there will be.

    Raises:
        ValueError: if one is no callback, or watches a figure that is not computed.
    """

    def __init__(self, callbacks: Any, figures: Sequence[str]) -> None:
        if not hasattr(callbacks, "__iter__") or not all(callable(c) for c in callbacks):
            raise ValueError("callbacks must be functions of an Epoch, in a list")
        given: list[Callback] = list(callbacks)
        self._all = sorted(given, key=lambda c: bool(getattr(c, "last", False)))
        self._names = _names(self._all)
        self._network: Network | None = None
        self._state: TrainingState | None = None
        for callback in self._all:
            if hasattr(callback, "start"):
                callback.start(figures)

    def __len__(self) -> int:
        return len(self._all)

    def begin(self, network: Network, state: TrainingState) -> str | None:
        """The training is about to start; the reason not to, if there is one.

        Raises:
            ValueError: if what a callback remembers or writes does not fit.
        """
        self._network, self._state = network, state
        for name, callback in zip(self._names, self._all, strict=True):
            if name in state.callbacks and hasattr(callback, "restore"):
                callback.restore(state.callbacks[name])
        return self._first_reason([c.begin for c in self._all if hasattr(c, "begin")])

    def together(self) -> int:
        """How many epochs may pass before the next call."""
        each = [c.together() if hasattr(c, "together") else 1 for c in self._all]
        return min(each, default=MOST_EPOCHS)

    def __call__(self) -> str | None:
        """Epochs are completed; the reason to stop, if there is one."""
        return self._first_reason(self._all)

    def finish(self) -> int | None:
        """The training is over; the number of the best epoch, if a callback knows it."""
        assert self._state is not None
        for callback in self._all:
            if hasattr(callback, "finish"):
                callback.finish(self._epoch())
        self._state_now()
        known = (getattr(callback, "best_epoch", None) for callback in self._all)
        return next((number for number in known if number is not None), None)

    def _first_reason(self, functions: Sequence[Callback]) -> str | None:
        epoch = self._epoch()
        reasons = [reason for reason in (function(epoch) for function in functions) if reason]
        return reasons[0] if reasons else None

    def _epoch(self) -> Epoch:
        network, state = self._network, self._state
        assert network is not None
        assert state is not None
        return Epoch(state.epoch, state.step, network, state.history, self._state_now)

    def _state_now(self) -> TrainingState:
        assert self._state is not None
        self._state.callbacks = self._states()
        return self._state

    def _states(self) -> dict[str, Mapping[str, Any]]:
        named = zip(self._names, self._all, strict=True)
        return {name: callback.state() for name, callback in named if hasattr(callback, "state")}


def _names(callbacks: Sequence[Callback]) -> list[str]:
    """The name of each, and its number among those of the same name from the second on."""
    names: list[str] = []
    for callback in callbacks:
        name = str(getattr(callback, "name", type(callback).__name__))
        names.append(name)
    return [
        name if names.index(name) == place else f"{name} {names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]
