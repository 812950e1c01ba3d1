"""Counter-based random numbers: a number is a function of what it is for, not of what came before.

Shuffles and masks are keyed by (seed, epoch, step, row, unit), so that a traced step, a resumed
run and another number of threads see the same. The mixing function is SplitMix64's finalizer
(G. L. Steele, D. Lea, C. H. Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
"""

import numpy as np

from chainrule.engine.kernel import device

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


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
