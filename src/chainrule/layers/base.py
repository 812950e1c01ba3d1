"""What a layer is to the rest: a specification that knows its parameters and its instructions."""

from dataclasses import dataclass
from typing import Any, Protocol

from chainrule.activations import Activation
from chainrule.engine.builder import Builder
from chainrule.engine.program import Buffer
from chainrule.initializers import Initializer


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


def checked_name(name: Any) -> None:
    """Check the name that a user gives a layer.

    Raises:
        ValueError: if it cannot be the first part of a path.
    """
    if name is not None and (not isinstance(name, str) or not name.isidentifier()):
        raise ValueError(f"a layer's name must be an identifier, not {name!r}")
