"""Network files: the same bits again, and nothing but a network file is read as one."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import chainrule as cr
from chainrule.activations import activations
from chainrule.initializers import Initializer, initializers
from chainrule.losses import losses
from chainrule.storage.networks import FORMAT, write_whole


def network(**options):
    layers = [cr.Dense(4, ["relu", "tanh", "leaky_relu(0.3)", "elu(2)"], biases="ones"),
              cr.Dense(3, "softmax", bias=False, weights="normal(0, 3)", name="out")]  # fmt: skip
    return cr.Network(layers, "cross_entropy", inputs=2, seed=5, **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def test_arguments_of_saving_that_are_swapped_or_others_get_a_sentence(path):
    for arguments, expected in (
        ((path, network()), "save takes the network first, and then the path"),
        ((cr.MLPClassifier(), path), "save takes a Network, not MLPClassifier"),
        ((network(), None), "the path must be a text or a path, not NoneType"),
    ):
        with pytest.raises(ValueError, match=f"^{expected}$"):
            cr.save(*arguments)
    assert not path.exists()


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
def test_a_network_comes_back_bit_for_bit(dtype, path, rng):
    net = network(dtype=dtype)
    X, y = rng.normal(size=(20, 2)), rng.integers(0, 3, 20)
    cr.train(net, X, y, epochs=3)
    cr.save(net, path)
    again = cr.load(path)
    np.testing.assert_array_equal(again.vector, net.vector)
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert again.dtype == net.dtype
    assert again.fixed_dtype == net.fixed_dtype
    assert again.to_dict() == net.to_dict()
    assert repr(again) == repr(net)


@pytest.mark.parametrize("entry", list(activations), ids=lambda e: e.name)
def test_every_activation_and_its_parameter_come_back(entry, path):
    function = entry if entry.k is None else entry(1 / 3)
    net = cr.Network([cr.Dense(2, function)], inputs=3, dtype="float64")
    cr.save(net, path)
    assert cr.load(path).layers[0].output_activations() == (function,)


@pytest.mark.parametrize("loss", [*losses.names(), "huber(1.5)", "quantile(0.1, 0.9)", None])
def test_every_loss_comes_back(loss, path):
    net = cr.Network([cr.Dense(2, "softmax")], loss, inputs=3)
    cr.save(net, path)
    again = cr.load(path)
    assert again.loss == net.loss
    assert (str(again.loss) if again.loss else None) == loss


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.0, 5e-324])
def test_every_number_comes_back(value, path):
    net = network(dtype="float64")
    net.vector[:] = value
    cr.save(net, path)
    assert cr.load(path).vector.tobytes() == net.vector.tobytes()


def test_a_loaded_network_goes_on_bit_for_bit(path, rng):
    net = network()
    X, y = rng.normal(size=(20, 2)), rng.integers(0, 3, 20)
    first = cr.train(net, X, y, epochs=2)
    cr.save(net, path)
    again = cr.load(path)
    for each in (net, again):
        cr.train(each, X, y, epochs=2, state=first.state)
    np.testing.assert_array_equal(again.vector, net.vector)


def test_the_file_is_plain_safetensors_with_the_paths_as_names(path):
    net = network()
    cr.save(net, path)
    tensors = load_file(path)
    assert set(tensors) == {"dense1.W", "dense1.b", "out.W"}
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, net.parameters[name])


def test_a_path_may_be_a_string(path):
    cr.save(network(), str(path))
    np.testing.assert_array_equal(cr.load(str(path)).vector, network().vector)


def test_saving_again_replaces_the_file_and_leaves_no_other(path):
    cr.save(network(), path)
    net = network()
    net.vector += 1
    cr.save(net, path)
    np.testing.assert_array_equal(cr.load(path).vector, net.vector)
    assert os.listdir(path.parent) == [path.name]


def test_a_file_that_cannot_be_written_whole_does_not_appear(path, monkeypatch):
    cr.save(network(), path)
    before = path.read_bytes()

    def fail(handle):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        cr.save(cr.Network([cr.Dense(1)], inputs=1), path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


OWN = {
    "initializer": cr.Dense(2, weights=Initializer("mine", initializers["zeros"].draw, "0")),
    "activation": cr.Dense(2, replace(activations["tanh"], name="mine")),
}


@pytest.mark.parametrize("kind", OWN)
def test_what_could_not_be_read_again_is_not_written(kind, path):
    net = cr.Network([OWN[kind]], inputs=2)
    with pytest.raises(ValueError, match=f"the {kind} 'mine' is not registered"):
        cr.save(net, path)
    assert not path.exists()


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        cr.save(network(), tmp_path / "missing" / "net.safetensors")
    with pytest.raises(FileNotFoundError):
        cr.load(tmp_path / "net.safetensors")


# ------------------------------------------------------------------ foreign and damaged files


def with_metadata(**changes):
    def write(path):
        metadata = {"format": FORMAT, "network": json.dumps(network().to_dict())} | changes
        save_file(dict(network().parameters), path, {k: v for k, v in metadata.items() if v})

    return write


def with_tensors(change):
    def write(path):
        tensors = {name: np.array(value) for name, value in network().parameters.items()}
        change(tensors)
        metadata = {"format": FORMAT, "network": json.dumps(network().to_dict())}
        save_file(tensors, path, metadata)

    return write


def cut(part):
    def write(path):
        cr.save(network(), path)
        content = path.read_bytes()
        path.write_bytes(content[: int(part * len(content))])

    return write


def specification(**changes):
    return json.dumps(network().to_dict() | changes)


DAMAGED = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("a,b\n1,2\n"),
    "zeros": lambda path: path.write_bytes(bytes(1000)),
    "a pickle": lambda path: path.write_bytes(b"\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00."),
    "a quarter": cut(0.25),
    "half": cut(0.5),
    "all but the end": cut(0.99),
    "a foreign safetensors": lambda path: save_file({"a": np.zeros(3)}, path),
    "another format": with_metadata(format="chainrule.network.99"),
    "no format": with_metadata(format=""),
    "no specification": with_metadata(network=""),
    "no JSON": with_metadata(network="{"),
    "a list": with_metadata(network="[]"),
    "a number": with_metadata(network="3"),
    "null": with_metadata(network="null"),
    "no layers": with_metadata(network=specification(layers=[])),
    "unknown layer": with_metadata(network=specification(layers=[{"layer": "conv"}])),
    "unknown loss": with_metadata(network=specification(loss="hing")),
    "other inputs": with_metadata(network=specification(inputs=3)),
    "inputs of a word": with_metadata(network=specification(inputs="two")),
    "a tensor missing": with_tensors(lambda t: t.pop("dense1.b")),
    "a tensor more": with_tensors(lambda t: t.update(extra=np.zeros(2, np.float32))),
    "another shape": with_tensors(lambda t: t.update({"dense1.b": np.zeros(7, np.float32)})),
    "integers": with_tensors(lambda t: t.update({k: v.astype(np.int32) for k, v in t.items()})),
    "half precision": with_tensors(
        lambda t: t.update({k: v.astype(np.float16) for k, v in t.items()})
    ),
    "mixed types": with_tensors(lambda t: t.update({"dense1.b": np.zeros(4)})),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_no_whole_network_file_is_refused(case, path):
    DAMAGED[case](path)
    with pytest.raises(ValueError, match=r".+"):
        cr.load(path)


@pytest.mark.parametrize("case", ["empty", "text", "half", "a foreign safetensors", "no JSON",
                                  "a tensor missing", "another shape"])  # fmt: skip
def test_the_refusal_names_the_file(case, path):
    DAMAGED[case](path)
    with pytest.raises(ValueError, match=r"net\.safetensors"):
        cr.load(path)


def test_loading_executes_nothing(path, monkeypatch):
    """Names in a file are looked up in registries, never imported or evaluated."""
    for name in ("__import__('os').system('true')", "os.system", "leaky_relu(__import__)"):
        layers = [network().to_dict()["layers"][0] | {"activation": name}]
        with_metadata(network=specification(layers=layers))(path)
        with pytest.raises(ValueError, match=r"neither a name|unknown activation|not a number"):
            cr.load(path)


def test_a_file_of_the_first_version_is_read_and_predicts_as_then():
    samples = Path(__file__).parent / "samples"
    expected = json.loads((samples / "network-1.json").read_text())
    found = cr.load(samples / "network-1.safetensors").predict([[0.5, -1.0]])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_bit_that_turned_is_seen(path):
    cr.save(network(), path)
    content = bytearray(path.read_bytes())
    content[-2] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged: its checksum does not fit"):
        cr.load(path)


def test_a_newer_version_says_so(path):
    save_file({"a": np.zeros(1)}, path, {"format": "chainrule.network.2"})
    with pytest.raises(ValueError, match="was written by a newer version"):
        cr.load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_a_link_is_followed_and_a_pipe_written_into(tmp_path):
    (tmp_path / "there").mkdir()
    link, file = tmp_path / "link", tmp_path / "there" / "file"
    link.symlink_to(file)
    write_whole(link, b"one")
    assert link.is_symlink()
    assert file.read_bytes() == b"one"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"two")
    assert os.read(reader, 10) == b"two"
    os.close(reader)
    assert pipe.is_fifo()
