"""Rows to judge a training by: a share held out or one's own, and any figure."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    make_scorer,
    mean_poisson_deviance,
    r2_score,
)
from sklearn.model_selection import train_test_split
from tests.estimators.data import (
    BINARY,
    LABELS,
    NUMBERS,
    SEVERAL,
    THREE,
    X,
    classifier,
    regressor,
    same,
)  # fmt: skip

from chainrule.estimators import fitting
from chainrule.estimators.validation import accuracy, r2
from chainrule.losses import losses

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


@pytest.mark.parametrize("loss", ["poisson", losses["poisson"]], ids=["name", "entry"])
@pytest.mark.parametrize("scoring", [None, "loss"])
def test_the_poisson_loss_of_any_rows_is_half_their_deviance(loss, scoring):
    counts = np.random.default_rng(3).poisson(2, len(X))
    counts[A] *= 3  # so that the two sets have nothing in common
    reg = regressor(loss=loss, alpha=0, early_stopping=True, scoring=scoring)
    reg.fit(X[A], counts[A], X_val=X[B], y_val=counts[B], sample_weight=1.0 + np.arange(len(X[A])))
    best = int(np.argmax(reg.validation_scores_))
    expected = mean_poisson_deviance(counts[B], reg.predict(X[B])) / 2
    assert reg.validation_loss_curve_[best] == pytest.approx(expected)
    if scoring:
        assert reg.best_validation_score_ == pytest.approx(-expected)


def test_rows_to_judge_by_change_no_weight():
    same(
        classifier().fit(X[A], BINARY[A], X_val=X[B], y_val=BINARY[B]),
        classifier().fit(X[A], BINARY[A]),
    )


def _drawn_weights(random):
    """What the network of the data's estimators draws before anything else."""
    random.uniform(size=(4 + 1) * 6)
    random.uniform(size=6 + 1)


def _held_out(share, strata):
    """The rows that scikit-learn would hold out."""
    random = np.random.RandomState(0)
    _drawn_weights(random)
    every = np.arange(len(X))
    return train_test_split(every, test_size=share, stratify=strata, random_state=random)[1]


def test_the_share_held_out_is_the_one_that_scikit_learn_would_hold_out():
    early = classifier(early_stopping=True, validation_fraction=0.25, tol=0, alpha=0)
    early.set_params(batch_size=45, shuffle=False).fit(X, BINARY)
    held = _held_out(0.25, BINARY)
    random = np.random.RandomState(0)
    _drawn_weights(random)
    kept, _ = train_test_split(
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


@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_sample_weights_are_held_out_with_their_rows(scoring):
    weights = np.random.default_rng(1).uniform(0, 9, len(X))
    early = classifier(early_stopping=True, validation_fraction=0.25, tol=0, scoring=scoring)
    early.fit(X, BINARY, sample_weight=weights)
    held = _held_out(0.25, BINARY)
    expected = accuracy_score(BINARY[held], early.predict(X[held]), sample_weight=weights[held])
    assert early.best_validation_score_ == pytest.approx(expected)
    assert expected != accuracy_score(BINARY[held], early.predict(X[held]))


def test_a_warm_start_is_judged_by_the_rows_that_it_was_judged_by(monkeypatch):
    judged = []
    seen = fitting.OfOutputs
    monkeypatch.setattr(
        fitting, "OfOutputs", lambda net, X, figure: judged.append(X) or seen(net, X, figure)
    )
    early = classifier(early_stopping=True, warm_start=True)
    for _ in range(3):
        early.fit(X, BINARY)
    early.partial_fit(X, BINARY)
    for rows in judged[1:]:
        np.testing.assert_array_equal(rows, judged[0])


@pytest.mark.parametrize("large", [1e300, 1.7e308])
def test_weights_whose_sum_overflows_judge_as_if_they_were_one(large):
    y, outputs = NUMBERS[:, None], NUMBERS[:, None] + 0.5
    weights = np.full(len(X), large)
    assert r2(y, weights)(outputs) == pytest.approx(r2(y, None)(outputs))
    assert accuracy(lambda out: out > 0.7, y > 0.5, weights)(outputs) == pytest.approx(
        accuracy(lambda out: out > 0.7, y > 0.5, None)(outputs)
    )


def test_rows_that_all_weigh_nothing_are_refused_in_a_sentence():
    counts = np.random.default_rng(3).poisson(2, len(X))
    reg = regressor(loss="poisson", early_stopping=True)
    held = _held_out(0.1, None)
    weights = np.zeros(len(X))
    weights[held] = 1.0
    with pytest.raises(ValueError, match="the weights of the examples sum to 0"):
        reg.fit(X, counts, sample_weight=weights)


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
