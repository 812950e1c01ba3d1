"""What holds for every layer: gradients, kernels' threads, files, and the registry's completeness.

The oracle of each layer is its formula in a line of NumPy; complex steps make gradients of it that
are exact up to rounding, without a derivative written by hand.
"""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.layers import LAYERS, layer_of
from chainrule.layers.base import every_layer, paths_of


def dense(layer, p, x):
    z = x @ p["W"] + p["b"]
    return np.tanh(z) if layer.activation == "tanh" else z


def residual(layer, p, x):
    return x + forward(layer.layers, p, x)


def scale(layer, p, x):
    return x * p["s"]


def prelu(layer, p, x):
    return np.where(x.real > 0, x, p["s"] * x)


def embedding(layer, p, x):
    columns = {at for at, _, _ in layer.columns}
    parts = [
        p[f"E{c}"][x[:, c].real.astype(int)] if c in columns else x[:, c : c + 1]
        for c in range(x.shape[1])
    ]
    return np.hstack(parts)


def layer_norm(layer, p, x):
    centred = x - x.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    return centred / np.sqrt(variance + layer.epsilon) * p["gamma"] + p["beta"]


FORMULAS = {
    "dense": dense, "residual": residual, "scale": scale, "prelu": prelu, "embedding": embedding,
    "layer_norm": layer_norm,
}  # fmt: skip
# Prediction is another formula than training: test_dropout and test_norm have both.
TWO_FORMULAS = {"dropout", "alpha_dropout", "gaussian_noise", "batch_norm"}


def forward(layers, parameters, x):
    """The outputs of a stack, from its parameters by path."""
    for layer, path in zip(layers, paths_of(layers), strict=True):
        own = {k[len(path) + 1 :]: v for k, v in parameters.items() if k.startswith(f"{path}.")}
        x = FORMULAS[layer.kind](layer, own, x)
    return x


CODED = cr.Embedding({0: (3, 2), 2: (4, 1)})
STACKS = {
    "dense": [cr.Dense(3, "tanh")],
    "residual": [
        cr.Dense(3, "tanh"),
        cr.Residual([cr.Dense(5, "tanh", name="wide"), cr.Dense(3)]),
        cr.Residual([cr.Dense(3, "tanh")], name="second"),
    ],
    "residual in residual": [
        cr.Residual([cr.Residual([cr.PReLU(), cr.Scale(0.5)]), cr.Dense(4, "tanh")])
    ],
    "scale": [cr.Scale("normal(1, 1)"), cr.Dense(3, "tanh"), cr.Scale(0.5)],
    "prelu": [cr.Dense(3), cr.PReLU("normal(0, 1)")],
    "prelu of the inputs": [cr.PReLU(), cr.Dense(2, "tanh")],
    "embedding": [CODED, cr.Dense(3, "tanh")],
    "embedding alone": [CODED],
    "layer norm": [cr.LayerNorm(), cr.Dense(3, "tanh"), cr.Residual([cr.LayerNorm()])],
}


def network(name, dtype=None):
    return cr.Network([*STACKS[name], cr.Dense(2)], "mse", inputs=4, seed=3, dtype=dtype)


def data(rows=21):
    rng = np.random.default_rng(8)
    X = rng.normal(size=(rows, 4))
    X[:, 0], X[:, 2] = rng.integers(0, 3, rows), rng.integers(0, 4, rows)
    return X, rng.normal(size=(rows, 2))


EVERY = pytest.mark.parametrize("name", STACKS)
SOURCES = pytest.mark.parametrize("dtype", ["float32", "float64"])
FAMILIES = {layer.kind for stack in STACKS.values() for layer in every_layer(stack)}


def test_every_family_of_the_registry_is_met():
    assert set(FORMULAS) == FAMILIES
    assert set(LAYERS) == FAMILIES | TWO_FORMULAS


@EVERY
@SOURCES
def test_outputs_are_those_of_the_formula(name, dtype):
    net = network(name, dtype)
    X, _ = data()
    found = net.predict(X.astype(dtype))
    right = forward(net.layers, {k: v.astype(float) for k, v in net.parameters.items()}, X)
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance)


