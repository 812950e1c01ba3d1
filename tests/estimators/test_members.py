"""Several networks in place of one: averaged, and their spread is the uncertainty."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from tests.estimators.data import BINARY, LABELS, NUMBERS, THREE, X, classifier, regressor, same

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("kind", LABELS)
def test_probabilities_are_the_mean_of_the_members(kind):
    clf = classifier(n_estimators=3).fit(X, LABELS[kind])
    each = np.stack([member.predict_proba(X) for member in clf.estimators_])
    mean, std = clf.predict_proba(X, return_std=True)
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, each.std(axis=0), atol=1e-12)
    np.testing.assert_allclose(clf.predict_proba(X), mean, rtol=1e-12)
    assert clf.predict(X).shape == LABELS[kind].shape
    if kind == "three classes":
        np.testing.assert_array_equal(clf.predict(X), mean.argmax(axis=1))


@pytest.mark.parametrize("targets", [1, 2])
def test_predictions_have_a_standard_deviation(targets):
    y = NUMBERS if targets == 1 else np.stack([NUMBERS, -NUMBERS], axis=1)
    reg = regressor(n_estimators=3).fit(X, y)
    each = np.stack([member.predict(X) for member in reg.estimators_])
    mean, std = reg.predict(X, return_std=True)
    np.testing.assert_allclose(mean, each.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, each.std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(reg.predict(X), mean, rtol=1e-12)
    assert mean.shape == std.shape == y.shape


def test_members_with_variances_are_a_mixture():
    reg = regressor(loss="gaussian", n_estimators=3).fit(X, NUMBERS)
    pairs = [member.predict(X, return_std=True) for member in reg.estimators_]
    means, stds = (np.stack(part) for part in zip(*pairs, strict=True))
    mean, std = reg.predict(X, return_std=True)
    np.testing.assert_allclose(mean, means.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std**2, means.var(axis=0) + (stds**2).mean(axis=0), rtol=1e-9)


def test_a_single_network_without_variances_has_no_deviation():
    with pytest.raises(ValueError, match="return_std needs loss='gaussian' or n_estimators"):
        regressor().fit(X, NUMBERS).predict(X, return_std=True)


def test_the_threads_change_no_bit():
    one, two = (classifier(n_estimators=3, n_jobs=n).fit(X, THREE) for n in (1, 2))
    for a, b in zip(one.estimators_, two.estimators_, strict=True):
        same(a, b)


def test_members_start_from_places_of_their_own():
    first, second, _ = regressor(n_estimators=3).fit(X, NUMBERS).estimators_
    assert not np.array_equal(first.coefs_[0], second.coefs_[0])


def test_a_member_is_an_estimator_of_its_own():
    clf = classifier(n_estimators=2).fit(X, np.array(["a", "b"])[BINARY])
    member = clf.estimators_[0]
    assert set(member.predict(X)) <= {"a", "b"}
    same(member, clone(member).fit(X, np.array(["a", "b"])[BINARY]))


@pytest.mark.parametrize("incremental", [False, True])
def test_members_go_on_bit_for_bit(incremental):
    once = regressor(n_estimators=2, max_iter=4).fit(X, NUMBERS)
    parts = regressor(n_estimators=2, max_iter=2, warm_start=True)
    if incremental:
        for _ in range(4):
            parts.partial_fit(X, NUMBERS)
    else:
        parts.fit(X, NUMBERS).fit(X, NUMBERS)
    for a, b in zip(once.estimators_, parts.estimators_, strict=True):
        same(a, b)


def test_a_copy_predicts_the_same():
    reg = regressor(n_estimators=2).fit(X, NUMBERS)
    copy = pickle.loads(pickle.dumps(reg))
    np.testing.assert_array_equal(copy.predict(X), reg.predict(X))
    np.testing.assert_array_equal(copy.predict(X[:1]), reg.predict(X[:1]))


def test_a_number_changed_after_the_fit_changes_no_prediction():
    reg = regressor(n_estimators=2).fit(X, NUMBERS)
    before = reg.predict(X)
    np.testing.assert_array_equal(reg.set_params(n_estimators=1).predict(X), before)


def test_a_fit_of_one_network_after_several_is_of_one():
    reg = regressor(n_estimators=2).fit(X, NUMBERS)
    reg.set_params(n_estimators=1).fit(X, -NUMBERS)
    np.testing.assert_array_equal(reg.predict(X), regressor().fit(X, -NUMBERS).predict(X))
    reg.set_params(n_estimators=2).fit(X, NUMBERS)
    several = regressor(n_estimators=2).fit(X, NUMBERS)
    np.testing.assert_array_equal(reg.predict(X), several.predict(X))
    np.testing.assert_array_equal(reg.predict(X[:1]), several.predict(X[:1]))


@pytest.mark.parametrize(("before", "after"), [(2, 3), (1, 2), (2, 1)])
def test_a_warm_start_goes_on_with_as_many(before, after):
    reg = regressor(n_estimators=before, warm_start=True).fit(X, NUMBERS)
    predicted = reg.predict(X)
    reg.set_params(n_estimators=after)
    for go_on in (reg.fit, reg.partial_fit):
        with pytest.raises(ValueError, match=f"n_estimators is {after}, and {before} "):
            go_on(X, NUMBERS)
    np.testing.assert_array_equal(reg.predict(X), predicted)


def test_the_weights_are_those_of_the_last_fit_alone():
    reg = regressor().fit(X, NUMBERS)
    reg.set_params(n_estimators=2).fit(X, NUMBERS)
    assert not hasattr(reg, "coefs_")
    assert not hasattr(reg, "loss_curve_")
    reg.set_params(n_estimators=1).fit(X, NUMBERS)
    assert not hasattr(reg, "estimators_")


def test_members_are_judged_by_the_same_rows():
    clf = classifier(n_estimators=2, early_stopping=True)
    clf.fit(X[20:], THREE[20:], X_val=X[:20], y_val=THREE[:20])
    for member in clf.estimators_:
        assert member.score(X[:20], THREE[:20]) == member.best_validation_score_


def test_callbacks_belong_to_one_training():
    with pytest.raises(ValueError, match="they cannot be used with n_estimators"):
        regressor(n_estimators=2, callbacks=[print]).fit(X, NUMBERS)


def test_a_fit_that_fails_leaves_the_networks_of_the_last():
    reg = regressor(n_estimators=2).fit(X, NUMBERS)
    before = reg.predict(X)
    with pytest.raises(ValueError, match="threshold"):
        reg.set_params(activation="threshold").fit(X, NUMBERS)
    np.testing.assert_array_equal(reg.predict(X), before)


def test_a_member_knows_the_names_of_a_frame(recwarn):
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = classifier(n_estimators=2).fit(frame, BINARY)
    clf.estimators_[0].predict(frame)
    assert not [w for w in recwarn if "feature names" in str(w.message)]


def test_one_network_has_no_spread():
    with pytest.raises(ValueError, match="return_std needs n_estimators of 2 and more"):
        classifier().fit(X, BINARY).predict_proba(X, return_std=True)
