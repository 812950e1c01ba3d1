"""The estimators against scikit-learn's: whole fits, a first fit, cross-validation, one row.

Each side is a process of its own, so that their threads do not meet, and they run in turns;
``firstfit`` is a fresh process each time. Fits are those of the works, float32 and Adam, with
scikit-learn's penalty, for so many epochs that one takes some time.
"""

import contextlib
import functools
import importlib
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.works import LEARNING_RATE, WORKS, Work

MODULES = {"chainrule": "chainrule", "scikit-learn": "sklearn.neural_network"}
RUN_SECONDS = 0.3  # that a fit is meant to take
SINGLE = 2000  # predictions of one row in a run
FITS = 20  # of one epoch, for what a fit costs beside its steps
PAUSE = 0.06  # seconds between two runs, in which threads fall asleep

FIRST_FIT = """
import numpy as np, time, warnings
start = time.perf_counter()
from {module} import MLPClassifier
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
y = np.arange(150) % 3
X = rng.normal(size=(150, 4)) + y[:, None]
MLPClassifier(max_iter=200, tol=0, n_iter_no_change=200, random_state=0).fit(X, y)
print(time.perf_counter() - start)
"""


# ------------------------------------------------------------------ what a side does when asked


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@functools.cache
def _data(name: str) -> tuple[np.ndarray, np.ndarray]:
    return WORKS[name].data()


def _estimator(module: Any, work: Work, epochs: int) -> Any:
    name = "MLPRegressor" if work.loss == "mse" else "MLPClassifier"
    return getattr(module, name)(
        hidden_layer_sizes=work.sizes[1:-1], activation=work.hidden, batch_size=work.batch,
        learning_rate_init=LEARNING_RATE, max_iter=epochs, tol=0, n_iter_no_change=epochs,
        random_state=0,
    )  # fmt: skip


def _fit(module: Any, name: str, epochs: int, rows: int | None = None) -> float:
    """Seconds of a fit."""
    X, y = _data(name)
    estimator = _estimator(module, WORKS[name], epochs)
    return _seconds(lambda: estimator.fit(X[:rows], y[:rows]))


def _train(_module: Any, name: str, epochs: int, rows: int | None = None) -> float:
    """Seconds of the same training without the estimator, its network included."""
    import chainrule as cr

    work, (X, y) = WORKS[name], _data(name)
    layers = [*(cr.Dense(n, work.hidden) for n in work.sizes[1:-1]),
              cr.Dense(work.sizes[-1], work.output)]  # fmt: skip

    def run() -> None:
        network = cr.Network(layers, work.loss, inputs=work.sizes[0], dtype="float32")
        cr.train(
            network, X[:rows], y[:rows], epochs=epochs, batch_size=work.batch, seed=0,
            optimizer=cr.AdamHat(LEARNING_RATE), penalty=cr.L2(1e-4, per_example=True),
        )  # fmt: skip

    return _seconds(run)


def _added(module: Any, name: str) -> float:
    """Seconds that an estimator adds to a training of one batch."""
    rows = WORKS[name].batch
    differences = [_fit(module, name, 1, rows) - _train(module, name, 1, rows) for _ in range(FITS)]
    return statistics.median(differences)