@EVERY
def test_gradients_are_those_of_complex_steps_through_the_formula(name):
    net = network(name, "float64")
    X, y = data()
    found = cr.trace(net, X, y)
    for path, value in net.parameters.items():
        right = np.empty_like(value)
        for place in np.ndindex(value.shape):
            moved = {k: v.astype(complex) for k, v in net.parameters.items()}
            moved[path][place] += 1e-30j
            a = forward(net.layers, moved, X)
            right[place] = (((a - y) ** 2).sum() / 2 / len(X)).imag / 1e-30
        owner, _, own = path.rpartition(".")
        assert np.abs(right).max() > 0
        np.testing.assert_allclose(found[f"{owner}.d{own}"], right, rtol=1e-11, atol=1e-13)


@EVERY
def test_the_gradient_checker_agrees(name):
    check = cr.gradcheck(network(name), *data())
    assert check.worst < 1e-6, check
    assert len(check.parameters) == len(network(name).parameters)


@EVERY
def test_threads_change_no_bit(name):
    X, y = data(300)
    found = []
    for threads in (1, 2, 3):
        net = network(name)
        cr.train(net, X, y, epochs=2, batch_size=257, threads=threads)
        found.append(net.vector)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0], network(name, "float64").vector)


@EVERY
def test_training_and_prediction_compute_the_same(name):
    net = network(name, "float64")
    X, y = data()
    last = list(cr.trace(net, X))[-1]
    traced = cr.trace(net, X, y)
    np.testing.assert_array_equal(traced[last], cr.trace(net, X)[last])
    np.testing.assert_allclose(traced[last], net.predict(X), rtol=1e-14, atol=1e-14)


@EVERY
def test_the_trace_holds_values_and_gradients_by_path(name):
    net = network(name)
    found = {net.path(value) for value in cr.trace(net, *data())}
    assert {f"{path}.a" for path in net.paths} <= found
    assert {p.rpartition(".")[0] + ".d" + p.rpartition(".")[2] for p in net.parameters} <= found


