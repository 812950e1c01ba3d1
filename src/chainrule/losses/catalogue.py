"""The losses of the seeds: squared errors and cross-entropies.

000, 001 and 002 are the lecture texts that the project implements.
"""

from chainrule.engine.elementary import exp, log, log1p, log1p_exp
from chainrule.engine.kernel import Context, Flat, Integers, Matrix, Vector, device, kernel, real
from chainrule.engine.linalg import carray, in_line, pointer, stack_scratch
from chainrule.equations import Equation, apply, symbols
from chainrule.losses.entry import Form, Loss, ln, losses, total

a, y, z, da = symbols("a y z da")
FULL = 512  # numbers whose exponentials are taken at once


@kernel(Equation("loss", total((y - a) ** 2)))
def rss_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    for i in range(loss.size):
        s = real(0)
        for k in range(a.shape[1]):
            s += (y[i, k] - a[i, k]) * (y[i, k] - a[i, k])
        loss[i] = s


@kernel(Equation("da", 2 * (a - y)))
def rss_gradient(da: Flat, a: Flat, y: Flat, context: Context) -> None:
    for i in range(a.size):
        da[i] = real(2) * (a[i] - y[i])


@kernel(Equation("loss", 0.5 * total((a - y) ** 2)))
def mse_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    for i in range(loss.size):
        s = real(0)
        for k in range(a.shape[1]):
            s += (a[i, k] - y[i, k]) * (a[i, k] - y[i, k])
        loss[i] = real(0.5) * s


@kernel(Equation("da", a - y))
def difference(da: Flat, a: Flat, y: Flat, context: Context) -> None:
    for i in range(a.size):
        da[i] = a[i] - y[i]


@kernel(Equation("loss", -total(y * ln(a) + (1 - y) * ln(1 - a))))
def bce_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    """Where y is 0 or 1 the other term is 0, also at a = y, where its logarithm is infinite."""
    for i in range(loss.size):
        s = real(0)
        for k in range(a.shape[1]):
            t = y[i, k]
            s -= real(0) if t == real(0) else t * log(a[i, k])
            s -= real(0) if t == real(1) else (real(1) - t) * log1p(-a[i, k])
        loss[i] = s


@kernel(Equation("da", (a - y) / (a * (1 - a))))
def bce_gradient(da: Flat, a: Flat, y: Flat, context: Context) -> None:
    for i in range(a.size):
        da[i] = (a[i] - y[i]) / (a[i] * (real(1) - a[i]))


@device()
def bce_of(z: float, y: float) -> float:
    """max(0, z) − z y + ln(1 + e**−|z|)."""
    size = -z if z < real(0) else z
    positive = real(0) if z < real(0) else z
    return positive - z * y + log1p_exp(-size)


@device()
def bce_of_each(loss: Vector, z: Vector, y: Vector) -> None:
    """The loss of examples with one output."""
    for i in range(loss.size):
        loss[i] = bce_of(z[i], y[i])


@kernel(
    Equation(
        "loss",
        total(apply("maximum", 0, z) - z * y + apply("log1p", apply("exp", -apply("absolute", z)))),
    )
)
def bce_value_from_z(loss: Vector, z: Matrix, y: Matrix, context: Context) -> None:
    """−y ln σ(z) − (1 − y) ln(1 − σ(z)), written so that neither logarithm meets 0."""
    if z.shape[1] == 1:
        bce_of_each(loss, in_line(z), in_line(y))
    else:
        for i in range(loss.size):
            s = real(0)
            for k in range(z.shape[1]):
                s += bce_of(z[i, k], y[i, k])
            loss[i] = s


@kernel(Equation("delta", a - y))
def delta_values(delta: Flat, a: Flat, y: Flat, context: Context) -> None:
    """σ′ cancels against the denominator of ∂ℓ/∂a; likewise softmax's Jacobian."""
    for i in range(a.size):
        delta[i] = a[i] - y[i]


@kernel(Equation("loss", -total(y * ln(a))))
def ce_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    for i in range(loss.size):
        s = real(0)
        for k in range(a.shape[1]):
            s -= real(0) if y[i, k] == real(0) else y[i, k] * log(a[i, k])
        loss[i] = s


@kernel(Equation("da", -(y / a)))
def ce_gradient(da: Flat, a: Flat, y: Flat, context: Context) -> None:
    for i in range(a.size):
        da[i] = -y[i] / a[i]


@kernel(Equation("loss", -ln(apply("pick", a, y))))
def ce_value_labels(loss: Vector, a: Matrix, y: Integers, context: Context) -> None:
    for i in range(loss.size):
        loss[i] = -log(a[i, y[i]])


@kernel(Equation("da", -(apply("onehot", y, a) / a)))
def ce_gradient_labels(da: Matrix, a: Matrix, y: Integers, context: Context) -> None:
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            da[i, k] = real(0)
        da[i, y[i]] = real(-1) / a[i, y[i]]


@device()
def largest(z: Vector) -> float:
    """maxₖ zₖ."""
    top = z[0]
    for k in range(1, z.size):
        top = z[k] if z[k] > top else top
    return top


