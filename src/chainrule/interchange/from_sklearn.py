"""Reads the multilayer perceptrons of scikit-learn, and classes with the same attributes."""

from typing import Any

from chainrule.interchange.parts import Parts, real_array, shown_paths
from chainrule.layers import Dense, Layer

ATTRIBUTES = ("activation", "loss", "coefs_", "intercepts_", "out_activation_")

#: The loss by theirs and their output activation: theirs take natural pairs only.
LOSSES = {
    ("log_loss", "logistic"): "binary_cross_entropy",
    ("log_loss", "softmax"): "cross_entropy",
    ("squared_error", "identity"): "mse",
    ("poisson", "exp"): "poisson",
}
HIDDEN = {"identity": "linear", "logistic": "logistic", "tanh": "tanh", "relu": "relu"}
OUTPUTS = {
    "identity": "linear", "logistic": "logistic", "softmax": "softmax", "exp": "exponential",
}  # fmt: skip


def read(fitted: Any) -> Parts:
    """The parts of a fitted perceptron; see :meth:`chainrule.Network.from_sklearn`.

    Raises:
        ValueError: for anything else, or one whose attributes do not fit each other.
    """
    taken = "from_sklearn takes a fitted MLPClassifier or MLPRegressor, and this"
    if isinstance(fitted, type):
        raise ValueError(f"{taken} is a class: give a fitted estimator, not a class")
    if hasattr(fitted, "named_steps"):
        raise ValueError(f"{taken} is a {type(fitted).__name__}: give its last step")
    for name in ATTRIBUTES:
        if not hasattr(fitted, name):
            raise ValueError(f"{taken} {type(fitted).__name__} has no {name}")
    return _of_network(fitted) if hasattr(fitted, "network_") else _of_stack(fitted)


def _of_network(fitted: Any) -> Parts:
    """The parts of an estimator that holds a network of ours, whose layers may be of any kind.

    Its lists count, as in its own predictions: what was set there may not be in the network yet.
    """
    network = fitted.network_
    values = dict(network.parameters)
    for name, paths in zip(("coefs_", "intercepts_"), shown_paths(values), strict=True):
        shown = getattr(fitted, name)
        if len(paths) != len(shown):
            raise ValueError(
                f"{name} must hold {len(paths)} arrays for its network_, not {len(shown)}"
            )
        values.update(zip(paths, shown, strict=True))
    shapes = {path: shape for path, (_, shape) in network.places.items()}
    arrays = [real_array(path, value, *shapes[path]) for path, value in values.items()]
    return Parts(network.layers, network.loss, network.inputs, arrays)


def _of_stack(fitted: Any) -> Parts:
    if len(fitted.coefs_) != len(fitted.intercepts_):
        raise ValueError(
            f"coefs_ and intercepts_ must be equally many, not {len(fitted.coefs_)} and "
            f"{len(fitted.intercepts_)}"
        )
    hidden = _known("activation", fitted.activation, HIDDEN)
    output = _known("out_activation_", fitted.out_activation_, OUTPUTS)
    pair = (fitted.loss, fitted.out_activation_)
    loss = _known("the pair of loss and out_activation_", pair, LOSSES)
    layers: list[Layer] = []
    arrays = []
    columns = None
    for k, (coef, intercept) in enumerate(zip(fitted.coefs_, fitted.intercepts_, strict=True)):
        W = real_array(f"coefs_[{k}]", coef, columns, None)
        columns = W.shape[1]
        arrays += [W, real_array(f"intercepts_[{k}]", intercept, columns)]
        last = k == len(fitted.coefs_) - 1
        layers.append(Dense(columns, output if last else hidden))
    if not layers:
        raise ValueError("coefs_ must hold the weights of at least one layer, not none")
    return Parts(layers, loss, arrays[0].shape[0], arrays)


def _known(what: str, value: Any, table: dict[Any, str]) -> str:
    """What a table says of a value.

    Raises:
        ValueError: for one that does not stand there.
    """
    try:
        return table[value]
    except (KeyError, TypeError):
        allowed = ", ".join(map(repr, table))
        raise ValueError(f"{what} must be one of {allowed}, not {value!r}") from None
