"""Callbacks that write files: checkpoints, and the history as it grows."""

import csv
import io
import json
import math
import os
import re
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule.checks import whole
from chainrule.storage import checkpoints
from chainrule.storage.networks import write_whole
from chainrule.training.callbacks.conditions import Best, check_figure, upwards
from chainrule.training.callbacks.protocol import Epoch
from chainrule.training.resuming import NAME, file_name, in_folder, save_checkpoint

LEFT_OVER = re.compile(rf"\.{NAME.pattern}\.[^.]+")  # of a process that was killed while it wrote


class Checkpoint:
    """Write checkpoints into a folder; :func:`chainrule.load_checkpoint` reads them.

    Each file appears whole or not at all, so that a training killed at any moment goes on from
    :func:`chainrule.latest_checkpoint`. A folder is that of one training: a new one refuses a
    folder with the checkpoints of another. Only files that this training wrote are ever removed.

    Args:
        folder: made if it is not there.
        every: epochs from one checkpoint to the next, at least 1.
        keep: how many of the latest are kept, at least 1.
        monitor: a figure of the training, of which the best checkpoint is kept as well.

    Attributes:
        paths: the files that are kept, the latest last.
        best_path: that with the best figure.

    Raises:
        ValueError: for values outside these ranges, and before any work if the folder cannot be
            written to, holds checkpoints of another training, or the figure is not computed.

    >>> import chainrule as cr, numpy as np, tempfile
    >>> X = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> net = cr.Network([cr.Dense(1)], "mse", inputs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     callback = cr.Checkpoint(folder, every=2, keep=1)
    ...     result = cr.train(net, X, X, epochs=5, callbacks=[callback])
    >>> [path.name for path in callback.paths]
    ['checkpoint-00000004.safetensors']
    """

    name = "Checkpoint"
    last = True  # what the others remember belongs into the file

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int = 1,
        keep: int = 3,
        monitor: str | None = None,
    ) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise ValueError(f"folder of Checkpoint must be a path, not {folder!r}")
        if monitor is not None and not isinstance(monitor, str):
            raise ValueError(f"monitor of Checkpoint must be a figure's name, not {monitor!r}")
        self.folder, self.monitor = Path(folder), monitor
        self.every = whole("every of Checkpoint", every)
        self.keep = whole("keep of Checkpoint", keep)
        self.start()

    @property
    def paths(self) -> list[Path]:
        return [self.folder / name for name in self._written]

    @property
    def best_path(self) -> Path | None:
        return self.folder / self._best_name if self._best_name else None

    @property
    def _best_name(self) -> str | None:
        return file_name(self._best.epoch) if self._best.epoch else None

    def start(self, figures: Sequence[str] | None = None) -> None:
        if self.monitor is not None:
            check_figure("Checkpoint", self.monitor, figures)
        self._best = Best(upwards(self.monitor or "loss"))
        self._written: list[str] = []
        self._training = uuid.uuid4().hex

    def state(self) -> dict[str, Any]:
        return self._best.state() | {"training": self._training}

    def restore(self, state: Mapping[str, Any]) -> None:
        training = state.get("training")
        if not isinstance(training, str):
            raise ValueError(
                f"training in the state of Checkpoint must be a text, not {training!r}"
            )
        self._training = training
        if self.monitor is not None:
            self._best.restore(self.name, state)

    def begin(self, epoch: Epoch) -> None:
        checkpoints.check_registered(epoch.network, epoch.state.optimizer)
        check_writable("folder of Checkpoint", self.folder)
        present = in_folder(self.folder)
        own = [path.name for path in present if self._of_this_training(path)]
        if present and not own:
            raise ValueError(
                f"folder of Checkpoint: {self.folder} holds checkpoints of another training, such "
                f"as {present[0].name}: go on from latest_checkpoint, or name another folder"
            )
        self._written = own
        for path in self.folder.iterdir():
            if LEFT_OVER.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _of_this_training(self, path: Path) -> bool:
        try:
            state = checkpoints.plain(path)["callbacks"][self.name]
            return bool(state["training"] == self._training)
        except (ValueError, KeyError, TypeError, OSError):
            return False

    def __call__(self, epoch: Epoch) -> None:
        if epoch.number % self.every:
            return
        if self.monitor is not None:
            self._best.see(epoch.history[self.monitor][-1], epoch.number)
        name = file_name(epoch.number)
        save_checkpoint(self.folder / name, epoch.network, epoch.state)
        self._written = [other for other in self._written if other != name] + [name]
        self._remove_old()

    def _remove_old(self) -> None:
        for name in self._written[: -self.keep]:
            if name != self._best_name:
                (self.folder / name).unlink(missing_ok=True)
                self._written.remove(name)


class HistoryFile:
    """Write the figures of each epoch to a file as they come: a line for each epoch.

    A training that goes on goes on with the file: it then holds the epochs of the state and the new
    ones, each once. A new training replaces the file of an earlier one; a file of another kind is
    refused.

    Args:
        path: ends in ``.csv`` (a first line with the names, where a figure was not computed the
            field is empty) or ``.jsonl`` (an object for each epoch; ``null`` for what is not
            finite). The figures are written in full precision.

    Raises:
        ValueError: for another ending, and before any work if the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike) or Path(path).suffix.lower() not in (
            ".csv",
            ".jsonl",
        ):
            raise ValueError(f"path of HistoryFile must end in .csv or .jsonl, not {path!r}")
        self.path = Path(path)
        self._json = self.path.suffix.lower() == ".jsonl"
        self.start()

    def start(self, figures: Sequence[str] | None = None) -> None:
        self._figures = list(figures or ())

    def begin(self, epoch: Epoch) -> None:
        check_writable("path of HistoryFile", self.path.parent)
        self._check_kind()
        history = epoch.history
        self._names = list(dict.fromkeys([*history, *self._figures]))
        first = epoch.number - history.epochs + 1
        lines = [] if self._json else [_csv(["epoch", *self._names])]
        for place in range(history.epochs):
            figures = {name: values[place] for name, values in history.items()}
            lines.append(self._line(first + place, figures))
        try:
            write_whole(self.path, "".join(lines).encode())
        except OSError as error:
            raise ValueError(
                f"path of HistoryFile: {self.path} cannot be written: {error}"
            ) from None

    def _check_kind(self) -> None:
        """Refuse to replace what no HistoryFile wrote."""
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                start = file.read(10)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ValueError(f"path of HistoryFile: {self.path} cannot be read: {error}") from None
        if start and not start.startswith('{"epoch": ' if self._json else "epoch,"):
            raise ValueError(
                f"path of HistoryFile: {self.path} is there and holds something else: name another"
            )

    def __call__(self, epoch: Epoch) -> None:
        # Opened anew each time, so that nothing is left open whatever ends the training.
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(self._line(epoch.number, epoch.history.last()))

    def _line(self, number: int, figures: Mapping[str, float]) -> str:
        if self._json:
            known = {k: v if math.isfinite(v) else None for k, v in figures.items()}
            return json.dumps({"epoch": number} | known) + "\n"
        values = (figures.get(name, math.nan) for name in self._names)
        return _csv([number, *("" if math.isnan(value) else repr(value) for value in values)])


def _csv(fields: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def check_writable(what: str, folder: Path) -> None:
    """Make a folder if it is not there, and check that files can be written into it.

    Raises:
        ValueError: if not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"{what}: {folder} cannot be written to: {error}") from None
