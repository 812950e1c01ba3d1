"""How the structure of a network decides how well it approximates a function.

002's setting: T points of an unknown function, a logistic network without biases, the sum of
squared errors over the points, steepest descent. Targets are scaled into [0.1, 0.9], where
logistic outputs can reach them, and back. Without biases every neuron of the first layer passes
through ½ at x = 0: what it takes to place a step elsewhere is up to the second.

    python examples/approximation.py            # writes examples/approximation.png
"""

import argparse
import math
from pathlib import Path

import numpy as np

import chainrule as cr

POINTS = 50
STEPS = 5000
RATE = 0.02
STRUCTURES = {
    "2 · 2": [2, 2],
    "4 · 4": [4, 4],
    "16 · 16": [16, 16],
    "16 (one layer)": [16],
    "8 · 8 · 8": [8, 8, 8],
}
FUNCTIONS = {
    "sine": np.sin,
    "step": lambda x: np.where(x < 0.5, 0.0, 1.0),
    "bump": lambda x: np.exp(-4 * x**2),
}


def network(widths: list[int], seed: int) -> cr.Network:
    """A logistic network without biases, weights N(0, 3²)."""
    layers = [cr.Dense(n, "logistic", bias=False, weights="normal(0, 3)") for n in (*widths, 1)]
    return cr.Network(layers, loss="rss", inputs=1, seed=seed, dtype="float64")


def approximated(function, widths: list[int], seed: int = 0):
    """Fit one function: the points, the approximation at them, the sum of squared errors."""
    x = np.linspace(-math.pi, math.pi, POINTS)
    y = function(x)
    scale = cr.InnerRange.of(y)
    X = x[:, None]
    net = network(widths, seed)
    result = cr.train(net, X, scale.apply(y), optimizer=cr.GradientDescent(RATE), epochs=STEPS,
                      batch_size=None)  # fmt: skip
    return x, y, scale.invert(net.predict(X)[:, 0]), result.history["loss"]


def main() -> None:
    import matplotlib.pyplot as plt

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".png"))
    out = parser.parse_args().out
    figure, axes = plt.subplots(
        len(FUNCTIONS), len(STRUCTURES), figsize=(15, 8), sharex=True, sharey="row"
    )
    print(f"sum of squared errors (targets in [0.1, 0.9]) after {STEPS} steps at rate {RATE}")
    print(" " * 8 + "".join(name.rjust(20) for name in STRUCTURES))
    for row, (name, function) in zip(axes, FUNCTIONS.items(), strict=True):
        errors = []
        for axis, (structure, widths) in zip(row, STRUCTURES.items(), strict=True):
            x, y, found, history = approximated(function, widths)
            errors.append(history[-1])
            axis.plot(x, y, ".", color="0.6", markersize=4)
            axis.plot(x, found, color="C0" if history[-1] < 0.05 else "C3")
            axis.set_title(f"{structure}: {history[-1]:.2g}", fontsize=9)
        row[0].set_ylabel(name)
        print(name.ljust(8) + "".join(f"{error:20.4f}" for error in errors))
    figure.suptitle(
        "Approximation by logistic networks without biases: neurons in the hidden layers, "
        "and the sum of squared errors"
    )
    figure.tight_layout()
    figure.savefig(out, dpi=110)
    print(f"picture: {out}")


if __name__ == "__main__":
    main()
