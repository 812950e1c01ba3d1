"""The one error of this package, and how it quotes what users wrote."""

import difflib
import re
from collections.abc import Sequence

#: What terminals may obey, ends lines, turns the direction of writing, or is half a character.
#: Tabs and ends of lines are not among them: CSV quotes the first, JSON escapes both.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class TableError(ValueError):
    """A table, or a request about one, that cannot be served; the message is one sentence."""


def quoted(text: object, longest: int = 40) -> str:
    """A name or a cell for a message: in quotes, shortened, control characters escaped.

    >>> quoted("bill\\nlength")
    "'bill\\\\nlength'"
    """
    words = str(text)
    return repr(words if len(words) <= longest else words[: longest - 1] + "…")


def listed(names: list[str], most: int = 20) -> str:
    """Names for a message, the first ``most`` of them.

    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(quoted(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def nearest(name: str, known: Sequence[str]) -> str:
    """What a choice could be that there is not.

    >>> nearest("batch-sise", ["batch_size", "epochs"]), nearest("x", ["batch_size", "epochs"])
    ("did you mean 'batch_size'?", 'there are batch_size, epochs')
    """
    near = difflib.get_close_matches(name.replace("-", "_").lower(), known, n=1)
    return f"did you mean {quoted(near[0])}?" if near else f"there are {', '.join(known)}"


def counted(number: int, what: str, plural: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(3, "row")
    ('1 row', '3 rows')
    """
    return f"{number} {what if number == 1 else plural or what + 's'}"
