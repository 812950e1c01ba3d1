"""What a fit reads, what it leaves behind, and the predictions of rows of any kind."""

import os
import signal
import warnings
from numbers import Real

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import neural_network as theirs
from sklearn.datasets import load_iris
from tests.estimators.data import BINARY, FEW, NUMBERS, THREE, X, classifier, regressor, same

import chainrule as cr
from chainrule.engine.executor import Executor
from chainrule.estimators import fitting

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# ------------------------------------------------------------ what is read


FORMS = pytest.mark.parametrize("form", [
    sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.coo_matrix, sparse.lil_matrix,
], ids=lambda f: f.__name__)  # fmt: skip


@FORMS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_are_dense_rows_bit_for_bit(form, dtype):
    dense = np.where(np.abs(X) > 1, X, 0).astype(dtype)
    one, other = classifier().fit(dense, THREE), classifier().fit(form(dense), THREE)
    same(one, other)
    np.testing.assert_array_equal(one.predict_proba(dense), other.predict_proba(form(dense)))
    same(one.partial_fit(dense, THREE), other.partial_fit(form(dense), THREE))


@FORMS
@pytest.mark.parametrize("scoring", [None, "loss", "f1_macro"])
def test_sparse_rows_may_be_held_out(form, scoring):
    dense = np.where(np.abs(X) > 1, X, 0)
    scores = [
        (
            classifier(early_stopping=True, scoring=scoring).fit(rows, THREE).validation_scores_,
            classifier(scoring=scoring)
            .fit(rows, THREE, X_val=rows, y_val=THREE)
            .validation_scores_,
        )
        for rows in (dense, form(dense))
    ]
    assert scores[0] == scores[1]


def _read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


LAYOUTS = {
    "read-only": _read_only,
    "columns first": np.asfortranarray,
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "some columns": lambda X: np.hstack([X, X])[:, :4],
    "backwards": lambda X: np.ascontiguousarray(X[::-1])[::-1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_are_read_where_they_lie(layout, monkeypatch):
    given, seen = LAYOUTS[layout](X), []
    real = fitting.train

    def watching(network, rows, *args, **options):
        seen.append(rows)
        return real(network, rows, *args, **options)

    monkeypatch.setattr(fitting, "train", watching)
    clf = classifier().fit(given, THREE)
    assert np.shares_memory(seen[0], given)
    same(clf, classifier().fit(X, THREE))
    np.testing.assert_array_equal(clf.predict_proba(given), clf.predict_proba(X))
    np.testing.assert_array_equal(given, X)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16])
def test_other_numbers_are_taken_as_float64(dtype):
    rows = np.abs(X * 10).astype(dtype)
    clf = classifier().fit(rows, BINARY)
    same(clf, classifier().fit(rows.astype(np.float64), BINARY))
    assert clf.coefs_[0].dtype == np.float64


def test_the_given_rows_are_left_as_they_are():
    rows, y = X.copy(), THREE.copy()
    classifier(dropout=0.3).fit(rows, y).predict(rows)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(y, THREE)


