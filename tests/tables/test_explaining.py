"""A row of a table through layer 0, the network, and back to the target's own unit."""

import math
import re

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.equations.boxes import Fraction
from chainrule.equations.text import text
from chainrule.glass.figures import parsed
from chainrule.glass.writers.document import Equations, Heading
from chainrule.tables.errors import TableError
from chainrule.tables.explaining import trace_rows
from chainrule.tables.sources import table_of

ROWS = 120


def frame():
    rng = np.random.default_rng(0)
    found = pd.DataFrame({
        "size": rng.uniform(1, 9, ROWS), "colour": ["red", "blue", "green"] * 40,
        "sold": pd.date_range("2024-01-01", periods=ROWS, freq="17h").astype(str),
        "ok": ["yes", "no"] * 60, "street": [f"s{k % 40}" for k in range(ROWS)],
    })  # fmt: skip
    found.loc[3, "size"] = np.nan
    found["price"] = 3 * found["size"].fillna(4) + (found.colour == "red")
    found["kind"] = np.where(found.price > 15, "dear", "cheap")
    return found


@pytest.fixture(scope="module", params=["standard", "robust", "quantile"])
def model(request):
    return cr.table_model(
        frame().drop(columns="kind"), "price", epochs=2, one_hot=10, scaling=request.param
    )


@pytest.fixture(scope="module")
def classes():
    return cr.table_model(frame().drop(columns="price"), "kind", epochs=2, ensemble=2)


def numbers_of(walkthrough):
    """The results of the equations of layer 0, by input."""
    found = {}
    for block in walkthrough.document.blocks:
        if isinstance(block, Heading) and block.text == "Network and data":
            break
        if isinstance(block, Equations):
            found[text(block.left)] = block
    return found


@pytest.mark.parametrize("row", [1, 4, 60, ROWS])
def test_the_arithmetic_of_layer_0_gives_the_inputs_of_the_network(model, row):
    w = model.explain(frame(), row, decimals=9, largest=50)
    (t,) = w.traces
    shown = numbers_of(w)
    assert len(shown) == len(t.input_names) == t["x"].shape[1]
    for k, value in enumerate(t["x"][0], start=1):
        subscripts = str(k).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
        block = shown[f"x{subscripts}"]
        steps = [step for _, step in block.steps]
        last = text(steps[-1]).partition(" ")[0]
        assert math.isclose(parsed(last), value, rel_tol=1e-3, abs_tol=2e-9)
        if len(steps) == 3 and isinstance(steps[1], Fraction):
            top, bottom = (re.sub("−", "-", text(part)) for part in (steps[1].top, steps[1].bottom))
            computed = eval(top) / float(bottom)
            assert math.isclose(computed, value, rel_tol=1e-5, abs_tol=1e-6)


def test_a_missing_number_is_the_median_and_says_so(model):
    w = model.explain(frame(), 4)
    assert "It is missing: the median of the training rows stands for it" in w.text()


def test_the_prediction_is_back_in_the_targets_unit(model):
    w = model.explain(frame(), 7)
    predicted = model.predict(frame().iloc[[6]]).values[0]
    last = [b for b in w.document.blocks if isinstance(b, Equations)][-1]
    assert parsed(text(last.steps[-1][1])) == pytest.approx(predicted, rel=1e-5)
    assert text(last.left) == "price"


def test_with_a_target_there_are_loss_and_gradients_without_one_not(model):
    assert "dW1" in {n.replace("dense1.dW", "dW1") for n in model.explain(frame(), 7).traces[0]}
    alone = model.explain(frame().drop(columns="price"), 7)
    assert "loss" not in alone.traces[0]
    assert "Backpropagation" not in alone.text()


def test_classes_are_labels_and_probabilities(classes):
    w = classes.explain(frame(), 3, network=2)
    predicted = classes.predict(frame().iloc[[2]])
    assert "By network 2 of 2" in w.text()
    one = trace_rows(classes, table_of(frame().iloc[[2]]), 1)["dense3.a"].item()
    two = trace_rows(classes, table_of(frame().iloc[[2]]), 2)["dense3.a"].item()
    assert predicted.probabilities[0, 1] == pytest.approx((one + two) / 2, rel=1e-5)
    assert f"dear: {two:.4f}" in w.text()


def test_the_inputs_are_labelled_by_their_columns(model):
    t = trace_rows(model, table_of(frame().iloc[:3]))
    columns = list(t.table("x").columns)
    assert columns[0] == "size"
    assert "sold: sin of the year" in columns
    assert "colour = red" in columns
    assert columns[-1] == "code of street"
    np.testing.assert_array_equal(t.table("x").to_numpy(), t["x"])


@pytest.mark.parametrize("row", [np.int64(7), np.uint8(7)])
def test_a_row_is_counted_by_any_whole_number(model, row):
    assert model.explain(frame(), row).text() == model.explain(frame(), 7).text()


@pytest.mark.parametrize("row", [0, ROWS + 1, 1.5, True, "7"])
def test_a_row_that_is_not_there_is_refused(model, row):
    with pytest.raises(TableError, match="row must be from 1 to 120"):
        model.explain(frame(), row)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "x"}, "form must be one of"),
        ({"decimals": 99}, "decimals must be"),
        ({"largest": 0}, "largest must be"),
        ({"notation": "roman"}, "notation must be one of"),
        ({"network": 2}, "network must be"),
    ],
)
def test_what_does_not_fit_is_refused(model, options, message):
    with pytest.raises(TableError, match=message):
        model.explain(frame(), 1, **options)


def test_a_class_that_the_model_does_not_know_is_refused(classes):
    other = frame()
    other.loc[1, "kind"] = "free"
    with pytest.raises(TableError, match="'kind', line 3: the class 'free' was in no training row"):
        classes.explain(other, 2)


def test_a_target_that_is_no_number_is_named_with_its_line(model):
    other = frame().astype({"price": object})
    other.loc[2, "price"] = "dear"
    with pytest.raises(TableError, match="'price' is not a number in line 4: 'dear'"):
        trace_rows(model, table_of(other).some(np.array([1, 2])))


@pytest.mark.parametrize("cell", [None, "NA", "?"])
def test_a_row_whose_target_is_missing_ends_with_the_prediction(model, cell):
    other = frame().astype({"price": object})
    other.loc[0, "price"] = cell
    assert "loss" not in model.explain(other, 1).traces[0]
