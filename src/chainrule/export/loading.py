"""What can be exported: from wherever it was saved, or given to an export."""

import os
from pathlib import Path
from typing import Any

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


def check_request(export: str, model: Any, place: Any, table: Any) -> None:
    """Refuse what an export cannot take, before it does anything.

    Args:
        export: the name of the function that was called.
        model: to be a table's model or a network.
        place: to be a path.
        table: which a network has not.

    Raises:
        ValueError: that says what is taken, and what makes it of what was given.
    """
    if isinstance(place, TableModel | Network):
        raise ValueError(f"{export} takes the model first and then the path")
    if not isinstance(model, TableModel | Network):
        raise ValueError(f"{export} takes a model of a table or a Network, not {_given(model)}")
    if not isinstance(place, str | os.PathLike):
        raise ValueError(f"{export} writes to a path, not to {type(place).__name__}")
    if isinstance(model, Network) and table is not None:
        raise ValueError("a network has no columns: a table is compared for a table's model")


def _given(model: Any) -> str:
    """What was given in place of a model, and what reads it, if anything does."""
    if isinstance(model, type):
        return f"the class {model.__name__}"
    if isinstance(model, str | os.PathLike):
        return "a path; cr.load_model and cr.load read what was saved there"
    name = type(model).__name__
    if hasattr(model, "hidden_layer_sizes"):
        return f"{name}; cr.Network.from_sklearn makes one"
    if hasattr(model, "state_dict"):
        return f"{name}; cr.Network.from_torch makes one"
    return name
