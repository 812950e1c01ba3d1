"""A thousand random problems, each with every known mistake in it: is it named?

    PYTHONPATH=. python tests/soak/mistakes.py --problems 1000

Mistakes are made by formulas in plain NumPy; the library is handed one wrong number of seven (or
``--digits``) digits for each, and right numbers of one to fifteen digits. It must name the mistake,
alone or among others that give the very same number, and must never call a right number wrong.
Prints how each mistake was told, and ends at the first problem where this does not hold.
"""

import argparse
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from tests.glass.mistakes.told_apart import check_right, examine_all
from tests.glass.mistakes.wrong_by_hand import drawn

from chainrule.glass.mistakes import MISTAKES

ENDS = ("named", "not told apart", "hidden")


def examined(seed, digits):
    """The ends of all mistakes of one problem, after its right numbers were found right."""
    rng = np.random.default_rng(seed)
    problem = drawn(rng)
    try:
        check_right(problem, rng)
        return examine_all(problem, rng, digits)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--problems", type=int, default=1000)
    options.add_argument("--seed", type=int, default=time.time_ns() % 2**31)
    options.add_argument("--digits", type=int, default=7, help="of a wrong number, at least 3")
    options.add_argument("--processes", type=int, default=2)
    chosen = options.parse_args()
    begun = time.perf_counter()
    counts = defaultdict(Counter)
    with ProcessPoolExecutor(chosen.processes) as pool:
        seeds = range(chosen.seed, chosen.seed + chosen.problems)
        for ends in pool.map(partial(examined, digits=chosen.digits), seeds, chunksize=10):
            for name, end in ends.items():
                counts[name][end] += 1
    print(f"{chosen.problems} problems from seed {chosen.seed}, {chosen.digits} digits, "
          f"{time.perf_counter() - begun:.0f} s; no right number was called wrong")  # fmt: skip
    print(f"{'':34s}" + "".join(f"{end:>16s}" for end in ENDS))
    for name in MISTAKES:
        print(f"{name:34s}" + "".join(f"{counts[name][end]:16d}" for end in ENDS))
    total = sum(counts.values(), Counter())
    print(f"{'all':34s}" + "".join(f"{total[end]:16d}" for end in ENDS))


if __name__ == "__main__":
    main()
