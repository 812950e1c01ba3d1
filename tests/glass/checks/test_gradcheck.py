"""The gradient checker, and by it every gradient: activation × loss × bias × depth."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.activations import activations
from chainrule.losses import find, losses

TRAINABLE = [e for e in activations if e.trainable]
ROWS, INPUTS, OUTPUTS = 4, 3, 2
LOSSES = [*losses, find("quantile(0.2, 0.9)")]


def output_for(hidden, loss):
    """The same activation where the loss accepts it, else the loss's own partner."""
    return hidden.name if loss.accepts(hidden) else next(iter(loss.natural))


def stack(hidden, loss, depth, bias=True, seed=0):
    # a tower of e**z soon leaves the numbers: smaller weights keep it low
    weights = "uniform(-0.3, 0.3)" if hidden.name == "exponential" else None
    layers = [cr.Dense(INPUTS, hidden.name, bias=bias, biases="uniform(-0.5, 0.5)",
                       weights=weights) for _ in range(depth - 1)]  # fmt: skip
    last = cr.Dense(OUTPUTS, output_for(hidden, loss), bias=bias, biases="uniform(-0.5, 0.5)")
    return cr.Network([*layers, last], loss, inputs=INPUTS, seed=seed, dtype="float64")


def targets(loss, kind, rng, rows=ROWS):
    if kind == "labels":
        return rng.integers(0, OUTPUTS, rows)
    y = rng.uniform(0.1, 0.9, (rows, loss.target_columns(OUTPUTS)))
    return y / y.sum(axis=1, keepdims=True) if loss.distribution else y


# ------------------------------------------------------------------ all pairs


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(
    ("loss", "kind"), [(e, k) for e in LOSSES for k in e.forms], ids=str,
)  # fmt: skip
@pytest.mark.parametrize("hidden", TRAINABLE, ids=lambda e: e.name)
def test_every_gradient_equals_central_differences(hidden, loss, kind, bias, depth, rng):
    net = stack(hidden, loss, depth, bias, seed=depth)
    check = cr.gradcheck(net, rng.normal(size=(ROWS, INPUTS)), targets(loss, kind, rng))
    assert check, str(check)
    assert check.worst < 1e-6
    assert len(check.parameters) == depth * (1 + bias)
    if not hidden.kinks:
        assert not any(c.left_out for c in check.parameters.values())


@pytest.mark.parametrize("entry", [e for e in activations if not e.trainable], ids=lambda e: e.name)
def test_what_has_no_useful_derivative_cannot_be_checked(entry):
    net = cr.Network([cr.Dense(2, entry)], "mse", inputs=1)
    with pytest.raises(ValueError, match="has no useful derivative"):
        cr.gradcheck(net, [[1.0]], [[0, 1]])


