"""The gallery of the documentation: a page of every activation and every loss, with pictures.

    python -m chainrule.glass.gallery.pages docs

writes ``docs/gallery.md`` and ``docs/gallery/*.svg`` from the registries. Equations are those of
the entries, curves and limits are computed from them; entries that a user registered appear too.
"""

import dataclasses
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from chainrule.activations import Activation, activations
from chainrule.equations import Equation, Expression
from chainrule.equations.boxes import Box, Fraction, Symbol, box_of, row
from chainrule.equations.latex import latex
from chainrule.glass.figures import figure
from chainrule.glass.gallery.curves import (
    Curve,
    activation_curve,
    cases,
    held,
    limit,
    loss_curve,
    row_curves,
    two_classes,
)
from chainrule.glass.gallery.plots import activation_picture, loss_picture
from chainrule.losses import Form, Loss, losses

HEAD = """# Activations and losses

Every activation and every loss that a network can be made of: its curve, its derivative, what it
accepts, and when to use it. The page is made by `make gallery` from the entries themselves: the
equations are those that the kernels are tested against, the curves and limits are computed from
them.

A layer computes weighted sums z and from them its outputs a = f(z); the loss of an example is ℓ,
its targets are y, and c counts outputs. In the pictures a dot is the value taken at a kink, a ring
one that is only come near to; dashed lines are the ends of a range or of a domain, and a thin line
is the derivative where one pair of axes holds both. Sources named 000, 001 and 002 are the lecture
texts that the project implements."""
QUANTITIES = {"loss": "ℓ", "da": "a", "delta": "z"}  # what is computed, or differentiated by


def write(folder: str | Path) -> list[Path]:
    """Write the page and its pictures.

    Args:
        folder: where ``gallery.md`` and the folder ``gallery`` of the pictures go.

    Returns:
        The files written.

    Raises:
        MissingExtraError: if Matplotlib is not installed.
    """
    folder = Path(folder)
    contents = {"gallery.md": page()} | {f"gallery/{n}": svg for n, svg in pictures().items()}
    (folder / "gallery").mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in contents]


def pictures() -> dict[str, str]:
    """The pictures as SVG, by the names of their files."""
    return {picture_of(entry): activation_picture(entry) for entry in activations} | {
        picture_of(loss): loss_picture(loss) for loss in losses
    }


def picture_of(entry: Activation | Loss) -> str:
    """The name of an entry's picture."""
    return f"{'loss' if isinstance(entry, Loss) else 'activation'}-{entry.name}.svg"


def page() -> str:
    """The page as Markdown, with LaTeX between dollar signs."""
    parts = [
        HEAD,
        "## Activations",
        _table(
            ["", "range", "f(−∞)", "f(∞)", "no derivative at", "natural with"],
            [_activation_row(entry) for entry in activations],
        ),
        *(_activation(entry) for entry in activations),
        "## Losses",
        "The derivative by the prediction a is that of one example; over a batch it is divided by "
        "the number of examples once, where gradients are added up. With its natural activation a "
        "loss is computed from z directly, which stays exact where the output saturates.",
        _table(
            ["", "predictions", "targets", "natural with"], [_loss_row(loss) for loss in losses]
        ),
        *(_loss(loss) for loss in losses),
    ]
    return "\n\n".join(parts) + "\n"


# ------------------------------------------------------------------ activations


def _activation_row(entry: Activation) -> list[str]:
    low, high = entry.limits
    kinks = ", ".join(number(place) for place in sorted(entry.kinks))
    partners = ", ".join(_link(loss) for loss in _natural_losses(entry))
    return [_link(entry), interval(entry.range, entry.open), number(low), number(high), kinks,
            partners]  # fmt: skip


def _activation(entry: Activation) -> str:
    parts = [_heading(entry), _image(entry, "and its derivative"), entry.use]
    if entry.rowwise:
        names = _rows_names()
        by = [Fraction(row("∂", "ℓ"), row("∂", names(quantity))) for quantity in "za"]
        parts += [
            _equations((names("a"), names.tree(entry.equation)),
                       (by[0], names.tree(entry.derivative_equation))),
            "It takes the z of a row together, so its derivative is a Jacobian: the equation gives "
            "its product with the derivative of the loss. The picture shows three outputs while "
            "z₁ moves, and their derivatives by z₁.",
        ]  # fmt: skip
        curves = row_curves(entry)
        rows = [[curve.label, *map(number, (limit(curve.value, e) for e in ENDS))]
                for curve in curves]  # fmt: skip
        parts.append(_table(["z₁", "−∞", "∞"], rows))
    else:
        plain = _Names({})
        parts += [
            _equations(
                (row("f", "(", Symbol("z"), ")"), plain.tree(entry.equation)),
                (row("f′", "(", Symbol("z"), ")"), plain.tree(entry.derivative_equation)),
            ),
            _values(activation_curve(entry)),
        ]
    return "\n\n".join([*(part for part in parts if part), _list(_activation_facts(entry))])


