"""Initial weights as scikit-learn draws them, and the lists that show an estimator's weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import activations
from chainrule.activations import Activation
from chainrule.interchange.parts import shown_paths
from chainrule.network import Network

LOGISTIC = activations.find("logistic")
AT_ONCE = 8192  # numbers that are drawn: larger parts leave the cache and cost twice the time


def draw(network: Network, entries: Sequence[Activation], random: np.random.RandomState) -> None:
    """Set weights and biases of the dense layers to what scikit-learn starts from.

    W and b of a layer from i to o units are uniform in ±√(6 / (i + o)), or ±√(2 / (i + o)) for
    logistic units, drawn layer by layer, W first: the same ``random_state`` gives the same start.

    Args:
        network: whose parameters are set.
        entries: the activations, one for each dense layer.
        random: what draws.

    Source: Glorot, Bengio, 2010; scikit-learn's MLP, which draws the biases as well.
    """
    matrices, biases = shown_paths(network.places)
    for name, bias, activation in zip(matrices, biases, entries, strict=True):
        shape = network.parameters[name].shape
        factor = 2.0 if activation == LOGISTIC else 6.0
        bound = np.sqrt(factor / sum(shape))
        for parameter in (name, bias):
            flat = network.parameters[parameter].reshape(-1)
            for start in range(0, flat.size, AT_ONCE):
                part = flat[start : start + AT_ONCE]
                part[:] = random.uniform(-bound, bound, part.size)


class Shown:
    """The lists ``coefs_`` and ``intercepts_`` of an estimator: views into its network.

    They are plain lists, so that an element or the whole can be set, as code for scikit-learn
    does; what was set is found by :meth:`take_over` and written into the network.

    Args:
        network: whose parameters are shown.
    """

    def __init__(self, network: Network) -> None:
        matrices, biases = shown_paths(network.places)
        self._names = [*matrices, *biases]
        self._matrices = len(matrices)
        self._network = network
        self._vector = network.vector
        self._views = [network.parameters[name] for name in self._names]

    def lists(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Both lists."""
        return self._views[: self._matrices], self._views[self._matrices :]

    def still(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> bool:
        """Whether the lists show what the network holds."""
        if self._vector is not self._network.vector:
            return False
        views = iter(self._views)
        for shown in (coefs, intercepts):
            for array in shown:
                if array is not next(views, None):
                    return False
        return next(views, None) is None

    def take_over(self, coefs: Sequence[Any], intercepts: Sequence[Any]) -> None:
        """Write into the network what was set in the lists.

        Raises:
            ValueError: for arrays of another number or shape.
        """
        arrays = [*coefs, *intercepts]
        if (len(coefs), len(arrays)) != (self._matrices, len(self._names)):
            raise ValueError(
                f"coefs_ and intercepts_ hold {len(coefs)} and {len(intercepts)} arrays, and the "
                f"network has {self._matrices} and {len(self._names) - self._matrices}"
            )
        for k, (view, array) in enumerate(zip(self._views, arrays, strict=True)):
            if np.shape(array) != view.shape:
                own = k < self._matrices
                shown = f"coefs_[{k}]" if own else f"intercepts_[{k - self._matrices}]"
                raise ValueError(f"{shown} has the shape {view.shape}, not {np.shape(array)}")
        for name, array in zip(self._names, arrays, strict=True):
            self._network.parameters[name] = array
