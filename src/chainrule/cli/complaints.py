"""How the command line says that something went wrong: in one line, on standard error.

Exit codes: 0, 2 for what the user can mend, 130 when interrupted.
"""

import sys
from typing import Any

from chainrule.checks import printable
from chainrule.tables.written import to_json

MISTAKE = 2
INTERRUPTED = 130


def complain(message: str, code: int = MISTAKE) -> int:
    """Print the line; the exit code."""
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code


def shown(words: str, longest: int = 60) -> str:
    """The words as a terminal shows them: printable, and shortened.

    >>> shown("a" * 1000, longest=5)
    'aaaa…'
    """
    return printable(words if len(words) <= longest else words[: longest - 1] + "…")


def as_json(data: Any) -> str:
    """JSON in a line, in which no character steers a terminal.

    >>> as_json({"größe": "\\x9b31m"})
    '{"größe": "\\\\u009b31m"}'
    """
    return to_json(data)
