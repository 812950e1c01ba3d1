"""The manners of a scikit-learn estimator: its own checks, and the company that it keeps."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingRegressor, StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, NUMBERS = load_iris(return_X_y=True)
Y = np.array(["setosa", "versicolor", "virginica"])[NUMBERS]
QUICK = {"hidden_layer_sizes": (12,), "max_iter": 60, "learning_rate_init": 0.02, "random_state": 0}


@parametrize_with_checks([cr.MLPClassifier(max_iter=100), cr.MLPRegressor(max_iter=100)])
@pytest.mark.filterwarnings("default")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_each_knows_what_it_is():
    assert is_classifier(cr.MLPClassifier())
    assert is_regressor(cr.MLPRegressor())


def test_in_a_pipeline_under_cross_validation():
    model = make_pipeline(StandardScaler(), cr.MLPClassifier(**QUICK))
    assert cross_val_score(model, X, Y, cv=3).mean() > 0.9


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_a_grid_search_finds_the_same_in_threads_and_processes(backend):
    grid = {"alpha": [1e-4, 1.0], "network": [None, [cr.Dense(6, "elu"), cr.Dropout(0.1)]]}
    alone = GridSearchCV(cr.MLPClassifier(**QUICK), grid, cv=2).fit(X, Y)
    with joblib.parallel_backend(backend, n_jobs=2), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of a child, and Python's about forks with threads
        search = GridSearchCV(cr.MLPClassifier(**QUICK), grid, cv=2, n_jobs=2).fit(X, Y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


def test_calibrated_stacked_and_bagged():
    calibrated = CalibratedClassifierCV(cr.MLPClassifier(**QUICK), cv=2).fit(X, Y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    members = [("network", cr.MLPClassifier(**QUICK)), ("linear", LogisticRegression())]
    assert StackingClassifier(members, cv=2).fit(X, Y).score(X, Y) > 0.9
    bagged = BaggingRegressor(cr.MLPRegressor(**QUICK), n_estimators=2, random_state=0)
    assert bagged.fit(X[:, :3], X[:, 3]).score(X[:, :3], X[:, 3]) > 0.8


def test_one_for_each_column_of_classes():
    both = np.column_stack([NUMBERS, X[:, 0] > 5.8])
    found = MultiOutputClassifier(cr.MLPClassifier(**QUICK)).fit(X, both).predict(X)
    assert (found == both).mean() > 0.9


def test_a_clone_has_the_parameters_and_nothing_learned():
    options = {"network": [cr.Dense(3, "tanh"), cr.BatchNorm()], "loss": "focal(1.5)",
               "optimizer": cr.AdamW(cr.Cosine(1e-3)), "clip": cr.ClipNorm(1.0)}  # fmt: skip
    fitted = cr.MLPClassifier(max_iter=2, **options).fit(X, Y)
    twin = clone(fitted)
    assert not hasattr(twin, "coefs_")
    assert {name: twin.get_params()[name] for name in options} == options


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_a_copy_predicts_and_goes_on_as_the_original(copied):
    original = cr.MLPClassifier(**QUICK).fit(X, Y)
    twin = copied(original)
    np.testing.assert_array_equal(twin.predict_proba(X), original.predict_proba(X))
    for estimator in (original, twin):
        estimator.partial_fit(X, Y)
    np.testing.assert_array_equal(twin.coefs_[0], original.coefs_[0])
    twin.coefs_[0][:] = 0  # a view of its own network
    assert np.shares_memory(twin.coefs_[0], twin.network_.vector)
    assert original.coefs_[0].any()


def test_metadata_is_routed():
    weights = np.where(NUMBERS == 0, 3.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        network = cr.MLPClassifier(**QUICK).set_fit_request(
            sample_weight=True, X_val=True, y_val=True
        )
        pipeline = Pipeline([("network", network)])
        pipeline.fit(X, Y, sample_weight=weights, X_val=X[::2], y_val=Y[::2])
    alone = cr.MLPClassifier(**QUICK).fit(X, Y, sample_weight=weights, X_val=X[::2], y_val=Y[::2])
    np.testing.assert_array_equal(pipeline[0].coefs_[0], alone.coefs_[0])
    assert len(pipeline[0].validation_loss_curve_) == 60


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_data_frame_gives_its_names(library):
    make = pytest.importorskip(library).DataFrame
    names = ["sepal length", "sepal width", "petal length", "petal width"]
    frame = make({name: X[:, k] for k, name in enumerate(names)})
    model = cr.MLPClassifier(early_stopping=True, scoring="accuracy", **QUICK).fit(frame, Y)
    assert list(model.feature_names_in_) == names
    plain = cr.MLPClassifier(early_stopping=True, scoring="accuracy", **QUICK).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(frame), plain.predict_proba(X))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X[:1])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(make({name: X[:, k] for k, name in enumerate(reversed(names))}))


@pytest.mark.parametrize(
    "labels",
    [pd.Series(Y), pd.Series(Y).astype("category"), Y.tolist(), NUMBERS > 0, NUMBERS - 7,
     NUMBERS.astype(float), Y.astype(object), pd.Series(NUMBERS, index=range(500, 650))],
    ids=["series", "categorical", "list", "booleans", "negative", "floats", "objects", "index"],
)  # fmt: skip
def test_labels_of_every_kind_come_back(labels):
    model = cr.MLPClassifier(**QUICK).fit(X, labels)
    assert model.score(X, labels) > 0.9
    assert set(model.predict(X)) <= set(np.asarray(labels))
    assert list(model.classes_) == sorted(set(np.asarray(labels)))


@pytest.mark.parametrize("estimator", [cr.MLPClassifier(), cr.MLPRegressor()])
def test_nothing_is_predicted_before_a_fit(estimator):
    with pytest.raises(NotFittedError):
        estimator.predict(X)
    with pytest.raises(NotFittedError):
        estimator.predict(X[:1])
    if is_classifier(estimator):
        with pytest.raises(NotFittedError):
            estimator.predict_proba(X)


def test_a_grid_search_routes_weights_and_rows_to_judge_by():
    weights = np.where(NUMBERS == 0, 3.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        network = (
            cr.MLPClassifier(early_stopping=True, **QUICK)
            .set_fit_request(sample_weight=True, X_val=True, y_val=True)
            .set_score_request(sample_weight=True)
        )
        search = GridSearchCV(make_pipeline(network), {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2)
        # one row fewer than X: rows of that number would be cut into the folds
        search.fit(X, Y, sample_weight=weights, X_val=X[:-1], y_val=Y[:-1])
    best = search.best_estimator_[-1]
    assert best.score(X[:-1], Y[:-1]) == best.best_validation_score_
