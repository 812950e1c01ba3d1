"""``chainrule warmup``: compile all kernels ahead of time."""

import typer

EPILOG = """
Examples:

chainrule warmup

CHAINRULE_CACHE=/opt/kernels chainrule warmup
"""


def warmup() -> None:
    """Compile all kernels for this machine, so that no training waits for it.

    They are kept: a second run only loads them.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from chainrule.warmup import warmup as compile_all

    terminal = Console(stderr=True)
    if terminal.is_terminal:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=terminal, transient=True) as bar:
            task = bar.add_task("")
            done = compile_all(
                report=lambda k, of, name: bar.update(task, completed=k, total=of, description=name)
            )
    else:
        done = compile_all(report=_line)
    kept = f"in {done.folder}" if done.folder else "nowhere: no folder can be written"
    typer.echo(f"{done.kernels} kernels are ready after {done.seconds:.1f} s; they are kept {kept}")


def _line(done: int, of: int, name: str) -> None:
    """Every tenth of the way, for a file or a pipe."""
    if done * 10 // of > (done - 1) * 10 // of:
        typer.echo(f"{done} of {of}: {name}", err=True)
