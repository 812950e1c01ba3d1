"""Writes a network as a fitted multilayer perceptron of scikit-learn."""

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.activations import Activation, activations
from chainrule.interchange import from_sklearn
from chainrule.layers import AlphaDropout, Dense, Dropout, GaussianNoise

if TYPE_CHECKING:
    from chainrule.network import Network

HIDDEN = {activations[ours]: theirs for theirs, ours in from_sklearn.HIDDEN.items()}
OUTPUTS = {activations[ours]: theirs for theirs, ours in from_sklearn.OUTPUTS.items()}
SILENT = (Dropout, AlphaDropout, GaussianNoise)  # in prediction they pass on what they are given


def write(network: "Network", classes: Any = None) -> Any:
    """The fitted estimator; see :meth:`chainrule.Network.to_sklearn`.

    Raises:
        ValueError: naming the layer that scikit-learn does not have, or for classes that do not
            fit the outputs.
    """
    stack = _dense_layers(network)
    hidden = _hidden_activation(stack[:-1])
    output = _one_of(OUTPUTS, *stack[-1], "for the output layer")
    coefs, intercepts = _weights(network, stack)
    options: dict[str, Any] = {"hidden_layer_sizes": tuple(layer.units for _, layer in stack[:-1])}
    if hidden:
        options["activation"] = hidden
    if output in ("logistic", "softmax"):
        return _classifier(options, coefs, intercepts, output, classes)
    if classes is not None:
        raise ValueError(
            f"{stack[-1][0]} has {str(stack[-1][1].output_activations()[0])!r} outputs, which "
            "make a regressor: it takes no classes"
        )
    return _regressor(options, coefs, intercepts, output)


def _dense_layers(network: "Network") -> list[tuple[str, Dense]]:
    stack = []
    for path, layer in zip(network.paths, network.layers, strict=True):
        if isinstance(layer, Dense):
            stack.append((path, layer))
        elif not isinstance(layer, SILENT):
            raise ValueError(
                f"{path} is a {type(layer).__name__} layer, and scikit-learn's networks have "
                "dense layers only"
            )
    if not stack:
        raise ValueError("the network has no dense layer, and scikit-learn's have at least one")
    return stack


def _hidden_activation(hidden: list[tuple[str, Dense]]) -> str | None:
    """The one activation of all hidden layers in scikit-learn's name, None for no layers."""
    known: str | None = None
    for path, layer in hidden:
        found = _one_of(HIDDEN, path, layer, "for hidden layers")
        if known not in (None, found):
            raise ValueError(
                f"{path} has the activation {str(layer.output_activations()[0])!r}, and "
                f"scikit-learn has one for all hidden layers: here {known!r}, that of the first"
            )
        known = found
    return known


def _one_of(table: dict[Activation, str], path: str, layer: Dense, where: str) -> str:
    entries = layer.output_activations()
    if len(entries) > 1:
        raise ValueError(
            f"{path} has an activation for each neuron, and scikit-learn has one for a layer"
        )
    if entries[0] not in table:
        raise ValueError(
            f"{path} has the activation {str(entries[0])!r}, and scikit-learn has only "
            f"{', '.join(table.values())} {where}"
        )
    return table[entries[0]]


def _weights(
    network: "Network", stack: list[tuple[str, Dense]]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Copies of the weights and biases of each layer; the biases that one goes without are 0."""
    coefs, intercepts = [], []
    for path, layer in stack:
        coefs.append(network.parameters[f"{path}.W"].copy())
        b = network.parameters[f"{path}.b"] if layer.bias else np.zeros(layer.units, network.dtype)
        intercepts.append(b.copy())
    return coefs, intercepts


def _classifier(
    options: dict[str, Any], coefs: list[np.ndarray], intercepts: list[np.ndarray], output: str,
    classes: Any,
) -> Any:  # fmt: skip
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import LabelBinarizer

    units = intercepts[-1].size
    if output == "logistic" and units > 1:
        if classes is not None and not np.array_equal(classes, np.arange(units)):
            raise ValueError(
                f"{units} logistic outputs are that many labels, which scikit-learn numbers from "
                "0: they take no classes"
            )
        targets: Any = np.eye(1, units, dtype=np.int64)  # a matrix of two values: many labels
    else:
        targets, order = _sorted_classes(classes, max(units, 2))
        coefs[-1], intercepts[-1] = _in_order(coefs[-1], intercepts[-1], order)
        output = "softmax" if len(order) > 2 else "logistic"
    estimator = MLPClassifier(**options)
    estimator._label_binarizer = LabelBinarizer().fit(targets)
    estimator.classes_ = estimator._label_binarizer.classes_
    return _fitted(estimator, coefs, intercepts, output)


def _sorted_classes(classes: Any, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels as scikit-learn sorts them, and the output of each.

    Raises:
        ValueError: unless they are so many, and different.
    """
    given = np.arange(number) if classes is None else np.asarray(classes)
    try:
        labels, order = np.unique(given, return_index=True)
    except TypeError:
        raise ValueError(f"classes must be labels that can be sorted, not {classes!r}") from None
    if given.shape != (number,) or labels.size != number:
        raise ValueError(f"classes must be {number} different labels, not {classes!r}")
    return labels, order


def _in_order(W: np.ndarray, b: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The output layer with an output a class; of two classes, scikit-learn has the second's only.

    With two outputs softmax(z)₁ = logistic(z₁ − z₀), and a single z is the second of (0, z).
    """
    if b.size == 1:
        W, b = np.hstack([np.zeros_like(W), W]), np.hstack([np.zeros_like(b), b])
    W, b = W[:, order], b[order]
    return (W[:, 1:] - W[:, :1], b[1:] - b[:1]) if len(order) == 2 else (W, b)


def _regressor(
    options: dict[str, Any], coefs: list[np.ndarray], intercepts: list[np.ndarray], output: str
) -> Any:
    from sklearn.neural_network import MLPRegressor

    if output == "exp":
        options["loss"] = "poisson"
        if "loss" not in MLPRegressor().get_params():
            raise ValueError("exponential outputs need scikit-learn 1.7 or later")
    return _fitted(MLPRegressor(**options), coefs, intercepts, output)


def _fitted(
    estimator: Any, coefs: list[np.ndarray], intercepts: list[np.ndarray], output: str
) -> Any:
    """The estimator with all that its own ``fit`` sets before the first epoch."""
    estimator.coefs_, estimator.intercepts_ = coefs, intercepts
    estimator._best_coefs = [W.copy() for W in coefs]
    estimator._best_intercepts = [b.copy() for b in intercepts]
    estimator.n_features_in_ = coefs[0].shape[0]
    estimator.n_outputs_ = coefs[-1].shape[1]
    estimator.n_layers_ = len(coefs) + 1
    estimator.out_activation_ = output
    estimator.n_iter_ = estimator.t_ = estimator._no_improvement_count = 0
    estimator.loss_curve_ = []
    estimator.best_loss_ = np.inf
    estimator.validation_scores_ = estimator.best_validation_score_ = None
    return estimator
