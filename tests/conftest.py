"""Shared by the tests: oracles that do not use the library, and short cuts to its kernels."""

import os

import numpy as np
import pytest
from hypothesis import settings

from chainrule import dataflow
from chainrule.engine import layout
from chainrule.engine.builder import Builder
from chainrule.engine.stepper import Stepper

collect_ignore = ["soak"]  # long runs, which are programs of their own

# The same examples each time; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile(
    "chainrule", deadline=None, max_examples=30, database=None, derandomize=True
)
settings.register_profile("explore", deadline=None, max_examples=1000, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "chainrule"))


@pytest.fixture(scope="session")
def jax():
    """JAX in float64."""
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


# ------------------------------------------------------------------ a network in plain NumPy


def _softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True).real)
    return e / e.sum(axis=1, keepdims=True)


# name: (f(z), da ⊙ f′(z)); all of them take complex z too, for complex steps
FUNCTIONS = {
    "linear": (lambda z: z, lambda da, z, a: da),
    "logistic": (lambda z: 1 / (1 + np.exp(-z)), lambda da, z, a: da * a * (1 - a)),
    "tanh": (np.tanh, lambda da, z, a: da * (1 - a**2)),
    "relu": (lambda z: z * (z.real > 0), lambda da, z, a: da * (z > 0)),
    "softmax": (_softmax, lambda da, z, a: a * (da - (a * da).sum(axis=1, keepdims=True))),
}
# name: (loss of each example, its derivative with respect to a)
LOSSES = {
    "rss": (lambda a, y: ((y - a) ** 2).sum(axis=1), lambda a, y: 2 * (a - y)),
    "mse": (lambda a, y: ((y - a) ** 2).sum(axis=1) / 2, lambda a, y: a - y),
    "binary_cross_entropy": (
        lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(axis=1),
        lambda a, y: (a - y) / (a * (1 - a)),
    ),
    "cross_entropy": (lambda a, y: -(y * np.log(a)).sum(axis=1), lambda a, y: -y / a),
}