REFUSED = {
    "NaN": (X * np.nan, "NaN"),
    "infinite": (np.full_like(X, np.inf), "infinity"),
    "texts": (np.full(X.shape, "a"), "could not convert"),
    "one dimension": (X[:, 0], "Expected 2D array"),
    "three dimensions": (X[:, :, None], "dim 3"),
    "no rows": (X[:0], "0 sample"),
    "no columns": (X[:, :0], "0 feature"),
    "complex": (X * 1j, "[Cc]omplex"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rows_that_are_none_are_refused(case):
    rows, sentence = REFUSED[case]
    clf = classifier()
    with pytest.raises(ValueError, match=sentence):
        clf.fit(rows, THREE[: len(rows)])
    assert not hasattr(clf, "coefs_")


def test_a_batch_larger_than_the_rows_is_clipped_with_a_warning():
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than"):
        clf = classifier(batch_size=1000).fit(X, THREE)
    same(clf, classifier(batch_size=len(X)).fit(X, THREE))


SMALL = {
    "a row": (X[:1], NUMBERS[:1]),
    "a column": (X[:, :1], NUMBERS),
    "a row and a column": (X[:1, :1], NUMBERS[:1]),
    "a column twice": (X[:, [0, 0]], NUMBERS),
    "a constant column": (X * [1, 0, 1, 1], NUMBERS),
}


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("case", SMALL)
def test_small_tables_are_fitted(case, solver):
    rows, y = SMALL[case]
    reg = cr.MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, solver=solver, random_state=0)
    assert reg.fit(rows, y).predict(rows).shape == y.shape
    clf = cr.MLPClassifier((3,), max_iter=3, solver=solver, random_state=0)
    assert clf.fit(rows, (y > 0).astype(int)).predict(rows).shape == y.shape


# ------------------------------------------------------------ one row, quickly


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("of_row", [np.float32, np.float64])
def test_a_single_row_is_predicted_as_among_others(dtype, of_row):
    rows = X.astype(of_row)
    clf = classifier(hidden_layer_sizes=(30, 20)).fit(X.astype(dtype), THREE)
    many = clf.predict_proba(rows)
    assert many.dtype == dtype
    for k in range(10):
        one = clf.predict_proba(rows[k : k + 1])
        assert one.dtype == dtype
        np.testing.assert_allclose(one[0], many[k], rtol=2e-6 if dtype == np.float32 else 1e-13)
        if of_row == np.float64:  # as a list it is looked at by scikit-learn
            np.testing.assert_array_equal(one, clf.predict_proba(rows[k : k + 1].tolist()))


STRICT = {
    "NaN": (X[:1] * np.nan, "contains NaN"),
    "infinite": (np.full((1, 4), np.inf), "contains infinity"),
    "narrow": (X[:1, :3], "X has 3 features, but MLPClassifier is expecting 4 features"),
    "wide": (np.hstack([X, X])[:1], "X has 8 features, but MLPClassifier is expecting 4"),
    "flat": (X[0], "Expected 2D array, got 1D array"),
    "text": (np.array([["a", "b", "c", "d"]]), "could not convert"),
    "complex": (X[:1] * 1j, "[Cc]omplex"),
    "deep": (X[None, :1], "dim 3"),
}


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("case", STRICT)
def test_a_single_row_is_checked_like_many(case, method):
    row, sentence = STRICT[case]
    with pytest.raises(ValueError, match=sentence):
        getattr(classifier().fit(X, THREE), method)(row)


@pytest.mark.parametrize("rows", [1, 5])
def test_names_that_are_missing_are_missed(rows):
    clf = classifier().fit(pd.DataFrame(X, columns=list("abcd")), THREE)
    with pytest.warns(UserWarning, match="does not have valid feature names, but MLPClassifier"):
        clf.predict(X[:rows])


@pytest.mark.parametrize("rows", [1, 5])
def test_names_that_are_wrong_are_refused(rows):
    clf = classifier().fit(pd.DataFrame(X, columns=list("abcd")), THREE)
    with pytest.raises(ValueError, match="The feature names should match"):
        clf.predict(pd.DataFrame(X[:rows], columns=list("abce")))
    with pytest.raises(ValueError, match="The feature names should match"):
        clf.partial_fit(pd.DataFrame(X, columns=list("dcba")), THREE)


@pytest.mark.parametrize("rows", [1, 5])
def test_names_that_were_not_there_are_a_warning(rows):
    clf = classifier().fit(X, THREE)
    with pytest.warns(UserWarning, match="X has feature names, but MLPClassifier was fitted"):
        clf.predict(pd.DataFrame(X[:rows], columns=list("abcd")))


@pytest.mark.parametrize("early", [False, True])
def test_a_data_frame_is_its_values_without_a_warning(early):
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abcd")).assign(a=X[:, 0])
    labels = pd.Series(np.array(["x", "y", "z"])[THREE], dtype="category")
    scoring = "accuracy" if early else None
    clf = classifier(early_stopping=early, scoring=scoring).fit(frame, labels)
    other = classifier(early_stopping=early, scoring=scoring).fit(frame.to_numpy(), labels)
    same(clf, other)
    assert list(clf.feature_names_in_) == list("abcd")
    assert set(clf.predict(frame)) <= set("xyz")
    assert clf.predict(frame[:1])[0] == clf.predict(frame)[0]


def test_polars_frames_are_taken():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(X, schema=list("abcd"))
    clf = classifier().fit(frame, polars.Series(np.array(["x", "y", "z"])[THREE]))
    assert list(clf.feature_names_in_) == list("abcd")
    np.testing.assert_array_equal(
        clf.predict(frame), classifier().fit(X, np.array(["x", "y", "z"])[THREE]).predict(X)
    )


# ------------------------------------------------------------ what is left behind


def test_the_attributes_are_scikit_learns():
    for name, y in (("MLPClassifier", THREE), ("MLPRegressor", NUMBERS)):
        for early in (False, True):
            ours, them = (
                getattr(module, name)(early_stopping=early, **FEW).fit(X, y)
                for module in (cr, theirs)
            )
            for attribute, value in vars(them).items():
                if attribute.endswith("_") and not attribute.startswith("_"):
                    mine = getattr(ours, attribute)
                    numbers = isinstance(mine, Real) and isinstance(value, Real)
                    assert type(mine) is type(value) or numbers, attribute


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_counts_go_on_as_scikit_learns(solver):
    pair = [module.MLPClassifier(solver=solver, warm_start=True, **FEW) for module in (cr, theirs)]
    counts = []
    for clf in pair:
        seen = []
        for call in (clf.fit, clf.partial_fit, clf.fit):
            call(X, THREE)
            seen.append((clf.n_iter_, clf.t_, len(clf.loss_curve_), clf.n_layers_))
        counts.append(seen)
    assert counts[0] == counts[1]


@pytest.mark.parametrize("scale", [1e200, 1e300])
def test_a_training_that_diverges_says_so(scale):
    with (
        pytest.raises(ValueError, match="Solver produced non-finite parameter weights"),
        np.errstate(all="ignore"),
    ):
        regressor(solver="sgd", learning_rate_init=10.0).fit(X * scale, NUMBERS)


def test_a_training_that_diverges_later_keeps_the_best_weights_of_early_stopping():
    def explode(epoch):
        if epoch.number == 3:
            epoch.network.vector[:] = 1e308

    reg = regressor(early_stopping=True, callbacks=[explode], max_iter=9)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        reg.fit(X, NUMBERS)
    assert any("the weights of the best epoch are kept" in str(w.message) for w in said)
    assert np.isfinite(reg.predict(X)).all()
    assert reg.stopped_.startswith("diverged at step")


def _interrupting():
    """A callback that presses Ctrl-C behind the third epoch, once."""
    done = []

    def interrupt(epoch):
        if epoch.number == 3 and not done:
            done.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    return interrupt


ENDLESS = {"max_iter": 20_000, "tol": 0, "n_iter_no_change": 20_000}


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_an_interruption_keeps_a_fitted_estimator(options):
    clf = classifier(callbacks=[_interrupting()], **options | ENDLESS)
    with pytest.warns(UserWarning, match="training was interrupted") as said:
        clf.fit(X, THREE)
    assert len(said) == 1
    assert clf.stopped_ == "interrupted"
    assert 3 <= clf.n_iter_ < 20_000
    assert len(clf.loss_curve_) == clf.n_iter_
    assert set(clf.predict(X)) <= {0, 1, 2}


@pytest.mark.parametrize("early", [False, True])
def test_an_interruption_between_two_questions_loses_no_epoch(early, monkeypatch):
    run, pressed = Executor.run, []

    def interrupted(self, epoch):
        if self.program.ranges and not pressed and self.epoch == (3 if early else 0):
            pressed.append(run(self, 4))
            raise KeyboardInterrupt
        return run(self, epoch)

    expected = classifier(max_iter=4, n_iter_no_change=9, early_stopping=early).fit(X, THREE)
    monkeypatch.setattr(Executor, "run", interrupted)
    clf = classifier(max_iter=50, n_iter_no_change=9, early_stopping=early)
    with pytest.warns(UserWarning, match="training was interrupted"):
        clf.fit(X, THREE)
    assert (clf.n_iter_, clf.t_) == (4, expected.t_)
    assert clf.loss_curve_ == expected.loss_curve_
    assert clf.loss_ == expected.loss_
    if early:
        assert clf.validation_scores_[:3] == expected.validation_scores_[:3]
        assert np.isnan([clf.validation_scores_[3], clf.validation_loss_curve_[3]]).all()
    else:
        assert clf.best_loss_ == expected.best_loss_
        same(clf, expected)


def test_an_interruption_of_several_networks_leaves_those_of_the_last_fit(monkeypatch):
    clf = classifier(n_estimators=2).fit(X, THREE)
    before = clf.predict_proba(X)
    real, interrupt = fitting.train, _interrupting()

    def train(*args, callbacks, **rest):
        return real(*args, callbacks=[*callbacks, interrupt], **rest)

    monkeypatch.setattr(fitting, "train", train)
    with pytest.raises(KeyboardInterrupt):
        clf.set_params(**ENDLESS).fit(X, THREE)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_the_network_can_be_looked_into():
    X, y = load_iris(return_X_y=True)
    clf = cr.MLPClassifier((5,), max_iter=3, random_state=0).fit(X, y)
    trace = cr.trace(clf.network_, X[:1], y[:1])
    np.testing.assert_allclose(trace["a2"], clf.predict_proba(X[:1]), rtol=1e-12)
    assert cr.gradcheck(clf.network_, X[:10], y[:10]).ok


def test_before_a_fit_there_is_nothing_to_predict():
    from sklearn.exceptions import NotFittedError

    for estimator in (classifier(), regressor(), regressor(n_estimators=2)):
        for rows in (X, X[:1]):
            with pytest.raises(NotFittedError, match="is not fitted yet"):
                estimator.predict(rows)


def test_lbfgs_has_no_batches_to_clip(recwarn):
    classifier(solver="lbfgs", batch_size=500, max_iter=500).fit(X, BINARY)
    assert not [w for w in recwarn if "batch_size" in str(w.message)]


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_weights_whose_outputs_overflow_are_refused(call):
    """They are finite themselves, as the last step was too large and none comes after it."""
    reg = regressor(learning_rate_init=1e300, max_iter=1, batch_size=len(X))
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        getattr(reg, call)(X, NUMBERS)
