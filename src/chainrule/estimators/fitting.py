"""The training of an estimator's network: from checked rows to fitted attributes."""

import contextlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from chainrule.estimators import parameters, weights
from chainrule.estimators.stopping import Adaptive, Progressed, Stopping
from chainrule.estimators.validation import OfOutputs, Rows, split
from chainrule.layers import Dense
from chainrule.network import Network
from chainrule.schedules import Steps
from chainrule.training.callbacks import Callback, Epoch
from chainrule.training.history import DivergedError, History, Result, TrainingState
from chainrule.training.quasi_newton import LBFGS
from chainrule.training.trainer import train

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)
LEARNT = (
    "network_", "coefs_", "intercepts_", "estimators_", "n_layers_", "loss_", "loss_curve_",
    "best_loss_", "validation_scores_", "validation_loss_curve_", "best_validation_score_",
    "n_iter_", "t_", "stopped_", "_shown", "_progressed", "_state", "_stopped", "_optimizer",
    "_no_improvement_count", "_splits",
)  # fmt: skip
LBFGS_ENDS = {
    "epochs": "increase max_iter, or scale the data",
    "evaluations": "increase max_fun, or scale the data",
    "no further fall": "scale the data",
}
LARGE = 1e6  # weights beyond which outputs are looked at: no later step would tell
SEEDS = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Rate:
    """The learning rate after the last step, where code for scikit-learn looks for it."""

    learning_rate: float


def fit(
    estimator: Any, rows: Rows, held: Rows | None, first: bool, incremental: bool,
    callbacks: Sequence[Callback] = (),
) -> None:  # fmt: skip
    """Train the network of an estimator and set its fitted attributes.

    Args:
        estimator: with checked parameters.
        rows: to train on.
        held: to judge by, or None.
        first: whether to begin anew.
        incremental: whether this is one epoch of many calls.
        callbacks: beside the estimator's own.

    Raises:
        ValueError: for parameters that do not fit the data, or if the training diverges.
    """
    e = estimator
    e._random_state = check_random_state(e.random_state)
    if first:
        _begin(e, rows)
    else:
        _go_on(e, rows)
    if held is None and parameters.stops_early(e):
        rows, held = split(rows, e.validation_fraction, e._strata(rows.y), _splitting(e))
    if not incremental and e._stopped:
        e._progressed.waiting = 0  # who goes on after an end has patience again
    too_large = not isinstance(e.batch_size, str) and e.batch_size > rows.X.shape[0]
    if too_large and parameters.is_stochastic(e):
        _warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    _Training(e, rows, held, incremental).run([*parameters.callbacks_of(e), *callbacks])


def _splitting(e: Any) -> np.random.RandomState:
    """What draws the rows to hold out: the same ones in each call that goes on.

    Otherwise rows that the network has learnt from would come to judge it.
    """
    if e._splits is None:
        e._splits = e._random_state.get_state()
        return e._random_state
    again = np.random.RandomState()
    again.set_state(e._splits)
    return again


def _begin(e: Any, rows: Rows) -> None:
    """Make the network, draw its weights, and forget what was known."""
    loss = e._loss()
    units, activation = e._output_layer(loss)
    hidden = parameters.hidden_layers(e)
    own = e.network is not None
    with parameters.said_of("network"):
        network = Network(
            [*hidden, Dense(units, activation)], loss, inputs=rows.X.shape[1],
            dtype=rows.X.dtype.name, seed=int(e._random_state.randint(SEEDS)) if own else 0,
            drawn=own or e.batch_norm,  # what is not scikit-learn's starts as it is
        )  # fmt: skip
    if not own:
        each = [layer.output_activations()[0] for layer in hidden if isinstance(layer, Dense)]
        last = each[-1] if each else parameters.activation_of(e.activation)
        weights.draw(network, [*each, last], e._random_state)
    forget(e)
    e.network_ = network
    e.n_outputs_ = units
    e.out_activation_ = parameters.OUTPUTS[activation]
    e._progressed, e._state, e._stopped, e._splits = Progressed(), None, False, None
    show(e)


def forget(e: Any) -> None:
    """Remove the networks of an earlier fit, which may have been of one or of several."""
    for name in LEARNT:
        vars(e).pop(name, None)


def _go_on(e: Any, rows: Rows) -> None:
    """Take over what was set from outside, or a network that was set as lists alone."""
    if not hasattr(e, "network_"):
        coefs, intercepts = e.coefs_, e.intercepts_
        _begin(e, rows)
        e.coefs_, e.intercepts_ = coefs, intercepts
    parameters.check_unchanged(e)
    adopt(e)


def show(e: Any) -> None:
    """Set ``coefs_`` and ``intercepts_`` to views of the network's parameters."""
    e._shown = weights.Shown(e.network_)
    e.coefs_, e.intercepts_ = e._shown.lists()
    e.n_layers_ = len(e.coefs_) + 1


