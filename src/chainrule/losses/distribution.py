"""Losses that are likelihoods of a distribution: Poisson, gamma, and a normal with its variance."""

import math

from chainrule.engine.elementary import exp, log
from chainrule.engine.kernel import Context, Matrix, Vector, device, kernel, real
from chainrule.equations import Equation, apply, symbols
from chainrule.losses.catalogue import delta_values
from chainrule.losses.entry import Form, Loss, elementwise, ln, loss_from_z, losses, natural, total

a, y, z = symbols("a y z")
POSITIVE = "use 'exponential' or 'softplus' for the last layer"


@device()
def poisson_value(a: float, y: float, k: float) -> float:
    """Where y is 0 its term is 0, also at a = 0, whose logarithm is infinite."""
    return a - (real(0) if y == real(0) else y * log(a))


@device()
def poisson_slope(a: float, y: float, k: float) -> float:
    return real(1) - y / a


@device()
def poisson_value_from_z(z: float, y: float, k: float) -> float:
    return exp(z) - y * z


@device()
def gamma_value(a: float, y: float, k: float) -> float:
    return y / a + log(a)


@device()
def gamma_slope(a: float, y: float, k: float) -> float:
    return (real(1) - y / a) / a


@device()
def gamma_value_from_z(z: float, y: float, k: float) -> float:
    return y * exp(-z) + z


@device()
def gamma_slope_from_z(z: float, y: float, k: float) -> float:
    return real(1) - y * exp(-z)


mean = apply("first_half", a)
log_variance = apply("second_half", a)
precision = apply("exp", -log_variance)


@kernel(Equation("loss", 0.5 * total(log_variance + (y - mean) ** 2 * precision)))
def gaussian_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    columns = y.shape[1]
    for i in range(loss.size):
        s = real(0)
        for c in range(columns):
            d = y[i, c] - a[i, c]
            v = a[i, columns + c]
            s += v + d * d * exp(-v)
        loss[i] = real(0.5) * s


@kernel(
    Equation(
        "da",
        apply("beside", (mean - y) * precision, 0.5 * (1 - (y - mean) ** 2 * precision)),
    )
)
def gaussian_gradient(da: Matrix, a: Matrix, y: Matrix, context: Context) -> None:
    columns = y.shape[1]
    for i in range(a.shape[0]):
        for c in range(columns):
            d = a[i, c] - y[i, c]
            scaled = d * exp(-a[i, columns + c])
            da[i, c] = scaled
            da[i, columns + c] = real(0.5) * (real(1) - d * scaled)


poisson = losses.register(
    Loss(
        "poisson",
        {"values": elementwise("poisson", a - y * ln(a), 1 - y / a, poisson_value, poisson_slope)},
        domain=(0, math.inf), open=(True, False), advice=POSITIVE,
        natural={
            "exponential": {
                "values": Form(
                    loss_from_z.specialised(
                        "poisson", (Equation("loss", total(apply("exp", z) - y * z)),),
                        value=poisson_value_from_z,
                    ),
                    delta_values,
                )
            }
        },
        targets=(0, math.inf), predicts="values",
        use="Counts, and rates of events: minus the log-likelihood under a Poisson distribution "
        "whose mean is the prediction. It takes the variance to be equal to the mean; counts "
        "that spread more make it too sure.",
        source="Nelder, Wedderburn, 'Generalized Linear Models', 1972: −ln of the probability of "
        "y at the rate ŷ, without ln y!, which no parameter changes",
    )
)  # fmt: skip

gamma = losses.register(
    Loss(
        "gamma",
        {"values": elementwise("gamma", y / a + ln(a), (1 - y / a) / a, gamma_value, gamma_slope)},
        domain=(0, math.inf), open=(True, False), advice=POSITIVE,
        natural={
            "exponential": {
                "values": natural("gamma", y * apply("exp", -z) + z, 1 - y * apply("exp", -z),
                                  gamma_value_from_z, gamma_slope_from_z)
            }
        },
        targets=(0, math.inf), positive=True, predicts="values",
        use="Positive amounts whose spread grows with their size, such as costs, durations and "
        "claims: what counts is the error in relation to the prediction. Targets of 0 are not "
        "allowed.",
        source="Nelder, Wedderburn, 'Generalized Linear Models', 1972: −ln of the density of y at "
        "the mean ŷ, divided by the shape, without terms that no parameter changes",
    )
)  # fmt: skip

gaussian = losses.register(
    Loss(
        "gaussian", {"values": Form(gaussian_value, gaussian_gradient)}, outputs_per_target=2,
        predicts="means and variances",
        use="Real-valued targets whose noise is not the same everywhere: predicts a mean and the "
        "logarithm of a variance for each. It can overfit by claiming tiny variances, and "
        "learns means slowly where the variance starts out large.",
        source="Nix, Weigend, 'Estimating the Mean and Variance of the Target Probability "
        "Distribution', 1994: the outputs are the means of all targets, then the logarithms of "
        "their variances; the constant ½ ln 2π of each target is left out",
    )
)  # fmt: skip
