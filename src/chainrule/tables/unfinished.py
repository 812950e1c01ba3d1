"""What a training leaves beside its run until that is written, to go on from if it is killed."""

import hashlib
import os
import shutil
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


class Unfinished:
    """The directory ``<out>.unfinished``: fit.toml, checkpoints, and a digest of the tables.

    Args:
        out: the directory of the run, or this one.
    """

    def __init__(self, out: str | os.PathLike[str]) -> None:
        path = Path(out)
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
            TableError: if the tables are not those that it was begun with.
            OSError: if it cannot be written.
        """
        digest = _digest(tables)
        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            write_whole(self.folder / DIGEST, digest.encode())
            write_whole(self.folder / NAME, configuration.to_toml(self.folder).encode())
        elif (self.folder / DIGEST).read_text() != digest:
            raise TableError(
                f"the table {quoted(configuration.file, 80)} or that of the test is not the one "
                f"with which {quoted(self.folder, 80)} was begun"
            )

    def saved(self) -> SavedTraining | None:
        """The last checkpoint, if there is one."""
        return latest_checkpoint(self.folder)

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
