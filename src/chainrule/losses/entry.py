"""Losses: each entry holds the loss of an example and its gradient, and what it may be applied to.

An elementwise entry gives the loss of one output as an equation in ``a``, ``y`` and the parameter
``k``, its derivative with respect to ``a``, and a scalar function for each, ``value(a, y, k)``
and ``slope(a, y, k)``; the kernels, which sum over the outputs, are made of them::

    from chainrule.engine.kernel import device, real
    from chainrule.equations import symbols
    from chainrule.losses import Loss, elementwise, losses

    a, y = symbols("a y")

    @device()
    def value(a, y, k):
        return (a - y) ** 4

    @device()
    def slope(a, y, k):
        return real(4) * (a - y) ** 3

    form = elementwise("quartic", (a - y) ** 4, 4 * (a - y) ** 3, value, slope)
    losses.register(Loss("quartic", {"values": form}))
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chainrule.activations import Activation
from chainrule.checks import real_number
from chainrule.engine.kernel import (
    Context,
    Device,
    Flat,
    Kernel,
    Matrix,
    Scalar,
    Vector,
    device,
    kernel,
    real,
)
from chainrule.equations import Equation, Expression, apply, symbols
from chainrule.registry import Named, Registry, name_and_arguments

a, z, da = symbols("a z da")


def total(x: Expression) -> Expression:
    """Σ over the outputs of an example."""
    return apply("sum_outputs", x)


def ln(x: Expression) -> Expression:
    return apply("log", x)


@dataclass(frozen=True)
class Form:
    """The two kernels of a loss for one kind of target.

    Their operands are among ``a``, ``z`` (in a natural pair), ``y`` and the parameter ``k``.

    Attributes:
        value: writes ``loss``, one for each example.
        gradient: writes ``da``, or ``delta`` in a natural pair.
    """

    value: Kernel
    gradient: Kernel


@dataclass(frozen=True, eq=False)
class Loss(Named):
    """A loss function.

    Attributes:
        name: under which the registry finds it.
        forms: by kind of target: ``values`` (reals) or ``labels`` (integers).
        domain: the interval that predictions must lie in.
        open: whether the lower and the upper end of the domain are no part of it.
        advice: what to use when they do not.
        natural: by activation name, the forms that take ``z`` and write ``delta`` directly,
            without the division that the two factors of the chain rule cancel.
        mean: whether a batch's loss is the mean over its examples, or their sum.
        targets: the interval that targets must lie in.
        positive: whether the lower end of that interval is no part of it.
        distribution: whether the targets of an example must sum to one.
        smoothing: whether its targets are probabilities, which label smoothing may mix.
        k: the parameters, as ``huber(1.5)`` gives them; empty if it has none.
        k_range: the open interval that each of them must lie in.
        several: whether there may be any number of them.
        outputs_per_target: how many outputs speak of one column of the targets.
        predicts: what the outputs are, for the metrics: ``targets``, ``values`` (that are no
            classes), ``means and variances``, ``quantiles`` (several of a target) or ``scores``
            (whose sign decides).
        source: where it is from.
        use: when to use it and what it suffers from, in one to three sentences.
        with_k: the attributes that depend on the parameters, for others.
    """

    name: str
    forms: Mapping[str, Form]
    domain: tuple[float, float] = (-math.inf, math.inf)
    open: tuple[bool, bool] = (False, False)
    advice: str = ""
    natural: Mapping[str, Mapping[str, Form]] = field(default_factory=dict)
    mean: bool = True
    targets: tuple[float, float] = (-math.inf, math.inf)
    positive: bool = False
    distribution: bool = False
    smoothing: bool = False
    k: tuple[float, ...] = ()
    k_range: tuple[float, float] = (-math.inf, math.inf)
    several: bool = False
    outputs_per_target: int = 1
    predicts: str = "targets"
    source: str = ""
    use: str = ""
    aliases: tuple[str, ...] = ()
    with_k: Callable[[tuple[float, ...]], Mapping[str, Any]] | None = None

    def __call__(self, *k: float) -> "Loss":
        """The same loss with other parameters: ``huber(1.5)``.

        Raises:
            ValueError: if it has none, or another number of them, or one is out of its range.
        """
        if not self.k:
            raise ValueError(f"the loss {self.name!r} has no parameter")
        if not k or (len(k) > 1 and not self.several):
            raise ValueError(f"the loss {self.name!r} takes one parameter, not {len(k)}")
        low, high = self.k_range
        for value in k:
            if not real_number(value) or not low < value < high:
                allowed = f"greater than {low:g} and finite" if math.isinf(high) else (
                    f"between {low:g} and {high:g}, both left out"
                )  # fmt: skip
                raise ValueError(f"the parameter of {self.name!r} must be {allowed}, not {value}")
        k = tuple(float(value) for value in k)
        return replace(self, k=k, **(self.with_k(k) if self.with_k else {}))

    def __eq__(self, other: object) -> bool:
        """Entries are the same loss if name and parameters are."""
        return isinstance(other, Loss) and (self.name, self.k) == (other.name, other.k)

    def __hash__(self) -> int:
        return hash((self.name, self.k))

    @classmethod
    def read(cls, text: str) -> "Loss":
        return find(text)

    def __str__(self) -> str:
        default = losses[self.name].k if self.name in losses else ()
        return self.name if self.k == default else f"{self.name}({', '.join(map(repr, self.k))})"

    def accepts(self, activation: Activation) -> bool:
        """Whether all outputs of an activation lie in the domain."""
        (low, high), (from_, to) = activation.range, self.domain
        return (
            low > from_ or (low == from_ and (activation.open[0] or not self.open[0]))
        ) and (high < to or (high == to and (activation.open[1] or not self.open[1])))  # fmt: skip

    def check_domain(self, outputs: "tuple[Activation, ...]") -> None:
        """Refuse outputs that can leave the domain.

        Raises:
            ValueError: naming the activation and what to use instead.
        """
        for activation in outputs:
            if not self.accepts(activation):
                raise ValueError(
                    f"the loss {self.name!r} needs predictions {self._domain_text()}, "
                    f"which {str(activation)!r} outputs are not: {self.advice}"
                )

    def _domain_text(self) -> str:
        low, high = self.domain
        if math.isinf(high):
            return f"{'greater than' if self.open[0] else 'of at least'} {low:g}"
        text = f"between {low:g} and {high:g}"
        return f"{text}, both left out" if all(self.open) else text

    def target_columns(self, outputs: int) -> int:
        """How many columns the targets of a network with so many outputs have.

        Raises:
            ValueError: if its outputs cannot be shared out among them.
        """
        columns, rest = divmod(outputs, self.outputs_per_target)
        if rest:
            raise ValueError(
                f"the loss {str(self)!r} takes {self.outputs_per_target} outputs for each column "
                f"of the targets: their number must be a multiple of that, not {outputs}"
            )
        return columns

    def form(self, outputs: "tuple[Activation, ...]", kind: str) -> tuple[Form, bool]:
        """The kernels for these output activations and kind of target, and whether they take z."""
        name = outputs[0].name
        if name in self.natural and all(o == outputs[0] for o in outputs):
            return self.natural[name][kind], True
        return self.forms[kind], False


@device()
def value(x: float, y: float, k: float) -> float:
    """Stands for an entry's own function of ``a`` or ``z`` in the kernels below."""
    raise NotImplementedError


