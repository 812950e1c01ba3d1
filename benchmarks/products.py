"""The work ``products``: register blocks against BLAS, in the kernels that multiply.

The table of :mod:`chainrule.engine.linalg`, and the reason for its two limits: the same kernels are
compiled once as they are and once so that every product goes to BLAS, and run in turns.
"""

import statistics
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from chainrule.engine import linalg
from chainrule.engine.binding import Binding, contexts_for
from chainrule.engine.blas import one_thread
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Kernel
from chainrule.engine.layout import TILES
from chainrule.engine.program import planned
from chainrule.engine.timing import seconds_of_call
from chainrule.layers import dense

#: (m, k, n): rows of a tile, inputs and units of a layer.
SHAPES = (
    (32, 16, 16), (64, 64, 64), (128, 64, 64), (128, 64, 10), (500, 32, 16), (100, 784, 100),
    (128, 128, 512), (128, 512, 512), (256, 512, 512), (512, 256, 512), (256, 1024, 256),
)  # fmt: skip
#: The kernels, and what each of them calls.
KERNELS = {
    "a·W": (dense.affine, "affine_product"),
    "aᵀ·delta": (dense.weight_gradient, "outer_product"),
    "delta·Wᵀ": (dense.input_gradient, "back_product"),
}
SECONDS = 0.02


def _by_blas(kernel: Kernel, called: str) -> Kernel:
    """The same kernel with limits that leave everything to BLAS."""
    function = getattr(linalg, called).with_globals(LONGEST=0, TRANSPOSED=0)
    return kernel.specialised("blas", kernel.equations, **{called: function})


def _call(kernel: Kernel, m: int, k: int, n: int) -> tuple[Any, ...]:
    """What a call of the kernel needs, on random numbers."""
    builder = Builder("float32", {}, None)
    shapes = {"a": k, "z": n, "delta": n, "da": k}
    W, b = builder.parameter("W", (k, n)), builder.parameter("b", (n,))
    buffers = {name: builder.value(name, columns) for name, columns in shapes.items()}
    known = {**buffers, "W": W, "b": b, "again": 0}
    if "dW" in kernel.operands:
        known["dW"] = builder.parameter_gradient(W)[0]
    builder.emit(kernel, **{name: known[name] for name in kernel.operands})
    builder.close_segment(TILES)
    program = planned(builder.program(m, 1))
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(program.parameters).astype(np.float32)
    binding = Binding(program, vector, {}, None, {}, 1)
    binding.arenas[0].view(np.float32)[:] = rng.standard_normal(binding.arenas[0].size // 4)
    contexts = contexts_for(program, 1, 0, 0)
    contexts["rows"] = m
    address, operands = int(binding.tables.instructions[0, 0]), binding.tables.operands
    call = (address, operands.ctypes.data, binding.regions.ctypes.data, contexts.ctypes.data)
    return call, (binding, contexts, vector)


def _ratio(name: str, shape: tuple[int, int, int], rounds: int) -> tuple[float, float]:
    """The time of the blocks over that of BLAS, and the blocks' operations a second."""
    kernel, called = KERNELS[name]
    ours, alive = _call(kernel, *shape)
    theirs, also_alive = _call(_by_blas(kernel, called), *shape)
    ratios, times = [], []
    with one_thread:
        for _ in range(rounds):
            times.append(seconds_of_call(*ours, SECONDS))
            ratios.append(times[-1] / seconds_of_call(*theirs, SECONDS))
    del alive, also_alive
    return statistics.median(ratios), 2 * float(np.prod(shape)) / statistics.median(times)


def run(console: Console, rounds: int) -> dict[str, Any]:
    """Measure, show and return the ratios."""
    table = Table(title="products: blocks / BLAS, one thread, float32", title_justify="left")
    for heading in ("m, k, n", *KERNELS, *(f"Gflop/s {name}" for name in KERNELS)):
        table.add_column(heading, justify="left" if heading == "m, k, n" else "right")
    found: dict[str, Any] = {}
    for shape in SHAPES:
        rows = {name: _ratio(name, shape, rounds) for name in KERNELS}
        found[", ".join(map(str, shape))] = {name: ratio for name, (ratio, _) in rows.items()}
        table.add_row(
            ", ".join(map(str, shape)), *(f"{ratio:.2f}" for ratio, _ in rows.values()),
            *(f"{rate / 1e9:.0f}" for _, rate in rows.values()),
        )  # fmt: skip
    console.print(table)
    return found
