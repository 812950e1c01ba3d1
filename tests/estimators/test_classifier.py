"""The classifier: losses, class weights, probabilities."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight
from tests.estimators.data import BINARY, LABELS, SEVERAL, THREE, X, classifier, same

from chainrule.losses import losses

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OF_CLASSES = ["log_loss"] + [
    loss.name for loss in losses
    if loss.outputs_per_target == 1 and loss.predicts in ("targets", "scores")
]  # fmt: skip
#: Every loss with every kind of labels that it takes.
SUITED = pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind) for name in OF_CLASSES for kind in LABELS
        if name == "log_loss" or kind == "three classes" or not losses[name].distribution
    ],
)  # fmt: skip


@SUITED
def test_every_loss_of_classes_learns_every_kind_of_labels(name, kind):
    y = LABELS[kind]
    clf = classifier(loss=name, max_iter=150, learning_rate_init=0.02, n_iter_no_change=150)
    clf.fit(X, y)
    assert clf.loss_ < clf.loss_curve_[0]
    assert clf.predict(X).shape == y.shape
    # A sum over the batch takes steps so many times larger.
    assert clf.score(X, y) > (0.7 if name == "log_loss" or losses[name].mean else 0.5)


@pytest.mark.parametrize("kind", [kind for kind in LABELS if kind != "three classes"])
@pytest.mark.parametrize("name", [loss.name for loss in losses if loss.distribution])
def test_a_distribution_over_classes_is_for_three_and_more(name, kind):
    with pytest.raises(ValueError, match="is for three classes and more: use 'log_loss'"):
        classifier(loss=name).fit(X, LABELS[kind])


@SUITED
def test_only_scores_have_no_probabilities(name, kind):
    clf = classifier(loss=name).fit(X, LABELS[kind])
    if name != "log_loss" and losses[name].predicts == "scores":
        assert not hasattr(clf, "predict_proba")
        assert not hasattr(clf, "predict_log_proba")
        return
    p = clf.predict_proba(X)
    assert p.shape == (len(X), 2 if kind == "binary" else 3)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_array_equal(clf.predict_log_proba(X), np.log(p))


def test_the_probabilities_of_softmax_and_logistic_sum_to_one():
    for y in (BINARY, THREE):
        p = classifier().fit(X, y).predict_proba(X)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


def test_hinge_decides_at_zero():
    clf = classifier(loss="hinge", max_iter=60, learning_rate_init=0.02).fit(X, BINARY)
    scores = clf.network_.predict(X)[:, 0]
    np.testing.assert_array_equal(clf.predict(X), scores > 0)
    assert ((scores > 0) & (scores < 0.5)).any()


def test_a_loss_may_have_a_parameter_or_be_an_object():
    plain = classifier(loss="focal").fit(X, THREE)
    same(classifier(loss=losses["focal"]).fit(X, THREE), plain)
    sharper = classifier(loss="focal(0.5)").fit(X, THREE)
    same(classifier(loss=losses["focal"](0.5)).fit(X, THREE), sharper)
    assert sharper.loss_ > 1.5 * plain.loss_


def test_a_probability_of_zero_has_a_logarithm_without_a_warning():
    clf = classifier().fit(X, BINARY)
    clf.coefs_[-1][:] = 0
    clf.intercepts_[-1][:] = -1e4
    assert clf.predict_log_proba(X)[0, 1] == -np.inf
    assert clf.predict_log_proba(X[:1])[0, 0] == 0


# ------------------------------------------------------------ class weights


@pytest.mark.parametrize("y", [BINARY, THREE, np.array(["a", "b", "c"])[THREE]], ids=str)
def test_balanced_weights_are_the_matching_sample_weights(y):
    same(
        classifier(class_weight="balanced").fit(X, y),
        classifier().fit(X, y, sample_weight=compute_sample_weight("balanced", y)),
    )


def test_weights_by_label_are_the_matching_sample_weights():
    y = np.array(["ill", "well"])[BINARY]
    weights = np.where(y == "ill", 5.0, 1.0)
    same(classifier(class_weight={"ill": 5}).fit(X, y), classifier().fit(X, y, weights))


def test_class_weights_multiply_sample_weights():
    own = np.random.default_rng(0).uniform(0.5, 2, len(X))
    same(
        classifier(class_weight={0: 3, 1: 1}).fit(X, BINARY, own),
        classifier().fit(X, BINARY, own * np.where(BINARY == 0, 3.0, 1.0)),
    )


def test_equal_class_weights_change_nothing():
    weighted = classifier(class_weight={0: 1, 1: 1}).fit(X, BINARY)
    plain = classifier().fit(X, BINARY)
    np.testing.assert_allclose(weighted.coefs_[0], plain.coefs_[0], rtol=1e-12)


def test_partial_fit_takes_weights_by_label_of_classes_that_have_not_come():
    clf = classifier(class_weight={0: 1.0, 1: 2.0, 2: 3.0}, batch_size=4)
    two = THREE < 2
    clf.partial_fit(X[two], THREE[two], classes=[0, 1, 2])
    own = classifier(batch_size=4)
    own.partial_fit(
        X[two], THREE[two], classes=[0, 1, 2], sample_weight=np.where(THREE[two] == 1, 2.0, 1.0)
    )
    same(clf, own)


# ------------------------------------------------------------ sample weights


def test_a_row_of_weight_two_is_two_rows_on_full_batches():
    options = {"batch_size": len(X), "shuffle": False, "alpha": 0.1}
    weights = np.ones(len(X))
    weights[:10] = 2
    heavy = classifier(**options).fit(X, THREE, weights)
    rows = np.r_[np.arange(len(X)), np.arange(10)]
    twice = classifier(**options | {"batch_size": len(rows)}).fit(X[rows], THREE[rows])
    np.testing.assert_allclose(heavy.coefs_[0], twice.coefs_[0], rtol=1e-9)
    np.testing.assert_allclose(heavy.loss_curve_, twice.loss_curve_, rtol=1e-12)


def test_a_row_of_weight_zero_is_not_there():
    options = {"batch_size": len(X), "shuffle": False}
    weights = np.r_[np.ones(50), np.zeros(10)]
    light = classifier(**options).fit(X, THREE, weights)
    without = classifier(**options | {"batch_size": 50}).fit(X[:50], THREE[:50])
    np.testing.assert_allclose(light.coefs_[0], without.coefs_[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (-np.ones(len(X)), "Negative values"),
        (np.ones(3), "sample_weight.shape"),
        (np.full(len(X), np.nan), "NaN"),
        (np.zeros(len(X)), "weight"),
    ],
    ids=["negative", "few", "NaN", "zero"],
)
def test_weights_that_mean_nothing_are_refused(weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        classifier().fit(X, BINARY, weights)


def test_several_labels_take_sample_weights():
    weights = np.random.default_rng(0).uniform(0.5, 2, len(X))
    plain, weighted = classifier().fit(X, SEVERAL), classifier().fit(X, SEVERAL, weights)
    assert not np.array_equal(plain.coefs_[0], weighted.coefs_[0])
