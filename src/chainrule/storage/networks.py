"""Network files: the specification as JSON and the parameters, in one safetensors file.

Nothing in such a file is code, and nothing is ever unpickled.
"""

import json
import os
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.activations import activations
from chainrule.engine.dtypes import REALS
from chainrule.initializers import find as find_initializer
from chainrule.layers.base import every_layer
from chainrule.network import Network

PREFIX, VERSION = "chainrule.network.", 1
FORMAT = f"{PREFIX}{VERSION}"
# Formats of other files, without their versions; see checkpoints.py.
CHECKPOINT, RECORDING = "chainrule.checkpoint.", "chainrule.recording."
READERS = {"network file": "load", "checkpoint": "load_checkpoint", "recording": "open_recording"}


def save(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to a file, which appears whole or not at all.

    Args:
        network: what to save: specification and parameters.
        path: of the file; one that is there is replaced.

    Raises:
        OSError: if it cannot be written.
        ValueError: if an activation or initializer is in no registry, so that the file could not
            be read again; or for arguments that are no network and no path.

    >>> import chainrule as cr, tempfile, os
    >>> net = cr.Network([cr.Dense(2, "softmax")], inputs=3, seed=7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cr.save(net, os.path.join(folder, "net.safetensors"))
    ...     again = cr.load(os.path.join(folder, "net.safetensors"))
    >>> bool((net.parameters["W1"] == again.parameters["W1"]).all())
    True
    """
    if isinstance(path, Network):
        raise ValueError("save takes the network first, and then the path")
    if not isinstance(network, Network):
        raise ValueError(f"save takes a Network, not {type(network).__name__}")
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"the path must be a text or a path, not {type(path).__name__}")
    write_whole(Path(path), to_bytes(network))


def to_bytes(network: Network) -> bytes:
    """What :func:`save` writes.

    Raises:
        ValueError: if it could not be read again.
    """
    from safetensors.numpy import save as serialised

    check_registered(network)
    tensors = {name: np.ascontiguousarray(value) for name, value in network.parameters.items()}
    texts = {"format": FORMAT, "network": json.dumps(network.to_dict())}
    return serialised(tensors, texts | {"checksum": checksum(texts, tensors)})


def checksum(texts: Mapping[str, str], tensors: Mapping[str, np.ndarray]) -> str:
    """Over everything: texts, and names, types, shapes and bytes of the tensors."""
    value = zlib.crc32(json.dumps(sorted(texts.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        value = zlib.crc32(f"{name} {tensor.dtype} {tensor.shape}".encode(), value)
        value = zlib.crc32(tensor.reshape(-1).view(np.uint8).data, value)
    return f"{value:08x}"


def check_registered(network: Network) -> None:
    """Refuse what :func:`load` would not find again.

    Raises:
        ValueError: if an activation or initializer is in no registry.
    """
    for layer in every_layer(network.layers):
        for activation in layer.output_activations():
            if activation.name not in activations:
                raise ValueError(f"the activation {activation.name!r} is not registered")
    for parameter in network.specifications.values():
        try:
            find_initializer(str(parameter.initializer))
        except ValueError:
            raise ValueError(
                f"the initializer {str(parameter.initializer)!r} is not registered"
            ) from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all.

    A link is followed; what is no regular file, such as a device, is written into.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network that :func:`save` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a network file, or its parameters do not fit its specification;
            a checkpoint is read with :func:`chainrule.load_checkpoint`.
    """
    return from_bytes(Path(path).read_bytes(), str(path))


def from_bytes(content: bytes, name: str) -> Network:
    """The network of what :func:`to_bytes` made; ``name`` says in messages where it was.

    Raises:
        ValueError: as :func:`load`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as tensors_of

    try:
        tensors = tensors_of(content)
        length = int.from_bytes(content[:8], "little")
        texts = dict(json.loads(content[8 : 8 + length]).get("__metadata__") or {})
    except (SafetensorError, TypeError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not a network file: {error}") from None
    _check_format(str(texts.get("format", "")), name)
    # Files of the first days have no checksum.
    if "checksum" in texts and texts.pop("checksum") != checksum(texts, tensors):
        raise ValueError(f"{name} is damaged: its checksum does not fit what it holds")
    try:
        specification = json.loads(texts["network"])
    except (KeyError, TypeError, json.JSONDecodeError, RecursionError):
        raise ValueError(f"{name} holds no readable specification") from None
    return assemble(name, specification, tensors)


def noun_of(found: str) -> str:
    """What a file of this format is called; nothing if it is none of ours."""
    prefixes = {PREFIX: "network file", CHECKPOINT: "checkpoint", RECORDING: "recording"}
    return next((noun for prefix, noun in prefixes.items() if found.startswith(prefix)), "")


def _check_format(found: str, name: str) -> None:
    noun = noun_of(found)
    if noun not in ("", "network file"):
        raise ValueError(f"{name} is a {noun}: read it with {READERS[noun]}")
    version = found.removeprefix(PREFIX)
    if not found.startswith(PREFIX) or not version.isdecimal():
        raise ValueError(f"{name} is not a network file of the format {FORMAT}")
    if int(version) > VERSION:
        raise ValueError(
            f"{name} was written by a newer version of chainrule ({found}): this one reads up to "
            f"{FORMAT}"
        )


def assemble(
    path: str | os.PathLike[str], specification: Any, tensors: Mapping[str, np.ndarray]
) -> Network:
    """The network of a specification with the parameters that a file holds.

    Raises:
        ValueError: if they do not fit each other.
    """
    size = sum(tensor.size for tensor in tensors.values())
    try:
        network = Network.from_dict(specification, parameters=size)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if set(tensors) != set(network.parameters):
        raise ValueError(f"{path} holds other parameters than its specification needs")
    dtypes = {tensor.dtype.name for tensor in tensors.values()}
    if len(dtypes) != 1 or not dtypes <= set(REALS):
        raise ValueError(f"{path} holds parameters of the types {', '.join(sorted(dtypes))}")
    network.use_dtype(dtypes.pop())
    for name, tensor in tensors.items():
        try:
            network.parameters[name] = tensor
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return network
