"""Boxes as presentation MathML, which browsers show without scripts or fonts from elsewhere."""

from html import escape

from chainrule.equations.boxes import (
    Box,
    Bracketed,
    Call,
    Cases,
    Figure,
    Fraction,
    Mark,
    Matrix,
    Power,
    Root,
    Row,
    Symbol,
    Total,
    Words,
)

ACCENTS = {"^": "^", "-": "¯"}
FUNCTION = "\u2061"  # invisible: a function and what it is applied to


def mathml(box: Box, display: bool = False) -> str:
    """A box as a ``math`` element.

    Args:
        box: the box.
        display: whether it has a line of its own.
    """
    shown = ' display="block"' if display else ""
    return f"<math{shown}>{written(box)}</math>"


def written(box: Box) -> str:
    """A box as elements inside of ``math``."""
    match box:
        case Symbol():
            return _symbol(box)
        case Figure():
            return _figure(box.text)
        case Mark(" "):
            return '<mspace width="0.2em"></mspace>'
        case Mark():
            return f"<mo>{escape(box.text)}</mo>"
        case Words():
            kept = escape(box.text).replace(" ", "&#160;")  # else those at the ends are lost
            return f"<mtext>{kept}</mtext>"
        case Row():
            return f"<mrow>{''.join(written(part) for part in box.parts)}</mrow>"
        case Fraction():
            return f"<mfrac>{written(box.top)}{written(box.bottom)}</mfrac>"
        case Power():
            return f"<msup>{written(box.base)}{written(box.exponent)}</msup>"
        case Root():
            return f"<msqrt>{written(box.inner)}</msqrt>"
        case Bracketed(Cases() as cases):
            return _bracketed(_in_line(cases), box.pair)
        case Bracketed():
            return _bracketed(written(box.inner), box.pair)
        case Call(function, (Matrix() as matrix,)):
            name = f"<mi>{function}</mi><mo>{FUNCTION}</mo>"
            return f"<mrow>{name}{written(matrix)}</mrow>"
        case Call():
            inner = "<mo>,</mo>".join(written(argument) for argument in box.arguments)
            return f"<mrow><mi>{box.function}</mi><mo>{FUNCTION}</mo>{_bracketed(inner)}</mrow>"
        case Total():
            sign = "<mo>∑</mo>"
            if box.index:
                sign = f"<munder>{sign}<mi>{escape(box.index)}</mi></munder>"
            return f"<mrow>{sign}{written(box.inner)}</mrow>"
        case Matrix():
            return _matrix(_table(tuple(tuple(written(c) for c in r) for r in box.rows)))
        case Cases():
            rows = tuple(
                (written(value), "<mtext>otherwise</mtext>" if at is None
                 else f"<mrow><mtext>if&#160;</mtext>{written(at)}</mrow>")
                for value, at in box.rows
            )  # fmt: skip
            return f"<mrow><mo>{{</mo>{_table(rows)}</mrow>"
    raise TypeError(f"nothing is known of the box {box!r}")


def _bracketed(inner: str, pair: str = "()") -> str:
    return f"<mrow><mo>{pair[0]}</mo>{inner}<mo>{pair[1]}</mo></mrow>"


def _in_line(box: Cases) -> str:
    """Cases that are part of something larger: 1 if z > 0 else 0."""
    parts = []
    for value, at in box.rows:
        condition = "" if at is None else f"<mtext>&#160;if&#160;</mtext>{written(at)}"
        parts.append(f"{written(value)}{condition}")
    return "<mtext>&#160;else&#160;</mtext>".join(parts)


def _matrix(inner: str) -> str:
    """Brackets that a style may draw: they only grow with what they hold in fonts made for it."""
    left, right = (f'<mo class="fence">{side}</mo>' for side in "()")
    return f'<mrow class="fenced">{left}{inner}{right}</mrow>'


def _table(rows: tuple[tuple[str, ...], ...]) -> str:
    body = "".join(
        f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in cells)}</mtr>" for cells in rows
    )
    return f"<mtable>{body}</mtable>"


def _figure(text: str) -> str:
    digits, _, power = text.partition("e")
    number = _signed(digits)
    if not power:
        return number
    ten = f"<msup><mn>10</mn>{_signed(power)}</msup>"
    return f"<mrow>{number}<mo>·</mo>{ten}</mrow>"


def _signed(digits: str) -> str:
    if digits[0] in "−-":
        return f"<mrow><mo>−</mo><mn>{digits[1:]}</mn></mrow>"
    return f"<mn>{digits}</mn>"


def _symbol(box: Symbol) -> str:
    # Bold letters of mathematics are letters of their own: MathML Core has no other way.
    letter = f"<mi>{escape(_bold(box.letter) if box.bold else box.letter)}</mi>"
    if box.over:
        letter = f'<mover accent="true">{letter}<mo>{ACCENTS[box.over]}</mo></mover>'
    above, below = (f"<mtext>{escape(s)}</mtext>" for s in (box.above, box.below))
    if box.above and box.below:
        return f"<msubsup>{letter}{below}{above}</msubsup>"
    if box.above:
        return f"<msup>{letter}{above}</msup>"
    return f"<msub>{letter}{below}</msub>" if box.below else letter


BOLD = {
    **{chr(ord("A") + k): chr(0x1D468 + k) for k in range(26)},
    **{chr(ord("a") + k): chr(0x1D482 + k) for k in range(26)},
    "δ": "\U0001d739", "Θ": "\U0001d6af", "θ": "\U0001d73d",
}  # fmt: skip


def _bold(letter: str) -> str:
    return "".join(BOLD.get(c, c) for c in letter)
