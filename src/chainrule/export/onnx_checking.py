"""A file of ONNX compared with our own predictions, before it is written."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.export.onnx_columns import ColumnInput
from chainrule.layers import Embedding
from chainrule.network import Network
from chainrule.tables.model import Predictions, TableModel
from chainrule.tables.preprocessing import DAY, Preprocessing
from chainrule.tables.sources import table_of

TOLERANCE = 1e-5  # of the scale of the outputs, which are computed in float32
ROWS = 64  # that are made up where there is no table


def checked_network(content: bytes, network: Network) -> tuple[int, float]:
    """Compare on random rows: how many, and the largest difference.

    Raises:
        ValueError: if the file does not run, or its outputs are others.
    """
    X = random_inputs(network)
    (found,) = run(content, {"input": X})
    ours = network.predict(X)
    return ROWS, difference_of("output", found, ours, np.abs(ours).max())


def random_inputs(network: Network, rows: int = ROWS) -> np.ndarray:
    """Inputs that a network can take."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, network.inputs)).astype(network.dtype)
    for layer in network.layers:
        if isinstance(layer, Embedding):
            for column, (levels, _) in layer.sizes.items():
                X[:, column] = rng.integers(0, levels, rows)
    return X


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
        scale = max(float(np.abs(ours.values - model.goal.mean).max()), abs(model.goal.scale))
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


def difference_of(name: str, found: np.ndarray, ours: np.ndarray, scale: float) -> float:
    """The largest difference of outputs as a share of their scale.

    Raises:
        ValueError: if it is more than :data:`TOLERANCE`, or the shapes differ.
    """
    if found.shape != ours.shape:
        raise ValueError(f"the exported {name} has the shape {found.shape}, not {ours.shape}")
    apart = np.abs(found.astype(np.float64) - ours) / (scale or 1.0)
    # Two infinities of one sign are no difference, and neither are two that are no numbers.
    same = (found == ours) | (np.isnan(found) & np.isnan(ours))
    largest = float(np.where(same, 0.0, apart).max(initial=0.0))
    if not largest <= TOLERANCE:
        raise ValueError(
            f"the exported {name} differs by {largest:.2g} of its scale from our own, "
            f"which is more than {TOLERANCE:g}"
        )
    return largest


def made_up(preprocessing: Preprocessing, rows: int = ROWS) -> dict[str, np.ndarray]:
    """Values like those of the training rows, with some missing and some levels unknown."""
    rng = np.random.default_rng(0)
    values = {}
    numbers = _made_up_numbers(preprocessing, rng, rows)
    levels = preprocessing.levels()
    for reading in preprocessing.readings:
        if reading.kind == "text":
            words = np.array([*levels[reading.name], "", "\N{REPLACEMENT CHARACTER}"], object)
            values[reading.name] = words[rng.integers(0, len(words), rows)]
            continue
        found = numbers[reading.name]
        if reading.kind == "boolean":
            found = rng.integers(0, 2, rows).astype(np.float64)
        elif reading.kind == "date":
            found = np.round(found * DAY)
        found[rng.random(rows) < 0.1] = np.nan
        values[reading.name] = found
    return values


def _made_up_numbers(
    preprocessing: Preprocessing, rng: np.random.Generator, rows: int
) -> dict[str, np.ndarray]:
    for name, transformer, chosen in preprocessing.transformer.transformers_:
        if name == "numbers":
            scaler = transformer.steps[1][1]
            columns = scaler.inverse_transform(rng.normal(size=(rows, len(chosen)))).T
            return dict(zip(chosen, columns, strict=True))
    return {}
