"""Optimizers in a training: what ten epochs do, against NumPy, JAX and PyTorch."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.optimizers import OPTIMIZERS

ALL = pytest.mark.parametrize(
    "optimizer", list(dict.fromkeys(OPTIMIZERS.values())), ids=lambda c: c.name
)
ROWS, BATCH, EPOCHS = 22, 8, 10  # batches of 8, 8 and 6


def problem():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(ROWS, 3))
    y = np.eye(4)[rng.integers(0, 4, ROWS)]
    return X, y


def network():
    layers = [cr.Dense(5, "tanh"), cr.Dense(4, "softmax")]
    return cr.Network(layers, "cross_entropy", inputs=3, seed=2, dtype="float64")


def batches():
    return [slice(start, start + BATCH) for start in range(0, ROWS, BATCH)]


def trained(optimizer, epochs=EPOCHS):
    net = network()
    X, y = problem()
    cr.train(net, X, y, optimizer=optimizer, epochs=epochs, batch_size=BATCH, shuffle=False)
    return net


def assert_same(net, parameters):
    for name, value in net.parameters.items():
        np.testing.assert_allclose(value, parameters[name], rtol=1e-9, atol=1e-12, err_msg=name)


# ------------------------------------------------------------------ ten epochs, four oracles


def test_ten_epochs_of_gradient_descent_equal_numpy(plain):
    reference = plain(network())
    X, y = problem()
    for _ in range(EPOCHS):
        for rows in batches():
            reference.descend(X[rows], y[rows], 0.5)
    assert_same(trained(cr.GradientDescent(0.5)), reference.parameters)


def test_ten_epochs_of_adam_equal_numpy(plain):
    reference = plain(network())
    X, y = problem()
    t, memory = 0, {}
    for _ in range(EPOCHS):
        for rows in batches():
            t += 1
            reference.adam(X[rows], y[rows], t, memory, 0.02, 0.8, 0.95, 1e-6)
    assert_same(trained(cr.Adam(0.02, 0.8, 0.95, 1e-6)), reference.parameters)


def jax_gradient(jax):
    jnp = jax.numpy

    def loss(p, X, y):
        a = jnp.tanh(X @ p["dense1.W"] + p["dense1.b"])
        z = a @ p["dense2.W"] + p["dense2.b"]
        return -(y * jax.nn.log_softmax(z)).sum(axis=1).mean()

    return jax.jit(jax.grad(loss))


def test_ten_epochs_of_gradient_descent_equal_jax(jax):
    gradient = jax_gradient(jax)
    p = {name: np.array(value) for name, value in network().parameters.items()}
    X, y = problem()
    for _ in range(EPOCHS):
        for rows in batches():
            g = gradient(p, X[rows], y[rows])
            p = {name: p[name] - 0.5 * np.asarray(g[name]) for name in p}
    assert_same(trained(cr.GradientDescent(0.5)), p)


def test_ten_epochs_of_adam_equal_jax(jax):
    gradient = jax_gradient(jax)
    p = {name: np.array(value) for name, value in network().parameters.items()}
    m, v = ({name: 0 * value for name, value in p.items()} for _ in range(2))
    X, y = problem()
    t = 0
    for _ in range(EPOCHS):
        for rows in batches():
            t += 1
            for name, g in gradient(p, X[rows], y[rows]).items():
                g = np.asarray(g)
                m[name] = 0.9 * m[name] + 0.1 * g
                v[name] = 0.999 * v[name] + 0.001 * g * g
                step = m[name] / (1 - 0.9**t) / (np.sqrt(v[name] / (1 - 0.999**t)) + 1e-8)
                p[name] = p[name] - 0.01 * step
    assert_same(trained(cr.Adam(0.01)), p)


@pytest.mark.parametrize("name", ["gradient_descent", "adam"])
def test_ten_epochs_equal_pytorch(name):
    torch = pytest.importorskip("torch")
    p = {
        key: torch.tensor(np.array(value), requires_grad=True)
        for key, value in network().parameters.items()
    }
    make = {
        "gradient_descent": lambda: torch.optim.SGD(p.values(), lr=0.3),
        "adam": lambda: torch.optim.Adam(p.values(), lr=0.01),
    }[name]
    opponent = make()
    X, y = (torch.tensor(v) for v in problem())
    for _ in range(EPOCHS):
        for rows in batches():
            opponent.zero_grad()
            a = torch.tanh(X[rows] @ p["dense1.W"] + p["dense1.b"])
            z = a @ p["dense2.W"] + p["dense2.b"]
            torch.nn.functional.cross_entropy(z, y[rows]).backward()
            opponent.step()
    mine = {"gradient_descent": cr.GradientDescent(0.3), "adam": cr.Adam(0.01)}[name]
    assert_same(trained(mine), {key: value.detach().numpy() for key, value in p.items()})


def test_the_first_step_of_adam_is_the_rate_in_the_direction_of_the_sign():
    before = network()
    after = trained(cr.Adam(0.01, epsilon=1e-12), epochs=1)
    X, y = problem()
    net = network()
    cr.train(net, X, y, optimizer=cr.Adam(0.01, epsilon=1e-12), epochs=1, batch_size=None)
    np.testing.assert_allclose(np.abs(net.vector - before.vector), 0.01, rtol=1e-6)
    assert not np.array_equal(after.vector, net.vector)


# ------------------------------------------------------------------ the specification


@ALL
def test_a_name_is_as_good_as_the_specification_with_its_defaults(optimizer):
    one, other = network(), network()
    X, y = problem()
    for net, chosen in ((one, optimizer.name), (other, optimizer())):
        cr.train(net, X, y, optimizer=chosen, epochs=2, seed=1)
    np.testing.assert_array_equal(one.vector, other.vector)


@ALL
def test_an_alias_is_as_good_as_the_name(optimizer):
    for alias in optimizer.aliases:
        net = network()
        X, y = problem()
        cr.train(net, X, y, optimizer=alias, epochs=1)


@ALL
def test_a_training_leaves_the_specification_as_it_was(optimizer):
    chosen = optimizer()
    trained(chosen, epochs=1)
    assert chosen == optimizer()


def test_a_larger_rate_makes_larger_steps():
    X, y = problem()
    steps = []
    for rate in (0.1, 0.2):
        net = network()
        before = net.vector.copy()
        cr.train(net, X, y, optimizer=cr.GradientDescent(rate), epochs=1, batch_size=None)
        steps.append(net.vector - before)
    np.testing.assert_allclose(2 * steps[0], steps[1], rtol=1e-12)
