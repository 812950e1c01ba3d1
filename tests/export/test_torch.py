"""Networks and models as Python for PyTorch: a file that a person could have written."""

import ast
import runpy

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from tests.export.networks import STACKS, inputs, network

import chainrule as cr
from chainrule.activations import activations
from chainrule.export.torch_layers import ACTIVATION_CODE, LAYER_CODE
from chainrule.layers import LAYERS
from chainrule.layers.base import every_layer
from chainrule.tables.sources import table_of

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def outputs_of(report, X):
    torch = pytest.importorskip("torch")
    module = runpy.run_path(str(report.path))["load"]()
    with torch.no_grad():
        return module(torch.from_numpy(X)).numpy()


def test_every_layer_and_activation_of_the_registries_is_exported():
    assert set(LAYER_CODE) == set(LAYERS)
    assert {layer.kind for stack in STACKS.values() for layer in every_layer(stack)} == set(LAYERS)
    assert set(ACTIVATION_CODE) == set(activations.names())


@DTYPES
@pytest.mark.parametrize("name", STACKS)
def test_layers_give_what_the_network_gives(name, dtype, tmp_path):
    net, X = network(STACKS[name], dtype), inputs(dtype)
    found = outputs_of(cr.export_torch(net, tmp_path / "net"), X)
    assert found.dtype == dtype
    tolerance = 1e-6 if dtype == "float32" else 1e-12
    ours = net.predict(X)
    np.testing.assert_allclose(found, ours, rtol=0, atol=tolerance * np.abs(ours).max())


@DTYPES
@pytest.mark.parametrize("entry", list(activations), ids=str)
def test_activations_give_what_the_network_gives(entry, dtype, tmp_path):
    net, X = network([cr.Dense(5, entry), cr.Dense(2)], dtype), inputs(dtype)
    found = outputs_of(cr.export_torch(net, tmp_path / "net"), X)
    ours = net.predict(X)
    np.testing.assert_allclose(found, ours, rtol=0, atol=1e-6 * np.abs(ours).max())


@pytest.mark.parametrize("name", STACKS)
def test_the_file_compiles_and_every_number_is_in_the_weights_once(name, tmp_path):
    net = network(STACKS[name])
    report = cr.export_torch(net, tmp_path / "net")
    compile(report.path.read_text(), "network.py", "exec")
    tensors = load_file(tmp_path / "net" / "network.safetensors")
    numbers = [v.ravel() for k, v in tensors.items() if not k.endswith("num_batches_tracked")]
    written = np.sort(np.concatenate([*numbers, np.zeros(0, np.float32)]))
    np.testing.assert_array_equal(written, np.sort(net.vector))


def test_weights_have_the_names_and_shapes_that_pytorch_gives_them(tmp_path):
    net = network([cr.Dense(3, "relu"), cr.BatchNorm(), cr.Dense(2, bias=False)])
    cr.export_torch(net, tmp_path / "net")
    tensors = load_file(tmp_path / "net" / "network.safetensors")
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "0.weight": (3, 4), "0.bias": (3,), "2.weight": (3,), "2.bias": (3,),
        "2.running_mean": (3,), "2.running_var": (3,), "2.num_batches_tracked": (),
        "3.weight": (2, 3),
    }  # fmt: skip
    np.testing.assert_array_equal(tensors["0.weight"].T, net.parameters["dense1.W"])


def test_a_plain_network_reads_as_one_would_write_it(tmp_path):
    net = cr.Network([cr.Dense(8, "relu"), cr.Dense(1, "sigmoid")], inputs=3)
    text = cr.export_torch(net, tmp_path / "net").path.read_text()
    assert (
        "    return nn.Sequential(\n        nn.Linear(3, 8),  # dense1\n        nn.ReLU(),\n"
        "        nn.Linear(8, 1),  # dense2\n        nn.Sigmoid(),\n    )\n"
    ) in text
    assert "class " not in text
    assert "import torch\n" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_no_line_of_a_network_is_too_long(tmp_path):
    units = [f"leaky_relu(0.{k % 3 + 1})" for k in range(120)]
    coded = cr.Embedding({column: (300 + column, 20) for column in range(0, 40, 2)})
    inner = cr.Residual([cr.Dense(120, units)])
    net = cr.Network([coded, cr.Dense(120, units), cr.Residual([inner])], inputs=40)
    report = cr.export_torch(net, tmp_path / "net")
    assert max(map(len, report.path.read_text().splitlines())) <= 100


