"""Literals of Python in lines that are not too long."""

import textwrap
from typing import Any

WIDTH = 99  # of a line by default


def literal(value: Any, indent: int = 0, before: int = 0, width: int = WIDTH) -> str:
    """A literal that is folded where its line would be too long: an item a line, or many integers.

    Args:
        value: of lists, dictionaries, texts and numbers.
        indent: of the line that it begins in.
        before: how many characters stand before it in that line, without the indent.
        width: of a line, without the comma at its end.

    >>> print(literal({"sizes": list(range(40)), "names": ["one", "two"]}))
    {
        'sizes': [
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
            24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
        ],
        'names': ['one', 'two'],
    }
    """
    line = repr(value)
    if indent + before + len(line) <= width or not isinstance(value, dict | list):
        return line
    within = indent + 4
    if isinstance(value, dict):
        items = [
            f"{key!r}: {literal(item, within, len(repr(key)) + 2, width)}"
            for key, item in value.items()
        ]
    elif all(isinstance(item, int) for item in value):
        rows = textwrap.wrap(line[1:-1], width - within)
        items = [row.removesuffix(",") for row in rows]
    else:
        items = [literal(item, within, 0, width) for item in value]
    folded = "".join(f"{' ' * within}{item},\n" for item in items)
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{folded}{' ' * indent}{last}"
