"""Networks of fitted perceptrons: the same predictions, and the loss that theirs was trained by."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr

RNG = np.random.default_rng(11)
X = RNG.normal(size=(60, 3))
TARGETS = {
    "two classes": np.where(X[:, 0] > 0, "yes", "no"),
    "three classes": np.digitize(X[:, 1], [-0.5, 0.5]),
    "many labels": (X[:, :2] > 0).astype(int),
    "one value": X[:, 0] * X[:, 1],
    "two values": X[:, :2] ** 2,
    "counts": np.arange(60) % 4,
}
CLASSES = ("two classes", "three classes", "many labels")


def fitted(kind, activation="relu", hidden=(5, 4), dtype=np.float64):
    """A few steps from the start, so that biases are not what they were drawn as."""
    options = {"hidden_layer_sizes": hidden, "activation": activation, "random_state": 3}
    if kind in CLASSES:
        model = MLPClassifier(**options)
    else:
        model = MLPRegressor(**options, loss="poisson" if kind == "counts" else "squared_error")
    y = TARGETS[kind]
    labels = np.arange(2) if kind == "many labels" else np.unique(y)
    classes = {"classes": labels} if kind in CLASSES else {}
    for _ in range(3):
        model.partial_fit(X.astype(dtype), y, **classes)
    return model


def outputs_of(model, X):
    """What a network's outputs stand for."""
    if not isinstance(model, MLPClassifier):
        return model.predict(X).reshape(len(X), -1)
    p = model.predict_proba(X)
    return p[:, 1:] if model.n_outputs_ == 1 else p


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4, 3)], ids=str)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_network_predicts_what_the_estimator_does(kind, activation, hidden):
    model = fitted(kind, activation, hidden)
    net = cr.Network.from_sklearn(model)
    assert len(net.layers) == len(hidden) + 1
    np.testing.assert_allclose(net.predict(X), outputs_of(model, X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "loss", "output"),
    [
        ("two classes", "binary_cross_entropy", "logistic"),
        ("three classes", "cross_entropy", "softmax"),
        ("many labels", "binary_cross_entropy", "logistic"),
        ("one value", "mse", "linear"),
        ("two values", "mse", "linear"),
        ("counts", "poisson", "exponential"),
    ],
)
def test_the_loss_is_the_one_that_it_was_trained_by(kind, loss, output):
    net = cr.Network.from_sklearn(fitted(kind))
    assert str(net.loss) == loss
    assert [str(entry) for entry in net.layers[-1].output_activations()] == [output]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_that_of_the_weights_and_training_keeps_it(dtype):
    model = fitted("one value", dtype=dtype)
    net = cr.Network.from_sklearn(model)
    assert net.dtype == np.dtype(dtype).name
    for W, name in zip(model.coefs_, ("W1", "W2", "W3"), strict=True):
        np.testing.assert_array_equal(net.parameters[name], W)
    cr.train(net, X.astype(np.float64), TARGETS["one value"], epochs=1)
    assert net.dtype == np.dtype(dtype).name


def test_a_step_of_gradient_descent_is_the_estimators_own():
    """Same loss, same gradients: one full batch by each from the same weights."""
    model = fitted("three classes")
    options = {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0, "alpha": 0,
               "batch_size": 60}  # fmt: skip
    net = cr.Network.from_sklearn(model)
    model.set_params(**options)
    del model._optimizer
    model.partial_fit(X, TARGETS["three classes"])
    cr.train(net, X, TARGETS["three classes"], optimizer=cr.GradientDescent(0.1), epochs=1,
             batch_size=60)  # fmt: skip
    np.testing.assert_allclose(net.predict(X), model.predict_proba(X), rtol=1e-12)


def test_estimator_and_network_share_no_memory():
    model = fitted("one value")
    net = cr.Network.from_sklearn(model)
    before = model.predict(X)
    net.vector[:] = 0
    np.testing.assert_array_equal(model.predict(X), before)


def test_an_estimator_fitted_on_sparse_rows_is_read_too():
    rows = scipy.sparse.csr_array(X)
    model = MLPRegressor(hidden_layer_sizes=(4,), random_state=0)
    model.partial_fit(rows, TARGETS["one value"])
    net = cr.Network.from_sklearn(model)
    np.testing.assert_allclose(net.predict(rows)[:, 0], model.predict(rows), rtol=1e-12)


def test_the_network_can_be_saved(tmp_path):
    net = cr.Network.from_sklearn(fitted("counts"))
    cr.save(net, tmp_path / "net.safetensors")
    np.testing.assert_array_equal(cr.load(tmp_path / "net.safetensors").predict(X), net.predict(X))


def plain(**changes):
    """An estimator by its attributes alone."""
    known = {
        "coefs_": [np.ones((3, 2)), np.ones((2, 1))], "intercepts_": [np.ones(2), np.ones(1)],
        "activation": "relu", "out_activation_": "identity", "loss": "squared_error",
    }  # fmt: skip
    known.update(changes)
    return SimpleNamespace(**{name: value for name, value in known.items() if value is not None})