@device(fastmath={"reassoc"})
def sum_exp(z: Vector, top: float) -> float:
    """Σₖ e**(zₖ − top)."""
    s = real(0)
    for k in range(z.size):
        s += exp(z[k] - top)
    return s


@device(fastmath={"reassoc"})
def sum_of(x: Vector) -> float:
    """Σₖ xₖ."""
    s = real(0)
    for k in range(x.size):
        s += x[k]
    return s


@device(inline=False)
def add_log_sum_exp(loss: Vector, z: Matrix) -> None:
    """lossᵢ += ln Σₖ e**(zᵢₖ − maxₖ zᵢₖ), some rows at a time so that the vectors are full."""
    m, n = z.shape
    if n > FULL:
        for i in range(m):
            loss[i] += log(sum_exp(z[i], largest(z[i])))
        return
    place = stack_scratch(real(0), FULL)
    i = 0
    while i < m:
        rows = min(FULL // n, m - i)
        e, flat = carray(pointer(place, real), (rows, n)), carray(pointer(place, real), rows * n)
        for r in range(rows):
            top = largest(z[i + r])
            for k in range(n):
                e[r, k] = z[i + r, k] - top
        for k in range(flat.size):
            flat[k] = exp(flat[k])
        for r in range(rows):
            loss[i + r] += log(sum_of(e[r]))
        i += rows


@kernel(Equation("loss", apply("logsumexp", z) - total(y * z)))
def ce_value_from_z(loss: Vector, z: Matrix, y: Matrix, context: Context) -> None:
    """−Σ y ln softmax(z), for targets that sum to one."""
    for i in range(loss.size):
        top, t = largest(z[i]), real(0)
        for k in range(z.shape[1]):
            t += y[i, k] * (z[i, k] - top)
        loss[i] = -t
    add_log_sum_exp(loss, z)


@kernel(Equation("loss", apply("logsumexp", z) - apply("pick", z, y)))
def ce_value_labels_from_z(loss: Vector, z: Matrix, y: Integers, context: Context) -> None:
    """−ln softmax(z)[y]."""
    for i in range(loss.size):
        loss[i] = largest(z[i]) - z[i, y[i]]
    add_log_sum_exp(loss, z)


@kernel(Equation("delta", a - apply("onehot", y, a)))
def delta_labels(delta: Matrix, a: Matrix, y: Integers, context: Context) -> None:
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            delta[i, k] = a[i, k]
        delta[i, y[i]] -= real(1)


rss = losses.register(
    Loss(
        "rss", {"values": Form(rss_value, rss_gradient)}, mean=False,
        use="Squared errors summed over all examples, as regression by hand writes it. The "
        "gradient grows with the number of examples, so a rate that suits one batch size is "
        "wrong for another; `mse` is the better choice for training.",
        source="000, 'Real-valued output': Σ (y − ŷ)² over examples and outputs; 002",
    )
)  # fmt: skip

mse = losses.register(
    Loss(
        "mse", {"values": Form(mse_value, difference)}, aliases=("mean_squared_error",),
        use="The usual loss for real-valued targets; the ½ cancels when it is differentiated. "
        "Errors count by their square, so a few outliers can decide the fit, and through a "
        "saturated logistic output it hardly learns.",
        source="000, 'Real-valued output': 1/(2N) Σ (y − ŷ)²; 001, 'Loss Function'",
    )
)  # fmt: skip

binary_cross_entropy = losses.register(
    Loss(
        "binary_cross_entropy", {"values": Form(bce_value, bce_gradient)}, domain=(0, 1),
        open=(True, True), advice="use 'logistic' for the last layer",
        natural={"logistic": {"values": Form(bce_value_from_z, delta_values)}}, targets=(0, 1),
        smoothing=True, aliases=("multilabel_binary_cross_entropy",),
        use="Yes or no, or several labels of which each may hold: minus the log-likelihood of the "
        "targets under logistic outputs. With them its gradient is plainly prediction minus "
        "target, also where the output saturates; one confident mistake costs without limit.",
        source="000, 'Binary output'; 001, 'Loss Function'; summed over the outputs, so that "
        "several logistic outputs are that many labels, each of which an example has or has not",
    )
)  # fmt: skip

cross_entropy = losses.register(
    Loss(
        "cross_entropy",
        {
            "values": Form(ce_value, ce_gradient),
            "labels": Form(ce_value_labels, ce_gradient_labels),
        },
        domain=(0, 1), open=(True, True),
        advice="use 'softmax' for the last layer",
        natural={
            "softmax": {
                "values": Form(ce_value_from_z, delta_values),
                "labels": Form(ce_value_labels_from_z, delta_labels),
            }
        },
        targets=(0, 1), distribution=True, smoothing=True, aliases=("categorical_cross_entropy",),
        use="One of several classes: minus the logarithm of the probability that softmax gave to "
        "the right one. Targets are class numbers, one-hot rows or other distributions; labels "
        "that are wrong cost without limit, which label smoothing tempers.",
        source="000, 'Multinomial output'; 001, 'Loss Function'",
    )
)  # fmt: skip
