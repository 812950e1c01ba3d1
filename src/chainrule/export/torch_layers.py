"""Layers as lines of Python that make them in PyTorch, with the tensors that they load."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.activations import Activation
from chainrule.checks import real_number
from chainrule.export.parameters import Parameters, own_parameters
from chainrule.export.torch_literals import literal
from chainrule.layers import Layer
from chainrule.network import Network

INDENT = "    "
NARROW = 70  # of a line with a literal, before the blocks around it indent it


@dataclass(frozen=True)
class Written:
    """A layer, or an activation: an entry of a Sequential.

    Attributes:
        code: the expression that makes it, of one or several lines.
        tensors: what its state dict holds.
    """

    code: str
    tensors: Mapping[str, np.ndarray]


#: An activation as an expression of PyTorch, by its name; None where nothing is to be done.
ACTIVATION_CODE: dict[str, Callable[[Activation], str | None]] = {
    "linear": lambda f: None if f.k == 1 else f"Function(lambda z: {f.k!r} * z)",
    "threshold": lambda f: f"Function(lambda z: (z >= {f.k!r}).to(z.dtype))",
    "logistic": lambda f: "nn.Sigmoid()",
    "tanh": lambda f: "nn.Tanh()",
    "relu": lambda f: "nn.ReLU()",
    "softmax": lambda f: "nn.Softmax(dim=1)",
    "leaky_relu": lambda f: f"nn.LeakyReLU({f.k!r})",
    "elu": lambda f: f"nn.ELU({f.k!r})",
    "gelu": lambda f: "nn.GELU()",
    "silu": lambda f: "nn.SiLU()",
    "softplus": lambda f: "nn.Softplus(threshold=40)",
    "selu": lambda f: "nn.SELU()",
    "mish": lambda f: "nn.Mish()",
    "gelu_tanh": lambda f: 'nn.GELU(approximate="tanh")',
    "relu6": lambda f: "nn.ReLU6()",
    "hard_sigmoid": lambda f: "nn.Hardsigmoid()",
    "softsign": lambda f: "nn.Softsign()",
    "exponential": lambda f: "Function(torch.exp)",
}


def sequential(network: Network) -> Written:
    """The network as an ``nn.Sequential``.

    Raises:
        ValueError: for a layer or an activation that has no counterpart.
    """
    return _stack(
        "nn.Sequential", network.layers, network.paths, network.parameters, network.inputs
    )


def _stack(
    kind: str, layers: Sequence[Layer], paths: Sequence[str], parameters: Parameters, columns: int
) -> Written:
    lines, number = [f"{kind}("], 0
    tensors: dict[str, np.ndarray] = {}
    for layer, path in zip(layers, paths, strict=True):
        if layer.kind not in LAYER_CODE:
            raise ValueError(f"the layer {layer!r} cannot be exported: PyTorch has nothing for it")
        own = own_parameters(parameters, path)
        for place, entry in enumerate(LAYER_CODE[layer.kind](layer, own, columns)):
            *first, last = entry.code.splitlines()
            comment = f"  # {path}" if place == 0 else ""
            lines += [INDENT + line for line in (*first, f"{last},{comment}")]
            tensors |= {f"{number}.{name}": value for name, value in entry.tensors.items()}
            number += 1
        columns = layer.outputs(columns)
    return Written("\n".join([*lines, ")"]), tensors)


def _function(entry: Activation) -> str | None:
    if entry.name not in ACTIVATION_CODE:
        raise ValueError(
            f"the activation {entry.name!r} cannot be exported: PyTorch has nothing for it"
        )
    return ACTIVATION_CODE[entry.name](entry)


def _dense(layer: Any, own: Parameters, columns: int) -> list[Written]:
    bias = "" if layer.bias else ", bias=False"
    tensors = {"weight": own["W"].T} | ({"bias": own["b"]} if layer.bias else {})
    written = [Written(f"nn.Linear({columns}, {layer.units}{bias})", tensors)]
    entries: tuple[Activation, ...] = layer.output_activations()
    code = _function(entries[0]) if len(entries) == 1 else _units(entries)
    return written + ([Written(code, {})] if code else [])


def _units(entries: Sequence[Activation]) -> str:
    lines = ["Units("]
    for entry in dict.fromkeys(entries):
        places = [c for c, one in enumerate(entries) if one == entry]
        function = _function(entry) or "nn.Identity()"
        columns = literal(places, len(INDENT), len(function), NARROW)
        lines.append(f"{INDENT}({function}, {columns}),")
    return "\n".join([*lines, ")"])


def _embedding(layer: Any, own: Parameters, columns: int) -> list[Written]:
    tensors = {f"vectors.{column}.weight": own[f"E{column}"] for column in layer.sizes}
    return [Written(f"Embeddings({literal(layer.sizes, width=NARROW)})", tensors)]


def _scale(layer: Any, own: Parameters, columns: int) -> list[Written]:
    return [Written(f"Scale({columns})", {"weight": own["s"]})]


def _prelu(layer: Any, own: Parameters, columns: int) -> list[Written]:
    return [Written(f"nn.PReLU({columns})", {"weight": own["s"]})]


def _residual(layer: Any, own: Parameters, columns: int) -> list[Written]:
    return [_stack("Residual", layer.layers, layer.paths, own, columns)]


def _dropout(layer: Any, own: Parameters, columns: int) -> list[Written]:
    """For training that goes on; in prediction it does nothing."""
    kind = {"dropout": "Dropout", "alpha_dropout": "AlphaDropout"}[layer.kind]
    if not real_number(layer.rate):
        return _identity(layer, own, columns)
    return [Written(f"nn.{kind}({float(layer.rate)!r})", {})]


def _identity(layer: Any, own: Parameters, columns: int) -> list[Written]:
    return [Written("nn.Identity()", {})]


def _batch_norm(layer: Any, own: Parameters, columns: int) -> list[Written]:
    tensors = {
        "weight": own["gamma"], "bias": own["beta"], "running_mean": own["mean"],
        "running_var": own["variance"], "num_batches_tracked": np.array(0, np.int64),
    }  # fmt: skip
    values = f"eps={float(layer.epsilon)!r}, momentum={float(layer.momentum)!r}"
    code = f"nn.BatchNorm1d({columns}, {values})"
    return [Written(code, tensors)]


def _layer_norm(layer: Any, own: Parameters, columns: int) -> list[Written]:
    tensors = {"weight": own["gamma"], "bias": own["beta"]}
    return [Written(f"nn.LayerNorm({columns}, eps={float(layer.epsilon)!r})", tensors)]


#: How each layer is written, by the name of its family.
LAYER_CODE: dict[str, Callable[[Any, Parameters, int], list[Written]]] = {
    "dense": _dense,
    "embedding": _embedding,
    "scale": _scale,
    "prelu": _prelu,
    "residual": _residual,
    "dropout": _dropout,
    "alpha_dropout": _dropout,
    "gaussian_noise": _identity,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
}
