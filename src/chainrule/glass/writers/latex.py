"""A document as LaTeX that needs no package but amsmath."""

from chainrule.equations.latex import escaped
from chainrule.equations.latex import latex as mathematics
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

LAST_KNOWN = 0x17F  # the last letter that LaTeX knows without being told
INDENT = r"\qquad"  # of a line that goes on with a step
HEAD = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[a4paper, margin=22mm]{geometry}
\usepackage{amsmath, amssymb}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\setlength{\emergencystretch}{4em}
"""


def latex(document: Document) -> str:
    """The document as a LaTeX file."""
    title = escaped(document.title)
    body = "\n\n".join(_block(block) for block in document.blocks)
    unknown = sorted({letter for letter in title + body if ord(letter) > LAST_KNOWN})
    declared = "".join(
        rf"\DeclareUnicodeCharacter{{{ord(c):04X}}}{{[U+{ord(c):04X}]}}" for c in unknown
    )
    # LuaTeX and XeTeX, which know all letters, have no such command.
    known = f"\\ifdefined\\DeclareUnicodeCharacter{declared}\\fi\n" if unknown else ""
    head = f"{HEAD}{known}\\begin{{document}}\n"
    return f"{head}\\section*{{{title}}}\n\n{body}\n\n\\end{{document}}\n"


def aligned(block: Equations) -> str:
    """An equation, in one line or aligned at its signs, for displayed mathematics."""
    if in_one_line(block):
        return mathematics(whole(block))
    lines = []
    for k, (sign, step) in enumerate(lines_of(block, LONGEST)):
        left = mathematics(block.left) if k == 0 else ""
        lines.append(f"{left} &{_sign(sign) if sign else INDENT} {mathematics(step)}")
    inner = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{inner}\n\\end{{aligned}}"


def _sign(sign: str) -> str:
    from chainrule.equations.boxes import Mark

    return mathematics(Mark(sign))


def _block(block: Block) -> str:
    match block:
        case Heading():
            kind = "subsection" if block.level == 1 else "subsubsection"
            return f"\\{kind}*{{{escaped(block.text)}}}"
        case Paragraph():
            return "".join(_piece(piece) for piece in block.pieces)
        case Equations():
            return f"\\[\n{aligned(block)}\n\\]"
        case Table():
            rows = [" & ".join(_piece(cell) for cell in cells) for cells in
                    (block.header, *block.rows)]  # fmt: skip
            lines = [f"{rows[0]} \\\\ \\hline", *(f"{line} \\\\" for line in rows[1:])]
            body = "\n".join(lines)
            columns = "l" * len(block.header)
            return f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}"
    raise TypeError(f"nothing is known of the block {block!r}")


def _piece(piece: Piece) -> str:
    return escaped(piece) if isinstance(piece, str) else f"${mathematics(piece)}$"
