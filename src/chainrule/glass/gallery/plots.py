"""The pictures of the gallery: a function and its derivative as a small SVG.

Backgrounds are left out and every colour is a middle one, so that a picture can be read on a light
page and on a dark one. The same entry gives the same bytes; places do not depend on a font.
"""

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.activations import Activation
from chainrule.extras import extra
from chainrule.glass.gallery.curves import (
    Curve,
    activation_curve,
    cases,
    held,
    loss_curve,
    row_curves,
)
from chainrule.losses import Loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#777c85"
COLOURS = ("#2b7fd4", "#cf5f10", "#248a50")
ONE, TWO = (4.4, 2.9), (6.4, 2.7)  # inches: one pair of axes, and two beside each other
MOST = 6.0  # of a loss that is drawn; towards the ends of a domain many are infinite
ROOM = 0.06  # of the height, above and below

_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


def activation_picture(entry: Activation) -> str:
    """An activation and its derivative over z, with its range dashed and its kinks marked."""
    return _row_picture(entry) if entry.rowwise else _element_picture(entry)


def _element_picture(entry: Activation) -> str:
    curve = activation_curve(entry)
    with _drawing(entry.name, ONE) as (figure, buffer):
        place = _axes(figure, (0.1, 0.14, 0.87, 0.72), "z")
        most = max(curve.high, -curve.low)
        _range(place, entry, most)
        _line(place, curve, "value", 0, 3.0)
        _line(place, curve, "slope", 1, 1.2)  # seen upon the function where the two are the same
        _frame(place, [curve], ("value", "slope"), most)
        _legend(figure, 0.1, ["f(z)", "f′(z)"])
        _save(figure, buffer)
    return _svg(buffer)


def _row_picture(entry: Activation) -> str:
    curves = row_curves(entry)
    with _drawing(entry.name, TWO) as (figure, buffer):
        outputs, slopes = _pair(figure, "z₁")
        _range(outputs, entry, MOST)
        for k, curve in enumerate(curves):
            _line(outputs, curve, "value", k)
            _line(slopes, curve, "slope", k)
        _frame(outputs, curves, ("value",), MOST)
        _frame(slopes, curves, ("slope",), MOST)
        _legend(figure, 0.07, [curve.label for curve in curves])
        _legend(figure, 0.57, [f"∂{curve.label}/∂z₁" for curve in curves])
        _save(figure, buffer)
    return _svg(buffer)


def loss_picture(loss: Loss) -> str:
    """A loss over its prediction for some targets, and its derivative; its domain's ends dashed."""
    shown = cases(loss)
    curves, common = [loss_curve(case) for case in shown], held(shown)
    with _drawing(loss.name, TWO) as (figure, buffer):
        losses, slopes = _pair(figure, "a")
        for place, what in ((losses, "value"), (slopes, "slope")):
            for k, curve in enumerate(curves):
                _line(place, curve, what, k)
            for end in filter(math.isfinite, loss.domain):
                _dashed(place.axvline, end, what)
            _frame(place, curves, (what,), MOST)
        _legend(
            figure, 0.07, [curve.label for curve in curves], f"ℓ at {common}" if common else "ℓ for"
        )
        _legend(figure, 0.57, [], "∂ℓ/∂a, the same")
        _save(figure, buffer)
    return _svg(buffer)


# ------------------------------------------------------------------ parts


def _pair(figure: "Figure", across: str) -> tuple["Axes", "Axes"]:
    return tuple(_axes(figure, (x, 0.15, 0.41, 0.7), across) for x in (0.07, 0.57))  # type: ignore[return-value]


def _axes(figure: "Figure", place: tuple[float, float, float, float], across: str) -> "Axes":
    axes = figure.add_axes(place)
    axes.set_xlabel(across, loc="right", labelpad=-2)
    for draw in (axes.axhline, axes.axvline):
        draw(0, color=INK, linewidth=0.5, alpha=0.7, zorder=0)
    return axes