def adopt(e: Any) -> None:
    """Write into the network what was set in ``coefs_`` and ``intercepts_``.

    Raises:
        ValueError: for arrays that do not fit the network, or if there is none.
    """
    if "_shown" not in vars(e):
        raise ValueError(
            f"this {type(e).__name__} has coefs_ and no network: fit it first, or make a network "
            "of another estimator by cr.Network.from_sklearn"
        )
    if not e._shown.still(e.coefs_, e.intercepts_):
        e._shown.take_over(e.coefs_, e.intercepts_)
        show(e)


class _Training:
    """One call of the trainer for an estimator.

    Args:
        e: the estimator.
        rows: to train on.
        held: to judge by, or None.
        incremental: whether this is one epoch of many calls.
    """

    def __init__(self, e: Any, rows: Rows, held: Rows | None, incremental: bool) -> None:
        self.e, self.rows, self.held, self.incremental = e, rows, held, incremental
        self.count = rows.X.shape[0]
        stochastic = parameters.is_stochastic(e)
        self.batch = parameters.batch_rows(e.batch_size, self.count) if stochastic else self.count
        self.per_epoch = -(-self.count // self.batch)
        self.epochs = 1 if incremental else int(e.max_iter)
        self.by_sgd = e.solver == "sgd" and e.optimizer is None and e.schedule is None
        self.early = held is not None and parameters.stops_early(e)
        self.state = self._state()
        self.optimizer = parameters.optimizer_of(e, self._rate())

    def _state(self) -> TrainingState | None:
        """The state to go on from; its steps as if all epochs so far had been like these."""
        state: TrainingState | None = self.e._state
        if state is None:
            return None
        kind = type(parameters.optimizer_of(self.e, float(self.e.learning_rate_init)))
        if type(state.optimizer) is not kind:  # which has no use for what another remembers
            return None
        horizon = int(self.e.max_iter) if self.incremental else state.epoch + self.epochs
        step = state.epoch * self.per_epoch if self.by_sgd else state.step
        if self.incremental:  # many calls, each of which would copy the history of all before
            state = replace(state, history=History())
        return replace(state, horizon=horizon, step=step)

    def _rate(self) -> Any:
        e = self.e
        rate = float(e.learning_rate_init)
        if self.by_sgd and e.learning_rate == "adaptive":
            return Adaptive(rate, e._progressed)
        if self.by_sgd and e.learning_rate == "invscaling":
            seen = e._progressed.examples
            if self.incremental:  # one epoch, at one rate
                return parameters.inverse_scaled(e, seen)
            epochs = self.state.epoch if self.state else 0
            return parameters.inverse_scaling(e, max(seen - epochs * self.count, 0))
        return rate

    def run(self, callbacks: Sequence[Callback]) -> None:
        """Train, and set the fitted attributes."""
        e, whole = self.e, self.batch == self.count
        seed = self.state.seed if self.state else self._seed()
        with self._judging() as score:
            stopping = self._stopping(score)
            try:
                result = train(
                    e.network_, self.rows.X, self.rows.y, optimizer=self.optimizer,
                    epochs=self.epochs, batch_size=None if whole else self.batch, seed=seed,
                    shuffle=bool(e.shuffle), sample_weight=self.rows.weights,
                    validation_data=(self.held.X, self.held.y) if self.held else None,
                    callbacks=[stopping, *callbacks], clip=e.clip, state=self.state,
                    penalty=parameters.penalty_of(e, self.rows.weights, e.network_.vector.dtype),
                    threads=parameters.threads_of(e.n_jobs),
                )  # fmt: skip
            except DivergedError as error:
                result = self._diverged(error)
        self._learn_from(result, stopping)

    def _seed(self) -> int:
        """Of shuffles and masks; where there are none, no number is drawn, as scikit-learn does."""
        e = self.e
        drawn = e.shuffle or not all(isinstance(layer, Dense) for layer in e.network_.layers)
        return int(e._random_state.randint(SEEDS)) if drawn else 0

    def _stopping(self, score: Callable[[Epoch], float] | None) -> Stopping:
        e = self.e
        own_rule = isinstance(self.optimizer, LBFGS)
        adaptive = self.by_sgd and e.learning_rate == "adaptive"
        return Stopping(
            e._progressed, tol=float(e.tol),
            patience=math.inf if own_rule else float(e.n_iter_no_change), rows=self.count,
            score=score, by_score=self.early, constant=e._constant(self.rows),
            validation_constant=self._validation_constant(),
            adaptive=float(e.learning_rate_init) if adaptive else None, verbose=bool(e.verbose),
        )  # fmt: skip

    def _validation_constant(self) -> float:
        """The same for the loss on the rows held out, in which each row counts alike."""
        return self.e._constant(Rows(self.held.X, self.held.y)) if self.held else 0.0

    @contextlib.contextmanager
    def _judging(self) -> Iterator[Callable[[Epoch], float] | None]:
        """The score of the network as it is now, for the rows held out; None without them."""
        e, held = self.e, self.held
        if held is None:
            yield None
        elif e.scoring is None:
            with OfOutputs(e.network_, held.X, e._figure(held)) as score:
                yield score
        elif isinstance(e.scoring, str) and e.scoring == "loss":
            constant = self._validation_constant()
            yield lambda epoch: -(epoch.history["val_loss"][-1] + constant)
        else:
            e._judged = held.X  # which is not to be checked anew after each epoch
            try:
                yield self._scorer(held)
            finally:
                del e._judged

    def _scorer(self, held: Rows) -> Callable[[Epoch], float]:
        e, y = self.e, self.e._given(held.y)
        options = {} if held.weights is None else {"sample_weight": held.weights}
        if not isinstance(e.scoring, str):
            return lambda _epoch: _number(e.scoring(e, held.X, y, **options))
        scorer = parameters.scorer_of(e.scoring)

        def score(_epoch: Epoch) -> float:
            try:
                return _number(scorer(e, held.X, y, **options))
            except (ValueError, TypeError, AttributeError) as error:
                raise ValueError(
                    f"scoring={e.scoring!r} does not suit this estimator and these targets: {error}"
                ) from error

        return score

    def _diverged(self, error: DivergedError) -> Result:
        """Early stopping has finite weights to go back to; otherwise there is nothing to keep."""
        known = self.e._progressed
        if known.best_vector is None:
            raise ValueError(NOT_FINITE) from error
        known.losses.append(math.inf)
        known.validation_losses.append(math.nan)
        known.scores.append(math.nan)
        result = error.result
        result.stopped = f"diverged at step {error.step}"
        _warn(f"The training {result.stopped}: the weights of the best epoch are kept.", True)
        return result

    def _learn_from(self, result: Result, stopping: Stopping) -> None:
        """Set the fitted attributes from what happened."""
        e, known = self.e, self.e._progressed
        e._stopped, e.stopped_ = stopping.stopped, result.stopped
        e._state = None if isinstance(self.optimizer, LBFGS) else result.state
        over = result.stopped != "epochs" or not self.incremental
        if self.early and over and known.best_vector is not None:
            e.network_.vector[:] = known.best_vector
        show(e)
        if not self._is_finite():
            raise ValueError(NOT_FINITE)
        e.n_iter_, e.t_ = stopping.epochs, known.examples
        e.loss_ = np.float64(known.losses[-1] if known.losses else result.loss)
        e.loss_curve_ = known.losses
        e.best_loss_ = None if self.early else np.float64(known.best_loss)
        scored = self.held is not None
        e.validation_scores_ = known.scores if scored else None
        e.validation_loss_curve_ = known.validation_losses if scored else None
        e.best_validation_score_ = known.best_score if scored else None
        e._no_improvement_count = known.waiting
        e._optimizer = Rate(self._last_rate())
        if not self.incremental and not stopping.stopped:
            self._warn_unless_converged(result)

    def _is_finite(self) -> bool:
        """Whether weights are finite; very large ones also have to have finite outputs."""
        largest = np.abs(self.e.network_.vector).max()
        if largest > LARGE:
            return bool(np.isfinite(self.e.network_.predict(self.rows.X)).all())
        return bool(np.isfinite(largest))

    def _last_rate(self) -> float:
        state = self.e._state
        if state is None or isinstance(self.optimizer, LBFGS):
            return float(self.e.learning_rate_init)
        at = Steps(np.array([state.step]), self.per_epoch, self.count, state.horizon or 1)
        if self.by_sgd and self.e.learning_rate == "invscaling":
            return parameters.inverse_scaled(self.e, self.e.t_)
        return parameters.rate_at(self.optimizer, state.step, at)

    def _warn_unless_converged(self, result: Result) -> None:
        e = self.e
        if isinstance(self.optimizer, LBFGS):
            why, _, details = result.stopped.partition(":")
            if why in LBFGS_ENDS:  # and not by a callback, an interruption or a minimum
                _warn(
                    f"lbfgs failed to converge after {e.n_iter_} iteration(s)"
                    f"{details and f' ({result.stopped})'}: {LBFGS_ENDS[why]}", True,
                )  # fmt: skip
        elif result.stopped == "epochs":
            _warn(
                f"Stochastic Optimizer: Maximum iterations ({e.max_iter}) reached and the "
                "optimization hasn't converged yet.", True,
            )  # fmt: skip


def _number(score: Any) -> float:
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ValueError(f"scoring must give a number, not {score!r}") from None


def _warn(text: str, convergence: bool = False) -> None:
    warnings.warn(text, ConvergenceWarning if convergence else UserWarning, stacklevel=2)
