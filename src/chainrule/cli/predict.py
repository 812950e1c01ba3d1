"""``chainrule predict``: what a model says of the rows of another table."""

from pathlib import Path
from typing import Annotated

import typer

from chainrule.checks import printable
from chainrule.cli.complaints import as_json
from chainrule.cli.places import check_file_place
from chainrule.tables.errors import TableError, counted, quoted

ARCHIVE = b"PK\x03\x04"  # how a model file begins

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
        check_file_place(out, model, file)
    _check_model(model)
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


def _check_model(model: str) -> None:
    """Refuse what is no archive at all: most likely the arguments stand in the other order.

    Raises:
        TableError: that says what comes first.
    """
    from chainrule.tables.files import model_file

    try:
        with open(model_file(model), "rb") as file:
            begins = file.read(len(ARCHIVE))
    except (OSError, ValueError):
        return  # said when it is loaded
    if begins != ARCHIVE:
        raise TableError(
            f"{quoted(model, 80)} is no model of chainrule; MODEL comes first, then FILE"
        )
