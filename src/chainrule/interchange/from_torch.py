"""Reads stacks of PyTorch modules, by the names of their classes and their attributes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.activations import Activation, activations
from chainrule.interchange.parts import Parts, real_array
from chainrule.layers import AlphaDropout, BatchNorm, Dense, Dropout, Layer, LayerNorm, PReLU
from chainrule.losses import Loss


def read(sequential: Any, loss: "str | Loss | None" = None) -> Parts:
    """The parts of a ``torch.nn.Sequential``; see :meth:`chainrule.Network.from_torch`.

    Raises:
        ValueError: naming the module that has no counterpart, and its position.
    """
    if _kind(sequential) != "Sequential":
        raise ValueError(f"from_torch takes a torch.nn.Sequential, not {_kind(sequential)}")
    stack = _Stack()
    for position, module in _flat(sequential):
        kind = _kind(module)
        try:
            _add(stack, kind, module)
        except ValueError as error:
            raise ValueError(f"{kind} at position {position}: {error}") from None
    if stack.inputs is None:
        raise ValueError("the Sequential holds no Linear, so that its inputs are not known")
    return Parts(stack.layers, loss, stack.inputs, stack.arrays)


def _kind(module: Any) -> str:
    return type(module).__name__


def _flat(sequential: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The modules with their positions, as ``state_dict`` writes them: ``2.0`` in a nested one."""
    for number, module in enumerate(sequential):
        if _kind(module) == "Sequential":
            yield from _flat(module, f"{path}{number}.")
        else:
            yield f"{path}{number}", module


