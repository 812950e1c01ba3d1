"""What can be exported, from wherever it was saved."""

import os
from pathlib import Path

from chainrule.network import Network
from chainrule.storage.networks import load
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.files import load_model
from chainrule.tables.model import TableModel

NETWORK = ".safetensors"


def load_any(path: str | os.PathLike[str]) -> TableModel | Network:
    """A table's model, of its file or of a run's directory; or a network.

    Raises:
        TableError: if there is none, or it cannot be read.
    """
    if Path(path).suffix != NETWORK or Path(path).is_dir():
        return load_model(path)
    try:
        return load(path)
    except FileNotFoundError:
        raise TableError(f"there is no file {quoted(path, 80)}") from None
    except OSError as error:
        raise TableError(f"{quoted(path, 80)} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise TableError(str(error)) from None
