"""The matrix product in register blocks, compiled once and called by kernels at its address.

Its code is long: inside each kernel that multiplies it would be compiled again.
"""

import functools
from collections.abc import Callable
from typing import Any

from chainrule.engine import cache
from chainrule.engine.device import Intrinsic, device, jit, real

MICROKERNEL = "chainrule.engine.microkernel"
size_of = Intrinsic("size_of")
pointer = Intrinsic("pointer")
carray = Intrinsic("carray")
load = Intrinsic("load")
stack_scratch = Intrinsic("stack_scratch", MICROKERNEL)
vector_lanes = Intrinsic("vector_lanes", MICROKERNEL)
eight_rows = Intrinsic("eight_rows", MICROKERNEL)
eight_rows_masked = Intrinsic("eight_rows_masked", MICROKERNEL)
eight_rows_half = Intrinsic("eight_rows_half", MICROKERNEL)
up_to_eight_rows = Intrinsic("up_to_eight_rows", MICROKERNEL)
up_to_four_rows = Intrinsic("up_to_four_rows", MICROKERNEL)
one_row = Intrinsic("one_row", MICROKERNEL)
one_row_masked = Intrinsic("one_row_masked", MICROKERNEL)
one_row_of_four = Intrinsic("one_row_of_four", MICROKERNEL)

FOUR = 64  # at least four vectors of numbers


@device()
def constant(place: int, size: int, value: float) -> None:
    """Fill memory with a number."""
    x = carray(pointer(place, real), size)
    for i in range(size):
        x[i] = value


@device(fastmath={"reassoc", "contract"})
def dot(x: int, y: int, size: int) -> float:
    """Σₖ xₖ yₖ."""
    xs, ys = carray(pointer(x, real), size), carray(pointer(y, real), size)
    total = real(0)
    for k in range(size):
        total += xs[k] * ys[k]
    return total


@device()
def one_column(c: int, m: int, a: int, a_row: int, b: int, k: int, start: int, start_row: int
) -> None:  # fmt: skip
    """Row by row."""
    cs = carray(pointer(c, real), m)
    for i in range(m):
        cs[i] = load(start + i * start_row, real) + dot(a + i * a_row, b, k)


@device(inline=False)
def many_rows(
    c: int, m: int, n: int, a: int, a_row: int, a_step: int, b: int, b_step: int, k: int,
    start: int, start_row: int, start_column: int,
) -> None:  # fmt: skip
    """Columns by vectors, rows by eights; the last of each by blocks that are masked."""
    size, lanes = size_of(real), vector_lanes(real(0))
    row = n * size
    eights = m - (m & 7)
    column = 0
    while column < n:
        some = min(lanes, n - column)
        b_at, c_at, s_at = b + column * size, c + column * size, start + column * start_column
        i = 0
        # One loop each: a branch inside would be taken for every eight rows.
        if some == lanes:
            while i < eights:
                eight_rows(a + i * a_row, a_row, a_step, b_at, b_step, s_at + i * start_row,
                           start_row, c_at + i * row, row, k, 8, some, real(0))  # fmt: skip
                i += 8
        elif 2 * some > lanes:
            while i < eights:
                eight_rows_masked(a + i * a_row, a_row, a_step, b_at, b_step, s_at + i * start_row,
                                  start_row, c_at + i * row, row, k, 8, some, real(0))  # fmt: skip
                i += 8
        else:
            while i < eights:
                eight_rows_half(a + i * a_row, a_row, a_step, b_at, b_step, s_at + i * start_row,
                                start_row, c_at + i * row, row, k, 8, some, real(0))  # fmt: skip
                i += 8
        a_at, c_at, s_at = a + eights * a_row, c_at + eights * row, s_at + eights * start_row
        if m - eights > 4:
            up_to_eight_rows(a_at, a_row, a_step, b_at, b_step, s_at, start_row, c_at, row, k,
                             m - eights, some, real(0))  # fmt: skip
        elif m > eights:
            up_to_four_rows(a_at, a_row, a_step, b_at, b_step, s_at, start_row, c_at, row, k,
                            m - eights, some, real(0))  # fmt: skip
        column += lanes


@device()
def single_row(
    c: int, n: int, a: int, a_step: int, b: int, b_step: int, k: int, start: int, start_column: int
) -> None:
    """Four vectors at once, as each waits for its last multiplication."""
    size, lanes = size_of(real), vector_lanes(real(0))
    column = 0
    while column + 4 * lanes <= n:
        at = column * size
        one_row_of_four(a, 0, a_step, b + at, b_step, start + column * start_column, 0, c + at, 0,
                        k, 1, lanes, real(0))  # fmt: skip
        column += 4 * lanes
    while column < n:
        some = min(lanes, n - column)
        at, s_at = column * size, start + column * start_column
        if some == lanes:
            one_row(a, 0, a_step, b + at, b_step, s_at, 0, c + at, 0, k, 1, some, real(0))
        else:
            one_row_masked(a, 0, a_step, b + at, b_step, s_at, 0, c + at, 0, k, 1, some, real(0))
        column += lanes


def product(
    c: int, m: int, n: int, a: int, a_row: int, a_step: int, b: int, b_step: int, k: int,
    start: int, start_row: int, start_column: int,
) -> None:  # fmt: skip
    """C = start + A·B, for addresses and strides in bytes.

    Args:
        c: C (m, n), contiguous.
        a, a_row, a_step: A (m, k), and from row to row and along the inner dimension; 0 for ones.
        b, b_step: B (k, n), and from row to row.
        start, start_row, start_column: what is added to, with its strides; 0 for zeros.
    """
    one = stack_scratch(real(0), 1)
    zeros = stack_scratch(real(0), FOUR)
    if a == 0:
        constant(one, 1, real(1))
        a = one
    if start == 0:
        constant(zeros, FOUR, real(0))
        start = zeros
    if m == 1 and n > 1:
        single_row(c, n, a, a_step, b, b_step, k, start, start_column)
    elif n == 1 and a_step == size_of(real) and b_step == a_step:
        one_column(c, m, a, a_row, b, k, start, start_row)
    else:
        many_rows(c, m, n, a, a_row, a_step, b, b_step, k, start, start_row, start_column)


@functools.cache
def product_address(dtype: str) -> int:
    """The address of :func:`product` for a dtype, loaded or compiled now if need be."""
    return cache.address(f"product_{dtype}", lambda: _entry(dtype), dtype, [product])


def _entry(dtype: str) -> Callable[..., Any]:
    body = jit(product, dtype, {}, set(), inline=True)
    parameters = ", ".join(product.__code__.co_varnames[: product.__code__.co_argcount])
    return cache.entry_point(f"product_{dtype}", f"({parameters})", f"body({parameters})",
                             {"__name__": __name__, "body": body})  # fmt: skip
