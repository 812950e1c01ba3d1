"""A learnt factor for each feature: a = x ⊙ s.

dx = da ⊙ s             of the inputs, if anything before them learns
ds = Σᵢ xᵢ ⊙ daᵢ        of the factors
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule.activations import Activation, activations
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Constant, Context, Matrix, Vector, kernel, real
from chainrule.engine.program import Buffer
from chainrule.equations import Equation, apply, symbols
from chainrule.initializers import Initializer
from chainrule.layers.base import Parameter, checked_initial, checked_name

x, s, da, ds = symbols("x s da ds")


@kernel(Equation("a", apply("hadamard", x, s)))
def scale(a: Matrix, x: Matrix, s: Vector, context: Context) -> None:
    for i in range(x.shape[0]):
        for c in range(s.size):
            a[i, c] = x[i, c] * s[c]


@kernel(Equation("dx", apply("hadamard", da, s)))
def scale_backward(dx: Matrix, da: Matrix, s: Vector, context: Context) -> None:
    for i in range(da.shape[0]):
        for c in range(s.size):
            dx[i, c] = da[i, c] * s[c]


@kernel(Equation("ds", ds + apply("sum_rows", apply("hadamard", x, da))))
def scale_gradient(ds: Vector, x: Matrix, da: Matrix, again: Constant, context: Context) -> None:
    """Summed over the tiles of a slot, like the gradient of a bias."""
    add = again != 0 or context.accumulate != 0
    for c in range(ds.size):
        ds[c] = ds[c] if add else real(0)
    for i in range(x.shape[0]):
        for c in range(ds.size):
            ds[c] += x[i, c] * da[i, c]


@dataclass(frozen=True)
class Scale:
    """A learnt factor for each feature, a = x ⊙ s.

    As a first layer it lets the network choose how much each feature counts.

    Args:
        initial: the factors to start from: a number, or an initializer. Penalties spare them.
        name: the first part of the paths of its values; by default ``scale1``, ...

    Raises:
        ValueError: for what is no initializer, or no name.

    Source: Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and
    Boosted Trees on Tabular Data", 2024 (its scaling layer).

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Scale(2.0)], inputs=3)
    >>> net.predict([[1.0, 2.0, 3.0]])
    array([[2., 4., 6.]], dtype=float32)
    """

    initial: "str | float | Initializer" = 1.0
    name: str | None = None
    kind: ClassVar[str] = "scale"
    couples_rows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked_name(self.name)
        initializer, written = checked_initial("Scale", self.initial)
        object.__setattr__(self, "_initializer", initializer)
        object.__setattr__(self, "initial", written)

    def output_activations(self) -> tuple[Activation, ...]:
        """A factor may take an output anywhere."""
        return (activations["linear"],)

    def outputs(self, inputs: int) -> int:
        return inputs

    def parameters(self, inputs: int) -> list[Parameter]:
        return [Parameter("s", (inputs,), self._initializer)]  # type: ignore[attr-defined]

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        factors = builder.parameter(f"{path}.s", (x.columns,))
        out = builder.value(f"{path}.a", x.columns)
        builder.emit(scale, a=out, x=x, s=factors)
        builder.on_backward(lambda: self._backward(builder, x, factors, out))
        return out

    def _backward(self, builder: Builder, x: Buffer, factors: Buffer, out: Buffer) -> None:
        if not builder.has_gradient(out):
            return
        da = builder.gradient(out)
        if builder.needs_gradient(factors):
            target, again = builder.parameter_gradient(factors)
            builder.emit(scale_gradient, ds=target, x=x, da=da, again=again)
        if builder.needs_gradient(x):
            builder.emit(scale_backward, dx=builder.contribution(x), da=da, s=factors)

    def to_dict(self) -> dict[str, Any]:
        return {"layer": self.kind, "initial": self.initial, "name": self.name}
