"""The figures as tables for the terminal, and as data for a file."""

import math
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from benchmarks.figures import AGREE, Measured, Participant, Series


def significant(value: float) -> str:
    """Three digits, never as a power of ten."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 10 else 2}f}"


def percent(value: float) -> str:
    """A share of the limit; small ones with a digit more."""
    if value < 0.001:
        return "<0.1%"
    return f"{value:.{1 if value < 0.0995 else 0}%}"


def _range(series: Series, factor: float = 1.0) -> str:
    return f"{significant(series.low * factor)} – {significant(series.high * factor)}"


def _times(value: float | None) -> str:
    return "" if value is None else f"≥ {value:g}×"


def digits(difference: float) -> str:
    """To how many digits two figures agree that differ so much, relatively."""
    if difference == 0:
        return "all digits"
    if difference > AGREE:
        return f"NO: {difference:.1%}"
    return f"{-math.log10(difference):.1f} digits"


def table(measured: Measured) -> Table:
    """A work: a line for each participant."""
    work, ours = measured.work, measured.ours
    threads = ours.ready.threads or 1
    view = Table(
        title=f"{work.name}: {work}; chainrule on {threads} thread{'s' * (threads > 1)}",
        title_justify="left", title_style="bold", caption=_disturbance(measured),
        caption_justify="left", caption_style="yellow",
    )  # fmt: skip
    view.add_column("", no_wrap=True)
    for heading in ("µs a step", "min – max", "× ours", "min – max", "reach", "of limit",
                    "first", "memory", "same loss"):  # fmt: skip
        view.add_column(heading, justify="right", no_wrap=True)
    for p in measured.participants:
        view.add_row(*_row(measured, p), style="bold" if p is ours else None)
    return view


def _disturbance(measured: Measured) -> str | None:
    if not measured.disturbed:
        return None
    return (
        f"Others kept {measured.others:.0%} of the machine busy meanwhile: "
        "these figures are not to be quoted."
    )


def _row(measured: Measured, p: Participant) -> list[str | Text]:
    time = [significant(p.step.median * 1e6), _range(p.step, 1e6)]
    if p is measured.limit:
        target = measured.target(p)
        goal = Text("" if target is None else f"≥ {target:.0%}", _colour(measured, p))
        return [f"limit: {measured.rate.median / 1e9:.0f} GFLOP/s", *time, "", "", goal, "100%"]
    ratio: list[str | Text] = ["", "", ""]
    share: str | Text = percent(measured.share(p).median)
    if p is measured.ours:
        share = Text(str(share), _colour(measured, measured.limit))
    else:
        found = measured.ratio(p)
        ratio = [significant(found.median), _range(found), _times(measured.target(p))]
        if measured.target(p) is not None:
            ratio[2] = Text(str(ratio[2]), _colour(measured, p))
    difference = measured.difference(p)
    return [
        p.entry.name, *time, *ratio, share, f"{p.ready.first:.2f} s",
        "" if p.peak is None else f"{p.peak / 2**20:.0f} MB",
        "" if difference is None else digits(difference),
    ]  # fmt: skip


def _colour(measured: Measured, p: Participant) -> str:
    target = measured.target(p)
    if target is None:
        return ""
    return "green" if measured.reached(p).median >= target else "yellow"


def summary(all_measured: list[Measured]) -> Table:
    """All works: how many times faster, and what is to be reached."""
    view = Table(title="How many times faster", title_justify="left", title_style="bold")
    groups = list(dict.fromkeys(p.entry.group for m in all_measured for p in m.counted()))
    view.add_column("")
    for group in [*groups, "of limit"]:
        view.add_column(group, justify="right")
    for m in all_measured:
        by_group = {p.entry.group: p for p in m.counted()}
        cells = [_cell(m, by_group.get(group)) for group in groups]
        view.add_row(m.work.name, *cells, _cell(m, m.limit))
    return view


def _cell(measured: Measured, p: Participant | None) -> Text:
    if p is None:
        return Text("")
    found, target = measured.reached(p).median, measured.target(p)
    if p is measured.limit:
        text, goal = percent(found), "" if target is None else f" (≥ {target:.0%})"
    else:
        text, goal = f"{significant(found)}×", f" ({_times(target)})" if target else ""
    return Text.assemble((text, _colour(measured, p)), (goal, "dim"))


def notes(all_measured: list[Measured]) -> list[str]:
    """What a reader has to know beside the tables."""
    lines = [
        "× ours: time of a step by ours, median of the rounds; first: the first epoch, with what "
        "it compiles or loads; of limit: the step's matrix products at the rate of a large sgemm "
        "with as many threads as chainrule.",
        "same loss: from the same initial weights, in the order of the rows, the epochs' losses "
        "agree with chainrule's to so many digits.",
    ]
    left_out = {name: why for m in all_measured for name, why in m.left_out.items()}
    lines += [f"{name} is left out: {why}" for name, why in left_out.items()]
    lines += [
        f"{p.entry.name} did not learn the same on {m.work.name}: {m.difference(p):.1%} off"
        for m in all_measured
        for p in m.disagreements()
    ]
    return lines


def as_data(measured: Measured) -> dict[str, Any]:
    """Everything about a work, for a file."""
    work = measured.work
    return {
        "work": str(work),
        "steps_per_epoch": work.steps,
        "product_operations_per_step": work.products,
        "threads": measured.ours.ready.threads,
        "limit_operations_per_second": asdict(measured.rate),
        "others_kept_busy": measured.others,
        "left_out": measured.left_out,
        "participants": {p.entry.name: _participant(measured, p) for p in measured.participants},
    }


def _participant(measured: Measured, p: Participant) -> dict[str, Any]:
    compared = p is not measured.ours and p is not measured.limit
    return {
        "seconds_per_step": {**asdict(p.step), "rounds": p.seconds},
        "others_kept_busy": p.others,
        "ratio_to_chainrule": asdict(measured.ratio(p)) if compared else None,
        "share_of_limit": asdict(measured.share(p)),
        "target": measured.target(p),
        "epochs_per_run": p.ready.epochs,
        "first_epoch_seconds": p.ready.first,
        "peak_memory_bytes": p.peak,
        "losses": p.ready.losses,
        "largest_relative_difference_of_losses": measured.difference(p),
    }
