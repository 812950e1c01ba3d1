"""``chainrule fit``: train a network on a table."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.cli.complaints import INTERRUPTED, as_json, complain
from chainrule.cli.flags import DATA, EVALUATION, OUTPUT, flag_of, given, with_flags
from chainrule.tables.errors import TableError, quoted

if TYPE_CHECKING:
    from chainrule.tables.fitting import Run

EPILOG = """
Examples:

chainrule fit penguins.csv --target species

chainrule fit houses.parquet --target price --hidden 128,64 --dropout 0.1 --patience 20 --cv 5

chainrule fit --config runs/penguins-1/fit.toml --seed 1

zcat big.csv.gz | chainrule fit - --target y --checkpoint-every 10 --out runs/big

chainrule fit --resume runs/big < big.csv
"""


@with_flags
def fit(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="A table: CSV with a header (comma, semicolon, tab or bar; UTF-8; .gz), Parquet, "
            "or - for standard input.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column to predict.", rich_help_panel=DATA),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.toml",
            help="Choices, and file, target, test, metric, out; flags override them. Paths in it "
            "are relative to its folder.",
            rich_help_panel=DATA,
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Another table to evaluate on; all rows of the first are trained on then.",
            rich_help_panel=EVALUATION,
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The figure that counts: of classes accuracy, balanced_accuracy, f1_macro, "
            "log_loss or roc_auc; of numbers rmse, mae or r2.",
            rich_help_panel=EVALUATION,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Where to write the run; by default runs/FILE-1, -2, ...",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option(help="Write report.html into the run.", rich_help_panel=OUTPUT)
    ] = True,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Epochs from one checkpoint to the next, for --resume.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Record the training, for explain --step.", rich_help_panel=OUTPUT
        ),
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Go on with a killed fit that had --out DIR and checkpoints.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print a summary as JSON instead.", rich_help_panel=OUTPUT),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", help="Print the run's directory alone, and no progress.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    **choices: Any,
) -> None:  # fmt: skip
    """Train a network on a table, evaluate it on rows held out, and save it.

    Two different values of the target make it a binary task, several a
    multiclass one, numbers a regression. Text is encoded and numbers are
    scaled, by the training rows alone.
    """
    # What is slow to import waits until it is needed: `--help` shall be there at once.
    from chainrule.cli.showing import show_plan, show_run
    from chainrule.training.history import DivergedError

    asked = {
        "file": file, "target": target, "test": test, "metric": metric, "out": out,
        "checkpoint_every": checkpoint_every,
    }  # fmt: skip
    if report:
        from chainrule.report.extras import import_extras

        import_extras()
    flags = {name: value for name, value in asked.items() if value is not None} | given(choices)
    how = {"prepared": None if json or quiet else show_plan, "progress": not quiet}
    try:
        if resume:
            run = _resumed(resume, flags | ({"record": True} if record else {}), config, how)
        else:
            run = _fitted(flags, config, how | {"record": record})
    except DivergedError as error:
        raise TableError(
            f"the loss is not finite at step {error.step}: try a smaller --learning-rate; "
            "nothing was written"
        ) from None
    except KeyboardInterrupt as error:
        message = "interrupted; " + (str(error) or "nothing was written")
        raise typer.Exit(complain(message, INTERRUPTED)) from None
    if report:
        _write_report(run)
    if json:
        typer.echo(as_json(run.to_dict()))
    elif quiet:
        typer.echo(str(run.path))
    else:
        show_run(run)
    if run.fitted.interrupted:
        epochs = run.fitted.plan.options.epochs
        done = max(result.history.epochs for result in run.fitted.results)
        typer.echo(f"interrupted after epoch {done} of {epochs}: saved as it was then", err=True)
        raise typer.Exit(INTERRUPTED)


def _fitted(flags: dict[str, Any], config: str | None, how: dict[str, Any]) -> "Run":
    from chainrule.tables.configuration import Configuration, read_configuration
    from chainrule.tables.fitting import fit_table

    layers = [read_configuration(config)] if config else []
    known = set(flags).union(*layers)
    for name, words in (("file", "argument 'FILE'"), ("target", "option '--target'")):
        if name not in known:
            raise TableError(f"missing {words}")
    asked = Configuration.of(*layers, flags)
    return fit_table(
        asked.file, asked.target, asked.options, test=asked.test, metric=asked.metric,
        out=asked.out, checkpoint_every=asked.checkpoint_every, **how,
    )  # fmt: skip


def _resumed(
    place: str, flags: dict[str, Any], config: str | None, how: dict[str, Any]
) -> "Run":  # fmt: skip
    from chainrule.tables.fitting import resume_table

    if flags or config:
        which = "--config" if config else "FILE" if "file" in flags else flag_of(next(iter(flags)))
        raise TableError(
            f"--resume goes on with the choices of the fit that was begun: give no {which}"
        )
    return resume_table(place, **how)


def _write_report(run: "Run") -> None:
    """Write the report beside the run's other files, with the command that repeats it."""
    import shlex

    from chainrule.report import write_report

    command = shlex.join(["chainrule", "fit", "--config", str(run.path / "fit.toml")])
    try:
        write_report(run.fitted, run.path / "report.html", command)
    except OSError as error:
        raise TableError(
            f"the run is in {quoted(run.path, 80)}, but its report cannot be written: "
            f"{error.strerror or error}"
        ) from None
