"""What does not fit is refused before any work."""

import warnings

import numpy as np
import pytest
from tests.training.problems import ROWS, classes, classifier, same, trained

import chainrule as cr

# ------------------------------------------------------------------ what is refused

X0, Y0 = classes()

WRONG = {
    "no epochs": ({"epochs": 0}, "epochs must be a whole number of at least 1, not 0"),
    "negative epochs": ({"epochs": -1}, "epochs must be .*, not -1"),
    "half an epoch": ({"epochs": 1.5}, "epochs must be .*, not 1.5"),
    "a word of epochs": ({"epochs": "ten"}, "epochs must be .*, not 'ten'"),
    "true epochs": ({"epochs": True}, "epochs must be .*, not True"),
    "empty batches": ({"batch_size": 0}, "batch_size must be a whole number .*, not 0"),
    "half a row": ({"batch_size": 2.5}, "batch_size must be .*, not 2.5"),
    "negative seed": ({"seed": -1}, "seed must be a whole number from 0 .*, not -1"),
    "a word as seed": ({"seed": "x"}, "seed must be .*, not 'x'"),
    "a word as seed of a split": ({"seed": "x", "validation_share": 0.2}, "seed must be"),
    "no threads": ({"threads": 0}, "threads must be a whole number of at least 1, not 0"),
    "half a thread": ({"threads": 1.5}, "threads must be .*, not 1.5"),
    "unknown optimizer": ({"optimizer": "adadelta"}, "unknown optimizer 'adadelta'; there are ada"),
    "unknown value of one": ({"optimizer": "adam(beta=0.5)"},
                             "the optimizer 'adam' has no 'beta'; it can have learning_rate"),
    "a value out of range": ({"optimizer": "adam(beta1=1)"}, r"beta1 of adam must be in \[0, 1\)"),
    "no optimizer": ({"optimizer": 0.1}, "an optimizer is a specification or a name, not 0.1"),
    "a class": ({"optimizer": cr.Adam}, "an optimizer is a specification or a name, not"),
    "unknown metric": ({"metrics": ["auc"]}, "unknown metric 'auc'; there are accuracy"),
    "a metric alone": ({"metrics": "accuracy"}, "metrics"),
    "no callback": ({"callbacks": [3]}, "callbacks must be functions of an Epoch"),
    "a callback alone": ({"callbacks": cr.Converged()}, "callbacks must be"),
    "nothing held out": ({"validation_share": 0}, "must be between 0 and 1, not 0"),
    "all held out": ({"validation_share": 1.0}, "validation_share must be .*, not 1.0"),
    "too little held out": ({"validation_share": 0.001}, "of 37 rows leaves one side empty"),
    "a word held out": ({"validation_share": "some"}, "validation_share must be .*, not 'some'"),
    "both validations": ({"validation_share": 0.5, "validation_data": (X0, Y0)}, "not both"),
    "half a validation": ({"validation_data": (X0,)}, "validation_data must be a pair"),
    "no validation": ({"validation_data": 3}, "validation_data must be a pair"),
    "wide validation": ({"validation_data": (np.ones((2, 4)), [0, 1])},
                        "validation X has 4 features, and the network takes 3"),
    "wrong validation": ({"validation_data": (X0[:2], [0, 9])}, "validation y holds the class 9"),
    "empty validation": ({"validation_data": (X0[:0], [])}, "validation X has no rows"),
    "few weights": ({"sample_weight": [1.0]}, r"sample_weight has the shape \(1,\), and X has 37"),
    "negative weights": ({"sample_weight": -np.ones(ROWS)}, "sample_weight must not be negative"),
    "nan weights": ({"sample_weight": np.full(ROWS, np.nan)}, r"sample_weight\[0\] is nan"),
    "zero weights": ({"sample_weight": np.zeros(ROWS)}, "the weights of the examples sum to 0"),
    "words as weights": ({"sample_weight": ["a"] * ROWS}, "sample_weight must be numbers"),
    "unknown class weight": ({"class_weight": "even"}, "'balanced' or a mapping, not 'even'"),
    "weight of no class": ({"class_weight": {9: 1.0}}, "names the class 9, which does not occur"),
    "negative class weight": ({"class_weight": {0: -1.0}}, "of class 0 must be at least 0, not -1"),
    "nan class weight": ({"class_weight": {0: np.nan}}, "of class 0 must be at least 0, not nan"),
    "word as class weight": ({"class_weight": {0: "a"}}, "of class 0 must be"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused_before_any_work(case):
    options, message = WRONG[case]
    net = classifier()
    before, calls = net.vector.copy(), []
    options.setdefault("callbacks", [calls.append])
    with pytest.raises(ValueError, match=message):
        cr.train(net, X0, Y0, **options)
    np.testing.assert_array_equal(net.vector, before)
    assert net.dtype == "float32"
    assert not calls


WRONG_X = {
    "a vector": (X0[0], r"X must have two dimensions \(rows, features\), not 1"),
    "three dimensions": (X0[None], "not 3"),
    "too narrow": (X0[:, :2], "X has 2 features, and the network takes 3"),
    "empty": (X0[:0], "X has no rows"),
    "a nan": (np.where(np.arange(ROWS)[:, None] == 20, np.nan, X0), r"X\[20, 0\] is nan"),
    "infinite": (np.full((ROWS, 3), np.inf), r"X\[0, 0\] is inf: every value must be finite"),
    "words": (np.full((ROWS, 3), "a"), "X must be numbers"),
    "ragged": ([[1, 2, 3], [1]], "X is not an array"),
    "too few rows": (X0[:5], "y has 37 rows, and X has 5"),
    "nothing": (None, "X must"),
}


@pytest.mark.parametrize("case", WRONG_X)
def test_features_that_do_not_fit_are_refused_before_any_work(case):
    X, message = WRONG_X[case]
    net = classifier()
    before = net.vector.copy()
    with pytest.raises(ValueError, match=message):
        cr.train(net, X, Y0)
    np.testing.assert_array_equal(net.vector, before)
    assert net.dtype == "float32"


def test_class_weights_need_classes():
    net = cr.Network([cr.Dense(1, "sigmoid")], "binary_cross_entropy", inputs=3)
    with pytest.raises(ValueError, match="class_weight needs classes as targets"):
        cr.train(net, X0, np.linspace(0, 1, ROWS), class_weight="balanced")


def test_read_only_parameters_are_refused():
    net = classifier(dtype="float64")
    net.vector.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        cr.train(net, X0, Y0)


def test_a_batch_larger_than_the_data_is_all_of_them():
    one, first = trained(batch_size=1000)
    other, _ = trained(batch_size=None)
    same(one, other)
    assert first.state.step == 3


def test_no_warning_is_given_in_an_ordinary_training():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(validation_share=0.2, metrics=["accuracy"], class_weight="balanced", threads=2)
