"""The notation of 001: W^[l], A^[l], L, and α for the learning rate."""

from dataclasses import replace
from typing import ClassVar

from chainrule.equations.boxes import Box, Symbol
from chainrule.glass.notation.base import Notation, register


@register
class Bracket(Notation):
    """001: the number of the layer in square brackets, matrices in capital letters."""

    name: ClassVar[str] = "bracket"
    source: ClassVar[str] = "001"
    rate: ClassVar[str] = "α"
    weight_letter: ClassVar[str] = "W"
    loss: ClassVar[str] = "L"
    rows: ClassVar[str] = "m"
    targets: ClassVar[str] = "Y"
    letters: ClassVar[dict[str, str]] = {
        "W": "W", "b": "b", "z": "Z", "a": "A", "delta": "δ", "da": "", "dW": "", "db": "",
    }  # fmt: skip
    about: ClassVar[tuple[str | Box, ...]] = (
        "Each column is an example; ", Symbol("A", "[0]", bold=True), " are the inputs.",
    )  # fmt: skip

    def above(self, layer: int) -> str:
        return f"[{layer}]"

    def _symbol(self, path: str, index: tuple[int, ...] | None) -> Box:
        box, place = super()._symbol(path, index), self.place(path)
        if index is None or not isinstance(box, Symbol) or place.quantity not in ("z", "a"):
            return box
        if place.layer == 0:  # the inputs have no layer above them: x₁
            return replace(box, letter="x", above=box.above.removeprefix(self.above(0)))
        # Single numbers are in small letters, but the weights keep theirs.
        return replace(box, letter=box.letter.lower()) if place.layer else box
