"""The directory of a run: written whole or not at all."""

import contextlib
import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.network import Network
from chainrule.storage.networks import save, write_whole
from chainrule.tables.errors import TableError, quoted
from chainrule.training.history import History

RUNS = "runs"  # where the directories of runs lie that were given no place


class RunDirectory:
    """The place of a run's files.

    Args:
        out: where it shall be; by default the first ``runs/<stem>-<n>`` that is not there.
        stem: what the run is called by default.

    Raises:
        TableError: if ``out`` exists and holds anything, or cannot be written.
    """

    def __init__(self, out: str | os.PathLike[str] | None, stem: str) -> None:
        self._out = None if out is None else Path(out)
        self._stem = stem or "table"
        self._check()

    def _check(self) -> None:
        """Find out before the work whether its result can be written; leave nothing behind."""
        place = self._place()
        try:
            if place.exists() and not place.is_dir():
                raise TableError(f"{quoted(place, 80)} exists and is not a directory")
            if place.is_dir() and any(place.iterdir()):
                raise TableError(f"the directory {quoted(place, 80)} exists and is not empty")
            made = _make(place.parent)
            try:
                os.rmdir(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
            finally:
                _unmake(made)
        except (OSError, ValueError) as error:
            raise _unwritable(place, error) from None

    def _place(self) -> Path:
        if self._out is not None:
            return self._out
        number = 1
        while (place := Path(RUNS, f"{self._stem}-{number}")).exists():
            number += 1
        return place

    def write(
        self, network: Network, config: Mapping[str, Any], history: History,
        evaluation: Mapping[str, Any],
    ) -> Path:  # fmt: skip
        """Write network.safetensors, config.json, metrics.csv and evaluation.json.

        They are written beside the directory, which then appears whole under its name.

        Returns:
            The directory.

        Raises:
            TableError: if it cannot be written.
        """
        place = self._place()
        made: list[Path] = []
        try:
            made = _make(place.parent)
            temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
            try:
                save(network, temporary / "network.safetensors")
                write_whole(temporary / "config.json", _json(config))
                write_whole(temporary / "metrics.csv", _metrics(history))
                write_whole(temporary / "evaluation.json", _json(evaluation))
                umask = os.umask(0)
                os.umask(umask)
                temporary.chmod(0o777 & ~umask)
                return self._published(temporary)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        except BaseException as error:
            _unmake(made)
            if isinstance(error, OSError):
                raise _unwritable(place, error) from None
            raise

    def _published(self, temporary: Path) -> Path:
        while True:
            place = self._place()
            try:
                if self._out is not None and place.is_dir():
                    place.rmdir()  # an empty one was checked for; a full one is not removed
                os.rename(temporary, place)
                return place
            except OSError:
                # Another run may have taken the number in the meantime: there is a next one.
                if self._out is not None or not place.exists():
                    raise


def _make(folder: Path) -> list[Path]:
    """Make a folder with those above it; the ones that were not there, outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    made: list[Path] = []
    try:
        for new in reversed(missing):
            new.mkdir()
            made.append(new)
    except OSError:
        _unmake(made)
        raise
    return made


def _unmake(folders: list[Path]) -> None:
    """Remove folders that were made here, unless something has come to lie in them."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _unwritable(place: Path, error: Exception) -> TableError:
    if isinstance(error, TableError):
        return error
    reason = getattr(error, "strerror", None) or error
    return TableError(f"the directory {quoted(place, 80)} cannot be written: {reason}")


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _metrics(history: History) -> bytes:
    """The figures of each epoch, a row for each; an epoch without a figure has an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *history])
    for epoch in range(history.epochs):
        figures = [repr(history[name][epoch]) for name in history]
        writer.writerow([epoch + 1, *figures])
    return text.getvalue().encode()
