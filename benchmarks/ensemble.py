"""The work ``ensemble``: 32 networks of ``table`` in one call, against two processes.

What the cores of a machine can do side by side is not twice what one can: they share caches,
memory and sometimes arithmetic. So the scaling of one call with a thread for each core is held
against that of as many independent processes, measured in the same rounds.
"""

import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.works import LEARNING_RATE, WORKS

NETWORKS, EPOCHS, ROWS = 32, 2, 12_800
WORK = WORKS["table"]
PROCESSES = 2


def _networks(count: int) -> list[Any]:
    import chainrule as cr

    hidden = [cr.Dense(units, WORK.hidden) for units in WORK.sizes[1:-1]]
    layers = [*hidden, cr.Dense(WORK.sizes[-1], WORK.output)]
    return [
        cr.Network(layers, loss=WORK.loss, inputs=WORK.sizes[0], seed=seed, dtype="float32")
        for seed in range(count)
    ]


def _options() -> dict[str, Any]:
    import chainrule as cr

    return {"optimizer": cr.Adam(LEARNING_RATE), "epochs": EPOCHS, "batch_size": WORK.batch}


def _in_turn(count: int) -> float:
    """Seconds to train so many networks one after the other, on one thread."""
    import chainrule as cr

    X, y = WORK.data()
    networks = _networks(count)
    start = time.perf_counter()
    for network in networks:
        cr.train(network, X[:ROWS], y[:ROWS], threads=1, **_options())
    return time.perf_counter() - start


def _in_one_call() -> float:
    """Seconds to train all of them in one call."""
    import chainrule as cr

    X, y = WORK.data()
    networks = _networks(NETWORKS)
    start = time.perf_counter()
    cr.train_ensemble(networks, X[:ROWS], y[:ROWS], **_options())
    return time.perf_counter() - start


def _serve(pipe: Connection) -> None:
    _in_turn(1)
    pipe.send(0.0)
    while pipe.recv():
        pipe.send(_in_turn(NETWORKS // PROCESSES))


def run(console: Console, rounds: int) -> dict[str, Any]:
    """Measure, show and return the scaling of one call and of independent processes."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    for _ in range(PROCESSES):
        ours, theirs = context.Pipe()
        context.Process(target=_serve, args=(theirs,), daemon=True).start()
        pipes.append(ours)
    for pipe in pipes:
        pipe.recv()
    _in_turn(1)
    calls, processes = [], []
    for _ in range(rounds):
        alone = _in_turn(NETWORKS)
        calls.append(alone / _in_one_call())
        for pipe in pipes:
            pipe.send(True)
        slowest = max(pipe.recv() for pipe in pipes)
        processes.append(alone / slowest)
    for pipe in pipes:
        pipe.send(False)
    ratios = [one / other for one, other in zip(calls, processes, strict=True)]
    found = {"one call": calls, "two processes": processes, "share": ratios}
    table = Table(title=f"ensemble: {NETWORKS} networks of {WORK.name}", title_justify="left")
    for heading in ("", "times faster than one thread", "min – max"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in ("one call", "two processes"):
        values = found[name]
        table.add_row(
            name, f"{statistics.median(values):.2f}×", f"{min(values):.2f} – {max(values):.2f}"
        )
    table.add_row(
        "share of it reached", f"{statistics.median(ratios):.0%} (≥ 100 %)",
        f"{min(ratios):.0%} – {max(ratios):.0%}",
    )  # fmt: skip
    console.print(table)
    return found
