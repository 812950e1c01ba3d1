"""The dense layer: a = f(x·W + b).

Its backward instructions are the chain rule read from right to left:

    delta = da ⊙ f′(z)          of the activation
    dW    = Σᵢ xᵢᵀ·deltaᵢ        of the weights (the mean is taken where the gradient is reduced)
    db    = Σᵢ deltaᵢ            of the biases
    dx    = delta·Wᵀ            of the inputs, if anything before them learns
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule import activations, initializers
from chainrule.activations import Activation
from chainrule.checks import whole
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Constant, Context, Matrix, Vector, kernel
from chainrule.engine.linalg import (
    add_product,
    affine_product,
    back_product,
    clear,
    in_line,
    outer_product,
    total_of_rows,
)
from chainrule.engine.program import Buffer
from chainrule.equations import Equation, apply, symbols
from chainrule.initializers import Initializer
from chainrule.layers.base import Parameter, checked_name

LARGEST = 2**31 - 1  # BLAS counts in 32 bits

a, W, b, delta, dW, db = symbols("a W b delta dW db")


@kernel(Equation("z", a @ W + b))
def affine(z: Matrix, a: Matrix, W: Matrix, b: Vector, context: Context) -> None:
    affine_product(z, a, W, b, context)


@kernel(Equation("z", a @ W))
def product(z: Matrix, a: Matrix, W: Matrix, context: Context) -> None:
    clear(in_line(z))
    add_product(z, a, W, context)


@kernel(Equation("dW", dW + a.T @ delta))
def weight_gradient(
    dW: Matrix, a: Matrix, delta: Matrix, again: Constant, context: Context
) -> None:
    """Summed over the tiles of a slot; ``again`` if the parameter was met in this tile before."""
    outer_product(dW, a, delta, again != 0 or context.accumulate != 0, context)


@kernel(Equation("db", db + apply("sum_rows", delta)))
def bias_gradient(db: Vector, delta: Matrix, again: Constant, context: Context) -> None:
    """Summed like the gradient of the weights."""
    total_of_rows(db, delta, again != 0 or context.accumulate != 0, context)


@kernel(Equation("da", delta @ W.T))
def input_gradient(da: Matrix, delta: Matrix, W: Matrix, context: Context) -> None:
    back_product(da, delta, W, context)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer, z = x·W + b and a = f(z).

    Args:
        units: the number of neurons, at least 1.
        activation: a name such as ``"relu"`` or ``"leaky_relu(0.2)"``, an entry, or a list with
            one for each neuron.
        bias: False leaves b out.
        weights: the initializer of W (inputs, units); by default what suits the activation:
            He for the ReLU family, else Glorot, both uniform.
        biases: the initializer of b (units,).
        name: the first part of the paths of its values; by default ``dense1``, ``dense2``, ...

    Raises:
        ValueError: for a size below 1, an unknown name, or a list of the wrong length.

    Source: 000, "Layers and neurons"; 001, "Forward Propagation".

    >>> Dense(3, ["relu", "tanh", "logistic"])
    Dense(3, ['relu', 'tanh', 'logistic'])
    """

    units: int
    activation: "str | Activation | Sequence[str | Activation]" = "linear"
    bias: bool = True
    weights: "str | float | Initializer | None" = None
    biases: "str | float | Initializer" = "zeros"
    name: str | None = None
    kind: ClassVar[str] = "dense"
    couples_rows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", whole("units of Dense", self.units, 1, LARGEST))
        if not isinstance(self.bias, bool):
            raise ValueError(f"bias of Dense must be True or False, not {self.bias!r}")
        checked_name(self.name)
        if isinstance(self.activation, Sequence) and not isinstance(self.activation, str):
            object.__setattr__(self, "activation", tuple(self.activation))
            entries = tuple(_found(entry) for entry in self.activation)
            if len(entries) != self.units:
                raise ValueError(
                    f"Dense({self.units}) needs one activation or one for each of its "
                    f"{self.units} units, not {len(entries)}"
                )
            if len(set(entries)) == 1:
                entries = entries[:1]
            elif any(entry.rowwise for entry in entries):
                raise ValueError(
                    "softmax takes all units of a layer together: it cannot be that of some of them"
                )
        else:
            entries = (_found(self.activation),)
        if entries[0].rowwise and self.units < 2:
            raise ValueError(f"{entries[0].name} needs at least 2 units: for one use 'logistic'")
        object.__setattr__(self, "_entries", entries)
        default = entries[0].initializer if self.weights is None else self.weights
        object.__setattr__(self, "_weights", initializers.find(default))
        object.__setattr__(self, "_biases", initializers.find(self.biases))

    def __repr__(self) -> str:
        names = [str(entry) for entry in self.output_activations()]
        text = f"Dense({self.units}, {(names[0] if len(names) == 1 else names)!r}"
        text += "" if self.bias else ", bias=False"
        return text + (f", name={self.name!r})" if self.name else ")")

    def output_activations(self) -> tuple[Activation, ...]:
        entries: tuple[Activation, ...] = self._entries  # type: ignore[attr-defined]
        return entries

    def outputs(self, inputs: int) -> int:
        return self.units

    def parameters(self, inputs: int) -> list[Parameter]:
        weights: Initializer = self._weights  # type: ignore[attr-defined]
        biases: Initializer = self._biases  # type: ignore[attr-defined]
        found = [Parameter("W", (inputs, self.units), weights, inputs, self.units, decays=True)]
        if self.bias:
            found.append(Parameter("b", (self.units,), biases, inputs, self.units))
        return found

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        weights = builder.parameter(f"{path}.W", (x.columns, self.units))
        z = builder.value(f"{path}.z", self.units)
        if self.bias:
            biases = builder.parameter(f"{path}.b", (self.units,))
            builder.emit(affine, z=z, a=x, W=weights, b=biases)
        else:
            biases = None
            builder.emit(product, z=z, a=x, W=weights)
        builder.on_backward(lambda: self._affine_backward(builder, x, weights, biases, z))
        return self._activate(builder, path, z)

    def _affine_backward(
        self, builder: Builder, x: Buffer, weights: Buffer, biases: Buffer | None, z: Buffer
    ) -> None:
        if not builder.has_gradient(z):
            return
        delta = builder.gradient(z)
        if builder.needs_gradient(weights):
            target, again = builder.parameter_gradient(weights)
            builder.emit(weight_gradient, dW=target, a=x, delta=delta, again=again)
        if biases is not None and builder.needs_gradient(biases):
            target, again = builder.parameter_gradient(biases)
            builder.emit(bias_gradient, db=target, delta=delta, again=again)
        if builder.needs_gradient(x):
            builder.emit(input_gradient, da=builder.contribution(x), delta=delta, W=weights)

    def _activate(self, builder: Builder, path: str, z: Buffer) -> Buffer:
        entries = self.output_activations()
        out = builder.value(f"{path}.a", self.units)
        if len(entries) == 1:
            entry = entries[0]
            k = builder.scalar(f"{path}.k", entry.k or 0.0)
            builder.emit(entry.forward, a=out, z=z, k=k)
            builder.origins[out.name] = (z, entry)
        else:
            for number, (entry, first, last) in enumerate(_runs(entries), start=1):
                k = builder.scalar(f"{path}.k{number}", entry.k or 0.0)
                builder.emit(entry.forward_columns, a=out, z=z, k=k, first=first, last=last)
        each = entries if len(entries) > 1 else entries * self.units
        for kink in sorted({k for entry in entries for k in entry.kinks}):
            builder.kink(z, [c for c, entry in enumerate(each) if kink in entry.kinks], kink)
        builder.on_backward(lambda: self._activate_backward(builder, path, z, out))
        return out

    def _activate_backward(self, builder: Builder, path: str, z: Buffer, out: Buffer) -> None:
        if not (builder.has_gradient(out) and builder.needs_gradient(z)):
            return
        da = builder.gradient(out)
        delta = builder.contribution(z)
        entries = self.output_activations()
        for entry in entries:
            if not entry.trainable:
                raise ValueError(
                    f"{entry.name!r} has no useful derivative: it predicts and decides, "
                    "but a network with it cannot be trained"
                )
        if len(entries) == 1:
            k = builder.scalar(f"{path}.k", 0.0)
            builder.emit(entries[0].backward, delta=delta, da=da, z=z, a=out, k=k)
            return
        for number, (entry, first, last) in enumerate(_runs(entries), start=1):
            k = builder.scalar(f"{path}.k{number}", 0.0)
            builder.emit(entry.backward_columns, delta=delta, da=da, z=z, a=out, k=k,
                         first=first, last=last)  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        names = [str(entry) for entry in self.output_activations()]
        return {
            "layer": self.kind,
            "units": self.units,
            "activation": names[0] if len(names) == 1 else names,
            "bias": self.bias,
            "weights": str(self._weights),  # type: ignore[attr-defined]
            "biases": str(self._biases),  # type: ignore[attr-defined]
            "name": self.name,
        }


def _found(activation: "str | Activation") -> Activation:
    if isinstance(activation, str) and activation.partition("(")[0].strip() == "prelu":
        raise ValueError(
            "'prelu' has slopes to learn and is a layer: write Dense(units), PReLU() in its place"
        )
    return activations.find(activation)


def _runs(entries: tuple[Activation, ...]) -> list[tuple[Activation, int, int]]:
    """Neighbours with the same activation, as (entry, first column, one past the last)."""
    runs = []
    position = 0
    for entry, group in itertools.groupby(entries):
        length = len(list(group))
        runs.append((entry, position, position + length))
        position += length
    return runs
