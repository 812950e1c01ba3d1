"""A trace as data: tables, frames, and a document for JSON."""

import json

import jsonschema
import numpy as np
from tests.glass.traces.test_trace import DOCS, X, Y, network

import chainrule as cr


def test_a_table_says_what_its_rows_and_columns_are_of():
    t = cr.trace(network(), X, Y, optimizer=cr.Adam())
    for name, axes in {
        "z1": ("example", "unit"), "delta2": ("example", "unit"), "dW1": ("input", "unit"),
        "W1.m_hat": ("input", "unit"), "loss.example": ("example", None),
    }.items():  # fmt: skip
        table = t.table(name)
        assert (table.index.name, table.columns.name) == axes
        np.testing.assert_array_equal(table.to_numpy(), np.reshape(t[name], table.shape))
    assert t.table("db1").index.name == "unit"
    assert t.table("loss").to_numpy().tolist() == [[t["loss"]]]


def test_the_frame_has_every_number_with_its_place():
    t = cr.trace(network(), X, Y)
    frame = t.frame()
    assert len(frame) == sum(np.size(t[name]) for name in t)
    row = frame[(frame.path == "dense1.dW") & (frame.row == 1) & (frame.column == 2)]
    assert row.number.tolist() == [t["dW1"][1, 2]]
    assert frame[frame.name == "loss"].row.isna().all()


def test_the_document_is_json_of_the_documented_schema():
    t = cr.trace(network(), X, Y, optimizer=cr.Adam())
    document = json.loads(json.dumps(t.to_dict(), allow_nan=False))
    schema = json.loads((DOCS / "trace.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["version"] == 1
    for name in t:
        value = document["values"][t.path(name)]
        np.testing.assert_array_equal(value["numbers"], t[name])
        assert (value["name"], value["shape"]) == (name, list(np.shape(t[name])))
    equations = [e for i in document["instructions"] for e in i["equations"]]
    assert "z2 = a1·W2 + b2" in equations


def test_numbers_that_json_has_not_are_texts():
    net = network(dtype="float64")
    net.parameters["b1"][0] = np.inf
    document = cr.trace(net, X).to_dict()
    assert document["values"]["dense1.b"]["numbers"][0] == "Infinity"
    json.dumps(document, allow_nan=False)


def test_parameters_are_what_the_step_began_with_whatever_writes_them():
    layers = [cr.Dense(3, "relu"), cr.BatchNorm(), cr.Dense(1)]
    net = cr.Network(layers, "mse", inputs=2, dtype="float64")
    t = cr.trace(net, X, Y, optimizer=cr.GradientDescent(0.1), constraint=cr.MaxNorm(0.01))
    changed = 0
    for path, value in net.parameters.items():
        np.testing.assert_array_equal(t[path], value)
        changed += not np.array_equal(t[f"{path}.new"], value)
    assert changed == len(net.parameters)
    assert np.linalg.norm(t["dense1.W.new"], axis=0).max() <= 0.01 * (1 + 1e-12)
