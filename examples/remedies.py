"""What each remedy against overfitting does on scikit-learn's digits, over several seeds.

    python examples/remedies.py --seeds 10

For each seed the 1,797 images are split into 800 to train on, 400 to validate and 597 to test; the
same network, 64-128-128-10, is trained for 200 epochs with each remedy.
"""

import argparse
import statistics

import numpy as np
from sklearn.datasets import load_digits

import chainrule as cr

EPOCHS = 200
IMAGE = (8, 8)


def layers(*between):
    """Two hidden layers, each followed by what is given."""
    hidden = []
    for _ in range(2):
        hidden += [cr.Dense(128, "relu"), *(make() for make in between)]
    return [*hidden, cr.Dense(10, "softmax")]


REMEDIES = {
    "plain": {},
    "L2": {"penalty": cr.L2(1e-3)},
    "dropout": {"between": [lambda: cr.Dropout(0.3)]},
    "batch norm": {"between": [cr.BatchNorm]},
    "early stopping": {"patience": 20},
    "augmentation": {"augment": [cr.Shift(IMAGE, 1)]},
    "augmentation and dropout": {
        "augment": [cr.Shift(IMAGE, 1)], "between": [lambda: cr.Dropout(0.3)],
    },
}  # fmt: skip


def accuracy(remedy, seed):
    """Accuracy on the test rows, and the epochs that the training took."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(X))
    train, validate, test = order[:800], order[800:1200], order[1200:]
    options = dict(remedy)
    between, patience = options.pop("between", []), options.pop("patience", None)
    if patience:
        options["callbacks"] = [cr.EarlyStopping(monitor="val_loss", patience=patience)]
    net = cr.Network(layers(*between), "cross_entropy", inputs=64, seed=seed)
    result = cr.train(
        net, X[train], y[train], epochs=EPOCHS, batch_size=32, optimizer=cr.Adam(1e-3),
        validation_data=(X[validate], y[validate]), **options,
    )  # fmt: skip
    found = float(np.mean(cr.decide(net.predict(X[test])) == y[test]))
    return found, result.history.epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    seeds = range(parser.parse_args().seeds)
    print("| remedy | test accuracy | spread over the seeds | better than plain by | epochs |")
    print("|---|---|---|---|---|")
    plain = None
    for name, remedy in REMEDIES.items():
        found = [accuracy(remedy, seed) for seed in seeds]
        scores = [100 * score for score, _ in found]
        plain = plain or scores
        gains = [a - b for a, b in zip(scores, plain, strict=True)]
        spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
        error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        print(
            f"| {name} | {statistics.mean(scores):.2f} % | ±{spread:.2f} | "
            f"{statistics.mean(gains):+.2f} ± {error:.2f} | "
            f"{statistics.mean(epochs for _, epochs in found):.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
