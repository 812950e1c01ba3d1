"""Pictures: Matplotlib's SVG, made to stand within a page, in its colours and its font.

Names of users never go into a picture, but into the sentences beside it: those the template
escapes, and Matplotlib would read ``$`` in them as mathematics.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What is drawn in these colours takes the page's, light or dark, by a variable of its style.
COLOURS = {
    "ink": "#0a0b01", "muted": "#0a0b02", "line": "#0a0b03", "blue": "#0a0b04",
    "orange": "#0a0b05",
}  # fmt: skip
WIDTH, HEIGHT = 4.7, 3.1  # inches; in a column of a telephone a point of it is a pixel

_OUTER = re.compile(r".*?(?=<svg )", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r"\s*<style[ >].*?</style>", re.DOTALL)
_SIZE = re.compile(r'<svg [^>]*viewBox="([^"]*)"[^>]*>')
_IDS = re.compile(r'((?<=\sid=")|(?<=href="#)|(?<=url\(#))')


@dataclass(frozen=True)
class Picture:
    """A picture with its words.

    Attributes:
        name: that no other picture of the page has.
        title: what it shows.
        svg: the drawing, without anything of users.
        how: how to read it, in a sentence or two.
    """

    name: str
    title: str
    svg: str
    how: str


def picture(
    name: str, title: str, how: str, paint: Callable[["Figure"], None], height: float = HEIGHT
) -> Picture:
    """Draw a picture.

    Args:
        name: of letters, digits and hyphens, for the ids of its parts.
        title: what it shows.
        how: to read it.
        paint: draws on a figure.
        height: in inches.
    """
    with _settings(name):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04)  # type: ignore[call-arg,union-attr]
        paint(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return Picture(name, title, embedded(buffer.getvalue(), name), how)


def axes(figure: "Figure", across: str, up: str) -> "Axes":
    """The only axes of a figure; what goes up stands above, where it can be read."""
    return dressed(figure.add_subplot(), across, up)


def dressed(place: "Axes", across: str, up: str) -> "Axes":
    """Axes in the page's style."""
    from matplotlib.ticker import FuncFormatter

    place.set_xlabel(across)
    place.set_title(up, loc="left", fontsize=10, color=COLOURS["ink"])
    place.grid(True, color=COLOURS["line"], linewidth=0.7)
    place.set_axisbelow(True)
    for axis in (place.xaxis, place.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    return place


def tick(value: float) -> str:
    """A number beside an axis, short.

    >>> tick(0.30000000000000004), tick(12500), tick(2_500_000)
    ('0.3', '12,500', '2.5M')
    """
    if abs(value) < 1e6:
        return f"{value:,.6g}".replace("-", "−")
    from matplotlib.ticker import EngFormatter

    return EngFormatter(sep="")(value).replace("-", "−")


def thinned(values: np.ndarray, most: int = 800) -> np.ndarray:
    """The indices of at most so many of the values, evenly, with the last."""
    return np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(int))


def embedded(svg: str, name: str) -> str:
    """A drawing of Matplotlib as a part of a page.

    Ids become the page's own, the style that would reach the whole page goes, sizes are left to
    the page, and colours become its variables.
    """
    svg = _STYLE.sub("", _METADATA.sub("", _OUTER.sub("", svg, count=1)))
    svg = _SIZE.sub(r'<svg viewBox="\1" class="plot" aria-hidden="true">', svg, count=1)
    svg = _IDS.sub(f"{name}-", svg).replace("xlink:href", "href")
    for word, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{word})")
    return svg.strip()


@contextmanager
def _settings(salt: str) -> Iterator[Any]:
    """Matplotlib's own settings, whatever the user's are, with ours."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({
            "svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 10, "axes.linewidth": 0.8,
            "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": COLOURS["line"],
            "axes.labelcolor": COLOURS["muted"], "text.color": COLOURS["ink"],
            "xtick.color": COLOURS["line"], "ytick.color": COLOURS["line"],
            "xtick.labelcolor": COLOURS["muted"], "ytick.labelcolor": COLOURS["muted"],
            "lines.linewidth": 1.8, "lines.solid_capstyle": "round",
        })  # fmt: skip
        yield
