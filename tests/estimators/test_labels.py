"""Labels of any type go in, and come out as they went in."""

import numpy as np
import pytest
from scipy import sparse
from tests.estimators.data import BINARY, SEVERAL, THREE, X, classifier, same

from chainrule.estimators.labels import Labels

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NAMES = {
    "booleans": (np.array([False, True]), BINARY),
    "texts": (np.array(["no", "yes"]), BINARY),
    "objects": (np.array(["b", "a", "c"], dtype=object), THREE),
    "negative": (np.array([-5, 3, 100]), THREE),
    "uint8": (np.array([0, 7, 255], dtype=np.uint8), THREE),
    "floats": (np.array([-1.0, 1.0]), BINARY),
}


@pytest.mark.parametrize("kind", NAMES)
def test_labels_come_back_as_they_are(kind):
    names, numbers = NAMES[kind]
    y = names[numbers]
    clf = classifier().fit(X, y)
    np.testing.assert_array_equal(clf.classes_, np.unique(names))
    found = clf.predict(X)
    assert found.dtype == (y.dtype if y.dtype != object else "<U1")  # as scikit-learn has it
    assert set(found) <= set(names)
    assert 0 <= clf.score(X, y) <= 1


@pytest.mark.parametrize("kind", NAMES)
def test_the_type_of_the_labels_changes_no_bit(kind):
    names, numbers = NAMES[kind]
    order = np.argsort(np.argsort(names))  # the places of the names in sorted order
    same(classifier().fit(X, names[numbers]), classifier().fit(X, order[numbers]))


def test_lists_of_labels_are_taken():
    y = np.array(["no", "yes"])[BINARY]
    same(classifier().fit(X.tolist(), y.tolist()), classifier().fit(X, y))


def test_a_single_class_is_learned_without_complaint():
    clf = classifier().fit(X, np.full(len(X), "only"))
    assert list(clf.classes_) == ["only"]
    assert set(clf.predict(X)) == {"only"}


def test_an_indicator_matrix_may_be_sparse():
    dense = classifier().fit(X, SEVERAL)
    same(dense, classifier().fit(X, sparse.csr_matrix(SEVERAL)))
    assert dense.predict(X).shape == SEVERAL.shape
    assert set(np.unique(dense.predict(X))) <= {0, 1}
    np.testing.assert_array_equal(dense.predict(X), dense.predict_proba(X) > 0.5)


def test_a_tie_is_the_first_class():
    labels = Labels.of(np.array(["a", "b"]))
    outputs = np.array([[0.5], [np.nextafter(0.5, 1)]])
    clf = classifier().fit(X, np.array(["a", "b"])[BINARY])
    assert labels.outputs == 1
    for array in clf.coefs_ + clf.intercepts_:
        array[:] = 0  # every output is one half
    assert set(clf.predict(X)) == {"a"}
    assert (clf.predict_proba(X) == outputs[0, 0]).all()


REFUSED = {
    "numbers": (X[:, 0], "Unknown label type"),
    "columns of classes": (np.stack([THREE, THREE], axis=1), "y has several columns of classes"),
    "three dimensions": (np.zeros((len(X), 2, 2)), "dim 3"),
    "missing": (np.where(BINARY, np.nan, 1.0), "NaN"),
    "too few": (BINARY[:-1], "inconsistent numbers of samples"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_are_no_labels_is_refused(case):
    y, sentence = REFUSED[case]
    clf = classifier()
    with pytest.raises(ValueError, match=sentence):
        clf.fit(X, y)
    assert not hasattr(clf, "coefs_")


def test_one_column_of_labels_is_taken_with_a_warning():
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning, match="1d array was expected"):
        clf = classifier().fit(X, THREE[:, None])
    same(clf, classifier().fit(X, THREE))


# ------------------------------------------------------------ classes of partial_fit


def test_partial_fit_knows_classes_that_have_not_come_yet():
    clf = classifier(batch_size=4)
    clf.partial_fit(X[THREE < 2], THREE[THREE < 2], classes=[2, 1, 0])
    assert clf.predict_proba(X).shape == (len(X), 3)
    clf.partial_fit(X[THREE == 2], THREE[THREE == 2])
    np.testing.assert_array_equal(clf.classes_, [0, 1, 2])


def test_partial_fit_of_a_single_class_among_two():
    clf = classifier().partial_fit(X, np.ones(len(X), int), classes=[0, 1])
    assert clf.n_outputs_ == 1
    assert clf.predict_proba(X).shape == (len(X), 2)


def test_the_first_partial_fit_needs_the_classes():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, THREE)


def test_later_classes_are_those_of_the_first_call():
    clf = classifier().partial_fit(X, BINARY, classes=[0, 1])
    with pytest.raises(ValueError, match="is not the same as on last call to partial_fit"):
        clf.partial_fit(X, BINARY, classes=[0, 1, 2])


@pytest.mark.parametrize(
    "y", [THREE, THREE.astype(float), THREE.astype(str)], ids=lambda y: y.dtype
)
def test_a_label_that_is_not_among_the_classes_is_refused(y):
    clf = classifier().partial_fit(X, BINARY, classes=[0, 1])
    before = [w.copy() for w in clf.coefs_]
    with pytest.raises(ValueError, match=r"classes not in `self.classes_`|unlike|mix of label"):
        clf.partial_fit(X, y)
    for a, b in zip(before, clf.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_later_indicators_have_the_columns_of_the_first():
    clf = classifier().partial_fit(X, SEVERAL)
    for wrong in (SEVERAL[:, :2], np.hstack([SEVERAL, SEVERAL]), BINARY):
        with pytest.raises(ValueError, match=r"column|classes|multilabel|mix"):
            clf.partial_fit(X, wrong)


def test_a_warm_start_refuses_other_classes():
    clf = classifier(warm_start=True).fit(X, THREE)
    with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same"):
        clf.fit(X, BINARY)


def test_without_a_warm_start_a_fit_may_have_other_classes():
    clf = classifier().fit(X, THREE).fit(X, np.array(["x", "y"])[BINARY])
    same(clf, classifier().fit(X, BINARY))
