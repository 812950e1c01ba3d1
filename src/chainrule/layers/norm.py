"""Layers that bring values to mean 0 and variance 1: by feature over a batch, or by row.

With x̂ = (x − mean) / √(variance + ε) and a = γ ⊙ x̂ + β, for both of them

    dγ = Σᵢ da ⊙ x̂,    dβ = Σᵢ da,
    dx = (g − mean(g) − x̂ ⊙ mean(g ⊙ x̂)) / √(variance + ε)   with g = γ ⊙ da,

where the means are taken over what the statistics were taken over: mean and variance depend on
every x among it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule import initializers
from chainrule.activations import Activation, activations
from chainrule.checks import real_number
from chainrule.engine.builder import Builder
from chainrule.engine.elementary import sqrt
from chainrule.engine.kernel import Constant, Context, Matrix, Scalar, Vector, kernel, real
from chainrule.engine.program import Buffer
from chainrule.equations import Equation, Expression, apply, symbols
from chainrule.layers.base import Parameter, checked_name
from chainrule.layers.dense import bias_gradient
from chainrule.layers.scale import scale_gradient

x, a, da, dx, xhat, gamma, beta = symbols("x a da dx xhat gamma beta")
mean, variance, epsilon, rho, rows, full = symbols("mean variance ε ρ rows full")
running_mean, running_variance = symbols("running_mean running_variance")
sum_da, sum_product = symbols("sum_da sum_product")
LETTERS = {"epsilon": "ε", "pace": "ρ"}


def over_rows(value: Expression) -> Expression:
    return apply("mean_rows", value)


def over_features(value: Expression) -> Expression:
    return apply("mean_outputs_column", value)


def column(value: Expression) -> Expression:
    return apply("column", value)


@kernel(
    Equation("mean", over_rows(x)),
    Equation("variance", over_rows((x - mean) ** 2)),
)
def batch_statistics(
    mean: Vector, variance: Vector, x: Matrix, running_mean: Vector, running_variance: Vector,
    context: Context,
) -> None:  # fmt: skip
    """A batch of one row has no variance: it is normalised as in prediction."""
    m, n = x.shape
    scale = real(1 / m)
    for k in range(n):
        mean[k] = real(0)
        variance[k] = real(0)
    for i in range(m):
        for k in range(n):
            mean[k] += x[i, k]
    for k in range(n):
        mean[k] *= scale
    for i in range(m):
        for k in range(n):
            d = x[i, k] - mean[k]
            variance[k] += d * d
    for k in range(n):
        variance[k] = running_variance[k] if m == 1 else variance[k] * scale
        mean[k] = running_mean[k] if m == 1 else mean[k]


STEP = rho * rows / full


@kernel(
    Equation("running_mean", running_mean + STEP * (mean - running_mean), "←"),
    Equation(
        "running_variance",
        running_variance + STEP * (variance * (rows / (rows - 1)) - running_variance),
        "←",
    ),
)
def follow_statistics(
    running_mean: Vector, running_variance: Vector, mean: Vector, variance: Vector,
    pace: Scalar, full: Constant, context: Context,
) -> None:  # fmt: skip
    """A batch counts by its rows, so that a small last one does not weigh as much as a full one.

    The variance of all examples is estimated from m of them: hence m / (m − 1).
    """
    m = context.rows
    step = real(pace * m / full)
    unbiased = real(m / (m - 1)) if m > 1 else real(1)
    for k in range(mean.size):
        running_mean[k] += step * (mean[k] - running_mean[k])
        running_variance[k] += step * (variance[k] * unbiased - running_variance[k])


NORMALISED = (x - mean) / apply("sqrt", variance + epsilon)


@kernel(Equation("xhat", NORMALISED), Equation("a", xhat * gamma + beta))
def normalise(
    xhat: Matrix, a: Matrix, x: Matrix, mean: Vector, variance: Vector, gamma: Vector,
    beta: Vector, epsilon: Scalar, context: Context,
) -> None:  # fmt: skip
    m, n = x.shape
    floor = real(epsilon)
    for i in range(m):
        for k in range(n):
            value = (x[i, k] - mean[k]) / sqrt(variance[k] + floor)
            xhat[i, k] = value
            a[i, k] = value * gamma[k] + beta[k]


@kernel(
    Equation("sum_da", apply("sum_rows", da)),
    Equation("sum_product", apply("sum_rows", da * xhat)),
    Equation(
        "dx",
        gamma
        * (da - sum_da / rows - xhat * (sum_product / rows))
        / apply("sqrt", variance + epsilon),
    ),
)
def batch_norm_gradient(
    dx: Matrix, da: Matrix, xhat: Matrix, gamma: Vector, variance: Vector, epsilon: Scalar,
    sum_da: Vector, sum_product: Vector, context: Context,
) -> None:  # fmt: skip
    """Of a batch of one row the statistics are those of others: they do not depend on x."""
    m, n = da.shape
    scale, floor = real(0 if m == 1 else 1 / m), real(epsilon)
    for k in range(n):
        sum_da[k] = real(0)
        sum_product[k] = real(0)
    for i in range(m):
        for k in range(n):
            sum_da[k] += da[i, k]
            sum_product[k] += da[i, k] * xhat[i, k]
    for i in range(m):
        for k in range(n):
            inner = da[i, k] - scale * sum_da[k] - xhat[i, k] * (scale * sum_product[k])
            dx[i, k] = gamma[k] * inner / sqrt(variance[k] + floor)


@kernel(
    Equation("mean", apply("mean_outputs", x)),
    Equation("variance", apply("mean_outputs", (x - column(mean)) ** 2)),
    Equation("xhat", (x - column(mean)) / apply("sqrt", column(variance) + epsilon)),
    Equation("a", xhat * gamma + beta),
)
def layer_norm_value(
    mean: Vector, variance: Vector, xhat: Matrix, a: Matrix, x: Matrix, gamma: Vector,
    beta: Vector, epsilon: Scalar, context: Context,
) -> None:  # fmt: skip
    m, n = x.shape
    scale, floor = real(1 / n), real(epsilon)
    for i in range(m):
        s = real(0)
        for k in range(n):
            s += x[i, k]
        centre = s * scale
        s = real(0)
        for k in range(n):
            d = x[i, k] - centre
            s += d * d
        mean[i] = centre
        variance[i] = s * scale
        inverse = real(1) / sqrt(s * scale + floor)
        for k in range(n):
            value = (x[i, k] - centre) * inverse
            xhat[i, k] = value
            a[i, k] = value * gamma[k] + beta[k]


G = da * gamma
INNER = G - over_features(G) - xhat * over_features(G * xhat)


@kernel(Equation("dx", INNER / apply("sqrt", column(variance) + epsilon)))
def layer_norm_gradient(
    dx: Matrix, da: Matrix, xhat: Matrix, gamma: Vector, variance: Vector, epsilon: Scalar,
    context: Context,
) -> None:  # fmt: skip
    m, n = da.shape
    scale, floor = real(1 / n), real(epsilon)
    for i in range(m):
        first = real(0)
        second = real(0)
        for k in range(n):
            g = da[i, k] * gamma[k]
            first += g
            second += g * xhat[i, k]
        inverse = real(1) / sqrt(variance[i] + floor)
        for k in range(n):
            inner = da[i, k] * gamma[k] - scale * first - xhat[i, k] * (scale * second)
            dx[i, k] = inner * inverse


class _Norm:
    """What both layers have in common: a factor γ and a shift β for each feature."""

    kind: ClassVar[str]
    name: str | None
    epsilon: float

    def outputs(self, inputs: int) -> int:
        return inputs

    def output_activations(self) -> tuple[Activation, ...]:
        return (activations["linear"],)

    def parameters(self, inputs: int) -> list[Parameter]:
        ones, zeros = initializers.find("ones"), initializers.find("zeros")
        return [Parameter("gamma", (inputs,), ones), Parameter("beta", (inputs,), zeros)]

    def _check_epsilon(self) -> None:
        if not real_number(self.epsilon) or self.epsilon <= 0:
            raise ValueError(
                f"epsilon of {type(self).__name__} must be a positive number, not {self.epsilon!r}"
            )

    def _parameter_gradients(
        self, builder: Builder, da: Buffer, xhat: Buffer, gamma: Buffer, beta: Buffer
    ) -> None:
        if builder.needs_gradient(gamma):
            target, again = builder.parameter_gradient(gamma)
            builder.emit(scale_gradient, ds=target, x=xhat, da=da, again=again)
        if builder.needs_gradient(beta):
            target, again = builder.parameter_gradient(beta)
            builder.emit(bias_gradient, db=target, delta=da, again=again)


@dataclass(frozen=True)
class BatchNorm(_Norm):
    """Batch normalisation: a = γ ⊙ (x − mean) / √(variance + ε) + β, feature by feature.

    In training mean and variance are those of the batch; in prediction the running ones, which
    follow those of the batches. It couples the rows of a batch: a batch is one tile, trained by
    one thread, and needs memory for all of its rows at once.

    Args:
        momentum: ρ in (0, 1]: how far the running statistics go towards those of a full batch; a
            smaller batch counts by its rows, one of a single row is normalised as in prediction.
        epsilon: ε > 0, added to the variance.
        name: the first part of the paths of its values; by default ``batch_norm1``, ...

    Raises:
        ValueError: for values outside these ranges.

    Source: 001, "Challenges and Advanced Topics"; Ioffe, Szegedy, 2015. The momentum is PyTorch's:
    Keras's is 1 − ρ.

    >>> BatchNorm().momentum
    0.1
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    name: str | None = None
    kind: ClassVar[str] = "batch_norm"
    couples_rows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not real_number(self.momentum) or not 0 < self.momentum <= 1:
            raise ValueError(f"momentum of BatchNorm must be in (0, 1], not {self.momentum!r}")
        self._check_epsilon()
        checked_name(self.name)

    def parameters(self, inputs: int) -> list[Parameter]:
        ones, zeros = initializers.find("ones"), initializers.find("zeros")
        running = (("mean", zeros), ("variance", ones))
        return super().parameters(inputs) + [
            Parameter(name, (inputs,), initial, trainable=False) for name, initial in running
        ]

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        n = (x.columns,)
        gamma, beta = (builder.parameter(f"{path}.{p}", n) for p in ("gamma", "beta"))
        mean, variance = (builder.parameter(f"{path}.{p}", n, False) for p in ("mean", "variance"))
        if builder.training:
            running = {"running_mean": mean, "running_variance": variance}
            mean = builder.scratch(f"{path}.batch_mean", x.columns)
            variance = builder.scratch(f"{path}.batch_variance", x.columns)
            builder.emit(batch_statistics, mean=mean, variance=variance, x=x, **running)
            builder.emit(
                follow_statistics, **running, mean=mean, variance=variance,
                pace=builder.scalar(f"{path}.momentum", self.momentum),
                full=builder.batch_rows,
            )  # fmt: skip
        xhat, out = builder.value(f"{path}.xhat", x.columns), builder.value(f"{path}.a", x.columns)
        epsilon = builder.scalar(f"{path}.epsilon", self.epsilon)
        builder.emit(normalise, xhat=xhat, a=out, x=x, mean=mean, variance=variance, gamma=gamma,
                     beta=beta, epsilon=epsilon)  # fmt: skip

        def backward() -> None:
            if not builder.has_gradient(out):
                return
            da = builder.gradient(out)
            self._parameter_gradients(builder, da, xhat, gamma, beta)
            if builder.needs_gradient(x):
                scratch = {
                    name: builder.scratch(f"{path}.{name}", x.columns)
                    for name in ("sum_da", "sum_product")
                }
                builder.emit(batch_norm_gradient, dx=builder.contribution(x), da=da, xhat=xhat,
                             gamma=gamma, variance=variance, epsilon=epsilon,
                             **scratch)  # fmt: skip

        builder.on_backward(backward)
        return out

    def to_dict(self) -> dict[str, Any]:
        return {"layer": self.kind, "momentum": self.momentum, "epsilon": self.epsilon,
                "name": self.name}  # fmt: skip


