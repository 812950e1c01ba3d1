"""How entries of the mathematics are found by name, and how users add their own."""

import ast
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, Protocol, Self, TypeVar


class Entry(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def aliases(self) -> tuple[str, ...]: ...


E = TypeVar("E", bound=Entry)
LONGEST = 200  # letters of a name with its values


class Named(ABC):
    """An immutable entry that is pickled as the text that finds it, and copied as itself.

    So no compiled function is ever pickled; an entry that is not registered cannot be read again.
    """

    @classmethod
    @abstractmethod
    def read(cls, text: str) -> Any:
        """The entry of a text such as ``"leaky_relu(0.2)"``."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).read, (str(self),)

    def __deepcopy__(self, _memo: object) -> Self:
        return self


class Registry(Generic[E]):
    """Entries of one kind by name.

    Args:
        kind: what an entry is, for messages: ``"activation"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, E] = {}

    def register(self, entry: E) -> E:
        """Add an entry under its name and aliases.

        Raises:
            ValueError: if a name is taken.
        """
        for name in (entry.name, *entry.aliases):
            if name in self._entries:
                raise ValueError(f"the {self.kind} {name!r} exists already")
        for name in (entry.name, *entry.aliases):
            self._entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> E:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise ValueError(
                f"unknown {self.kind} {name!r}; there are {', '.join(sorted(self._entries))}"
            ) from None

    def __iter__(self) -> Iterator[E]:
        """The entries, each once, in the order in which they were registered."""
        return iter(dict.fromkeys(self._entries.values()))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        return [entry.name for entry in self]


def name_and_arguments(text: str) -> tuple[str, tuple[float, ...]]:
    """Read ``"mse"``, ``"huber(1.5)"`` or ``"quantile(0.1, 0.9)"``.

    Raises:
        ValueError: if it is neither a name nor a name with numbers in brackets.

    >>> name_and_arguments("quantile(0.1, 0.9)")
    ('quantile', (0.1, 0.9))
    """
    found = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(?:\(([-+.\w\s,]+)\))?\s*", text)
    parts = [part.strip() for part in found[2].split(",")] if found and found[2] else []
    if not found or not all(re.fullmatch(r"[-+.\w]+", part) for part in parts):
        raise ValueError(f"{text!r} is neither a name nor a name with a number in brackets")
    numbers = []
    for part in parts:
        try:
            numbers.append(float(part))
        except ValueError:
            raise ValueError(f"the argument {part!r} in {text!r} is not a number") from None
    return found[1], tuple(numbers)


def name_and_argument(text: str) -> tuple[str, float | None]:
    """Read ``"leaky_relu"`` or ``"leaky_relu(0.2)"``, with one number at most.

    Raises:
        ValueError: for anything else.
    """
    name, numbers = name_and_arguments(text)
    if len(numbers) > 1:
        raise ValueError(f"{text!r} has {len(numbers)} arguments, and {name} takes one at most")
    return name, numbers[0] if numbers else None


def name_and_options(text: str) -> tuple[str, dict[str, Any]]:
    """Read ``"adam"`` or ``"adamw(beta1=0.8, weight_decay=0.1)"``.

    Raises:
        ValueError: if it is neither a name nor a name with values in brackets.

    >>> name_and_options("step(every=5)")
    ('step', {'every': 5})
    """
    name, options = text.strip(), dict[str, Any]()
    try:
        found = ast.parse(name, mode="eval").body if len(name) <= LONGEST else None
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and not found.args:
            values = {one.arg: ast.literal_eval(one.value) for one in found.keywords if one.arg}
            if len(values) == len(found.keywords):  # none twice, and no mapping among them
                name, options = found.func.id, values
    except (SyntaxError, ValueError):
        pass
    if not name.isidentifier():
        raise ValueError(
            f"{text!r} is neither a name nor a name with values in brackets, such as "
            "adamw(weight_decay=0.1)"
        )
    return name, options
