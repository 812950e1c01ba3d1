"""A folder for PyTorch: a Python file, and the weights beside it."""

import os
import runpy
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.export.checking import difference_of, made_up, random_inputs, scale_of
from chainrule.export.loading import check_request
from chainrule.export.torch_layers import Written, sequential
from chainrule.export.torch_source import model_source, network_source
from chainrule.network import Network
from chainrule.storage.networks import write_whole
from chainrule.tables.model import TableModel
from chainrule.tables.sources import table_of

SOURCE = "network.py"


@dataclass(frozen=True)
class TorchReport:
    """What was written, and how it compares.

    Attributes:
        path: of the Python file.
        files: the names of all, in its folder.
        rows: how many were compared; 0 where PyTorch is not installed.
        difference: the largest between the outputs and ours, as a share of the largest output;
            None where PyTorch is not installed.
        call: what of the file computes outputs, as an expression.
    """

    path: Path
    files: tuple[str, ...]
    rows: int
    difference: float | None
    call: str

    def example(self) -> str:
        """Three lines of Python that run the file."""
        return (
            f"import sys, torch; sys.path.insert(0, {os.fspath(self.path.parent)!r})\n"
            "import network\n"
            f"print(network.{self.call})"
        )


def export_torch(
    model: TableModel | Network, folder: str | os.PathLike[str], table: Any = None
) -> TorchReport:
    """Write a model as Python for PyTorch, in a folder that appears whole or not at all.

    The file ``network.py`` builds an ``nn.Sequential`` and loads the weights that lie beside it in
    the format safetensors. Of a table's model it holds the networks, which take inputs that are
    prepared already, and the numbers by which they are. Where PyTorch is installed, the file is
    run before it appears, and compared with our own outputs.

    Args:
        model: of a table, or a network.
        folder: which is not there yet, or is empty.
        table: for a table's model, a path or a data frame to compare on.

    Returns:
        What was written and how far it is off.

    Raises:
        ValueError: for anything else, a folder that holds anything, what PyTorch has nothing for,
            or outputs that are not ours; nothing is written then.
        TableError: for a table that the model cannot read.
        OSError: if the folder cannot be written.

    >>> import chainrule as cr, tempfile, pathlib
    >>> net = cr.Network([cr.Dense(8, "relu"), cr.Dense(2, "softmax")], inputs=3)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     report = cr.export_torch(net, pathlib.Path(place, "net"))
    ...     code = report.path.read_text()
    >>> report.files
    ('network.py', 'network.safetensors')
    >>> "nn.Linear(3, 8),  # dense1" in code
    True
    """
    check_request("export_torch", model, folder, table)
    content = _of_network(model) if isinstance(model, Network) else _of_model(model, table)
    files = {SOURCE: content.source.encode()} | _weights(content.written)
    place = Path(folder)
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise ValueError(f"{os.fspath(place)!r} exists and is not an empty directory")
    temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    try:
        for name, octets in files.items():
            write_whole(temporary / name, octets)
        compared = find_spec("torch") is not None
        difference = _compared(temporary / SOURCE, content) if compared else None
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        if place.is_dir():
            place.rmdir()
        os.rename(temporary, place)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    rows = len(content.inputs) if compared else 0
    return TorchReport(place / SOURCE, tuple(files), rows, difference, content.call)


@dataclass(frozen=True)
class _Content:
    """What goes into a folder, and what it is compared on.

    Attributes:
        networks: ours.
        written: theirs.
        source: of the Python file.
        inputs: that the networks take.
        call: what of the file computes outputs.
    """

    networks: tuple[Network, ...]
    written: list[Written]
    source: str
    inputs: np.ndarray
    call: str


def _of_network(network: Network) -> _Content:
    written = sequential(network)
    return _Content(
        (network,), [written], network_source(network, written), random_inputs(network),
        f"load()(torch.zeros(1, {network.inputs}, dtype=torch.{network.dtype}))",
    )  # fmt: skip


def _of_model(model: TableModel, table: Any) -> _Content:
    preprocessing = model.preprocessing
    values = made_up(preprocessing) if table is None else model.values_of(table_of(table))
    written = [sequential(network) for network in model.networks]
    return _Content(
        model.networks, written, model_source(model, written[0]), preprocessing.inputs(values),
        f"predict(torch.zeros(1, {preprocessing.width}))",
    )  # fmt: skip


def _weights(written: list[Written]) -> dict[str, bytes]:
    from safetensors.numpy import save

    files = {}
    for number, one in enumerate(written, start=1):
        name = f"network-{number}.safetensors" if len(written) > 1 else "network.safetensors"
        files[name] = save({key: t.copy(order="C") for key, t in one.tensors.items()})
    return files


def _compared(path: Path, content: _Content) -> float:
    """Run the file: the largest difference.

    Raises:
        ValueError: if the outputs are not ours.
    """
    import torch

    found = runpy.run_path(str(path))
    largest = 0.0
    several = len(content.networks) > 1
    for number, network in enumerate(content.networks, start=1):
        module = found["load"](number) if several else found["load"]()
        X = content.inputs.astype(network.dtype)
        with torch.no_grad():
            outputs = module(torch.from_numpy(X)).numpy()
        ours = network.predict(X)
        largest = max(largest, difference_of("output", outputs, ours, scale_of(ours)))
    return largest
