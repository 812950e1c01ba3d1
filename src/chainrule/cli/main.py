"""The entry point: runs the commands, and turns what users can mend into one line."""

import contextlib
import io
import sys
from collections.abc import Sequence

from chainrule.cli.complaints import INTERRUPTED, complain

#: What the commands need beyond the library, and the extra that brings it.
EXTRAS = {
    "typer": "cli", "rich": "cli", "pandas": "cli", "skops": "cli", "tomli_w": "cli",
    "matplotlib": "cli", "jinja2": "cli", "pyarrow": "parquet",
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that the terminal's encoding lacks is shown by its number.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
        if sys.stdout is not None:  # as it is where it was closed before the start
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        code = 1
        _close_output()
    except OSError as error:
        if error.filename is not None:  # a file's, and not that of what was printed
            raise
        code = complain(f"standard output cannot be written: {error.strerror or error}")
        _close_output()
    sys.exit(code)


def _close_output() -> None:
    """Give up what was not written, or Python complains of it when it exits."""
    with contextlib.suppress(OSError):
        sys.stdout.close()


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code."""
    from chainrule.tables.errors import TableError

    try:
        import typer

        from chainrule.cli.app import app
    except ImportError as error:
        return _missing(error)
    try:
        code = app(list(arguments), prog_name="chainrule", standalone_mode=False)
    except TableError as error:
        return complain(str(error))
    except typer.Abort:
        return complain("interrupted", INTERRUPTED)
    except MemoryError as error:
        return complain(f"not enough memory: {error}")
    except ImportError as error:
        return _missing(error)
    except Exception as error:
        # Usage errors: their class has no public name in Typer, which carries its own Click.
        if not isinstance(error, typer.BadParameter.__mro__[1]):
            raise
        words: str = error.format_message()  # type: ignore[attr-defined]
        return complain(words[:1].lower() + words[1:].removesuffix("."))
    return code if isinstance(code, int) else 0


def _missing(error: ImportError) -> int:
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    what = "Parquet" if package == "pyarrow" else "the command line"
    return complain(f"{what} needs {package}: pip install 'chainrule[{EXTRAS[package]}]'")
