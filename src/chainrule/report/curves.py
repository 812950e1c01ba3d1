"""The training, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chainrule.report.drawing import COLOURS, Picture, axes, picture, thinned
from chainrule.report.words import figure as number
from chainrule.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOG_RANGE = 30  # from the smallest loss to the largest, from which on the scale is logarithmic
WORSE = 1.1  # times the lowest validation loss, or as much above it: trained for too long
LABELS = {"accuracy": "accuracy", "r2": "R²"}


def curves_of(histories: Sequence[History], best: Sequence[int | None]) -> list[Picture]:
    """The pictures: of the loss, and of each metric.

    Args:
        histories: of each network.
        best: the best epoch of each, where it was looked for.
    """
    pairs = [pair for pair in zip(histories, best, strict=True) if pair[0].epochs]
    known = [history for history, _ in pairs]
    back = pairs[0][1] if len(pairs) == 1 else None
    names = dict.fromkeys(name.removeprefix("val_") for history in known for name in history)
    return [_curve(name, known, back) for name in names]


def course_of(history: History, best: int | None = None) -> str:
    """What the losses of a training say, in a sentence; empty if there is nothing to compare.

    Args:
        history: of a network.
        best: the epoch that the training went back to, if it did.
    """
    losses = _figures(history, "val_loss")
    known = losses[np.isfinite(losses)]
    if known.size < 5:
        return ""
    lowest, last = float(np.nanmin(losses)), float(known[-1])
    at = int(np.nanargmin(losses)) + 1
    start = f"The validation loss is lowest after epoch {at} of {len(losses)} ({number(lowest)})"
    if at == len(losses):
        return f"{start}: it still falls at the end, so that more epochs may help."
    if best:  # no advice: what came after it is not in the network
        return f"{start}; the network is that of epoch {best}."
    if last > lowest + (WORSE - 1) * abs(lowest):  # a loss may be below 0
        return (
            f"{start} and rises to {number(last)} by the end: from there on the network learns "
            "its training rows by heart. Fewer epochs, patience, dropout or l2 may help."
        )
    return f"{start} and hardly rises after that: the training was not too long."


def _curve(name: str, histories: Sequence[History], back: int | None) -> Picture:
    """A picture; back is the epoch that the only network went back to."""
    several = len(histories) > 1
    lines = "each line is a network" if several else "the line is the network"
    training = any(name in history for history in histories)
    validation = any(f"val_{name}" in history for history in histories)
    which = " and ".join(
        ["blue on the training rows"] * training + ["orange on the validation rows"] * validation
    )
    log = name == "loss" and _is_log([_figures(h, n) for h in histories for n in _both(name)])

    def paint(figure: "Figure") -> None:
        place = axes(figure, "epoch", LABELS.get(name, name))
        if log:
            _logarithmic(place)
        for history in histories:
            for key, colour in _both(name).items():
                _line(place, _figures(history, key), COLOURS[colour], several)
        if back:
            place.axvline(back, color=COLOURS["muted"], linewidth=1, linestyle=":")
        low, high = place.get_ylim()
        if name == "r2":  # in its first epochs a network may be beyond any scale
            place.set_ylim(max(low, -1), min(high, 1.02))

    better = "lower" if name == "loss" else "higher"
    how = f"From left to right the epochs; {lines}, {which}. The {better}, the better."
    if log:
        how += " The scale is logarithmic."
    if back:
        how += f" The dotted line is the epoch {back} that the training went back to."
    return picture(f"curve-{name.replace('_', '-')}", f"{_title(name)} by epoch", how, paint)


def _title(name: str) -> str:
    words = LABELS.get(name, name).replace("_", " ")
    return words[:1].upper() + words[1:]


def _both(name: str) -> Mapping[str, str]:
    return {name: "blue", f"val_{name}": "orange"}


def _figures(history: History, name: str) -> np.ndarray:
    return np.array(history.get(name, []), np.float64)


def _is_log(columns: Sequence[np.ndarray]) -> bool:
    every = np.concatenate([column[np.isfinite(column)] for column in columns])
    return every.size > 0 and every.min() > 0 and every.max() / every.min() > LOG_RANGE


def _logarithmic(place: "Axes") -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    from chainrule.report.drawing import tick

    place.set_yscale("log")
    place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    place.yaxis.set_minor_formatter(NullFormatter())


def _line(place: "Axes", values: np.ndarray, colour: str, several: bool) -> None:
    if not np.isfinite(values).any():
        return
    from matplotlib.ticker import MaxNLocator

    at = thinned(values)
    alone = len(values) == 1
    place.plot(
        at + 1, values[at], color=colour, marker="o" if alone else "",
        linewidth=1.1 if several else 1.8, alpha=0.75 if several else 1,
    )  # fmt: skip
    place.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))


def epochs_of(histories: Sequence[History]) -> str:
    """How many epochs there were: one number, or the range over the networks."""
    counts = sorted({history.epochs for history in histories})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
