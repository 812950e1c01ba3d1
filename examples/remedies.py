"""Which remedies against overfitting help, on scikit-learn's digits, and which do not.

1,797 images of 8 × 8 pixels, ten classes: 1,000 to train on, 297 to decide when to stop, 500 to
judge by, split anew for each seed. Every row of the table has the same network, 64-64-64-10 with
ReLU, the same optimizer and the same seeds; it differs from the first in what its name says. The
strengths are common ones, not tuned on these data. The last two rows, a wider network and more
epochs, were added after shifts had made the small network worse: the first of them is compared
with plain, the second with the first.

    python examples/remedies.py             # the table in Markdown, in two or three minutes
    python examples/remedies.py --seeds 2   # a quick look
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import chainrule as cr

SPLITS = (1000, 1297)  # where training ends and where validation does
L2 = {"penalty": cr.L2(1e-3)}
SHIFT = {"augment": [cr.Shift((8, 8), 1)]}


@dataclass(frozen=True)
class Remedy:
    """What a row of the table changes.

    Attributes:
        behind: makes the layers that follow each hidden layer.
        options: of the training.
        stops: whether it stops early, by the loss on the validation data.
        units: of each of the two hidden layers.
        epochs: at most.
        against: the row that it is compared with.
    """

    behind: Callable[[], list[Any]] = list
    options: dict[str, Any] = field(default_factory=dict)
    stops: bool = False
    units: int = 64
    epochs: int = 100
    against: str = "plain"


def dropped() -> list[Any]:
    return [cr.Dropout(0.2)]


def normalised() -> list[Any]:
    return [cr.BatchNorm()]


REMEDIES = {
    "plain": Remedy(),
    "L2, 0.001": Remedy(options=L2),
    "dropout, 20 %": Remedy(dropped),
    "batch norm": Remedy(normalised),
    "early stopping": Remedy(stops=True),
    "shifts by a pixel": Remedy(options=SHIFT),
    "L2 and dropout": Remedy(dropped, L2),
    "dropout and early stopping": Remedy(dropped, stops=True),
    "shifts and dropout": Remedy(dropped, SHIFT),
    "shifts and batch norm": Remedy(normalised, SHIFT),
    "256 units, 400 epochs": Remedy(units=256, epochs=400),
    "the same with shifts": Remedy(
        options=SHIFT, units=256, epochs=400, against="256 units, 400 epochs"
    ),
}


def trained(remedy: Remedy, seed: int) -> tuple[float, float, int]:
    """Accuracy on the training and the test data, and the epochs that it took."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    train, validation, test = np.split(np.random.default_rng(seed).permutation(len(X)), SPLITS)
    hidden = [[cr.Dense(remedy.units, "relu"), *remedy.behind()] for _ in range(2)]
    layers = [*hidden[0], *hidden[1], cr.Dense(10, "softmax")]
    network = cr.Network(layers, loss="cross_entropy", inputs=64, seed=seed)
    options = dict(remedy.options)
    if remedy.stops:
        options["validation_data"] = (X[validation], y[validation])
        options["callbacks"] = [cr.EarlyStopping(monitor="val_loss", patience=20)]
    result = cr.train(network, X[train], y[train], epochs=remedy.epochs, batch_size=32, **options)
    right = [float(np.mean(network.predict(X[part]).argmax(axis=1) == y[part]))
             for part in (train, test)]  # fmt: skip
    return right[0], right[1], result.history.epochs


def table(seeds: int) -> str:
    """All remedies over the seeds, in Markdown."""
    lines = [
        f"| remedy | accuracy in training | test accuracy, mean ± deviation of {seeds} seeds | "
        "difference, ± its standard error | better, equal, worse | epochs |",
        "|---|---|---|---|---|---|",
    ]
    tests: dict[str, np.ndarray] = {}
    for name, remedy in REMEDIES.items():
        inside, test, epochs = np.array([trained(remedy, seed) for seed in range(seeds)]).T
        change = counts = ""
        if remedy.against in tests:
            gain = test - tests[remedy.against]  # seed by seed: the same split, the same start
            error = gain.std(ddof=1) / np.sqrt(seeds)
            change = f"{100 * gain.mean():+.2f} ± {100 * error:.2f}"
            counts = ", ".join(str(np.sum(np.sign(gain) == sign)) for sign in (1, 0, -1))
        tests[name] = test
        spread = f"{100 * test.mean():.2f} ± {100 * test.std(ddof=1):.2f} %"
        lines.append(f"| {name} | {100 * inside.mean():.1f} % | {spread} | {change} | {counts} | "
                     f"{epochs.mean():.0f} |")  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10, help="at least 2")
    seeds = parser.parse_args().seeds
    if seeds < 2:
        parser.error("--seeds must be at least 2: one has no spread")
    start = time.perf_counter()
    print(table(seeds))
    print(f"\n{time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
