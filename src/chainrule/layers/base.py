"""What a layer is to the rest: a specification that knows its parameters and its instructions."""

from dataclasses import dataclass
from typing import Any, Protocol

from chainrule.activations import Activation
from chainrule.engine.builder import Builder
from chainrule.engine.program import Buffer
from chainrule.initializers import Initializer


@dataclass(frozen=True)
class Parameter:
    """A parameter that a layer asks for: its name within the layer, shape and initial values."""

    name: str
    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int
    fan_out: int


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

    def outputs(self, inputs: int) -> int:
        """The number of outputs for a number of inputs."""
        ...

    def parameters(self, inputs: int) -> list[Parameter]: ...

    def output_activations(self) -> tuple[Activation, ...]:
        """The activations of its outputs: one, or one for each."""
        ...

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        """Emit the forward instructions and put the backward ones on the tape."""
        ...

    def to_dict(self) -> dict[str, Any]: ...
