"""The regressor: one or several columns of numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlogy
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from chainrule.activations import activations
from chainrule.data import mean_one
from chainrule.estimators import parameters
from chainrule.estimators.base import BaseMLP
from chainrule.estimators.validation import Rows, r2
from chainrule.losses import Loss


@dataclass(frozen=True)
class Columns:
    """What is known of the targets.

    Attributes:
        targets: how many columns they have.
        means: how many outputs are means, with as many logarithms of variances behind them.
    """

    targets: int
    means: int


class MLPRegressor(RegressorMixin, BaseMLP):
    """A neural network that predicts numbers, with the manners of scikit-learn's ``MLPRegressor``.

    The parameters and attributes are those of :class:`chainrule.MLPClassifier`, but
    ``class_weight`` and ``classes_``; all are given by name, as their order differs between
    scikit-learn's versions. L(ŷ, y) is the mean of ½ Σ (ŷ − y)² over the rows of the batch, summed
    over the targets, plus ½ α ‖W‖² / m.

    Args:
        loss: ``"squared_error"``, ``"poisson"`` (for counts: outputs e^z), or a loss of the
            registry, such as ``"huber(1.5)"``, ``"gamma"``, ``"quantile(0.1, 0.9)"`` (a column for
            each level) or ``"gaussian"`` (which learns the standard deviation of each prediction).

    >>> import numpy as np, chainrule as cr
    >>> X = np.linspace(-2, 2, 200).reshape(-1, 1)
    >>> model = cr.MLPRegressor(hidden_layer_sizes=(32,), activation="tanh", solver="lbfgs",
    ...                         max_iter=500, random_state=0).fit(X, np.sin(2 * X[:, 0]))
    >>> bool(model.score(X, np.sin(2 * X[:, 0])) > 0.99)
    True

    Source: 000, 001 and 002; Pedregosa et al., "Scikit-learn: Machine Learning in Python", 2011,
    for the interface.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [str, Loss],
    }

    def __init__(
        self,
        *,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        network: Any = None,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        scoring: Any = None,
        optimizer: Any = None,
        schedule: Any = None,
        clip: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
        n_estimators: int = 1,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.network = network
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.scoring = scoring
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip = clip
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.n_estimators = n_estimators

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> "MLPRegressor":
        """Train the network.

        Args:
            X: (m, features) numbers: an array, a sparse matrix, or a data frame.
            y: (m,) or (m, targets).
            sample_weight: (m,), at least 0.
            X_val: rows to judge by after each epoch, in place of a share held out.
            y_val: their targets.

        Raises:
            ValueError: for parameters and data that do not fit, or if the training diverges.
        """
        self._fit(X, y, sample_weight, X_val, y_val, incremental=False, y_numeric=True)
        return self

    @available_if(parameters.offers_partial_fit)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> "MLPRegressor":
        """Train for one epoch on these rows; bit for bit as if the last call had gone on.

        With early stopping each call is judged by ``X_val`` or a share of its own rows (the same
        ones when the next call has the same rows); once ``stopped_`` is not ``"epochs"``, the
        best weights are back.

        Args:
            X: as for :meth:`fit`; likewise y, sample_weight, X_val and y_val.

        Raises:
            ValueError: as :meth:`fit`.
        """
        self._fit(X, y, sample_weight, X_val, y_val, incremental=True, y_numeric=True)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The predictions for rows: (m,), or (m, targets).

        Args:
            X: (m, features) as for :meth:`fit`.
            return_std: whether to return a standard deviation for each as well: of the loss
                ``"gaussian"`` the one that was learned, of ``n_estimators`` how far the networks
                are apart, of both together that of the mixture.

        Raises:
            NotFittedError: before :meth:`fit`.
            ValueError: if X has another width, is not numeric or not finite; or if neither of the
                two gives a standard deviation.
        """
        if not return_std:
            outputs = self._outputs(X)
            count = self._columns.means
            return _one_column(outputs[:, :count] if count else outputs)
        each = self._members_outputs(self._checked_rows(X)).astype(np.float64)
        count = self._columns.means
        if len(each) == 1 and not count:
            raise ValueError("return_std needs loss='gaussian' or n_estimators of 2 and more")
        means = each[:, :, :count] if count else each
        variance = means.var(axis=0)
        if count:
            variance += np.exp(each[:, :, count:]).mean(axis=0)
        return _one_column(means.mean(axis=0)), _one_column(np.sqrt(variance))

    # ------------------------------------------------------------ what the base asks

    _columns: Columns

    def _loss(self) -> Loss:
        loss = parameters.loss_of(self.loss)
        if loss.predicts == "scores" or loss.distribution or loss.targets == (0, 1):
            raise ValueError(f"loss={str(loss)!r} is one of classes: use MLPClassifier")
        return loss

    def _output_layer(self, loss: Loss) -> tuple[int, str]:
        activation = "linear" if loss.accepts(activations["linear"]) else "exponential"
        return self._columns.targets * loss.outputs_per_target, activation

    def _checked_targets(
        self, y: np.ndarray, first: bool, incremental: bool, classes: Any
    ) -> np.ndarray:
        targets = self._later_targets(y)
        columns = targets.shape[1]
        if first or not hasattr(self, "_columns"):
            gives_variances = self._loss().predicts == "means and variances"
            self._columns = Columns(columns, columns if gives_variances else 0)
        elif columns != self._columns.targets:
            raise ValueError(f"y has {columns} columns, and {self._columns.targets} were fitted")
        return targets

    def _later_targets(self, y: np.ndarray) -> np.ndarray:
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must be numbers, not {y.dtype}")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y[:, None] if y.ndim == 1 else y

    def _given(self, targets: np.ndarray) -> np.ndarray:
        return _one_column(targets)

    def _figure(self, rows: Rows) -> Callable[[np.ndarray], float]:
        if self._loss().predicts == "quantiles":
            raise ValueError(
                f"several quantiles of loss={self.loss!r} have no R²: give scoring='loss'"
            )
        figure, means = r2(rows.y, rows.weights), self._columns.means
        return (lambda outputs: figure(outputs[:, :means])) if means else figure

    def _constant(self, rows: Rows) -> float:
        """The Poisson loss is half the deviance: what it has over −ln likelihood is constant."""
        if self._loss().name != "poisson":
            return 0.0
        of_rows = (xlogy(rows.y, rows.y) - rows.y).sum(axis=1)
        weights = None if rows.weights is None else mean_one(rows.weights)
        return float(np.average(of_rows, weights=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _one_column(y: np.ndarray) -> np.ndarray:
    return y[:, 0] if y.shape[1] == 1 else y
