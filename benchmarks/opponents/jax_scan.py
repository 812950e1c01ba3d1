"""JAX: an epoch is one compiled function, a scan over its batches, its state donated."""

import os
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.opponents.base import Opponent, Run
from benchmarks.works import LEARNING_RATE, Work

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def _binary_cross_entropy(z, y):
    z = z[:, 0]
    return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))


def _cross_entropy(z, y):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1))


def _mse(z, y):
    return 0.5 * jnp.mean(jnp.sum((z - y) ** 2, axis=1))


LOSSES = {"binary_cross_entropy": _binary_cross_entropy, "cross_entropy": _cross_entropy,
          "mse": _mse}  # fmt: skip
ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def adam(parameters, gradients, m, v, t):
    """Adam as the paper has it, over lists of arrays."""
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, gradients)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g**2, v, gradients)
    rate, unbias = LEARNING_RATE / (1 - BETA1**t), 1 / (1 - BETA2**t)
    parameters = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v * unbias) + EPSILON), parameters, m, v
    )
    return parameters, m, v


def epoch_of(work: Work):
    """The function of (state, X, y, order) that trains for an epoch."""
    activate, compare = ACTIVATIONS[work.hidden], LOSSES[work.loss]

    def loss(parameters, X, y):
        a = X
        for W, b in parameters[:-1]:
            a = activate(a @ W + b)
        W, b = parameters[-1]
        return compare(a @ W + b, y)

    def step(state, batch):
        parameters, m, v, t = state
        value, gradients = jax.value_and_grad(loss)(parameters, *batch)
        t = t + 1
        return (*adam(parameters, gradients, m, v, t), t), value

    def in_order(state, X, y):
        shape = (work.steps, work.batch)
        batches = X.reshape(*shape, -1), y.reshape(*shape, *y.shape[1:])
        state, values = jax.lax.scan(step, state, batches)
        return state, values.mean()

    def shuffled(state, X, y, order):
        def gathered(state, rows):
            return step(state, (X[rows], y[rows]))

        state, values = jax.lax.scan(gathered, state, order.reshape(work.steps, work.batch))
        return state, values.mean()

    return jax.jit(in_order, donate_argnums=0), jax.jit(shuffled, donate_argnums=0)


class Player(Opponent):
    """``jax.jit`` around ``jax.lax.scan``; it compiles in its first run."""

    def setup(self, work: Work, threads: int | None) -> None:
        self._work = work
        X, y = work.data()
        self._X = jnp.asarray(X)
        self._y = jnp.asarray(y, jnp.int32 if work.loss == "cross_entropy" else jnp.float32)
        self._in_order, self._shuffled = epoch_of(work)
        self._rng = np.random.default_rng(0)

    def _initial(self):
        parameters = jax.tree.map(jnp.asarray, self._work.weights())
        zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
        return jax.block_until_ready((parameters, *zeros, jnp.zeros((), jnp.float32)))

    def run(self, epochs: int, *, shuffled: bool) -> Run:
        state, losses = self._initial(), []
        start = time.perf_counter()
        for _ in range(epochs):
            if shuffled:
                # NumPy's permutation: JAX's own sorts, and takes several times as long.
                order = self._rng.permutation(self._work.rows).astype(np.int32)
                state, loss = self._shuffled(state, self._X, self._y, order)
            else:
                state, loss = self._in_order(state, self._X, self._y)
            losses.append(loss)
        state = jax.block_until_ready(state)
        seconds = time.perf_counter() - start
        return Run(seconds, [float(loss) for loss in losses])
