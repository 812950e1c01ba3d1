"""Model files: a table's model as one archive of JSON, safetensors and skops.

An archive holds ``model.json`` (columns, target, how it came to be), ``preprocessing.skops`` and
``network-1.safetensors`` and so on. Nothing in it is code and nothing is ever unpickled: types are
made only of the constant list below. Nothing is packed: no file unfolds to more than its size.
"""

import io
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from chainrule.network import Network
from chainrule.storage.networks import from_bytes, to_bytes, write_whole
from chainrule.tables.columns import Kind, Reading
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.model import Goal, TableModel
from chainrule.tables.options import TASKS
from chainrule.tables.preprocessing import Preprocessing
from chainrule.tables.task import Task

FORMAT = "chainrule.model."
VERSION = 1
MODEL, PREPROCESSING = "model.json", "preprocessing.skops"
MOST_MEMBERS = 1000
SUFFIX = ".chainrule"

#: All types that the preprocessing of a model may hold.
TRUSTED = frozenset(
    {
        "builtins.bool", "builtins.dict", "builtins.float", "builtins.int", "builtins.list",
        "builtins.NoneType", "builtins.slice", "builtins.str", "builtins.tuple", "builtins.type",
        "collections.OrderedDict", "numpy.dtype", "numpy.ndarray", "numpy.float64", "numpy.int64",
        "numpy.random.mtrand.RandomState", "sklearn.utils._bunch.Bunch",
        "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.impute._base.MissingIndicator", "sklearn.impute._base.SimpleImputer",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.QuantileTransformer",
        "sklearn.preprocessing._data.RobustScaler", "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder",
        "sklearn.preprocessing._encoders.OrdinalEncoder",
    }
)  # fmt: skip


def save_model(model: TableModel, path: str | os.PathLike[str]) -> None:
    """Write a model to a file, which appears whole or not at all.

    Raises:
        TableError: if the one is no model, or the other no path.
        OSError: if it cannot be written.
    """
    import skops.io

    if isinstance(path, TableModel):
        raise TableError("save_model takes the model first, and then the path")
    if not isinstance(model, TableModel):
        raise TableError(f"save_model takes a TableModel, not {type(model).__name__}")
    if not isinstance(path, str | os.PathLike):
        raise TableError(f"the path must be a text or a path, not {type(path).__name__}")

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MODEL, json.dumps(_described(model), ensure_ascii=False, indent=1))
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


def load_model(path: str | os.PathLike[str]) -> TableModel:
    """Read a model that :func:`save_model` wrote.

    Args:
        path: of the file, or of the directory of a run that holds one.

    Raises:
        TableError: if there is none, or it is no model, of a newer version, or damaged.
    """
    file = Path(path)
    if file.is_dir():
        file = file / f"model{SUFFIX}"
    name = quoted(file, 80)
    try:
        members = _members(file)
        described = json.loads(members[MODEL])
        _check_version(described, name)
        transformer = _transformer(members[PREPROCESSING])
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
        _check_members(infos, size)
        return {info.filename: archive.read(info) for info in infos}


def _check_members(infos: list[zipfile.ZipInfo], size: int) -> None:
    if len(infos) > MOST_MEMBERS or len({info.filename for info in infos}) < len(infos):
        raise ValueError("it has too many parts, or two of one name")
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its part {info.filename!r} is packed")
    if sum(info.file_size for info in infos) > size:
        raise ValueError("its parts are larger than the file")


def _check_version(described: Any, name: str) -> None:
    found = str(described["format"])
    if not found.startswith(FORMAT):
        raise ValueError("it is of another format")
    if int(found.removeprefix(FORMAT)) > VERSION:
        raise TableError(
            f"{name} was written by a newer version of chainrule ({found}): "
            f"this one reads up to {FORMAT}{VERSION}"
        )


def _transformer(content: bytes) -> Any:
    import skops.io

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        _check_members(archive.infolist(), len(content))
        _check_types(json.loads(archive.read("schema.json")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, about another version: see `about`
        return skops.io.loads(content, trusted=sorted(TRUSTED))


def _check_types(schema: Any) -> None:
    """Refuse any type that is not among the trusted, before anything is made of it.

    Raises:
        ValueError: that names it.
    """
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "__class__" in node:
                name = f"{node.get('__module__')}.{node['__class__']}"
                if name not in TRUSTED:
                    raise ValueError(f"the type {name} has no place in a model")
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _assembled(
    described: Mapping[str, Any], transformer: Any, networks: tuple[Network, ...]
) -> TableModel:
    target = described["target"]
    if target["task"] not in TASKS[1:] or not networks:
        raise ValueError("it names no task, or holds no network")
    goal = Goal(
        str(target["column"]), cast(Task, target["task"]), tuple(target["classes"]),
        float(target["mean"]), float(target["scale"]),
    )  # fmt: skip
    readings = tuple(
        Reading(str(c["column"]), cast(Kind, c["read_as"]), str(c["style"]), tuple(c["strays"]))
        for c in described["columns"]
    )
    model = TableModel(
        goal, Preprocessing(readings, transformer), networks,
        tuple(map(str, described["dropped"])), described["about"],
    )  # fmt: skip
    _check_fit(model)
    return model


def _check_fit(model: TableModel) -> None:
    """Refuse parts that do not fit each other, by sending one row of nothing through them.

    Raises:
        ValueError: if they do not.
    """
    width = {network.inputs for network in model.networks}
    nothing = {
        r.name: np.array([""], dtype=object) if r.kind == "text" else np.array([np.nan])
        for r in model.features
    }
    inputs = model.preprocessing.inputs(nothing)
    if width != {inputs.shape[1]}:
        raise ValueError(f"its networks take {width} inputs, and its columns make {inputs.shape}")
    outputs = {network.outputs for network in model.networks}
    needed = {"binary": 1, "multiclass": len(model.goal.classes), "regression": 1}
    if outputs != {needed[model.goal.task]} or (
        model.goal.task == "binary" and len(model.goal.classes) != 2
    ):
        raise ValueError("its networks do not fit its target")
    model.read_outputs(model.outputs(inputs))
