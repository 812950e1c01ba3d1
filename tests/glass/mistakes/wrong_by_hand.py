"""Dense networks in plain NumPy, right and with each known mistake: formulas, not the library.

``by_hand`` computes what a reader would who makes a mistake, to hold against the library, which
makes it in its own program. ``drawn`` makes random problems.
"""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np

import chainrule as cr

# name: f(z), and f′ as a formula of z and a
F = {
    "linear": (lambda z: z, lambda z, a: np.ones_like(z)),
    "logistic": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a)),
    "tanh": (np.tanh, lambda z, a: 1 - a**2),
    "relu": (lambda z: np.maximum(0, z), lambda z, a: (z > 0) * 1.0),
    "softplus": (lambda z: np.log1p(np.exp(z)), lambda z, a: 1 / (1 + np.exp(-z))),
}
ROUNDED = {
    "z": ["z"], "a": ["a"], "delta": ["delta"], "z and a": ["z", "a"],
    "z, a, da and delta": ["z", "a", "da", "delta"],
}  # fmt: skip


def on_paper(value, places, ties=ROUND_HALF_UP):
    """Rounded as a reader does it, who sees decimals: halves away from zero, or to even ones."""
    if not np.isfinite(value).all():
        return value
    unit = Decimal(1).scaleb(-places)
    rounded = [Decimal(f"{v:.12g}").quantize(unit, ties) for v in value.ravel()]
    return np.array([float(v) for v in rounded]).reshape(value.shape)


def square(matrix):
    return matrix.shape[0] == matrix.shape[1]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@np.errstate(all="ignore")
def by_hand(problem, mistake=None, layers=None, variant=None):
    """The values of each iteration by short name.

    Args:
        problem: dense layers, gradient descent, no rounding.
        mistake: its name, or None.
        layers: numbers of the layers in which it is made; None for all.
        variant: the neuron, counted from 0, or (words, decimals, ties) of what is rounded.
    """
    net = problem.network
    p = {k.replace("dense", "").replace(".", ""): v.copy() for k, v in net.parameters.items()}
    p = {k[1:] + k[:1]: v for k, v in p.items()}  # 1W → W1
    names = [layer.output_activations()[0].name for layer in net.layers]
    found, before = [], None
    for _ in range(problem.iterations):
        v = _step(problem, p, before, names, mistake, layers, variant)
        if mistake == "updated weights":
            for _ in range(len(names)):
                v = _step(problem, p, before, names, mistake, layers, variant,
                          {k: v[f"{k}.new"] for k in p})  # fmt: skip
        found.append(v)
        before, p = p, {k: v[f"{k}.new"] for k in p}
    if mistake == "row for column":
        return [{k: v.T if np.ndim(v) == 2 else v for k, v in step.items()} for step in found]
    return found


def _step(problem, p, before, names, mistake, layers, variant, updated=None):
    loss, rate = problem.network.loss.name, problem.optimizer.learning_rate
    x, y, m, depth = problem.x, problem.y, len(problem.x), len(names)
    v = dict(p)

    def wrong(name, layer=None):
        return mistake == name and (layer is None or layers is None or layer in layers)

    def keep(kind, layer, value):
        if mistake == "rounded too early" and kind in ROUNDED[variant[0]]:
            value = on_paper(value, *variant[1:])
        v[f"{kind}{layer}"] = value
        return value

    a = x
    for k in range(1, depth + 1):
        W, b = p[f"W{k}"], p.get(f"b{k}", 0.0)
        b = 0 * b if wrong("bias forgotten", k) else b
        b = 0 * b + 1 if wrong("bias of 1", k) and f"b{k}" in p else b
        z = keep("z", k, a @ (W.T if wrong("W transposed forward", k) and square(W) else W) + b)
        f = softmax if names[k - 1] == "softmax" else F[names[k - 1]][0]
        a = keep("a", k, z if wrong("activation forgotten", k) else f(z))

    base = np.log(10) if wrong("logarithm to base 10 throughout") else 1.0
    of_loss = np.log(10) if wrong("logarithm to base 10 in the loss") else base
    each, da = _loss(loss, a, y)
    each, da = each / of_loss, da / base
    if wrong("½ forgotten"):
        each = 2 * each
    if wrong("½ forgotten") or wrong("2 kept"):
        da = 2 * da
    if wrong("2 lost"):
        da = da / 2
    if wrong("sign of y − ŷ"):
        da = -da
    if wrong("1/m in delta"):
        da = da / m
    mean = loss != "rss"
    v["loss"] = each.mean() if mean != (wrong("loss summed") or wrong("loss averaged")) else (
        each.sum())  # fmt: skip
    divisor = m if mean else 1
    if wrong("1/m missing") or wrong("1/m in delta"):
        divisor = 1
    if wrong("1/m twice"):
        divisor = divisor * m
    for k in range(depth, 0, -1):
        da = keep("da", k, da)
        z, a = v[f"z{k}"], v[f"a{k}"]
        delta = keep("delta", k, _delta(names[k - 1], z, a, da, lambda n, k=k: wrong(n, k)))
        back, of_gradient = (v[f"a{k - 1}"] if k > 1 else x), delta
        if wrong("σ′ again in dW", k) and names[k - 1] != "softmax":
            of_gradient = delta * F[names[k - 1]][1](z, a)
        if wrong("z for a in dW", k) and k > 1:
            back = v[f"z{k - 1}"]
        sign = -1 if wrong("sign of the gradient", k) else 1
        v[f"dW{k}"] = sign * back.T @ of_gradient / divisor
        if f"b{k}" in p:
            v[f"db{k}"] = sign * of_gradient.sum(axis=0) / divisor
        W = p[f"W{k}"]
        if wrong("updated weights", k) and updated is not None:
            W = updated[f"W{k}"]
        if wrong("old weights", k) and before is not None:
            W = before[f"W{k}"]
        if wrong("W transposed backward", k) and square(W):
            W = W.T
        if wrong("W left out backward", k):
            W = np.ones_like(W)
        da = delta @ W.T
        if wrong("no sum over k", k) and variant < W.shape[1]:
            da = np.outer(delta[:, variant], W[:, variant])
    for name, value in p.items():
        step = v[f"d{name}"] * (1 if wrong("η forgotten") else rate)
        v[f"{name}.new"] = value + step if wrong("uphill") else value - step
    return v


