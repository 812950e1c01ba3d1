"""Activation functions: each entry is equation, value and derivative in one place.

An elementwise entry gives two scalar functions, ``value(z, k)`` and ``pullback(da, z, a, k)``,
the latter da times the derivative, written in plain Python with the functions of
:mod:`chainrule.engine.elementary`; the kernels are made of them. The entries themselves stand in
:mod:`chainrule.activations.catalogue`. To add one::

    import chainrule as cr
    from chainrule.activations import Activation, activations, z
    from chainrule.engine.kernel import device, real

    @device()
    def value(z, k):
        return z * z

    @device()
    def pullback(da, z, a, k):
        return real(2) * z * da

    activations.register(Activation("square", z ** 2, 2 * z, value, pullback))
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chainrule.engine.elementary import exp
from chainrule.engine.kernel import (
    Constant,
    Context,
    Device,
    Flat,
    Kernel,
    Matrix,
    Scalar,
    device,
    kernel,
    real,
)
from chainrule.engine.linalg import in_line
from chainrule.equations import Equation, Expression, apply, symbols
from chainrule.registry import Named, Registry, name_and_argument

z, a, k, da, delta = symbols("z a k da delta")


def exp_(x: Expression) -> Expression:
    return apply("exp", x)


def max_row(x: Expression) -> Expression:
    return apply("max_outputs_column", x)


def sum_row(x: Expression) -> Expression:
    return apply("sum_outputs_column", x)


REALS = (-math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class Activation(Named):
    """An activation function a = f(z).

    Attributes:
        name: under which the registry finds it.
        equation: f(z) as a tree in ``z`` and the parameter ``k``.
        derivative_equation: ∂a/∂z as a tree in ``z``, ``a`` and ``k``; the Jacobian's product
            with ``da`` for a rowwise entry.
        value: the device function of ``(z, k)``; None for a rowwise entry.
        pullback: the device function of ``(da, z, a, k)``, da times ∂a/∂z; None where there is no
            useful derivative.
        k: the parameter, None if it has none.
        range: the smallest and the largest output, as an interval.
        open: whether f stays inside the lower and the upper end of its range; only rounding
            and infinite arguments reach an open end.
        limits: the values at −∞ and +∞.
        kinks: where there is no derivative, with the value taken there.
        initializer: what suits the weights in front of it.
        source: where it is from.
        use: when to use it and what it suffers from, in one to three sentences.
        with_k: the attributes that depend on the parameter, for another one.
    """

    name: str
    equation: Expression
    derivative_equation: Expression
    value: Device | None
    pullback: Device | None
    k: float | None = None
    range: tuple[float, float] = REALS
    open: tuple[bool, bool] = (False, False)
    limits: tuple[float, float] = REALS
    kinks: Mapping[float, float] = field(default_factory=dict)
    initializer: str = "glorot_uniform"
    source: str = ""
    use: str = ""
    aliases: tuple[str, ...] = ()
    rowwise: tuple[Kernel, Kernel] | None = None
    with_k: Callable[[float], Mapping[str, Any]] | None = None

    def __call__(self, k: float) -> "Activation":
        """The same function with another parameter: ``leaky_relu(0.2)``."""
        if self.k is None:
            raise ValueError(f"the activation {self.name!r} has no parameter")
        if not math.isfinite(k):
            raise ValueError(f"the parameter of {self.name!r} must be finite, not {k}")
        k = float(k)
        return replace(self, k=k, **(self.with_k(k) if self.with_k else {}))

    def __eq__(self, other: object) -> bool:
        """Entries are the same function if name and parameter are."""
        return isinstance(other, Activation) and (self.name, self.k) == (other.name, other.k)

    def __hash__(self) -> int:
        return hash((self.name, self.k))

    @classmethod
    def read(cls, text: str) -> "Activation":
        return find(text)

    def __str__(self) -> str:
        default = activations[self.name].k if self.name in activations else None
        return self.name if self.k == default else f"{self.name}({self.k!r})"

    @property
    def trainable(self) -> bool:
        return self.pullback is not None or self.rowwise is not None

    @functools.cached_property
    def forward(self) -> Kernel:
        """The kernel that computes a from z."""
        if self.rowwise:
            return self.rowwise[0]
        return activate.specialised(self.name, (Equation("a", self.equation),), value=self.value)

    @functools.cached_property
    def backward(self) -> Kernel:
        """The kernel that computes delta from da."""
        if self.rowwise:
            return self.rowwise[1]
        return activate_backward.specialised(
            self.name, (self._delta_equation(),), pullback=self.pullback
        )

    @functools.cached_property
    def forward_columns(self) -> Kernel:
        """The same for some of the columns."""
        return activate_columns.specialised(
            self.name, (Equation("a", self.equation),), value=self.value
        )

    @functools.cached_property
    def backward_columns(self) -> Kernel:
        return activate_columns_backward.specialised(
            self.name, (self._delta_equation(),), pullback=self.pullback
        )

    def _delta_equation(self) -> Equation:
        return Equation("delta", apply("hadamard", da, self.derivative_equation))


@device()
def value(z: float, k: float) -> float:
    """Stands for an entry's own function in the kernels below."""
    raise NotImplementedError


