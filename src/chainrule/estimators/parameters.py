"""The parameters of the estimators: what they may be, and what the network makes of them."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from chainrule.activations import Activation
from chainrule.checks import real_number
from chainrule.interchange import from_sklearn
from chainrule.layers import BatchNorm, Dense, Dropout, Layer
from chainrule.losses import Loss
from chainrule.losses import find as find_loss
from chainrule.optimizers import AdamHat, GradientDescent, Momentum, Nesterov, Optimizer
from chainrule.optimizers import named as named_optimizer
from chainrule.penalties import L2, Clip, Penalty
from chainrule.schedules import InverseScaling, Schedule, Steps
from chainrule.schedules import named as named_schedule
from chainrule.training.quasi_newton import LBFGS

AT_LEAST_0 = Interval(Real, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
LARGEST = 2**31 - 1
LARGEST_PENALTY = 1e-6  # of the largest number of a dtype: weights are multiplied by it
COUNT = Interval(Integral, 1, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")

#: What scikit-learn's own parameters may be, in the form in which its estimators say it.
CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", COUNT],
    "activation": [str, Activation, "array-like"],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [AT_LEAST_0],
    "batch_size": [StrOptions({"auto"}), COUNT],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [POSITIVE],
    "power_t": [AT_LEAST_0],
    "max_iter": [Interval(Integral, 1, LARGEST, closed="both")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [AT_LEAST_0],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [SHARE],
    "beta_1": [SHARE],
    "beta_2": [SHARE],
    "epsilon": [POSITIVE],
    "n_iter_no_change": [COUNT, Options(Real, {np.inf})],
    "max_fun": [COUNT],
    "network": ["array-like", None],
    "dropout": [SHARE, "array-like"],
    "batch_norm": ["boolean"],
    "scoring": [str, callable, None],
    "optimizer": [str, Optimizer, LBFGS, None],
    "schedule": [str, Schedule, None],
    "clip": [Clip, None],
    "callbacks": ["array-like", None],
    "n_jobs": [Integral, None],
    "n_estimators": [COUNT],
}

#: scikit-learn's names of losses and activations, and ours where they differ.
LOSSES = {"squared_error": "mse"}
OUTPUTS = {ours: theirs for theirs, ours in from_sklearn.OUTPUTS.items()}


@contextlib.contextmanager
def said_of(name: str) -> Iterator[None]:
    """Have a sentence about a value begin with the parameter that it was given for."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        raise ValueError(text if name in text else f"{name}: {text}") from None


def listed(name: str, value: Any) -> list[Any]:
    """The elements of a parameter that is a list, a tuple or an array.

    Raises:
        ValueError: for what has none, such as an array without dimensions.
    """
    try:
        return list(value)
    except TypeError:
        raise ValueError(f"{name} must be a list, not {value!r}") from None


def hidden_sizes(parameter: Any) -> list[int]:
    """The sizes of the hidden layers, of a number or a list of them.

    Raises:
        ValueError: for a size that is not a whole number of at least 1.
    """
    several = hasattr(parameter, "__iter__")
    sizes = listed("hidden_layer_sizes", parameter) if several else [parameter]
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, Integral) or int(size) > LARGEST:
            raise ValueError(
                f"hidden_layer_sizes must be whole numbers from 1 to {LARGEST}, not {size!r}"
            )
        if size <= 0:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def per_layer(name: str, parameter: Any, layers: int) -> list[Any]:
    """One value for each hidden layer, of one for all of them or a list.

    Raises:
        ValueError: for a list of another length.
    """
    if isinstance(parameter, str) or not hasattr(parameter, "__iter__"):
        return [parameter] * layers
    values = listed(name, parameter)
    if len(values) != layers:
        raise ValueError(
            f"{name} must be one value, or a list with one for each hidden layer, which are "
            f"{layers}, not {len(values)}"
        )
    return values


def hidden_layers(estimator: Any) -> list[Layer]:
    """The layers in front of the output layer.

    Raises:
        ValueError: for what no layer can be.
    """
    if estimator.network is not None:
        return list(estimator.network)
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    activations = per_layer("activation", estimator.activation, len(sizes))
    rates = per_layer("dropout", estimator.dropout, len(sizes))
    layers: list[Layer] = []
    for size, activation, rate in zip(sizes, activations, rates, strict=True):
        with said_of("activation"):
            layers.append(Dense(size, activation))
        if estimator.batch_norm:
            layers.append(BatchNorm())
        with said_of("dropout"):
            if rate != 0:
                layers.append(Dropout(rate))
    return layers


