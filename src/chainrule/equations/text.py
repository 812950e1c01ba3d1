"""Boxes as text in two dimensions, for terminals: matrices over several lines."""

from dataclasses import dataclass

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

SUPERSCRIPTS = str.maketrans("0123456789()+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻⁻")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
TALL = {
    "(": ("⎛", "⎜", "⎝"), ")": ("⎞", "⎟", "⎠"), "[": ("⎡", "⎢", "⎣"), "]": ("⎤", "⎥", "⎦"),
    "|": ("│", "│", "│"),
}  # fmt: skip
SPACED = "+−=←⊙→<>≥≤≈∈"


@dataclass(frozen=True)
class Block:
    """Lines of one width, and the one that stands on the line of the writing."""

    lines: tuple[str, ...]
    base: int = 0

    @property
    def width(self) -> int:
        return len(self.lines[0])


def text(box: Box) -> str:
    """A box as lines of text, without blanks at their ends."""
    return "\n".join(line.rstrip() for line in _block(box).lines)


def beside(*blocks: Block) -> Block:
    """Blocks side by side, on one line of writing."""
    above = max(block.base for block in blocks)
    below = max(len(block.lines) - block.base for block in blocks)
    lines = [""] * (above + below)
    for block in blocks:
        first = above - block.base
        for k in range(len(lines)):
            inside = 0 <= k - first < len(block.lines)
            lines[k] += block.lines[k - first] if inside else " " * block.width
    return Block(tuple(lines), above)


def _line(written: str) -> Block:
    return Block((written,))


def _block(box: Box) -> Block:
    match box:
        case Symbol():
            return _line(_symbol(box))
        case Figure():
            digits, _, power = box.text.partition("e")
            return _line(f"{digits}·10{power.translate(SUPERSCRIPTS)}" if power else digits)
        case Mark(" "):
            return _line(" ")
        case Mark():
            return _line(f" {box.text} " if box.text in SPACED else box.text)
        case Words():
            return _line(box.text)
        case Row():
            return beside(*_row(box)) if box.parts else _line("")
        case Fraction() if _derivative(box):
            return beside(_block(box.top), _line("/"), _block(box.bottom))
        case Fraction():
            return beside(_in_brackets(box.top), _line(" / "), _in_brackets(box.bottom))
        case Power():
            return _power(box)
        case Root():
            return beside(_line("√"), _bracketed(_block(box.inner), "()"))
        case Bracketed(Cases() as cases):
            return _bracketed(_in_line(cases), box.pair)
        case Bracketed():
            return _bracketed(_block(box.inner), box.pair)
        case Call(function, (Matrix() as matrix,)):
            return beside(_line(function), _block(matrix))
        case Call():
            parts: list[Block] = []
            for argument in box.arguments:
                parts += [_line(", "), _block(argument)] if parts else [_block(argument)]
            return beside(_line(box.function), _bracketed(beside(*parts), "()"))
        case Total():
            sign = f"Σ{'_' if box.index else ''}{box.index} "
            return beside(_line(sign), _block(box.inner))
        case Matrix():
            return _bracketed(_grid([[_block(cell) for cell in cells] for cells in box.rows]), "()")
        case Cases():
            rows = [
                [
                    _block(value),
                    _line("otherwise" if at is None else "if "),
                    *([] if at is None else [_block(at)]),
                ]
                for value, at in box.rows
            ]
            return beside(_brace(len(rows)), _stack([_cases_row(row) for row in rows]))
    raise TypeError(f"nothing is known of the box {box!r}")


def _row(box: Row) -> list[Block]:
    """The parts; a sign before which nothing stands takes no room."""
    blocks = []
    for k, part in enumerate(box.parts):
        before = box.parts[k - 1] if k else Mark("=")
        if isinstance(part, Mark) and part.text in "+−" and _is_sign(before):
            blocks.append(_line(part.text))
        elif isinstance(part, Fraction) and not _derivative(part) and len(box.parts) > 1:
            after = box.parts[k + 1 : k + 2]
            several = after == (Mark(" "),) or before == Mark(" ")
            blocks.append(_bracketed(_block(part), "()") if several else _block(part))
        else:
            blocks.append(_block(part))
    return blocks


