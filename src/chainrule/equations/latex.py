"""Boxes as LaTeX, for documents with amsmath and for Markdown."""

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
    "−": "-", "·": r"\cdot ", "⊙": r"\odot ", "←": r"\leftarrow ", "→": r"\rightarrow ",
    "≥": r"\ge ", "≤": r"\le ", "≈": r"\approx ", "∂": r"\partial ", "⊤": r"\top ", "∈": r"\in ",
    "×": r"\times ", "∇": r"\nabla ", "…": r"\dots ", "⋮": r"\vdots ", " ": r"\,",
    "ℝ": r"\mathbb{R}",
    "Σ": r"\sum ", "Π": r"\prod ", "%": r"\%", "′": "'", ":": r"\colon ", "~": r"\sim ",
    "ᵀ": r"^{\top}", "ᵢ": "_{i}", "ₖ": "_{k}", "∞": r"\infty ", "½": r"\tfrac{1}{2}",
}  # fmt: skip
LETTERS = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon",
    "η": r"\eta", "θ": r"\theta", "Θ": r"\Theta", "λ": r"\lambda", "μ": r"\mu", "ρ": r"\rho",
    "σ": r"\sigma", "τ": r"\tau", "φ": r"\varphi", "ω": r"\omega", "Δ": r"\Delta", "ℓ": r"\ell",
    "π": r"\pi", "κ": r"\kappa", "∂": r"\partial", "ν": r"\nu",
}  # fmt: skip
SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
FUNCTIONS = {
    "f′": "f'",
    "exp": r"\exp",
    "ln": r"\ln",
    "tanh": r"\tanh",
    "max": r"\max",
    "min": r"\min",
}
ACCENTS = {"^": r"\hat", "-": r"\bar"}
SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "<": r"\textless{}", ">": r"\textgreater{}", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
PAIRS = {"()": ("(", ")"), "[]": ("[", "]"), "||": ("|", "|")}
MOST_COLUMNS = 10  # that a matrix of amsmath has without being told


def escaped(words: str) -> str:
    """Words for LaTeX outside of mathematics."""
    return "".join(_outside(letter) for letter in words)


def _outside(letter: str) -> str:
    mathematics = LETTERS.get(letter) or (MARKS.get(letter) if not letter.isascii() else None)
    if mathematics:
        return rf"\ensuremath{{{mathematics.strip()}}}"
    return SPECIAL.get(letter, letter)


def latex(box: Box) -> str:
    """A box as LaTeX for mathematics."""
    match box:
        case Symbol():
            return _symbol(box)
        case Figure():
            return _figure(box.text)
        case Mark():
            return "".join(MARKS.get(letter, LETTERS.get(letter, letter)) for letter in box.text)
        case Words():
            return rf"\text{{{escaped(box.text)}}}"
        case Row():
            return "".join(_apart(latex(part)) for part in box.parts)
        case Fraction():
            return rf"\frac{{{latex(box.top)}}}{{{latex(box.bottom)}}}"
        case Power(Symbol(above=above) as letter, Mark("⊤")) if above:
            return _symbol(letter, r"\top ")  # one superscript holds both
        case Power():
            base = latex(box.base)
            plain = isinstance(box.base, Figure | Bracketed)
            inner = base if plain else f"{{{base}}}"
            return f"{inner}^{{{latex(box.exponent)}}}"
        case Root():
            return rf"\sqrt{{{latex(box.inner)}}}"
        case Bracketed(Cases() as cases):  # its brace is bracket enough
            return latex(cases)
        case Bracketed():
            left, right = PAIRS[box.pair]
            return rf"\left{left}{latex(box.inner)}\right{right}"
        case Call(function, (Matrix() as matrix,)):
            return f"{_function(function)}{latex(matrix)}"
        case Call():
            inner = ", ".join(latex(argument) for argument in box.arguments)
            return rf"{_function(box.function)}\left({inner}\right)"
        case Total():
            below = f"_{{{box.index}}}" if box.index else ""
            return rf"\sum{below} {latex(box.inner)}"
        case Matrix():
            rows = r" \\ ".join(" & ".join(latex(cell) for cell in cells) for cells in box.rows)
            if len(box.rows[0]) > MOST_COLUMNS:
                columns = "r" * len(box.rows[0])
                return rf"\left(\begin{{array}}{{{columns}}} {rows} \end{{array}}\right)"
            return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
        case Cases():
            rows = r" \\ ".join(
                f"{latex(value)} & "
                + (r"\text{otherwise}" if at is None else rf"\text{{if }} {latex(at)}")
                for value, at in box.rows
            )
            return rf"\begin{{cases}} {rows} \end{{cases}}"
    raise TypeError(f"nothing is known of the box {box!r}")


def _apart(written: str) -> str:
    """With a blank behind a command, so that what follows is no part of its name."""
    return f"{written} " if written.startswith("\\") and written[1:].isalpha() else written


def _figure(text: str) -> str:
    digits, _, power = text.replace("−", "-").partition("e")
    if not power:
        plain = digits.strip("-")
        return rf"\text{{{text}}}" if plain.isalpha() else digits.replace("∞", r"\infty ")
    return rf"{digits} \cdot 10^{{{power}}}"


def _letter(letter: str) -> str:
    found = "".join(LETTERS.get(c, c) for c in letter if c not in SUBSCRIPTS)
    below = "".join(SUBSCRIPTS.get(c, "") for c in letter)
    if letter in FUNCTIONS or letter == "mean":
        found = _function(letter)
    elif len(letter) > 1 and letter.isascii():
        found = rf"\mathit{{{escaped(letter)}}}"
    return f"{found}_{{{below}}}" if below else found


def _symbol(box: Symbol, also_above: str = "") -> str:
    written = _letter(box.letter)
    if box.bold:
        written = (
            rf"\boldsymbol{{{written}}}" if written.startswith("\\") else rf"\mathbf{{{written}}}"
        )
    if box.over:
        written = f"{ACCENTS[box.over]}{{{written}}}"
    above = f"^{{{_script(box.above)}{also_above}}}" if box.above else ""
    below = f"_{{{_script(box.below)}}}" if box.below else ""
    return written + below + above


def _script(written: str) -> str:
    if any(len(word) > 1 for word in _words(written)):
        return rf"\text{{{escaped(written)}}}"
    return "".join(_apart(LETTERS.get(letter, letter)) for letter in written)


def _words(written: str) -> list[str]:
    """The runs of letters in a superscript or subscript."""
    return "".join(c if c.isalpha() or c == "_" else " " for c in written).split()


def _function(name: str) -> str:
    return FUNCTIONS.get(name) or LETTERS.get(name) or rf"\operatorname{{{name}}}"
