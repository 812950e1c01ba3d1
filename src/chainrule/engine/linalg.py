"""Matrix products for kernels: blocks in registers where they beat BLAS, else BLAS.

The time of the blocks over that of OpenBLAS 0.3, which has kernels of its own for small products,
on a processor with AVX-512 and one thread (``make bench WORK=products`` measures it anew):

    m, k, n           a·W     aᵀ·delta    delta·Wᵀ
    32, 16, 16        0.80    1.09        0.70
    64, 64, 64        0.98    0.99        0.87
    128, 64, 64       0.96    0.99        0.85
    128, 64, 10       0.74    1.33        0.73
    500, 32, 16       0.87    1.00        0.68
    100, 784, 100     0.81    0.84        (BLAS)
    128, 512, 512     0.89    0.94        (BLAS)
    256, 512, 512     0.89    0.92        (BLAS)
    512, 256, 512     0.97    0.87        (BLAS)
    256, 1024, 256    0.89    1.16        (BLAS)

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
call_product = Intrinsic("call_product")
size_of = Intrinsic("size_of")
pointer = Intrinsic("pointer")
carray = Intrinsic("carray")
stack_scratch = Intrinsic("stack_scratch", MICROKERNEL)

LONGEST = 1024  # inner dimension up to which blocks are used
TRANSPOSED = 8192  # elements of W that are transposed on the stack


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
def in_line(x: Matrix) -> Flat:
    """All elements in one line; ``reshape`` would call Numba's runtime, which may not be there."""
    return carray(pointer(x.ctypes.data, real), x.size)


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


@device(fastmath={"reassoc"})
def column_total(x: Matrix) -> float:
    """Σᵢ xᵢ of a matrix of one column."""
    total = real(0)
    for i in range(x.shape[0]):
        total += x[i, 0]
    return total


@device()
def total_of_rows(db: Vector, delta: Matrix, add: bool, context: Context) -> None:
    """db = Σᵢ deltaᵢ, or db += Σᵢ deltaᵢ: the product of a row of ones and delta."""
    m, n = delta.shape
    if n == 1:
        db[0] = column_total(delta) + (db[0] if add else real(0))
    else:
        size, at = size_of(real), db.ctypes.data
        start, step = (at, size) if add else (0, 0)
        call_product(context.product, at, 1, n, 0, 0, 0, delta.ctypes.data, n * size, m, start, 0,
                     step)  # fmt: skip


@device()
def affine_product(z: Matrix, a: Matrix, W: Matrix, b: Vector, context: Context) -> None:
    """z = a·W + b."""
    m, n = z.shape
    k, size = a.shape[1], size_of(real)
    if k <= LONGEST:
        call_product(context.product, z.ctypes.data, m, n, a.ctypes.data, k * size, size,
                     W.ctypes.data, n * size, k, b.ctypes.data, 0, size)  # fmt: skip
    else:
        fill_rows(z, b)
        gemm(z, a, W, False, False, 1.0, context)


@device()
def add_product(z: Matrix, a: Matrix, W: Matrix, context: Context) -> None:
    """z += a·W."""
    m, n = z.shape
    k, size, at = a.shape[1], size_of(real), z.ctypes.data
    if k <= LONGEST:
        call_product(context.product, at, m, n, a.ctypes.data, k * size, size, W.ctypes.data,
                     n * size, k, at, n * size, size)  # fmt: skip
    else:
        gemm(z, a, W, False, False, 1.0, context)


@device()
def outer_product(dW: Matrix, a: Matrix, delta: Matrix, add: bool, context: Context) -> None:
    """dW = aᵀ·delta, or dW += aᵀ·delta."""
    k, n = dW.shape
    m, size, at = a.shape[0], size_of(real), dW.ctypes.data
    start, row, step = (at, n * size, size) if add else (0, 0, 0)
    if m > LONGEST:
        gemm(dW, a, delta, True, False, 1.0 if add else 0.0, context)
    elif n == 1:
        # One column: its transpose, deltaᵀ·a, has whole vectors.
        call_product(context.product, at, 1, k, delta.ctypes.data, 0, size, a.ctypes.data,
                     k * size, m, start, 0, step)  # fmt: skip
    else:
        call_product(context.product, at, k, n, a.ctypes.data, size, k * size,
                     delta.ctypes.data, n * size, m, start, row, step)  # fmt: skip


@device()
def back_product(da: Matrix, delta: Matrix, W: Matrix, context: Context) -> None:
    """da = delta·Wᵀ."""
    m, k = da.shape
    n, size, at = delta.shape[1], size_of(real), da.ctypes.data
    if n == 1:
        # W is one column: its transpose is a row already.
        call_product(context.product, at, m, k, delta.ctypes.data, size, size, W.ctypes.data,
                     k * size, 1, 0, 0, 0)  # fmt: skip
    elif m < 8:
        # Each row of da is a column, W·deltaᵢᵀ: not worth a transposed copy.
        for i in range(m):
            call_product(context.product, at + i * k * size, k, 1, W.ctypes.data, n * size, size,
                         delta.ctypes.data + i * n * size, size, n, 0, 0, 0)  # fmt: skip
    elif n * k <= TRANSPOSED:
        copy = stack_scratch(real(0), TRANSPOSED)
        transposed = carray(pointer(copy, real), (n, k))
        for j in range(k):
            for c in range(n):
                transposed[c, j] = W[j, c]
        call_product(context.product, at, m, k, delta.ctypes.data, n * size, size, copy, k * size,
                     n, 0, 0, 0)  # fmt: skip
    else:
        gemm(da, delta, W, False, True, 0.0, context)
