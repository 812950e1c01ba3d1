"""Where a command may write: not onto what it reads."""

import contextlib
import os
from pathlib import Path

from chainrule.tables.errors import TableError, quoted


def check_file_place(out: str, *read: str) -> None:
    """Refuse, before any work, a file that cannot be written, or that is read.

    Args:
        out: the file.
        read: the model and the tables, as the user named them.

    Raises:
        TableError: that says why not.
    """
    place = Path(out)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(out)  # a name that no file can have is refused by it
        if place.is_dir():
            raise TableError(f"{quoted(out, 80)} is a directory, not a file")
        if not place.parent.is_dir() or not os.access(place.parent, os.W_OK):
            raise TableError(f"{quoted(out, 80)} cannot be written: its folder cannot be")
        check_not_read(out, *read)
    except (OSError, ValueError) as error:
        if isinstance(error, TableError):
            raise
        raise TableError(f"{quoted(out, 80)} cannot be written: {error}") from None


def check_not_read(out: str | os.PathLike[str], *read: str) -> None:
    """Refuse a place that is a file which is read, by whatever name or link.

    Raises:
        TableError: if it is.
        OSError: for a place that cannot be looked at.
        ValueError: for a name that no file can have.
    """
    from chainrule.tables.files import model_file

    place = Path(out)
    for name in read:
        file = model_file(name)  # the one in it, of a run's directory
        if place.exists() and file.exists() and place.samefile(file):
            raise TableError(f"{quoted(out, 80)} is read: write somewhere else")
