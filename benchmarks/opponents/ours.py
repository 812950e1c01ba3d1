"""The library itself, through its public function: all that a call does is timed."""

import time

import chainrule as cr
from benchmarks.opponents.base import Opponent, Run
from benchmarks.works import LEARNING_RATE, Work


class Player(Opponent):
    """``cr.train``."""

    def setup(self, work: Work, threads: int | None) -> None:
        self._work, self._asked = work, threads
        self._X, self._y = work.data()
        layers = [cr.Dense(units, work.hidden) for units in work.sizes[1:-1]]
        layers.append(cr.Dense(work.sizes[-1], work.output))
        self._network = cr.Network(layers, loss=work.loss, inputs=work.sizes[0])

    def run(self, epochs: int, *, shuffled: bool) -> Run:
        parameters = self._network.parameters
        for number, (W, b) in enumerate(self._work.weights(), start=1):
            parameters[f"W{number}"], parameters[f"b{number}"] = W, b
        start = time.perf_counter()
        result = cr.train(
            self._network, self._X, self._y, optimizer=cr.Adam(LEARNING_RATE), epochs=epochs,
            batch_size=self._work.batch, shuffle=shuffled, threads=self._asked,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        self.threads = result.threads
        return Run(seconds, result.history["loss"])
