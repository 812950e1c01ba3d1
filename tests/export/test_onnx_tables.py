"""Models of tables as ONNX: from the columns to labels and numbers in one file."""

import json

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest

import chainrule as cr
from chainrule.export.onnx_columns import column_inputs, preprocessing_nodes
from chainrule.export.onnx_graph import Graph
from chainrule.tables.errors import TableError
from chainrule.tables.sources import table_of


def ran(path, feeds):
    session = onnxruntime.InferenceSession(path)
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


def agree(model, data, found):
    ours = model.predict(data)
    if model.goal.classes:
        assert found["label"].tolist() == list(ours.values)
        np.testing.assert_allclose(found["probabilities"], ours.probabilities, atol=1e-5)
        scale = 1
    else:
        scale = np.abs(ours.values - model.goal.mean).max()
        np.testing.assert_allclose(found["value"], ours.values, atol=1e-5 * scale)
    if ours.spread is None:
        assert "spread" not in found
    else:
        np.testing.assert_allclose(found["spread"], ours.spread, atol=1e-5 * scale)


@pytest.mark.parametrize("ensemble", [1, 3])
@pytest.mark.parametrize("target", ["price", "fit", "grade"])
@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
def test_every_task_and_scaling(scaling, target, ensemble, model_of, frame, feeds_of, tmp_path):
    path = tmp_path / "model.onnx"
    model = model_of(target, scaling=scaling, ensemble=ensemble)
    report = cr.export_onnx(model, path, frame)
    onnx.checker.check_model(str(path), full_check=True)
    assert report.rows == len(frame)
    agree(model, frame, ran(path, feeds_of(report, model, frame)))


@pytest.mark.parametrize("one_hot", [1, 1000])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_embedded_and_one_hot_texts(one_hot, batch_norm, model_of, frame, feeds_of, tmp_path):
    path = tmp_path / "model.onnx"
    model = model_of("fit", one_hot=one_hot, batch_norm=batch_norm, dropout=0.2)
    assert (model.preprocessing.embedding() is not None) == (one_hot == 1)
    report = cr.export_onnx(model, path, frame)
    agree(model, frame, ran(path, feeds_of(report, model, frame)))


def test_missing_values_and_unknown_levels_in_every_column(model_of, frame, feeds_of, tmp_path):
    path = tmp_path / "model.onnx"
    model = model_of("price", one_hot=10, scaling="quantile")
    report = cr.export_onnx(model, path)
    strange = pd.DataFrame(None, range(6), frame.columns, dtype=object)
    strange.loc[1, "colour"], strange.loc[2, "street"] = "ultraviolet", "nowhere"
    strange.loc[3, "size"], strange.loc[4, "size"] = 1e90, -1e90
    agree(model, strange, ran(path, feeds_of(report, model, strange)))


def test_rare_levels_of_very_many_go_together(monkeypatch, feeds_of, tmp_path):
    monkeypatch.setattr("chainrule.tables.preprocessing.MOST_LEVELS", 5)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"word": rng.choice([f"w{k}" for k in range(20)], 400)})
    frame["y"] = rng.normal(size=400)
    model = cr.table_model(frame, "y", epochs=1, one_hot=3)
    assert model.preprocessing.figures()["texts"]["word"]["taken_together"]
    report = cr.export_onnx(model, tmp_path / "model.onnx", frame)
    found = ran(tmp_path / "model.onnx", feeds_of(report, model, frame))
    agree(model, frame, found)


@pytest.mark.parametrize("loss", ["poisson", "huber(1.0)"])
def test_losses_with_another_scale_of_the_target(loss, frame, feeds_of, tmp_path):
    counts = frame[["size", "rooms"]].assign(visits=frame["rooms"] * 3)
    model = cr.table_model(counts, "visits", task="regression", loss=loss, epochs=2)
    report = cr.export_onnx(model, tmp_path / "model.onnx", counts)
    agree(model, counts, ran(tmp_path / "model.onnx", feeds_of(report, model, counts)))


def test_the_day_of_the_year_is_that_of_the_calendar(tmp_path):
    days = np.arange("1599-12-25", "2405-01-07", dtype="datetime64[D]")
    some = np.r_[days[:800], days[::41], days[-800:]]
    cells = pd.Series(some.astype(str))
    frame = pd.DataFrame({"day": cells, "y": np.arange(len(some)) % 7.0})
    model = cr.table_model(frame, "y", task="regression", epochs=1)
    (reading,) = model.features
    assert reading.kind == "date"
    graph = Graph()
    inputs = column_inputs(graph, model.features)
    x = preprocessing_nodes(graph, model.preprocessing, inputs)
    graph.output("x", x, np.float32, model.preprocessing.width)
    values = model.values_of(table_of(frame))
    content = graph.model("dates", {}).SerializeToString()
    (found,) = onnxruntime.InferenceSession(content).run(None, {"day": values["day"][:, None]})
    np.testing.assert_array_equal(found, model.preprocessing.inputs(values))


