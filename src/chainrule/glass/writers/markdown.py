"""A document as Markdown, with LaTeX between dollar signs."""

from chainrule.equations.latex import latex
from chainrule.glass.writers.document import (
    Block,
    Document,
    Equations,
    Heading,
    Paragraph,
    Piece,
    Table,
)
from chainrule.glass.writers.latex import aligned

SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>#$|"})


def markdown(document: Document) -> str:
    """The document as Markdown."""
    parts = [f"# {_words(document.title)}", *(_block(block) for block in document.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * (block.level + 1)} {_words(block.text)}"
        case Paragraph():
            return "".join(_piece(piece) for piece in block.pieces)
        case Equations():
            return f"$$\n{aligned(block)}\n$$"
        case Table():
            rows = [[_piece(cell) for cell in cells] for cells in (block.header, *block.rows)]
            rows.insert(1, ["---"] * len(block.header))
            return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    raise TypeError(f"nothing is known of the block {block!r}")


def _piece(piece: Piece) -> str:
    return _words(piece) if isinstance(piece, str) else f"${latex(piece)}$"


def _words(words: str) -> str:
    return words.translate(SPECIAL)
