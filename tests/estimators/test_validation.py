"""Rows to judge a training by: a share held out or one's own, and any figure."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import accuracy_score, f1_score, log_loss, make_scorer, r2_score
from sklearn.model_selection import train_test_split
from tests.estimators.data import (
    BINARY,
    LABELS,
    NUMBERS,
    RNG,
    SEVERAL,
    THREE,
    X,
    classifier,
    regressor,
    same,
)  # fmt: skip

import chainrule as cr
from chainrule.estimators.validation import accuracy, r2

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

A, B = slice(20, None), slice(0, 20)  # to train on, to judge by


@pytest.mark.parametrize("kind", LABELS)
def test_own_rows_are_scored_after_each_epoch(kind):
    y = LABELS[kind]
    clf = classifier().fit(X[A], y[A], X_val=X[B], y_val=y[B])
    assert len(clf.validation_scores_) == len(clf.validation_loss_curve_) == 4
    assert clf.validation_scores_[-1] == accuracy_score(y[B], clf.predict(X[B]))
    assert clf.best_validation_score_ == max(clf.validation_scores_)


def test_the_validation_loss_is_the_mean_loss_of_the_rows():
    clf = classifier(alpha=0).fit(X[A], THREE[A], X_val=X[B], y_val=THREE[B])
    expected = log_loss(THREE[B], clf.predict_proba(X[B]), labels=[0, 1, 2])
    assert clf.validation_loss_curve_[-1] == pytest.approx(expected)
    counts = RNG.poisson(2, len(X))
    reg = regressor(loss="poisson", alpha=0).fit(X[A], counts[A], X_val=X[A], y_val=counts[A])
    reg.partial_fit(X[A], counts[A], X_val=X[B], y_val=counts[B])
    assert len(reg.validation_loss_curve_) == 5


def test_rows_to_judge_by_change_no_weight():
    same(
        classifier().fit(X[A], BINARY[A], X_val=X[B], y_val=BINARY[B]),
        classifier().fit(X[A], BINARY[A]),
    )


def test_the_share_held_out_is_the_one_that_scikit_learn_would_hold_out():
    early = classifier(early_stopping=True, validation_fraction=0.25, tol=0, alpha=0)
    early.set_params(batch_size=45, shuffle=False).fit(X, BINARY)
    random = np.random.RandomState(0)  # which draws the weights first
    random.uniform(size=(4 + 1) * 6)
    random.uniform(size=6 + 1)
    kept, held = train_test_split(
        np.arange(len(X)), test_size=0.25, stratify=BINARY, random_state=random
    )
    own = classifier(early_stopping=True, tol=0, alpha=0, batch_size=45, shuffle=False)
    own.fit(X[kept], BINARY[kept], X_val=X[held], y_val=BINARY[held])
    same(early, own)
    assert early.validation_scores_ == own.validation_scores_


def test_a_share_too_small_is_refused():
    with pytest.raises(ValueError, match="The validation set is too small"):
        regressor(early_stopping=True, validation_fraction=0.01).fit(X, NUMBERS)


@pytest.mark.parametrize("given", [{"X_val": X[B]}, {"y_val": BINARY[B]}])
def test_rows_and_targets_belong_together(given):
    with pytest.raises(ValueError, match="X_val and y_val belong together"):
        classifier().fit(X[A], BINARY[A], **given)


@pytest.mark.parametrize(
    ("X_val", "y_val", "sentence"),
    [
        (X[B, :3], THREE[B], "X has 3 features"),
        (X[B], THREE[A], "inconsistent numbers of samples"),
        (X[B] * np.nan, THREE[B], "NaN"),
        (X[B], THREE[B] + 5, "classes not in `self.classes_`"),
        (X[:0], THREE[:0], "0 sample"),
    ],
)
def test_rows_to_judge_by_are_checked_like_the_others(X_val, y_val, sentence):
    with pytest.raises(ValueError, match=sentence):
        classifier().fit(X[A], THREE[A], X_val=X_val, y_val=y_val)


def test_targets_to_judge_by_have_the_columns_of_the_others():
    Y = np.stack([NUMBERS, NUMBERS], axis=1)
    with pytest.raises(ValueError, match=r"column|shape|targets"):
        regressor().fit(X[A], Y[A], X_val=X[B], y_val=NUMBERS[B])
    with pytest.raises(ValueError, match=r"column|classes"):
        classifier().fit(X[A], SEVERAL[A], X_val=X[B], y_val=SEVERAL[B, :2])


def test_rows_to_judge_by_may_be_sparse_or_of_another_dtype():
    one = classifier().fit(X[A], BINARY[A], X_val=sparse.csr_matrix(X[B]), y_val=BINARY[B])
    other = classifier().fit(X[A], BINARY[A], X_val=X[B], y_val=BINARY[B])
    single = classifier().fit(X[A], BINARY[A], X_val=X[B].astype(np.float32), y_val=BINARY[B])
    assert one.validation_scores_ == other.validation_scores_
    np.testing.assert_allclose(
        single.validation_loss_curve_, other.validation_loss_curve_, rtol=1e-5
    )


# ------------------------------------------------------------ scoring


def _brier(estimator, X, y):
    return -float(((estimator.predict_proba(X)[:, 1] - y) ** 2).mean())


SCORERS = {
    "f1": ("f1", lambda clf: f1_score(BINARY[B], clf.predict(X[B]))),
    "neg_log_loss": ("neg_log_loss", lambda clf: -log_loss(BINARY[B], clf.predict_proba(X[B]))),
    "loss": ("loss", lambda clf: -clf.validation_loss_curve_[-1]),
    "made": (make_scorer(accuracy_score), lambda clf: clf.score(X[B], BINARY[B])),
    "function": (_brier, lambda clf: _brier(clf, X[B], BINARY[B])),
}


@pytest.mark.parametrize("name", SCORERS)
def test_any_score_can_be_maximised(name):
    scoring, expected = SCORERS[name]
    clf = classifier(scoring=scoring).fit(X[A], BINARY[A], X_val=X[B], y_val=BINARY[B])
    assert clf.validation_scores_[-1] == pytest.approx(expected(clf), rel=1e-12)
    assert not hasattr(clf, "_judged")


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([False, True])])
def test_a_scorer_is_given_labels_as_the_user_knows_them(labels):
    seen = []

    def scorer(_estimator, _X, y):
        seen.append(y)
        return 0.0

    classifier(scoring=scorer).fit(X[A], labels[BINARY[A]], X_val=X[B], y_val=labels[BINARY[B]])
    np.testing.assert_array_equal(seen[0], labels[BINARY[B]])
    assert seen[0].dtype == labels.dtype


def test_an_early_end_by_a_score_of_ones_own_keeps_its_best_weights():
    clf = classifier(early_stopping=True, scoring="f1_macro", max_iter=40, learning_rate_init=0.05)
    clf.fit(X[A], THREE[A], X_val=X[B], y_val=THREE[B])
    best = f1_score(THREE[B], clf.predict(X[B]), average="macro")
    assert best == clf.best_validation_score_ == max(clf.validation_scores_)


def test_an_unknown_score_is_refused_and_leaves_nothing_behind():
    clf = classifier(scoring="beauty", early_stopping=True)
    with pytest.raises(ValueError, match="'beauty' is not a valid scoring value"):
        clf.fit(X, BINARY)
    assert not hasattr(clf, "_judged")


def test_an_error_in_a_scorer_reaches_the_caller():
    def scorer(*_):
        raise RuntimeError("no score today")

    clf = classifier(scoring=scorer, early_stopping=True)
    with pytest.raises(RuntimeError, match="no score today"):
        clf.fit(X, BINARY)
    assert not hasattr(clf, "_judged")


def test_sample_weights_are_held_out_with_their_rows():
    X, y = make_multilabel_classification(80, 4, n_classes=3, random_state=0)
    weights = np.random.default_rng(1).integers(0, 3, 80).astype(float)
    options = {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 3, "random_state": 0}
    clf = cr.MLPClassifier((4,), batch_size=10, **options).fit(X, y, sample_weight=weights)
    assert len(clf.validation_scores_) == 3


# ------------------------------------------------------------ the figures themselves


def test_the_figures_are_scikit_learns():
    rng = np.random.default_rng(0)
    y, outputs, weights = rng.normal(size=(30, 3)), rng.normal(size=(30, 3)), rng.uniform(size=30)
    for w in (None, weights):
        assert r2(y, w)(outputs) == pytest.approx(r2_score(y, outputs, sample_weight=w))
        truth, guess = y > 0, outputs > 0
        assert accuracy(lambda out: out > 0, truth, w)(outputs) == pytest.approx(
            accuracy_score(truth, guess, sample_weight=w)
        )


def test_a_constant_column_is_one_if_met_and_else_zero():
    y = np.ones((5, 1))
    for outputs in (y, y + 1):
        assert r2(y, None)(outputs) == r2_score(y, outputs)
