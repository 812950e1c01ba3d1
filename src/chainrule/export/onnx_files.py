"""ONNX files: a network, or all of a table's model from its columns to labels or numbers."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.export.loading import check_request
from chainrule.export.onnx_checking import checked_network, checked_table
from chainrule.export.onnx_columns import ColumnInput, column_inputs, preprocessing_nodes
from chainrule.export.onnx_graph import STRING, Graph
from chainrule.export.onnx_layers import network_nodes
from chainrule.extras import extra
from chainrule.network import Network
from chainrule.storage.networks import write_whole
from chainrule.tables.model import Goal, TableModel

#: Protocol Buffers, the format below ONNX, hold no more in one file.
MOST_BYTES = 2**31 - 1


@dataclass(frozen=True)
class OnnxReport:
    """What was written, and how it compares.

    Attributes:
        path: of the file.
        inputs: of the file, one for each column; for a network a single one.
        outputs: the names of the file's outputs.
        rows: how many were compared.
        difference: the largest between the file's outputs and ours, as a share of the largest
            output; of a table's probabilities as they are.
    """

    path: Path
    inputs: tuple[ColumnInput, ...]
    outputs: tuple[str, ...]
    rows: int
    difference: float

    def example(self) -> str:
        """Three lines of Python that run the file on samples."""
        feeds = ", ".join(f"{one.name!r}: {_sample(one)}" for one in self.inputs)
        if len(self.inputs) > MOST_SHOWN:
            feeds = f"i.name: {TEXTS} if 'string' in i.type else {NUMBERS} for i in s.get_inputs()"
        return (
            "import numpy as np, onnxruntime\n"
            f"s = onnxruntime.InferenceSession({os.fspath(self.path)!r})\n"
            f"print(s.run(None, {{{feeds}}}))"
        )


MOST_SHOWN = 6  # inputs that an example names
#: Samples of a column, one of them missing.
TEXTS, NUMBERS = "np.array([['a'], ['']], object)", "np.array([[1.0], [np.nan]])"


def _sample(one: ColumnInput) -> str:
    if one.kind is None:
        return f"np.zeros((1, {one.columns}), {one.dtype.name!r})"
    return TEXTS if one.dtype == STRING else NUMBERS


def export_onnx(
    model: TableModel | Network, path: str | os.PathLike[str], table: Any = None
) -> OnnxReport:
    """Write a model as one ONNX file, which appears whole or not at all.

    Of a table's model it holds everything: an input (rows, 1) for each column, under its name, of
    float64 for numbers, booleans (1 and 0) and dates (seconds since 1970, UTC), NaN where missing,
    and of strings for texts, empty where missing; the outputs ``label`` and ``probabilities``, or
    ``value``, and of an ensemble ``spread``. A network has the input ``input`` and the output
    ``output``.

    Before it is written the file is checked, run by onnxruntime, and compared with our own
    predictions: for the rows of the table, or for rows made up from what the model knows of its
    training rows.

    Args:
        model: of a table, or a network.
        path: of the file; one that is there is replaced.
        table: for a table's model, a path or a data frame to compare on.

    Returns:
        What was written and how far it is off.

    Raises:
        MissingExtraError: without the packages of the extra ``chainrule[onnx]``.
        ValueError: for anything else, what cannot be exported, or if the file's outputs are not
            ours; nothing is written then.
        TableError: for a table that the model cannot read.
        OSError: if the file cannot be written.

    >>> import chainrule as cr, tempfile, pathlib
    >>> net = cr.Network([cr.Dense(8, "relu"), cr.Dense(2, "softmax")], inputs=3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = cr.export_onnx(net, pathlib.Path(folder, "net.onnx"))
    >>> report.outputs, report.difference < 1e-5
    (('output',), True)
    """
    check_request("export_onnx", model, path, table)
    extra("onnx", "onnx")
    extra("onnxruntime", "onnx")
    if isinstance(model, Network):
        inputs, outputs, content = _network_file(model)
        rows, difference = checked_network(content, model)
    else:
        inputs, outputs, content = _model_file(model)
        rows, difference = checked_table(content, model, inputs, outputs, table)
    write_whole(Path(path), content)
    return OnnxReport(Path(path), inputs, outputs, rows, difference)


def _network_file(network: Network) -> tuple[tuple[ColumnInput, ...], tuple[str, ...], bytes]:
    graph = Graph(network.dtype)
    x = graph.input("input", network.dtype, network.inputs)
    found = network_nodes(graph, network, x)
    output = graph.output("output", found, network.dtype, network.outputs)
    inputs = (ColumnInput("", x, None, np.dtype(network.dtype), network.inputs),)
    return inputs, (output,), _bytes(graph, "network", {"loss": str(network.loss or "")})


def _model_file(model: TableModel) -> tuple[tuple[ColumnInput, ...], tuple[str, ...], bytes]:
    graph = Graph()
    inputs = column_inputs(graph, model.features)
    x = preprocessing_nodes(graph, model.preprocessing, inputs)
    each = []
    for number, network in enumerate(model.networks, start=1):
        prefix = f"network{number}." if len(model.networks) > 1 else ""
        graph.dtype = np.dtype(network.dtype)
        found = network_nodes(graph, network, graph.cast(x, network.dtype), prefix)
        graph.dtype = np.dtype(np.float64)
        each.append(graph.cast(found, np.float64))
    outputs = _classes(graph, model.goal, each) if model.goal.classes else _numbers(
        graph, model.goal, each
    )  # fmt: skip
    return inputs, outputs, _bytes(graph, "model", _properties(model, inputs))


def _numbers(graph: Graph, goal: Goal, each: list[str]) -> tuple[str, ...]:
    """The mean over the networks, in the target's unit, and their deviation."""
    scaled = graph.node("Mul", graph.beside(each), goal.scale)
    numbers = graph.node("Add", scaled, goal.mean)
    mean = graph.node("ReduceMean", numbers, axes=[1], keepdims=1)
    outputs = [graph.output("value", _flat(graph, mean), np.float64, None)]
    if len(each) > 1:
        spread = _deviation(graph, numbers, mean)
        outputs.append(graph.output("spread", _flat(graph, spread), np.float64, None))
    return tuple(outputs)


def _classes(graph: Graph, goal: Goal, each: list[str]) -> tuple[str, ...]:
    """The label of the largest mean probability, and how far the networks are apart about it."""
    if len(goal.classes) == 2 and goal.task == "binary":
        each = [graph.beside([graph.node("Sub", 1, p), p]) for p in each]
    axis = graph.constant([0], np.int64)
    stacked = graph.node("Concat", *(graph.node("Unsqueeze", p, axis) for p in each), axis=0)
    mean = graph.node("ReduceMean", stacked, axes=[0], keepdims=0)
    if goal.task == "binary":  # ½ is the second class
        second = graph.columns(mean, [1])
        place = graph.cast(graph.node("GreaterOrEqual", second, 0.5), np.int64)
    else:
        place = graph.node("ArgMax", mean, axis=1, keepdims=1)
    dtype = _label_dtype(goal)
    labels = graph.constant(np.array(goal.classes, dtype), dtype, "classes")
    label = _flat(graph, graph.node("Gather", labels, place))
    outputs = [
        graph.output("label", label, dtype, None),
        graph.output("probabilities", mean, np.float64, len(goal.classes)),
    ]
    if len(each) > 1:
        deviation = _deviation(graph, stacked, mean, 0)
        spread = graph.node("GatherElements", deviation, place, axis=1)
        outputs.append(graph.output("spread", _flat(graph, spread), np.float64, None))
    return tuple(outputs)


def _deviation(graph: Graph, values: str, mean: str, axis: int = 1) -> str:
    apart = graph.node("Sub", values, mean)
    squares = graph.node("Mul", apart, apart)
    return graph.node("Sqrt", graph.node("ReduceMean", squares, axes=[axis], keepdims=axis))


def _flat(graph: Graph, column: str) -> str:
    return graph.node("Reshape", column, graph.constant([-1], np.int64))


def _label_dtype(goal: Goal) -> np.dtype:
    kinds = {type(label) for label in goal.classes}
    if str in kinds:
        return STRING
    return np.dtype(np.float64 if float in kinds else np.int64)


def _properties(model: TableModel, inputs: tuple[ColumnInput, ...]) -> dict[str, str]:
    columns = [{"column": i.column, "input": i.name, "read_as": i.kind} for i in inputs]
    return {
        "target": model.goal.name,
        "task": model.goal.task,
        "classes": json.dumps(list(model.goal.classes)),
        "columns": json.dumps(columns),
    }


def _bytes(graph: Graph, name: str, properties: Mapping[str, str]) -> bytes:
    """The file.

    Raises:
        ValueError: if it would be larger than such files can be.
    """
    import onnx
    from google.protobuf.message import EncodeError

    clean = {k: v.encode(errors="replace").decode() for k, v in properties.items()}
    model = graph.model(name, clean)
    try:
        content: bytes = model.SerializeToString(deterministic=True)
    except (EncodeError, ValueError) as error:
        raise ValueError(f"the model does not fit into an ONNX file: {error}") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"an ONNX file holds at most {MOST_BYTES} bytes, not {len(content)}")
    onnx.checker.check_model(content, full_check=True)
    return content
