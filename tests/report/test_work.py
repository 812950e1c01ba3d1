"""A page does no work twice, and none on rows that it does not show."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from chainrule.glass.health.checkup import checkup
from chainrule.report import classes
from chainrule.report.columns import columns_of, spark_of
from chainrule.report.health import MOST_ROWS, health_of
from chainrule.tables.preprocessing import Preprocessing


def long_frame(rows=2600):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"size": rng.normal(size=rows), "town": rng.choice(["Ulm", "Bern"], rows)})
    return frame.assign(price=frame["size"] * 3, big=np.where(frame["size"] > 0, "yes", "no"))


@pytest.mark.parametrize("target", ["price", "big"])
def test_the_checkup_transforms_only_the_rows_that_it_traces(fit_frame, target, monkeypatch):
    fitted = fit_frame(long_frame()[["size", "town", target]], target, epochs=1)
    plan, model, goal = fitted.plan, fitted.model, fitted.model.goal
    assert len(plan.train) > MOST_ROWS
    X = model.preprocessing.inputs({name: v[plan.train] for name, v in plan.values.items()})
    y = plan.target.values[plan.train]
    if not goal.classes:
        y = ((y - goal.mean) / goal.scale).astype(np.float32)
    expected = checkup(model.networks[0], X, y, history=fitted.results[0].history)
    seen, inputs = [], Preprocessing.inputs

    def watched(self, values):
        seen.append(len(values["size"]))
        return inputs(self, values)

    monkeypatch.setattr(Preprocessing, "inputs", watched)
    found = health_of(fitted)
    assert seen == [MOST_ROWS]
    assert found.rows == expected.rows
    monkeypatch.setattr("chainrule.report.health.checkup", lambda *a, **k: expected)
    assert health_of(fitted) == found


@pytest.fixture
def sorted_sizes(monkeypatch):
    """The sizes of the arrays that np.unique was called for."""
    sizes, unique = [], np.unique

    def watched(values, *rest, **options):
        sizes.append(np.size(values))
        return unique(values, *rest, **options)

    monkeypatch.setattr(np, "unique", watched)
    return sizes


def test_the_texts_of_a_column_are_counted_once(fit_frame, sorted_sizes):
    fitted = fit_frame(long_frame()[["town", "price"]], "price", epochs=1)
    sorted_sizes.clear()
    (row,) = columns_of(fitted)
    assert "most often" in row.detail
    assert len(row.spark.bars) == 2
    assert Counter(sorted_sizes)[len(fitted.plan.target.values)] == 1


@pytest.mark.parametrize("different", [5, 1000])
def test_the_numbers_of_a_column_are_sorted_once(sorted_sizes, different):
    spark_of(np.arange(1000.0) % different)
    assert sorted_sizes.count(1000) == 1


@pytest.mark.parametrize("target", ["old", "group"])
def test_the_area_of_each_class_is_measured_once(page_of, fit_frame, people, target, monkeypatch):
    fitted = fit_frame(people, target)
    calls, areas_of = [], classes.areas_of

    def watched(judged, count):
        calls.append(count)
        return areas_of(judged, count)

    monkeypatch.setattr(classes, "areas_of", watched)
    page_of(fitted)
    assert calls == [len(fitted.model.goal.classes)]
