"""The estimators against scikit-learn's: whole fits, a first fit, cross-validation, one row.

Each side runs in turns in one process, ``firstfit`` in a fresh one each time. Fits are those of the
works, float32 and Adam, with scikit-learn's penalty, for so many epochs that one takes some time.
"""

import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.works import LEARNING_RATE, WORKS, Work

FIT_SECONDS = 0.15  # that one of our fits is meant to take
THEIR_STEPS = 400  # of a fit of scikit-learn's, whose time is per step
SINGLE = 2000  # predictions of one row in a run
FITS = 20  # of one epoch, for what a fit costs beside its steps

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
MODULES = {"chainrule": "chainrule", "scikit-learn": "sklearn.neural_network"}


def _classes() -> dict[str, Any]:
    from sklearn import neural_network

    import chainrule

    return {"chainrule": chainrule, "scikit-learn": neural_network}


def _estimator(module: Any, work: Work, epochs: int) -> Any:
    name = "MLPRegressor" if work.loss == "mse" else "MLPClassifier"
    return getattr(module, name)(
        hidden_layer_sizes=work.sizes[1:-1], activation=work.hidden, batch_size=work.batch,
        learning_rate_init=LEARNING_RATE, max_iter=epochs, tol=0, n_iter_no_change=epochs,
        random_state=0,
    )  # fmt: skip


def _trained(work: Work, X: np.ndarray, y: np.ndarray, epochs: int) -> None:
    """The same training without the estimator."""
    import chainrule as cr

    layers = [*(cr.Dense(n, work.hidden) for n in work.sizes[1:-1]),
              cr.Dense(work.sizes[-1], work.output)]  # fmt: skip
    network = cr.Network(layers, work.loss, inputs=work.sizes[0], dtype="float32")
    cr.train(
        network, X, y, epochs=epochs, batch_size=work.batch, seed=0,
        optimizer=cr.AdamHat(LEARNING_RATE), penalty=cr.L2(1e-4, per_example=True),
    )  # fmt: skip


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def fits(console: Console, rounds: int) -> dict[str, Any]:
    """Whole fits of the works: times as scikit-learn's, as a bare training's, and what is added."""
    table = Table(title="estimators: a whole fit", title_justify="left")
    for heading in ("work", "µs a step", "times faster than scikit-learn", "of cr.train",
                    "added to a fit"):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "work" else "right")
    found = {}
    for work in WORKS.values():
        found[work.name] = figures = _fits(work, rounds)
        middle = {key: statistics.median(values) for key, values in figures.items()}
        table.add_row(
            work.name, f"{middle['step']:.2f}", f"{middle['scikit-learn']:.1f}×",
            f"{middle['train']:.0%}", f"{middle['added']:.2f} ms",
        )  # fmt: skip
    console.print(table)
    return found


def _fits(work: Work, rounds: int) -> dict[str, list[float]]:
    X, y = work.data()
    modules = _classes()
    ours = lambda epochs: _estimator(modules["chainrule"], work, epochs).fit(X, y)  # noqa: E731
    bare = lambda epochs: _trained(work, X, y, epochs)  # noqa: E731
    ours(1), bare(1)
    epochs = max(1, round(FIT_SECONDS / _seconds(lambda: ours(2)) * 2))
    few = slice(0, work.batch * max(1, min(work.steps, THEIR_STEPS)))
    their_epochs = max(1, min(THEIR_STEPS // work.steps, 20))
    short = slice(0, work.batch)
    figures: dict[str, list[float]] = {"step": [], "scikit-learn": [], "train": [], "added": []}
    for _ in range(rounds):
        mine = _seconds(lambda: ours(epochs)) / (epochs * work.steps)
        other = _seconds(lambda: bare(epochs)) / (epochs * work.steps)
        theirs = _estimator(modules["scikit-learn"], work, their_epochs)
        steps = their_epochs * (few.stop // work.batch)
        them = _seconds(lambda e=theirs: e.fit(X[few], y[few])) / steps
        estimator = _estimator(modules["chainrule"], work, 1)
        adds = [
            _seconds(lambda e=estimator: e.fit(X[short], y[short]))
            - _seconds(lambda: _trained(work, X[short], y[short], 1))
            for _ in range(FITS)
        ]
        figures["step"].append(1e6 * mine)
        figures["scikit-learn"].append(them / mine)
        figures["train"].append(mine / other)
        figures["added"].append(1e3 * statistics.median(adds))
    return figures


def first_fit(console: Console, rounds: int) -> dict[str, Any]:
    """A fresh process that imports and fits 150 rows for 200 epochs."""
    times: dict[str, list[float]] = {name: [] for name in MODULES}
    for turn in range(rounds + 1):
        for name, module in MODULES.items():
            code = FIRST_FIT.format(module=module)
            out = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            )
            if turn:  # the first compiles, and reads files that are not in memory yet
                times[name].append(float(out.stdout))
    return _versus(console, "firstfit: import and 200 epochs in a fresh process", times, 1.0)


def cross_validation(console: Console, rounds: int) -> dict[str, Any]:
    """Digits, five folds, scikit-learn's defaults."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score

    X, y = load_digits(return_X_y=True)
    times: dict[str, list[float]] = {name: [] for name in MODULES}
    for turn in range(min(rounds, 3) + 1):
        for name, module in _classes().items():
            if turn or name == "chainrule":
                model = module.MLPClassifier(random_state=turn)
                taken = _seconds(lambda m=model: cross_val_score(m, X, y))
                if turn:
                    times[name].append(taken)
    return _versus(console, "cv: digits in five folds, default parameters", times, 6.0)


def single(console: Console, rounds: int) -> dict[str, Any]:
    """``predict`` of one row on a fitted classifier."""
    found = {}
    for name in ("table", "image"):
        work = WORKS[name]
        X, y = work.data()
        times: dict[str, list[float]] = {name: [] for name in MODULES}
        fitted = {
            module: _estimator(classes, work, 1).fit(X[: work.batch], y[: work.batch])
            for module, classes in _classes().items()
        }
        row = X[:1].copy()
        for _ in range(rounds):
            for module, model in fitted.items():
                taken = _seconds(lambda m=model, x=row: [m.predict(x) for _ in range(SINGLE)])
                times[module].append(taken / SINGLE)
        found[name] = _versus(console, f"single: predict of one row, {work.name}", times, 10.0)
    return found


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


def run(name: str, console: Console, rounds: int) -> dict[str, Any]:
    """Measure, show and return one of the works of the estimators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WAYS[name](console, rounds)


WAYS = {"estimators": fits, "firstfit": first_fit, "cv": cross_validation, "single": single}