@pytest.mark.parametrize(
    "names",
    [
        [e.name for e in TRAINABLE if not e.rowwise],
        ["leaky_relu(0.3)", "leaky_relu(0.2)", "elu(0.5)", "linear(-2)", "elu(2)"],
        ["tanh", "relu", "tanh", "relu"],
    ],
    ids=str,
)
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_function_for_each_neuron(names, loss, rng):
    last = next(iter(loss.natural), "linear")
    layers = [cr.Dense(len(names), names), cr.Dense(OUTPUTS, last)]
    net = cr.Network(layers, loss, inputs=INPUTS, seed=2)
    check = cr.gradcheck(net, rng.normal(size=(ROWS, INPUTS)), targets(loss, "values", rng))
    assert check, str(check)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_function_for_each_output(loss, rng):
    names = [e.name for e in TRAINABLE if loss.accepts(e) and not e.rowwise]
    names = (names * 2)[: max(2, len(names) // 2 * 2)]
    net = cr.Network([cr.Dense(len(names), names)], loss, inputs=INPUTS, seed=2)
    y = rng.uniform(0.1, 0.9, (ROWS, loss.target_columns(len(names))))
    y = y / y.sum(axis=1, keepdims=True) if loss.distribution else y
    check = cr.gradcheck(net, rng.normal(size=(ROWS, INPUTS)), y)
    assert check, str(check)


@pytest.mark.parametrize(
    ("loss", "kind"), [(e, k) for e in LOSSES for k in e.forms], ids=str,
)  # fmt: skip
def test_weights_of_examples(loss, kind, rng):
    for hidden in ("tanh", "logistic", "softmax"):  # a natural pair among them, and others
        net = stack(activations[hidden], loss, 2)
        check = cr.gradcheck(
            net, rng.normal(size=(ROWS, INPUTS)), targets(loss, kind, rng),
            sample_weight=[0.5, 0.0, 2.0, 1.0],
        )  # fmt: skip
        assert check, str(check)


# ------------------------------------------------------------------ agreement with JAX

JAX_ACTIVATIONS = {
    "linear": lambda jax, z: z,
    "logistic": lambda jax, z: jax.nn.sigmoid(z),
    "tanh": lambda jax, z: jax.numpy.tanh(z),
    "relu": lambda jax, z: jax.numpy.where(z > 0, z, 0.0),
    "softmax": lambda jax, z: jax.nn.softmax(z),
    "leaky_relu": lambda jax, z: jax.nn.leaky_relu(z, 0.01),
    "elu": lambda jax, z: jax.nn.elu(z),
    "gelu": lambda jax, z: jax.nn.gelu(z, approximate=False),
    "silu": lambda jax, z: jax.nn.silu(z),
    "softplus": lambda jax, z: jax.nn.softplus(z),
    "selu": lambda jax, z: jax.nn.selu(z),
    "mish": lambda jax, z: jax.nn.mish(z),
    "gelu_tanh": lambda jax, z: jax.nn.gelu(z, approximate=True),
    "relu6": lambda jax, z: jax.nn.relu6(z),
    "hard_sigmoid": lambda jax, z: jax.nn.hard_sigmoid(z),
    "softsign": lambda jax, z: jax.nn.soft_sign(z),
    "exponential": lambda jax, z: jax.numpy.exp(z),
}
JAX_LOSSES = {
    "rss": lambda jnp, a, y: ((y - a) ** 2).sum(),
    "mse": lambda jnp, a, y: ((y - a) ** 2).sum() / (2 * len(y)),
    "binary_cross_entropy": lambda jnp, a, y: (
        -(y * jnp.log(a) + (1 - y) * jnp.log(1 - a)).sum() / len(y)
    ),
    "cross_entropy": lambda jnp, a, y: -(y * jnp.log(a)).sum() / len(y),
    "mean_absolute": lambda jnp, a, y: jnp.abs(a - y).sum() / len(y),
    "huber": lambda jnp, a, y: (
        jnp.where(jnp.abs(a - y) <= 1, (a - y) ** 2 / 2, jnp.abs(a - y) - 0.5).sum() / len(y)
    ),
    "log_cosh": lambda jnp, a, y: (jnp.logaddexp(a - y, y - a) - jnp.log(2)).sum() / len(y),
    "quantile": lambda jnp, a, y: _jax_quantiles(jnp, a, y, (0.5,)),
    "quantile(0.2, 0.9)": lambda jnp, a, y: _jax_quantiles(jnp, a, y, (0.2, 0.9)),
    "poisson": lambda jnp, a, y: (a - y * jnp.log(a)).sum() / len(y),
    "gamma": lambda jnp, a, y: (y / a + jnp.log(a)).sum() / len(y),
    "gaussian": lambda jnp, a, y: (
        (a[:, 1:] + (y - a[:, :1]) ** 2 * jnp.exp(-a[:, 1:])).sum() / 2 / len(y)
    ),
    "hinge": lambda jnp, a, y: jnp.maximum(0, 1 - (2 * y - 1) * a).sum() / len(y),
    "focal": lambda jnp, a, y: (
        -(y * (1 - a) ** 2 * jnp.log(a) + (1 - y) * a**2 * jnp.log(1 - a)).sum() / len(y)
    ),
}


def _jax_quantiles(jnp, a, y, levels):
    columns = y.shape[1]
    each = [(k, y - a[:, q * columns : (q + 1) * columns]) for q, k in enumerate(levels)]
    return sum(jnp.where(u > 0, k * u, (k - 1) * u).sum() for k, u in each) / len(y)


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("hidden", TRAINABLE, ids=lambda e: e.name)
def test_every_gradient_equals_that_of_jax(hidden, loss, depth, jax, rng):
    net = stack(hidden, loss, depth)
    X, y = rng.normal(size=(ROWS, INPUTS)), targets(loss, "values", rng)
    names = [hidden.name] * (depth - 1) + [output_for(hidden, loss)]

    def forward(parameters):
        a = X
        for k, name in enumerate(names, start=1):
            z = a @ parameters[f"dense{k}.W"] + parameters[f"dense{k}.b"]
            a = JAX_ACTIVATIONS[name](jax, z)
        return JAX_LOSSES[str(loss)](jax.numpy, a, y)

    right = jax.grad(forward)({k: np.array(v) for k, v in net.parameters.items()})
    t = cr.trace(net, X, y)
    for name, gradient in right.items():
        error = np.linalg.norm(t[name.replace(".", ".d")] - gradient)
        assert error <= 1e-10 * np.linalg.norm(gradient) + 1e-16, name


# ------------------------------------------------------------------ the checker is checked


def small():
    net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(2, "softmax")], "cross_entropy", inputs=2,
                     seed=1, dtype="float64")  # fmt: skip
    X, y = np.array([[0.5, 1.0], [-1.0, 0.3], [2.0, 0.1]]), [0, 1, 1]
    t = cr.trace(net, X, y)
    return net, X, y, {name: t[f"d{name}"] for name in ("W1", "b1", "W2", "b2")}


def test_right_gradients_given_from_outside_pass():
    net, X, y, gradients = small()
    assert cr.gradcheck(net, X, y, gradients=gradients)


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_a_gradient_wrong_by_a_two_thousandth_fails(name):
    net, X, y, gradients = small()
    gradients[name] = gradients[name] * 1.0005
    check = cr.gradcheck(net, X, y, gradients=gradients)
    assert not check
    assert check.parameters[name].error == pytest.approx(0.0005, rel=0.01)
    assert [n for n, c in check.parameters.items() if c.error >= check.tolerance] == [name]
    assert "WRONG" in str(check)


