"""The profile: every instruction, what it counts, and that it leaves everything as it was."""

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import activations
from chainrule.engine import layout
from chainrule.glass.health import profile as module
from chainrule.glass.health.operations import matrix_operations_of
from chainrule.losses import losses
from chainrule.lowering import lower
from chainrule.optimizers import OPTIMIZERS

QUICK = 1e-6


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    monkeypatch.setattr(module, "LIMIT_SIZE", 32)


def network(dtype="float32", outputs=3, units=8):
    last = cr.Dense(outputs, "softmax" if outputs > 1 else "logistic")
    loss = "cross_entropy" if outputs > 1 else "binary_cross_entropy"
    return cr.Network([cr.Dense(units, "tanh"), last], loss, inputs=5, seed=1, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_there_is_a_row_for_each_instruction(dtype, outputs):
    net = network(dtype, outputs)
    found = cr.profile(net, 20, seconds=QUICK)
    program = lower(net, "train", 20, cr.Adam(), labels=outputs > 1)
    assert [row.equation for row in found.rows] == [
        i.equations[-1].text() for i in program.instructions
    ]
    assert all(row.seconds > 0 and row.bytes > 0 and row.calls == 1 for row in found.rows)
    assert found.matrix_operations == matrix_operations_of(net, 20)
    assert found.dtype == dtype
    assert found.limit > 0 < found.step_seconds
    assert found.total_seconds == pytest.approx(sum(row.seconds for row in found.rows))
    assert found.operations == sum(row.operations for row in found.rows)


def test_a_batch_of_many_tiles_and_parameters_of_many_ranges_count_whole():
    net = network(units=1000)
    rows = 2001
    found = cr.profile(net, rows, seconds=QUICK)
    tiles = -(-rows // found.tile_rows)
    assert rows % found.tile_rows
    ranges = -(-net.vector.size // 4096)
    assert tiles > 8, "some tiles add to a gradient slot"
    assert ranges > 2
    assert net.vector.size % 4096
    for row in found.rows:
        calls = {"forward": tiles, "backward": tiles, "reduce": ranges, "update": ranges}
        assert row.calls == (1 if row.equation.startswith("loss =") else calls[row.phase])
    assert found.matrix_operations == matrix_operations_of(net, rows)
    update = found.rows[-1]
    assert update.bytes == 4 * net.vector.size * (4 + 3)


def test_the_network_stays_as_it_is():
    net = network()
    before = net.vector.copy()
    cr.profile(net, 16, seconds=QUICK)
    assert np.array_equal(net.vector, before)


def test_what_was_timed_again_and_again_leaves_the_step_what_it_is(monkeypatch):
    """The update of the last instruction is one step from the parameters of the network."""
    net, kept = network("float64"), []
    original = module.Stepper.run

    def run(self, observe):
        original(self, observe)
        kept.append((self, self.binding.parameters.copy(), self.binding.gradients.copy()))

    monkeypatch.setattr(module.Stepper, "run", run)
    cr.profile(net, 16, optimizer=cr.GradientDescent(0.5), seconds=QUICK)
    _, parameters, gradients = kept[0]
    np.testing.assert_allclose(parameters, net.vector - 0.5 * gradients, rtol=1e-14)
    sources = module._random_data(net, 16)
    found = cr.trace(net, sources["X"], sources["Y"])
    np.testing.assert_allclose(gradients[:40].reshape(5, 8), found["dW1"], rtol=1e-12)


@pytest.mark.parametrize("loss", losses.names())
def test_every_loss_gets_targets_that_it_accepts(loss):
    last = next(iter(losses[loss].natural), "linear")
    for outputs in (1, 3):
        if outputs == 1 and last == "softmax":
            continue
        outputs *= losses[loss].outputs_per_target
        net = cr.Network([cr.Dense(outputs, last)], loss, inputs=2)
        assert cr.profile(net, 4, seconds=QUICK).operations > 0


@pytest.mark.parametrize("entry", [e.name for e in activations if e.trainable])
def test_every_activation_is_counted(entry):
    net = cr.Network([cr.Dense(2, entry), cr.Dense(1)], "mse", inputs=2)
    rows = cr.profile(net, 4, seconds=QUICK).rows
    kernels = {row.instruction.kernel: row for row in rows}
    if entry != "linear":
        assert kernels[activations[entry].forward].elementwise_operations >= 4 * 2


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_an_optimizer_is_a_name_or_a_specification(name):
    for optimizer in (name, OPTIMIZERS[name]()):
        rows = cr.profile(network(), 4, optimizer=optimizer, seconds=QUICK).rows
        assert rows[-1].instruction.kernel is OPTIMIZERS[name].kernel
        assert rows[-1].instruction.phase == layout.UPDATE


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number from 1"),
        ({"batch_size": 1.5}, "batch_size must be a whole number"),
        ({"seconds": 0}, "seconds must be a positive number"),
        ({"seconds": float("nan")}, "seconds must be a positive number"),
        ({"optimizer": "adadelta"}, "unknown optimizer 'adadelta'; there are adagrad, adam"),
        ({"optimizer": 3}, "unknown optimizer 3"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        cr.profile(network(), **options)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match="the network has no loss"):
        cr.profile(cr.Network([cr.Dense(1)], inputs=2))
    with pytest.raises(ValueError, match="no useful derivative"):
        cr.profile(cr.Network([cr.Dense(1, "threshold")], "mse", inputs=2))
    net = cr.Network([cr.Dense(1)], "mse", inputs=2)
    net.vector[:] = 1e30
    with pytest.raises(ValueError, match="is not finite on random data"):
        cr.profile(net)


def test_as_text_and_as_plain_numbers():
    found = cr.profile(network(), 20, seconds=QUICK)
    first, *rows, total, summary = str(found).splitlines()
    assert first.split() == [
        "phase", "computes", "µs", "share", "operations", "of", "limit", "bytes"
    ]  # fmt: skip
    assert len(rows) == len(found.rows)
    for line, row in zip(rows, found.rows, strict=True):
        assert line.startswith(row.phase)
        assert module.shortened(row.equation) in line
        assert line.endswith(f"{row.bytes:,}")
    assert total.startswith("total")
    assert f"{found.operations:,}" in total
    assert "of the limit for matrix products" in summary
    plain = json.loads(json.dumps(found.to_dict()))
    assert sum(i["matrix_operations"] for i in plain["instructions"]) == plain["matrix_operations"]
    assert plain["instructions"][1]["equations"] == ["z1 = x·W1 + b1"]
    assert len(plain["instructions"][-1]["equations"]) == 3
    assert plain["limit"] == found.limit
