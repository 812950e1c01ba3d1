"""Networks as ONNX: every layer and activation of the registries, in both dtypes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from tests.export.networks import STACKS, inputs, network

import chainrule as cr
from chainrule.activations import Activation, activations
from chainrule.equations import apply, symbols
from chainrule.export.onnx_layers import LAYER_NODES
from chainrule.layers import LAYERS
from chainrule.layers.base import every_layer

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def exported(net, tmp_path, X):
    path = tmp_path / "net.onnx"
    report = cr.export_onnx(net, path)
    onnx.checker.check_model(str(path), full_check=True)
    (found,) = onnxruntime.InferenceSession(path).run(["output"], {"input": X})
    return report, found


def test_every_layer_of_the_registry_is_exported():
    assert set(LAYER_NODES) == set(LAYERS)
    assert {layer.kind for stack in STACKS.values() for layer in every_layer(stack)} == set(LAYERS)


@DTYPES
@pytest.mark.parametrize("name", STACKS)
def test_layers_give_what_the_network_gives(name, dtype, tmp_path):
    net, X = network(STACKS[name], dtype), inputs(dtype)
    _, found = exported(net, tmp_path, X)
    assert found.dtype == dtype
    tolerance = 2e-6 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(found, net.predict(X), rtol=tolerance, atol=tolerance)


@DTYPES
@pytest.mark.parametrize("entry", list(activations), ids=str)
def test_every_activation_of_the_registry_is_exported(entry, dtype, tmp_path):
    net, X = network([cr.Dense(5, entry), cr.Dense(2)], dtype), inputs(dtype)
    _, found = exported(net, tmp_path, X)
    tolerance = 1e-5 if dtype == "float32" or entry.name == "gelu" else 1e-12
    ours = net.predict(X)
    np.testing.assert_allclose(found, ours, rtol=0, atol=tolerance * np.abs(ours).max())


@DTYPES
@pytest.mark.parametrize("text", ["leaky_relu(0.3)", "elu(0.7)", "linear(-2)", "threshold(0.1)"])
def test_the_parameter_of_an_activation_goes_along(text, dtype, tmp_path):
    net, X = network([cr.Dense(5, text)], dtype), inputs(dtype)
    _, found = exported(net, tmp_path, X)
    np.testing.assert_allclose(found, net.predict(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "entry", [a for a in activations if not a.rowwise and a.name != "exponential"], ids=str
)
def test_far_arguments_do_not_become_what_is_no_number(entry, tmp_path):
    net = cr.Network([cr.Dense(1, entry)], inputs=1)
    net.parameters["W1"] = [[1.0]]
    X = np.array([[-1e4], [-200], [-20], [0], [20], [200], [1e4]], np.float32)
    _, found = exported(net, tmp_path, X)
    np.testing.assert_allclose(found, net.predict(X), rtol=1e-5, atol=1e-5)


def test_an_activation_of_ones_own_is_written_by_its_equation(tmp_path):
    z, k = symbols("z k")
    own = Activation("bump", apply("exp", -(z**2)) * k, z, activations["linear"].value, None, k=2.0)
    from chainrule.export.onnx_activations import activation
    from chainrule.export.onnx_graph import Graph

    graph = Graph(np.float32)
    found = activation(graph, own, graph.input("z", np.float32, 1), "own")
    graph.output("a", found, np.float32, 1)
    session = onnxruntime.InferenceSession(graph.model("own", {}).SerializeToString())
    (a,) = session.run(None, {"z": np.array([[0.0], [1.0]], np.float32)})
    np.testing.assert_allclose(a, [[2], [2 / np.e]], rtol=1e-6)


def test_an_activation_that_onnx_cannot_say_is_refused_and_nothing_written(tmp_path):
    z, y = symbols("z y")
    from dataclasses import replace

    odd = replace(activations["relu"], name="odd", equation=apply("onehot", z, y))
    net = cr.Network([cr.Dense(2, odd)], inputs=2)
    with pytest.raises(ValueError, match="'odd' cannot be exported"):
        cr.export_onnx(net, tmp_path / "odd.onnx")
    assert list(tmp_path.iterdir()) == []


def test_an_embedding_takes_any_code_of_its_levels(tmp_path):
    net = network([cr.Embedding({0: (3, 2)})])
    X = np.zeros((3, 4), np.float32)
    X[:, 0] = [0, 1, 2]
    _, found = exported(net, tmp_path, X)
    np.testing.assert_array_equal(found[:, :2], net.parameters["embedding1.E0"])


def test_a_file_that_is_there_is_replaced_and_says_who_wrote_it(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_text("old")
    cr.export_onnx(network([cr.Dense(2)]), path)
    written = onnx.load(path)
    assert (written.producer_name, written.producer_version) == ("chainrule", cr.__version__)
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_outputs_that_are_not_ours_are_refused_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(
        LAYER_NODES, "scale", lambda graph, layer, own, x, columns, path: graph.node("Mul", x, 1.1)
    )
    with pytest.raises(ValueError, match=r"output differs by 0\.\d+ of its scale"):
        cr.export_onnx(cr.Network([cr.Scale(1.0)], inputs=2), tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_the_extra_the_error_names_it(package, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=r"chainrule\[onnx\]"):
        cr.export_onnx(network([cr.Dense(2)]), tmp_path / "net.onnx")


@DTYPES
def test_the_example_of_a_report_runs_as_it_stands(dtype, tmp_path, capsys):
    report = cr.export_onnx(network([cr.Dense(2)], dtype), tmp_path / "net.onnx")
    exec(report.example(), {})
    assert "array(" in capsys.readouterr().out
    assert f"np.zeros((1, 4), {dtype!r})" in report.example()


@DTYPES
@pytest.mark.parametrize("columns", [1, 4])
def test_the_input_of_a_report_makes_what_the_file_takes(dtype, columns, tmp_path):
    net, X = cr.Network([cr.Dense(2)], inputs=columns, dtype=dtype), np.ones((3, columns), int)
    path = tmp_path / "net.onnx"
    (one,) = cr.export_onnx(net, path).inputs
    feed = one.values(X)
    assert (one.columns, feed.dtype, feed.shape) == (columns, dtype, X.shape)
    (found,) = onnxruntime.InferenceSession(path).run(None, {one.name: feed})
    np.testing.assert_allclose(found, net.predict(X.astype(dtype)), rtol=1e-6)
