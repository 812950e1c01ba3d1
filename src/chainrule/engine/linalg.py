"""Matrix products for kernels: BLAS, and plain loops where a call costs more than the product."""

from chainrule.engine.kernel import Context, Flat, Intrinsic, Matrix, Vector, device, real

call_gemm = Intrinsic("call_gemm")

#: Below this many multiplications a loop beats the call of BLAS.
SMALL_PRODUCT = 16384


@device()
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


@device(fastmath={"reassoc", "contract"})
def row_dot_row(a: Matrix, i: int, b: Matrix, j: int) -> float:
    """Σₖ aᵢₖ bⱼₖ."""
    total = real(0)
    for k in range(a.shape[1]):
        total += a[i, k] * b[j, k]
    return total


@device()
def add_product(z: Matrix, a: Matrix, W: Matrix, context: Context) -> None:
    """z += a·W."""
    m, n = z.shape
    k = a.shape[1]
    if n == 1:
        w = W.reshape(1, k)
        for i in range(m):
            z[i, 0] += row_dot_row(a, i, w, 0)
    elif m * n * k < SMALL_PRODUCT:
        for i in range(m):
            for j in range(k):
                scale = a[i, j]
                for c in range(n):
                    z[i, c] += scale * W[j, c]
    else:
        gemm(z, a, W, False, False, 1.0, context)


@device()
def add_outer(dW: Matrix, a: Matrix, delta: Matrix, context: Context) -> None:
    """dW += aᵀ·delta."""
    k, n = dW.shape
    m = a.shape[0]
    if n == 1:
        column = dW.reshape(k)
        for i in range(m):
            scale = delta[i, 0]
            for j in range(k):
                column[j] += scale * a[i, j]
    elif m * n * k < SMALL_PRODUCT:
        for i in range(m):
            for j in range(k):
                scale = a[i, j]
                for c in range(n):
                    dW[j, c] += scale * delta[i, c]
    else:
        gemm(dW, a, delta, True, False, 1.0, context)


@device()
def back_product(da: Matrix, delta: Matrix, W: Matrix, context: Context) -> None:
    """da = delta·Wᵀ."""
    m, k = da.shape
    n = delta.shape[1]
    if n == 1:
        column = W.reshape(k)
        for i in range(m):
            scale = delta[i, 0]
            for j in range(k):
                da[i, j] = scale * column[j]
    elif m * n * k < SMALL_PRODUCT:
        for i in range(m):
            for j in range(k):
                da[i, j] = row_dot_row(delta, i, W, j)
    else:
        gemm(da, delta, W, False, True, 0.0, context)
