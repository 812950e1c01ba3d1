"""A file of ONNX compared with our own predictions, before it is written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.export.checking import (
    ROWS,
    TOLERANCE,
    difference_of,
    made_up,
    random_inputs,
    scale_of,
)
from chainrule.export.onnx_columns import ColumnInput
from chainrule.network import Network
from chainrule.tables.model import Predictions, TableModel
from chainrule.tables.sources import table_of


def checked_network(content: bytes, network: Network) -> tuple[int, float]:
    """Compare on random rows: how many, and the largest difference.

    Raises:
        ValueError: if the file does not run, or its outputs are others.
    """
    X = random_inputs(network)
    (found,) = run(content, {"input": X})
    ours = network.predict(X)
    return ROWS, difference_of("output", found, ours, scale_of(ours))


def checked_table(
    content: bytes, model: TableModel, inputs: Sequence[ColumnInput], outputs: Sequence[str],
    table: Any,
) -> tuple[int, float]:  # fmt: skip
    """Compare on the rows of a table, or on rows that are made up.

    Raises:
        ValueError: if the file does not run, or its outputs are others.
        TableError: for a table that the model cannot read.
    """
    values = made_up(model.preprocessing) if table is None else model.values_of(table_of(table))
    found = run(content, {one.name: one.values(values[one.column]) for one in inputs})
    ours = model.read_outputs(model.outputs(model.preprocessing.inputs(values)))
    if model.goal.classes:
        difference = _compared_classes(found, outputs, ours)
    else:
        scale = max(scale_of(ours.values - model.goal.mean), abs(model.goal.scale))
        difference = difference_of(outputs[0], found[0], ours.values, scale)
        if ours.spread is not None:
            difference = max(difference, difference_of(outputs[1], found[1], ours.spread, scale))
    return len(ours.values), difference


def _compared_classes(
    found: Sequence[np.ndarray], outputs: Sequence[str], ours: Predictions
) -> float:
    assert ours.probabilities is not None
    difference = difference_of(outputs[1], found[1], ours.probabilities, 1.0)
    ordered = np.sort(ours.probabilities, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 2 * TOLERANCE  # two that are equal are no decision
    others = int((found[0] != ours.values)[clear].sum())
    if others:
        raise ValueError(f"the exported model gives other labels in {others} rows")
    if ours.spread is not None:
        difference = max(
            difference, difference_of(outputs[2], found[2][clear], ours.spread[clear], 1.0)
        )
    return difference


def run(content: bytes, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs of a file by onnxruntime.

    Raises:
        ValueError: if it does not run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )  # fmt: skip
        results: list[np.ndarray] = session.run(None, dict(feeds))
    except Exception as error:  # its exceptions have no common class of their own
        raise ValueError(f"onnxruntime cannot run the exported model: {error}") from None
    return results