def check_unchanged(estimator: Any) -> None:
    """Refuse to go on with a network of other hidden layers than the parameters ask for.

    Raises:
        ValueError: that shows both.
    """
    fitted, asked = list(estimator.network_.layers[:-1]), hidden_layers(estimator)
    # What was pickled has initial weights by their names, so it may be the same and not equal.
    if fitted != asked and [x.to_dict() for x in fitted] != [x.to_dict() for x in asked]:
        raise ValueError(
            f"the fitted network has the hidden layers {fitted}, and the parameters ask for "
            f"{asked}: who goes on keeps them; fit a new one otherwise"
        )


def activation_of(name: Any) -> Activation:
    """The activation of a parameter that is one for all layers.

    Raises:
        ValueError: if there is none.
    """
    with said_of("activation"):
        return Dense(2, name).output_activations()[0]


def loss_of(name: Any) -> Loss:
    """The loss of a parameter, in scikit-learn's name or ours.

    Raises:
        ValueError: if there is none.
    """
    with said_of("loss"):
        return find_loss(LOSSES.get(name, name) if isinstance(name, str) else name)


def optimizer_of(estimator: Any, rate: Any) -> Optimizer | LBFGS:
    """The optimizer that the parameters describe, with this rate where they name none.

    Raises:
        ValueError: for an unknown name, or a schedule that does not fit.
    """
    optimizer = _named_or_solver(estimator, rate)
    if estimator.schedule is None:
        return optimizer
    if isinstance(optimizer, LBFGS):
        raise ValueError("schedule cannot be used with L-BFGS, which sets its own steps")
    schedule = estimator.schedule
    if isinstance(schedule, str):
        schedule = named_schedule(schedule, float(estimator.learning_rate_init))
    return replace(optimizer, learning_rate=schedule)


def _named_or_solver(estimator: Any, rate: Any) -> Optimizer | LBFGS:
    e = estimator
    if isinstance(e.optimizer, Optimizer | LBFGS):
        return e.optimizer
    name = e.optimizer or e.solver
    if name == LBFGS.name:
        return LBFGS(
            tolerance=1e7 * float(np.finfo(np.float64).eps), gradient_tolerance=float(e.tol),
            max_evaluations=int(e.max_fun),
        )  # fmt: skip
    if e.optimizer is None:
        if e.solver == "adam":
            return AdamHat(rate, float(e.beta_1), float(e.beta_2), float(e.epsilon))
        if e.momentum == 0:
            return GradientDescent(rate)
        return (Nesterov if e.nesterovs_momentum else Momentum)(rate, float(e.momentum))
    with said_of("optimizer"):
        if name.startswith(f"{LBFGS.name}("):
            raise ValueError(f"{name!r} has values of its own: give cr.LBFGS(...)")
        found: Optimizer = named_optimizer(name, LBFGS, taken=("learning_rate",))(
            learning_rate=rate
        )
    return found


def is_stochastic(estimator: Any) -> bool:
    """Whether the training takes batches, and can go on from where it ended."""
    if estimator.optimizer is None:
        return bool(estimator.solver != LBFGS.name)
    return estimator.optimizer != LBFGS.name and not isinstance(estimator.optimizer, LBFGS)


def inverse_scaling(estimator: Any, start: int) -> InverseScaling:
    """``learning_rate="invscaling"``, after some examples have been seen."""
    return InverseScaling(
        float(estimator.learning_rate_init), float(estimator.power_t), "example", start
    )


def inverse_scaled(estimator: Any, seen: int) -> float:
    """The rate of ``"invscaling"`` after so many examples; the smallest number where it is 0."""
    with np.errstate(over="ignore"):
        divisor = np.power(1.0 + seen, float(estimator.power_t))
    return max(float(estimator.learning_rate_init / divisor), float(np.finfo(np.float64).tiny))


def rate_at(optimizer: Optimizer, step: int, at: Steps) -> float:
    """The rate after some steps, as scikit-learn's optimizers report theirs."""
    rate = optimizer.learning_rate
    value = float(rate.values(at)[0]) if isinstance(rate, Schedule) else float(rate)
    if isinstance(optimizer, AdamHat) and step:
        value *= (1 - optimizer.beta2**step) ** 0.5 / (1 - optimizer.beta1**step)
    return value


