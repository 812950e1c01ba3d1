"""A document of headings, sentences and equations, for the writers to write."""

from dataclasses import dataclass, field

from chainrule.checks import printable
from chainrule.equations.boxes import Box

Piece = str | Box  # words, or mathematics within them


@dataclass(frozen=True)
class Block:
    """What all parts of a document have in common."""


@dataclass(frozen=True)
class Heading(Block):
    """A heading; level 1 is that of a section."""

    text: str
    level: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


@dataclass(frozen=True)
class Paragraph(Block):
    """Words and mathematics."""

    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        shown = (printable(p) if isinstance(p, str) else p for p in self.pieces)
        object.__setattr__(self, "pieces", tuple(shown))


@dataclass(frozen=True)
class Equations(Block):
    """An equation in steps: left = first = second = ...

    Attributes:
        left: what is computed.
        steps: what it equals; a step is a sign and what stands behind it.
        of: the value or element that the last step is, as a notation calls it.
    """

    left: Box
    steps: tuple[tuple[str, Box], ...]
    of: str = ""


@dataclass(frozen=True)
class Table(Block):
    """A table; cells are words or mathematics."""

    header: tuple[Piece, ...]
    rows: tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True)
class Document:
    """A title and blocks."""

    title: str
    blocks: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", printable(self.title))

    def heading(self, text: str, level: int = 1) -> None:
        """Add a heading."""
        self.blocks.append(Heading(text, level))

    def say(self, *pieces: Piece) -> None:
        """Add a paragraph."""
        self.blocks.append(Paragraph(pieces))

    def equate(
        self, left: Box, *steps: Box, sign: str = "=", last: str | None = None, of: str = ""
    ) -> None:
        """Add an equation in steps; ``last`` is the sign of the last one, by default the same."""
        signs = [sign] * (len(steps) - 1) + [last or sign]
        self.blocks.append(Equations(left, tuple(zip(signs, steps, strict=True)), of))
