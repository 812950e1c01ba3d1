"""Columns into inputs: by the training rows alone, and steady on what those did not hold."""

import numpy as np

from chainrule.tables.columns import MOST_CATEGORIES, read_column
from chainrule.tables.preprocessing import Preprocessing


def columns(**texts):
    return [
        read_column(name, np.array(cells, dtype=object), np.arange(2, len(cells) + 2))
        for name, cells in texts.items()
    ]


def test_numbers_are_scaled_and_texts_encoded():
    read = columns(a=["1", "3", "5", "7"], b=["x", "y", "y", "x"], c=["same"] * 4)
    prepared = Preprocessing.fitted(read, np.array([0, 1]))
    inputs = prepared.inputs(np.arange(4))
    assert inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs[:, 0], [-1, 1, 3, 5])
    np.testing.assert_array_equal(inputs[:, 1:], [[1, 0], [0, 1], [0, 1], [1, 0]])
    assert prepared.figures() == {
        "numbers": {"a": {"median": 2.0, "mean": 2.0, "scale": 1.0}},
        "missing": [],
        "texts": {"b": {"categories": ["x", "y"], "taken_together": []}},
    }


def test_a_missing_number_is_the_median_and_marked():
    read = columns(a=["1", "NA", "2", "9", "NA"])
    prepared = Preprocessing.fitted(read, np.arange(4))
    inputs = prepared.inputs(np.arange(5))
    np.testing.assert_array_equal(inputs[:, 1], [0, 1, 0, 0, 1])
    assert inputs[1, 0] == inputs[2, 0] == inputs[4, 0]


def test_missing_text_is_a_category():
    read = columns(a=["x", "NA", "x", "y", "NA", "y"])
    prepared = Preprocessing.fitted(read, np.arange(6))
    assert prepared.figures()["texts"]["a"]["categories"] == ["x", "y", None]
    assert prepared.inputs(np.array([1])).tolist() == [[0, 0, 1]]


def test_what_no_training_row_holds_is_no_surprise():
    texts = ["x", "x", "y", "y", "new", "new"]
    read = columns(a=["1", "2", "3", "4", "NA", "1e90"], b=texts, c=["", "", "", "", "5", "6"])
    prepared = Preprocessing.fitted(read, np.arange(4))
    inputs = prepared.inputs(np.arange(6))
    assert np.isfinite(inputs).all()
    assert inputs[4, 0] == 0
    assert inputs.shape[1] == 1 + 1 + 1 + 2  # a, c, whether c is missing, x and y
    assert inputs[4, 3:].tolist() == [0, 0]


def test_rare_categories_are_taken_together():
    cells = [f"c{k:03}" for k in range(150) for _ in range(3 if k < 120 else 2)]
    read = columns(a=cells)
    prepared = Preprocessing.fitted(read, np.arange(len(cells)))
    inputs = prepared.inputs(np.arange(len(cells)))
    assert inputs.shape[1] == MOST_CATEGORIES
    assert (inputs.sum(axis=1) == 1).all()
    figures = prepared.figures()["texts"]["a"]
    assert len(figures["categories"]) == MOST_CATEGORIES - 1
    assert len(figures["taken_together"]) == 51
