"""Matrix products for kernels: blocks in registers where they beat BLAS, else BLAS.

Measured on a processor with AVX-512 and one thread: the time of the blocks over that of OpenBLAS
0.3, which has kernels of its own for small products.

    m, k, n          a·W     aᵀ·delta    delta·Wᵀ
    32, 16, 16       0.86    0.89        0.65
    128, 64, 64      0.99    0.98        0.87
    128, 64, 10      0.78    0.94        0.65
    512, 32, 16      0.94    0.97        0.70
    200, 784, 100    0.94    0.82
    128, 512, 512    0.88    0.82
    512, 256, 512    1.05    1.12

Up to an inner dimension of ``LONGEST`` the strip of the right-hand matrix that a block walks along
stays in the cache; delta·Wᵀ needs a transposed copy of W, made on the stack as far as it fits.
"""

from chainrule.engine.kernel import (
    Context,
    Flat,
    Intrinsic,
    Matrix,
    Vector,
    device,
    real,
)

MICROKERNEL = "chainrule.engine.microkernel"
call_gemm = Intrinsic("call_gemm")
size_of = Intrinsic("size_of")
pointer = Intrinsic("pointer")
carray = Intrinsic("carray")
vector_lanes = Intrinsic("vector_lanes", MICROKERNEL)
stack_scratch = Intrinsic("stack_scratch", MICROKERNEL)
eight_rows = Intrinsic("eight_rows", MICROKERNEL)
eight_rows_masked = Intrinsic("eight_rows_masked", MICROKERNEL)
one_row = Intrinsic("one_row", MICROKERNEL)
one_row_masked = Intrinsic("one_row_masked", MICROKERNEL)
one_row_of_four = Intrinsic("one_row_of_four", MICROKERNEL)

LONGEST = 1024  # inner dimension up to which blocks are used
TRANSPOSED = 8192  # elements of W that are transposed on the stack
MOST_LANES = 16


@device(inline=False)
def gemm(
    out: Matrix, a: Matrix, b: Matrix, trans_a: bool, trans_b: bool, beta: float, context: Context
) -> None:
    """out = op(a)·op(b) + beta * out, by BLAS; rows in Fortran are columns here."""
    m, n = out.shape
    k = a.shape[0] if trans_a else a.shape[1]
    if m > 0 and n > 0:
        call_gemm(context.gemm, trans_b, trans_a, n, m, k, b.ctypes.data, b.shape[1],
                  a.ctypes.data, a.shape[1], real(beta), out.ctypes.data, n)  # fmt: skip


@device()
def clear(x: Flat) -> None:
    """Set every element to 0."""
    for i in range(x.size):
        x[i] = real(0)


@device()
def fill_rows(z: Matrix, b: Vector) -> None:
    """Every row of z is b."""
    for i in range(z.shape[0]):
        for c in range(b.size):
            z[i, c] = b[c]


@device()
def add_rows(db: Vector, delta: Matrix) -> None:
    """db += Σᵢ deltaᵢ."""
    if db.size == 1:
        total = db[0]
        for i in range(delta.shape[0]):
            total += delta[i, 0]
        db[0] = total
    else:
        for i in range(delta.shape[0]):
            for k in range(db.size):
                db[k] += delta[i, k]


@device(fastmath={"reassoc", "contract"})
def row_dot_row(a: Matrix, i: int, b: Matrix, j: int) -> float:
    """Σₖ aᵢₖ bⱼₖ."""
    total = real(0)
    for k in range(a.shape[1]):
        total += a[i, k] * b[j, k]
    return total


@device(inline=False)
def blocks(
    out: Matrix, a: int, a_row: int, a_step: int, b: int, b_step: int, k: int,
    start: int, start_row: int, start_column: int,
) -> None:  # fmt: skip
    """out = start + A·B, with A and start given by address and strides in bytes, B by rows."""
    m, n = out.shape
    size, lanes = size_of(real), vector_lanes(real(0))
    c, c_row = out.ctypes.data, out.shape[1] * size_of(real)
    if m == 1:
        single_row(out, a, a_step, b, b_step, k, start, start_column)
        return
    for column in range(0, n, lanes):
        some = min(lanes, n - column)
        b_at, c_at = b + column * size, c + column * size
        s_at = start + column * start_column
        for i in range(0, m, 8):
            count = min(8, m - i)
            if some == lanes:
                eight_rows(
                    a + i * a_row,
                    a_row,
                    a_step,
                    b_at,
                    b_step,
                    s_at + i * start_row,
                    start_row,
                    c_at + i * c_row,
                    c_row,
                    k,
                    count,
                    some,
                    real(0),
                )
            else:
                eight_rows_masked(a + i * a_row, a_row, a_step, b_at, b_step,
                                  s_at + i * start_row, start_row, c_at + i * c_row, c_row, k,
                                  count, some, real(0))  # fmt: skip


