"""Layers that draw random numbers in training and pass values through in prediction.

The numbers are a function of seed, place in the program, step, row of the batch and unit: a traced
step, a resumed run and another number of threads see the same.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule.activations import Activation, activations
from chainrule.activations.further import SELU_FLOOR
from chainrule.dataflow import add
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Constant, Context, Flat, Matrix, Scalar, kernel, real
from chainrule.engine.program import Buffer
from chainrule.engine.random import row_key, unit_normal, unit_uniform
from chainrule.equations import Equation, Expression, apply, symbols
from chainrule.layers.base import Parameter, checked_name
from chainrule.schedules import amount, as_data

x, a, da, dx, mask, noise, rate, sigma = symbols("x a da dx mask noise ρ σ")
seed, site, t, row = symbols("seed site t row")
LETTERS = {"rate": "ρ", "deviation": "σ"}


def drawn(distribution: str, like: Expression) -> Expression:
    """A number for each row and unit, in the shape of a value."""
    return apply(distribution, like, site, seed, t, row)


def kept(yes: Any) -> Expression:
    return apply("where", apply("at_least", drawn("uniforms", mask), rate), yes, 0)


@kernel(Equation("mask", kept(1 / (1 - rate))))
def dropout_mask(mask: Matrix, rate: Scalar, site: Constant, context: Context) -> None:
    """Units that stay are scaled up, so that the mean of what they pass on is the same."""
    p, factor = real(rate), real(1 / (1 - rate))
    for i in range(mask.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + i)
        for k in range(mask.shape[1]):
            mask[i, k] = factor if unit_uniform(key, k) >= p else real(0)


@kernel(Equation("mask", kept(1)))
def keep_mask(mask: Matrix, rate: Scalar, site: Constant, context: Context) -> None:
    p = real(rate)
    for i in range(mask.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + i)
        for k in range(mask.shape[1]):
            mask[i, k] = real(1) if unit_uniform(key, k) >= p else real(0)


@kernel(Equation("noise", sigma * drawn("normals", noise)))
def draw_noise(noise: Matrix, deviation: Scalar, site: Constant, context: Context) -> None:
    s = real(deviation)
    for i in range(noise.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + i)
        for k in range(noise.shape[1]):
            noise[i, k] = s * unit_normal(key, k)


@kernel(Equation("a", apply("hadamard", x, mask)))
def multiply(a: Flat, x: Flat, mask: Flat, context: Context) -> None:
    for i in range(x.size):
        a[i] = x[i] * mask[i]


@kernel(Equation("a", x))
def pass_on(a: Flat, x: Flat, context: Context) -> None:
    for i in range(x.size):
        a[i] = x[i]


# What SELU tends to for z → −∞, which stands for a unit that is dropped.
LOWEST = -SELU_FLOOR
BALANCE = apply("power", (1 - rate) * (1 + rate * LOWEST**2), -0.5)


@kernel(Equation("a", BALANCE * (x * mask + LOWEST * (1 - mask) - rate * LOWEST)))
def alpha_dropout_value(a: Flat, x: Flat, mask: Flat, rate: Scalar, context: Context) -> None:
    """Scaled and shifted so that mean 0 and variance 1 stay what they are."""
    balance = real(math.pow((1 - rate) * (1 + rate * LOWEST * LOWEST), -0.5))
    low, shift = real(LOWEST), real(-rate * LOWEST)
    for i in range(x.size):
        a[i] = balance * (x[i] * mask[i] + low * (real(1) - mask[i]) + shift)


@kernel(Equation("dx", BALANCE * apply("hadamard", da, mask)))
def alpha_dropout_gradient(dx: Flat, da: Flat, mask: Flat, rate: Scalar, context: Context) -> None:
    balance = real(math.pow((1 - rate) * (1 + rate * LOWEST * LOWEST), -0.5))
    for i in range(da.size):
        dx[i] = balance * (da[i] * mask[i])


class _Noisy(ABC):
    """What these layers have in common: no parameters, as many outputs as inputs."""

    kind: ClassVar[str]
    couples_rows: ClassVar[bool] = False
    name: str | None

    def outputs(self, inputs: int) -> int:
        return inputs

    def parameters(self, inputs: int) -> list[Parameter]:
        return []

    def output_activations(self) -> tuple[Activation, ...]:
        return (activations["linear"],)

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        if not builder.training:
            return x
        out = builder.value(f"{path}.a", x.columns)
        pull_back = self._draw(builder, path, x, out)

        def backward() -> None:
            if builder.has_gradient(out):
                da = builder.gradient(out)
                pull_back(da, builder.contribution(x))

        if builder.needs_gradient(x):
            builder.on_backward(backward)
        return out

    @abstractmethod
    def _draw(
        self, builder: Builder, path: str, x: Buffer, out: Buffer
    ) -> Callable[[Buffer, Buffer], None]:
        """Emit the draw and what it does to x; what emits dx from da, given both."""

    def _written(self, **values: Any) -> dict[str, Any]:
        plain = {k: as_data(v) for k, v in values.items()}
        return {"layer": self.kind, **plain, "name": self.name}


@dataclass(frozen=True)
class Dropout(_Noisy):
    """Inverted dropout: in training a = x ⊙ mask, in prediction a = x.

    The mask is 0 with probability ρ, else 1 / (1 − ρ): the mean of a is x.

    Args:
        rate: ρ in [0, 1), a number or a schedule.
        name: the first part of the paths of its values; by default ``dropout1``, ...

    Raises:
        ValueError: for a rate outside [0, 1).

    Source: 001, "Challenges and Advanced Topics"; Srivastava et al., 2014.

    >>> Dropout(0.5)
    Dropout(rate=0.5, name=None)
    """

    rate: Any = 0.5
    name: str | None = None
    kind: ClassVar[str] = "dropout"

    def __post_init__(self) -> None:
        amount("Dropout", "rate", self.rate, "in [0, 1)", lambda p: 0 <= p < 1)
        checked_name(self.name)

    def _draw(
        self, builder: Builder, path: str, x: Buffer, out: Buffer
    ) -> Callable[[Buffer, Buffer], None]:
        rate = builder.scalar(f"{path}.rate", self.rate)
        mask = builder.value(f"{path}.mask", x.columns)
        builder.emit(dropout_mask, mask=mask, rate=rate, site=builder.site())
        builder.emit(multiply, a=out, x=x, mask=mask)
        return lambda da, dx: builder.emit(multiply, a=dx, x=da, mask=mask)

    def to_dict(self) -> dict[str, Any]:
        return self._written(rate=self.rate)


@dataclass(frozen=True)
class AlphaDropout(_Noisy):
    """Dropout for SELU: dropped units take its lowest value; mean and variance stay.

    a = (x ⊙ mask + α′ (1 − mask) − ρ α′) / √((1 − ρ)(1 + ρ α′²)), α′ ≈ −1.758.

    Args:
        rate: ρ in [0, 1), a number or a schedule.
        name: the first part of the paths of its values.

    Raises:
        ValueError: for a rate outside [0, 1).

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.

    >>> AlphaDropout(0.1).rate
    0.1
    """

    rate: Any = 0.1
    name: str | None = None
    kind: ClassVar[str] = "alpha_dropout"

    def __post_init__(self) -> None:
        amount("AlphaDropout", "rate", self.rate, "in [0, 1)", lambda p: 0 <= p < 1)
        checked_name(self.name)

    def _draw(
        self, builder: Builder, path: str, x: Buffer, out: Buffer
    ) -> Callable[[Buffer, Buffer], None]:
        rate = builder.scalar(f"{path}.rate", self.rate)
        mask = builder.value(f"{path}.mask", x.columns)
        builder.emit(keep_mask, mask=mask, rate=rate, site=builder.site())
        builder.emit(alpha_dropout_value, a=out, x=x, mask=mask, rate=rate)
        return lambda da, dx: builder.emit(
            alpha_dropout_gradient, dx=dx, da=da, mask=mask, rate=rate
        )

    def to_dict(self) -> dict[str, Any]:
        return self._written(rate=self.rate)


@dataclass(frozen=True)
class GaussianNoise(_Noisy):
    """Noise on values: in training a = x + σ n with n of N(0, 1), in prediction a = x.

    Args:
        deviation: σ of at least 0, a number or a schedule.
        name: the first part of the paths of its values.

    Raises:
        ValueError: for a negative deviation.

    Source: Bishop, "Training with Noise is Equivalent to Tikhonov Regularization", 1995.

    >>> GaussianNoise(0.1).deviation
    0.1
    """

    deviation: Any = 0.1
    name: str | None = None
    kind: ClassVar[str] = "gaussian_noise"

    def __post_init__(self) -> None:
        amount("GaussianNoise", "deviation", self.deviation, "a number of at least 0",
               lambda s: s >= 0)  # fmt: skip
        checked_name(self.name)

    def _draw(
        self, builder: Builder, path: str, x: Buffer, out: Buffer
    ) -> Callable[[Buffer, Buffer], None]:
        deviation = builder.scalar(f"{path}.deviation", self.deviation)
        noise = builder.value(f"{path}.noise", x.columns)
        builder.emit(draw_noise, noise=noise, deviation=deviation, site=builder.site())
        builder.emit(add, out=out, x=x, y=noise)
        return lambda da, dx: builder.emit(pass_on, a=dx, x=da)

    def to_dict(self) -> dict[str, Any]:
        return self._written(deviation=self.deviation)


__all__ = ["LETTERS", "AlphaDropout", "Dropout", "GaussianNoise"]
