"""What the commands say of themselves: examples, and what a shell completes."""

import re
import shlex

import pytest

from chainrule.cli.app import app
from chainrule.cli.main import run
from chainrule.losses import losses
from chainrule.tables.errors import TableError
from chainrule.tables.options import LOSSES, Options

COMMANDS = [command.callback.__name__ for command in app.registered_commands]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def examples(command, capsys):
    """The lines of the help that are its examples."""
    assert run([command, "--help"]) == 0
    said = capsys.readouterr().out
    return [line.strip() for line in said.partition("Examples:")[2].splitlines() if line.strip()]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_examples_of_itself(command, capsys):
    found = examples(command, capsys)
    assert len(found) >= 2
    assert all(f"chainrule {command}" in line for line in found)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_have_flags_that_there_are(command, capsys):
    assert run([command, "--help"]) == 0
    known = re.findall(r"--[a-z0-9-]+", capsys.readouterr().out.partition("Examples:")[0])
    for line in examples(command, capsys):
        assert {word for word in shlex.split(line) if word.startswith("--")} <= set(known)


def completed(words, capsys, monkeypatch, shell="bash"):
    """What a shell is offered for the last word of a command."""
    line = shlex.join(words[:-1]) + f" {words[-1]}"
    monkeypatch.setenv("_CHAINRULE_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit, match=r"^0$"):
        run([])
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fit", "--task", ""], ["auto", "binary", "multiclass", "regression"]),
        (["fit", "--scaling", "r"], ["robust"]),
        (["fit", "--class-weight", "b"], ["balanced"]),
        (["fit", "--activation", "leaky"], ["leaky_relu"]),
        (["fit", "--loss", "hu"], ["huber"]),
        (["fit", "--loss", "a"], ["auto"]),
        (["fit", "--optimizer", "adamw"], ["adamw"]),
        (["fit", "--schedule", "cosi"], ["cosine"]),
        (["fit", "--class"], ["--class-weight"]),
        (["fit", "--hidden", "6"], []),
        (["export", "--format", ""], ["onnx", "torch"]),
        (["prof"], ["profile"]),
    ],
)
def test_a_shell_completes_commands_flags_and_choices(words, expected, capsys, monkeypatch):
    assert completed(["chainrule", *words], capsys, monkeypatch) == expected


@pytest.mark.parametrize("name", ["activation", "optimizer", "schedule"])
def test_a_shell_is_offered_what_is_taken(name, capsys, monkeypatch):
    found = completed(["chainrule", "fit", f"--{name}", ""], capsys, monkeypatch)
    assert getattr(Options(), name) in found
    for word in found:
        assert getattr(Options(**{name: word}), name) == word
    assert "threshold" not in found


def test_a_shell_is_offered_the_losses_that_some_task_has(capsys, monkeypatch):
    found = completed(["chainrule", "fit", "--loss", ""], capsys, monkeypatch)
    for loss in losses.names():
        suits = []
        for task in LOSSES:
            try:
                suits.append(Options(loss=loss).loss_for(task))
            except TableError:
                continue
        assert (loss in found) == bool(suits)
