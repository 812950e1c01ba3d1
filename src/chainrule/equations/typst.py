"""Boxes as Typst's mathematics, of which PDF files are made."""

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

MARKS = {
    "−": "-", "·": "dot.op", "⊙": "dot.o", "←": "arrow.l", "→": "arrow.r", "≥": ">=",
    "≤": "<=", "≈": "approx", "∂": "partial", "⊤": "top", "∈": "in", "×": "times", "∇": "nabla",
    "…": "dots.h", "⋮": "dots.v", " ": "thin", "ℝ": "RR", "′": "'", "Σ": "sum",
}  # fmt: skip
ACCENTS = {"^": "hat", "-": "macron"}
FUNCTIONS = {"exp", "ln", "tanh", "max", "min"}


def quoted(words: str) -> str:
    """Words as a string of Typst."""
    inner = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


def typst(box: Box) -> str:
    """A box as Typst's mathematics, without the dollar signs."""
    match box:
        case Symbol():
            return _symbol(box)
        case Figure():
            return _figure(box.text)
        case Mark():
            return MARKS.get(box.text) or quoted(box.text)
        case Words():
            return quoted(box.text)
        case Row():
            return " ".join(typst(part) for part in box.parts)
        case Fraction():
            return f"frac({typst(box.top)}, {typst(box.bottom)})"
        case Power():
            return f"attach({typst(box.base)}, t: {typst(box.exponent)})"
        case Root():
            return f"sqrt({typst(box.inner)})"
        case Bracketed(Cases() as cases):  # its brace is bracket enough
            return typst(cases)
        case Bracketed():
            left, right = (f"\\{side}" if side in "()[]" else side for side in box.pair)
            return f"lr({left} {typst(box.inner)} {right})"
        case Call(function, (Matrix() as matrix,)):
            name = function if function in FUNCTIONS else quoted(function)
            return f"{name} {typst(matrix)}"
        case Call():
            inner = ' "," '.join(typst(argument) for argument in box.arguments)
            name = box.function if box.function in FUNCTIONS else quoted(box.function)
            return f"{name} lr(\\( {inner} \\))"
        case Total():
            below = f"_({quoted(box.index)})" if box.index else ""
            return f"sum{below} {typst(box.inner)}"
        case Matrix():
            rows = "; ".join(", ".join(typst(cell) for cell in cells) for cells in box.rows)
            return f'mat(delim: "(", {rows})'
        case Cases():
            rows = ", ".join(
                f"{typst(value)} & {quoted('otherwise')}" if at is None
                else f"{typst(value)} & {quoted('if ')} {typst(at)}"
                for value, at in box.rows
            )  # fmt: skip
            return f"cases({rows})"
    raise TypeError(f"nothing is known of the box {box!r}")


def _figure(text: str) -> str:
    digits, _, power = text.replace("−", "-").partition("e")
    if not power:  # as text where there is a sign, which is no operation
        return digits if digits.replace(".", "").isdigit() else quoted(text)
    return f"{digits} dot.op 10^({power})"


def _symbol(box: Symbol) -> str:
    written = quoted(box.letter) if len(box.letter) > 1 else box.letter
    written = f"bold({written})" if box.bold else written
    if box.over:
        written = f"accent({written}, {ACCENTS[box.over]})"
    scripts = [f"{place}: {quoted(s)}" for place, s in (("t", box.above), ("b", box.below)) if s]
    return f"attach({written}, {', '.join(scripts)})" if scripts else written
