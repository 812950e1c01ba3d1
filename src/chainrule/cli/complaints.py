"""How the command line says that something went wrong: in one line, on standard error.

Exit codes: 0, 2 for what the user can mend, 130 when interrupted.
"""

import sys

MISTAKE = 2
INTERRUPTED = 130


def complain(message: str, code: int = MISTAKE) -> int:
    """Print the line; the exit code."""
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code


def printable(words: str) -> str:
    """The words with control characters escaped: what a file holds does not steer the terminal.

    >>> printable("red \\x1b[31m")
    'red \\\\x1b[31m'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