@pytest.mark.parametrize("ensemble", [1, 2])
@pytest.mark.parametrize("target", ["price", "fit", "grade"])
def test_a_models_file_predicts_from_prepared_inputs(target, ensemble, model_of, frame, tmp_path):
    torch = pytest.importorskip("torch")
    model = model_of(target, ensemble=ensemble, one_hot=10)
    report = cr.export_torch(model, tmp_path / "model", frame)
    assert report.rows == len(frame)
    assert report.difference < 1e-6
    file = runpy.run_path(str(report.path))
    X = model.preprocessing.inputs(model.values_of(table_of(frame)))
    found = file["predict"](torch.from_numpy(X)).numpy()
    ours = model.predict(frame)
    assert file["TARGET"] == target
    assert len(file["INPUTS"]) == X.shape[1]
    if target == "price":
        scale = np.abs(ours.values).max()
        np.testing.assert_allclose(found, ours.values, rtol=0, atol=1e-6 * scale)
    else:
        assert tuple(file["CLASSES"]) == model.goal.classes
        right = ours.probabilities[:, 1] if target == "fit" else ours.probabilities
        np.testing.assert_allclose(found, right, atol=1e-6)


@pytest.mark.parametrize("ensemble", [1, 2])
def test_a_models_file_reads_its_weights_once(ensemble, model_of, tmp_path):
    torch = pytest.importorskip("torch")
    model = model_of("fit", ensemble=ensemble)
    report = cr.export_torch(model, tmp_path / "model")
    file = runpy.run_path(str(report.path))
    X = torch.zeros(3, model.preprocessing.width)
    first = file["predict"](X)
    changed = file["load"](*[1] * (ensemble > 1))  # a network of one's own, to train further
    with torch.no_grad():
        next(iter(changed.parameters())).add_(1)
    for weights in (tmp_path / "model").glob("*.safetensors"):
        weights.unlink()
    assert torch.equal(file["predict"](X), first)


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
def test_the_numbers_of_the_preprocessing_are_constants(scaling, model_of, tmp_path):
    model = model_of("fit", scaling=scaling)
    tree = ast.parse(cr.export_torch(model, tmp_path / "model").path.read_text())
    constants = {
        node.targets[0].id: node.value for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id != "HERE"
    }  # fmt: skip
    figures = model.preprocessing.figures()
    assert ast.literal_eval(constants["NUMBERS"]) == figures["numbers"]
    assert ast.literal_eval(constants["TEXTS"]) == figures["texts"]


HOSTILE = [
    '"""', "'''", "\\", "a\nimport os\nos.abort()", '"); raise SystemExit  #', "{code}",
    "\u202e\u2028", "z" * 3000, "größe 🙂",
]  # fmt: skip


def test_what_users_wrote_stands_in_literals_only(tmp_path):
    rng = np.random.default_rng(0)
    words = [*HOSTILE, "\x00"] * 8
    for name in HOSTILE:
        frame = pd.DataFrame({name: rng.normal(size=len(words)), name + "w": words})
        frame[name + "y"] = rng.permutation(words)
        model = cr.table_model(frame, name + "y", epochs=1)
        report = cr.export_torch(model, tmp_path / str(HOSTILE.index(name)))
        text = report.path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        assert name not in ast.get_docstring(tree) or name in ("\\", "'''")
        found = {
            node.targets[0].id: ast.literal_eval(node.value) for node in tree.body
            if isinstance(node, ast.Assign) and node.targets[0].id != "HERE"
        }  # fmt: skip
        assert found["TARGET"] == name + "y"
        assert list(found["NUMBERS"]) == [name]
        kinds = {type(node).__name__ for node in tree.body}
        assert kinds <= {"Expr", "Import", "ImportFrom", "Assign", "ClassDef", "FunctionDef", "If"}
        assert "\x00" not in text
        assert "\u202e" not in text


def test_a_folder_that_holds_anything_is_left_as_it_is(tmp_path):
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(ValueError, match="exists and is not an empty directory"):
        cr.export_torch(network([cr.Dense(2)]), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "net").mkdir()
    report = cr.export_torch(network([cr.Dense(2)]), tmp_path / "net")
    assert {path.name for path in (tmp_path / "net").iterdir()} == set(report.files)


def test_an_activation_that_pytorch_has_not_is_refused_and_nothing_written(tmp_path):
    from dataclasses import replace

    odd = replace(activations["relu"], name="odd")
    with pytest.raises(ValueError, match="'odd' cannot be exported"):
        cr.export_torch(cr.Network([cr.Dense(2, odd)], inputs=2), tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_outputs_that_are_not_ours_are_refused_and_nothing_is_written(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setitem(ACTIVATION_CODE, "relu", lambda entry: "nn.ReLU6()")
    net = network([cr.Dense(2, "relu")])
    net.parameters["dense1.b"] = [50, 50]
    with pytest.raises(ValueError, match="output differs"):
        cr.export_torch(net, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_without_pytorch_the_files_are_written_and_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.export.torch_files.find_spec", lambda name: None)
    report = cr.export_torch(network([cr.Dense(2)]), tmp_path / "net")
    assert (report.rows, report.difference) == (0, None)
    assert report.path.exists()