class PlainNetwork:
    """A dense network and its gradients in a few lines of NumPy, without the library.

    Starts from a copy of a network's parameters, in float64.
    """

    def __init__(self, network):
        self.functions = [FUNCTIONS[layer.output_activations()[0].name] for layer in network.layers]
        self.parameters = {k: np.array(v, np.float64) for k, v in network.parameters.items()}
        self.paths = network.paths
        self.loss_name = network.loss.name if network.loss else None

    def forward(self, X, parameters=None):
        """The inputs, then (z, a) of each layer."""
        parameters = parameters or self.parameters
        steps, a = [], np.asarray(X, np.float64)
        for path, (f, _) in zip(self.paths, self.functions, strict=True):
            z = a @ parameters[f"{path}.W"]
            z = z + parameters[f"{path}.b"] if f"{path}.b" in parameters else z
            a = f(z)
            steps.append((z, a))
        return steps

    def predict(self, X):
        return self.forward(X)[-1][1]

    def loss(self, X, y, weights=None, parameters=None):
        """The mean over the examples; the sum for rss."""
        each = LOSSES[self.loss_name][0](self.forward(X, parameters)[-1][1], y)
        each = each if weights is None else weights * each
        return each.sum() if self.loss_name == "rss" else each.sum() / len(X)

    def gradients(self, X, y, weights=None):
        """The gradients by path."""
        steps = self.forward(X)
        divisor = 1 if self.loss_name == "rss" else len(X)
        da = LOSSES[self.loss_name][1](steps[-1][1], y)
        da = da if weights is None else weights[:, None] * da
        found = {}
        for k in reversed(range(len(steps))):
            path, (z, a) = self.paths[k], steps[k]
            delta = self.functions[k][1](da, z, a)
            before = steps[k - 1][1] if k else np.asarray(X, np.float64)
            found[f"{path}.W"] = before.T @ delta / divisor
            found[f"{path}.b"] = delta.sum(axis=0) / divisor
            da = delta @ self.parameters[f"{path}.W"].T
        return {name: found[name] for name in self.parameters}

    def descend(self, X, y, rate, weights=None):
        """One step of gradient descent; the loss before it."""
        loss, gradients = self.loss(X, y, weights), self.gradients(X, y, weights)
        for name, gradient in gradients.items():
            self.parameters[name] -= rate * gradient
        return loss

    def adam(self, X, y, t, memory, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
        """One step of Kingma and Ba's algorithm 1; ``memory`` keeps m and v."""
        loss, gradients = self.loss(X, y), self.gradients(X, y)
        for name, g in gradients.items():
            m, v = memory.get(name, (np.zeros_like(g), np.zeros_like(g)))
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
            memory[name] = m, v
            corrected = np.sqrt(v / (1 - beta2**t)) + epsilon
            self.parameters[name] -= rate * (m / (1 - beta1**t)) / corrected
        return loss

    def complex_step(self, X, y, h=1e-30):
        """The gradients by complex steps: exact up to rounding, without a difference."""
        found = {}
        for name, values in self.parameters.items():
            found[name] = np.empty_like(values)
            for place in np.ndindex(values.shape):
                moved = {k: v.astype(complex) for k, v in self.parameters.items()}
                moved[name][place] += 1j * h
                found[name][place] = self.loss(X, y, parameters=moved).imag / h
        return found

    def central_differences(self, X, y, h=1e-5):
        """The gradients by central differences."""
        found = {}
        for name, values in self.parameters.items():
            found[name] = np.empty_like(values)
            for place in np.ndindex(values.shape):
                ends = []
                for sign in (1, -1):
                    moved = {k: v.copy() for k, v in self.parameters.items()}
                    moved[name][place] += sign * h
                    ends.append(self.loss(X, y, parameters=moved))
                found[name][place] = (ends[0] - ends[1]) / (2 * h)
        return found


@pytest.fixture(scope="session")
def plain():
    return PlainNetwork


# ------------------------------------------------------------------ kernels on their own


def _run(dtype, arrays, emit):
    """Gather each array into a buffer of its name, emit instructions, and run them guarded."""
    builder = Builder(dtype, {}, dataflow.add)
    buffers, sources = {}, {}
    for name, array in arrays.items():
        buffers[name] = builder.value(name, array.shape[1])
        sources[f"source.{name}"] = np.ascontiguousarray(array)
        kernel = dataflow.gather_from(array.dtype.name)
        builder.emit(kernel, x=buffers[name], X=builder.source(f"source.{name}"))
    outputs = emit(builder, buffers)
    builder.close_segment(layout.TILES)
    rows = len(next(iter(arrays.values())))
    program = builder.program(rows, 1)
    stepper = Stepper(program, np.zeros(0, dtype), sources, rows, guarded=True)
    stepper.run()
    return [stepper.value(stepper.program.buffers[b.name]).copy() for b in outputs]


@pytest.fixture(scope="session")
def activate():
    """``activate(entry, z)``: the values of an activation's own kernel, in the dtype of z."""

    def run(entry, z):
        def emit(builder, b):
            out = builder.value("a", z.shape[1])
            k = builder.scalar("k", entry.k or 0.0)
            builder.emit(entry.forward, a=out, z=b["z"], k=k)
            return [out]

        return _run(z.dtype.name, {"z": z}, emit)[0]

    return run


@pytest.fixture(scope="session")
def pull_back():
    """``pull_back(entry, da, z)``: delta by an activation's own kernels, in the dtype of z."""

    def run(entry, da, z):
        def emit(builder, b):
            a, delta = builder.value("a", z.shape[1]), builder.value("delta", z.shape[1])
            k = builder.scalar("k", entry.k or 0.0)
            builder.emit(entry.forward, a=a, z=b["z"], k=k)
            builder.emit(entry.backward, delta=delta, da=b["da"], z=b["z"], a=a, k=k)
            return [delta]

        return _run(z.dtype.name, {"z": z, "da": da}, emit)[0]

    return run


@pytest.fixture(scope="session")
def loss_of():
    """``loss_of(entry, a, y)``: the losses of the rows and ``da``, by an entry's own kernels."""

    def run(entry, a, y):
        form = entry.forms["values"]

        def emit(builder, b):
            known = {"a": b["a"], "y": b["y"]}
            if form.value.operands.get("k") == "scalars":
                known["k"] = builder.scalars("k", entry.k)
            elif "k" in form.value.operands:
                known["k"] = builder.scalar("k", entry.k[0] if entry.k else 0.0)
            loss, da = builder.value("loss", None), builder.value("da", a.shape[1])
            for kernel, written in ((form.value, {"loss": loss}), (form.gradient, {"da": da})):
                operands = {name: known[name] for name in kernel.operands if name in known}
                builder.emit(kernel, **written, **operands)
            return [loss, da]

        return _run(a.dtype.name, {"a": a, "y": y}, emit)

    return run
