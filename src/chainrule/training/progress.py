"""Progress of a training: a live bar in a terminal, plain lines in a pipe."""

import sys
import time
from typing import Any

from chainrule.training.history import History

LINES = 10  # plain lines for a whole training, about


class Progress:
    """Shows where a training stands, on standard error.

    Use it as a context manager around the training.

    Args:
        epochs: how many there will be at most, those of earlier trainings included.
        first: the number of epochs completed before.
    """

    def __init__(self, epochs: int, first: int = 0) -> None:
        self._epochs, self._first = epochs, first
        self._bar: Any = None
        self._task: Any = None
        self._last = 0.0

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            try:
                from rich.console import Console
                from rich.progress import BarColumn, TextColumn
                from rich.progress import Progress as Bar
            except ImportError:
                return self
            self._bar = Bar(
                TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"), BarColumn(bar_width=20),
                TextColumn("{task.fields[figures]}"),
                console=Console(stderr=True),
            )  # fmt: skip
            self._bar.start()
            self._task = self._bar.add_task("", total=self._epochs - self._first, figures="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, number: int, history: History) -> None:
        """An epoch is completed."""
        done = number - self._first
        total = self._epochs - self._first
        if self._bar is not None:
            now = time.monotonic()
            if now - self._last > 0.05 or done == total:
                self._last = now
                self._bar.update(self._task, completed=done, figures=_figures(history))
        elif done == 1 or done == total or done % max(1, total // LINES) == 0:
            print(f"epoch {done}/{total}  {_figures(history)}", file=sys.stderr, flush=True)


def _figures(history: History) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in history.last().items())
