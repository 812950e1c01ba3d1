"""A residual block: a = x + F(x), with layers inside for F.

dF = da, dx = da + (what F passes back)    the sum over the two that read x
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from chainrule.activations import Activation, activations
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Context, Flat, kernel
from chainrule.engine.program import Buffer
from chainrule.equations import Equation, symbols
from chainrule.layers.base import Layer, Parameter, checked_name, paths_of, reads_features

x, F, da = symbols("x F da")


@kernel(Equation("a", x + F))
def residual(a: Flat, x: Flat, F: Flat, context: Context) -> None:
    for k in range(a.size):
        a[k] = x[k] + F[k]


@kernel(Equation("dx", da))
def residual_backward(dx: Flat, da: Flat, context: Context) -> None:
    """Both terms of the sum get the gradient as it is."""
    for k in range(dx.size):
        dx[k] = da[k]


@dataclass(frozen=True)
class Residual:
    """A block that adds what its layers compute to what they are given: a = x + F(x).

    Args:
        layers: those of F, first to last; their last one has as many outputs as the block has
            inputs. The paths of their values lie below that of the block: ``residual1.dense1.W``.
        name: the first part of the paths of its values; by default ``residual1``, ...

    Raises:
        ValueError: for no layers, two of one name, or one that must be the first of a network;
            in a network, if inputs and outputs are not equally many.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", 2015.

    >>> import chainrule as cr
    >>> block = cr.Residual([cr.Dense(8, "relu"), cr.Dense(3)])
    >>> cr.Network([block, cr.Dense(1)], inputs=3).parameters
    residual1.dense1.W (3, 8)
    residual1.dense1.b (8,)
    residual1.dense2.W (8, 3)
    residual1.dense2.b (3,)
    dense1.W (3, 1)
    dense1.b (1,)
    """

    layers: Sequence[Layer]
    name: str | None = None
    kind: ClassVar[str] = "residual"

    def __post_init__(self) -> None:
        checked_name(self.name)
        if not hasattr(self.layers, "__iter__"):
            raise ValueError(f"layers of Residual must be a list of layers, not {self.layers!r}")
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("layers of Residual must be at least one layer, not none")
        for layer in self.layers:
            if not hasattr(layer, "forward"):
                raise ValueError(f"layers of Residual holds {layer!r}, which is not a layer")
            if reads_features(layer):
                raise ValueError(f"{layer!r} must be the first layer: it reads the features")
        object.__setattr__(self, "_paths", paths_of(self.layers))

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"Residual({list(self.layers)!r}{name})"

    @property
    def couples_rows(self) -> bool:
        """Whether one of its layers does."""
        return any(layer.couples_rows for layer in self.layers)

    @property
    def paths(self) -> tuple[str, ...]:
        """Those of its layers, below its own."""
        found: tuple[str, ...] = self._paths  # type: ignore[attr-defined]
        return found

    def output_activations(self) -> tuple[Activation, ...]:
        """The sum of an output and an input may lie anywhere."""
        return (activations["linear"],)

    def outputs(self, inputs: int) -> int:
        columns = inputs
        for layer in self.layers:
            columns = layer.outputs(columns)
        if columns != inputs:
            raise ValueError(
                f"{self!r} adds its {inputs} inputs to {columns} outputs of its layers: "
                f"the last of them must have {inputs}"
            )
        return inputs

    def parameters(self, inputs: int) -> list[Parameter]:
        self.outputs(inputs)
        found, columns = [], inputs
        for layer, path in zip(self.layers, self.paths, strict=True):
            found += [replace(p, name=f"{path}.{p.name}") for p in layer.parameters(columns)]
            columns = layer.outputs(columns)
        return found

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        inner = x
        for layer, below in zip(self.layers, self.paths, strict=True):
            inner = layer.forward(builder, f"{path}.{below}", inner)
        out = builder.value(f"{path}.a", x.columns)
        builder.emit(residual, a=out, x=x, F=inner)
        builder.on_backward(lambda: self._backward(builder, x, inner, out))
        return out

    def _backward(self, builder: Builder, x: Buffer, inner: Buffer, out: Buffer) -> None:
        if not builder.has_gradient(out):
            return
        da = builder.gradient(out)
        for term in (inner, x):
            if builder.needs_gradient(term):
                builder.emit(residual_backward, dx=builder.contribution(term), da=da)

    def to_dict(self) -> dict[str, Any]:
        layers = [layer.to_dict() for layer in self.layers]
        return {"layer": self.kind, "layers": layers, "name": self.name}
