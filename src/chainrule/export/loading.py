"""What can be exported: from wherever it was saved, or given to an export."""

import os
import zipfile
from pathlib import Path
from typing import Any

from chainrule.network import Network
from chainrule.storage.networks import load
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.files import check_skops, load_model
from chainrule.tables.model import TableModel

#: What a file is, by its ending in any case; a directory, or a file of another one, is a model.
KINDS = {".toml": "problem", ".safetensors": "network", ".skops": "sklearn"}
#: What a fitted MLP of scikit-learn holds beside what skops trusts: numbers of its optimizer.
OPTIMIZERS = (
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
)
#: What skops may raise for a file that it did not write, beside what says that there is none.
UNREADABLE = (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError)


def kind_of(path: str | os.PathLike[str]) -> str:
    """What stands in a place: ``problem``, ``network``, ``sklearn`` or ``model``.

    >>> kind_of("net.safetensors"), kind_of("A.TOML"), kind_of("model.chainrule")
    ('network', 'problem', 'model')
    """
    place = Path(path)
    return "model" if place.is_dir() else KINDS.get(place.suffix.lower(), "model")


def load_any(path: str | os.PathLike[str]) -> TableModel | Network:
    """A table's model, of its file or of a run's directory; or a network, also scikit-learn's.

    Raises:
        TableError: if there is none, or it cannot be read.
    """
    kind = kind_of(path)
    if kind not in ("network", "sklearn"):
        return load_model(path)
    try:
        return load(path) if kind == "network" else _of_sklearn(path)
    except FileNotFoundError:
        raise TableError(f"there is no file {quoted(path, 80)}") from None
    except OSError as error:
        raise TableError(f"{quoted(path, 80)} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise TableError(str(error)) from None


def _of_sklearn(path: str | os.PathLike[str]) -> Network:
    """The network of a fitted estimator, of a file that can make nothing else."""
    check_skops()
    import skops.io

    try:
        foreign = set(skops.io.get_untrusted_types(file=path)) - set(OPTIMIZERS)
        found = None if foreign else skops.io.load(path, trusted=list(OPTIMIZERS))
    except UNREADABLE:
        raise TableError(f"{quoted(path, 80)} is no file of skops, or damaged") from None
    if foreign:
        raise TableError(
            f"{quoted(path, 80)} holds more than a network: {quoted(min(foreign), 80)}"
        )
    return Network.from_sklearn(found)


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
