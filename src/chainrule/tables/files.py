"""Model files: a table's model as one archive of JSON, safetensors and skops.

An archive holds ``model.json`` (columns, target, how it came to be), ``preprocessing.skops`` and
``network-1.safetensors`` and so on. Nothing in it is code and nothing is ever unpickled: objects
are made only of a constant list of types, and only their numbers and levels are used. Nothing is
packed and nothing stands in two places: no file unfolds to more than its size.
"""

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from chainrule.layers import Embedding
from chainrule.network import Network
from chainrule.storage.networks import from_bytes, to_bytes, write_whole
from chainrule.tables.columns import Kind, Reading
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.model import Goal, TableModel
from chainrule.tables.options import TASKS
from chainrule.tables.preprocessing import Preprocessing
from chainrule.tables.restoring import restored
from chainrule.tables.schemas import check_members, objects_of
from chainrule.tables.task import Task
from chainrule.tables.written import to_json

FORMAT = "chainrule.model."
VERSION = 1
MODEL, PREPROCESSING = "model.json", "preprocessing.skops"
KINDS = ("number", "boolean", "date", "text")
SUFFIX = ".chainrule"


def check_skops() -> None:
    """Find out, before any work, whether model files can be written and read.

    Raises:
        TableError: that names the extra which brings skops.
    """
    try:
        import skops.io  # noqa: F401
    except ImportError:
        raise TableError("a model file needs skops: pip install 'chainrule[cli]'") from None


def save_model(model: TableModel, path: str | os.PathLike[str]) -> None:
    """Write a model to a file, which appears whole or not at all.

    Raises:
        TableError: if the one is no model, or the other no path.
        OSError: if it cannot be written.
        TableError: if skops is not installed.
    """
    check_skops()
    import skops.io

    if isinstance(path, TableModel):
        raise TableError("save_model takes the model first, and then the path")
    if not isinstance(model, TableModel):
        raise TableError(f"save_model takes a TableModel, not {type(model).__name__}")
    if not isinstance(path, str | os.PathLike):
        raise TableError(f"the path must be a text or a path, not {type(path).__name__}")

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MODEL, to_json(_described(model), indent=1))
        archive.writestr(PREPROCESSING, skops.io.dumps(model.preprocessing.transformer))
        for number, network in enumerate(model.networks, start=1):
            archive.writestr(f"network-{number}.safetensors", to_bytes(network))
    write_whole(Path(path), content.getvalue())


def _described(model: TableModel) -> dict[str, Any]:
    goal = model.goal
    return {
        "format": f"{FORMAT}{VERSION}",
        "target": {
            "column": goal.name, "task": goal.task, "classes": list(goal.classes),
            "mean": goal.mean, "scale": goal.scale,
        },
        "columns": [reading.to_dict() for reading in model.features],
        "dropped": list(model.dropped),
        "networks": len(model.networks),
        "about": dict(model.about),
    }  # fmt: skip


def model_file(path: str | os.PathLike[str]) -> Path:
    """The file of a model: itself, or the one in the directory of a run."""
    file = Path(path)
    return file / f"model{SUFFIX}" if file.is_dir() else file


