"""Files of a training: checkpoints and recordings, each one safetensors file.

A header names the format with its version, and holds as JSON the specification of the network and
what else is plain; weights and other arrays are tensors beside the parameters. A checksum covers
all of it. Nothing in such a file is code, and nothing is ever unpickled. What the plain values and
the arrays mean, :mod:`chainrule.training.resuming` and :mod:`chainrule.training.recording` know.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.engine.dtypes import REALS
from chainrule.network import Network
from chainrule.optimizers import OPTIMIZERS, Optimizer
from chainrule.storage import networks
from chainrule.storage.networks import CHECKPOINT, RECORDING, write_whole

PARAMETERS = "parameters/"


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        noun: what it is called in messages.
        prefix: of its format's name, which the version follows.
        version: that is written, and up to which files are read.
    """

    noun: str
    prefix: str
    version: int


CHECKPOINTS = Kind("checkpoint", CHECKPOINT, 1)
RECORDINGS = Kind("recording", RECORDING, 1)


@dataclass(frozen=True)
class Content:
    """What such a file holds.

    Attributes:
        network: with its parameters.
        plain: what can be written as JSON.
        arrays: by name.
    """

    network: Network
    plain: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def check_registered(network: Network, optimizer: Optimizer) -> None:
    """Refuse what could not be read again.

    Raises:
        ValueError: if an activation, initializer or optimizer is in no registry.
    """
    networks.check_registered(network)
    if OPTIMIZERS.get(optimizer.name) is not type(optimizer):
        raise ValueError(f"the optimizer {optimizer.name!r} is not registered")


def write(path: Path, content: Content, kind: Kind = CHECKPOINTS) -> None:
    """Write a file, which appears whole or not at all.

    Raises:
        OSError: if it cannot be written.
        ValueError: if it could not be read again.
    """
    from safetensors.numpy import save as to_bytes

    networks.check_registered(content.network)
    parameters = {PARAMETERS + name: value for name, value in content.network.parameters.items()}
    tensors = {
        name: np.ascontiguousarray(value)
        for name, value in (parameters | dict(content.arrays)).items()
    }
    texts = {
        "format": f"{kind.prefix}{kind.version}",
        "network": json.dumps(content.network.to_dict()),
        "training": json.dumps(content.plain),
    }
    write_whole(path, to_bytes(tensors, texts | {"checksum": networks.checksum(texts, tensors)}))


def read(path: str | os.PathLike[str], kind: Kind = CHECKPOINTS) -> Content:
    """Read a file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is of another kind, damaged, or written by a newer version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            texts = dict(file.metadata() or {})
            _check_format(path, texts.get("format", ""), kind)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, TypeError, KeyError) as error:
        raise ValueError(f"{path} is not a {kind.noun}, or damaged: {error}") from None
    if texts.pop("checksum", "") != networks.checksum(texts, tensors):
        raise ValueError(f"{path} is damaged: its checksum does not fit what it holds")
    try:
        specification, plain = json.loads(texts["network"]), json.loads(texts["training"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} holds no readable description: {error}") from None
    if not isinstance(plain, dict):
        raise ValueError(f"{path} holds no readable description of a training")
    parameters = {
        name.removeprefix(PARAMETERS): tensors.pop(name)
        for name in list(tensors)
        if name.startswith(PARAMETERS)
    }
    return Content(networks.assemble(path, specification, parameters), plain, tensors)


def plain(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """What a checkpoint holds as JSON, without reading its tensors or proving them.

    Raises:
        ValueError: if it is no checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            texts = dict(file.metadata() or {})
        _check_format(path, texts.get("format", ""), CHECKPOINTS)
        found = json.loads(texts["training"])
    except (SafetensorError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} is not a checkpoint, or damaged: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no readable description of a training")
    return found


def _check_format(path: str | os.PathLike[str], name: str, kind: Kind) -> None:
    if name == networks.FORMAT and kind is CHECKPOINTS:
        raise ValueError(f"{path} is a network file without a training: read it with load")
    found = networks.noun_of(name)
    if found not in ("", kind.noun):
        raise ValueError(f"{path} is a {found}: read it with {networks.READERS[found]}")
    version = re.fullmatch(re.escape(kind.prefix) + r"(\d{1,9})", name)
    if not version:
        raise ValueError(f"{path} is not a {kind.noun}")
    if int(version[1]) > kind.version:
        raise ValueError(
            f"{path} is a {kind.noun} of the version {version[1]}, and this is a chainrule that "
            f"reads those up to {kind.version}: a newer one is needed"
        )


def check_vector(name: str, array: Any, dtype: str | None = None) -> np.ndarray:
    """One of the arrays, which must be a vector of real numbers, of this type if one is named.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.name not in REALS:
        raise ValueError(f"{name} is no vector of real numbers")
    if dtype is not None and array.dtype != REALS[dtype]:
        raise ValueError(f"{name} is of the type {array.dtype}, not {dtype}")
    return array
