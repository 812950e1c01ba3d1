"""Data that nothing can be learnt from: one clear sentence, and an estimator that is as before."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

import chainrule as cr

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = 20
X = np.random.default_rng(0).normal(size=(ROWS, 3))
LABELS = np.arange(ROWS) % 2
NUMBERS = 2 * X[:, 0]
EARLY = {"early_stopping": True}
LARGE = "may contain large values and need to be preprocessed"


def holding(array, value):
    array = array.astype(type(value) if isinstance(value, complex) else float)
    array[(3,) + (0,) * (array.ndim - 1)] = value
    return array


def broken():
    X_broken = sp.csr_matrix(X)
    X_broken.indices[0] = 99
    return X_broken


def masked(array):
    """With one value that is not to count."""
    return np.ma.masked_array(array, np.arange(array.size).reshape(array.shape) == 0)


RECORDS = np.zeros(ROWS, [("age", float), ("height", float)])
FRAME = pd.DataFrame(X, columns=list("abc"))
MISSING = FRAME.mask(FRAME > 1)

# name: (X, what the sentence says)
FEATURES = {
    "NaN": (holding(X, np.nan), "Input X contains NaN"),
    "infinity": (holding(X, np.inf), "Input X contains infinity"),
    "minus infinity": (holding(X, -np.inf), "Input X contains infinity"),
    "NaN, sparse": (sp.csr_array(holding(X, np.nan)), "Input X contains NaN"),
    "infinity, sparse": (sp.csr_array(holding(X, np.inf)), "Input X contains infinity"),
    "infinity, float32": (np.full((ROWS, 3), np.inf, np.float32), "Input X contains infinity"),
    "complex": (X * 1j, "Complex data not supported"),
    "complex, sparse": (sp.csr_array(X * 1j), "Complex data not supported"),
    "texts": (np.full((ROWS, 3), "a"), "could not convert string to float"),
    "texts as objects": (np.full((ROWS, 3), "a", object), "could not convert string to float"),
    "no rows": (X[:0], "0 sample"),
    "no rows, sparse": (sp.csr_array((0, 3)), "0 sample"),
    "no columns": (X[:, :0], "0 feature"),
    "three dimensions": (X[:, :, None], "dim 3"),
    "one dimension": (X[:, 0], "Expected 2D array, got 1D array"),
    "one dimension, sparse": (sp.coo_array(X[:, 0]), "Expected 2D input"),
    "a number": (3.0, "Expected 2D array, got scalar array"),
    "None": (None, "Expected 2D array, got scalar array"),
    "a dictionary": ({"a": 1}, "not 'dict'"),
    "rows of different lengths": ([[1, 2], [3]] * 10, "inhomogeneous"),
    "an index out of range": (broken(), "indices must be < 3"),
    "a matrix of NumPy": (np.asmatrix(X), "np.matrix is not supported"),
    "missing values": (MISSING, "Input X contains NaN"),
    "missing values of nullable columns": (MISSING.convert_dtypes(), "Input X contains NaN"),
    "missing booleans": ((FRAME > 0).astype("boolean").mask(MISSING.isna()),
                         "Input X contains NaN"),
    "a column of texts": (FRAME.assign(d="x"), "could not convert string to float: 'x'"),
    "masked": (masked(X), "X has a masked value in row 0: fill what is masked"),
    "dates": (np.full((ROWS, 3), "2026-11-24", "M8[D]"), "X has dates or durations: give numbers"),
    "columns of dates": (FRAME.assign(d=pd.Timestamp(2026, 1, 1), e=pd.Timedelta(days=1)),
                         "X has dates or durations in the columns d, e: give numbers"),
    "named fields": (RECORDS, "X must be plain values, and its elements have the fields age, heig"),
    "names of several types": (pd.DataFrame(X, columns=["a", 1, 2]), "Feature names are only"),
}  # fmt: skip
# name: (labels, numbers, what the sentence says)
TARGETS = {
    "NaN": (holding(LABELS, np.nan), holding(NUMBERS, np.nan), "Input y contains NaN"),
    "infinity": (holding(LABELS, np.inf), holding(NUMBERS, np.inf), "Input y contains infinity"),
    "complex": (LABELS * 1j, NUMBERS * 1j, "Complex data not supported"),
    "too few": (LABELS[:9], NUMBERS[:9], r"inconsistent numbers of samples: \[20, 9\]"),
    "too many": ([*LABELS, 0], [*NUMBERS, 0], r"inconsistent numbers of samples: \[20, 21\]"),
    "a row": (LABELS[None], NUMBERS[None], r"inconsistent numbers of samples: \[20, 1\]"),
    "a number": (1, 1.0, "at least 1 dimension"),
    "three dimensions": (LABELS[:, None, None], NUMBERS[:, None, None], "dim 3"),
    "no columns": (np.zeros((ROWS, 0)), np.zeros((ROWS, 0)), "0 feature"),
    "a sparse column": (sp.csr_matrix(LABELS[:, None]), sp.csr_matrix(NUMBERS[:, None]),
                        "Sparse data was passed for y"),
    "missing": (pd.Series([None, *LABELS[1:]], dtype="Int64"),
                pd.Series([None, *NUMBERS[1:]], dtype="Float64"), "Input y contains NaN"),
    "missing, of None": ([None] * ROWS, [None] * ROWS,
                         "y misses 20 labels, the first in row 0|every value must be finite"),
    "masked": (masked(LABELS), masked(NUMBERS), "y has a masked value in row 0"),
    "named fields": (RECORDS, RECORDS, "y must be plain values, and its elements have the fields"),
    "missing, of pandas' texts": (pd.Series(["a", None] * 10, dtype="string"), None,
                                  r"y misses 10 labels, the first in row 1 \(NaN, None or NA\)"),
    "texts for numbers": (None, ["1.5"] * ROWS, "y must be numbers"),
    "numbers for labels": (NUMBERS, None, "Unknown label type: continuous"),
    "texts and numbers": (np.array(["no", 1] * 10, object), None,
                          "labels of one type, and these are of several: int, str"),
    "texts and None": (np.array(["no", None] * 10, object), None,
                       "y misses 10 labels, the first in row 1"),
    "NaN in a list": (["a", np.nan] * 10, None, "y misses 10 labels, the first in row 1"),
    "no objects": (np.array([], object), None, "0 sample|inconsistent numbers"),
    "bytes": (np.array([b"no", b"yes"] * 10), None, "bytes is not supported"),
    "several columns of classes": (np.array([[0, 1], [2, 3]] * 10), None,
                                   "several columns of classes"),
    "lists of labels": ([[1, 2], [1]] * 10, None, "inhomogeneous"),
}  # fmt: skip
# name: (weights, parameters, what the sentence says)
WEIGHTS = {
    "NaN": (holding(np.ones(ROWS), np.nan), {}, "Input sample_weight contains NaN"),
    "infinite": (holding(np.ones(ROWS), np.inf), {}, "Input sample_weight contains infinity"),
    "complex": (np.ones(ROWS) * 1j, {}, "sample_weight: Complex data"),
    "all zero": (np.zeros(ROWS), {}, "at least one non-zero"),
    "negative": (holding(np.ones(ROWS), -1.0), {}, "Negative values in data passed"),
    "too few": (np.ones(9), {}, r"sample_weight.shape == \(9,\), expected \(20,\)"),
    "two columns": (np.ones((ROWS, 2)), {}, "sample_weight: .*must be 1D array or scalar"),
    "texts": (["a"] * ROWS, {}, "sample_weight: could not convert"),
    "None": ([None] * ROWS, {}, "Input sample_weight contains NaN"),
    "masked": (masked(np.ones(ROWS)), {}, "sample_weight has a masked value in row 0"),
    "nothing beside the penalty": (np.full(ROWS, 5e-324), {},
                                   "sample_weight: .*nothing of the loss beside the penalty"),
    "empty": ([], {}, "sample_weight: .*0 sample"),
    "zero for all rows held out": (np.r_[np.zeros(10), 1, np.zeros(9)], EARLY,
                                   "the weights of all rows held out are 0|sum to 0"),
}  # fmt: skip
# name: (X_val, y_val for the classifier, y_val for the regressor, what the sentence says)
VALIDATION = {
    "another width": (X[:, :2], LABELS, NUMBERS, "X has 2 features"),
    "X alone": (X, None, None, "X_val and y_val belong together"),
    "y alone": (None, LABELS, NUMBERS, "X_val and y_val belong together"),
    "NaN": (holding(X, np.nan), LABELS, NUMBERS, "Input X contains NaN"),
    "masked": (masked(X), LABELS, NUMBERS, "X_val has a masked value in row 0"),
    "no rows": (X[:0], LABELS[:0], NUMBERS[:0], "0 sample"),
    "another length": (X, LABELS[:3], NUMBERS[:3], r"inconsistent numbers of samples: \[20, 3\]"),
    "other targets": (X, LABELS + 1, X[:, :2], "has classes not in|must have a column for each"),
    "several columns": (X, np.eye(3, dtype=int)[LABELS], X,
                        "one column of labels|a column for each"),
    "texts": (X, LABELS.astype(str), LABELS.astype(str), "has classes not in|must be numbers"),
}  # fmt: skip


def refused(estimator, match, X, y, call="fit", before=None, **extra):
    """The call raises one sentence, and the estimator is what it was."""
    model = before or getattr(cr, estimator)(hidden_layer_sizes=(4,), max_iter=3, random_state=0)
    if call == "partial_fit" and estimator == "MLPClassifier":
        extra["classes"] = [0, 1]
    kept = vars(model).copy()
    with pytest.raises((ValueError, TypeError), match=match):
        getattr(model, call)(X, y, **extra)
    assert vars(model) == kept
    if before is None:
        with pytest.raises(NotFittedError):
            model.predict(np.zeros((1, 3)))


BOTH = ["MLPClassifier", "MLPRegressor"]
CALLS = ["fit", "partial_fit"]
GOOD = {"MLPClassifier": LABELS, "MLPRegressor": NUMBERS}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("name", FEATURES)
def test_features_are_refused(name, estimator, call):
    features, match = FEATURES[name]
    refused(estimator, match, features, GOOD[estimator], call)


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("name", [name for name in FEATURES if name != "names of several types"])
def test_predict_refuses_the_same_features(name, estimator):
    features, match = FEATURES[name]
    if name == "no columns":
        match = "0 feature|X has 0 features"
    if name == "a column of texts":
        match = "could not convert|feature names|has 4 features"
    model = getattr(cr, estimator)(hidden_layer_sizes=(4,), max_iter=3).fit(X, GOOD[estimator])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X has feature names")
        with pytest.raises((ValueError, TypeError), match=match):
            model.predict(features)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("name", "estimator"), [
    (name, estimator)
    for name, given in TARGETS.items()
    for estimator, y in zip(BOTH, given[:2], strict=True)
    if y is not None
])  # fmt: skip
def test_targets_are_refused(name, estimator, call):
    labels, numbers, match = TARGETS[name]
    refused(estimator, match, X, labels if estimator == "MLPClassifier" else numbers, call)


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_refused(name, estimator):
    weights, parameters, match = WEIGHTS[name]
    model = getattr(cr, estimator)(hidden_layer_sizes=(4,), random_state=0, **parameters)
    with pytest.raises((ValueError, TypeError), match=match):
        model.fit(X, GOOD[estimator], sample_weight=weights)
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("name", VALIDATION)
def test_rows_to_judge_by_are_refused(name, estimator, call):
    X_val, labels, numbers, match = VALIDATION[name]
    y_val = labels if estimator == "MLPClassifier" else numbers
    refused(estimator, match, X, GOOD[estimator], call, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize(("rows", "labels", "numbers", "match"), [
    (1, LABELS, NUMBERS, "validation_fraction: .*train set will be empty"),
    (2, LABELS, NUMBERS, "validation_fraction: .*only 1 member|validation set is too small"),
    (ROWS, np.r_[1, np.zeros(ROWS - 1)], None, "validation_fraction: .*only 1 member"),
])  # fmt: skip
def test_too_few_rows_to_hold_some_out_are_refused(rows, labels, numbers, match):
    for estimator, y in (("MLPClassifier", labels), ("MLPRegressor", numbers)):
        if y is not None:
            refused(estimator, match, X[:rows], y[:rows],
                    before=getattr(cr, estimator)(hidden_layer_sizes=(4,), **EARLY))  # fmt: skip


def test_targets_that_overflow_in_float32_are_refused():
    refused("MLPRegressor", r"y holds a number of the size .*, too large for float32",
            X.astype(np.float32), NUMBERS * 1e300)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("estimator", BOTH)
def test_what_was_learnt_before_a_fit_that_fails_is_kept_bit_for_bit(
    estimator, warm, members, call
):
    """Whether it fails over the data, or in the middle of the training."""
    y = GOOD[estimator]
    model = getattr(cr, estimator)(
        hidden_layer_sizes=(4,), max_iter=3, random_state=0, warm_start=warm, n_estimators=members
    )
    model.fit(X, y)
    twin = getattr(cr, estimator)(**model.get_params()).fit(X, y)
    predicted, epochs, loss = model.predict(X), model.n_iter_, model.loss_

    refused(estimator, "features", X[:, :2], y, call, before=model) if (
        warm or call == "partial_fit"
    ) else None
    refused(estimator, "NaN", holding(X, np.nan), y, call, before=model)
    model.set_params(learning_rate_init=1e300)
    with pytest.raises(ValueError, match=LARGE):
        getattr(model, call)(X * 1e30, y * 2.0 if estimator == "MLPRegressor" else y)
    model.set_params(learning_rate_init=0.001)

    np.testing.assert_array_equal(model.predict(X), predicted)
    assert (model.n_iter_, model.loss_) == (epochs, loss)
    model.partial_fit(X, y)
    twin.partial_fit(X, y)
    np.testing.assert_array_equal(model.predict(X), twin.predict(X))
    curve = (model if members == 1 else model.estimators_[0]).loss_curve_
    assert curve == (twin if members == 1 else twin.estimators_[0]).loss_curve_


def test_a_callback_that_raises_leaves_the_estimator_as_it_was():
    def fail(epoch):
        raise RuntimeError("enough")

    model = cr.MLPRegressor(hidden_layer_sizes=(4,), callbacks=[fail])
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(X, NUMBERS)
    with pytest.raises(NotFittedError):
        model.predict(X)
