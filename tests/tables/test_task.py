"""What the target makes of a table, and which rows are held out."""

from dataclasses import replace

import numpy as np
import pytest

from chainrule.tables import task
from chainrule.tables.errors import TableError
from chainrule.tables.reading import Table
from chainrule.tables.splitting import hold_out
from chainrule.tables.task import read_later_target, read_target


def table(texts, delimiter=","):
    cells = np.array([str(text) for text in texts], dtype=object)
    return Table("t.csv", delimiter, {"y": cells}, np.arange(2, len(cells) + 2))


@pytest.mark.parametrize(
    ("texts", "expected", "classes"),
    [
        (["no", "yes"] * 9, "binary", ("no", "yes")),
        (["TRUE", "FALSE", "NA"], "binary", ("FALSE", "TRUE")),
        ([0, 1] * 9, "binary", (0, 1)),
        ([2.5, 1.5] * 9, "binary", (1.5, 2.5)),
        (["c", "a", "b"] * 9, "multiclass", ("a", "b", "c")),
        ([10, 9, 8] * 9, "multiclass", (8, 9, 10)),
        ([10, 9, 8] * 2, "regression", ()),
        ([1.5, 2.5, 3.0] * 9, "regression", ()),
        ([*range(21)] * 9, "regression", ()),
        ([*range(20)] * 9, "multiclass", (*range(20),)),
        (["1,000", "2,500.5", "7"], "regression", ()),
    ],
)
def test_the_task_follows_from_the_target(texts, expected, classes):
    target = read_target(table(texts), "y")
    assert target.task == expected
    assert target.classes == classes
    assert len(target.values) == target.rows.sum()


def test_a_task_can_be_asked_for():
    whole = table([10, 9, 8] * 9)
    assert read_target(whole, "y", "regression").values.tolist() == [10.0, 9.0, 8.0] * 9
    assert read_target(table([1.5, 2.5, 3.0] * 9), "y", "multiclass").classes == (1.5, 2.5, 3)
    assert read_target(table([0, 1] * 9), "y", "multiclass").task == "multiclass"


def test_rows_without_a_target_are_left_out():
    target = read_target(table(["a", "NA", "b", "", "a"]), "y")
    assert target.rows.tolist() == [True, False, True, False, True]
    assert target.values.tolist() == [0, 1, 0]


def test_none_is_a_class_like_any_other():
    assert read_target(table(["none", "mild", "severe"] * 5), "y").classes[1] == "none"


@pytest.mark.parametrize(
    ("texts", "later", "values"),
    [
        (["1.234,5", "7,25", "0,5"] * 9, ["1.234", "2.500"], [1234, 2500]),
        (["1,234,567", "2,500.5", "7"] * 9, ["1,234", "2"], [1234, 2]),
        (["1,5", "2,5"] * 9, ["2,5", "NA", "1,5"], [1, 0]),
    ],
)
def test_a_later_target_is_read_in_the_style_of_the_first(texts, later, values):
    target = read_target(table(texts, ";"), "y")
    assert read_later_target(table(later, ";"), target)[1].tolist() == values


def test_a_target_known_to_be_text_is_not_read_as_numbers(monkeypatch):
    monkeypatch.setattr(task, "numbers", None)
    texts = replace(table([1, 2, "NA", 3] * 9), texts=frozenset({"y"}))
    target = read_target(texts, "y")
    assert (target.task, target.classes) == ("multiclass", ("1", "2", "3"))
    assert target.rows.sum() == 27


def test_each_class_is_held_out_by_the_share():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    train, held = hold_out(100, 0.2, 0, labels)
    assert np.bincount(labels[held]).tolist() == [10, 6, 4]
    assert sorted([*train, *held]) == list(range(100))
    assert np.array_equal(held, hold_out(100, 0.2, 0, labels)[1])
    assert not np.array_equal(held, hold_out(100, 0.2, 1, labels)[1])


def test_small_classes_add_up_to_the_share_and_one_row_of_each_is_trained_on():
    labels = np.repeat(np.arange(40), 2)
    train, held = hold_out(80, 0.2, 0, labels)
    assert held.size == 16
    assert set(labels[train]) == set(range(40))
    train, held = hold_out(9, 0.9, 0, np.array([0] * 8 + [1]))
    assert 8 in train


@pytest.mark.parametrize(("rows", "share"), [(2, 0.2), (1, 0.5), (3, 0.9), (10, 0.01)])
def test_neither_side_is_ever_empty(rows, share):
    with pytest.raises(TableError, match="too few to hold out"):
        hold_out(rows, share, 0)
