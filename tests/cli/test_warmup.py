"""Compiling ahead of time: the list of kernels, and the command ``chainrule warmup``."""

import pytest

import chainrule as cr
from chainrule import dataflow, warmup
from chainrule.activations import Activation, activations
from chainrule.cli.main import run
from chainrule.engine import cache
from chainrule.engine.kernel import Kernel
from chainrule.layers import dense
from chainrule.losses import losses
from chainrule.lowering import Regime, lower
from chainrule.network import Network
from chainrule.optimizers import OPTIMIZERS


@pytest.fixture
def few(monkeypatch):
    """Three kernels in place of all, and what is compiled of them."""
    compiled = []
    monkeypatch.setattr(
        warmup, "kernels", lambda: [dense.affine, dense.bias_gradient, dataflow.add]
    )
    monkeypatch.setattr(Kernel, "address", lambda self, dtype: compiled.append((self.name, dtype)))
    monkeypatch.setattr(cache, "_said", False)
    return compiled


def test_the_list_holds_what_each_entry_needs():
    found = warmup.kernels()
    assert len(set(found)) == len(found)
    for entry in activations:
        assert entry.forward in found
        if entry.trainable:
            assert entry.backward in found
        if not entry.rowwise:
            assert entry.forward_columns in found
            assert not entry.trainable or entry.backward_columns in found
    for loss in losses:
        for forms in (loss.forms, *loss.natural.values()):
            for form in forms.values():
                assert {form.value, form.gradient} <= set(found)
    assert {optimizer.kernel for optimizer in OPTIMIZERS.values()} <= set(found)
    assert {dense.affine, dense.product, dense.weight_gradient, dense.bias_gradient} <= set(found)
    assert {dataflow.gather_from("float32", False), dataflow.gather_from("float64", False)} <= set(
        found
    )
    assert {dataflow.gather_labels, dataflow.mean_loss, dataflow.store} <= set(found)
    assert dataflow.gather not in found


@pytest.mark.parametrize(
    "regime",
    [
        {"penalty": cr.L2(0.1), "clip": cr.ClipNorm(1.0), "constraint": cr.MaxNorm(1.0)},
        {"penalty": cr.L1(0.1, per_example=True), "clip": cr.ClipGlobalNorm(1.0)},
        {"clip": cr.ClipValue(1.0)},
    ],
)
def test_the_list_holds_what_keeps_weights_and_gradients_small(regime):
    net = Network([dense.Dense(2)], "mse", inputs=3)
    program = lower(net, "train", 4, OPTIMIZERS["adam"](), regime=Regime(**regime))
    assert {i.kernel for i in program.instructions} <= set(warmup.kernels())


@pytest.mark.parametrize("loss", losses.names())
@pytest.mark.parametrize("purpose", ["predict", "evaluate", "train"])
def test_the_list_holds_every_kernel_of_a_program(loss, purpose):
    last = next(iter(losses[loss].natural), "linear")
    layers = [dense.Dense(2, ["relu", "tanh"]), dense.Dense(2, "elu", bias=False)]
    net = Network([*layers, dense.Dense(2, last)], loss, inputs=3)
    for labels in {"labels" in losses[loss].forms, False}:
        program = lower(net, purpose, 4, OPTIMIZERS["adam"](), labels=labels, weighted=True)
        assert {i.kernel for i in program.instructions} <= set(warmup.kernels())


def test_a_new_entry_is_found_without_a_line(monkeypatch):
    relu = activations["relu"]
    entry = Activation("new", relu.equation, relu.derivative_equation, relu.value, relu.pullback)
    monkeypatch.setitem(activations._entries, "new", entry)
    assert {entry.forward, entry.backward, entry.backward_columns} <= set(warmup.kernels())


def test_every_kernel_is_compiled_for_each_dtype_and_reported(few):
    reported = []
    done = warmup.warmup(report=lambda *words: reported.append(words))
    names = ["affine", "bias_gradient", "add"]
    assert few == [(n, dtype) for dtype in ("float32", "float64") for n in names]
    assert done.kernels == 9  # with the walk and the products of both dtypes
    assert done.folder == cache.folder()
    assert [(k, of) for k, of, _ in reported] == [(k, 9) for k in range(9)]
    assert [name for *_, name in reported[1:4]] == [
        "product float32", "product float64", "affine float32",
    ]  # fmt: skip


def test_one_dtype_and_none_that_there_is(few):
    assert warmup.warmup(["float64", "float64"]).kernels == 5
    assert {dtype for _, dtype in few} == {"float64"}
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64'"):
        warmup.warmup(["float16"])


def test_the_command_says_how_many_and_where(few, capsys):
    assert run(["warmup"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("9 kernels are ready after ")
    assert str(cache.folder()) in printed.out
    assert printed.err.splitlines()[0] == "0 of 9: walk"


def test_the_command_where_nothing_can_be_kept(few, capsys, monkeypatch):
    monkeypatch.setattr(cache, "folder", lambda: None)
    assert run(["warmup"]) == 0
    assert "they are kept nowhere: no folder can be written" in capsys.readouterr().out


@pytest.mark.parametrize(("report", "lines"), [(None, 1), (lambda *_: None, 0)])
def test_nothing_is_said_of_compiling_where_it_is_reported(few, report, lines, capsys, monkeypatch):
    monkeypatch.delenv("CHAINRULE_QUIET")
    warmup.warmup(report=report)
    cache.announce_compiling(kept=True)
    assert len(capsys.readouterr().err.splitlines()) == lines
