"""Permutation importance: columns are shuffled whole, and those that matter come first."""

import numpy as np
import pytest

from chainrule.report.importance import BUDGET, _error, importance_of, inputs_by_column


def test_every_input_belongs_to_exactly_one_column(fit_frame, people):
    model = fit_frame(people, "old", one_hot=2).model
    places = inputs_by_column(model.preprocessing)
    every = sorted(at for found in places.values() for at in found)
    assert every == list(range(model.preprocessing.width))
    assert list(places) == [reading.name for reading in model.features]


@pytest.mark.parametrize("one_hot", [2, 30])
def test_shuffling_inputs_is_shuffling_the_column(fit_frame, people, rng, one_hot):
    fitted = fit_frame(people, "old", one_hot=one_hot)
    preprocessing, values = fitted.model.preprocessing, fitted.plan.values
    inputs = preprocessing.inputs(values)
    order = rng.permutation(len(inputs))
    for name, places in inputs_by_column(preprocessing).items():
        shuffled = inputs.copy()
        shuffled[:, places] = inputs[order][:, places]
        expected = preprocessing.inputs(dict(values) | {name: values[name][order]})
        np.testing.assert_array_equal(shuffled, expected)


@pytest.mark.parametrize("target", ["old", "income"])
def test_the_column_that_decides_comes_first(fit_frame, people, target):
    columns = ["age", "town", "member", target]
    found = importance_of(fit_frame(people[columns], target, epochs=150))
    assert found.bars[0].name == "age"
    assert found.bars[0].width == 100
    assert found.held
    assert found.rows == 30


def test_the_work_is_bounded_by_the_sizes(fit_frame, people, monkeypatch):
    fitted = fit_frame(people, "old", folds=2)
    monkeypatch.setattr("chainrule.report.importance.BUDGET", BUDGET / 1e9)
    found = importance_of(fitted)
    assert found.repeats == 1
    assert found.rows == 100
    assert not found.held


@pytest.mark.parametrize("target", ["old", "income"])
def test_predictions_are_judged_as_they_stand(fit_frame, people, target):
    fitted = fit_frame(people, target)
    model, values = fitted.model, fitted.plan.values
    inputs = model.preprocessing.inputs(values)
    said = model.read_outputs(model.outputs(inputs)).values
    assert _error(fitted, inputs, said) == 0
