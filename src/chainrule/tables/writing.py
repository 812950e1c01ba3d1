"""The directory of a run: written whole or not at all."""

import contextlib
import csv
import io
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.storage.networks import save, write_whole
from chainrule.tables.configuration import NAME, relative_to
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.files import SUFFIX, check_skops, save_model
from chainrule.tables.planning import configuration_of
from chainrule.tables.unfinished import SUFFIX as UNFINISHED
from chainrule.tables.unfinished import Unfinished, place_of
from chainrule.tables.written import to_json
from chainrule.training.history import History

RECORDING = "training.recording"

if TYPE_CHECKING:
    from chainrule.tables.fitting import Fitted

RUNS = "runs"  # where the directories of runs lie that were given no place


def check_names(place: Path, sources: Sequence[str]) -> None:
    """Refuse paths that no text file can name: a run's files say where it and its tables lie.

    Args:
        place: of the run.
        sources: the paths of its tables.

    Raises:
        TableError: for one that is not UTF-8.
    """
    for path in (str(place), *sources, *(relative_to(place, path) or "" for path in sources)):
        try:
            path.encode()
        except UnicodeEncodeError:
            raise TableError(
                f"the name {quoted(path, 80)} is not UTF-8, and fit.toml could not hold it: "
                "rename it"
            ) from None


class RunDirectory:
    """The place of a run's files.

    Args:
        out: where it shall be; by default the first ``runs/<stem>-<n>`` that is not there.
        stem: what the run is called by default.
        unfinished: whether its training may have been begun.

    Raises:
        ImportError: if a package is not installed by which the files are written.
        TableError: if ``out`` exists and holds anything, is where the process stands, cannot be
            written, or was begun.
    """

    def __init__(
        self, out: str | os.PathLike[str] | None, stem: str, unfinished: bool = False
    ) -> None:
        check_skops()
        import tomli_w  # noqa: F401

        self._asked = out
        self._out = None if out is None else place_of(out)
        self._stem = stem or "table"
        if self.place.name.endswith(UNFINISHED):
            raise TableError(
                f"{quoted(self.place, 80)} is what the unfinished fit of another place is called: "
                "give the run another name"
            )
        self._check()
        begun = Unfinished(self.place).folder
        self._workshop = begun if unfinished else None
        if begun.exists() and not unfinished:
            raise TableError(
                f"{quoted(begun, 80)} holds a fit that was begun: go on with "
                f"--resume {quoted(self.place, 80)}, or remove it"
            )

    def with_checkpoints(self) -> Unfinished:
        """Settle on the place; beside it lies what the training leaves until it is written."""
        self._out = self.place
        unfinished = Unfinished(self._out)
        self._workshop = unfinished.folder
        return unfinished

    def _check(self) -> None:
        """Find out before the work whether its result can be written; leave nothing behind."""
        place = self.place
        name = quoted(place if self._asked is None else self._asked, 80)
        try:
            if place.exists() and not place.is_dir():
                raise TableError(f"{name} exists and is not a directory")
            if place.is_dir() and any(place.iterdir()):
                raise TableError(f"the directory {name} exists and is not empty")
            if place.is_dir() and place.samefile(os.curdir):
                # It would be replaced, and whoever stands in it be left in one that is gone.
                raise TableError(
                    f"{name} is the directory that this was started in: name one within it"
                )
            made = _make(place.parent)
            try:
                os.rmdir(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
            finally:
                _unmake(made)
        except (OSError, ValueError) as error:
            raise _unwritable(name, error) from None

    @property
    def place(self) -> Path:
        """Where it is, or will be."""
        if self._out is not None:
            return self._out
        number = 1
        while True:
            place = Path(RUNS, f"{self._stem}-{number}")
            if not place.exists() and not Unfinished(place).folder.exists():
                return place
            number += 1

    def write(self, fitted: "Fitted") -> Path:
        """Write the model, its network, fit.toml, config.json, metrics.csv, evaluation.json.

        They are written beside the directory, which then appears whole under its name.

        Returns:
            The directory.

        Raises:
            TableError: if it cannot be written.
        """
        place = self.place
        made: list[Path] = []
        try:
            made = _make(place.parent)
            # What is left where the training is killed here goes with the directory of it.
            within = self._workshop or place.parent
            temporary = Path(tempfile.mkdtemp(dir=within, prefix=f".{place.name}."))
            try:
                _write_files(fitted, temporary, place)
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
                raise _unwritable(quoted(place, 80), error) from None
            raise

    def _published(self, temporary: Path) -> Path:
        while True:
            place = self.place
            try:
                if self._out is not None and place.is_dir():
                    place.rmdir()  # an empty one was checked for; a full one is not removed
                os.rename(temporary, place)
                return place
            except OSError:
                # Another run may have taken the number in the meantime: there is a next one.
                if self._out is not None or not place.exists():
                    raise


def _write_files(fitted: "Fitted", folder: Path, place: Path) -> None:
    model, results = fitted.model, fitted.results
    summary = {
        "metric": fitted.plan.metric,
        "stopped": [result.stopped for result in results],
        "epochs": [result.history.epochs for result in results],
    }
    save_model(model, folder / f"model{SUFFIX}")
    save(model.networks[0], folder / "network.safetensors")
    if "file" in fitted.plan.sources:  # a data frame has no name by which it could be read again
        write_whole(folder / NAME, configuration_of(fitted.plan).to_toml(place).encode())
    if results[0].recording is not None:
        results[0].recording.save(folder / RECORDING)
    write_whole(folder / "config.json", _json(_config(fitted)))
    write_whole(folder / "metrics.csv", _metrics([result.history for result in results]))
    write_whole(folder / "evaluation.json", _json(fitted.evaluation.to_dict() | summary))


def _config(fitted: "Fitted") -> dict[str, Any]:
    """Everything that was decided, for people and programs to read."""
    plan, model = fitted.plan, fitted.model
    treatments = model.preprocessing.treatments()
    target = {
        "column": model.goal.name, "task": model.goal.task, "detail": plan.target.detail,
        "classes": list(model.goal.classes), "mean": model.goal.mean, "scale": model.goal.scale,
    }  # fmt: skip
    columns = [
        {
            "column": column.name, "read_as": column.kind, "detail": column.detail,
            "missing": column.missing, "treatment": treatments.get(column.name, ""),
        }
        for column in plan.columns
    ]  # fmt: skip
    return dict(model.about) | {
        "target": target, "columns": columns, "preprocessing": model.preprocessing.figures(),
        "network": model.networks[0].to_dict(),
    }  # fmt: skip


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


def _unwritable(name: str, error: Exception) -> TableError:
    if isinstance(error, TableError):
        return error
    reason = getattr(error, "strerror", None) or error
    return TableError(f"the directory {name} cannot be written: {reason}")


def _json(data: Mapping[str, Any]) -> bytes:
    return (to_json(data, indent=2) + "\n").encode()


def _metrics(histories: Sequence[History]) -> bytes:
    """The figures of each epoch of each network, a row for each; what there is not is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["network", "epoch", *histories[0]])
    for number, history in enumerate(histories, start=1):
        for epoch in range(history.epochs):
            figures = [repr(history[name][epoch]) for name in history]
            writer.writerow([number, epoch + 1, *figures])
    return text.getvalue().encode()
