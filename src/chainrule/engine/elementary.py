"""Elementary functions for kernels.

float64 calls the C library. float32 has polynomials of its own, without a branch, so that a
loop over them becomes vector instructions: the C library's are called one element at a time.
The coefficients of ``exp`` and ``tanh`` are those of the Cephes library (S. L. Moshier, 1992).
"""

import math

from chainrule.engine.kernel import Intrinsic, device, int32, real

float_bits = Intrinsic("float_bits")
float_from_bits = Intrinsic("float_from_bits")


def _exp_float32(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """e**x: x = k ln 2 + r with |r| <= ln 2 / 2, a polynomial in r, times 2**k in two steps."""
    x = real(-104) if x < real(-104) else x  # e**-104 rounds to 0; NaN fails both comparisons
    x = real(89) if x > real(89) else x  # e**89 rounds to infinity
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
    p = (p * r) * r + r + real(1)
    power = float_bits(shifted) - float_bits(real(12582912))
    half = power >> 1
    return p * power_of_two(half) * power_of_two(power - half)


def _power_of_two_float32(k):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return float_from_bits(int32((k + 127) << 23))


@device(float32=_power_of_two_float32)
def power_of_two(k: int) -> float:
    """2**k."""
    return math.ldexp(1.0, k)


@device(float32=_exp_float32)
def exp(x: float) -> float:
    """e**x."""
    return math.exp(x)


@device()
def logistic(x: float) -> float:
    """1 / (1 + e**-x)."""
    return real(1) / (real(1) + exp(-x))


def _tanh_float32(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Odd polynomial below 0.625, 1 - 2 / (e**2|x| + 1) above; both computed, one selected."""
    size = -x if x < real(0) else x
    square = x * x
    p = real(-5.70498872745e-3)
    p = p * square + real(2.06390887954e-2)
    p = p * square + real(-5.37397155531e-2)
    p = p * square + real(1.33314422036e-1)
    p = p * square + real(-3.33332819422e-1)
    small = p * square * x + x
    large = real(1) - real(2) / (exp(size + size) + real(1))
    large = -large if x < real(0) else large
    return small if size < real(0.625) else large


@device(float32=_tanh_float32)
def tanh(x: float) -> float:
    """(e**x - e**-x) / (e**x + e**-x)."""
    return math.tanh(x)


@device()
def log(x: float) -> float:
    """Natural logarithm."""
    return real(math.log(x))


@device()
def log1p(x: float) -> float:
    """ln(1 + x), accurate near 0."""
    return real(math.log1p(x))


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