def _loss(loss, a, y):
    """The loss of each example, and its derivative with respect to a."""
    if loss == "rss":
        return ((y - a) ** 2).sum(axis=1), 2 * (a - y)
    if loss == "mse":
        return ((y - a) ** 2).sum(axis=1) / 2, a - y
    if loss == "binary_cross_entropy":
        each = -(_part(y, np.log(a)) + _part(1 - y, np.log(1 - a))).sum(axis=1)
        return each, (a - y) / (a * (1 - a))
    if y.ndim == 1:
        y = np.eye(a.shape[1])[y]
    return -_part(y, np.log(a)).sum(axis=1), -y / a


def _part(y, logarithm):
    """A term of a cross-entropy: 0 where y is, whatever the logarithm."""
    return np.where(y == 0, 0, y * logarithm)


def _delta(name, z, a, da, wrong):
    if wrong("σ′ missing"):
        return da
    if name == "softmax":
        if wrong("softmax as elementwise"):
            return da * a * (1 - a)
        return a * (da - (a * da).sum(axis=1, keepdims=True))
    f, slope = F[name]
    if wrong("σ′ twice"):
        return da * slope(z, a) ** 2
    if wrong("σ′(a)"):
        return da * slope(a, f(a))
    if wrong("σ′ with z for a") and name in ("logistic", "tanh"):
        return da * slope(z, z)
    return da * slope(z, a)


# ------------------------------------------------------------------ random problems

OUTPUTS = [
    ("mse", "linear"), ("mse", "logistic"), ("mse", "tanh"), ("rss", "logistic"), ("rss", "linear"),
    ("binary_cross_entropy", "logistic"), ("cross_entropy", "softmax"), ("labels", "softmax"),
]  # fmt: skip


def drawn(rng, decimals=2):
    """A random small problem: two or three layers, one to three examples, one or two iterations."""
    loss, output = OUTPUTS[rng.integers(len(OUTPUTS))]
    inputs, rows = int(rng.integers(2, 4)), int(rng.integers(1, 4))
    sizes = [int(n) for n in rng.integers(2, 4, rng.integers(1, 3))]
    outputs = int(rng.integers(2 if output == "softmax" else 1, 4))
    bias = bool(rng.random() < 0.8)
    hidden = [name for name in F if name != "linear"]
    layers = [cr.Dense(n, str(rng.choice(hidden)), bias) for n in sizes]
    name = "cross_entropy" if loss == "labels" else loss
    net = cr.Network([*layers, cr.Dense(outputs, output, bias)], name, inputs=inputs,
                     dtype="float64")  # fmt: skip
    for value in net.parameters.values():
        value[...] = np.round(rng.uniform(-1.2, 1.2, value.shape), decimals)
    y = np.round(rng.uniform(0.05, 0.95, (rows, outputs)), decimals)
    if loss == "binary_cross_entropy":
        y = rng.integers(0, 2, (rows, outputs)) * 1.0
    if output == "softmax":
        y = rng.integers(0, outputs, rows)
        y = y if loss == "labels" else np.eye(outputs)[y]
    return cr.Problem(net, np.round(rng.uniform(-1.5, 1.5, (rows, inputs)), decimals), y,
                      optimizer=cr.GradientDescent(float(rng.choice([0.1, 0.25, 0.5]))),
                      iterations=int(rng.integers(1, 3)))  # fmt: skip


def names_of(values):
    """The names of all numbers of the values of each iteration, with the numbers."""
    found = {}
    for number, step in enumerate(values, start=1):
        later = f"@{number}" if number > 1 else ""
        for name, value in step.items():
            for place in np.ndindex(np.shape(value)):
                inside = f"[{','.join(map(str, place))}]" if place else ""
                found[f"{name}{inside}{later}"] = float(np.asarray(value)[place])
    return found
