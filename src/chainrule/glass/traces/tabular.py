"""A trace as data: tables whose rows and columns say what they are of, and a document for JSON."""

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine import layout

if TYPE_CHECKING:
    from pandas import DataFrame

    from chainrule.glass.traces.traced import Trace

SCHEMA = "chainrule.trace"
VERSION = 1

LAST_OF_PARAMETER = {"W": ("input", "unit"), "b": ("unit",)}


def axes(trace: "Trace", path: str) -> tuple[str, ...]:
    """What the axes of a value count: examples, inputs or units."""
    shape = np.shape(trace[path])
    owner, _, rest = path.partition(".")
    parameter = f"{owner}.{rest.partition('.')[0].removeprefix('d')}"
    if parameter in trace.network.places:
        name = parameter.partition(".")[2]
        return LAST_OF_PARAMETER.get(name, ("row", "unit")[2 - len(shape) :])
    buffer = trace.program.buffers.get(path)
    by_rows = buffer is not None and buffer.shape[0] == layout.TILE_ROWS
    first = "example" if by_rows else ("unit" if len(shape) == 1 else "row")
    return (first, "unit")[: len(shape)]


def table(trace: "Trace", name: str) -> "DataFrame":
    """One value; see :meth:`Trace.table`."""
    import pandas as pd

    value, counted = np.atleast_1d(trace[name]), axes(trace, trace.path(name))
    index: list[Any] = [
        pd.RangeIndex(n, name=axis) for n, axis in zip(value.shape, counted, strict=False)
    ]
    columns = index[1] if len(index) > 1 else pd.Index([name])
    if trace.path(name) == "x" and trace.input_names:
        columns = pd.Index(trace.input_names, name="input")
    rows = index[0] if index else pd.RangeIndex(1)
    return pd.DataFrame(value.reshape(len(rows), -1), index=rows, columns=columns)


def frame(trace: "Trace") -> "DataFrame":
    """All values, a number a line; see :meth:`Trace.frame`."""
    import pandas as pd

    parts = []
    for name in trace:
        value = np.asarray(trace[name])
        places = np.indices(value.shape).reshape(value.ndim, value.size)
        parts.append(pd.DataFrame({
            "name": name, "path": trace.path(name),
            "row": _places(places, 0, value.size), "column": _places(places, 1, value.size),
            "number": value.ravel().astype(float),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _places(places: np.ndarray, axis: int, size: int) -> Any:
    """Where along an axis each number stands; missing if the value has no such axis."""
    import pandas as pd

    return pd.array(places[axis] if axis < len(places) else [pd.NA] * size, "Int64")


def document(trace: "Trace") -> dict[str, Any]:
    """Everything, for JSON; see :meth:`Trace.to_dict`."""
    values = {}
    for name in trace:
        value, path = np.asarray(trace[name]), trace.path(name)
        values[path] = {
            "name": name, "shape": list(value.shape), "axes": list(axes(trace, path)),
            "numbers": _plain(value),
        }  # fmt: skip
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "network": trace.network.to_dict(),
        "dtype": trace.program.dtype,
        "rows": trace.rows,
        "step": trace.step,
        "epoch": trace.epoch,
        "seed": trace.seed,
        "optimizer": None if trace.optimizer is None else trace.optimizer.to_dict(),
        "scalars": trace.scalars,
        "rounding": {"ties": trace.rounding.ties, "decimals": dict(trace.rounding.decimals)}
        if trace.rounding
        else None,
        "values": values,
        "instructions": [
            {
                "phase": layout.PHASE_NAMES[step.instruction.phase],
                "kernel": step.instruction.kernel.name,
                "equations": [equation.text() for equation in step.instruction.equations],
                "reads": [buffer.name for buffer in step.instruction.reads],
                "writes": [buffer.name for buffer in step.instruction.writes],
            }
            for step in trace.steps
        ],
    }


def _plain(value: np.ndarray) -> Any:
    """Nested lists of numbers; what JSON has no number for is the text NaN, Infinity, -Infinity."""
    if value.dtype.kind != "f" or np.isfinite(value).all():
        return value.tolist()
    if value.ndim:
        return [_plain(part) for part in value]
    number = value.item()
    if isinstance(number, float) and not math.isfinite(number):
        return json.dumps(number)
    return number
