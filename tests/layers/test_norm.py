"""Batch and layer normalisation against independent formulas, in training and in prediction."""

import numpy as np
import pytest

import chainrule as cr

X = np.random.default_rng(1).normal(2.0, 3.0, size=(17, 4))
Y = np.random.default_rng(2).normal(size=(17, 2))


def network(layer, loss="mse", dtype="float64"):
    net = cr.Network([layer, cr.Dense(2)], loss, inputs=4, seed=1, dtype=dtype)
    rng = np.random.default_rng(3)
    name = net.paths[0]
    net.parameters[f"{name}.gamma"] = rng.uniform(0.5, 1.5, 4)
    net.parameters[f"{name}.beta"] = rng.normal(size=4)
    return net


def of_jax(jax, net, axis):
    """Loss and gradients by JAX, with the statistics over an axis."""
    jnp, path = jax.numpy, net.paths[0]
    p = {name: jnp.asarray(np.array(value)) for name, value in net.parameters.items()}

    def loss(p):
        mean = X.mean(axis=axis, keepdims=True)
        variance = X.var(axis=axis, keepdims=True)
        a = (X - mean) / jnp.sqrt(variance + 1e-5) * p[f"{path}.gamma"] + p[f"{path}.beta"]
        z = a @ p["dense1.W"] + p["dense1.b"]
        return 0.5 * ((z - Y) ** 2).sum(axis=1).mean()

    return jax.value_and_grad(loss)(p)


@pytest.mark.parametrize(("layer", "axis"), [(cr.BatchNorm(), 0), (cr.LayerNorm(), 1)], ids=str)
def test_loss_and_gradients_equal_jax(layer, axis, jax):
    net = network(layer)
    value, gradients = of_jax(jax, net, axis)
    t = cr.trace(net, X, Y)
    assert float(t["loss"]) == pytest.approx(float(value), rel=1e-12)
    for name in ("gamma", "beta"):
        path = f"{net.paths[0]}.d{name}"
        np.testing.assert_allclose(t[path], gradients[f"{net.paths[0]}.{name}"], rtol=1e-10)


@pytest.mark.parametrize("layer", [cr.BatchNorm(), cr.LayerNorm()], ids=str)
@pytest.mark.parametrize("rows", [1, 2, 17])
def test_gradients_through_the_statistics_equal_central_differences(layer, rows):
    layers = [cr.Dense(3, "tanh"), layer, cr.Dense(3, "tanh"), type(layer)(), cr.Dense(2)]
    net = cr.Network(layers, "mse", inputs=4, seed=1)
    assert cr.gradcheck(net, X[:rows], Y[:rows])


@pytest.mark.parametrize("batch", [17, 5])
def test_training_and_prediction_equal_pytorchs(batch):
    torch = pytest.importorskip("torch")
    net = network(cr.BatchNorm())
    norm = torch.nn.BatchNorm1d(4, dtype=torch.float64)
    dense = torch.nn.Linear(4, 2, dtype=torch.float64)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor(np.array(net.parameters["batch_norm1.gamma"])))
        norm.bias.copy_(torch.tensor(np.array(net.parameters["batch_norm1.beta"])))
        dense.weight.copy_(torch.tensor(np.array(net.parameters["dense1.W"]).T))
        dense.bias.copy_(torch.tensor(np.array(net.parameters["dense1.b"])))
    model = torch.nn.Sequential(norm, dense)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    rows = len(X) // batch * batch  # the last batch weighs less here than there
    for _ in range(3):
        for first in range(0, rows, batch):
            optimizer.zero_grad()
            z = model(torch.tensor(X[first : first + batch]))
            y = torch.tensor(Y[first : first + batch])
            (0.5 * ((z - y) ** 2).sum(dim=1).mean()).backward()
            optimizer.step()
    cr.train(net, X[:rows], Y[:rows], optimizer=cr.GradientDescent(0.05), epochs=3,
             batch_size=batch, shuffle=False)  # fmt: skip
    found = net.parameters
    for name, theirs in (("mean", norm.running_mean), ("variance", norm.running_var),
                         ("gamma", norm.weight), ("beta", norm.bias)):  # fmt: skip
        np.testing.assert_allclose(
            found[f"batch_norm1.{name}"], theirs.detach().numpy(), rtol=1e-10, err_msg=name
        )
    model.eval()
    np.testing.assert_allclose(
        net.predict(X), model(torch.tensor(X)).detach().numpy(), rtol=1e-10, atol=1e-12
    )