def _cross_validated(module: Any, seed: int) -> float:
    """Seconds of five folds of the digits."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score

    X, y = load_digits(return_X_y=True)
    model = module.MLPClassifier(random_state=seed)
    return _seconds(lambda: cross_val_score(model, X, y))


@functools.cache
def _fitted(module: Any, name: str) -> Any:
    X, y = _data(name)
    rows = WORKS[name].batch
    return _estimator(module, WORKS[name], 1).fit(X[:rows], y[:rows])


def _predicted(module: Any, name: str) -> float:
    """Seconds of a prediction of one row."""
    model, row = _fitted(module, name), _data(name)[0][:1].copy()
    return _seconds(lambda: [model.predict(row) for _ in range(SINGLE)]) / SINGLE


TASKS = {task.__name__: task for task in (_fit, _train, _added, _cross_validated, _predicted)}


def _serve(pipe: Connection, module: str) -> None:
    warnings.simplefilter("ignore")
    loaded = importlib.import_module(module)
    with contextlib.suppress(EOFError):
        while True:
            name, *arguments = pipe.recv()
            pipe.send(TASKS[name](loaded, *arguments))


class Side:
    """The handle of a process in which one side runs."""

    def __init__(self, module: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, module), daemon=True)
        self._process.start()
        theirs.close()

    def __call__(self, task: Callable[..., float], *arguments: Any) -> float:
        time.sleep(PAUSE)
        self._pipe.send((task.__name__, *arguments))
        return float(self._pipe.recv())

    def close(self) -> None:
        self._pipe.close()
        self._process.join()


@contextlib.contextmanager
def _both() -> Iterator[dict[str, Side]]:
    sides = {name: Side(module) for name, module in MODULES.items()}
    try:
        yield sides
    finally:
        for side in sides.values():
            side.close()


# ------------------------------------------------------------------ the works


def fits(console: Console, rounds: int) -> dict[str, Any]:
    """Whole fits of the works: times as scikit-learn's, as a bare training's, and what is added."""
    table = Table(title="estimators: a whole fit", title_justify="left")
    for heading in ("work", "µs a step", "times faster than scikit-learn", "min – max",
                    "of cr.train", "added to a fit"):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "work" else "right")
    found = {}
    with _both() as sides:
        for work in WORKS.values():
            found[work.name] = figures = _fits(sides, work, rounds)
            middle = {key: statistics.median(values) for key, values in figures.items()}
            ratios = figures["scikit-learn"]
            table.add_row(
                work.name, f"{middle['step']:.2f}", f"{middle['scikit-learn']:.1f}×",
                f"{min(ratios):.1f} – {max(ratios):.1f}", f"{middle['train']:.0%}",
                f"{middle['added']:.2f} ms",
            )  # fmt: skip
    console.print(table)
    return found


def _fits(sides: dict[str, Side], work: Work, rounds: int) -> dict[str, list[float]]:
    ours, theirs = sides["chainrule"], sides["scikit-learn"]
    epochs = {}
    for side in (ours, theirs):  # the first compiles
        side(_fit, work.name, 1)
        epochs[side] = max(1, round(RUN_SECONDS / side(_fit, work.name, 1)))
    ours(_train, work.name, 1)
    figures: dict[str, list[float]] = {"step": [], "scikit-learn": [], "train": [], "added": []}
    for _ in range(rounds):
        mine = ours(_fit, work.name, epochs[ours]) / (epochs[ours] * work.steps)
        them = theirs(_fit, work.name, epochs[theirs]) / (epochs[theirs] * work.steps)
        bare = ours(_train, work.name, epochs[ours]) / (epochs[ours] * work.steps)
        figures["step"].append(1e6 * mine)
        figures["scikit-learn"].append(them / mine)
        figures["train"].append(mine / bare)
        figures["added"].append(1e3 * ours(_added, work.name))
    return figures


def first_fit(console: Console, rounds: int) -> dict[str, Any]:
    """A fresh process that imports and fits 150 rows for 200 epochs."""
    # As users run it: with the compiled sources that the interpreter keeps.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    times: dict[str, list[float]] = {name: [] for name in MODULES}
    for turn in range(rounds + 1):
        for name, module in MODULES.items():
            code = FIRST_FIT.format(module=module)
            out = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True,
                env=environment,
            )  # fmt: skip
            if turn:  # the first compiles, and reads files that are not in memory yet
                times[name].append(float(out.stdout))
    return _versus(console, "firstfit: import and 200 epochs in a fresh process", times, 1.0)


def cross_validation(console: Console, rounds: int) -> dict[str, Any]:
    """Digits, five folds, scikit-learn's defaults."""
    with _both() as sides:
        times = _in_turns(sides, rounds, _cross_validated, 0)
    return _versus(console, "cv: digits in five folds, default parameters", times, 6.0)


def single(console: Console, rounds: int) -> dict[str, Any]:
    """``predict`` of one row on a fitted classifier."""
    found = {}
    with _both() as sides:
        for name in ("table", "image"):
            times = _in_turns(sides, rounds, _predicted, name)
            found[name] = _versus(console, f"single: predict of one row, {name}", times, 10.0)
    return found


def _in_turns(
    sides: dict[str, Side], rounds: int, task: Callable[..., float], *arguments: Any
) -> dict[str, list[float]]:
    """The times of each side; the first turn, which compiles, is left out."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            taken = side(task, *arguments)
            if turn:
                times[name].append(taken)
    return times


def _versus(
    console: Console, title: str, times: dict[str, list[float]], target: float
) -> dict[str, Any]:
    ratios = [b / a for a, b in zip(times["chainrule"], times["scikit-learn"], strict=True)]
    table = Table(title=title, title_justify="left")
    for heading in ("", "median", "min – max"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, values in times.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        table.add_row(name, _time(middle), f"{_time(low)} – {_time(high)}")
    table.add_row(
        f"times faster (≥ {target:g})", f"{statistics.median(ratios):.2f}×",
        f"{min(ratios):.2f} – {max(ratios):.2f}",
    )  # fmt: skip
    console.print(table)
    return times | {"ratios": ratios}


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds > 0.1 else f"{1e6 * seconds:.1f} µs"


WAYS = {"estimators": fits, "firstfit": first_fit, "cv": cross_validation, "single": single}