ENDS = (-math.inf, math.inf)


def _values(curve: Curve) -> str:
    """The function and its derivative at both ends, at 0 and at the kinks."""
    taken = {kink.place: kink.slope for kink in curve.kinks}
    places = [-math.inf, *sorted({0.0, *taken}), math.inf]
    slopes = [
        (f"{number(taken[at])} taken" if not math.isnan(taken[at]) else "none")
        if at in taken else number(limit(curve.slope, at))
        for at in places
    ]  # fmt: skip
    values = [number(limit(curve.value, at)) for at in places]
    return _table(["z", *map(number, places)], [["f(z)", *values], ["f′(z)", *slopes]])


def _activation_facts(entry: Activation) -> list[str]:
    facts = [f"Range: {interval(entry.range, entry.open)}"]
    if entry.k is not None:
        facts.append(f"Parameter: k = {number(entry.k)}, as in `{entry.name}({entry.k!r})`")
    if not entry.trainable:
        facts.append("Only for prediction: training refuses it")
    natural = [_link(loss) for loss in _natural_losses(entry)]
    if natural:
        facts.append(f"As the output: natural with {', '.join(natural)}")
    refusing = [_link(loss) for loss in losses if not loss.accepts(entry)]
    if refusing and entry.trainable:
        facts.append(f"As the output: refused by {', '.join(refusing)}")
    facts.append(f"Weights in front of it: `{entry.initializer}` unless told otherwise")
    return facts + _sources(entry)


def _natural_losses(entry: Activation) -> list[Loss]:
    return [loss for loss in losses if entry.name in loss.natural]


# ------------------------------------------------------------------ losses


def _loss_row(loss: Loss) -> list[str]:
    partners = ", ".join(_link(activations[name]) for name in loss.natural)
    return [_link(loss), interval(loss.domain, loss.open), _targets(loss), partners]


def _loss(loss: Loss) -> str:
    parts = [_heading(loss), _image(loss, "over the prediction, and its derivative"), loss.use]
    for kind, form in loss.forms.items():
        if len(loss.forms) > 1:
            parts.append(f"For {KINDS.get(kind, kind)}:")
        parts.append(_form(form))
    for partner, forms in loss.natural.items():
        for kind, form in forms.items():
            of = f", for {KINDS.get(kind, kind)}" if len(forms) > 1 else ""
            parts.append(f"With {_link(activations[partner])} outputs{of}:")
            parts.append(_form(form))
    parts.append(_ends(loss))
    return "\n\n".join([*(part for part in parts if part), _list(_loss_facts(loss))])


KINDS = {"values": "targets that are numbers, one for each output",
         "labels": "targets that are the numbers of classes"}  # fmt: skip


def _form(form: Form) -> str:
    """The loss and its derivative; the natural forms are functions of z."""
    value, gradient = (cast(Equation, k.equations[0]) for k in (form.value, form.gradient))
    plain = _Names({})
    by = Symbol(QUANTITIES[gradient.target])
    return _equations(
        (Symbol("ℓ"), plain.tree(value.value)),
        (Fraction(row("∂", Symbol("ℓ")), row("∂", by)), plain.tree(gradient.value)),
    )


def _ends(loss: Loss) -> str:
    """The loss and its derivative at both ends of its domain."""
    low, high = loss.domain
    shown = cases(loss)
    rows = []
    for case in shown:
        curve = loss_curve(case)
        values = [limit(what, end) for end in (low, high) for what in (curve.value, curve.slope)]
        rows.append([case.label, *map(number, values)])
    header = [f"{what}, a → {number(end)}" for end in (low, high) for what in ("ℓ", "∂ℓ/∂a")]
    table = _table([held(shown), *header], rows)
    if two_classes(loss):
        table = (
            "The picture and the limits are those of two outputs, a and 1 − a, with the targets y "
            f"and 1 − y; the derivative is that by the first output alone.\n\n{table}"
        )
    elif loss.outputs_per_target > 1:
        table = (
            "In the picture and the limits the first output of a target moves while the others "
            f"stand still.\n\n{table}"
        )
    return table


