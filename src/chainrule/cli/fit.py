"""``chainrule fit``: train a network on a table."""

import json
from typing import Annotated

import typer

from chainrule.cli.complaints import INTERRUPTED, complain


def fit(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE.csv",
            help="A table with a header, in UTF-8, divided by commas, semicolons, tabs or bars.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str, typer.Option(metavar="NAME", help="The column to predict.", show_default=False)
    ],
    task: Annotated[
        str, typer.Option(help="auto, binary, multiclass or regression; auto asks the target.")
    ] = "auto",
    hidden: Annotated[str, typer.Option(help="The sizes of the hidden layers.")] = "64,64",
    activation: Annotated[
        str, typer.Option(help="That of the hidden layers, such as relu, tanh or leaky_relu(0.1).")
    ] = "relu",
    epochs: Annotated[int, typer.Option(help="Passes over the training rows.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Rows of a batch.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="The size of Adam's steps.")] = 0.001,
    seed: Annotated[
        int, typer.Option(help="Of the held-out rows, the first parameters, and the shuffles.")
    ] = 0,
    test_share: Annotated[float, typer.Option(help="The share of the rows to hold out.")] = 0.2,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Where to write the run; by default runs/FILE-1, -2, ...",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON instead.")
    ] = False,
) -> None:  # fmt: skip
    """Train a network on a table, evaluate it on rows held out, and save it.

    Two different values of the target make it a binary task, several a
    multiclass one, numbers a regression. Text is encoded and numbers are
    scaled, by the training rows alone.
    """
    # What is slow to import waits until it is needed: `--help` shall be there at once.
    from chainrule.cli.showing import show_plan, show_run
    from chainrule.tables.errors import TableError
    from chainrule.tables.fitting import fit_table
    from chainrule.tables.options import read_sizes
    from chainrule.training.history import DivergedError

    try:
        run = fit_table(
            file, target, task=task, hidden=read_sizes(hidden), activation=activation,
            epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed,
            test_share=test_share, out=out, prepared=None if as_json else show_plan,
            progress=True,
        )  # fmt: skip
    except DivergedError as error:
        raise TableError(
            f"the loss is not finite at step {error.step}: try a --learning-rate below "
            f"{learning_rate:g}; nothing was written"
        ) from None
    except KeyboardInterrupt:
        raise typer.Exit(complain("interrupted; nothing was written", INTERRUPTED)) from None
    if as_json:
        typer.echo(json.dumps(run.to_dict(), ensure_ascii=False, allow_nan=False))
    else:
        show_run(run)
    if run.interrupted:
        done = run.result.history.epochs
        typer.echo(f"interrupted after epoch {done} of {epochs}: saved as it was then", err=True)
        raise typer.Exit(INTERRUPTED)
