"""Thousands of combinations of parameters: each fit ends in predictions, or in one sentence.

    PYTHONPATH=. python tests/soak/combinations.py --examples 10000

Draws what ``tests/estimators/test_parameter_combinations.py`` draws, other ones each time, and
prints how they ended: how many in predictions, how many in errors, and the sentences, the commonest
first. Ends with the smallest case that it finds in which something else happened.
"""

import argparse
import time
from collections import Counter

from hypothesis import HealthCheck, given, seed, settings
from tests.estimators.combinations import KINDS, cases, form, outcome


def run(estimator, examples, start):
    """Draw and fit them; counts of the sentences, None for predictions."""
    ends, instance = Counter(), {}

    @seed(start)
    @settings(max_examples=examples, deadline=None, database=None, derandomize=False,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=cases(estimator))
    def draw(case):
        sentence = outcome(case)
        kind = None if sentence is None else form(sentence)
        ends[kind] += 1
        instance.setdefault(kind, sentence)

    draw()
    return ends, instance


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--examples", type=int, default=10_000, help="for each estimator")
    options.add_argument("--seed", type=int, default=time.time_ns() % 2**31)
    chosen = options.parse_args()
    for estimator in KINDS:
        begun = time.perf_counter()
        ends, instance = run(estimator, chosen.examples, chosen.seed)
        fitted, total = ends.pop(None, 0), ends.total()
        print(f"{estimator}: {fitted} fits, {total} errors of {len(ends)} kinds, "
              f"{time.perf_counter() - begun:.0f} s, seed {chosen.seed}")  # fmt: skip
        for kind, count in ends.most_common():
            print(f"  {count:5d}  {instance[kind]}")


if __name__ == "__main__":
    main()