HOSTILE = [
    "label", "probabilities", "spread", "input", 'a "quoted" \'name\'', "two\nlines\r\n", "= 1 + 1",
    "\x1b[31mred", "x" * 5000, "größe 大小 🙂", "a.b/c:d", "network1.dense1.W", "add", "\u202eltr",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_any_column_name_is_the_name_of_an_input(name, tmp_path, feeds_of):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=80), "y": rng.choice(["no", "yes"], 80)})
    model = cr.table_model(frame, "y", epochs=1, ensemble=2)
    report = cr.export_onnx(model, tmp_path / "model.onnx", frame)
    assert [one.name for one in report.inputs] == [name]
    assert len(set(report.outputs)) == 3
    found = onnxruntime.InferenceSession(tmp_path / "model.onnx").run(
        list(report.outputs), feeds_of(report, model, frame)
    )
    assert found[0].tolist() == list(model.predict(frame).values)


def test_an_empty_name_which_onnx_cannot_hold_is_replaced(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"": rng.normal(size=80), "y": rng.choice(["no", "yes"], 80)})
    report = cr.export_onnx(cr.table_model(frame, "y", epochs=1), tmp_path / "model.onnx", frame)
    assert [(one.column, one.name) for one in report.inputs] == [("", "column")]


def test_hostile_levels_and_classes(tmp_path, feeds_of):
    rng = np.random.default_rng(0)
    words = ['"', "'", "a\nb", "🙂", "=cmd()", "{x}", "\x00", "z" * 3000]
    frame = pd.DataFrame({"w": rng.choice(words, 200), "y": rng.choice(words, 200)})
    for one_hot in (1, 30):
        model = cr.table_model(frame, "y", epochs=1, one_hot=one_hot)
        report = cr.export_onnx(model, tmp_path / "model.onnx", frame)
        agree(model, frame, ran(tmp_path / "model.onnx", feeds_of(report, model, frame)))


def test_classes_keep_their_type(model_of, frame, tmp_path):
    cases = [("fit", "tensor(string)"), ("grade", "tensor(int64)")]
    for target, kind in cases:
        cr.export_onnx(model_of(target), tmp_path / "model.onnx", frame)
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        assert session.get_outputs()[0].type == kind
    halves = pd.DataFrame({"x": np.arange(60.0), "y": [0.5, 1.0, 1.5] * 20})
    halves = cr.table_model(halves, "y", task="multiclass", epochs=1)
    cr.export_onnx(halves, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert session.get_outputs()[0].type == "tensor(double)"


def test_the_file_says_what_it_predicts_from_what(model_of, tmp_path):
    cr.export_onnx(model_of("fit"), tmp_path / "model.onnx")
    written = onnx.load(tmp_path / "model.onnx")
    about = {one.key: one.value for one in written.metadata_props}
    assert about["target"] == "fit"
    assert json.loads(about["classes"]) == ["bad", "good"]
    assert {c["column"]: c["read_as"] for c in json.loads(about["columns"])} == {
        "size": "number", "rooms": "number", "colour": "text", "built": "date",
        "garden": "boolean", "street": "text",
    }  # fmt: skip
    assert written.producer_name == "chainrule"


def test_one_row_and_many(model_of, frame, feeds_of, tmp_path):
    model = model_of("price")
    report = cr.export_onnx(model, tmp_path / "model.onnx")
    for rows in (1, 200):
        some = frame.head(rows)
        agree(model, some, ran(tmp_path / "model.onnx", feeds_of(report, model, some)))


def test_a_table_without_a_column_is_refused_and_nothing_written(model_of, frame, tmp_path):
    with pytest.raises(TableError, match="no column 'size'"):
        cr.export_onnx(model_of("price"), tmp_path / "m.onnx", frame.drop(columns="size"))
    assert list(tmp_path.iterdir()) == []


def test_the_example_of_a_report_runs(model_of, tmp_path, capsys):
    report = cr.export_onnx(model_of("fit"), tmp_path / "model.onnx")
    exec(report.example(), {})
    out = capsys.readouterr().out
    assert "good" in out or "bad" in out
