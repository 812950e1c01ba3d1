"""A training goes on from a checkpoint bit for bit; nothing but a checkpoint is read as one."""

import dataclasses
import json
import os
import warnings

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from tests.soak.kills import soak
from tests.training.problems import classes, classifier, same, trained

import chainrule as cr
from chainrule.optimizers import OPTIMIZERS
from chainrule.training.history import TrainingState
from chainrule.training.resuming import file_name

OPTIMIZER = pytest.mark.parametrize(
    "optimizer", [c() for c in dict.fromkeys(OPTIMIZERS.values())], ids=lambda o: o.name
)


def options(folder, **more):
    return {
        "seed": 3, "validation_share": 0.3, "metrics": ["accuracy"],
        "callbacks": [cr.EarlyStopping(patience=50), cr.Checkpoint(folder, keep=20)],
    } | more  # fmt: skip


@OPTIMIZER
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_five_epochs_and_five_from_the_checkpoint_are_ten(optimizer, dtype, threads, tmp_path):
    same_options = {"optimizer": optimizer, "threads": threads}
    whole, ten = trained(classifier(dtype=dtype), epochs=10, **options(tmp_path / "w"),
                         **same_options)  # fmt: skip
    trained(classifier(dtype=dtype), epochs=5, **options(tmp_path / "p"), **same_options)
    saved = cr.load_checkpoint(tmp_path / "p" / file_name(5))
    assert saved.state.optimizer == optimizer
    assert saved.history.epochs == saved.state.epoch == 5
    parts, more = trained(saved.network, epochs=5, state=saved.state,
                          **options(tmp_path / "p", threads=threads))  # fmt: skip
    same(whole, parts)
    assert dict(more.history) == dict(ten.history)
    assert more.best_epoch == ten.best_epoch
    last = [cr.load_checkpoint(tmp_path / run / file_name(10)) for run in "wp"]
    same(last[0].network, last[1].network)
    np.testing.assert_array_equal(last[0].state.vector, last[1].state.vector)
    assert (last[0].state.step, last[0].state.epoch) == (last[1].state.step, 10)


def test_early_stopping_decides_as_in_one_run_wherever_that_is_cut(tmp_path):
    X, y = classes()
    data = {"data": (X, y), "validation_data": (X, (y + 1) % 3), "metrics": []}
    stopping = {"epochs": 40, "optimizer": cr.Adam(0.05)}

    def callbacks(folder):
        return [cr.EarlyStopping(patience=4), cr.Checkpoint(tmp_path / folder, keep=99)]

    whole, one = trained(callbacks=callbacks("whole"), **data, **stopping)
    assert one.stopped.startswith("val_loss has not improved for 4 epochs (best ")
    ends = one.history.epochs
    assert ends < 40
    for epoch in range(1, ends + 1):
        saved = cr.load_checkpoint(tmp_path / "whole" / file_name(epoch))
        net, more = trained(saved.network, callbacks=callbacks(f"from{epoch}"), state=saved.state,
                            **data, **stopping)  # fmt: skip
        same(net, whole)
        assert (more.stopped, more.best_epoch) == (one.stopped, one.best_epoch)
        assert dict(more.history) == dict(one.history)


def test_every_field_of_the_state_comes_back(tmp_path):
    _, result = trained(epochs=2, shuffle=False, seed=9, callbacks=[cr.Checkpoint(tmp_path)])
    found = cr.latest_checkpoint(tmp_path).state
    for field in dataclasses.fields(TrainingState):
        one, other = getattr(found, field.name), getattr(result.state, field.name)
        if field.name == "vector":
            np.testing.assert_array_equal(one, other)
        elif field.name == "history":
            assert dict(one) == dict(other)
        else:
            assert one == other, field.name
    assert (found.shuffle, found.batch_size, found.seed) == (False, 8, 9)


# ------------------------------------------------------------------ the latest


def test_the_latest_is_that_of_the_latest_epoch(tmp_path):
    assert cr.latest_checkpoint(tmp_path) is None
    assert cr.latest_checkpoint(tmp_path / "missing") is None
    trained(epochs=4, callbacks=[cr.Checkpoint(tmp_path)])
    saved = cr.latest_checkpoint(str(tmp_path))
    assert (saved.state.epoch, saved.path) == (4, tmp_path / file_name(4))


