"""The head of a file for PyTorch: who follows its words gets the inputs that it speaks of."""

import ast

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.tables.sources import table_of


def written(model, tmp_path):
    """The words of the head, on one line, and the constants."""
    tmp_path.mkdir(exist_ok=True)
    text = cr.export_torch(model, tmp_path / "model").path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    constants = {
        node.targets[0].id: ast.literal_eval(node.value) for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id != "HERE"
    }  # fmt: skip
    assert max(map(len, text.splitlines())) <= 100
    return " ".join(ast.get_docstring(tree).split()), constants


def date_parts(name, seconds):
    stamps = pd.to_datetime(pd.Series(seconds), unit="s")
    share = stamps.dt.hour / 24 + stamps.dt.minute / 1440 + stamps.dt.second / 86400
    days = (stamps.dt.normalize() - pd.Timestamp("1970-01-01")).dt.days
    parts = {name: days + share}
    turns = {"year": (stamps.dt.day_of_year - 1) / 365.25, "week": (days + 4) / 7, "day": share}
    for turn, number in turns.items():
        parts[f"{name}: sin of the {turn}"] = np.sin(2 * np.pi * number).round(6)
        parts[f"{name}: cos of the {turn}"] = np.cos(2 * np.pi * number).round(6)
    return parts


def followed(constants, model, values):
    """The inputs, made of nothing but the constants of the file and the words of its head."""
    numbers = {}
    for reading in model.features:
        if reading.kind == "date":
            numbers |= date_parts(reading.name, values[reading.name])
        elif reading.kind != "text":
            numbers[reading.name] = values[reading.name]
    columns = []
    for name in constants["INPUTS"]:
        part, _, rest = name.partition(": ")
        if part == "numbers":
            known = constants["NUMBERS"][rest]
            x = np.where(np.isnan(numbers[rest]), known["median"], numbers[rest])
            x = (x - known["mean" if "mean" in known else "center"]) / known["scale"]
        elif part == "gaps":
            x = np.isnan(numbers[rest.removeprefix("missingindicator_")])
        elif part.startswith("one-hot"):
            x = values[rest.partition("_")[0]] == rest.partition("_")[2]
        else:
            x = codes(constants["TEXTS"][rest], values[rest])
        columns.append(np.asarray(x, np.float64))
    return np.clip(np.column_stack(columns), -1e12, 1e12)


def codes(known, words):
    places = {level: k for k, level in enumerate(known["levels"])}
    places |= dict.fromkeys(known["taken_together"], len(known["levels"]))
    return [places.get(word, max(places.values()) + 1) for word in words]


@pytest.mark.parametrize("one_hot", [1, 10])
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_its_words_lead_to_the_inputs(scaling, one_hot, model_of, frame, tmp_path):
    model = model_of("price", scaling=scaling, one_hot=one_hot)
    _, constants = written(model, tmp_path)
    strange = frame.copy()
    strange.loc[3, "colour"], strange.loc[4, "street"] = "ultraviolet", "nowhere"
    strange.loc[5, "size"] = 1e90
    values = model.values_of(table_of(strange))
    ours = model.preprocessing.inputs(values)
    np.testing.assert_allclose(followed(constants, model, values), ours, rtol=1e-5, atol=1e-6)


def test_its_words_lead_to_the_codes_of_levels_taken_together(monkeypatch, tmp_path):
    monkeypatch.setattr("chainrule.tables.preprocessing.MOST_LEVELS", 5)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"word": rng.choice([f"w{k}" for k in range(20)], 400)})
    frame["y"] = rng.normal(size=400)
    model = cr.table_model(frame, "y", epochs=1, one_hot=3)
    head, constants = written(model, tmp_path)
    assert "Where levels are taken together" in head
    frame.loc[0, "word"] = "another"
    values = model.values_of(table_of(frame))
    ours = model.preprocessing.inputs(values)
    np.testing.assert_array_equal(followed(constants, model, values), ours)


def test_it_says_what_is_done_and_not_what_the_model_has_not(model_of, frame, tmp_path):
    every = ("A yes is", "A date is", '"gaps"', '"one-hot"', '"codes"', "1e+12", "ONNX file")
    head, _ = written(model_of("price", one_hot=10), tmp_path / "all")
    assert all(words in head for words in every)
    plain = cr.table_model(frame[["rooms", "price"]], "price", epochs=1)
    head, _ = written(plain, tmp_path / "plain")
    assert [words for words in every if words in head] == ["1e+12", "ONNX file"]


def test_it_points_to_the_onnx_file_for_the_quantiles(model_of, tmp_path):
    head, constants = written(model_of("price", scaling="quantile"), tmp_path)
    assert "the quantiles of the training rows, which this file does not have" in head
    assert "they are in the ONNX file" in head
    assert "/ scale" not in head
    assert all(set(known) == {"median"} for known in constants["NUMBERS"].values())
