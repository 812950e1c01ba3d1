"""scikit-learn's multi-layer perceptron: ``fit`` with as many epochs as it is told, no fewer."""

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.opponents.base import Opponent, Run
from benchmarks.works import LEARNING_RATE, Work


class Player(Opponent):
    """``MLPClassifier`` or ``MLPRegressor``, in float32, without penalty and early stopping."""

    def setup(self, work: Work, threads: int | None) -> None:
        self._work = work
        self._X, self._y = work.data()
        # A warm start takes the weights that it finds: ours, so that all begin at the same point.
        # Adam's state does not survive a call of fit.
        self._model = (MLPRegressor if work.loss == "mse" else MLPClassifier)(
            hidden_layer_sizes=work.sizes[1:-1], activation=work.hidden, solver="adam", alpha=0,
            batch_size=work.batch, learning_rate_init=LEARNING_RATE, max_iter=1, tol=0,
            n_iter_no_change=np.inf, early_stopping=False, warm_start=True, random_state=0,
        )  # fmt: skip
        self._fit()

    def _fit(self) -> None:
        with warnings.catch_warnings():
            # It has not converged when it did what was asked for.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(self._X, self._y)

    def run(self, epochs: int, *, shuffled: bool) -> Run:
        model = self._model.set_params(max_iter=epochs, shuffle=shuffled)
        weights = self._work.weights()
        model.coefs_, model.intercepts_ = [W for W, _ in weights], [b for _, b in weights]
        start = time.perf_counter()
        self._fit()
        seconds = time.perf_counter() - start
        losses = np.array(model.loss_curve_[-epochs:])
        if self._work.loss == "mse":
            losses = losses * self._work.sizes[-1]  # it averages over outputs what it sums to learn
        return Run(seconds, losses.tolist())
