"""The parameters of a network, a layer at a time."""

from collections.abc import Mapping

import numpy as np

Parameters = Mapping[str, np.ndarray]


def own_parameters(parameters: Parameters, path: str) -> dict[str, np.ndarray]:
    """Those of the layer at a path, by the rest of their paths.

    >>> found = own_parameters({"dense1.W": np.ones(2), "dense10.W": np.zeros(2)}, "dense1")
    >>> {name: value.tolist() for name, value in found.items()}
    {'W': [1.0, 1.0]}
    """
    prefix = f"{path}."
    return {
        name.removeprefix(prefix): values
        for name, values in parameters.items()
        if name.startswith(prefix)
    }
