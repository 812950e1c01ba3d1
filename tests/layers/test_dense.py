"""The dense layer: its equation, its gradients in every size, and what it refuses."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import activations

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("rows", "inputs", "units"),
    [(1, 1, 1), (5, 3, 1), (1, 7, 1), (6, 4, 3), (3, 1, 5), (40, 30, 20), (1, 200, 150),
     (150, 200, 1), (64, 1, 300)],
)  # fmt: skip
def test_values_and_gradients_equal_numpy_in_every_size(
    rows, inputs, units, bias, dtype, plain, rng
):
    """One output, small products by loops, large ones by BLAS."""
    layers = [cr.Dense(units, "tanh", bias=bias), cr.Dense(2, bias=bias)]
    net = cr.Network(layers, "mse", inputs=inputs, seed=1, dtype=dtype)
    net.vector += 0.01
    reference = plain(net)
    X, y = rng.normal(size=(rows, inputs)), rng.normal(size=(rows, 2))
    right = reference.gradients(X, y)
    before = net.vector.astype(np.float64)
    cr.train(net, X, y, optimizer=cr.GradientDescent(0.125), epochs=1, batch_size=None)
    for name, value in net.parameters.items():
        start, shape = net.places[name]
        old = before[start : start + value.size].reshape(shape)
        scale = np.abs(old).max() + np.abs(right[name]).max()
        np.testing.assert_allclose(
            value, old - 0.125 * right[name], rtol=0, atol=TOLERANCE[dtype] * scale
        )


def test_a_layer_is_a_product_a_bias_and_a_function():
    net = cr.Network([cr.Dense(2, "tanh")], inputs=3, dtype="float64")
    W, b = np.arange(6.0).reshape(3, 2) / 10, np.array([0.5, -0.5])
    net.parameters.update({"W1": W, "b1": b})
    x = np.array([[1.0, -1.0, 0.5]])
    np.testing.assert_allclose(net.predict(x), np.tanh(x @ W + b), rtol=1e-15)


def test_a_layer_without_bias_has_weights_alone():
    net = cr.Network([cr.Dense(2, "tanh", bias=False)], inputs=3)
    assert list(net.parameters) == ["dense1.W"]
    assert not net.predict(np.zeros((1, 3))).any()


def test_every_neuron_may_have_its_own_function(rng):
    names = ["relu", "tanh", "tanh", "logistic", "leaky_relu(0.3)", "threshold", "linear(2)"]
    net = cr.Network([cr.Dense(7, names)], inputs=4, seed=1, dtype="float64")
    X = rng.normal(size=(30, 4))
    found = net.predict(X)
    for c, name in enumerate(names):
        alone = cr.Network([cr.Dense(1, name)], inputs=4, dtype="float64")
        alone.parameters["W1"] = net.parameters["W1"][:, c : c + 1]
        np.testing.assert_allclose(found[:, c : c + 1], alone.predict(X), rtol=1e-12, atol=1e-14)


def test_a_list_of_one_function_is_that_function():
    assert cr.Dense(3, ["relu"] * 3).to_dict() == cr.Dense(3, "relu").to_dict()
    assert cr.Dense(2, ["softmax", "softmax"]).to_dict() == cr.Dense(2, "softmax").to_dict()


def test_an_entry_is_as_good_as_its_name():
    assert repr(cr.Dense(3, activations["elu"](0.5))) == "Dense(3, 'elu(0.5)')"


@pytest.mark.parametrize(
    "layer",
    [
        cr.Dense(3),
        cr.Dense(3, "relu", bias=False),
        cr.Dense(2, ["tanh", "leaky_relu(0.2)"], name="mixed"),
        cr.Dense(4, "softmax", weights="normal(0, 3)", biases="ones"),
        cr.Dense(1, "sigmoid", weights=0.5, biases="uniform(-1, 1)"),
    ],
    ids=repr,
)
def test_a_layer_is_made_again_from_its_specification(layer):
    options = layer.to_dict()
    assert options.pop("layer") == "dense"
    twin = cr.Dense(**options)
    assert twin.to_dict() == layer.to_dict()
    assert repr(twin) == repr(layer)
    one, other = (cr.Network([made], inputs=3, seed=1) for made in (layer, twin))
    np.testing.assert_array_equal(one.vector, other.vector)


def test_a_layer_is_immutable():
    with pytest.raises(AttributeError):
        cr.Dense(3).units = 4


WRONG = {
    "no units": ((0,), {}, "units of Dense must be .*, not 0"),
    "negative units": ((-1,), {}, "not -1"),
    "half a unit": ((2.0,), {}, "not 2.0"),
    "a word": (("many",), {}, "not 'many'"),
    "true": ((True,), {}, "not True"),
    "unknown function": ((2, "sigmod"), {}, "unknown activation 'sigmod'; there are"),
    "too few functions": ((3, ["relu", "tanh"]), {}, "one for each of its 3 units, not 2"),
    "no functions": ((2, []), {}, "not 0"),
    "unknown function in a list": ((2, ["relu", "sigmod"]), {}, "unknown activation 'sigmod'"),
    "no function": ((2, None), {}, "activation"),
    "a number": ((2, 3), {}, "activation"),
    "softmax of some": ((2, ["softmax", "relu"]), {}, "softmax takes all units of a layer"),
    "softmax of one": ((1, "softmax"), {}, "softmax needs at least 2 units: for one use"),
    "unknown weights": ((2,), {"weights": "xavier"}, "unknown initializer 'xavier'"),
    "unknown biases": ((2,), {"biases": "random"}, "unknown initializer 'random'"),
    "biases of none": ((2,), {"biases": None}, "not None"),
    "bias of a word": ((2,), {"bias": "no"}, "bias of Dense must be True or False, not 'no'"),
    "a name with a point": ((2,), {"name": "a.b"}, "a layer's name must be an identifier"),
    "an empty name": ((2,), {"name": ""}, "must be an identifier, not ''"),
    "a number as name": ((2,), {"name": 3}, "must be an identifier, not 3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_layer_is_refused_with_a_reason(case):
    arguments, options, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        cr.Dense(*arguments, **options)


@pytest.mark.parametrize("place", [0, 1])
def test_threshold_predicts_and_cannot_be_trained(place):
    functions = ["tanh", "tanh"]
    functions[place] = "threshold"
    net = cr.Network([cr.Dense(2, f) for f in functions], "mse", inputs=2)
    assert net.predict([[1.0, 2.0]]).shape == (1, 2)
    before = net.vector.copy()
    with pytest.raises(ValueError, match="'threshold' has no useful derivative"):
        cr.train(net, [[1.0, 2.0]], [[0, 1]])
    np.testing.assert_array_equal(net.vector, before)


def test_one_threshold_neuron_is_enough_not_to_be_trained():
    net = cr.Network([cr.Dense(2, ["tanh", "threshold"])], "mse", inputs=2)
    with pytest.raises(ValueError, match="'threshold' has no useful derivative"):
        cr.train(net, [[1.0, 2.0]], [[0, 1]])
