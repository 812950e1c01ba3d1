"""The works: what is trained, on which data, from which weights, and what is to be reached."""

import math
from dataclasses import dataclass, field

import numpy as np

LEARNING_RATE = 1e-3
NOISE = 0.5  # of the teacher's logits: so that no loss comes near 0, where numbers are denormal

Weights = list[tuple[np.ndarray, np.ndarray]]

#: The output activation that goes with a loss.
OUTPUTS = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax", "mse": "linear"}


@dataclass(frozen=True)
class Work:
    """A network, its data and its batches; the same for every opponent.

    Attributes:
        sizes: units of the layers, inputs first.
        loss: as the library names it.
        rows: of the data, a multiple of ``batch``, so that all batches have one shape.
        checked_epochs: after how many epochs the losses of the opponents are compared.
        targets: how many times faster than an opponent the library is meant to be; for ``limit``
            the share of it that is to be reached.
    """

    name: str
    sizes: tuple[int, ...]
    loss: str
    rows: int
    batch: int
    checked_epochs: int
    hidden: str = "relu"
    targets: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        sizes = "-".join(map(str, self.sizes))
        return f"{sizes} {self.hidden}, batch {self.batch:,} of {self.rows:,} rows"

    @property
    def output(self) -> str:
        return OUTPUTS[self.loss]

    @property
    def steps(self) -> int:
        """Training steps of an epoch."""
        return self.rows // self.batch

    @property
    def shuffled(self) -> bool:
        """Whether each epoch has an order of its own: it has none if a batch is everything."""
        return self.batch < self.rows

    @property
    def products(self) -> int:
        """Floating-point operations of a step's matrix products.

        Each layer multiplies forward and for its weight gradient; all but the first also for the
        gradient of their inputs.
        """
        layers = [i * o for i, o in zip(self.sizes, self.sizes[1:], strict=False)]
        return 2 * self.batch * (3 * sum(layers) - layers[0])

    def weights(self, seed: int = 1) -> Weights:
        """The initial weights (inputs, units) and biases, the same for every opponent."""
        rng = np.random.default_rng(seed)
        gain = 6 if self.hidden == "relu" else 3
        return [
            (
                rng.uniform(-1, 1, (i, o)).astype(np.float32) * np.float32(math.sqrt(gain / i)),
                np.zeros(o, np.float32),
            )
            for i, o in zip(self.sizes, self.sizes[1:], strict=False)
        ]

    def data(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """X (rows, inputs); y (rows,) labels, or (rows, outputs) for regression."""
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((self.rows, self.sizes[0]), np.float32)
        if self.loss == "mse":
            return X, _matrix_exponential(X)
        return X, _labels(rng, X, max(self.sizes[-1], 2))


def _matrix_exponential(X: np.ndarray) -> np.ndarray:
    """exp of the 2×2 matrix that the four inputs are."""
    from scipy.linalg import expm

    return expm(X.reshape(-1, 2, 2).astype(np.float64)).reshape(-1, 4).astype(np.float32)


def _labels(rng: np.random.Generator, X: np.ndarray, classes: int) -> np.ndarray:
    """What a random network answers, with noise: something that can be learnt, though not fully."""
    inner = rng.standard_normal((X.shape[1], 8)) / math.sqrt(X.shape[1])
    outer = rng.standard_normal((8, classes))
    logits = np.tanh(2 * X @ inner) @ outer
    logits = (logits - logits.mean(axis=0)) / logits.std(axis=0)
    return np.argmax(logits + NOISE * rng.gumbel(size=logits.shape), axis=1)


_ALL = (
    Work(
        "tiny", (2, 16, 16, 1), "binary_cross_entropy", rows=2048, batch=32, checked_epochs=20,
        targets={"scikit-learn": 60, "PyTorch": 100, "JAX": 4},
    ),
    Work(
        "table", (20, 64, 64, 1), "binary_cross_entropy", rows=8192, batch=128, checked_epochs=10,
        targets={"scikit-learn": 8, "PyTorch": 8, "JAX": 2, "limit": 0.5},
    ),
    Work(
        "image", (784, 100, 10), "cross_entropy", rows=10_000, batch=200, checked_epochs=4,
        targets={"scikit-learn": 4.5, "PyTorch": 2.5, "JAX": 1.1, "limit": 0.7},
    ),
    Work(
        "wide", (128, 512, 512, 10), "cross_entropy", rows=12_800, batch=256, checked_epochs=3,
        targets={"scikit-learn": 2, "PyTorch": 1.3, "JAX": 1.1, "limit": 0.8},
    ),
    Work(
        "online", (20, 64, 1), "binary_cross_entropy", rows=1000, batch=1, checked_epochs=2,
        targets={"scikit-learn": 150, "PyTorch": 200},
    ),
    Work(
        "fullbatch", (4, 32, 16, 4), "mse", rows=10_000, batch=10_000, checked_epochs=100,
        hidden="tanh", targets={"PyTorch": 8},
    ),
)  # fmt: skip

WORKS = {work.name: work for work in _ALL}
