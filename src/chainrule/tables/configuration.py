"""What a fit was asked for, as a TOML file that can be written, read and run again."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.tables.errors import TableError, nearest, quoted
from chainrule.tables.options import Options
from chainrule.tables.written import to_toml

NAME = "fit.toml"
STANDARD_INPUT = "-"
PATHS = ("file", "test", "out")  # in a file they are relative to its own folder
ASKED = ("file", "target", "test", "metric", "out", "checkpoint_every")


@dataclass(frozen=True)
class Configuration:
    """Everything that a fit depends on.

    Attributes:
        file: the table; ``-`` is standard input.
        target: the column to predict.
        test: another table to evaluate on.
        metric: the figure that counts; by default the first of the task's.
        out: the directory to write.
        checkpoint_every: epochs from one checkpoint to the next; 0 for none.
        options: all other choices.

    >>> Configuration.of({"file": "t.csv", "target": "y"}, {"epochs": 7}).options.epochs
    7
    """

    file: str
    target: str
    test: str | None = None
    metric: str | None = None
    out: str | None = None
    checkpoint_every: int = 0
    options: Options = field(default_factory=Options)

    @classmethod
    def of(cls, *layers: Mapping[str, Any]) -> "Configuration":
        """What several sources say together, the later ones overriding the earlier.

        Raises:
            TableError: if the table or the target is in none of them, or a value is not allowed.
        """
        together: dict[str, Any] = {}
        for layer in layers:
            together |= layer
        for name in ("file", "target"):
            if name not in together:
                raise TableError(f"the configuration names no {name}")
        asked = {name: together.pop(name) for name in ASKED if name in together}
        for name, value in asked.items():
            if name != "checkpoint_every" and not isinstance(value, str):
                raise TableError(f"{name} must be a text, not {value!r}")
        options = Options(**together)
        check_checkpoints(asked.get("checkpoint_every", 0), options)
        return cls(**asked, options=options)

    def to_toml(self, folder: Path) -> str:
        """The text of a file in a folder, from which the same fit can be run again.

        ``out`` is not in it: a repetition is a run of its own.
        """
        from chainrule import __version__

        asked = {name: getattr(self, name) for name in ASKED if name not in ("out", *PATHS)}
        for name in ("file", "test"):
            asked[name] = relative_to(folder, getattr(self, name))
        ordered = {name: asked[name] for name in ASKED if asked.get(name)}
        head = f"# chainrule fit --config {NAME}, of chainrule {__version__}"
        return f"{head}\n{to_toml(ordered | self.options.to_dict())}"


def check_checkpoints(every: Any, options: Options) -> None:
    """Refuse a number of epochs between checkpoints that cannot be served.

    Raises:
        TableError: if it is no whole number of at least 0, or there are several networks.
    """
    if isinstance(every, bool) or not isinstance(every, int) or every < 0:
        raise TableError(f"checkpoint_every must be a whole number of at least 0, not {every!r}")
    if every and options.ensemble > 1:
        raise TableError(f"checkpoints are of a single network, and ensemble is {options.ensemble}")


def check_recording(record: bool, every: int, options: Options) -> None:
    """Refuse a recording of what cannot be recorded.

    Raises:
        TableError: for an ensemble, or with checkpoints.
    """
    if record and options.ensemble > 1:
        raise TableError(f"a recording is of a single network, and ensemble is {options.ensemble}")
    if record and every:
        raise TableError("a fit is recorded or writes checkpoints, not both")


def read_configuration(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file of choices; paths in it are relative to its folder.

    Raises:
        TableError: if it cannot be read, is not TOML, or has a key that is unknown.
    """
    file = Path(path)
    name = quoted(path, 80)
    try:
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise TableError(f"there is no file {name}") from None
    except UnicodeDecodeError as error:
        raise TableError(f"{name} is not UTF-8: byte {error.start + 1}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TableError(f"{name} cannot be read: {reason}") from None
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TableError(f"{name} is not TOML: {error}") from None
    for key in found:
        _check_known(key, name)
    for key in PATHS:
        if isinstance(found.get(key), str) and found[key] != STANDARD_INPUT:
            found[key] = _from(file.parent, found[key])
    return found


def _check_known(key: str, name: str) -> None:
    known = [*ASKED, *Options.names()]
    if key not in known:
        raise TableError(f"{name} has an unknown key {quoted(key)}: {nearest(key, known)}")


def relative_to(folder: Path, path: str | None) -> str | None:
    """A path as a file in the folder names it; an absolute one stays."""
    if path is None or path == STANDARD_INPUT or os.path.isabs(path):
        return path
    try:
        # Where either is reached through a link, `..` would lead elsewhere.
        real = _without_dots(Path(path))
        return Path(os.path.relpath(real, folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return str(Path(path).absolute())


def _from(folder: Path, path: str) -> str:
    """A path that a file in the folder names, short where that leads to the same place."""
    named = folder / path
    short = os.path.normpath(named)
    if os.path.realpath(short) == os.path.realpath(named):
        return short
    return str(_without_dots(named))


def _without_dots(path: Path) -> Path:
    """The path with its folder's links and dots resolved as the system does, its own name kept."""
    return path.parent.resolve() / path.name
