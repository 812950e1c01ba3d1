"""The compiled loop as a function for Python, found without Numba where they are stored."""

import functools
from collections.abc import Callable

import numpy as np

from chainrule.engine import cache, native


@functools.cache
def compiled_walk() -> Callable[[int, int, int], None]:
    """The walk of a worker, of so many, over the arrays of a table at an address.

    That of a helper, any but worker 0, lasts until it is told to quit.
    """

    def entry() -> Callable[..., None]:
        from chainrule.engine import walker

        return walker.walk_at

    return native.callable_at(cache.address("walk", entry, "any"), 3)


def table_of(*arrays: np.ndarray) -> np.ndarray:
    """The addresses of arrays, in pairs with their lengths; the arrays have to be kept."""
    return np.array([word for a in arrays for word in (a.ctypes.data, len(a))], np.int64)
