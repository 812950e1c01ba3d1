"""The entry point: what runs the commands, and turns what went wrong into one line.

Exit codes: 0, 2 for a mistake of the user, 130 when interrupted.
"""

import contextlib
import io
import sys
from collections.abc import Sequence

MISTAKE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks is shown by its number.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = complain("interrupted; nothing was written", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output went away; Python would say so once more when it exits.
        with contextlib.suppress(OSError):
            sys.stdout.close()
        code = 1
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    try:
        import pandas  # noqa: F401
        import typer

        from chainrule.cli.app import app
    except ImportError as error:
        return complain(f"{error.name} is missing: pip install 'chainrule[cli]'")
    return 0


def complain(message: str, code: int = MISTAKE) -> int:
    """Print a mistake as one line on standard error; the exit code."""
    line = " ".join(message.split())
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    print(f"error: {shown}", file=sys.stderr)
    return code
