"""Columns into inputs: by the training rows alone, and steady on what those did not hold."""

import numpy as np
import pytest

from chainrule.tables.columns import read_column
from chainrule.tables.errors import TableError
from chainrule.tables.preprocessing import MOST_LEVELS, Preprocessing


def inputs_of(prepared, read, rows):
    values = {c.name: c.values[rows] for c in read if c.kind != "dropped"}
    return prepared.inputs(values)


def columns(**texts):
    return [
        read_column(name, np.array(cells, dtype=object), np.arange(2, len(cells) + 2))
        for name, cells in texts.items()
    ]


def test_numbers_are_scaled_and_texts_encoded():
    read = columns(a=["1", "3", "5", "7"], b=["x", "y", "y", "x"], c=["same"] * 4)
    prepared = Preprocessing.fitted(read, np.array([0, 1]))
    inputs = inputs_of(prepared, read, np.arange(4))
    assert inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs[:, 0], [-1, 1, 3, 5])
    np.testing.assert_array_equal(inputs[:, 1:], [[1, 0], [0, 1], [0, 1], [1, 0]])
    assert prepared.figures() == {
        "numbers": {"a": {"median": 2.0, "mean": 2.0, "scale": 1.0}},
        "missing": [],
        "texts": {"b": {"levels": ["x", "y"], "taken_together": []}},
    }


def test_a_missing_number_is_the_median_and_marked():
    read = columns(a=["1", "NA", "2", "9", "NA"])
    prepared = Preprocessing.fitted(read, np.arange(4))
    inputs = inputs_of(prepared, read, np.arange(5))
    np.testing.assert_array_equal(inputs[:, 1], [0, 1, 0, 0, 1])
    assert inputs[1, 0] == inputs[2, 0] == inputs[4, 0]


def test_missing_text_is_a_category():
    read = columns(a=["x", "NA", "x", "y", "NA", "y"])
    prepared = Preprocessing.fitted(read, np.arange(6))
    assert prepared.figures()["texts"]["a"]["levels"] == ["", "x", "y"]
    assert inputs_of(prepared, read, np.array([1])).tolist() == [[1, 0, 0]]


def test_what_no_training_row_holds_is_no_surprise():
    texts = ["x", "x", "y", "y", "new", "new"]
    read = columns(a=["1", "2", "3", "4", "NA", "1e90"], b=texts, c=["", "", "", "", "5", "6"])
    prepared = Preprocessing.fitted(read, np.arange(4))
    inputs = inputs_of(prepared, read, np.arange(6))
    assert np.isfinite(inputs).all()
    assert inputs[4, 0] == 0
    assert inputs.shape[1] == 1 + 1 + 1 + 2  # a, c, whether c is missing, x and y
    assert inputs[4, 3:].tolist() == [0, 0]


def test_many_levels_become_codes_the_rarest_one_together():
    cells = [f"c{k:04}" for k in range(MOST_LEVELS + 50) for _ in range(3 if k < 900 else 2)]
    read = columns(a=cells)
    prepared = Preprocessing.fitted(read, np.arange(len(cells)))
    codes = inputs_of(prepared, read, np.arange(len(cells)))
    assert codes.shape == (len(cells), 1)
    assert np.unique(codes).size == MOST_LEVELS
    figures = prepared.figures()["texts"]["a"]
    assert len(figures["levels"]) == MOST_LEVELS - 1
    assert len(figures["taken_together"]) == 51
    assert prepared.embedding().sizes == {0: (MOST_LEVELS + 1, 50)}
    new = prepared.inputs({"a": np.array(["never seen"], dtype=object)})
    assert new.tolist() == [[MOST_LEVELS]]


def test_the_limit_of_one_hot_decides_and_each_treatment_is_told():
    read = columns(a=["x", "y", "z"] * 4, b=["1", "2", "NA"] * 4, c=["yes", "no", "yes"] * 4)
    one_hot = Preprocessing.fitted(read, np.arange(12))
    assert one_hot.treatments() == {
        "a": "one-hot, 3 levels", "b": "z-scores; gaps marked",
        "c": "1 and 0, z-scores",
    }  # fmt: skip
    embedded = Preprocessing.fitted(read, np.arange(12), one_hot=2)
    assert embedded.treatments()["a"] == "embedded, 3 levels as vectors of 3"


def test_yes_and_no_are_scaled_as_the_treatment_says():
    read = columns(a=["yes", "no", "no", "no"])
    prepared = Preprocessing.fitted(read, np.arange(4), scaling="robust")
    assert prepared.treatments() == {"a": "1 and 0, robust scale"}
    assert inputs_of(prepared, read, np.arange(4))[:, 0].tolist() == [4, 0, 0, 0]


@pytest.mark.parametrize(
    "other", [["1", "2"] * 7, ["x", "y"] * 7, ["2024-02-01", "2024-02-02"] * 7]
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_column_that_is_called_as_a_part_of_a_date_is_refused(other, order):
    days = [f"2024-01-{k:02}" for k in range(1, 15)]
    texts = {"when": days, "when: sin of the year": other}
    read = columns(**dict(list(texts.items())[::order]))
    with pytest.raises(TableError, match="'when: sin of the year' has the name of a part"):
        Preprocessing.fitted(read, np.arange(14))


def test_dates_are_days_and_points_on_circles():
    read = columns(a=[f"2024-01-{k:02}" for k in range(1, 15)])
    inputs = inputs_of(Preprocessing.fitted(read, np.arange(14)), read, np.arange(14))
    assert inputs.shape == (14, 7)
    week = inputs[:, 3:5]
    np.testing.assert_allclose(week[:7], week[7:], atol=1e-5)
