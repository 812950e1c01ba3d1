"""``chainrule check``: whether gradients are right, and what a reader's numbers come from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.checks import printable
from chainrule.cli.complaints import as_json, complain
from chainrule.tables.errors import TableError, quoted

if TYPE_CHECKING:
    from chainrule.glass.checks.triple import TripleCheck
    from chainrule.glass.mistakes.verdicts import Diagnosis

ROWS = 16  # that are used, if nothing is said
MOST_PARAMETERS = 200_000  # which take about a minute
WRONG = 1  # the exit code for a gradient or a claim that is not right

EPILOG = """
Examples:

chainrule check problem.toml

chainrule check runs/penguins-1 penguins.csv

chainrule check net.safetensors --rows 8 --seed 1
"""


def check(
    what: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_OR_PROBLEM",
            help="A problem's .toml, a network's .safetensors or scikit-learn's .skops, a model's "
            "file, or the directory of a run.",
            show_default=False,
        ),
    ],
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="A table with the columns that the model reads, and its target.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="For a network: a table of numbers, its features first, then its targets. By "
            "default random data.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            min=1, help="At most so many rows are used; by default 16.", show_default=False
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of what is drawn, rows or random data; by default 0.", show_default=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Check the gradients of backpropagation against central differences and JAX.

    Of a problem the numbers in its claims are examined too: right, or which
    known mistake gives them. The exit code is 1 if anything is wrong.
    """
    try:
        checks, diagnosis, about = _checked(what, file, data, rows, seed)
    except OSError as error:
        words = f"{quoted(what, 80)} cannot be read: {error.strerror or error}"
        raise typer.Exit(complain(words)) from None
    except ValueError as error:
        if isinstance(error, TableError):
            raise
        raise typer.Exit(complain(str(error))) from None
    if json:
        typer.echo(as_json(_document(checks, diagnosis, about)))
    else:
        _show(checks, diagnosis, about)
    if not all(checks.values()) or not (diagnosis is None or diagnosis.ok):
        raise typer.Exit(WRONG)


def _checked(
    what: str, file: str | None, data: str | None, rows: int | None, seed: int | None
) -> tuple[dict[str, "TripleCheck"], "Diagnosis | None", str]:
    """The check of each network by its name, what is said of claims, and of which data."""
    from chainrule.export.loading import kind_of
    from chainrule.glass.checks.triple import triple_check

    if kind_of(what) == "problem":
        from chainrule.glass.mistakes.diagnosis import diagnose
        from chainrule.glass.problems.files import read_problem

        if file or data:
            raise ValueError("a problem has its own data: give no table beside it")
        for name, value in (("--rows", rows), ("--seed", seed)):
            if value is not None:
                raise ValueError(
                    f"a problem has its own data, all of which is used: give no {name}"
                )
        problem = read_problem(what)
        found = triple_check(problem.network, problem.x, problem.y)
        diagnosis = diagnose(problem) if problem.claims else None
        return {"": found}, diagnosis, problem.title or Path(what).name
    networks, X, y, about = _networks(what, file, data, rows or ROWS, seed or 0)
    for network in networks.values():
        _check_size(network.vector.size)
    return {name: triple_check(net, X, y) for name, net in networks.items()}, None, about


def _check_size(parameters: int) -> None:
    """Refuse what would take hours: differences need two passes for each parameter."""
    if parameters > MOST_PARAMETERS:
        raise TableError(
            f"the network has {parameters} parameters, and central differences need two passes "
            f"for each: check one of at most {MOST_PARAMETERS}"
        )


def _networks(
    what: str, file: str | None, data: str | None, rows: int, seed: int
) -> tuple[dict[str, Any], Any, Any, str]:
    """Networks by name, the data that they are checked on, and words for these."""
    from chainrule.export.loading import load_any
    from chainrule.glass.checks.random_batch import random_batch
    from chainrule.network import Network
    from chainrule.tables.checking import rows_for_model, rows_for_network

    if file and data:
        raise ValueError("give the table once, as FILE or by --data")
    table, loaded = file or data, load_any(what)
    if isinstance(loaded, Network):
        if table is None or loaded.loss is None:
            X, y = random_batch(loaded, rows, seed)
            return {"": loaded}, X, y, f"random data: {_rows(X)} of seed {seed}"
        X, y = rows_for_network(loaded, table, rows, seed)
        return {"": loaded}, X, y, f"{_rows(X)} of {table}"
    if table is None:
        raise ValueError(f"{quoted(what, 80)} is a table's model: give a table to check it on")
    X, y = rows_for_model(loaded, table, rows, seed)
    several = len(loaded.networks) > 1
    names = [f"network {k}" if several else "" for k in range(1, len(loaded.networks) + 1)]
    return dict(zip(names, loaded.networks, strict=True)), X, y, f"{_rows(X)} of {table}"


def _rows(X: Any) -> str:
    from chainrule.tables.errors import counted

    return counted(len(X), "row")


def _document(
    checks: dict[str, "TripleCheck"], diagnosis: "Diagnosis | None", about: str
) -> dict[str, Any]:
    right = all(checks.values()) and (diagnosis is None or diagnosis.ok)
    return {
        "ok": right,
        "about": about,
        "networks": [found.to_dict() for found in checks.values()],
        "claims": None if diagnosis is None else diagnosis.to_dict(),
    }


def _show(checks: dict[str, "TripleCheck"], diagnosis: "Diagnosis | None", about: str) -> None:
    lines = [about]
    for name, found in checks.items():
        lines += ["", *([name] if name else []), *str(found).splitlines()]
    if diagnosis is not None:
        lines += ["", *str(diagnosis).splitlines()]
    for line in lines:
        typer.echo(printable(line))
