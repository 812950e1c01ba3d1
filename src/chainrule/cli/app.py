"""The commands under one name."""

from typing import Annotated

import typer

from chainrule.cli import check, explain, export, fit, predict, profile, warmup

app = typer.Typer(pretty_exceptions_enable=False)
app.command(epilog=fit.EPILOG)(fit.fit)
app.command(epilog=predict.EPILOG)(predict.predict)
app.command(epilog=explain.EPILOG)(explain.explain)
app.command(epilog=check.EPILOG)(check.check)
app.command(epilog=export.EPILOG)(export.export)
app.command(epilog=profile.EPILOG)(profile.profile)
app.command(epilog=warmup.EPILOG)(warmup.warmup)


def _version(wanted: bool) -> None:
    if wanted:
        from chainrule import __version__

        typer.echo(f"chainrule {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def commands(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Feed-forward neural networks whose backpropagation can be read, run fast, and looked into."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
