"""Counter-based random numbers: a number is a function of what it is for, not of what came before.

Shuffles and masks are keyed by (seed, epoch, step, row, unit), so that a traced step, a resumed
run and another number of threads see the same. The mixing function is SplitMix64's finalizer
(G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
"""

import math

import numpy as np

from chainrule.engine.device import device, real

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
LOW, ONE = np.uint64(0xFFFFFFFF), np.uint64(1)
SITE = 40  # bits of a step's number
GOLDEN32, FIRST32, SECOND32 = np.uint32(0x9E3779B9), np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
U8, U15, U16 = np.uint32(8), np.uint32(15), np.uint32(16)


@device()
def mixed(x: np.uint64) -> np.uint64:
    """Scatter 64 bits so that neighbours have nothing in common."""
    x = x + GOLDEN
    x = (x ^ (x >> S30)) * FIRST
    x = (x ^ (x >> S27)) * SECOND
    return x ^ (x >> S31)


@device()
def random_bits(seed: int, first: int, second: int) -> np.uint64:
    """64 random bits for a seed and two counters."""
    return mixed(mixed(mixed(np.uint64(seed)) ^ np.uint64(first)) ^ np.uint64(second))


@device()
def shuffle(order: np.ndarray, seed: int, epoch: int) -> None:
    """Fill ``order`` with the permutation of this epoch (Fisher-Yates, from 0, 1, 2, ...).

    The draw below i + 1 scales 32 random bits; the bias is under i / 2**32.
    """
    for i in range(order.size):
        bits = random_bits(seed, epoch, i) >> S32
        j = np.int64((bits * np.uint64(i + 1)) >> S32)
        order[i] = order[j]
        order[j] = i


@device()
def row_key(seed: int, site: int, step: int, row: int) -> np.uint64:
    """What the draws of one row of one batch are keyed by; ``site`` is the place in the program."""
    return random_bits(np.int64(mixed(np.uint64(seed)) >> ONE), (site << SITE) + step, row)


@device()
def unit_bits(key: np.uint64, unit: int) -> np.uint32:
    """32 random bits for a unit of a row.

    32-bit arithmetic, so that a loop over units becomes vector instructions; the mixing function is
    ``lowbias32`` (C. Wellons, "Prospecting for Hash Functions", 2018). Each result is cut to 32
    bits: compiled code makes 64 of the product of two 32-bit integers.
    """
    x = np.uint32(np.uint32(key & LOW) ^ np.uint32(np.uint32(unit) * GOLDEN32))
    x = np.uint32((x ^ (x >> U16)) * FIRST32)
    x = np.uint32((x ^ (x >> U15)) * SECOND32)
    x = np.uint32(x ^ (x >> U16) ^ np.uint32(key >> S32))
    x = np.uint32((x ^ (x >> U16)) * FIRST32)
    return np.uint32(x ^ (x >> U15))


@device()
def unit_uniform(key: np.uint64, unit: int) -> float:
    """A number of the uniform distribution on [0, 1), a multiple of 2**-24."""
    return real(unit_bits(key, unit) >> U8) * real(2.0**-24)


@device()
def unit_normal(key: np.uint64, unit: int) -> float:
    """A number of the normal distribution, by Box and Muller's transform of two uniform ones."""
    radius = math.sqrt(-2.0 * math.log(1.0 - float(unit_bits(key, 2 * unit) >> U8) * 2.0**-24))
    angle = 2.0 * math.pi * float(unit_bits(key, 2 * unit + 1) >> U8) * 2.0**-24
    return real(radius * math.cos(angle))


@device()
def place_below(key: np.uint64, unit: int, count: int) -> np.int64:
    """A whole number from 0 to count - 1; the bias is under count / 2**32."""
    return np.int64((np.uint64(unit_bits(key, unit)) * np.uint64(count)) >> S32)


@device()
def beta_number(key: np.uint64, alpha: float) -> float:
    """A number of the distribution Beta(alpha, alpha), for alpha to 2; 1 for alpha = 0.

    By Jöhnk's method: pairs of powers of uniform numbers until one sums to at most 1. The powers
    are kept as logarithms, as they underflow for a small alpha; of so many pairs the chance that
    none will do is below 1e-20.
    """
    if alpha <= 0.0:
        return 1.0
    for pair in range(256):
        first = math.log(1.0 - float(unit_bits(key, 2 * pair) >> U8) * 2.0**-24) / alpha
        second = math.log(1.0 - float(unit_bits(key, 2 * pair + 1) >> U8) * 2.0**-24) / alpha
        if math.exp(first) + math.exp(second) <= 1.0:
            larger = max(first, second)
            return math.exp(first - larger) / (math.exp(first - larger) + math.exp(second - larger))
    return 0.5
