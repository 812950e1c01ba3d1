"""What changes between two calls: what goes on, what is refused, and what is drawn."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier as Theirs
from tests.estimators.data import BINARY, NUMBERS, THREE, X, classifier, regressor

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("change", [
    {"activation": "tanh"}, {"hidden_layer_sizes": (3,)}, {"hidden_layer_sizes": (6, 6)},
    {"dropout": 0.5}, {"batch_norm": True}, {"network": [cr.Dense(6, "elu")]},
], ids=str)  # fmt: skip
def test_who_goes_on_cannot_have_other_layers(change):
    model = classifier(warm_start=True).fit(X, THREE)
    weights = model.coefs_[0].copy()
    model.set_params(**change)
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="the fitted network has the hidden layers"):
            call(X, THREE)
    np.testing.assert_array_equal(model.coefs_[0], weights)
    model.set_params(warm_start=False).fit(X, THREE)


def test_a_copied_estimator_goes_on_with_its_layers():
    import pickle

    model = classifier(dropout=0.1, warm_start=True).fit(X, THREE)
    pickle.loads(pickle.dumps(model)).partial_fit(X, THREE).fit(X, THREE)


def test_a_second_fit_from_one_generator_starts_where_scikit_learns_does():
    firsts = []
    for kind in (cr.MLPClassifier, Theirs):
        random = np.random.RandomState(3)
        for _ in range(2):
            model = kind(
                (5,), max_iter=1, shuffle=False, random_state=random, learning_rate_init=1e-12
            )
            firsts.append(model.fit(X, BINARY).coefs_[0])
    np.testing.assert_allclose(firsts[0], firsts[2], atol=1e-10)
    np.testing.assert_allclose(firsts[1], firsts[3], atol=1e-10)


def test_balanced_weights_need_all_labels_and_not_those_of_a_call():
    with pytest.raises(ValueError, match="class_weight='balanced' counts the rows of one call"):
        classifier(class_weight="balanced").partial_fit(X, THREE, classes=[0, 1, 2])


def test_weights_alone_are_no_estimator():
    fitted, empty = regressor().fit(X, NUMBERS), regressor()
    for name in ("coefs_", "intercepts_", "n_layers_", "out_activation_", "n_features_in_"):
        setattr(empty, name, getattr(fitted, name))
    with pytest.raises(ValueError, match="this MLPRegressor has coefs_ and no network: fit it"):
        empty.predict(X)


def test_weights_of_another_shape_are_refused_by_the_name_that_they_were_given():
    model = regressor().fit(X, NUMBERS)
    model.intercepts_[0] = np.zeros(3)
    with pytest.raises(ValueError, match=r"intercepts_\[0\] has the shape \(6,\), not \(3,\)"):
        model.predict(X)


@pytest.mark.parametrize("y", [BINARY, THREE])
def test_scores_decide(y):
    model = classifier(loss="hinge", max_iter=50).fit(X, y)
    scores = model.decision_function(X)
    places = scores > 0 if scores.ndim == 1 else scores.argmax(axis=1)
    np.testing.assert_array_equal(model.classes_.take(places), model.predict(X))
    scoring = "roc_auc" if scores.ndim == 1 else "accuracy"
    assert np.isfinite(cross_val_score(model, X, y, scoring=scoring, cv=2)).all()
    assert not hasattr(classifier(), "decision_function")