@device()
def single_row(
    out: Matrix, a: int, a_step: int, b: int, b_step: int, k: int, start: int, start_column: int
) -> None:
    """The same for one row: four vectors at once, as each waits for its last multiplication."""
    n, size, lanes, c = out.shape[1], size_of(real), vector_lanes(real(0)), out.ctypes.data
    column = 0
    if start_column != 0:
        while column + 4 * lanes <= n:
            at = column * size
            one_row_of_four(a, 0, a_step, b + at, b_step, start + at, 0, c + at, 0, k, 1, lanes,
                            real(0))  # fmt: skip
            column += 4 * lanes
    while column < n:
        some = min(lanes, n - column)
        at, s_at = column * size, start + column * start_column
        if some == lanes:
            one_row(a, 0, a_step, b + at, b_step, s_at, 0, c + at, 0, k, 1, some, real(0))
        else:
            one_row_masked(a, 0, a_step, b + at, b_step, s_at, 0, c + at, 0, k, 1, some, real(0))
        column += lanes


@device()
def affine_product(z: Matrix, a: Matrix, W: Matrix, b: Vector, context: Context) -> None:
    """z = a·W + b."""
    m, n = z.shape
    k, size = a.shape[1], size_of(real)
    if n == 1:
        w = W.reshape(1, k)
        for i in range(m):
            z[i, 0] = b[0] + row_dot_row(a, i, w, 0)
    elif k <= LONGEST:
        blocks(z, a.ctypes.data, k * size, size, W.ctypes.data, n * size, k, b.ctypes.data, 0, size)
    else:
        fill_rows(z, b)
        gemm(z, a, W, False, False, 1.0, context)


@device()
def add_product(z: Matrix, a: Matrix, W: Matrix, context: Context) -> None:
    """z += a·W."""
    m, n = z.shape
    k, size = a.shape[1], size_of(real)
    if n == 1:
        w = W.reshape(1, k)
        for i in range(m):
            z[i, 0] += row_dot_row(a, i, w, 0)
    elif k <= LONGEST:
        at = z.ctypes.data
        blocks(z, a.ctypes.data, k * size, size, W.ctypes.data, n * size, k, at, n * size, size)
    else:
        gemm(z, a, W, False, False, 1.0, context)


@device()
def outer_product(dW: Matrix, a: Matrix, delta: Matrix, add: bool, context: Context) -> None:
    """dW = aᵀ·delta, or dW += aᵀ·delta."""
    k, n = dW.shape
    m, size = a.shape[0], size_of(real)
    if m > LONGEST:
        gemm(dW, a, delta, True, False, 1.0 if add else 0.0, context)
        return
    zeros = stack_scratch(real(0), MOST_LANES)
    clear(carray(pointer(zeros, real), MOST_LANES))
    start, row, column_step = (dW.ctypes.data, n * size, size) if add else (zeros, 0, 0)
    if n == 1:
        # One column: its transpose, deltaᵀ·a, has whole vectors.
        blocks(dW.reshape(1, k), delta.ctypes.data, 0, size, a.ctypes.data, k * size, m, start, 0,
               column_step)  # fmt: skip
    else:
        blocks(dW, a.ctypes.data, size, k * size, delta.ctypes.data, n * size, m, start, row,
               column_step)  # fmt: skip


@device()
def back_product(da: Matrix, delta: Matrix, W: Matrix, context: Context) -> None:
    """da = delta·Wᵀ."""
    m, k = da.shape
    n, size = delta.shape[1], size_of(real)
    zeros = stack_scratch(real(0), MOST_LANES)
    clear(carray(pointer(zeros, real), MOST_LANES))
    if n == 1:
        # W is one column: its transpose is a row already.
        blocks(da, delta.ctypes.data, size, size, W.ctypes.data, k * size, 1, zeros, 0, 0)
    elif m < 8:
        for i in range(m):
            for j in range(k):
                da[i, j] = row_dot_row(delta, i, W, j)
    elif n * k <= TRANSPOSED:
        copy = stack_scratch(real(0), TRANSPOSED)
        transposed = carray(pointer(copy, real), (n, k))
        for j in range(k):
            for c in range(n):
                transposed[c, j] = W[j, c]
        blocks(da, delta.ctypes.data, n * size, size, copy, k * size, n, zeros, 0, 0)
    else:
        gemm(da, delta, W, False, True, 0.0, context)
