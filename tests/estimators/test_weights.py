"""The start is drawn as scikit-learn draws it, and weights that are set from outside are used."""

import pickle

import numpy as np
import pytest
from tests.estimators.data import BINARY, NUMBERS, THREE, X, classifier, regressor, same

import chainrule as cr
from chainrule.activations import activations

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def by_hand(coefs, intercepts, X):
    hidden = np.maximum(X @ coefs[0] + intercepts[0], 0)
    return (hidden @ coefs[1] + intercepts[1])[:, 0]


def element(reg, coefs, intercepts):
    for k in range(2):
        reg.coefs_[k], reg.intercepts_[k] = coefs[k], intercepts[k]


def whole(reg, coefs, intercepts):
    reg.coefs_, reg.intercepts_ = coefs, intercepts


def in_place(reg, coefs, intercepts):
    for k in range(2):
        reg.coefs_[k][:], reg.intercepts_[k][:] = coefs[k], intercepts[k]


def tuples(reg, coefs, intercepts):
    reg.coefs_, reg.intercepts_ = tuple(coefs), tuple(intercepts)


WAYS = [element, whole, in_place, tuples]


@pytest.fixture
def fitted():
    return regressor().fit(X, NUMBERS)


@pytest.fixture
def others():
    reg = regressor(random_state=9).fit(X, NUMBERS)
    return [w.copy() for w in reg.coefs_], [b.copy() for b in reg.intercepts_]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rows", [1, 20], ids=["a row", "rows"])
def test_predictions_use_what_was_set(fitted, others, way, rows):
    fitted.predict(X[:rows])
    way(fitted, *others)
    np.testing.assert_allclose(fitted.predict(X[:rows]), by_hand(*others, X[:rows]), rtol=1e-12)
    assert all(isinstance(shown, list) for shown in (fitted.coefs_, fitted.intercepts_))


@pytest.mark.parametrize("way", WAYS)
def test_training_goes_on_from_what_was_set(fitted, others, way):
    copy = pickle.loads(pickle.dumps(fitted))
    way(fitted, *others)
    in_place(copy, *others)
    same(fitted.partial_fit(X, NUMBERS), copy.partial_fit(X, NUMBERS))


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_has_what_was_set(fitted, others, way):
    way(fitted, *others)
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(copy.coefs_[0], others[0][0])


def test_what_is_set_is_copied_into_the_network(fitted, others):
    given = others[0][0]
    fitted.coefs_[0] = given
    fitted.partial_fit(X, NUMBERS)
    np.testing.assert_array_equal(given, others[0][0])
    assert not np.shares_memory(given, fitted.network_.vector)


@pytest.mark.parametrize(
    ("name", "value"),
    [("coefs_", [np.zeros((4, 6))]), ("coefs_", [np.zeros((3, 6)), np.zeros((6, 1))]),
     ("intercepts_", [np.zeros(6)])],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(fitted, name, value):
    setattr(fitted, name, value)
    for rows in (1, 5):
        with pytest.raises(ValueError, match=r"coefs_ and intercepts_ hold|shape"):
            fitted.predict(X[:rows])


def test_the_lists_are_views_of_the_network(fitted):
    for array in fitted.coefs_ + fitted.intercepts_:
        assert np.shares_memory(array, fitted.network_.vector)
    assert [w.shape for w in fitted.coefs_] == [(4, 6), (6, 1)]
    assert [b.shape for b in fitted.intercepts_] == [(6,), (1,)]


def test_a_new_fit_leaves_the_old_lists_alone(fitted):
    old = fitted.coefs_
    before = [w.copy() for w in old]
    fitted.fit(X, -NUMBERS)
    for a, b in zip(old, before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_that_are_not_dense_are_not_shown():
    clf = classifier(hidden_layer_sizes=(6, 5), batch_norm=True, dropout=0.2).fit(X, THREE)
    assert [w.shape for w in clf.coefs_] == [(4, 6), (6, 5), (5, 3)]
    assert clf.n_layers_ == 4


@pytest.mark.parametrize("options", [{}, {"batch_norm": True}, {"dropout": 0.3}])
def test_the_extras_do_not_change_the_start(options):
    starts = [
        classifier(max_iter=1, learning_rate_init=1e-300, **extra).fit(X, BINARY)
        for extra in ({}, options)
    ]
    for a, b in zip(starts[0].coefs_, starts[1].coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_list_of_activations_draws_each_layer_by_its_own():
    clf = classifier(
        hidden_layer_sizes=(50, 50), activation=["logistic", "relu"], max_iter=1,
        learning_rate_init=1e-300,
    ).fit(X, BINARY)  # fmt: skip
    bounds = [np.sqrt(2 / 54), np.sqrt(6 / 100), np.sqrt(6 / 51)]
    for w, bound in zip(clf.coefs_, bounds, strict=True):
        assert 0.9 * bound < np.abs(w).max() <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_have_the_dtype_of_the_rows(dtype):
    clf = cr.MLPClassifier((5,), max_iter=2, random_state=0).fit(X.astype(dtype), BINARY)
    assert {w.dtype for w in clf.coefs_ + clf.intercepts_} == {np.dtype(dtype)}
    assert clf.predict_proba(X).dtype == dtype


@pytest.mark.parametrize(
    "activation", ["sigmoid", activations["logistic"], [activations["logistic"]], " logistic "],
    ids=["alias", "entry", "list", "spaces"],
)  # fmt: skip
@pytest.mark.parametrize("units", [(6,), ()])
def test_a_logistic_unit_starts_alike_however_it_is_named(activation, units):
    if not units and isinstance(activation, list):
        activation = activation[0]
    same(
        classifier(hidden_layer_sizes=units, activation=activation).fit(X, BINARY),
        classifier(hidden_layer_sizes=units, activation="logistic").fit(X, BINARY),
    )


def test_what_scikit_learn_has_not_starts_as_it_does_in_a_network():
    clf = classifier(batch_norm=True, learning_rate_init=1e-12, max_iter=1).fit(X, BINARY)
    norms = [path for path in clf.network_.parameters if path.startswith("batch_norm")]
    assert len(norms) == 4
    assert np.allclose(clf.network_.parameters["batch_norm1.gamma"], 1)
    assert np.allclose(clf.network_.parameters["batch_norm1.beta"], 0, atol=1e-9)