def load_model(path: str | os.PathLike[str]) -> TableModel:
    """Read a model that :func:`save_model` wrote.

    Args:
        path: of the file, or of the directory of a run that holds one.

    Raises:
        TableError: if there is none, or it is no model, of a newer version, or damaged; or if
            skops is not installed.
    """
    file = model_file(path)
    name = quoted(file, 80)
    check_skops()
    try:
        members = _members(file)
        described = json.loads(members[MODEL])
        _check_version(described, name)
        transformer = objects_of(members[PREPROCESSING])
        networks = tuple(
            from_bytes(members[f"network-{k + 1}.safetensors"], f"network {k + 1}")
            for k in range(int(described["networks"]))
        )
        return _assembled(described, transformer, networks)
    except TableError:
        raise
    except FileNotFoundError:
        raise TableError(f"there is no file {name}") from None
    except OSError as error:
        raise TableError(f"{name} cannot be read: {error.strerror or error}") from None
    except zipfile.BadZipFile:
        raise TableError(f"{name} is no readable model: no archive, or one cut short") from None
    except Exception as error:  # whatever a damaged file makes the readers of its parts say
        raise TableError(f"{name} is no readable model: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    words = f"{type(error).__name__}: {error}".splitlines()[0]
    return words if len(words) <= 200 else words[:199] + "…"


def _members(file: Path) -> dict[str, bytes]:
    """The parts of the archive.

    Raises:
        ValueError: for parts that are packed, unknown, or larger than the file.
    """
    size = file.stat().st_size
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        check_members(infos, size)
        return {info.filename: archive.read(info) for info in infos}


def _check_version(described: Any, name: str) -> None:
    found = str(described["format"])
    if not found.startswith(FORMAT):
        raise ValueError("it is of another format")
    if int(found.removeprefix(FORMAT)) > VERSION:
        raise TableError(
            f"{name} was written by a newer version of chainrule ({found}): "
            f"this one reads up to {FORMAT}{VERSION}"
        )


def _assembled(
    described: Mapping[str, Any], found: Any, networks: tuple[Network, ...]
) -> TableModel:
    target = described["target"]
    if target["task"] not in TASKS[1:] or not networks:
        raise ValueError("it names no task, or holds no network")
    if not all(isinstance(label, str | int | float) for label in target["classes"]):
        raise ValueError("a class of its target is neither text nor number")
    goal = Goal(
        str(target["column"]), cast(Task, target["task"]), tuple(target["classes"]),
        float(target["mean"]), float(target["scale"]),
    )  # fmt: skip
    readings = tuple(map(_reading, described["columns"]))
    if any(r.kind not in KINDS for r in readings):
        raise ValueError("a column of it is read as nothing that can be learnt from")
    if len({r.name for r in readings}) < len(readings):
        raise ValueError("two of its columns have one name")
    transformer = restored(found, readings, _inputs(networks))
    model = TableModel(
        goal, Preprocessing(readings, transformer), networks,
        tuple(map(str, described["dropped"])), described["about"],
    )  # fmt: skip
    _check_fit(model)
    return model


def _reading(column: Mapping[str, Any]) -> Reading:
    kind, strays = cast(Kind, column["read_as"]), tuple(map(str, column["strays"]))
    return Reading(str(column["column"]), kind, str(column["style"]), strays)


def _inputs(networks: tuple[Network, ...]) -> int:
    widths = {network.inputs for network in networks}
    if len(widths) > 1:
        raise ValueError(f"its networks take different numbers of inputs: {sorted(widths)}")
    return widths.pop()


def _check_fit(model: TableModel) -> None:
    """Refuse parts that do not fit each other, by sending one row of nothing through them.

    Raises:
        ValueError: if they do not.
    """
    embedding = model.preprocessing.embedding()
    coded = {} if embedding is None else embedding.sizes
    for network in model.networks:
        first = network.layers[0]
        sizes = first.sizes if isinstance(first, Embedding) else {}
        if {at: levels for at, (levels, _) in sizes.items()} != {
            at: levels for at, (levels, _) in coded.items()
        }:
            raise ValueError("its networks take other codes than its columns make")
    outputs = {network.outputs for network in model.networks}
    needed = {"binary": 1, "multiclass": len(model.goal.classes), "regression": 1}
    if outputs != {needed[model.goal.task]} or (
        model.goal.task == "binary" and len(model.goal.classes) != 2
    ):
        raise ValueError("its networks do not fit its target")
    nothing = {
        r.name: np.array([""], dtype=object) if r.kind == "text" else np.array([np.nan])
        for r in model.features
    }
    model.read_outputs(model.outputs(model.preprocessing.inputs(nothing)))
    for reading in model.features:
        with contextlib.suppress(TableError):  # a format of dates that is none raises another error
            reading.values(np.array(["no date"], dtype=object), np.array([1]))
