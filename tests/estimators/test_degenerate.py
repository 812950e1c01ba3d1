"""Data at the edge of what can be learnt from: each ends in finite predictions, or in a sentence.

Refusals have a table of their own, in ``test_refused_data.py``.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = 20
X = np.random.default_rng(0).normal(size=(ROWS, 3))
LABELS = np.arange(ROWS) % 2
NUMBERS = 2 * X[:, 0]
MANY = np.random.default_rng(1).normal(size=(200, 3))
EARLY = {"early_stopping": True}
HALF = {"early_stopping": True, "validation_fraction": 0.5}
FORMS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
SPARSE = [getattr(sp, f"{form}_{kind}") for form in FORMS for kind in ("array", "matrix")]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"]


def fitted(estimator, X, y, call="fit", weights=None, **parameters):
    model = getattr(cr, estimator)(
        **{"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0, **parameters}
    )
    extra = {}
    if call == "partial_fit" and estimator == "MLPClassifier":
        extra["classes"] = np.unique(np.asarray(y))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A column-vector y was passed")
        return getattr(model, call)(X, y, sample_weight=weights, **extra)


def check(estimator, X, y, call="fit", weights=None, **parameters):
    """Fit, and find predictions that can be had from such data."""
    model = fitted(estimator, X, y, call, weights, **parameters)
    assert np.isfinite(model.loss_) or model.stopped_.startswith("diverged")
    predicted = model.predict(X)
    values = np.asarray(y)
    assert predicted.shape == (values[:, 0] if values.shape[1:] == (1,) else values).shape
    if estimator == "MLPClassifier":
        assert np.isin(predicted, [0, 1] if values.ndim == 2 else values).all()
        shares = model.predict_proba(X)
        assert ((shares >= 0) & (shares <= 1)).all()
    else:
        assert predicted.dtype.kind == "f"
        assert np.isfinite(predicted).all()
    return model


def for_both(X, labels=LABELS, numbers=NUMBERS, **parameters):
    return [("MLPClassifier", X, labels, parameters), ("MLPRegressor", X, numbers, parameters)]


FEW_ZERO = X.copy()
FEW_ZERO[:5] = 0
TWICE = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)
UNSORTED = sp.csr_matrix((np.ones(4), [2, 0, 0, 0], [0, 2, 4] + [4] * 18), shape=(ROWS, 3))
FRAME = pd.DataFrame(X, columns=list("abc"))

FEATURES = {
    "one row": (X[:1], LABELS[:1], NUMBERS[:1]),
    "two rows": (X[:2], LABELS[:2], NUMBERS[:2]),
    "one column": (X[:, :1], LABELS, NUMBERS),
    "one class, constant target": (X, np.zeros(ROWS, int), np.full(ROWS, 7.0)),
    "duplicate columns": (np.hstack([X, X]), LABELS, NUMBERS),
    "a constant column": (np.hstack([X, np.ones((ROWS, 1))]), LABELS, NUMBERS),
    "all rows the same": (np.broadcast_to(X[:1], X.shape), LABELS, NUMBERS),
    "all zero": (np.zeros((ROWS, 3)), LABELS, NUMBERS),
    "values of 1e30": (X * 1e30, LABELS, None),
    "values of 1e300": (X * 1e300, LABELS, None),
    "values of 1e-30": (X * 1e-30, LABELS, NUMBERS * 1e-30),
    "values of 1e-300": (X * 1e-300, LABELS, NUMBERS * 1e-300),
    "lists": (X.tolist(), LABELS.tolist(), NUMBERS.tolist()),
    "objects that are numbers": (X.astype(object), LABELS, NUMBERS.astype(object)),
    "texts that are numbers": (X.astype(str), LABELS, NUMBERS),
    "half precision": (X.astype(np.float16), LABELS, NUMBERS.astype(np.float16)),
    "long doubles": (X.astype(np.longdouble), LABELS, NUMBERS.astype(np.longdouble)),
    "another byte order": (X.astype(">f4"), LABELS.astype(">i4"), NUMBERS.astype(">f8")),
    "Fortran order": (np.asfortranarray(X), LABELS, NUMBERS),
    "every other row and column": (TWICE[::2, ::2], np.repeat(LABELS, 2)[::2], NUMBERS),
    "backwards": (X[::-1, ::-1], LABELS[::-1], NUMBERS[::-1]),
    "columns of targets": (X, LABELS[:, None], NUMBERS[:, None]),
    "rows that are all zero": (sp.csr_array(FEW_ZERO), LABELS, NUMBERS),
    "a matrix without an entry": (sp.csr_array((ROWS, 3)), LABELS, NUMBERS),
    "entries twice, out of order": (UNSORTED, LABELS, NUMBERS),
    "whole numbers, sparse": (sp.csr_array((2 * X).astype(int)), LABELS, NUMBERS),
    "booleans, sparse": (sp.csr_array(X > 0), LABELS, NUMBERS),
    "a data frame": (FRAME, pd.Series(LABELS), pd.Series(NUMBERS)),
    "a data frame with another index": (FRAME[::-1], pd.Series(LABELS, range(20, 40)), NUMBERS),
    "nullable floats": (FRAME.astype("Float64"), LABELS, pd.Series(NUMBERS, dtype="Float64")),
    "a data frame of booleans": (FRAME > 0, LABELS, NUMBERS),
    "a data frame of objects": (FRAME.astype(object), LABELS, NUMBERS),
    "sparse columns": (pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(X)), LABELS, NUMBERS),
}  # fmt: skip
FEATURES |= {f"whole numbers, {kind}": (np.abs(3 * X).astype(kind), LABELS.astype(kind),
             np.abs(3 * NUMBERS).astype(kind)) for kind in INTEGERS}  # fmt: skip
FEATURES |= {make.__name__: (make(X), LABELS, NUMBERS) for make in SPARSE}


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", FEATURES)
def test_the_classifier_learns_from(name, call):
    features, labels, _ = FEATURES[name]
    check("MLPClassifier", features, labels, call)


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", [name for name, data in FEATURES.items() if data[2] is not None])
def test_the_regressor_learns_from(name, call):
    features, _, numbers = FEATURES[name]
    check("MLPRegressor", features, numbers, call)


@pytest.mark.parametrize("make", [
    np.asfortranarray, lambda X: np.repeat(np.repeat(X, 2, 0), 2, 1)[::2, ::2],
    lambda X: X.astype(">f8"), lambda X: X.astype(object), lambda X: X.tolist(),
    *SPARSE,
])  # fmt: skip
def test_how_features_lie_in_memory_changes_nothing(make):
    plain = fitted("MLPRegressor", X, NUMBERS)
    other = fitted("MLPRegressor", make(X), NUMBERS)
    np.testing.assert_allclose(other.predict(X), plain.predict(X), rtol=1e-12)


@pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])
def test_mapped_and_read_only_data_are_read_where_they_lie(estimator, tmp_path):
    y = {"MLPClassifier": LABELS, "MLPRegressor": NUMBERS}[estimator].copy()
    y.flags.writeable = False
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    weights = np.ones(ROWS)
    weights.flags.writeable = False
    model = check(estimator, mapped, y, weights=weights)
    np.testing.assert_array_equal(model.predict(mapped), fitted(estimator, X, y).predict(X))


TARGETS = {
    "texts": [["no", "yes"][k] for k in LABELS],
    "Python's booleans": [bool(k) for k in LABELS],
    "texts and numbers in a list, which are texts": [["no", 1][k] for k in LABELS],
    "floats that are whole": LABELS.astype(float),
    "negative numbers": LABELS - 5,
    "numbers past 2**63": LABELS.astype(np.uint64) + 2**63,
    "a categorical column": pd.Series(LABELS).astype("category"),
    "a column of strings": pd.Series(["a", "b"] * 10, dtype="string"),
    "nullable integers": pd.Series(LABELS, dtype="Int64"),
    "as many classes as rows": np.arange(ROWS),
    "several labels, one of which no row has": np.stack([LABELS, 0 * LABELS], axis=1),
    "several labels, which all rows have": np.ones((ROWS, 3), int),
    "several labels, which no row has": np.zeros((ROWS, 3), int),
    "several labels, as booleans": np.stack([LABELS, 1 - LABELS], axis=1).astype(bool),
}


@pytest.mark.parametrize("name", TARGETS)
def test_the_classifier_learns_labels_that_are(name):
    check("MLPClassifier", X, TARGETS[name])


def test_several_labels_may_be_a_sparse_matrix():
    y = np.stack([LABELS, np.arange(ROWS) % 3 == 0], axis=1).astype(int)
    for early_stopping in (False, True):
        sparse = fitted("MLPClassifier", X, sp.csr_matrix(y), early_stopping=early_stopping)
        dense = fitted("MLPClassifier", X, y, early_stopping=early_stopping)
        found = sparse.predict(X)
        assert sp.issparse(found)  # as it was given
        np.testing.assert_array_equal(found.toarray(), dense.predict(X))
        assert sparse.score(X, sp.csr_matrix(y)) == dense.score(X, y)


@pytest.mark.parametrize("parameters", [{}, EARLY])
def test_a_hundred_classes_and_targets(parameters):
    model = check("MLPClassifier", MANY, np.arange(200) % 100, **parameters)
    assert model.predict_proba(MANY).shape == (200, 100)
    check("MLPRegressor", MANY, MANY.repeat(34, axis=1)[:, :100], **parameters)
    check("MLPClassifier", MANY[:100], np.arange(100))


@pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])
def test_early_stopping_on_four_rows(estimator):
    check(
        estimator, X[:4], {"MLPClassifier": LABELS, "MLPRegressor": NUMBERS}[estimator][:4], **HALF
    )


def test_early_stopping_with_one_row_of_a_class_of_three():
    check("MLPClassifier", X, np.r_[2, LABELS[1:]], **EARLY)


WEIGHTS = {
    "a number": 2.0,
    "whole numbers": np.ones(ROWS, int),
    "booleans": LABELS.astype(bool),
    "objects": np.ones(ROWS, object),
    "one row only": np.r_[1.0, np.zeros(ROWS - 1)],
    "large": np.full(ROWS, 1e300),
    "whose sum is infinite": np.full(ROWS, 1.7e308),
    "of a list": [1.0] * ROWS,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_may_be(name, dtype):
    features = X.astype(dtype)
    check("MLPClassifier", features, LABELS, weights=WEIGHTS[name])
    check("MLPRegressor", features, NUMBERS, weights=WEIGHTS[name])


@pytest.mark.parametrize("large", [1e30, 1e150, 1.7e308])
def test_weights_that_are_all_equal_change_nothing_however_large(large):
    plain = fitted("MLPRegressor", X, NUMBERS, alpha=0)
    weighted = fitted("MLPRegressor", X, NUMBERS, weights=np.full(ROWS, large), alpha=0)
    np.testing.assert_allclose(weighted.predict(X), plain.predict(X), rtol=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("size", [1e30, 1e150, 1e300])
def test_huge_values_end_in_finite_predictions_or_say_that_they_are_large(size, solver):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        for features, y in ((X * size, NUMBERS), (X, NUMBERS * size), (X * size, NUMBERS * size)):
            for early in (False, True):
                try:
                    check("MLPRegressor", features, y, solver=solver, early_stopping=early)
                except ValueError as error:
                    assert "may contain large values and need to be" in str(error)  # noqa: PT017