@EVERY
def test_files_pickles_and_copies_hold_the_same_network(name, tmp_path):
    net = network(name, "float64")
    X, y = data()
    cr.train(net, X, y, epochs=1)
    cr.save(net, tmp_path / "net")
    for twin in (cr.load(tmp_path / "net"), pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert twin.to_dict() == net.to_dict()
        assert repr(twin) == repr(net)
        np.testing.assert_array_equal(twin.predict(X), net.predict(X))


@EVERY
def test_a_layer_is_made_again_from_its_specification(name):
    for layer in STACKS[name]:
        twin = layer_of(layer.to_dict())
        assert type(twin) is type(layer)
        assert twin.to_dict() == layer.to_dict()


@pytest.mark.parametrize("layers", [[cr.Scale()], [cr.PReLU()], [cr.Residual([cr.Scale()])],
                                    [CODED]], ids=repr)  # fmt: skip
def test_outputs_that_may_lie_anywhere_are_no_probabilities(layers):
    layers = layers if layers[0] is CODED else [cr.Dense(2, "softmax"), *layers]
    with pytest.raises(ValueError, match="needs predictions between 0 and 1"):
        cr.Network(layers, "cross_entropy", inputs=4)


# ------------------------------------------------------------------ residual


def test_names_of_the_user_stand_in_the_paths_of_a_block():
    names = list(network("residual").parameters)
    assert "residual1.wide.W" in names
    assert "residual1.dense2.b" in names
    assert "second.dense1.W" in names


def test_a_block_that_computes_nothing_passes_its_input():
    net = cr.Network([cr.Residual([cr.Dense(3, "tanh", weights="zeros")])], inputs=3)
    x = np.array([[1.0, -2.0, 0.5]])
    np.testing.assert_array_equal(net.predict(x), x)


def test_the_gradient_at_a_blocks_input_is_the_sum_of_both_ways():
    t = cr.trace(network("residual"), *data())
    both = t["dense1.da"] + t["dense1.da.2"]
    np.testing.assert_array_equal(t["dense1.da.sum0"], both)
    np.testing.assert_array_equal(t["residual1.dense2.da"], t["dense1.da"])


def test_frozen_and_rate_factors_reach_the_layers_of_a_block():
    net = network("residual", "float64")
    before = {k: v.copy() for k, v in net.parameters.items()}
    cr.train(net, *data(), epochs=1, frozen=["residual1.wide", "second"])
    same = {k for k, v in net.parameters.items() if np.array_equal(v, before[k])}
    assert same == {"residual1.wide.W", "residual1.wide.b", "second.dense1.W", "second.dense1.b"}


def test_a_block_couples_rows_if_one_of_its_layers_does():
    class Coupled(cr.Dense):
        couples_rows = True

    assert not cr.Residual([cr.Dense(2)]).couples_rows
    assert cr.Residual([cr.Residual([Coupled(2)])]).couples_rows


# ------------------------------------------------------------------ kinks


def test_the_slope_at_zero_is_the_left_one():
    net = cr.Network([cr.Scale(), cr.PReLU(0.25)], "mse", inputs=1, dtype="float64")
    t = cr.trace(net, [[0.0]], [[-1.0]])
    assert t["prelu1.da"] == [[1.0]]
    assert t["scale1.da"] == [[0.25]]


@pytest.mark.parametrize("block", [False, True])
def test_elements_at_the_kink_of_a_prelu_are_left_out_and_counted(block):
    layer = cr.Residual([cr.PReLU()]) if block else cr.PReLU()
    net = cr.Network([cr.Dense(2, weights=1.0), layer], "mse", inputs=1, dtype="float64")
    check = cr.gradcheck(net, [[0.0], [1.0]], [[1.0, 2.0], [0.5, 0.0]])
    assert check.parameters["dense1.b"].left_out == 2
    assert check.parameters["dense1.W"].left_out == 0
    assert check.ok


def test_the_kinks_inside_a_block_are_seen():
    block = cr.Residual([cr.Dense(1, "relu", weights=1.0)])
    net = cr.Network([block], "mse", inputs=1, dtype="float64")
    check = cr.gradcheck(net, [[0.0], [1.0]], [[1.0], [0.5]])
    assert check.parameters["residual1.dense1.b"].left_out == 1


def test_nan_stays_visible():
    for layer in (cr.Scale(), cr.PReLU(), cr.Residual([cr.Scale()])):
        net = cr.Network([cr.Dense(1), layer], inputs=1)
        net.parameters["dense1.b"] = [np.nan]
        assert np.isnan(net.predict([[1.0]])).all()


# ------------------------------------------------------------------ embedding


def test_only_the_vectors_that_were_looked_up_change():
    net = network("embedding", "float64")
    X, y = data()
    X[:, 0] = 1
    before = net.parameters["embedding1.E0"].copy()
    cr.train(net, X, y, epochs=1, optimizer=cr.GradientDescent(0.1))
    changed = (net.parameters["embedding1.E0"] != before).any(axis=1)
    np.testing.assert_array_equal(changed, [False, True, False])


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int64, np.float32])
def test_codes_of_any_type_and_sparse_ones_are_read(kind):
    from scipy.sparse import csr_array

    net = network("embedding alone")
    X = np.floor(np.abs(data()[0])).astype(kind)
    X[:, 0] = np.minimum(X[:, 0], 2)
    right = net.predict(X.astype(np.float64))
    np.testing.assert_array_equal(net.predict(X), right)
    np.testing.assert_array_equal(net.predict(csr_array(X)), right)


WRONG_CODES = {"negative": -1, "too large": 3, "no whole number": 0.5}


