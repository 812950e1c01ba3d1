"""Checkpoint files: whole or refused, and never more memory than the file explains."""

import json
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.training.problems import classes, classifier, trained

import chainrule as cr
from chainrule.storage import networks

NAME = "checkpoint-00000002.safetensors"


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    callbacks = [cr.EarlyStopping("loss"), cr.Checkpoint(folder)]
    trained(epochs=2, callbacks=callbacks)
    return (folder / NAME).read_bytes()


@pytest.fixture
def path(whole_file, tmp_path):
    path = tmp_path / NAME
    path.write_bytes(whole_file)
    return path


def texts(path):
    size = int.from_bytes(path.read_bytes()[:8], "little")
    return json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]


def rewritten(path, tensors=None, **changes):
    """Write the file again with other texts or tensors, and with the checksum that suits them."""
    tensors = load_file(path) if tensors is None else tensors
    metadata = texts(path) | changes
    metadata.pop("checksum", None)
    metadata["checksum"] = networks.checksum(metadata, tensors)
    save_file(tensors, path, metadata)


def test_a_file_written_again_with_its_own_texts_is_read(path):
    """So that the refusals below are those of the change, and not of the writing."""
    rewritten(path)
    assert cr.load_checkpoint(path).state.epoch == 2


def test_any_byte_that_is_flipped_is_noticed(path, whole_file):
    places = np.random.default_rng(0).integers(0, len(whole_file), 300)
    for place in [*range(16), *places.tolist()]:
        for bit in (0, 6):
            damaged = bytearray(whole_file)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=NAME):
                cr.load_checkpoint(path)


def test_a_file_cut_off_anywhere_is_refused(path, whole_file):
    for length in [*range(0, 12), *range(12, len(whole_file), 97), len(whole_file) - 1]:
        path.write_bytes(whole_file[:length])
        with pytest.raises(ValueError, match=NAME):
            cr.load_checkpoint(path)


def test_a_newer_version_is_refused_and_named(path):
    rewritten(path, format="chainrule.checkpoint.2")
    with pytest.raises(ValueError, match="of the version 2"):
        cr.load_checkpoint(path)


def changed(path, part, **changes):
    plain = json.loads(texts(path)["training"])
    plain[part] = plain[part] | changes
    rewritten(path, training=json.dumps(plain))


def of_network(path, **changes):
    specification = json.loads(texts(path)["network"]) | changes
    rewritten(path, network=json.dumps(specification))


def without_tensor(path, ending):
    tensors = {k: v for k, v in load_file(path).items() if not k.endswith(ending)}
    assert len(tensors) < len(load_file(path))
    rewritten(path, tensors)


def with_tensor(path, ending, change):
    tensors = {k: change(v) if k.endswith(ending) else v for k, v in load_file(path).items()}
    rewritten(path, tensors)


def with_column(path, values):
    plain = json.loads(texts(path)["training"])
    plain["history"].append("accuracy")
    rewritten(path, load_file(path) | {"history/accuracy": values}, training=json.dumps(plain))


WRONG = {
    "unknown optimizer": (
        lambda p: changed(p, "optimizer", optimizer="os.system"), "unknown optimizer 'os.system'"
    ),
    "unknown option": (lambda p: changed(p, "optimizer", momentum2=1.0), "momentum2"),
    "rate below zero": (lambda p: changed(p, "optimizer", learning_rate=-1.0), "positive number"),
    "unknown schedule": (
        lambda p: changed(p, "optimizer", learning_rate={"schedule": "x"}), "unknown schedule 'x'"
    ),
    "unknown layer": (lambda p: of_network(p, layers=[{"layer": "conv"}]), "unknown layer 'conv'"),
    "negative epoch": (lambda p: changed(p, "state", epoch=-1), "epoch must be .*, not -1"),
    "half a step": (lambda p: changed(p, "state", step=0.5), "step must be .*, not 0.5"),
    "unknown field": (lambda p: changed(p, "state", colour="red"), "colour"),
    "another size": (lambda p: of_network(p, inputs=4), "needs 51 parameters, not 45"),
    "no JSON": (lambda p: rewritten(p, training="{"), "no readable"),
    "deep JSON": (lambda p: rewritten(p, training="[" * 200_000), "no readable"),
    "a list": (lambda p: rewritten(p, training="[]"), "no readable"),
    "nothing in it": (lambda p: rewritten(p, training="{}"), "no readable"),
    "no weights": (lambda p: without_tensor(p, "/dense1.W"), "needs 45 parameters, not 27"),
    "no vector": (lambda p: without_tensor(p, "optimizer/vector"), "no readable"),
    "no history": (lambda p: without_tensor(p, "history/loss"), "no readable"),
    "vector of integers": (
        lambda p: with_tensor(p, "optimizer/vector", lambda v: v.astype(np.int64)), "no readable"
    ),
    "another format": (lambda p: rewritten(p, format="something"), "is not a checkpoint"),
    "shuffle of a number": (lambda p: changed(p, "state", shuffle=3), "shuffle is 3"),
    "half a history": (lambda p: with_column(p, np.zeros(1)), "several lengths"),
    "another shape": (
        lambda p: with_tensor(p, "/dense1.b", lambda v: v[None]), "dense1.b has the shape"
    ),
    "an unknown tensor": (
        lambda p: rewritten(p, load_file(p) | {"more": np.zeros(3)}), "array 'more'"
    ),
    "vector of another type": (
        lambda p: with_tensor(p, "optimizer/vector", lambda v: v.astype(np.float32)), "float32"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_is_refused_in_a_sentence(case, path):
    change, message = WRONG[case]
    change(path)
    with pytest.raises(ValueError, match=message) as caught:
        cr.load_checkpoint(path)
    assert NAME in str(caught.value)


def test_a_network_file_is_no_checkpoint_and_a_checkpoint_no_network_file(path, tmp_path):
    cr.save(classifier(), tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="read it with load"):
        cr.load_checkpoint(tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="read it with load_checkpoint"):
        cr.load(path)


@pytest.mark.parametrize("read", [cr.load_checkpoint, cr.load], ids=["checkpoint", "network"])
def test_a_small_file_that_asks_for_much_memory_is_refused_before_any_is_taken(read, tmp_path):
    path = tmp_path / NAME
    net = classifier()
    if read is cr.load:
        cr.save(net, path)
    else:
        trained(net, epochs=2, callbacks=[cr.Checkpoint(tmp_path)])
    size = path.stat().st_size
    specification = json.loads(texts(path)["network"])
    specification["layers"][0]["units"] = 2**31 - 1
    rewritten(path, network=json.dumps(specification))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="parameters, not 45"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 50 * size + 1_000_000
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_an_error_of_its_own(tmp_path):
    with pytest.raises(FileNotFoundError):
        cr.load_checkpoint(tmp_path / NAME)


def test_a_checkpoint_is_plain_safetensors(path):
    tensors = load_file(path)
    net, _ = trained(data=classes(), epochs=2)
    for name, value in net.parameters.items():
        np.testing.assert_array_equal(tensors[f"parameters/{name}"], value)
