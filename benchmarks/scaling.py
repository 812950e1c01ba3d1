"""The work ``scaling``: what a step costs against rows, width, depth and batch size.

Each curve changes one of them and keeps the others; the exponent is the slope of the line fitted
through the upper half of the points in logarithms, where the costs that do not grow have faded.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.works import LEARNING_RATE

CURVES = {
    "rows of an epoch": [1_000, 2_000, 4_000, 8_000, 16_000, 32_000],
    "width": [16, 32, 64, 128, 256, 512],
    "depth": [1, 2, 4, 8, 16],
    "batch size": [8, 32, 128, 512, 2_048, 8_192],
}
EXPECTED = {"rows of an epoch": 1, "width": 2, "depth": 1, "batch size": 1}
ROWS, WIDTH, DEPTH, BATCH, INPUTS = 8_192, 64, 2, 128, 20


def _seconds(curve: str, value: int, rounds: int) -> float:
    """Median seconds of an epoch (the curve of rows) or of a step (the others)."""
    import chainrule as cr

    rows, width, depth, batch = ROWS, WIDTH, DEPTH, BATCH
    if curve == "rows of an epoch":
        rows = value
    elif curve == "width":
        width = value
    elif curve == "depth":
        depth = value
    else:
        batch = value
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, INPUTS)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.float32)
    layers = [cr.Dense(width, "relu") for _ in range(depth)]
    net = cr.Network([*layers, cr.Dense(1, "sigmoid")], "binary_cross_entropy", inputs=INPUTS)
    options = {"optimizer": cr.Adam(LEARNING_RATE), "batch_size": batch, "threads": 1}
    cr.train(net, X, y, epochs=1, **options)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        cr.train(net, X, y, epochs=2, **options)
        times.append((time.perf_counter() - start) / 2)
    steps = 1 if curve == "rows of an epoch" else -(-rows // batch)
    return statistics.median(times) / steps


def exponent(values: list[int], seconds: list[float]) -> float:
    """The slope of the upper half of a curve in logarithms."""
    half = len(values) // 2
    return float(np.polyfit(np.log(values[half:]), np.log(seconds[half:]), 1)[0])


def run(console: Console, rounds: int, picture: Path | None = None) -> dict[str, Any]:
    """Measure, show and return the curves."""
    found: dict[str, Any] = {}
    table = Table(title="scaling: one thread, 20-64-64-1, batch 128", title_justify="left")
    for heading in ("against", "from", "to", "cost from", "to", "exponent", "expected"):
        table.add_column(heading, justify="left" if heading == "against" else "right")
    for curve, values in CURVES.items():
        seconds = [_seconds(curve, value, rounds) for value in values]
        slope = exponent(values, seconds)
        found[curve] = {"values": values, "seconds": seconds, "exponent": slope}
        table.add_row(
            curve, f"{values[0]:,}", f"{values[-1]:,}", f"{seconds[0] * 1e6:,.1f} µs",
            f"{seconds[-1] * 1e6:,.1f} µs", f"{slope:.2f}", f"{EXPECTED[curve]}",
        )  # fmt: skip
    console.print(table)
    if picture:
        _draw(found, picture)
    return found


def _draw(found: dict[str, Any], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(14, 3.6))
    for axis, (curve, data) in zip(axes, found.items(), strict=True):
        axis.loglog(data["values"], [1e6 * s for s in data["seconds"]], "o-")
        axis.set_xlabel(curve)
        axis.set_title(f"exponent {data['exponent']:.2f}", fontsize=10)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("µs")
    figure.suptitle("Cost of an epoch (left) and of a step")
    figure.tight_layout()
    figure.savefig(file, dpi=110)
