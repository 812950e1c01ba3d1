"""What a layer is to the rest: a specification that knows its parameters and its instructions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

from chainrule.activations import Activation
from chainrule.engine.builder import Builder
from chainrule.engine.program import Buffer
from chainrule.initializers import Initializer
from chainrule.initializers import find as find_initializer


@dataclass(frozen=True)
class Parameter:
    """A parameter that a layer asks for.

    Attributes:
        name: within the layer.
        shape: of one or two lengths.
        initializer: of its initial values, for units of ``fan_in`` inputs read by ``fan_out``.
        decays: whether penalties and weight decay apply to it: weights, but not biases.
        trainable: False for what training follows without a gradient, such as running means.
    """

    name: str
    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int = 1
    fan_out: int = 1
    decays: bool = False
    trainable: bool = True


class Layer(Protocol):
    """A layer of a network: immutable, without state of its own."""

    @property
    def name(self) -> str | None:
        """The name that the user gave it."""
        ...

    @property
    def kind(self) -> str:
        """The name of its family; a layer without a name is this and its number within it."""
        ...

    @property
    def couples_rows(self) -> bool:
        """Whether, in training, a row's outputs depend on the other rows of its batch."""
        ...

    def outputs(self, inputs: int) -> int:
        """The number of outputs for a number of inputs.

        Raises:
            ValueError: if the layer cannot take so many.
        """
        ...

    def parameters(self, inputs: int) -> list[Parameter]: ...

    def output_activations(self) -> tuple[Activation, ...]:
        """The activations of its outputs: one, or one for each."""
        ...

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        """Emit the forward instructions and put the backward ones on the tape.

        ``builder.training`` tells training from prediction, for layers that differ in them.
        """
        ...

    def to_dict(self) -> dict[str, Any]: ...


class ReadsFeatures(Protocol):
    """A layer that stands first, since it reads the features of the data as they are."""

    def check_features(self, X: Any, name: str) -> None:
        """Refuse features that are numbers, but not what the layer reads.

        Raises:
            ValueError: naming the first one and its place.
        """
        ...


def reads_features(layer: object) -> TypeGuard[ReadsFeatures]:
    """Whether a layer is one that reads the features of the data as they are."""
    return hasattr(layer, "check_features")


#: Names that values of a step have.
TAKEN = re.compile(
    r"loss|[xygpmt]|weight|rows|seed|mixup|augment|(W|b|z|a|slope|d?delta|d[aWb])\d+"
)


def checked_name(name: Any) -> None:
    """Refuse what cannot be a part of a path.

    Raises:
        ValueError: unless it is None or an identifier, and not the name of a value such as ``W1``.
    """
    if isinstance(name, str) and TAKEN.fullmatch(name):
        raise ValueError(f"a layer's name must be none of a value's: {name!r} is one")
    if name is not None and (not isinstance(name, str) or not name.isidentifier()):
        raise ValueError(f"a layer's name must be an identifier, not {name!r}")


def paths_of(layers: Sequence[Layer]) -> tuple[str, ...]:
    """The path of each layer: its name, or its kind and number within the kind, from 1.

    Raises:
        ValueError: if two are the same.
    """
    counts: dict[str, int] = {}
    paths = []
    for layer in layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
        paths.append(layer.name or f"{layer.kind}{counts[layer.kind]}")
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f"two layers have the name {path!r}")
    return tuple(paths)


def every_layer(layers: Sequence[Layer]) -> Iterator[Layer]:
    """The layers, each followed by those that it holds."""
    for layer in layers:
        yield layer
        yield from every_layer(getattr(layer, "layers", ()))


def checked_initial(owner: str, initial: Any) -> tuple[Initializer, str | float]:
    """The initializer of a layer's only kind of parameter, and how a specification writes it.

    Raises:
        ValueError: naming the layer, for what is none.
    """
    try:
        found = find_initializer(initial)
    except ValueError as error:
        raise ValueError(f"initial of {owner}: {error}") from None
    kind, _, rest = str(found).partition("(")
    return found, float(rest.rstrip(")")) if kind == "constant" else str(found)