@device()
def slope(x: float, y: float, k: float) -> float:
    """Stands for an entry's own function of ``a`` or ``z`` in the kernels below."""
    raise NotImplementedError


@kernel(Equation("loss", total(a)))
def loss_of_outputs(loss: Vector, a: Matrix, y: Matrix, k: Scalar, context: Context) -> None:
    parameter = real(k)
    for i in range(loss.size):
        s = real(0)
        for c in range(a.shape[1]):
            s += value(a[i, c], y[i, c], parameter)
        loss[i] = s


@kernel(Equation("da", a))
def gradient_of_outputs(da: Flat, a: Flat, y: Flat, k: Scalar, context: Context) -> None:
    parameter = real(k)
    for i in range(a.size):
        da[i] = slope(a[i], y[i], parameter)


@kernel(Equation("loss", total(z)))
def loss_from_z(loss: Vector, z: Matrix, y: Matrix, k: Scalar, context: Context) -> None:
    parameter = real(k)
    for i in range(loss.size):
        s = real(0)
        for c in range(z.shape[1]):
            s += value(z[i, c], y[i, c], parameter)
        loss[i] = s


@kernel(Equation("delta", z))
def delta_from_z(delta: Flat, z: Flat, y: Flat, k: Scalar, context: Context) -> None:
    parameter = real(k)
    for i in range(z.size):
        delta[i] = slope(z[i], y[i], parameter)


def elementwise(
    name: str, equation: Expression, derivative: Expression, value: Device, slope: Device
) -> Form:
    """The kernels of a loss that is a sum over the outputs.

    Args:
        name: of the loss.
        equation: the loss of one output, a tree in ``a``, ``y`` and the parameter ``k``.
        derivative: of it with respect to ``a``.
        value: the device function of ``(a, y, k)`` that computes the equation.
        slope: that of the derivative.
    """
    return Form(
        loss_of_outputs.specialised(name, (Equation("loss", total(equation)),), value=value),
        gradient_of_outputs.specialised(name, (Equation("da", derivative),), slope=slope),
    )


def natural(
    name: str, equation: Expression, derivative: Expression, value: Device, slope: Device
) -> Form:
    """The same for a natural pair of loss and activation: all of it in ``z`` in place of ``a``."""
    return Form(
        loss_from_z.specialised(name, (Equation("loss", total(equation)),), value=value),
        delta_from_z.specialised(name, (Equation("delta", derivative),), slope=slope),
    )


losses: Registry[Loss] = Registry("loss")


def find(text: "str | Loss") -> Loss:
    """The entry of a name such as ``"mse"`` or ``"huber(1.5)"``, or the entry itself.

    Raises:
        ValueError: if it is neither, or there is none of that name.

    >>> find("quantile(0.1, 0.9)").k
    (0.1, 0.9)
    """
    if isinstance(text, Loss):
        return text
    if not isinstance(text, str):
        raise ValueError(f"a loss is a name or an entry, not {text!r}")
    name, k = name_and_arguments(text)
    entry = losses[name]
    return entry(*k) if k else entry
