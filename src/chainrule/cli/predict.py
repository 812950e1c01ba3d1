"""``chainrule predict``: what a model says of the rows of another table."""

import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer

from chainrule.cli.complaints import as_json, printable
from chainrule.tables.errors import TableError, counted, quoted

EPILOG = """
Examples:

chainrule predict runs/penguins-1 new.csv

chainrule predict model.chainrule new.csv --keep id --out predictions.csv

zcat new.csv.gz | chainrule predict runs/penguins-1 - --json
"""


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model's file, or the directory of a run.", show_default=False
        ),
    ],
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A table with the columns that the model reads, in any order: CSV, .gz, Parquet, "
            "or - for standard input.",
            show_default=False,
        ),
    ],
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of the table to repeat in front, such as an identifier; can be given "
            "several times.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Where to write; by default standard output.", show_default=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON instead of CSV.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing of what was unusual about the table.")
    ] = False,
) -> None:
    """Predict the rows of a table: labels, or numbers in the target's own unit.

    The columns are prediction, the probability of each class, and the spread
    of an ensemble's networks.
    """
    from chainrule.storage.networks import write_whole
    from chainrule.tables.answers import answers
    from chainrule.tables.files import load_model
    from chainrule.tables.sources import table_of

    if out is not None:
        _check_place(out, model, file)
    loaded = load_model(model)
    table = table_of(file)
    found = answers(loaded, table, list(dict.fromkeys(keep or ())))
    content = as_json(found.to_dict()) + "\n" if json else found.to_csv()
    if not quiet:
        for note in found.predictions.notes:
            typer.echo(f"note: {printable(note)}", err=True)
    if out is None:
        typer.echo(content, nl=False)
        return
    try:
        write_whole(Path(out), content.encode("utf-8"))
    except OSError as error:
        raise TableError(f"{quoted(out, 80)} cannot be written: {error.strerror}") from None
    if not quiet:
        typer.echo(f"{counted(table.rows, 'prediction')} in {printable(out)}", err=True)


def _check_place(out: str, *inputs: str) -> None:
    """Refuse, before any work, a place that cannot be written, or that of what is read."""
    place = Path(out)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(out)  # a name that no file can have is refused by it
        if place.is_dir():
            raise TableError(f"{quoted(out, 80)} is a directory, not a file")
        if not place.parent.is_dir() or not os.access(place.parent, os.W_OK):
            raise TableError(f"{quoted(out, 80)} cannot be written: its folder cannot be")
        same = [name for name in inputs if place.exists() and Path(name).exists()]
        if any(place.samefile(name) for name in same):
            raise TableError(f"{quoted(out, 80)} is read: write somewhere else")
    except (OSError, ValueError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"{quoted(out, 80)} cannot be written: {error}") from None
