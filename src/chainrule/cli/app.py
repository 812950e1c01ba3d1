"""The commands under one name."""

from typing import Annotated

import typer

from chainrule.cli.check import EPILOG as CHECK_EPILOG
from chainrule.cli.check import check
from chainrule.cli.export import export
from chainrule.cli.fit import EPILOG, fit
from chainrule.cli.predict import EPILOG as PREDICT_EPILOG
from chainrule.cli.predict import predict
from chainrule.cli.profile import profile
from chainrule.cli.warmup import warmup

app = typer.Typer(pretty_exceptions_enable=False)
app.command(epilog=EPILOG)(fit)
app.command(epilog=PREDICT_EPILOG)(predict)
app.command(epilog=CHECK_EPILOG)(check)
app.command()(export)
app.command()(profile)
app.command()(warmup)


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
