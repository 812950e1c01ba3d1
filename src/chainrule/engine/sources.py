"""Data sources: arrays that programs read where they lie, by address, type and strides."""

from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.dtypes import SOURCE_DTYPES, source_code
from chainrule.engine.kernel import Context, Integers, Intrinsic, Matrix, Source, device, real
from chainrule.engine.layout import SOURCE_WORDS

load = Intrinsic("load")
pointer = Intrinsic("pointer")
carray = Intrinsic("carray")
size_of = Intrinsic("size_of")
prefetch = Intrinsic("prefetch")
int32, int64 = np.int32, np.int64
AHEAD = 2  # rows that are asked for before they are read
LINE = 64  # bytes of a cache line
element = np.float64  # the type of a source; bound anew for each kernel


class SourceType(NamedTuple):
    """What a kernel must know of a source: the type of its elements, and whether it is CSR."""

    dtype: str
    sparse: bool = False


def type_of(data: Any) -> SourceType:
    """The type of what :func:`describe` makes of an array or a CSR matrix."""
    code = source_code(data.dtype)
    read = np.float64 if code is None else SOURCE_DTYPES[code]
    return SourceType(np.dtype(read).name, hasattr(data, "indptr"))


def describe(data: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """Describe an array or a CSR matrix for the kernels that gather from it.

    Args:
        data: a numeric array of one or two dimensions, any strides, or a SciPy CSR matrix.

    Returns:
        The descriptor, and the arrays that must live as long as it is used. These are ``data``
        itself, except where its type is none that kernels read: then a float64 copy.

    Raises:
        TypeError: for a sparse matrix of another format, whose columns would be read as rows.
    """
    if hasattr(data, "indptr"):
        if data.format != "csr":
            raise TypeError(f"a sparse source must be a CSR matrix, not {data.format}")
        values = np.ascontiguousarray(readable(data.data))
        indptr = np.ascontiguousarray(data.indptr)
        indices = np.ascontiguousarray(data.indices, dtype=indptr.dtype)
        descriptor = _descriptor(values, int(data.shape[1]))
        descriptor[5:8] = indptr.ctypes.data, indices.ctypes.data, indptr.dtype.itemsize == 8
        return descriptor, [values, indptr, indices]
    array = readable(data)
    columns = 1 if array.ndim == 1 else int(array.shape[1])
    return _descriptor(array, columns), [array]


def readable(array: Any) -> Any:
    """The array or CSR matrix itself if kernels read its type, else a float64 copy."""
    return array if source_code(array.dtype) is not None else array.astype(np.float64)


def _descriptor(array: np.ndarray, columns: int) -> np.ndarray:
    descriptor = np.zeros(SOURCE_WORDS, np.int64)
    code = source_code(array.dtype)
    assert code is not None
    column_stride = array.strides[1] if array.ndim > 1 else array.itemsize
    descriptor[:5] = array.ctypes.data, code, array.strides[0], column_stride, columns
    return descriptor


@device()
def source_row(i: int, context: Context) -> int:
    """The row of the source that row ``i`` of the tile is."""
    row = context.row + i
    return load(context.order + 8 * row, int64) if context.order != 0 else row


@device()
def gather_dense(x: Matrix, source: Source, context: Context) -> None:
    """The rows of the tile from a dense source of type ``element``, converted on the way."""
    width, column_stride = x.shape[1], source[3]
    if context.order == 0 and column_stride == size_of(element) and (
        source[2] == width * column_stride
    ):  # fmt: skip
        lines = carray(pointer(source[0] + context.row * source[2], element), x.size)
        line = carray(pointer(x.ctypes.data, real), x.size)
        for k in range(x.size):
            line[k] = real(lines[k])
        return
    span = width * column_stride if column_stride == size_of(element) else 0
    for i in range(x.shape[0]):
        at = source[0] + source_row(i, context) * source[2]
        if context.order != 0 and i + AHEAD < x.shape[0]:
            # The processor itself foresees what lies in a row, not where the next one begins.
            coming = source[0] + source_row(i + AHEAD, context) * source[2]
            end = coming + span
            while coming < end:
                prefetch(coming)
                coming += LINE
        if column_stride == size_of(element):
            row = carray(pointer(at, element), width)
            for j in range(width):
                x[i, j] = real(row[j])
        else:
            for j in range(width):
                x[i, j] = real(load(at + j * column_stride, element))


@device()
def gather_sparse(x: Matrix, source: Source, context: Context) -> None:
    """The rows of the tile from a CSR source; what is not stored is 0."""
    width = 8 if source[7] else 4
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] = real(0)
        at = source[5] + source_row(i, context) * width
        first, last = load(at, int64), load(at + width, int64)
        if width == 4:
            first, last = int64(load(at, int32)), int64(load(at + 4, int32))
        for k in range(first, last):
            column = load(source[6] + 8 * k, int64) if width == 8 else (
                int64(load(source[6] + 4 * k, int32))
            )  # fmt: skip
            x[i, column] += real(load(source[0] + k * size_of(element), element))


@device()
def gather_integers(labels: Integers, source: Source, context: Context) -> None:
    """One int64 for each row of the tile, from a source of int64."""
    for i in range(labels.size):
        labels[i] = load(source[0] + source_row(i, context) * source[2], int64)


@device()
def write_rows(target: Source, a: Matrix, context: Context) -> None:
    """The tile's rows into a contiguous array of the program's dtype, from ``context.row`` on."""
    width = a.shape[1]
    place = carray(pointer(target[0] + context.row * target[2], real), a.size)
    for i in range(a.shape[0]):
        for j in range(width):
            place[i * width + j] = a[i, j]