def test_a_single_wrong_element_fails():
    net, X, y, gradients = small()
    gradients["W1"][0, 0] *= 1.0005
    assert not cr.gradcheck(net, X, y, gradients=gradients)


def test_a_gradient_of_zero_is_compared_absolutely():
    net = cr.Network([cr.Dense(1, "linear", weights=1.0)], "mse", inputs=1, dtype="float64")
    check = cr.gradcheck(net, [[2.0]], [2.0])
    assert check
    assert not cr.gradcheck(net, [[2.0]], [2.0], gradients={"W1": [[1e-3]], "b1": [0.0]})


def test_gradients_by_path_are_found_too():
    net, X, y, gradients = small()
    by_path = {f"dense{name[1]}.{name[0]}": value for name, value in gradients.items()}
    assert cr.gradcheck(net, X, y, gradients=by_path)


def test_gradients_of_another_shape_or_without_a_parameter_are_refused():
    net, X, y, gradients = small()
    with pytest.raises(ValueError, match=r"the gradient of W1 must have the shape \(2, 3\)"):
        cr.gradcheck(net, X, y, gradients=gradients | {"W1": np.zeros(3)})
    del gradients["b2"]
    with pytest.raises(ValueError, match="gradients has none for 'b2'"):
        cr.gradcheck(net, X, y, gradients=gradients)


def test_the_tolerance_can_be_chosen():
    net, X, y, gradients = small()
    gradients["W1"] = gradients["W1"] * 1.0005
    assert cr.gradcheck(net, X, y, gradients=gradients, tolerance=1e-3)


@pytest.mark.parametrize("options", [{"h": 0}, {"h": -1e-5}, {"h": np.nan}, {"tolerance": 0}],
                         ids=str)  # fmt: skip
def test_a_distance_or_tolerance_that_is_not_positive_is_refused(options):
    net, X, y, _ = small()
    name = next(iter(options))
    with pytest.raises(ValueError, match=f"{name} must be a positive number, not"):
        cr.gradcheck(net, X, y, **options)


def test_nothing_is_changed():
    net, X, y, _ = small()
    before = net.vector.copy()
    cr.gradcheck(net, X, y)
    np.testing.assert_array_equal(net.vector, before)


def test_a_float32_network_is_checked_in_float64():
    net, X, y, _ = small()
    net = cr.Network(net.layers, "cross_entropy", inputs=2, seed=1, dtype="float32")
    assert cr.gradcheck(net, X.astype(np.float32), y).worst < 1e-8
    assert net.dtype == "float32"


def test_it_takes_sparse_features():
    net, X, y, _ = small()
    assert cr.gradcheck(net, scipy.sparse.csr_array(X), y)


def test_every_element_is_counted():
    net, X, y, _ = small()
    check = cr.gradcheck(net, X, y)
    assert {n: (c.checked, c.left_out) for n, c in check.parameters.items()} == {
        "W1": (6, 0), "b1": (3, 0), "W2": (6, 0), "b2": (2, 0),
    }  # fmt: skip
    assert str(check).count("ok") == 4


# ------------------------------------------------------------------ kinks


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "leaky_relu(0.5)", "elu(2)"])
def test_elements_that_reach_over_a_kink_are_left_out_and_counted(name):
    net = cr.Network([cr.Dense(2, name), cr.Dense(1)], "mse", inputs=2, dtype="float64")
    # the first neuron's z is exactly 0 for this example, the second's is 1
    net.parameters["W1"] = [[1.0, 1.0], [-1.0, 0.0]]
    check = cr.gradcheck(net, [[1.0, 1.0]], [0.3])
    assert check, str(check)
    found = {n: (c.checked, c.left_out) for n, c in check.parameters.items()}
    assert found == {"W1": (2, 2), "b1": (1, 1), "W2": (2, 0), "b2": (1, 0)}
    assert "2 left out at kinks" in str(check)


def test_elements_off_the_kinks_are_all_checked():
    net = cr.Network([cr.Dense(2, "relu"), cr.Dense(1)], "mse", inputs=2, dtype="float64")
    net.parameters["W1"] = [[1.0, 1.0], [-0.9, 0.0]]
    check = cr.gradcheck(net, [[1.0, 1.0]], [0.3])
    assert check
    assert not any(c.left_out for c in check.parameters.values())


def test_kinks_of_some_neurons_do_not_leave_out_the_others():
    layers = [cr.Dense(2, ["tanh", "relu"]), cr.Dense(1)]
    net = cr.Network(layers, "mse", inputs=1, dtype="float64")
    net.parameters["W1"] = [[0.0, 0.0]]
    check = cr.gradcheck(net, [[1.0]], [0.3])
    assert check.parameters["W1"].left_out == check.parameters["b1"].left_out == 1
    assert check
