"""The comparison before a file is written: no output hides the others."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.export.networks import network

import chainrule as cr
from chainrule.export.checking import difference_of, scale_of
from chainrule.export.onnx_checking import checked_table
from chainrule.export.onnx_files import _model_file
from chainrule.export.onnx_layers import LAYER_NODES
from chainrule.export.torch_layers import ACTIVATION_CODE
from chainrule.tables.sources import table_of

INF, NAN = np.inf, np.nan


def difference(found, ours, scale=None):
    found, ours = np.array(found), np.array(ours)
    return difference_of("output", found, ours, scale_of(ours) if scale is None else scale)


def test_the_scale_is_that_of_what_is_finite():
    assert scale_of(np.array([1.0, -3.0, INF, -INF, NAN])) == 3
    assert scale_of(np.array([INF, NAN])) == 0
    assert scale_of(np.zeros((0, 2))) == 0


def test_what_is_not_finite_in_both_is_no_difference():
    assert difference([1.0, INF, -INF, NAN], [1.0, INF, -INF, NAN]) == 0
    assert difference([INF, NAN], [INF, NAN]) == 0
    assert 0 < difference([1e3, 1e3 + 1e-3, INF], [1e3, 1e3, INF]) < 1e-5


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        ([1.0, 2.0, INF], [7.0, 200.0, INF]),
        ([1.0, INF], [1.0, -INF]),
        ([1.0, INF], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, INF]),
        ([1.0, NAN], [1.0, 2.0]),
        ([1.0, 2.0], [1.0, NAN]),
        ([1.0], [0.0]),
    ],
)
def test_any_other_output_is_a_difference(found, ours):
    with pytest.raises(ValueError, match="output differs by"):
        difference(found, ours)


@pytest.mark.parametrize("scale", [INF, NAN])
def test_a_scale_that_is_not_finite_is_refused(scale):
    with pytest.raises(
        ValueError, match=f"scale of the exported output must be finite, not {scale}"
    ):
        difference([1.0, 2.0], [7.0, 200.0], scale)


def with_an_infinite_output():
    net = network([cr.Dense(2, ["relu", "exponential"])])
    net.parameters["dense1.b"] = [50, 1000]
    assert np.isinf(net.predict(np.zeros((1, 4)))).tolist() == [[False, True]]
    return net


def test_an_infinite_output_does_not_hide_a_wrong_onnx_file(tmp_path, monkeypatch):
    net, dense = with_an_infinite_output(), LAYER_NODES["dense"]
    cr.export_onnx(net, tmp_path / "right.onnx")
    monkeypatch.setitem(
        LAYER_NODES, "dense", lambda graph, *rest: graph.node("Mul", dense(graph, *rest), 1.1)
    )
    with pytest.raises(ValueError, match="output differs by"):
        cr.export_onnx(net, tmp_path / "wrong.onnx")


def test_an_infinite_output_does_not_hide_a_wrong_torch_file(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    net = with_an_infinite_output()
    cr.export_torch(net, tmp_path / "right")
    monkeypatch.setitem(ACTIVATION_CODE, "relu", lambda entry: "nn.ReLU6()")
    with pytest.raises(ValueError, match="output differs by"):
        cr.export_torch(net, tmp_path / "wrong")


def test_an_infinite_row_does_not_hide_a_wrong_model_of_a_table():
    frame = pd.DataFrame({"size": np.arange(60.0), "price": np.arange(60.0) * 3})
    model = cr.table_model(frame, "price", hidden=(1,), activation="linear", epochs=1)
    net = model.networks[0]
    net.parameters["W1"], net.parameters["W2"] = [[1.0]], [[3e38]]
    net.parameters["b1"] = net.parameters["b2"] = [0.0]
    finite = np.isfinite(net.predict(model.preprocessing.inputs(model.values_of(table_of(frame)))))
    assert finite.any()
    assert not finite.all()
    inputs, outputs, content = _model_file(model)
    assert checked_table(content, model, inputs, outputs, frame)[0] == 60
    other = replace(model, goal=replace(model.goal, scale=model.goal.scale / 2))
    with pytest.raises(ValueError, match="value differs by"):
        checked_table(content, other, inputs, outputs, frame)