def _is_sign(box: Box) -> bool:
    return isinstance(box, Mark) and box.text != " " and box.text in SPACED


def _symbol(box: Symbol) -> str:
    accents = {"^": "\u0302", "-": "\u0304", "": ""}
    letter = box.letter + accents[box.over]
    above = below = ""
    if box.above:
        raised = box.above.translate(SUPERSCRIPTS)
        above = raised if all(c in "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻" for c in raised) else f"^{box.above}"
    if box.below:
        digits, parts = box.below.replace(",", ""), box.below.split(",")
        plain = digits.isdigit() and (len(parts) == 1 or all(len(part) == 1 for part in parts))
        below = digits.translate(SUBSCRIPTS) if plain else f"_{_grouped(box.below)}"
    return letter + above + below


def _grouped(written: str) -> str:
    return written if written.isalnum() else f"({written})"


def _derivative(box: Fraction) -> bool:
    """Whether it is ∂ of something over ∂ of something."""
    parts = (box.top, box.bottom)
    return all(isinstance(p, Row) and p.parts[:1] == (Mark("∂"),) for p in parts)


def _in_brackets(box: Box) -> Block:
    """The top or bottom of a fraction on one line: in brackets if it is more than one thing."""
    several = isinstance(box, Row | Fraction | Total) and not (
        isinstance(box, Row) and len(box.parts) == 1
    )
    return _bracketed(_block(box), "()") if several else _block(box)


def _power(box: Power) -> Block:
    base = _block(box.base)
    if isinstance(box.exponent, Mark):
        mark = "ᵀ"
    elif isinstance(box.exponent, Figure) and box.exponent.text.isdigit():
        mark = box.exponent.text.translate(SUPERSCRIPTS)
    else:
        exponent = text(box.exponent)
        mark = f"^{exponent}" if len(exponent) == 1 else f"^({exponent})"
    if len(base.lines) == 1:
        return beside(base, _line(mark))
    return beside(base, Block((mark, *[" " * len(mark)] * (len(base.lines) - 1)), base.base))


def _bracketed(inner: Block, pair: str) -> Block:
    height = len(inner.lines)
    if height == 1:
        return beside(_line(pair[0]), inner, _line(pair[1]))
    sides = []
    for bracket in pair:
        top, middle, bottom = TALL[bracket]
        sides.append(Block((top, *[middle] * (height - 2), bottom), inner.base))
    return beside(sides[0], inner, sides[1])


def _in_line(box: Cases) -> Block:
    """Cases that are part of something larger: ``1 if z > 0 else 0``."""
    parts: list[Block] = []
    for value, at in box.rows:
        parts += [_line(" else ")] if parts else []
        parts += [_block(value)] if at is None else [_block(value), _line(" if "), _block(at)]
    return beside(*parts)


def _brace(rows: int) -> Block:
    if rows == 1:
        return _line("{ ")
    middle = ["⎪ "] * (rows - 2)
    if rows == 2:
        return Block(("⎰ ", "⎱ "), 0)
    middle[(rows - 2) // 2] = "⎨ "
    return Block(("⎧ ", *middle, "⎩ "), (rows - 1) // 2)


def _cases_row(blocks: list[Block]) -> Block:
    value, *rest = blocks
    return beside(value, _line("  "), *rest)


def _stack(blocks: list[Block]) -> Block:
    width = max(block.width for block in blocks)
    lines = tuple(line.ljust(width) for block in blocks for line in block.lines)
    return Block(lines, (len(lines) - 1) // 2)


def _grid(cells: list[list[Block]]) -> Block:
    widths = [max(row[k].width for row in cells) for k in range(len(cells[0]))]
    rows = [
        beside(*(
            Block(tuple(line.rjust(width) + (" " * 2 if k < len(widths) - 1 else "")
                        for line in cell.lines), cell.base)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ))
        for row in cells
    ]  # fmt: skip
    return _stack(rows)