def test_the_attributes_are_all_that_is_needed():
    net = cr.Network.from_sklearn(plain())
    np.testing.assert_array_equal(net.predict([[1.0, 1.0, 1.0]]), [[9.0]])


def test_scikit_learn_is_not_imported_to_read():
    code = (
        "import sys, numpy as np, chainrule as cr; from types import SimpleNamespace\n"
        "cr.Network.from_sklearn(SimpleNamespace(coefs_=[np.ones((2, 1))],"
        " intercepts_=[np.ones(1)], activation='relu', out_activation_='identity',"
        " loss='squared_error'))\n"
        "assert 'sklearn' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------ estimators with a network_


def with_network(**changes):
    layers = [cr.Dense(2, ["relu", "tanh"]), cr.BatchNorm(), cr.Dropout(0.5), cr.Dense(1)]
    net = cr.Network(layers, "huber(2)", inputs=3, seed=5, dtype="float64")
    net.parameters["batch_norm1.variance"] = [2.0, 3.0]
    p = net.parameters
    known = {"network_": net, "coefs_": [p["dense1.W"], p["dense2.W"]],
             "intercepts_": [p["dense1.b"], p["dense2.b"]]}  # fmt: skip
    return plain(**(known | changes))


def test_a_network_that_an_estimator_holds_comes_with_all_its_layers_and_its_loss():
    model = with_network()
    net = cr.Network.from_sklearn(model)
    assert net.layers == model.network_.layers
    assert net.loss == model.network_.loss
    np.testing.assert_array_equal(net.vector, model.network_.vector)
    assert not np.shares_memory(net.vector, model.network_.vector)


def test_weights_that_were_set_in_the_lists_count():
    model = with_network(coefs_=[np.full((3, 2), 7.0), np.full((2, 1), 8.0)])
    net = cr.Network.from_sklearn(model)
    assert (net.parameters["dense1.W"] == 7).all()
    assert (net.parameters["dense2.W"] == 8).all()
    np.testing.assert_array_equal(net.parameters["batch_norm1.variance"], [2.0, 3.0])


# ------------------------------------------------------------------ what is refused

REFUSED = {
    "an unfitted classifier": (MLPClassifier(), "this MLPClassifier has no coefs_"),
    "an unfitted regressor": (MLPRegressor(), "this MLPRegressor has no coefs_"),
    "a class": (MLPClassifier, "is a class: give a fitted estimator, not a class"),
    "one of ours, a class": (cr.MLPRegressor, "is a class: give a fitted estimator, not a class"),
    "a pipeline": (
        make_pipeline(StandardScaler(), MLPClassifier()),
        "is a Pipeline: give its last step",
    ),
    "None": (None, "this NoneType has no activation"),
    "a network": (cr.Network([cr.Dense(1)], inputs=1), "this Network has no activation"),
    "another activation": (plain(activation="swoosh"), "activation must be one of 'identity'"),
    "a list of activations": (plain(activation=["relu"]), r"not \['relu'\]"),
    "another output": (plain(out_activation_="relu"), "out_activation_ must be one of 'identity'"),
    "another loss": (plain(loss="poisson"), r"not \('poisson', 'identity'\)"),
    "fewer biases": (plain(intercepts_=[np.ones(2)]), "equally many, not 2 and 1"),
    "no layers": (plain(coefs_=[], intercepts_=[]), "at least one layer, not none"),
    "weights of words": (plain(coefs_=["a", "b"]), r"coefs_\[0\] must be float32 or float64"),
    "ragged weights": (plain(coefs_=[[[1.0], [1.0, 2.0]], 1]), r"coefs_\[0\] is no array"),
    "whole weights": (plain(coefs_=[np.ones((3, 2), int), 1]), r"coefs_\[0\] must be float32"),
    "a vector of weights": (plain(coefs_=[np.ones(3), 1]), r"shape \(any, any\), not \(3,\)"),
    "layers that do not fit": (
        plain(coefs_=[np.ones((3, 2)), np.ones((4, 1))]),
        r"coefs_\[1\] must have the shape \(2, any\), not \(4, 1\)",
    ),
    "biases that do not fit": (
        plain(intercepts_=[np.ones(3), np.ones(1)]),
        r"intercepts_\[0\] must have the shape \(2\), not \(3,\)",
    ),
    "fewer weights than the network has": (
        with_network(coefs_=[np.ones((3, 2))]),
        "coefs_ must hold 2 arrays for its network_, not 1",
    ),
    "weights of another shape than the network's": (
        with_network(coefs_=[np.ones((3, 2)), np.ones((3, 1))]),
        r"dense2.W must have the shape \(2, 1\), not \(3, 1\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_fitted_perceptron_is_refused_in_a_sentence(case):
    given, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        cr.Network.from_sklearn(given)
    assert "\n" not in str(caught.value)