def _dashed(draw: Any, place: float, of: str) -> None:
    draw(place, color=INK, linewidth=0.9, dashes=(4, 3), gid=f"end-{of}-at{place:.6g}", zorder=1)


def _range(axes: "Axes", entry: Activation, most: float) -> None:
    for end in entry.range:
        if abs(end) <= most:
            _dashed(axes.axhline, end, "value")


def _line(axes: "Axes", curve: Curve, what: str, number: int, width: float = 1.7) -> None:
    """A curve, broken at its kinks; there a dot where it is and a ring where it only comes near."""
    colour, gid = COLOURS[number % len(COLOURS)], f"{what}-{number}"
    pieces = curve.pieces()
    ys = [(curve.value if what == "value" else curve.slope)(x) for x in pieces]
    gap = np.array([math.nan])
    x, y = (np.concatenate([part for p in parts for part in (p, gap)]) for parts in (pieces, ys))
    axes.plot(x, y, color=colour, gid=gid, linewidth=width)
    for kink, left, right in zip(curve.kinks, ys, ys[1:], strict=False):
        dot = kink.value if what == "value" else kink.slope
        sides = {round(float(side), 6) for side in (left[-1], right[0])}
        rings = [side for side in sides if len(sides) > 1 and not math.isclose(side, dot)]
        dots = [] if math.isnan(dot) else [dot]
        for name, heights, face in (("ring", rings, "none"), ("dot", dots, colour)):
            if heights:
                axes.plot([kink.place] * len(heights), heights, "o", color=colour,
                          gid=f"{name}-{gid}-at{kink.place:g}", markersize=5, markerfacecolor=face,
                          markeredgewidth=1.2)  # fmt: skip


def _frame(axes: "Axes", curves: Sequence[Curve], shown: Sequence[str], most: float) -> None:
    """What of the plane is seen: all of the curves up to so far from 0."""
    drawn = ((getattr(curve, what), curve) for curve in curves for what in shown)
    ys = np.concatenate([function(x) for function, curve in drawn for x in curve.pieces()])
    ys = np.clip(ys[np.isfinite(ys)], -most, most)
    low, high = min(float(ys.min()), 0.0), max(float(ys.max()), 0.0)
    room = ROOM * ((high - low) or 1.0)
    axes.set_ylim(low - room, high + room)
    first, last = min(curve.low for curve in curves), max(curve.high for curve in curves)
    axes.set_xlim(round(first, 1) - 0.02 * (last - first), round(last, 1) + 0.02 * (last - first))


def _legend(figure: "Figure", left: float, labels: Sequence[str], before: str = "") -> None:
    """What the colours mean, in a line above the axes."""
    width = figure.get_figwidth()
    for text, colour in ((before, INK), *zip(labels, COLOURS, strict=False)):
        if text:
            figure.text(left, 0.9, text, color=colour)
            left += (0.066 * len(text) + 0.15) / width


def _save(figure: "Figure", buffer: io.StringIO) -> None:
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})


def _svg(buffer: io.StringIO) -> str:
    lines = _METADATA.sub("", buffer.getvalue()).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


@contextmanager
def _drawing(salt: str, size: tuple[float, float]) -> Iterator[tuple["Figure", io.StringIO]]:
    """An empty figure under Matplotlib's own settings, whatever the user's are, with ours."""
    matplotlib = extra("matplotlib", "cli")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({
            "svg.fonttype": "none", "svg.hashsalt": salt, "font.family": "sans-serif",
            "font.size": 9, "axes.linewidth": 0.8, "axes.spines.top": False,
            "axes.spines.right": False, "axes.edgecolor": INK, "axes.labelcolor": INK,
            "text.color": INK, "xtick.color": INK, "ytick.color": INK,
            "lines.solid_capstyle": "round", "path.simplify_threshold": 0.2,
        })  # fmt: skip
        from matplotlib.figure import Figure

        yield Figure(figsize=size), io.StringIO()