def test_prediction_normalises_by_the_running_statistics():
    net = network(cr.BatchNorm())
    net.parameters["batch_norm1.mean"] = [1.0, -2.0, 0.5, 3.0]
    net.parameters["batch_norm1.variance"] = [0.5, 4.0, 1.0, 9.0]
    p = net.parameters
    xhat = (X - p["batch_norm1.mean"]) / np.sqrt(p["batch_norm1.variance"] + 1e-5)
    a = xhat * p["batch_norm1.gamma"] + p["batch_norm1.beta"]
    right = a @ p["dense1.W"] + p["dense1.b"]
    np.testing.assert_allclose(net.predict(X), right, rtol=1e-12, atol=1e-13)
    one_by_one = np.concatenate([net.predict(x) for x in X])  # without a batch to depend on
    np.testing.assert_allclose(one_by_one, right, rtol=1e-12, atol=1e-13)


def test_running_statistics_follow_by_formula():
    net = network(cr.BatchNorm(momentum=0.3))
    cr.train(net, X, Y, epochs=1, batch_size=None, optimizer=cr.GradientDescent(1e-9))
    np.testing.assert_allclose(net.parameters["batch_norm1.mean"], 0.3 * X.mean(axis=0))
    np.testing.assert_allclose(
        net.parameters["batch_norm1.variance"], 0.7 + 0.3 * X.var(axis=0, ddof=1)
    )


def test_a_small_last_batch_counts_by_its_rows_and_one_row_is_no_trouble():
    net = network(cr.BatchNorm(momentum=0.5))
    cr.train(net, X, Y, epochs=1, batch_size=16, shuffle=False,
             optimizer=cr.GradientDescent(1e-9))  # fmt: skip
    mean, variance = 0.5 * X[:16].mean(axis=0), 0.5 + 0.5 * X[:16].var(axis=0, ddof=1)
    # The last batch is one row: normalised by the running statistics, which it leaves as they are.
    np.testing.assert_allclose(net.parameters["batch_norm1.mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(net.parameters["batch_norm1.variance"], variance, rtol=1e-12)


@pytest.mark.parametrize("purpose", ["trace", "gradcheck", "predict"])
def test_running_statistics_change_in_training_alone(purpose):
    net = network(cr.BatchNorm())
    before = net.vector.copy()
    {"trace": cr.trace, "gradcheck": cr.gradcheck, "predict": lambda n, x, y: n.predict(x)}[
        purpose
    ](net, X, Y)
    np.testing.assert_array_equal(net.vector, before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(threads):
    found = []
    for workers in (1, threads):
        net = network(cr.BatchNorm())
        cr.train(net, X, Y, epochs=4, batch_size=6, threads=workers)
        found.append(net.vector)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.BatchNorm(momentum=0), r"momentum of BatchNorm must be in \(0, 1\], not 0"),
        (lambda: cr.BatchNorm(momentum=1.5), "momentum of BatchNorm must be"),
        (lambda: cr.BatchNorm(epsilon=0), "epsilon of BatchNorm must be a positive number, not 0"),
        (lambda: cr.LayerNorm(epsilon=-1), "epsilon of LayerNorm must be a positive number"),
        (lambda: cr.LayerNorm(name="a b"), "a layer's name must be an identifier, not 'a b'"),
    ],
)
def test_values_outside_their_ranges_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
