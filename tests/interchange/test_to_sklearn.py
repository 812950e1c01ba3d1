"""Networks as fitted estimators of scikit-learn: the same predictions, and all that fit sets."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier, MLPRegressor

import chainrule as cr

X = np.random.default_rng(12).normal(size=(50, 3))


def network(*layers, loss=None, dtype="float64", inputs=3):
    """With every parameter drawn, biases too, so that nothing is right by being 0."""
    net = cr.Network(list(layers), loss, inputs=inputs, seed=1, dtype=dtype)
    net.vector[:] = np.random.default_rng(2).normal(size=net.vector.size)
    return net


def of_outputs(units, output, hidden="tanh", **options):
    return network(cr.Dense(6, hidden), cr.Dense(5, hidden), cr.Dense(units, output), **options)


def outputs_of(model, X, net):
    if isinstance(model, MLPRegressor):
        return model.predict(X).reshape(len(X), -1)
    p = model.predict_proba(X)
    return p[:, 1:] if net.outputs == 1 else p


OUTPUTS = {
    "two classes": (1, "logistic"),
    "two classes of two outputs": (2, "softmax"),
    "three classes": (3, "softmax"),
    "two labels": (2, "logistic"),
    "four labels": (4, "logistic"),
    "one value": (1, "linear"),
    "three values": (3, "linear"),
    "a rate": (1, "exponential"),
    "two rates": (2, "exponential"),
}


@pytest.mark.parametrize("hidden", ["linear", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("kind", OUTPUTS)
def test_the_estimator_predicts_what_the_network_does(kind, hidden):
    net = of_outputs(*OUTPUTS[kind], hidden)
    model = net.to_sklearn()
    kind_of_model = MLPRegressor if OUTPUTS[kind][1] in ("linear", "exponential") else MLPClassifier
    assert type(model) is kind_of_model
    np.testing.assert_allclose(outputs_of(model, X, net), net.predict(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_there_and_back_is_the_same_network(kind):
    net = of_outputs(*OUTPUTS[kind])
    again = cr.Network.from_sklearn(net.to_sklearn())
    if kind == "two classes of two outputs":
        np.testing.assert_allclose(again.predict(X)[:, 0], net.predict(X)[:, 1], rtol=1e-12)
    else:
        assert again.layers == net.layers
        np.testing.assert_array_equal(again.vector, net.vector)


@pytest.mark.parametrize("kind", OUTPUTS)
def test_it_has_what_their_own_fit_sets(kind):
    """All but what only a first step makes."""
    net = of_outputs(*OUTPUTS[kind])
    ours = net.to_sklearn()
    theirs = clone(ours).set_params(random_state=0)
    y = ours.predict(X)
    if isinstance(ours, MLPClassifier):
        theirs.partial_fit(X, y, classes=ours.classes_)
    else:
        theirs.partial_fit(X, y)
    assert set(vars(theirs)) - set(vars(ours)) == {"_random_state", "_optimizer", "loss_"}
    assert set(vars(ours)) <= set(vars(theirs))
    for name in ("n_features_in_", "n_layers_", "n_outputs_", "out_activation_", "loss"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert [W.shape for W in ours.coefs_] == [W.shape for W in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]
    if isinstance(ours, MLPClassifier):
        ours, theirs = vars(ours._label_binarizer), vars(theirs._label_binarizer)
        assert ours.pop("classes_").tolist() == theirs.pop("classes_").tolist()
        assert ours == theirs


@pytest.mark.parametrize("kind", OUTPUTS)
def test_the_estimator_can_be_pickled_scored_and_trained_further(kind):
    net = of_outputs(*OUTPUTS[kind])
    model = pickle.loads(pickle.dumps(net.to_sklearn()))
    y = model.predict(X)
    assert model.score(X, y) == 1
    start = [W.copy() for W in model.coefs_]
    model.partial_fit(X, y)
    model.partial_fit(X, y)
    assert (model.t_, len(model.loss_curve_)) == (100, 2)
    assert all((before != W).any() for W, before in zip(model.coefs_, start, strict=True))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_warm_start_goes_on_from_the_weights(solver):
    net = of_outputs(1, "linear")
    model = net.to_sklearn().set_params(warm_start=True, solver=solver, max_iter=3, tol=1e9,
                                        learning_rate_init=1e-12, n_iter_no_change=1)  # fmt: skip
    model.fit(X, net.predict(X)[:, 0])
    np.testing.assert_allclose(model.predict(X), net.predict(X)[:, 0], rtol=1e-9)


def test_a_step_is_the_networks_own():
    net = of_outputs(3, "softmax", loss="cross_entropy")
    y = np.arange(50) % 3
    model = net.to_sklearn().set_params(solver="sgd", learning_rate_init=0.1, momentum=0, alpha=0,
                                        batch_size=50)  # fmt: skip
    model.partial_fit(X, y)
    cr.train(net, X, y, optimizer=cr.GradientDescent(0.1), epochs=1, batch_size=50)
    np.testing.assert_allclose(model.predict_proba(X), net.predict(X), rtol=1e-12)


def test_network_and_estimator_share_no_memory():
    net = network(cr.Dense(2))
    model = net.to_sklearn()
    before = net.vector.copy()
    for array in model.coefs_ + model.intercepts_:
        array[...] = 0
    np.testing.assert_array_equal(net.vector, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", OUTPUTS)
def test_the_dtype_stays(kind, dtype):
    model = of_outputs(*OUTPUTS[kind], dtype=dtype).to_sklearn()
    assert {array.dtype.name for array in model.coefs_ + model.intercepts_} == {dtype}


def test_a_network_of_one_layer_has_no_hidden_sizes():
    net = network(cr.Dense(3, "softmax"))
    model = net.to_sklearn()
    assert model.hidden_layer_sizes == ()
    np.testing.assert_allclose(model.predict_proba(X), net.predict(X), rtol=1e-12)
    model.partial_fit(X, model.predict(X))


def test_a_missing_bias_is_written_as_zeros():
    net = network(cr.Dense(4, "relu", bias=False), cr.Dense(1, bias=False))
    model = net.to_sklearn()
    assert [b.tolist() for b in model.intercepts_] == [[0] * 4, [0]]
    np.testing.assert_allclose(model.predict(X), net.predict(X)[:, 0], rtol=1e-12)


def test_layers_that_do_nothing_in_prediction_are_left_out():
    net = network(cr.GaussianNoise(0.1), cr.Dense(4, "relu"), cr.Dropout(0.5), cr.Dense(2, "relu"),
                  cr.AlphaDropout(0.1), cr.Dense(1), cr.Dropout(0.1))  # fmt: skip
    model = net.to_sklearn()
    assert model.hidden_layer_sizes == (4, 2)
    np.testing.assert_allclose(model.predict(X), net.predict(X)[:, 0], rtol=1e-12)


# ------------------------------------------------------------------ classes

LABELS = {
    "sorted words": (["ant", "bee", "cat"], 3),
    "words in another order": (["cat", "ant", "bee"], 3),
    "numbers": ([10, 20, 5], 3),
    "an array of objects": (np.array(["b", "c", "a"], object), 3),
    "two in order": (["no", "yes"], 2),
    "two in the other order": (["yes", "no"], 2),
    "truth": ([False, True], 2),
}


@pytest.mark.parametrize("two_as", ["softmax", "logistic"])
@pytest.mark.parametrize("case", LABELS)
def test_each_output_keeps_its_label(case, two_as):
    labels, count = LABELS[case]
    units = 1 if count == 2 and two_as == "logistic" else count
    net = of_outputs(units, two_as if count == 2 else "softmax")
    p = net.predict(X)
    p = np.hstack([1 - p, p]) if units == 1 else p
    model = net.to_sklearn(classes=labels)
    assert model.classes_.tolist() == sorted(labels)
    for k, label in enumerate(labels):
        place = model.classes_.tolist().index(label)
        np.testing.assert_allclose(model.predict_proba(X)[:, place], p[:, k], rtol=1e-11)
    np.testing.assert_array_equal(model.predict(X), np.asarray(labels)[p.argmax(axis=1)])
    model.partial_fit(X, model.predict(X))


def test_without_labels_they_are_numbers_from_0():
    assert of_outputs(3, "softmax").to_sklearn().classes_.tolist() == [0, 1, 2]
    assert of_outputs(1, "logistic").to_sklearn().classes_.tolist() == [0, 1]


def test_several_logistic_outputs_are_labels_of_their_own():
    net = of_outputs(3, "logistic")
    for model in (net.to_sklearn(), net.to_sklearn(classes=[0, 1, 2])):
        np.testing.assert_array_equal(model.predict(X), (net.predict(X) > 0.5).astype(int))


BAD_CLASSES = {
    "too few": (3, "softmax", ["a", "b"], "classes must be 3 different labels"),
    "twice the same": (3, "softmax", ["a", "b", "a"], "classes must be 3 different labels"),
    "a word": (3, "softmax", "abc", "classes must be 3 different labels"),
    "a number": (3, "softmax", 3, "classes must be 3 different labels"),
    "a matrix": (3, "softmax", [[0, 1, 2]], "classes must be 3 different labels"),
    "not to be sorted": (2, "softmax", np.array([None, "a"]), "labels that can be sorted"),
    "three for one output": (1, "logistic", [0, 1, 2], "classes must be 2 different labels"),
    "many labels": (2, "logistic", ["a", "b"], "2 logistic outputs are that many labels"),
    "a regressor": (2, "linear", [0, 1], "dense3 has 'linear' outputs, which make a regressor"),
}


@pytest.mark.parametrize("case", BAD_CLASSES)
def test_classes_that_do_not_fit_the_outputs_are_refused(case):
    units, output, classes, message = BAD_CLASSES[case]
    with pytest.raises(ValueError, match=message):
        of_outputs(units, output).to_sklearn(classes)


# ------------------------------------------------------------------ what scikit-learn has not

DENSE = cr.Dense(3, "relu")
REFUSED = {
    "batch normalisation": ([DENSE, cr.BatchNorm(), DENSE], "batch_norm1 is a BatchNorm layer"),
    "layer normalisation": ([cr.LayerNorm(name="first"), DENSE], "first is a LayerNorm layer"),
    "a residual block": ([cr.Residual([DENSE]), DENSE], "residual1 is a Residual layer"),
    "learnt slopes": ([cr.Dense(3), cr.PReLU(), DENSE], "prelu1 is a PReLU layer"),
    "learnt factors": ([cr.Scale(), DENSE], "scale1 is a Scale layer"),
    "another hidden activation": (
        [DENSE, cr.Dense(3, "gelu"), cr.Dense(1)],
        "dense2 has the activation 'gelu', and scikit-learn has only identity, logistic, tanh, "
        "relu for hidden layers",
    ),
    "a scaled line": ([cr.Dense(3, "linear(2)"), cr.Dense(1)], r"dense1 .* 'linear\(2.0\)'"),
    "softmax inside": ([cr.Dense(3, "softmax"), cr.Dense(1)], "dense1 .* 'softmax'"),
    "two hidden activations": (
        [cr.Dense(3, "relu"), cr.Dense(3, "tanh"), cr.Dense(1)],
        "dense2 has the activation 'tanh', and scikit-learn has one for all hidden layers: here "
        "'relu', that of the first",
    ),
    "an activation a neuron": (
        [cr.Dense(2, ["relu", "tanh"]), cr.Dense(1)],
        "dense1 has an activation for each neuron",
    ),
    "another output": (
        [DENSE, cr.Dense(1, "tanh")],
        "dense2 has the activation 'tanh', and scikit-learn has only identity, logistic, softmax, "
        "exp for the output layer",
    ),
    "no dense layer": ([cr.Dropout(0.1)], "the network has no dense layer"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_scikit_learn_cannot_express_is_refused_by_the_name_of_the_layer(case):
    layers, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        network(*layers).to_sklearn()
    assert "\n" not in str(caught.value)


def test_exponential_outputs_need_a_scikit_learn_that_has_them(monkeypatch):
    monkeypatch.setattr(MLPRegressor, "get_params", lambda self: {})
    with pytest.raises(ValueError, match=r"exponential outputs need scikit-learn 1\.7 or later"):
        network(cr.Dense(1, "exponential")).to_sklearn()
