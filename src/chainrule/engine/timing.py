"""The time of a kernel's call, by repeating it in compiled code, as the walk makes it."""

import functools
import time
from collections.abc import Callable

from chainrule.engine import cache, native
from chainrule.engine.device import Intrinsic, bind

call_kernel = Intrinsic("call_kernel")
REPEATS = 5  # of which the fastest counts: others were disturbed


def repeat(times: int, address: int, operands: int, regions: int, context: int) -> None:
    """Call the kernel at an address so many times (compiled code only)."""
    for _ in range(times):
        call_kernel(address, operands, regions, context)


def _entry() -> Callable[..., None]:
    return bind(repeat, "float64", {})


@functools.cache
def compiled_repeat() -> Callable[..., None]:
    """The compiled loop, for every dtype."""
    return native.callable_at(cache.address("repeat", _entry, "any", [repeat]), 5)


def seconds_of_call(
    address: int, operands: int, regions: int, context: int, seconds: float
) -> float:
    """The time of one call.

    Args:
        address: of the compiled kernel; the next three are its arguments.
        operands: address of the operand records.
        regions: address of the region table.
        context: address of the context.
        seconds: how long each repetition shall take.

    Returns:
        Seconds, the least of several repetitions.
    """
    loop = compiled_repeat()
    place = (address, operands, regions, context)
    loop(1, *place)

    def of(times: int) -> float:
        start = time.perf_counter()
        loop(times, *place)
        return (time.perf_counter() - start) / times

    times = max(1, int(seconds / max(of(3), 1e-9)))
    return min(of(times) for _ in range(REPEATS))
