"""Layers as nodes of ONNX, as they are in prediction."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.activations import Activation
from chainrule.export.onnx_activations import activation
from chainrule.export.onnx_graph import Graph
from chainrule.export.parameters import Parameters, own_parameters
from chainrule.layers import Layer
from chainrule.network import Network


def network_nodes(graph: Graph, network: Network, x: str, prefix: str = "") -> str:
    """Append a network.

    Args:
        graph: whose dtype is the network's.
        network: what to append.
        x: (rows, inputs) of that dtype.
        prefix: of the names of its values.

    Returns:
        The name of its outputs.

    Raises:
        ValueError: for a layer or an activation that cannot be exported.
    """
    return _stack(
        graph, network.layers, network.paths, network.parameters, x, network.inputs, prefix
    )  # fmt: skip


def _stack(
    graph: Graph, layers: Sequence[Layer], paths: Sequence[str], parameters: Parameters, x: str,
    columns: int, prefix: str,
) -> str:  # fmt: skip
    for layer, path in zip(layers, paths, strict=True):
        if layer.kind not in LAYER_NODES:
            raise ValueError(f"the layer {layer!r} cannot be exported: ONNX has nothing for it")
        own = own_parameters(parameters, path)
        x = LAYER_NODES[layer.kind](graph, layer, own, x, columns, f"{prefix}{path}")
        columns = layer.outputs(columns)
    return x


def _constant(graph: Graph, path: str, own: Parameters, name: str) -> str:
    return graph.constant(own[name], name=f"{path}.{name}")


def _dense(graph: Graph, layer: Any, own: Parameters, x: str, columns: int, path: str) -> str:
    inputs = [x, *(_constant(graph, path, own, name) for name in own)]
    z = graph.node("Gemm", *inputs, name=f"{path}.z")
    entries: tuple[Activation, ...] = layer.output_activations()
    if len(entries) == 1:
        return activation(graph, entries[0], z, path)
    different = list(dict.fromkeys(entries))
    parts, order = [], []
    for entry in different:
        places = [c for c, one in enumerate(entries) if one == entry]
        parts.append(activation(graph, entry, graph.columns(z, places), path))
        order += places
    return graph.columns(graph.beside(parts), np.argsort(order).tolist())


def _batch_norm(graph: Graph, layer: Any, own: Parameters, x: str, columns: int, path: str) -> str:
    # ONNX keeps ε as float32: what that loses goes into the variance.
    lost = layer.epsilon - float(np.float32(layer.epsilon))
    own = {**own, "variance": own["variance"] + own["variance"].dtype.type(lost)}
    names = [_constant(graph, path, own, p) for p in ("gamma", "beta", "mean", "variance")]
    return graph.node("BatchNormalization", x, *names, name=f"{path}.a", epsilon=layer.epsilon)


def _layer_norm(graph: Graph, layer: Any, own: Parameters, x: str, columns: int, path: str) -> str:
    gamma, beta = (_constant(graph, path, own, p) for p in ("gamma", "beta"))
    if graph.dtype == np.float32:
        return graph.node(
            "LayerNormalization", x, gamma, beta, name=f"{path}.a", axis=1, epsilon=layer.epsilon
        )
    # The operator has ε as float32, so it is written out.
    centred = graph.node("Sub", x, graph.node("ReduceMean", x, axes=[1]))
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), axes=[1])
    deviation = graph.node("Sqrt", graph.node("Add", variance, layer.epsilon))
    normal = graph.node("Div", centred, deviation, name=f"{path}.xhat")
    return graph.node("Add", graph.node("Mul", normal, gamma), beta, name=f"{path}.a")


def _scale(graph: Graph, layer: Any, own: Parameters, x: str, columns: int, path: str) -> str:
    return graph.node("Mul", x, _constant(graph, path, own, "s"), name=f"{path}.a")


def _prelu(graph: Graph, layer: Any, own: Parameters, x: str, columns: int, path: str) -> str:
    return graph.node("PRelu", x, _constant(graph, path, own, "s"), name=f"{path}.a")


def _residual(graph: Graph, layer: Any, own: Parameters, x: str, columns: int, path: str) -> str:
    inner = _stack(graph, layer.layers, layer.paths, own, x, columns, f"{path}.")
    return graph.node("Add", x, inner, name=f"{path}.a")


def _embedding(graph: Graph, layer: Any, own: Parameters, x: str, columns: int, path: str) -> str:
    """The parts between coded columns as they are, the vectors of these in their places."""
    parts, begin = [], 0
    for column, levels, _ in layer.columns:
        if column > begin:
            parts.append(graph.columns(x, range(begin, column)))
        index = graph.constant(column, np.int64)
        code = graph.node("Gather", x, index, axis=1)
        code = graph.cast(graph.node("Clip", code, 0, levels - 1), np.int64)
        parts.append(graph.node("Gather", _constant(graph, path, own, f"E{column}"), code))
        begin = column + 1
    if begin < columns:
        parts.append(graph.columns(x, range(begin, columns)))
    return graph.beside(parts)


def _identity(graph: Graph, layer: Any, own: Parameters, x: str, columns: int, path: str) -> str:
    """What acts in training only."""
    return x


#: How each layer is written, by the name of its family.
LAYER_NODES: dict[str, Callable[[Graph, Any, Parameters, str, int, str], str]] = {
    "dense": _dense,
    "embedding": _embedding,
    "scale": _scale,
    "prelu": _prelu,
    "residual": _residual,
    "dropout": _identity,
    "alpha_dropout": _identity,
    "gaussian_noise": _identity,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
}