def test_one_that_cannot_be_read_is_reported_and_the_one_before_is_taken(tmp_path):
    trained(epochs=4, callbacks=[cr.Checkpoint(tmp_path)])
    (tmp_path / file_name(4)).write_bytes(b"half")
    with pytest.warns(UserWarning, match=r"left out: .*checkpoint-00000004"):
        assert cr.latest_checkpoint(tmp_path).state.epoch == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_training_killed_at_any_moment_goes_on_bit_for_bit():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads
        report = soak(kills=5)
    assert report.kills >= 5
    assert report.finished >= 1


# ------------------------------------------------------------------ what is no checkpoint


@pytest.fixture
def path(tmp_path):
    trained(epochs=1, validation_share=0.3,
            callbacks=[cr.EarlyStopping(), cr.Checkpoint(tmp_path)])  # fmt: skip
    return tmp_path / file_name(1)


def test_every_flipped_byte_and_every_cut_is_refused_with_one_error(path):
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*range(16), *rng.integers(0, len(content), 150)]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"\.safetensors"):
            cr.load_checkpoint(path)
    for size in [*range(0, 20), *rng.integers(0, len(content), 30)]:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"\.safetensors"):
            cr.load_checkpoint(path)


def rewritten(path, tensors=None, **changes):
    """The checkpoint with other texts or tensors, and a checksum that fits them."""
    from chainrule.storage.checkpoints import _checksum

    with safe_open(path, framework="numpy") as file:
        texts, found = dict(file.metadata()), {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    texts.pop("checksum")
    for name, change in changes.items():
        texts[name] = change(texts[name])
    (tensors or (lambda t: None))(found)
    save_file(found, path, texts | {"checksum": _checksum(texts, found)})


def in_json(change):
    def changed(text):
        data = json.loads(text)
        change(data)
        return json.dumps(data)

    return changed


def state(**values):
    return {"training": in_json(lambda d: d["state"].update(values))}


LAYER = {"layer": "dense", "units": 2**31 - 1, "activation": "relu"}
WRONG = {
    "a newer version": ({"format": lambda _: "chainrule.checkpoint.2"}, "a newer one is needed"),
    "another format": ({"format": lambda _: "something"}, "is not a checkpoint"),
    "unknown optimizer": (
        {"training": in_json(lambda d: d["optimizer"].update(optimizer="magic"))},
        "unknown optimizer 'magic'; there are adam",
    ),
    "rate below 0": (
        {"training": in_json(lambda d: d["optimizer"].update(learning_rate=-1))}, "learning_rate",
    ),
    "unknown layer": (
        {"network": in_json(lambda d: d["layers"][0].update(layer="magic"))},
        "unknown layer 'magic'",
    ),
    "layers of gigabytes": (
        {"network": in_json(lambda d: d.update(layers=[LAYER]))}, "the specification needs .* not",
    ),
    "no JSON": ({"training": lambda _: "{"}, "no readable description"),
    "deep JSON": ({"training": lambda _: "[" * 200_000}, "no readable description"),
    "a list": ({"training": lambda _: "[]"}, "no readable description"),
    "no state": ({"training": in_json(lambda d: d.pop("state"))}, "no readable state"),
    "epoch of a word": (state(epoch="two"), "epoch must be a whole number"),
    "epoch below 0": (state(epoch=-1), "epoch must be a whole number"),
    "shuffle of a number": (state(shuffle=3), "shuffle is 3"),
    "an unknown field": (state(colour=1), "nothing is known of colour"),
    "callbacks of a list": (
        {"training": in_json(lambda d: d.update(callbacks=[]))}, "no readable state",
    ),
    "no state of the optimizer": (
        {"tensors": lambda t: t.pop("optimizer/vector")}, "no readable state",
    ),
    "half a history": (
        {"tensors": lambda t: t.update({"history/loss": np.zeros(0)})}, "several lengths",
    ),
    "another shape": (
        {"tensors": lambda t: t.update({"parameters/dense1.b": t["parameters/dense1.b"][None]})},
        "dense1.b has the shape",
    ),
    "an unknown tensor": ({"tensors": lambda t: t.update(more=np.zeros(3))}, "array 'more'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_checkpoint_is_refused(case, path):
    changes, message = WRONG[case]
    rewritten(path, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        cr.load_checkpoint(path)
    assert file_name(1) in str(caught.value)


def test_networks_and_checkpoints_say_how_they_are_read(path, tmp_path):
    with pytest.raises(ValueError, match="is a checkpoint: read it with load_checkpoint"):
        cr.load(path)
    cr.save(classifier(), tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="is a network file without a training: read it with load"):
        cr.load_checkpoint(tmp_path / "net.safetensors")
    with pytest.raises(FileNotFoundError):
        cr.load_checkpoint(tmp_path / "missing.safetensors")