@pytest.mark.parametrize("case", WRONG_CODES)
def test_codes_that_are_none_are_refused_before_any_work(case):
    net = network("embedding")
    before = net.vector.copy()
    X, y = data()
    good = X.copy()
    X[5, 0] = WRONG_CODES[case]
    message = r"\[5, 0\] is .*: the codes of this column are the whole numbers from 0 to 2"
    for call in (
        lambda: cr.train(net, X, y),
        lambda: cr.train(net, good, y, validation_data=(X, y)),
        lambda: net.predict(X),
        lambda: net.predict(X.astype(np.float32)),
        lambda: cr.trace(net, X),
        lambda: cr.gradcheck(net, X, y),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for row in (X[5], X[5:6]):
        with pytest.raises(ValueError, match=r"X\[0, 0\] is .*: the codes of this column"):
            net.predict(row)
    np.testing.assert_array_equal(net.vector, before)


# ------------------------------------------------------------------ what is refused

WRONG = {
    "no list": (lambda: cr.Residual(3), "layers of Residual must be a list of layers, not 3"),
    "no layers": (lambda: cr.Residual([]), "layers of Residual must be at least one layer"),
    "no layer": (lambda: cr.Residual(["relu"]), "holds 'relu', which is not a layer"),
    "two of a name": (
        lambda: cr.Residual([cr.Dense(2, name="d"), cr.Dense(2, name="d")]),
        "two layers have the name 'd'",
    ),
    "an embedding in a block": (lambda: cr.Residual([CODED]), "must be the first layer"),
    "a block's name": (lambda: cr.Residual([cr.Dense(2)], name="a.b"), "must be an identifier"),
    "a block of other sizes": (
        lambda: cr.Network([cr.Residual([cr.Dense(8, "relu"), cr.Dense(5)])], inputs=3),
        "adds its 3 inputs to 5 outputs of its layers: the last of them must have 3",
    ),
    "factors of a word": (lambda: cr.Scale("large"), "initial of Scale: unknown initializer"),
    "factors of NaN": (lambda: cr.Scale(np.nan), "initial of Scale: constant needs a finite"),
    "slopes of None": (lambda: cr.PReLU(None), "initial of PReLU: .* not None"),
    "a scale's name": (lambda: cr.Scale(name=""), "must be an identifier, not ''"),
    "prelu as a name": (lambda: cr.Dense(64, "prelu"), r"is a layer: write Dense\(units\), PReLU"),
    "prelu with a slope": (lambda: cr.Dense(2, ["prelu(0.1)", "relu"]), "is a layer: write"),
    "columns of a number": (lambda: cr.Embedding(3), r"such as \{3: \(levels, dimension\)\}, not"),
    "a column without size": (lambda: cr.Embedding({3: 4}), "columns of Embedding must be such"),
    "no columns": (lambda: cr.Embedding({}), "must name at least one column"),
    "a column twice": (lambda: cr.Embedding([(1, 2, 3), (1, 3, 3)]), "names a column twice"),
    "a negative column": (lambda: cr.Embedding({-1: (2, 2)}), "from|at least 0, not -1"),
    "no levels": (lambda: cr.Embedding({2: (0, 2)}), "levels of column 2 .* not 0"),
    "too many levels": (lambda: cr.Embedding({2: (2**24 + 1, 2)}), "levels of column 2 .* from 1"),
    "no dimension": (lambda: cr.Embedding({2: (2, 0)}), "dimension of column 2 .* not 0"),
    "a column past the last": (
        lambda: cr.Network([cr.Embedding({4: (2, 2)})], inputs=4),
        "replaces the column 4, and there are the columns 0 to 3",
    ),
    "an embedding inside": (
        lambda: cr.Network([cr.Dense(4), cr.Embedding({0: (2, 2)})], inputs=4),
        "must be the first layer: it reads the features",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_refused_with_a_reason(case):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kind", ["transformer", None])
def test_a_specification_of_an_unknown_family_is_refused_inside_blocks_too(kind):
    specification = network("residual").to_dict()
    specification["layers"][1]["layers"][0]["layer"] = kind
    with pytest.raises(ValueError, match=f"unknown layer {kind!r}; there are dense, "):
        cr.Network.from_dict(specification)
