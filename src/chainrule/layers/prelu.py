"""The parametric ReLU: a = x where x > 0, else s x, with a slope s that each feature learns.

    dx = da ⊙ (1 if x > 0 else s)          of the inputs, if anything before them learns
    ds = Σᵢ daᵢ ⊙ (0 if xᵢ > 0 else xᵢ)    of the slopes

At the kink, x = 0, the derivative taken is s, that of the left side.
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


@kernel(Equation("a", apply("where", x > 0, x, apply("hadamard", x, s))))
def prelu(a: Matrix, x: Matrix, s: Vector, context: Context) -> None:
    for i in range(x.shape[0]):
        for c in range(s.size):
            a[i, c] = x[i, c] if x[i, c] > real(0) else x[i, c] * s[c]


@kernel(Equation("dx", apply("hadamard", da, apply("where", x > 0, 1, s))))
def prelu_backward(dx: Matrix, da: Matrix, x: Matrix, s: Vector, context: Context) -> None:
    for i in range(x.shape[0]):
        for c in range(s.size):
            dx[i, c] = da[i, c] * (real(1) if x[i, c] > real(0) else s[c])


@kernel(Equation("ds", ds + apply("sum_rows", apply("hadamard", da, apply("where", x > 0, 0, x)))))
def prelu_gradient(ds: Vector, da: Matrix, x: Matrix, again: Constant, context: Context) -> None:
    """Summed over the tiles of a slot, like the gradient of a bias."""
    add = again != 0 or context.accumulate != 0
    for c in range(ds.size):
        ds[c] = ds[c] if add else real(0)
    for i in range(x.shape[0]):
        for c in range(ds.size):
            ds[c] += da[i, c] * (real(0) if x[i, c] > real(0) else x[i, c])


@dataclass(frozen=True)
class PReLU:
    """A rectifier whose slope on the left is learnt: a = x if x > 0, else s x.

    It stands behind a layer, in the place of an activation: ``Dense(64), PReLU()``. At 0, where
    there is no derivative, s is taken for it.

    Args:
        initial: the slopes to start from, one for each feature: a number, or an initializer.
            Penalties spare them, as the paper says: decay would make them ReLUs.
        name: the first part of the paths of its values; by default ``prelu1``, ...

    Raises:
        ValueError: for what is no initializer, or no name.

    Source: He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.PReLU(0.25)], inputs=3)
    >>> net.predict([[-4.0, 0.0, 4.0]])
    array([[-1.,  0.,  4.]], dtype=float32)
    """

    initial: "str | float | Initializer" = 0.25
    name: str | None = None
    kind: ClassVar[str] = "prelu"
    couples_rows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked_name(self.name)
        initializer, written = checked_initial("PReLU", self.initial)
        object.__setattr__(self, "_initializer", initializer)
        object.__setattr__(self, "initial", written)

    def output_activations(self) -> tuple[Activation, ...]:
        """A learnt slope may have any sign, so an output may lie anywhere."""
        return (activations["linear"],)

    def outputs(self, inputs: int) -> int:
        return inputs

    def parameters(self, inputs: int) -> list[Parameter]:
        return [Parameter("s", (inputs,), self._initializer)]  # type: ignore[attr-defined]

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        slopes = builder.parameter(f"{path}.s", (x.columns,))
        out = builder.value(f"{path}.a", x.columns)
        builder.emit(prelu, a=out, x=x, s=slopes)
        builder.kink(x, range(x.columns), 0.0)
        builder.on_backward(lambda: self._backward(builder, x, slopes, out))
        return out

    def _backward(self, builder: Builder, x: Buffer, slopes: Buffer, out: Buffer) -> None:
        if not builder.has_gradient(out):
            return
        da = builder.gradient(out)
        if builder.needs_gradient(slopes):
            target, again = builder.parameter_gradient(slopes)
            builder.emit(prelu_gradient, ds=target, da=da, x=x, again=again)
        if builder.needs_gradient(x):
            builder.emit(prelu_backward, dx=builder.contribution(x), da=da, x=x, s=slopes)

    def to_dict(self) -> dict[str, Any]:
        return {"layer": self.kind, "initial": self.initial, "name": self.name}
