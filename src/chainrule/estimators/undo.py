"""A fit that fails leaves no traces: an estimator is what it was before, fitted or not."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def all_or_nothing(estimator: Any, in_place: bool) -> Iterator[None]:
    """Give an estimator its attributes back if what is done with it fails.

    Args:
        estimator: whose attributes are set in the block.
        in_place: whether the network that it has is trained on, and not replaced.
    """
    undo = _snapshot(estimator, in_place)
    try:
        yield
    except BaseException:
        undo()
        raise


def _snapshot(estimator: Any, in_place: bool) -> Callable[[], None]:
    """What puts everything back to how it is now."""
    attributes = dict(vars(estimator))
    undo = []
    if in_place:
        undo += [_snapshot(member, True) for member in attributes.get("estimators_", ())]
        if "network_" in attributes:
            undo += [_of_network(attributes["network_"]), _of_progress(attributes["_progressed"])]

    def put_back() -> None:
        for one in undo:
            one()
        vars(estimator).clear()
        vars(estimator).update(attributes)

    return put_back


def _of_network(network: Any) -> Callable[[], None]:
    vector, values = network.vector, network.vector.copy()

    def put_back() -> None:
        network.vector = vector
        vector[:] = values

    return put_back


def _of_progress(progressed: Any) -> Callable[[], None]:
    """Its lists only grow, and may be long: their lengths are enough."""
    attributes = dict(vars(progressed))
    lengths = {name: len(v) for name, v in attributes.items() if isinstance(v, list)}

    def put_back() -> None:
        vars(progressed).update(attributes)
        for name, length in lengths.items():
            del attributes[name][length:]

    return put_back