class _Stack:
    """The layers as they are found, and how many columns come out of the last."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.arrays: list[np.ndarray] = []
        self.inputs: int | None = None
        self.columns: int | None = None
        self.before = "nothing"

    def add(self, layer: Layer, *arrays: np.ndarray) -> None:
        self.layers.append(layer)
        self.arrays += arrays
        if self.columns is not None:
            self.columns = layer.outputs(self.columns)

    def take(self, columns: int) -> None:
        """Go on with a module that takes so many columns."""
        if self.columns not in (None, columns):
            raise ValueError(f"it takes {columns} features, and {self.columns} come in")
        self.columns = columns
        self.inputs = columns if self.inputs is None else self.inputs

    def activate(self, activation: Activation) -> None:
        """Give the last layer its activation."""
        last = self.layers[-1] if self.layers else None
        if self.before != "Linear" or not isinstance(last, Dense):
            fused = " (torch.nn.utils.fusion.fuse_linear_bn_eval makes one Linear of the two)"
            raise ValueError(
                f"an activation must directly follow a Linear, and here {self.before} is before it"
                + (fused if self.before == "BatchNorm1d" else "")
            )
        self.layers[-1] = replace(last, activation=str(activation))


def _add(stack: _Stack, kind: str, module: Any) -> None:
    if kind in PASSED:
        PASSED[kind](module)
        return
    if kind in ACTIVATIONS:
        stack.activate(ACTIVATIONS[kind](module))
    elif kind in LAYERS:
        LAYERS[kind](stack, module)
    else:
        known = ", ".join(sorted([*LAYERS, *ACTIVATIONS, *PASSED]))
        raise ValueError(f"it has no counterpart here, and what has one is {known}")
    stack.before = kind


# ------------------------------------------------------------------ modules that do nothing


def _flatten(module: Any) -> None:
    if module.start_dim != 1 or module.end_dim not in (-1, 1):
        raise ValueError(
            "it must leave rows of features as they are, as from dimension 1 to -1, not from "
            f"{module.start_dim} to {module.end_dim}"
        )


#: What stands for nothing, with a check that it does.
PASSED: dict[str, Callable[[Any], None]] = {"Identity": lambda module: None, "Flatten": _flatten}


# ------------------------------------------------------------------ activations


def _softmax(module: Any) -> Activation:
    if module.dim not in (-1, 1, None):  # None is 1 where there are two dimensions
        raise ValueError(f"it must run over the features, dimension 1 or -1, not {module.dim}")
    return activations["softmax"]


def _softplus(module: Any) -> Activation:
    """Up to 20 theirs is ours; above, both are z to nine digits."""
    if module.beta != 1 or module.threshold < 20:
        raise ValueError(
            "it must have a beta of 1 and a threshold of at least 20, not "
            f"{module.beta} and {module.threshold}"
        )
    return activations["softplus"]


def _gelu(module: Any) -> Activation:
    names = {"none": "gelu", "tanh": "gelu_tanh"}
    if module.approximate not in names:
        raise ValueError(f"its approximation must be 'none' or 'tanh', not {module.approximate!r}")
    return activations[names[module.approximate]]


def _plain(name: str) -> Callable[[Any], Activation]:
    return lambda module: activations[name]


ACTIVATIONS: dict[str, Callable[[Any], Activation]] = {
    "ReLU": _plain("relu"),
    "ReLU6": _plain("relu6"),
    "LeakyReLU": lambda module: activations["leaky_relu"](module.negative_slope),
    "ELU": lambda module: activations["elu"](module.alpha),
    "SELU": _plain("selu"),
    "GELU": _gelu,
    "SiLU": _plain("silu"),
    "Mish": _plain("mish"),
    "Sigmoid": _plain("logistic"),
    "Hardsigmoid": _plain("hard_sigmoid"),
    "Tanh": _plain("tanh"),
    "Softsign": _plain("softsign"),
    "Softplus": _softplus,
    "Softmax": _softmax,
}


# ------------------------------------------------------------------ layers


def _array(module: Any, name: str, *shape: int | None) -> np.ndarray:
    try:
        value = getattr(module, name).detach().cpu().numpy()
    except (AttributeError, TypeError, RuntimeError) as error:
        raise ValueError(f"its {name} cannot be read as an array: {error}") from None
    return real_array(f"its {name}", value, *shape)


def _learnt(module: Any, name: str, columns: int, without: float) -> np.ndarray:
    """A parameter of a normalisation, or the number that stands for it where there is none."""
    if getattr(module, name) is None:
        return np.full(columns, without, np.float32)
    return _array(module, name, columns)


def _linear(stack: _Stack, module: Any) -> None:
    """Theirs is z = x·Wᵀ + b with W of (outputs, inputs)."""
    W = _array(module, "weight", None, None).T
    inputs, units = W.shape
    stack.take(inputs)
    if module.bias is None:
        stack.add(Dense(units, bias=False), W)
    else:
        stack.add(Dense(units), W, _array(module, "bias", units))


def _prelu(stack: _Stack, module: Any) -> None:
    slopes = _array(module, "weight", None)
    if slopes.size == 1 and stack.columns is None:
        raise ValueError("it must follow a Linear, so that the number of its slopes is known")
    slopes = np.repeat(slopes, stack.columns or 1) if slopes.size == 1 else slopes
    stack.take(slopes.size)
    stack.add(PReLU(), slopes)


def _batch_norm(stack: _Stack, module: Any) -> None:
    if module.running_mean is None:
        raise ValueError("it keeps no running statistics, and predictions here need them")
    if module.momentum is None:
        raise ValueError("it averages all batches alike (momentum=None), and ours needs a momentum")
    mean = _array(module, "running_mean", None)
    columns = mean.size
    stack.take(columns)
    stack.add(
        BatchNorm(module.momentum, module.eps),
        _learnt(module, "weight", columns, 1),
        _learnt(module, "bias", columns, 0),
        mean,
        _array(module, "running_var", columns),
    )


def _layer_norm(stack: _Stack, module: Any) -> None:
    if len(module.normalized_shape) != 1:
        raise ValueError(
            "it must normalise the features of a row, one dimension, not "
            f"{tuple(module.normalized_shape)}"
        )
    columns = int(module.normalized_shape[0])
    stack.take(columns)
    stack.add(
        LayerNorm(module.eps),
        _learnt(module, "weight", columns, 1),
        _learnt(module, "bias", columns, 0),
    )


LAYERS: dict[str, Callable[[_Stack, Any], None]] = {
    "Linear": _linear,
    "PReLU": _prelu,
    "BatchNorm1d": _batch_norm,
    "LayerNorm": _layer_norm,
    "Dropout": lambda stack, module: stack.add(Dropout(module.p)),
    "AlphaDropout": lambda stack, module: stack.add(AlphaDropout(module.p)),
}
