"""Layer-sequential unit variance: initial weights fitted to the data that they will see."""

import math
from typing import Any

import numpy as np

from chainrule import data
from chainrule.checks import real_number, whole
from chainrule.engine import layout
from chainrule.engine.executor import Executor
from chainrule.engine.program import Buffer
from chainrule.initializers import orthogonal
from chainrule.lowering import lower
from chainrule.network import Network


def lsuv(
    network: Network, X: Any, tolerance: float = 0.02, max_iterations: int = 10
) -> dict[str, float]:
    """Give the weights orthogonal values, then scale them until each layer's z has variance 1.

    From the first layer to the last, with z as it is before the activation, over all rows and
    units together:

        W ← W / √Var(z)    until |Var(z) − 1| ≤ tolerance

    z comes from the network's own program, run as in training. The weights change in place;
    biases and all other parameters stay as they are. The last layer is scaled like the others.

    Args:
        network: its weights are replaced, before a training.
        X: (m, inputs), a batch of the training data: some hundred rows are enough, and all of them
            are held in memory with every value of every layer.
        tolerance: how far a variance may be from 1.
        max_iterations: scalings of a layer, at least 1; without biases one is enough.

    Returns:
        The variances of z by name, as they are in the end.

    Raises:
        ValueError: for data that do not fit or values outside their range, before any work; for a
            layer whose z has no variance on X, or one that is not finite: then no weight changed.

    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Dense(20, "relu"), cr.Dense(1)], inputs=5)
    >>> cr.lsuv(net, np.random.default_rng(0).normal(3, 40, size=(100, 5)))
    {'z1': 1.0, 'z2': 1.0}

    Source: Mishkin, Matas, 'All you need is a good init', 2016.
    """
    if not real_number(tolerance) or tolerance <= 0:
        raise ValueError(f"tolerance must be a positive number, not {tolerance!r}")
    most = whole("max_iterations", max_iterations)
    X = data.features(X, network.inputs, dtype="float64")
    network.check_features(X)
    run = _Forward(network, X)
    rng = np.random.default_rng(network.seed)
    entry = orthogonal()
    for name in run.values:
        weights = run.weights(name)
        weights[...] = entry.draw(rng, weights.shape, *weights.shape)
    found = {}
    for name, z in run.values.items():
        variance = run.variance(z)
        for _ in range(most):
            if abs(variance - 1) <= tolerance:
                break
            run.weights(name)[...] /= math.sqrt(variance)
            variance = run.variance(z)
        found[network.labels.get(z.name, z.name)] = round(variance, 12)
    for name in run.values:
        network.parameters[name] = run.weights(name)
    return found


class _Forward:
    """The forward part of a network's program in float64, on a copy of its parameters.

    Attributes:
        values: the value that each matrix of weights is multiplied into, in the order in which
            the program computes them.
    """

    def __init__(self, network: Network, X: Any) -> None:
        self._rows = X.shape[0]
        self._places = network.places
        self._vector = network.vector.astype(np.float64)
        sources = {"X": X, "out": np.empty((self._rows, network.outputs))}
        program = lower(
            network, "predict", self._rows, dtype="float64", tile_rows=self._rows,
            sources=sources, reuse=False, training=True,
        )  # fmt: skip
        matrices = {
            name for name, specification in network.specifications.items()
            if specification.decays and len(specification.shape) == 2
        }  # fmt: skip
        self.values: dict[str, Buffer] = {}
        for instruction in program.instructions:
            for buffer in instruction.reads:
                if buffer.name in matrices and instruction.phase == layout.FORWARD:
                    self.values.setdefault(buffer.name, instruction.writes[0])
        self._executor = Executor(
            program, self._vector, sources, self._rows, self._rows, seed=network.seed
        )

    def weights(self, name: str) -> np.ndarray:
        """A view of a parameter."""
        start, shape = self._places[name]
        return self._vector[start : start + int(np.prod(shape))].reshape(shape)

    def variance(self, value: Buffer) -> float:
        """The variance of a value over rows and units.

        Raises:
            ValueError: if it is 0 or not finite.
        """
        with self._executor:
            self._executor.restart()
            self._executor.run(1)
        with np.errstate(all="ignore"):
            found = float(self._executor.binding.read(value, self._rows).var())
        if not math.isfinite(found):
            raise ValueError(f"{value} has no finite variance on X: scale the features")
        if found == 0:
            raise ValueError(
                f"{value} has no variance on X, and no factor of the weights changes that: what "
                "comes before it is 0 in every row, or the same in a layer of one unit"
            )
        return found
