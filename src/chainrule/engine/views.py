"""How compiled code turns an operand record into an array or a number.

Imports Numba: load it only where something is compiled.
"""

import functools

import numba
import numpy as np
from numba import carray

from chainrule.engine.device import bind
from chainrule.engine.dtypes import REALS
from chainrule.engine.intrinsics import load, pointer, size_of
from chainrule.engine.layout import CONTEXT

real = np.float64  # bound anew for each dtype

inlined = numba.njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
context_record = numba.from_dtype(CONTEXT)


@inlined
def context_of(address):
    """The context at an address, as an array of one record."""
    return carray(pointer(address, context_record), 1)


@inlined
def place(record, regions, context):
    """The address of an operand."""
    base = load(regions + 8 * load(record, np.int64), np.int64)
    return base + load(record + 8, np.int64) + load(record + 16, np.int64) * context.time


@inlined
def length(record, context):
    """The rows of an operand, where -1 and -2 stand for what is known only now."""
    rows = load(record + 24, np.int64)
    if rows == -1:
        rows = context.rows
    elif rows == -2:
        rows = context.slots
    return rows


def matrix(record, regions, context):
    shape = (length(record, context), load(record + 32, np.int64))
    return carray(pointer(place(record, regions, context), real), shape)


def vector(record, regions, context):
    return carray(pointer(place(record, regions, context), real), length(record, context))


def flat(record, regions, context):
    size = length(record, context) * load(record + 32, np.int64)
    return carray(pointer(place(record, regions, context), real), size)


def range_(record, regions, context):
    first = place(record, regions, context) + context.start * size_of(real)
    return carray(pointer(first, real), context.stop - context.start)


def slots(record, regions, context):
    first = place(record, regions, context) + context.start * size_of(real)
    return carray(pointer(first, real), (length(record, context), load(record + 32, np.int64)))


def integers(record, regions, context):
    return carray(pointer(place(record, regions, context), np.int64), length(record, context))


def sums(record, regions, context):
    shape = (length(record, context), load(record + 32, np.int64))
    return carray(pointer(place(record, regions, context), np.float64), shape)


def range_sum(record, regions, context):
    first = place(record, regions, context) + 8 * context.range
    return carray(pointer(first, np.float64), 1)


def group_sums(record, regions, context):
    first = place(record, regions, context) + 8 * context.first_range
    return carray(pointer(first, np.float64), context.last_range - context.first_range)


def scalar(record, regions, context):
    return load(place(record, regions, context), np.float64)


def scalars(record, regions, context):
    return carray(pointer(place(record, regions, context), np.float64), length(record, context))


def constant(record, regions, context):
    return load(record + 8, np.int64)


def source(record, regions, context):
    return carray(pointer(place(record, regions, context), np.int64), 8)


_VIEWS = {
    "matrix": matrix, "vector": vector, "flat": flat, "range": range_, "slots": slots,
    "integers": integers, "sums": sums, "range_sum": range_sum, "group_sums": group_sums,
    "scalar": scalar, "scalars": scalars, "constant": constant, "source": source,
}  # fmt: skip


@functools.cache
def view(kind, dtype):
    """The compiled function that makes an operand of a kind into what the kernel's body sees."""
    return inlined(bind(_VIEWS[kind], dtype, {"real": REALS[dtype]}))
