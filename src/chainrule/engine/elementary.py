"""Elementary functions for kernels.

Exponentials are polynomials of our own, without a branch, so that a loop over them becomes vector
instructions: the C library's are called one element at a time. The others are the C library's.
The float32 coefficients of ``exp`` are those of the Cephes library (S. L. Moshier, 1992), as are
both splittings of ln 2; in float64 they are those of the Taylor series.
"""

import math

from chainrule.engine.kernel import Intrinsic, device, int32, real

float_bits = Intrinsic("float_bits")
float_from_bits = Intrinsic("float_from_bits")


def _power_of_two_float32(k):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return float_from_bits(int32((k + 127) << 23))


@device(float32=_power_of_two_float32)
def power_of_two(k: int) -> float:
    """2**k for normal results, and infinity for one exponent more."""
    return float_from_bits((k + 1023) << 52)


def _reduced_float32(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    shifted = x * real(1.44269504088896341) + real(12582912)  # 1.5 * 2**23: rounds to an integer
    k = shifted - real(12582912)
    r = x - k * real(0.693359375)
    r = r + k * real(2.12194440e-4)
    p = real(1.9875691500e-4)
    p = p * r + real(1.3981999507e-3)
    p = p * r + real(8.3334519073e-3)
    p = p * r + real(4.1665795894e-2)
    p = p * r + real(1.6666665459e-1)
    p = p * r + real(5.0000001201e-1)
    return (p * r) * r + r, k, float_bits(shifted) - float_bits(real(12582912))


@device(fastmath={"contract"}, float32=_reduced_float32)
def reduced(x: float) -> tuple[float, float, int]:
    """x = k ln 2 + r with |r| <= ln 2 / 2: (e**r - 1, k as a real, k)."""
    shifted = x * 1.44269504088896341 + 6755399441055744.0  # 1.5 * 2**52: rounds to an integer
    k = shifted - 6755399441055744.0
    r = x - k * 0.693145751953125
    r = r - k * 1.42860682030941723212e-6
    p = 1 / 6227020800
    p = p * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    return (p * r) * r + r, k, float_bits(shifted) - float_bits(6755399441055744.0)


def _clipped_float32(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    x = real(-104) if x < real(-104) else x
    return real(89) if x > real(89) else x


@device(float32=_clipped_float32)
def clipped(x: float) -> float:
    """x from where e**x rounds to 0 to where it rounds to infinity; NaN fails both comparisons."""
    x = -746.0 if x < -746.0 else x
    return 710.0 if x > 710.0 else x


@device()
def exp(x: float) -> float:
    """e**x; 2**k in two steps, so that subnormal results and infinity come out right."""
    q, _, k = reduced(clipped(x))
    half = k >> 1
    return (q + real(1)) * power_of_two(half) * power_of_two(k - half)


def _clipped_to_normal_float32(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    x = real(-87) if x < real(-87) else x
    return real(89) if x > real(89) else x


@device(float32=_clipped_to_normal_float32)
def clipped_to_normal(x: float) -> float:
    """x from where e**x is the smallest normal number to where it rounds to infinity."""
    x = -708.0 if x < -708.0 else x
    return 710.0 if x > 710.0 else x


@device()
def logistic(x: float) -> float:
    """1 / (1 + e**-x).

    Where e**-x passes half the largest power of two the result is no normal number: infinity, and
    so 0, will do.
    """
    q, _, k = reduced(clipped_to_normal(-x))
    return real(1) / (real(1) + (q + real(1)) * power_of_two(k))


@device()
def tanh(x: float) -> float:
    """(e**x - e**-x) / (e**x + e**-x).

    As t / (t + 2) with t = e**2|x| - 1, which keeps its digits near 0; then the sign of x.
    """
    size = -x if x < real(0) else x
    size = real(20) if size > real(20) else size  # from where on tanh is 1
    q, _, k = reduced(size + size)
    scale = power_of_two(k)
    t = scale * q + (scale - real(1))
    y = t / (t + real(2))
    return -y if x < real(0) else y


@device()
def log(x: float) -> float:
    """Natural logarithm."""
    return real(math.log(x))


@device()
def log1p(x: float) -> float:
    """ln(1 + x), accurate near 0."""
    return real(math.log1p(x))


def _log1p_exp_float32(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """ln(1 + u) = 2 artanh(s) with u = e**x and s = u / (2 + u) <= 1/3, by its series."""
    u = exp(x)
    s = u / (u + real(2))
    square = s * s
    p = real(1 / 15)
    p = p * square + real(1 / 13)
    p = p * square + real(1 / 11)
    p = p * square + real(1 / 9)
    p = p * square + real(1 / 7)
    p = p * square + real(1 / 5)
    p = p * square + real(1 / 3)
    return real(2) * (s + s * square * p)


@device(float32=_log1p_exp_float32)
def log1p_exp(x: float) -> float:
    """ln(1 + e**x) for x <= 0."""
    return math.log1p(math.exp(x))


@device()
def expm1(x: float) -> float:
    """e**x - 1, accurate near 0."""
    return real(math.expm1(x))


@device()
def erfc(x: float) -> float:
    """1 - erf(x), computed in double precision."""
    return math.erfc(float(x))


@device()
def sqrt(x: float) -> float:
    """The square root."""
    return real(math.sqrt(x))
