"""A document as a page of HTML and MathML: no scripts, nothing from elsewhere."""

from html import escape

from chainrule.equations.boxes import Mark
from chainrule.equations.mathml import mathml, written
from chainrule.glass.writers.document import (
    Block,
    Document,
    Equations,
    Heading,
    Paragraph,
    Piece,
    Table,
)
from chainrule.glass.writers.layout import in_one_line, lines_of, whole

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fdfdfb; --line: #d9dde3;
  --accent: #1f5fae; --soft: #f2f4f7; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7ee; --paper: #14181e; --line: #343b46;
  --accent: #7fb3f2; --soft: #1d232c; } }
.walkthrough { color: var(--ink); max-width: 54rem; margin: 0 auto; padding: 1.5rem 1rem 4rem;
  font: 1rem/1.55 system-ui, sans-serif; }
.walkthrough h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0 1rem; }
.walkthrough h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; padding-top: 0.7rem;
  border-top: 2px solid var(--accent); }
.walkthrough h3 { font-size: 1rem; margin: 1.4rem 0 0.3rem; color: var(--accent); }
.walkthrough p { margin: 0.5rem 0; }
.walkthrough .equation { overflow-x: auto; margin: 0.5rem 0; padding: 0.45rem 0.7rem;
  background: var(--soft); border-radius: 6px; }
.walkthrough .equation math { font-size: 1.05rem; text-align: left; width: max-content; }
.walkthrough .fenced > .fence { display: none; }
.walkthrough .fenced > mtable { border: solid currentcolor; border-width: 0 1.4px;
  border-radius: 0.7em / 50%; padding: 0 0.25em; margin: 0 0.15em; }
.walkthrough .steps > mtr > mtd { text-align: left; padding: 0.25rem 0.15rem; }
.walkthrough table { border-collapse: collapse; }
.walkthrough th, .walkthrough td { text-align: left; padding: 0.3rem 0.7rem;
  border-bottom: 1px solid var(--line); }
"""
WIDEST = 110  # characters of a line; narrower windows scroll
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
html {{ background: var(--paper); }}
body {{ margin: 0; }}{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def html(document: Document) -> str:
    """The document as a page."""
    return PAGE.format(title=escape(document.title), style=STYLE, body=_main(document, "main"))


def body(document: Document) -> str:
    """The document as a part of a page, such as a notebook's."""
    return f"<style>{STYLE}</style>{_main(document, 'div')}"


def _main(document: Document, element: str) -> str:
    blocks = "\n".join(_block(block) for block in document.blocks)
    title = f"<h1>{escape(document.title)}</h1>"
    return f'<{element} class="walkthrough">\n{title}\n{blocks}\n</{element}>'


def _block(block: Block) -> str:
    match block:
        case Heading():
            level = block.level + 1
            return f"<h{level}>{escape(block.text)}</h{level}>"
        case Paragraph():
            return f"<p>{''.join(_piece(piece) for piece in block.pieces)}</p>"
        case Equations():
            return f'<div class="equation" tabindex="0">{_equations(block)}</div>'
        case Table():
            head = "".join(f'<th scope="col">{_piece(cell)}</th>' for cell in block.header)
            rows = "".join(
                f"<tr>{''.join(f'<td>{_piece(cell)}</td>' for cell in cells)}</tr>"
                for cells in block.rows
            )
            return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    raise TypeError(f"nothing is known of the block {block!r}")


def _equations(block: Equations) -> str:
    if in_one_line(block):
        return mathml(whole(block), display=True)
    rows = "".join(
        f"<mtr><mtd>{written(block.left) if k == 0 else ''}</mtd>"
        f"<mtd>{written(Mark(sign)) if sign else ''}</mtd><mtd>{written(step)}</mtd></mtr>"
        for k, (sign, step) in enumerate(lines_of(block, WIDEST))
    )
    return f'<math display="block"><mtable class="steps" displaystyle="true">{rows}</mtable></math>'


def _piece(piece: Piece) -> str:
    return escape(piece) if isinstance(piece, str) else mathml(piece)
