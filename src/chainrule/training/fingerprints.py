"""Fingerprints of data: enough to tell whether they are those of a training, without them."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from chainrule.training.task import Task

BLOCK = 2**20  # bytes that are made contiguous at a time

#: What is known of X, y and the weights of the examples, by these names.
Fingerprint = Mapping[str, Mapping[str, Any] | None]


def fingerprint(task: Task) -> Fingerprint:
    """What is needed to know the rows of a training again.

    Numbers count as the program reads them, whatever their order in memory; the type of X counts
    too, as the training computes in it.
    """
    return {
        "X": _known(task.X), "y": _known(task.y.read_as(task.dtype)),
        "sample_weight": None if task.weights is None else _known(task.weights),
    }  # fmt: skip


def check_same(recorded: Fingerprint, found: Fingerprint) -> None:
    """Refuse data that are not those of the training.

    Raises:
        ValueError: naming which, and how they differ.
    """
    for name in ("X", "y", "sample_weight"):
        then, now = recorded[name], found[name]
        if then == now:
            continue
        if then is None or now is None:
            how = "given here, and not there" if then is None else "given there, and not here"
        elif then["rows"] != now["rows"]:
            how = f"{now['rows']} rows, and there {then['rows']}"
        elif then["dtype"] != now["dtype"]:
            how = f"of the type {now['dtype']}, and there {then['dtype']}"
        else:
            how = "of other values"
        raise ValueError(f"{name} is not that of the recorded training: it is {how}")


def _known(data: Any) -> dict[str, Any]:
    digest = sha256()
    for block in _blocks(data):
        digest.update(block.view(np.uint8).data)
    name = str(data.dtype) + (" sparse" if hasattr(data, "indptr") else "")
    return {"rows": int(data.shape[0]), "dtype": name, "digest": digest.hexdigest()}


def _blocks(data: Any) -> Iterator[np.ndarray]:
    """The numbers row by row, contiguous."""
    if hasattr(data, "indptr"):
        for part in (data.data, data.indices.astype(np.int64), data.indptr.astype(np.int64)):
            yield from _blocks(part)
        return
    columns = max(1, int(np.prod(data.shape[1:])))
    rows = max(1, BLOCK // (columns * data.dtype.itemsize))
    for start in range(0, data.shape[0], rows):
        yield np.ascontiguousarray(data[start : start + rows]).reshape(-1)