@device()
def pullback(da: float, z: float, a: float, k: float) -> float:
    """Stands for an entry's own function in the kernels below."""
    raise NotImplementedError


@kernel(Equation("a", z))
def activate(a: Flat, z: Flat, k: Scalar, context: Context) -> None:
    parameter = real(k)
    for i in range(z.size):
        a[i] = value(z[i], parameter)


@kernel(Equation("delta", da))
def activate_backward(delta: Flat, da: Flat, z: Flat, a: Flat, k: Scalar, context: Context) -> None:
    parameter = real(k)
    for i in range(z.size):
        delta[i] = pullback(da[i], z[i], a[i], parameter)


@kernel(Equation("a", z))
def activate_columns(
    a: Matrix, z: Matrix, k: Scalar, first: Constant, last: Constant, context: Context
) -> None:
    """The columns from ``first`` to ``last``, for a layer with a function per neuron."""
    parameter = real(k)
    for i in range(z.shape[0]):
        for c in range(first, last):
            a[i, c] = value(z[i, c], parameter)


@kernel(Equation("delta", da))
def activate_columns_backward(
    delta: Matrix, da: Matrix, z: Matrix, a: Matrix, k: Scalar, first: Constant, last: Constant,
    context: Context,
) -> None:  # fmt: skip
    parameter = real(k)
    for i in range(z.shape[0]):
        for c in range(first, last):
            delta[i, c] = pullback(da[i, c], z[i, c], a[i, c], parameter)


@kernel(Equation("a", exp_(z - max_row(z)) / sum_row(exp_(z - max_row(z)))))
def softmax_forward(a: Matrix, z: Matrix, k: Scalar, context: Context) -> None:
    m, n = z.shape
    for i in range(m):
        top = z[i, 0]
        for c in range(1, n):
            top = z[i, c] if z[i, c] > top else top
        for c in range(n):
            a[i, c] = z[i, c] - top
    flat = in_line(a)
    for i in range(flat.size):
        flat[i] = exp(flat[i])
    for i in range(m):
        total = real(0)
        for c in range(n):
            total += a[i, c]
        scale = real(1) / total
        for c in range(n):
            a[i, c] *= scale


@kernel(Equation("delta", apply("hadamard", a, da - sum_row(a * da))))
def softmax_backward(
    delta: Matrix, da: Matrix, z: Matrix, a: Matrix, k: Scalar, context: Context
) -> None:
    """The Jacobian of a row, diag(a) − a·aᵀ, times the row of da."""
    for i in range(z.shape[0]):
        total = real(0)
        for c in range(z.shape[1]):
            total += a[i, c] * da[i, c]
        for c in range(z.shape[1]):
            delta[i, c] = a[i, c] * (da[i, c] - total)


activations: Registry[Activation] = Registry("activation")


def find(text: "str | Activation") -> Activation:
    """The entry of a name such as ``"relu"`` or ``"leaky_relu(0.2)"``, or the entry itself."""
    if isinstance(text, Activation):
        return text
    if not isinstance(text, str):
        raise ValueError(f"an activation is a name or an entry, not {text!r}")
    name, k = name_and_argument(text)
    entry = activations[name]
    return entry if k is None else entry(k)
