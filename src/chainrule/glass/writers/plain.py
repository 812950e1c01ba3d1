"""A document as text for a terminal."""

import textwrap

from chainrule.equations.boxes import Words, row
from chainrule.equations.text import text
from chainrule.glass.writers.document import (
    Block,
    Document,
    Equations,
    Heading,
    Paragraph,
    Piece,
    Table,
)
from chainrule.glass.writers.layout import lines_of, whole, width_of

WIDTH = 100
INDENT = "  "


def plain(document: Document, width: int = WIDTH) -> str:
    """The document as lines of text; equations that fit stand on one line."""
    head = [document.title, "=" * len(document.title)]
    return "\n\n".join(["\n".join(head), *(_block(block, width) for block in document.blocks)])


def _block(block: Block, width: int) -> str:
    match block:
        case Heading():
            return f"{block.text}\n{('-' if block.level == 1 else '·') * len(block.text)}"
        case Paragraph():
            return _paragraph(block, width)
        case Equations():
            return textwrap.indent(_equations(block, width - len(INDENT)), INDENT)
        case Table():
            return textwrap.indent(_table(block), INDENT)
    raise TypeError(f"nothing is known of the block {block!r}")


def _paragraph(block: Paragraph, width: int) -> str:
    """Words, with mathematics in the line; what takes several lines stands by itself."""
    if len(block.pieces) == 1 and isinstance(block.pieces[0], str):
        return textwrap.fill(block.pieces[0], width)
    return textwrap.fill("".join(_piece(piece) for piece in block.pieces), width)


def _piece(piece: Piece) -> str:
    return piece if isinstance(piece, str) else text(piece).replace("\n", " ")


def _equations(block: Equations, width: int) -> str:
    if width_of(whole(block)) <= width:
        return text(whole(block))
    indent = " " * (width_of(block.left) + 1)
    lines = []
    for k, (sign, step) in enumerate(lines_of(block, width - len(indent) - 2)):
        line = row(block.left, sign, step) if k == 0 else row(Words(f"{sign or ' '} "), step)
        lines.append(textwrap.indent(text(line), indent if k else ""))
    return "\n".join(lines)


def _table(block: Table) -> str:
    rows = [[_piece(cell) for cell in cells] for cells in (block.header, *block.rows)]
    widths = [max(len(line[k]) for line in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in rows
    )
