"""What this machine allows: the step's matrix products at the rate of a large one."""

import time

import numpy as np
import scipy.linalg.cython_blas  # noqa: F401 - the BLAS that is limited has to be loaded
from scipy.linalg import blas
from threadpoolctl import threadpool_limits

from benchmarks.opponents.base import Opponent, Run
from benchmarks.works import Work

SIZE = 1536  # of the square matrices: large enough to be fast, and the three fit in 32 MB


class Player(Opponent):
    """``sgemm`` of SciPy's BLAS; an epoch is one large product, its time scaled to the work."""

    def setup(self, work: Work, threads: int | None) -> None:
        self.threads = threads or 1
        rng = np.random.default_rng(0)
        self._a, self._b = (
            np.asfortranarray(rng.standard_normal((SIZE, SIZE), np.float32)) for _ in range(2)
        )
        self._c = np.zeros((SIZE, SIZE), np.float32, order="F")
        self._share = work.steps * work.products / (2 * SIZE**3)

    def run(self, epochs: int, *, shuffled: bool) -> Run:
        with threadpool_limits(self.threads, user_api="blas"):
            start = time.perf_counter()
            for _ in range(epochs):
                blas.sgemm(1.0, self._a, self._b, c=self._c, overwrite_c=1)
            return Run((time.perf_counter() - start) * self._share)