def _loss_facts(loss: Loss) -> list[str]:
    facts = [f"Predictions: {interval(loss.domain, loss.open)}"]
    if loss.advice:
        facts[0] += f"; otherwise {loss.advice}"
    facts.append(f"Targets: {_targets(loss)}")
    facts += _kinks(loss)
    if loss.k:
        which = f"k = {', '.join(map(number, loss.k))}"
        written = f"`{loss.name}({', '.join(map(repr, loss.k))})`"
        allowed = interval(loss.k_range, (True, True))
        several = "; or several at once" if loss.several else ""
        facts.append(f"Parameter: {which}, as in {written}, from {allowed}{several}")
    if loss.outputs_per_target > 1:
        facts.append(f"Outputs: {loss.outputs_per_target} for each column of targets")
    if loss.predicts not in ("targets", "values"):
        facts.append(f"What the outputs are: {loss.predicts}")
    if loss.smoothing:
        facts.append("Label smoothing may be used")
    facts.append(f"Of a batch: the {'mean' if loss.mean else 'sum'} over its examples")
    return facts + _sources(loss)


def _kinks(loss: Loss) -> list[str]:
    """Where the losses that are drawn have no derivative, and what is taken for it."""
    shown = cases(loss)
    common = held(shown)
    found: dict[str, None] = {}  # each once, in order
    for case in shown:
        for kink in loss_curve(case).kinks:
            at, taken = number(kink.place), number(kink.slope)
            found[f"a = {at} for {common or case.label} ({taken} is taken)"] = None
    return [f"No derivative at {', '.join(found)}"] if found else []


def _targets(loss: Loss) -> str:
    texts = []
    if "values" in loss.forms:
        text = interval(loss.targets, (loss.positive, False))
        texts.append(f"{text}, a row summing to 1" if loss.distribution else text)
    if "labels" in loss.forms:
        texts.append("numbers of classes")
    return "; or ".join(texts)


# ------------------------------------------------------------------ parts of the page


class _Names:
    """The letters of equations: those of the trees, but for some."""

    def __init__(self, boxes: dict[str, Box]) -> None:
        self._boxes = boxes

    def __call__(self, name: str) -> Box:
        return self._boxes.get(name, Symbol(name))

    def tree(self, tree: Expression) -> Box:
        return _counted(box_of(tree, self, figure))


def _counted(box: Box) -> Box:
    """With c for the index of outputs, since k is an entry's parameter."""
    found = {
        field.name: _with_index(getattr(box, field.name), field.name)
        for field in dataclasses.fields(box)
    }
    return dataclasses.replace(box, **found)


def _with_index(part: Any, field: str) -> Any:
    if isinstance(part, Box):
        return _counted(part)
    if isinstance(part, tuple):
        return tuple(_with_index(each, "") for each in part)
    return "c" if part == "k" and field in ("index", "below") else part


def _rows_names() -> _Names:
    """Bold letters, for rows."""
    letters: dict[str, Box] = {name: Symbol(name, bold=True) for name in "az"}
    letters["da"] = Fraction(row("∂", Symbol("ℓ")), row("∂", letters["a"]))
    return _Names(letters)


def number(value: float) -> str:
    """A number of the page, without what rounding left; a dash where there is none."""
    return "—" if math.isnan(value) else figure(value).text


def interval(ends: tuple[float, float], open_: tuple[bool, bool]) -> str:
    """An interval, with round brackets where its end is no part of it.

    >>> interval((0, math.inf), (False, False)), interval((-1, 1), (True, True))
    ('[0, ∞)', '(−1, 1)')
    """
    (low, high), (first, last) = ends, open_
    left = "(" if first or math.isinf(low) else "["
    right = ")" if last or math.isinf(high) else "]"
    return f"{left}{number(low)}, {number(high)}{right}"


def _heading(entry: Activation | Loss) -> str:
    return f"### {entry.name}"


def _link(entry: Activation | Loss) -> str:
    return f"[{entry.name}](#{entry.name})"


def _image(entry: Activation | Loss, what: str) -> str:
    return f"![{entry.name} {what}](gallery/{picture_of(entry)})"


def _equations(*lines: tuple[Box, Box]) -> str:
    written = " \\\\\n".join(f"{latex(left)} &= {latex(right)}" for left, right in lines)
    return f"$$\n\\begin{{aligned}}\n{written}\n\\end{{aligned}}\n$$"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _list(facts: Sequence[str]) -> str:
    return "\n".join(f"- {fact}." for fact in facts)


def _sources(entry: Activation | Loss) -> list[str]:
    facts = []
    if entry.aliases:
        facts.append(f"Also called {', '.join(f'`{alias}`' for alias in entry.aliases)}")
    if entry.source:
        facts.append(f"Source: {entry.source.translate(SPECIAL)}")
    return facts


SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>#$|"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the gallery into the folder that the command line names."""
    folders = sys.argv[1:] if arguments is None else arguments
    if len(folders) != 1:
        raise SystemExit("the gallery needs one folder to be written into, such as docs")
    write(folders[0])


if __name__ == "__main__":
    main()
