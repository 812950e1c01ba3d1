"""A document as a PDF file, made by Typst."""

from chainrule.equations.boxes import Mark
from chainrule.equations.typst import quoted, typst
from chainrule.extras import extra
from chainrule.glass.writers.document import (
    Block,
    Document,
    Equations,
    Heading,
    Paragraph,
    Piece,
    Table,
)
from chainrule.glass.writers.layout import LONGEST, in_one_line, lines_of, whole

HEAD = """#set page(paper: "a4", margin: 20mm, numbering: "1")
#set text(size: 10.5pt)
#set math.mat(gap: 0.5em)
#show math.equation.where(block: true): set align(left)
#show math.equation.where(block: true): set block(inset: (left: 8mm))
#show heading.where(level: 2): set text(fill: rgb("#1f5fae"))
"""


def pdf(document: Document) -> bytes:
    """The document as a PDF file.

    Raises:
        MissingExtraError: that names the extra, if Typst is not installed.
    """
    compiler = extra("typst", "pdf")
    written: bytes = compiler.compile(source(document).encode("utf-8"), format="pdf")
    return written


def source(document: Document) -> str:
    """The document in Typst's own language."""
    title = f"#set document(title: {quoted(document.title)})\n"
    top = f"#heading(level: 1, {quoted(document.title)})"
    return "\n\n".join([HEAD + title, top, *(_block(block) for block in document.blocks)]) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"#heading(level: {block.level + 1}, {quoted(block.text)})"
        case Paragraph():
            return "".join(_piece(piece) for piece in block.pieces)
        case Equations():
            return f"$ {_equations(block)} $"
        case Table():
            cells = ", ".join(f"[{_piece(cell)}]" for line in (block.header, *block.rows)
                              for cell in line)  # fmt: skip
            return f"#table(columns: {len(block.header)}, stroke: none, {cells})"
    raise TypeError(f"nothing is known of the block {block!r}")


def _equations(block: Equations) -> str:
    if in_one_line(block):
        return typst(whole(block))
    lines = []
    for k, (sign, step) in enumerate(lines_of(block, LONGEST)):
        left = typst(block.left) if k == 0 else ""
        lines.append(f"{left} & {typst(Mark(sign)) if sign else 'quad quad'} {typst(step)}")
    return " \\\n  ".join(lines)


def _piece(piece: Piece) -> str:
    return f"#{quoted(piece)}" if isinstance(piece, str) else f"${typst(piece)}$"
