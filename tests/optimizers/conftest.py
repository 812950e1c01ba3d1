"""The update kernels on their own: any function can be minimised by them."""

import numpy as np
import pytest

from chainrule import dataflow
from chainrule.engine import layout
from chainrule.engine.builder import Builder
from chainrule.engine.executor import Executor
from chainrule.engine.program import ParameterSegment


def _descend(optimizer, gradient, start, steps, decays=None, seen=None):
    """Run an optimizer's kernel from a point, with the gradients of any function.

    The program is one return to the host, which writes the gradient, and the update.

    Args:
        optimizer: its specification.
        gradient: the function of the flat vector; float64 or float32 by the dtype of ``start``.
        start: the flat vector to start from; stays as it is.
        steps: how many.
        decays: what ``context.decay`` is for each element, each in a range of its own.
        seen: called with the flat vector after each step.
    """
    point = np.array(start)
    n = point.size
    builder = Builder(point.dtype.name, {}, dataflow.add)
    builder.parameter("x", (n,))
    builder.close_segment(layout.HOST)
    builder.phase = layout.UPDATE
    states = {name: builder.state(name) for name in optimizer.states}
    scalars = {name: builder.scalar(name, value) for name, value in optimizer.scalars.items()}
    p, g = builder.flat("p", layout.PARAMETERS), builder.flat("g", layout.GRADIENTS)
    builder.emit(optimizer.kernel, p=p, g=g, **states, **scalars)
    builder.close_segment(layout.CHUNKS)
    ranges = [ParameterSegment(0, n)]
    if decays is not None:
        ranges = [ParameterSegment(k, k + 1, decay=d, group=k) for k, d in enumerate(decays)]
    state = np.zeros(n * len(optimizer.states), point.dtype)

    def at_host(executor):
        executor.binding.gradients[:] = gradient(point)

    executor = Executor(
        builder.program(1, 1, ranges), point, {}, 1, 1, state=state, scalars=optimizer.scalars,
        epochs=steps, at_host=at_host,
    )  # fmt: skip
    with executor:
        for step in range(1, steps + 1):
            executor.run(step)
            if seen is not None:
                seen(point)
    assert executor.step == steps
    return point


@pytest.fixture(scope="session")
def descend():
    return _descend