def penalty_of(estimator: Any, weights: np.ndarray | None, dtype: np.dtype[Any]) -> Penalty | None:
    """½ α ‖W‖² / m for a batch of m, as scikit-learn has it.

    The rows' weights are scaled to mean one by the trainer, and α with them: a row of weight 2
    counts as two rows.

    Raises:
        ValueError: if that is more than numbers of the dtype can be multiplied by.
    """
    if not estimator.alpha:
        return None
    most = float(np.finfo(dtype).max) * LARGEST_PENALTY
    if estimator.alpha > most:
        raise ValueError(f"alpha must be at most {most:.2g} in {dtype}, and is larger")
    alpha = float(estimator.alpha)
    if weights is not None and weights.any():
        with np.errstate(over="ignore"):
            mean = float(weights.mean())
        alpha = alpha / mean if alpha / most < mean else np.inf
        if alpha > most:
            raise ValueError(
                f"sample_weight: with a mean of {mean:g} they make nothing of the loss beside the "
                "penalty: scale them to a mean of 1, or set alpha=0"
            )
    with said_of("alpha"):
        return L2(alpha, per_example=True)


def check_class_weight(weights: Mapping[Any, Any]) -> None:
    """Check the weights that a user gives to labels.

    Raises:
        ValueError: for what is no number, infinite or negative.
    """
    for label, weight in weights.items():
        if not real_number(weight) or weight < 0:
            raise ValueError(
                f"class_weight of the class {label!r} must be a number of at least 0, not "
                f"{weight!r}"
            )


def threads_of(n_jobs: int | None) -> int | None:
    """Threads for scikit-learn's n_jobs: None chooses, −1 takes all cores, −2 all but one.

    Raises:
        ValueError: for 0.
    """
    if n_jobs is None:
        return None
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0: None chooses, -1 takes all cores")
    from chainrule.engine.threads import cores

    return int(n_jobs) if n_jobs > 0 else max(cores() + 1 + int(n_jobs), 1)


def batch_rows(batch_size: Any, rows: int) -> int:
    """The rows of a batch, at most all of them."""
    return min(200, rows) if isinstance(batch_size, str) else min(int(batch_size), rows)


def stops_early(estimator: Any) -> bool:
    """Whether a validation score ends the training; L-BFGS has a rule of its own."""
    return bool(estimator.early_stopping) and is_stochastic(estimator)


def callbacks_of(estimator: Any) -> list[Any]:
    """The callbacks, which may be none."""
    given = estimator.callbacks
    return [] if given is None else listed("callbacks", given)


def check_together(estimator: Any) -> None:
    """Refuse parameters that do not go together.

    Raises:
        ValueError: that names them.
    """
    e = estimator
    hidden_sizes(e.hidden_layer_sizes)
    if e.network is not None and not all(map(_is_layer, listed("network", e.network))):
        raise ValueError(f"network must be a list of layers, not {e.network!r}")
    if e.network is not None and (e.batch_norm or e.dropout):
        raise ValueError("dropout and batch_norm are for hidden_layer_sizes: put them into network")
    if not all(map(_is_callback, callbacks_of(e))):
        raise ValueError(f"callbacks must be a list of functions of an Epoch, not {e.callbacks!r}")
    threads_of(e.n_jobs)
    optimizer_of(e, float(e.learning_rate_init))
    if isinstance(e.scoring, str) and e.scoring != "loss":
        scorer_of(e.scoring)
    if isinstance(e.activation, str):
        activation_of(e.activation)


def _is_layer(layer: Any) -> bool:
    return hasattr(layer, "forward") and not isinstance(layer, type)


def _is_callback(callback: Any) -> bool:
    return callable(callback) and not isinstance(callback, type)


def scorer_of(name: str) -> Any:
    """The scorer of scikit-learn of a name.

    Raises:
        ValueError: if there is none.
    """
    from sklearn.metrics import get_scorer

    with said_of("scoring"):
        return get_scorer(name)


def offers_partial_fit(estimator: Any) -> bool:
    """For ``available_if``: whether there is a partial_fit.

    Raises:
        AttributeError: that says why not.
    """
    if not is_stochastic(estimator):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True