@dataclass(frozen=True)
class LayerNorm(_Norm):
    """Layer normalisation: a = γ ⊙ (x − mean) / √(variance + ε) + β, row by row.

    Mean and variance are those of the features of a row: training and prediction are the same.

    Args:
        epsilon: ε > 0, added to the variance.
        name: the first part of the paths of its values; by default ``layer_norm1``, ...

    Raises:
        ValueError: for an epsilon that is not positive.

    Source: Ba, Kiros, Hinton, "Layer Normalization", 2016.

    >>> LayerNorm().epsilon
    1e-05
    """

    epsilon: float = 1e-5
    name: str | None = None
    kind: ClassVar[str] = "layer_norm"
    couples_rows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self._check_epsilon()
        checked_name(self.name)

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        gamma, beta = (builder.parameter(f"{path}.{p}", (x.columns,)) for p in ("gamma", "beta"))
        mean, variance = (builder.value(f"{path}.{p}", None) for p in ("mean", "variance"))
        xhat, out = builder.value(f"{path}.xhat", x.columns), builder.value(f"{path}.a", x.columns)
        epsilon = builder.scalar(f"{path}.epsilon", self.epsilon)
        builder.emit(layer_norm_value, mean=mean, variance=variance, xhat=xhat, a=out, x=x,
                     gamma=gamma, beta=beta, epsilon=epsilon)  # fmt: skip

        def backward() -> None:
            if not builder.has_gradient(out):
                return
            da = builder.gradient(out)
            self._parameter_gradients(builder, da, xhat, gamma, beta)
            if builder.needs_gradient(x):
                builder.emit(layer_norm_gradient, dx=builder.contribution(x), da=da, xhat=xhat,
                             gamma=gamma, variance=variance, epsilon=epsilon)  # fmt: skip

        builder.on_backward(backward)
        return out

    def to_dict(self) -> dict[str, Any]:
        return {"layer": self.kind, "epsilon": self.epsilon, "name": self.name}
