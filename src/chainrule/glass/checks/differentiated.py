"""The loss of a program's own forward equations, differentiated by JAX.

Nothing is written again here: the equations that the instructions carry are evaluated by
``jax.numpy``, and ``jax.grad`` differentiates what it saw. So what is checked is the backward half
of the program, by a machine that has never seen it.
"""

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule import data, penalties
from chainrule.engine import layout
from chainrule.engine.program import Buffer, Instruction, Operand
from chainrule.glass.traces import stepping
from chainrule.glass.traces.trace import examples
from chainrule.layers import dropout, norm
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.optimizers import LETTERS as OF_OPTIMIZERS

LETTERS = {**OF_OPTIMIZERS, **penalties.LETTERS, **dropout.LETTERS, **norm.LETTERS}


def gradient_by_jax(network: Network, X: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
    """The gradient of the loss with respect to the flat vector of parameters, in float64.

    Args:
        network: with a loss.
        X, y, sample_weight: as for the training.

    Raises:
        ImportError: if JAX is not installed.
    """
    import jax

    with _in_double_precision(jax):
        loss = _loss(network, X, y, sample_weight, jax.numpy)
        vector = jax.numpy.asarray(network.vector.astype(np.float64))
        return np.asarray(jax.grad(loss)(vector))


def _in_double_precision(jax: Any) -> contextlib.AbstractContextManager[Any]:
    """Newer versions have it in the open, older ones among their experiments."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    import jax.experimental as experiments

    return getattr(experiments, "enable_x64")()  # noqa: B009 - newer versions have no such name


def _loss(network: Network, X: Any, y: Any, sample_weight: Any, xp: Any) -> Callable[[Any], Any]:
    """The loss as a function of the flat vector of parameters."""
    X = examples(network, X, "X")
    rows = X.shape[0]
    targets = data.targets(network, y, rows)
    weights = data.weights(sample_weight, None, targets, rows)
    sources = {"X": X, "Y": targets.read_as("float64")}
    if weights is not None:
        sources["w"] = weights
    program = lower(
        network, "evaluate", rows, labels=targets.labels, weighted=weights is not None,
        dtype="float64", tile_rows=rows, sources=sources, plan=False, training=True,
    )  # fmt: skip
    found = stepping.run_step(network, program, sources, rows, seed=network.seed)
    # What no parameter has a part in, such as data and masks, is taken as it was.
    known = {name: found[name] for name in program.buffers if name in found}
    assert network.loss is not None
    divisor = rows if network.loss.mean else 1
    environment = {"m": divisor, "rows": rows, "t": found.step}

    def loss(vector: Any) -> Any:
        values: dict[str, Any] = {}
        for path, (start, shape) in network.places.items():
            values[path] = vector[start : start + int(np.prod(shape))].reshape(shape)
        evaluator = _Evaluator(values, known, program.scalars, environment, rows, xp)
        for instruction in program.instructions:
            if any(buffer.name in values for buffer in instruction.buffers):
                evaluator.evaluate(instruction)
            if "loss.sum" in values:
                return xp.reshape(values["loss.sum"], ()) / divisor
        raise AssertionError("the program computes no loss")

    return loss


class _Evaluator:
    """Computes what instructions write by their equations.

    Args:
        values: what depends on the parameters, by name; grows.
        known: what does not.
        scalars: hyperparameters of the program.
        environment: what kernels know beside their operands.
        rows: of the batch.
        xp: NumPy or what looks like it.
    """

    def __init__(
        self, values: dict[str, Any], known: Mapping[str, Any], scalars: Mapping[str, float],
        environment: Mapping[str, Any], rows: int, xp: Any,
    ) -> None:  # fmt: skip
        self._values, self._known, self._scalars = values, known, scalars
        self._environment, self._rows, self._xp = environment, rows, xp

    def evaluate(self, instruction: Instruction) -> None:
        xp, operands = self._xp, instruction.operands
        columns = slice(operands.get("first"), operands.get("last"))
        seen = dict(self._environment)
        for name, operand in operands.items():
            if name not in instruction.kernel.outputs or self._has(operand):
                seen[name] = self._read(operand, columns)
        seen |= {LETTERS[name]: value for name, value in seen.items() if name in LETTERS}
        for equation in instruction.kernel.equations:
            value = seen[equation.target] = equation.value.evaluate(seen, xp)  # type: ignore[attr-defined]
            buffer = operands[equation.target]
            assert isinstance(buffer, Buffer)
            shape = self._shape(buffer)
            if columns != slice(None):  # a function for some columns of a layer alone
                whole = self._values.get(buffer.name, xp.zeros(shape))
                self._values[buffer.name] = whole.at[:, columns].set(value)
            elif np.size(value) == math.prod(shape):
                self._values[buffer.name] = xp.reshape(value, shape)
            else:
                self._values[buffer.name] = xp.broadcast_to(value, shape)

    def _shape(self, buffer: Buffer) -> tuple[int, ...]:
        if buffer.role == "sums":
            return (1,)
        return tuple(self._rows if n == layout.TILE_ROWS else n for n in buffer.shape)

    def _has(self, operand: Operand) -> bool:
        return isinstance(operand, Buffer) and (
            operand.name in self._values or operand.role == "sums"
        )

    def _read(self, operand: Operand, columns: slice) -> Any:
        if not isinstance(operand, Buffer):
            return operand
        if operand.role == "scalar":
            return self._scalar(operand)
        if operand.role == "sums" and operand.name not in self._values:
            return 0.0
        value = self._values.get(operand.name)
        value = self._known[operand.name] if value is None else value
        value = self._xp.reshape(value, self._shape(operand))
        return value[:, columns] if columns != slice(None) and value.ndim == 2 else value

    def _scalar(self, buffer: Buffer) -> Any:
        if buffer.label == buffer.name.rpartition(".")[0]:  # several of one kind, side by side
            names = (f"{buffer.label}.{k + 1}" for k in range(buffer.shape[0]))
            return np.array([self._scalars[name] for name in names])
        return self._scalars[buffer.name]
