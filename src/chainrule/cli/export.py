"""``chainrule export``: a model for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chainrule.checks import printable
from chainrule.cli.complaints import complain
from chainrule.cli.places import check_not_read

EPILOG = """
Examples:

chainrule export runs/penguins-1 --table penguins.csv

chainrule export runs/penguins-1 --format torch --out penguins-torch

chainrule export network.safetensors --out network.onnx
"""


class Format(StrEnum):
    """What a model can be written as."""

    onnx = "onnx"
    torch = "torch"


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model file, a run's directory, or a network's .safetensors.",
            show_default=False,
        ),
    ],
    format: Annotated[
        Format,
        typer.Option(help="onnx writes one file, torch a folder with Python and weights."),
    ] = Format.onnx,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="What to write; by default it lies beside MODEL.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A table to compare predictions on, as the one trained on.",
            show_default=False,
        ),
    ] = None,
) -> None:  # fmt: skip
    """Write a model for other programs, compared with its own predictions.

    Of a table's model, onnx holds everything from the columns to labels or
    numbers; torch holds the networks, which take prepared inputs.
    """
    from chainrule.export.loading import load_any
    from chainrule.export.onnx_files import export_onnx
    from chainrule.export.torch_files import export_torch
    from chainrule.extras import MissingExtraError

    place = Path(out) if out else _beside(Path(model), format)
    try:
        check_not_read(place, model, *([] if table is None else [table]))
        found = load_any(model)
        written = export_onnx if format is Format.onnx else export_torch
        report = written(found, place, table)
    except OSError as error:
        words = f"{place} cannot be written: {error.strerror or error}"
        raise typer.Exit(complain(words)) from None
    except (ValueError, MissingExtraError) as error:
        raise typer.Exit(complain(str(error))) from None
    typer.echo(f"written   {printable(str(report.path))}")
    if report.difference is None:
        typer.echo("compared  with nothing: PyTorch is not installed")
    else:
        shown = f"{report.difference:.1e}" if report.difference else "none"
        typer.echo(
            f"compared  on {report.rows} rows{'' if table else ' that were made up'}; "
            f"largest difference: {shown}"
        )
    typer.echo(f"to run it:\n{printable_lines(report.example())}")


def printable_lines(text: str) -> str:
    """Lines of code, indented."""
    return "\n".join(f"    {printable(line)}" for line in text.splitlines())


def _beside(model: Path, kind: Format) -> Path:
    if kind is Format.onnx:
        return model / "model.onnx" if model.is_dir() else model.with_suffix(".onnx")
    return model / "torch" if model.is_dir() else model.with_name(f"{model.stem}-torch")
