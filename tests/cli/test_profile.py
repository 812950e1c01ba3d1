"""The command ``chainrule profile``."""

import json

import pytest

import chainrule as cr
from chainrule.cli.main import run
from chainrule.glass.health import profile as module


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "LIMIT_SIZE", 32)
    monkeypatch.setattr(module, "seconds_of_call", lambda *_: 1e-6)


def profiled(capsys, *arguments):
    assert run(["profile", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def kernels(found):
    return [i["kernel"] for i in found["instructions"]]


def test_a_table_with_a_line_for_each_instruction_in_order_and_a_total(capsys):
    assert run(["profile", "20-64-64-1", "--batch-size", "128"]) == 0
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if line.strip()]
    assert lines[0].split()[:3] == ["phase", "computes", "µs"]
    assert [line.split()[0] for line in lines[2:-2]] == (
        ["forward"] * 10 + ["backward"] * 11 + ["reduce"] * 2 + ["update"]
    )
    assert "z2 = a1·W2 + b2" in said
    assert "1.06M" in said
    assert "━" in said
    # The batch in two tiles, the reduction and the update in two ranges.
    assert lines[-2].split()[:2] == ["total", f"{2 * (10 + 11) + 1 + 2 * 2}.00"]
    assert lines[-1].startswith("a step of 128 rows in one go:")
    assert "Gflop/s (float32, one thread)" in lines[-1]


def test_one_output_is_binary_and_several_are_classes(capsys):
    assert "bce_value_from_z" in kernels(profiled(capsys, "5-4-1"))
    assert "ce_value_labels_from_z" in kernels(profiled(capsys, "5-4-3"))
    assert "activate.relu" in kernels(profiled(capsys, "5-4-3"))


def test_what_can_be_chosen(capsys):
    options = "--loss mse --activation tanh --optimizer sgd --dtype float64 --batch-size 7"
    found = profiled(capsys, "5-4-3", *options.split())
    assert {"mse_value", "activate.tanh", "activate.linear", "gradient_descent"} <= set(
        kernels(found)
    )
    assert (found["dtype"], found["batch_size"]) == ("float64", 7)
    assert found["matrix_operations"] == 7 * (4 * 5 * 4 + 6 * 4 * 3)


def test_a_loss_may_have_parameters(capsys):
    found = kernels(profiled(capsys, "5-4-2", "--loss", "quantile(0.1, 0.9)"))
    assert {"quantile_value", "quantile_gradient"} <= set(found)
    assert "loss_of_outputs.huber" in kernels(profiled(capsys, "5-4-1", "--loss", "huber(0.5)"))


def test_a_saved_network(capsys):
    net = cr.Network([cr.Dense(3, "elu"), cr.Dense(2)], "rss", inputs=4, dtype="float64")
    cr.save(net, "net.safetensors")
    found = profiled(capsys, "net.safetensors")
    assert {"activate.elu", "rss_value"} <= set(kernels(found))
    assert found["dtype"] == "float64"
    assert profiled(capsys, "net.safetensors", "--dtype", "float32")["dtype"] == "float32"


REFUSED = {
    "nothing": ([], "missing argument 'NETWORK'"),
    "one size": (["20"], "NETWORK must be layer sizes such as 784-100-10 or a file"),
    "no sizes": (["20-x-1"], "NETWORK must be layer sizes"),
    "zero": (["20-0-1"], "units of Dense must be a whole number from 1"),
    "huge": (["20-9999999999-1"], "units of Dense must be a whole number from 1"),
    "no file": (["nothing.safetensors"], "nothing.safetensors"),
    "a circle": (["circle.safetensors"], "'circle.safetensors' cannot be read: Too many levels"),
    "no network": (["bad.safetensors"], "is not a network file"),
    "file and loss": (["bad.safetensors", "--loss", "mse"], "--activation and --loss are for"),
    "loss": (["2-1", "--loss", "nix"], "unknown loss 'nix'; there are"),
    "parameter": (["2-1", "--loss", "huber(0)"], "parameter of 'huber' must be greater than 0"),
    "outputs": (["2-1", "--loss", "gaussian"], "takes 2 outputs for each column of the targets"),
    "one class": (["2-1", "--loss", "cross_entropy"], "softmax needs at least 2 units"),
    "activation": (["2-2-1", "--activation", "nix"], "unknown activation 'nix'"),
    "threshold": (["2-2-1", "--activation", "threshold"], "has no useful derivative"),
    "optimizer": (["2-1", "--optimizer", "nix"], "unknown optimizer 'nix'"),
    "dtype": (["2-1", "--dtype", "int8"], "dtype must be 'float32' or 'float64'"),
    "batch": (["2-1", "--batch-size", "0"], "batch_size must be a whole number from 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_arguments_get_one_line(case, tmp_path, capsys):
    (tmp_path / "bad.safetensors").write_bytes(b"no network")
    (tmp_path / "circle.safetensors").symlink_to("circle.safetensors")
    arguments, words = REFUSED[case]
    assert run(["profile", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("error: ")
    assert words in line
