"""Kernels that every program needs: rows in, rows out, sums of gradients, the reduction."""

import functools

import numpy as np

from chainrule.engine.dtypes import SOURCE_DTYPES
from chainrule.engine.kernel import (
    Constant,
    Context,
    Flat,
    Integers,
    Kernel,
    Matrix,
    Range,
    Scalar,
    Slots,
    Source,
    Sums,
    Vector,
    device,
    kernel,
    real,
)
from chainrule.engine.sources import (
    gather_dense,
    gather_integers,
    gather_sparse,
    write_rows,
)
from chainrule.equations import Equation, apply, symbols

X, i, x, y, a, w, out = symbols("X i x y a w out")
losses, slots, m, total, g = symbols("losses slots m total g")
share, classes = symbols("share classes")


ROWS_OF_SOURCE = Equation("x", apply("rows", X, i), "←")


@device()
def gather_rows(x: Matrix, X: Source, context: Context) -> None:
    """Stands for the function of a source's layout and type in the kernel below."""
    raise NotImplementedError


@kernel(ROWS_OF_SOURCE)
def gather(x: Matrix, X: Source, context: Context) -> None:
    """The rows of the tile, in the order of the epoch, in the program's dtype."""
    gather_rows(x, X, context)


@functools.cache
def gather_from(dtype: str, sparse: bool = False) -> Kernel:
    """The kernel that gathers from sources of a type, dense or CSR.

    Raises:
        ValueError: for a type that programs do not read.
    """
    found = next((known for known in SOURCE_DTYPES if np.dtype(known).name == dtype), None)
    if found is None:
        raise ValueError(f"programs do not read data of the type {dtype}")
    element = np.uint8 if found is np.bool_ else found
    layout = gather_sparse if sparse else gather_dense
    name = f"sparse_{dtype}" if sparse else dtype
    return gather.specialised(
        name, (ROWS_OF_SOURCE,), gather_rows=layout.with_globals(element=element)
    )


@kernel(ROWS_OF_SOURCE)
def gather_labels(x: Integers, X: Source, context: Context) -> None:
    """The labels of the tile's rows."""
    gather_integers(x, X, context)


@kernel(Equation("out", x + y))
def add(out: Flat, x: Flat, y: Flat, context: Context) -> None:
    """The gradient of a value that is read twice."""
    for k in range(out.size):
        out[k] = x[k] + y[k]


@kernel(Equation("out", (1 - share) * y + share / classes))
def smooth(out: Flat, y: Flat, share: Scalar, classes: Constant, context: Context) -> None:
    """Targets mixed with the uniform distribution over the classes: label smoothing."""
    rest, each = real(1) - real(share), real(share / classes)
    for k in range(out.size):
        out[k] = rest * y[k] + each


@kernel(Equation("out", (1 - share) * apply("onehot", y, a) + share / classes))
def smooth_labels(
    out: Matrix, y: Integers, a: Matrix, share: Scalar, classes: Constant, context: Context
) -> None:
    """The same for labels, which become rows with a column for each output of ``a``."""
    rest, each = real(1) - real(share), real(share / classes)
    for r in range(a.shape[0]):
        for c in range(a.shape[1]):
            out[r, c] = each
        out[r, y[r]] = rest + each


@kernel(Equation("out", apply("hadamard", apply("column", w), x)))
def weigh_rows(out: Matrix, x: Matrix, w: Vector, context: Context) -> None:
    """A gradient with respect to outputs, times the weight of its example."""
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[r, c] = w[r] * x[r, c]


@kernel(Equation("out", w * x))
def weigh_losses(out: Vector, x: Vector, w: Vector, context: Context) -> None:
    """The losses of the tile's examples, times their weights."""
    for r in range(out.size):
        out[r] = w[r] * x[r]


@device(fastmath={"reassoc"})
def float64_total(x: Vector) -> float:
    """Σᵢ xᵢ in float64."""
    s = 0.0
    for r in range(x.size):
        s += x[r]
    return s


@kernel(Equation("total", total + apply("sum_rows", losses)))
def sum_losses(total: Sums, losses: Vector, context: Context) -> None:
    """Add the losses of the tile to its slot's sum, which starts at 0 in the slot's first tile."""
    total[0, 0] = float64_total(losses) + (total[0, 0] if context.accumulate else 0.0)


@kernel(Equation("loss", apply("sum_rows", slots) / m))
def mean_loss(loss: Sums, slots: Sums, context: Context) -> None:
    """The loss of the batch: the slots' sums in their order, divided once."""
    s = 0.0
    for k in range(slots.shape[0]):
        s += slots[k, 0]
    loss[0, 0] = s / context.divisor


@kernel(Equation("g", apply("sum_rows", slots) / m))
def reduce_gradients(g: Range, slots: Slots, context: Context) -> None:
    """The gradient of the batch: the slots' sums in their order, divided once."""
    scale = real(1 / context.divisor)
    if slots.shape[0] == 1:
        for k in range(g.size):
            g[k] = slots[0, k] * scale
    elif slots.shape[0] == 2:
        for k in range(g.size):
            g[k] = (slots[0, k] + slots[1, k]) * scale
    else:
        for k in range(g.size):
            g[k] = slots[0, k]
        for s in range(1, slots.shape[0]):
            for k in range(g.size):
                g[k] += slots[s, k]
        for k in range(g.size):
            g[k] *= scale


@kernel(Equation("Y", a, "←"))
def store(Y: Source, a: Matrix, context: Context) -> None:
    """Write the rows of the tile to where the caller wants them."""
    write_rows(Y, a, context)
