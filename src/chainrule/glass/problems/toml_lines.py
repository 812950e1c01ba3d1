"""Where in a TOML text each key and each element stands, so that messages can name the line.

The standard library's reader gives lines for errors of syntax alone. This one follows a text that
the library has read already: it need not refuse anything, only find its way.
"""

import re
import tomllib

#: Keys of tables and positions in lists, from the top.
Place = tuple[str | int, ...]

BARE = re.compile(r"[A-Za-z0-9_-]+")
STRING = re.compile(
    r'"""(?:\\.|(?!"""(?!"))[\s\S])*"""' r"|'''(?:(?!'''(?!'))[\s\S])*'''"
    r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'"
)  # fmt: skip
SPACE = re.compile(r"[ \t]*")
BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
PLAIN = re.compile(r"[^,\]}#\r\n]*")  # a number, a date or a truth value


def lines_of(text: str) -> dict[Place, int]:
    """The line, counted from 1, of each key, table and element of a valid TOML text.

    >>> lines_of('a = 1\\n[[b]]\\nc = [2,\\n  3]')
    {('a',): 1, ('b', 0): 2, ('b', 0, 'c'): 3, ('b', 0, 'c', 0): 3, ('b', 0, 'c', 1): 4}
    """
    return _Walk(text).lines


class _Walk:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.lines: dict[Place, int] = {}
        self._counted_to, self._line = 0, 1
        self._tables: dict[Place, int] = {}  # how many tables each array of them has so far
        self._take(BLANK)
        while self._at < len(text):
            self._statement()
            self._take(BLANK)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return found[0]

    def _skip(self, mark: str) -> bool:
        found = self._text.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def _mark(self, place: Place) -> None:
        self._line += self._text.count("\n", self._counted_to, self._at)
        self._counted_to = self._at
        self.lines.setdefault(place, self._line)

    def _statement(self) -> None:
        if self._skip("[["):
            path = self._in_arrays(self._key())
            number = self._tables.get(path, 0)
            self._tables[path] = number + 1
            self._inside: Place = (*path, number)
            self._mark(self._inside)
            self._skip("]]")
        elif self._skip("["):
            self._inside = self._in_arrays(self._key())
            self._mark(self._inside)
            self._skip("]")
        else:
            self._pair(getattr(self, "_inside", ()))

    def _in_arrays(self, path: Place) -> Place:
        """The path with the position of the last table of each array of them on the way."""
        found: Place = ()
        for number, part in enumerate(path):
            found = (*found, part)
            if number < len(path) - 1 and found in self._tables:
                found = (*found, self._tables[found] - 1)
        return found

    def _key(self) -> Place:
        parts: list[str] = []
        while True:
            self._take(SPACE)
            if self._text[self._at] in "\"'":
                parts.append(tomllib.loads(f"key = {self._take(STRING)}")["key"])
            else:
                parts.append(self._take(BARE))
            self._take(SPACE)
            if not self._skip("."):
                return tuple(parts)

    def _pair(self, inside: Place) -> None:
        start = self._at
        path = self._key()
        after, self._at = self._at, start
        self._mark((*inside, *path))
        self._at = after
        self._skip("=")
        self._take(SPACE)
        self._value((*inside, *path))

    def _value(self, place: Place) -> None:
        if self._skip("["):
            self._list(place)
        elif self._skip("{"):
            self._take(SPACE)
            while not self._skip("}"):
                self._pair(place)
                self._take(BLANK)
                self._skip(",")
                self._take(BLANK)
        elif self._text[self._at] in "\"'":
            self._take(STRING)
        else:
            self._take(PLAIN)

    def _list(self, place: Place) -> None:
        number = 0
        self._take(BLANK)
        while not self._skip("]"):
            self._mark((*place, number))
            self._value((*place, number))
            number += 1
            self._take(BLANK)
            self._skip(",")
            self._take(BLANK)
