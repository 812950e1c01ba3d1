"""What a training leaves beside its run until that is written, to go on from if it is killed."""

import hashlib
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

from chainrule.storage.networks import write_whole
from chainrule.tables.configuration import NAME, Configuration, read_configuration
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.reading import Table
from chainrule.training.callbacks import Checkpoint
from chainrule.training.resuming import SavedTraining, latest_checkpoint

SUFFIX = ".unfinished"
DIGEST = "tables.sha256"


def place_of(out: str | os.PathLike[str]) -> Path:
    """The directory of a run under a name of its own: a link is followed, dots are resolved.

    What appears there takes the place of an empty directory, and must not take that of a link.

    Raises:
        TableError: for a name that no directory can have.
    """
    path = Path(out)
    try:
        if path.is_symlink() or path.name in ("", ".."):
            path = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # the last for links in a circle
        reason = getattr(error, "strerror", None) or error
        raise TableError(f"{quoted(out, 80)} cannot be a directory: {reason}") from None
    if not path.name:
        raise TableError(f"{quoted(out, 80)} cannot be the directory of a run")
    return path


class Unfinished:
    """The directory ``<out>.unfinished``: fit.toml, checkpoints, and a digest of the tables.

    Args:
        out: the directory of the run, or this one.

    Raises:
        TableError: for a name that no directory can have.
    """

    def __init__(self, out: str | os.PathLike[str]) -> None:
        path = place_of(out)
        self.out = path.with_name(path.name.removesuffix(SUFFIX))
        self.folder = self.out.with_name(self.out.name + SUFFIX)

    def read(self) -> dict[str, Any]:
        """The choices of the fit that was begun.

        Raises:
            TableError: if there is none.
        """
        if not (self.folder / NAME).is_file():
            raise TableError(
                f"there is no unfinished run {quoted(self.folder, 80)}: only a fit with "
                "checkpoint_every leaves one, until it is written"
            )
        return read_configuration(self.folder / NAME) | {"out": str(self.out)}

    def begin(self, configuration: Configuration, *tables: Table) -> None:
        """Make the directory, or see that its fit is this one.

        Raises:
            TableError: if the tables are not those that it was begun with, or it cannot be written.
        """
        digest = _digest(tables)
        if not self.folder.exists():
            try:
                self._make(digest, configuration)
            except OSError as error:
                reason = error.strerror or error
                raise TableError(f"{quoted(self.folder, 80)} cannot be written: {reason}") from None
        elif (self.folder / DIGEST).read_text() != digest:
            raise TableError(
                f"the table {quoted(configuration.file, 80)} or that of the test is not the one "
                f"with which {quoted(self.folder, 80)} was begun"
            )

    def _make(self, digest: str, configuration: Configuration) -> None:
        """Make the directory, which appears with all that is needed to go on, or not at all."""
        parent = self.folder.parent
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=parent, prefix=f".{self.folder.name}."))
        try:
            write_whole(temporary / DIGEST, digest.encode())
            write_whole(temporary / NAME, configuration.to_toml(self.folder).encode())
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o777 & ~umask)
            os.rename(temporary, self.folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def saved(self) -> SavedTraining | None:
        """The last checkpoint, if there is one.

        Raises:
            TableError: if there are some, and none of them can be read.
        """
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = latest_checkpoint(self.folder)
        if found is None and said:
            raise TableError(
                f"no checkpoint in {quoted(self.folder, 80)} can be read: remove the directory and "
                "begin the fit anew"
            )
        for warning in said:
            warnings.warn(warning.message, stacklevel=2)
        return found

    def checkpoint(self, every: int) -> Checkpoint:
        """The callback that writes checkpoints."""
        return Checkpoint(self.folder, every=every, keep=2)

    def remove(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _digest(tables: tuple[Table, ...]) -> str:
    found = hashlib.sha256()
    for table in tables:
        for name, cells in table.cells.items():
            found.update(f"{len(name)} {name}".encode())
            for cell in cells:
                found.update(f" {len(cell)} {cell}".encode(errors="surrogatepass"))
    return found.hexdigest()
