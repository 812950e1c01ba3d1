"""The flags of a fit, made of the fields of its options and of the words that they carry."""

import functools
import importlib
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Annotated, Any

import typer

from chainrule.tables.errors import TableError
from chainrule.tables.options import CLASS_WEIGHTS, LOSSES, SCALINGS, TASKS, Options

FURTHER = {"folds": ["--cv"]}  # other names of a flag
EVALUATION, OUTPUT, DATA = "Evaluation", "Output", "Data"  # panels of the help


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose ``**choices`` are a flag for each of the options, None unless given."""

    @functools.wraps(command)
    def flagged(*arguments: Any, **named: Any) -> None:
        command(*arguments, **named)

    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    parameters = [*own, *map(_parameter, fields(Options))]
    flagged.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    flagged.__annotations__ = {p.name: p.annotation for p in parameters}
    return flagged


def given(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, as the options take them.

    >>> given({"hidden": "8,4", "epochs": None})
    {'hidden': (8, 4)}
    """
    from chainrule.tables.options import read_sizes

    found = {name: value for name, value in choices.items() if value is not None}
    if isinstance(found.get("hidden"), str):
        found["hidden"] = read_sizes(found["hidden"])
    return found


def flag_of(name: str) -> str:
    """How the command line calls an option.

    >>> flag_of("batch_size")
    '--batch-size'
    """
    return "--" + name.replace("_", "-")


def _parameter(field: Field[Any]) -> inspect.Parameter:
    flag = flag_of(field.name)
    kind: Any = typing.get_type_hints(Options)[field.name]
    default = field.default
    if isinstance(default, tuple):
        kind, default = str, ",".join(map(str, default))
    names = [flag]
    if isinstance(default, bool):
        off = flag_of(f"no_{field.name}")
        names, default = [f"{flag}/{off}"], flag if default else off
    option = typer.Option(
        *FURTHER.get(field.name, []), *names, show_default=False,
        help=f"{field.metadata['words']} [dim]\\[default: {default}][/dim]",
        rich_help_panel=field.metadata["group"].capitalize(),
        autocompletion=_completion(field.name),
    )  # fmt: skip
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None,
        annotation=Annotated[kind | None, option],
    )  # fmt: skip


def _completion(name: str) -> Callable[[str], list[str]] | None:
    """What a shell may complete a value to: the words that a fit takes."""
    known = {
        "task": TASKS, "scaling": SCALINGS, "class_weight": CLASS_WEIGHTS,
        "activation": "activations.activations", "loss": "losses.losses",
        "optimizer": "optimizers.OPTIMIZERS", "schedule": "schedules.SCHEDULES",
    }  # fmt: skip
    if name not in known:
        return None

    def complete(incomplete: str) -> list[str]:
        words = known[name]
        if isinstance(words, str):
            words = [*(["auto"] if name == "loss" else []), *_registered(words)]
        return [word for word in words if word.startswith(incomplete) and _taken(name, word)]

    return complete


def _registered(where: str) -> list[str]:
    """The names in a registry, which are imported when a shell asks for them."""
    module, registry = where.split(".")
    found = getattr(importlib.import_module(f"chainrule.{module}"), registry)
    return sorted(found.names() if hasattr(found, "names") else found)


def _taken(name: str, word: str) -> bool:
    """Whether there is a fit with this choice: some schedules need more, some losses no table."""
    choice: dict[str, Any] = {name: word}
    try:
        options = Options(**choice)
    except TableError:
        return False
    return name != "loss" or any(_suits(options, task) for task in LOSSES)


def _suits(options: Options, task: str) -> bool:
    try:
        options.loss_for(task)
    except TableError:
        return False
    return True
