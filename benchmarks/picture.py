"""The ratios as a picture: bars on a logarithmic axis, what is to be reached as marks."""

from pathlib import Path
from typing import Any

from benchmarks.figures import Measured, Participant
from benchmarks.report import percent, significant

COLOURS = {"scikit-learn": "#e69f00", "PyTorch": "#d55e00", "JAX": "#0072b2"}
OTHER = "#999999"
BAR = 0.8  # of the distance between two bars


def draw(all_measured: list[Measured], files: list[Path], caption: str) -> None:
    """Write the picture to files, whose endings say in which form."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    bars = sum(len(m.counted()) for m in all_measured) + len(all_measured)
    figure, axes = pyplot.subplots(figsize=(8.5, 1.6 + 0.27 * bars), layout="constrained")
    place, ticks = 0.0, []
    for m in all_measured:
        first = place
        for p in m.counted():
            _bar(axes, m, p, place)
            place += 1
        ticks.append(((first + place - 1) / 2, _label(m)))
        place += 0.8
    _dress(axes, ticks, all_measured)
    figure.supxlabel(caption, fontsize=7, color="0.4")
    for file in files:
        figure.savefig(file, dpi=150)
    pyplot.close(figure)


def _label(m: Measured) -> str:
    sizes = "-".join(map(str, m.work.sizes))
    share = f"{percent(m.share(m.ours).median)} of limit"
    return f"{m.work.name}\n{sizes}, batch {m.work.batch:,}\n{share}"


def _bar(axes: Any, m: Measured, p: Participant, place: float) -> None:
    ratio, target = m.ratio(p), m.target(p)
    axes.barh(place, ratio.median - 1, BAR, left=1, color=COLOURS.get(p.entry.group, OTHER))
    axes.plot([ratio.low, ratio.high], [place, place], color="black", linewidth=1)
    if target is not None:
        ends = [place - BAR / 2, place + BAR / 2]
        axes.plot([target, target], ends, color="black", linewidth=2.5, solid_capstyle="butt")
    right = max(ratio.high, ratio.median, target or 1, 1)
    axes.annotate(
        f"{significant(ratio.median)}×", (right, place), (5, 0), textcoords="offset points",
        va="center", fontsize=8,
    )  # fmt: skip


def _dress(axes: Any, ticks: list[tuple[float, str]], all_measured: list[Measured]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.8), high * 1.6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(*zip(*ticks, strict=True), fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title("Time of a training step, as a multiple of chainrule's", fontsize=10, loc="left")
    groups = dict.fromkeys(p.entry.group for m in all_measured for p in m.counted())
    handles: list[Any] = [Patch(color=COLOURS.get(g, OTHER), label=g) for g in groups]
    handles.append(Line2D([], [], color="black", linewidth=1, label="all rounds"))
    handles.append(Line2D([], [], color="black", linewidth=2.5, label="to be reached"))
    axes.figure.legend(
        handles=handles, fontsize=8, frameon=False, ncols=len(handles), loc="outside upper center"
    )
