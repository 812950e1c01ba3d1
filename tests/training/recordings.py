"""Trainings of many kinds to be recorded, and what the weights of a training are at every step."""

import numpy as np
import scipy.sparse
from tests.training.problems import ROWS, binary, binary_network, classes, classifier

import chainrule as cr
from chainrule.engine import executor as executor_module
from chainrule.engine.control import SEGMENT
from chainrule.engine.executor import Executor


def dropping(dtype=None, seed=1):
    """Dropout whose share falls, and as many batches as leave a smaller last one."""
    layers = [
        cr.Dense(6, "tanh"), cr.Dropout(cr.CosLog4(0.3)), cr.GaussianNoise(0.1),
        cr.Dense(3, "softmax"),
    ]  # fmt: skip
    return cr.Network(layers, "cross_entropy", inputs=3, seed=seed, dtype=dtype)


def normed(dtype=None):
    layers = [cr.Dense(6, "relu"), cr.BatchNorm(), cr.Residual([cr.Dense(6, "tanh")]), cr.Dense(2)]
    return cr.Network(layers, "rss", inputs=3, seed=4, dtype=dtype)


def weights(rows=ROWS):
    return np.random.default_rng(5).uniform(0.1, 3, rows)


def sparse():
    X, y = classes(rows=ROWS)
    return scipy.sparse.csr_matrix(np.where(X > 0, X, 0)), y


def two_columns(rows=ROWS):
    X, _ = classes(rows=rows)
    return X, X[:, :2] ** 2


MANY = 2500  # rows: several tiles in one batch


def wide(dtype=None):
    layers = [cr.Dense(64, "relu"), cr.Dropout(0.2), cr.Dense(3, "softmax")]
    return cr.Network(layers, "cross_entropy", inputs=3, seed=2, dtype=dtype)


#: name: (network, data, arguments of the training beside epochs and batch_size)
TRAININGS = {
    "dropout, Adam, schedules, weights": (
        dropping, classes,
        {"optimizer": cr.Adam(cr.Cosine(0.01)), "sample_weight": weights(), "seed": 3},
    ),
    "momentum, no shuffle": (
        classifier, classes, {"optimizer": cr.Nesterov(0.01, 0.9), "shuffle": False}
    ),
    "penalty, clipping, norms, groups": (
        classifier, classes,
        {"penalty": cr.Penalty(1e-3, cr.Exponential(1e-2)), "clip": cr.ClipGlobalNorm(0.1),
         "constraint": cr.MaxNorm(0.8), "frozen": ["b1"], "rate_factors": {"W2": 0.5},
         "optimizer": cr.RMSprop(0.01)},
    ),
    "held out, a plateau of their loss": (
        classifier, classes,
        {"validation_share": 0.3, "class_weight": {0: 1.5, 1: 0.5}, "label_smoothing": 0.1,
         "optimizer": cr.AdamW(cr.ReduceOnPlateau(0.3, monitor="val_loss", patience=1))},
    ),
    "mixup and jitter": (
        classifier, classes, {"augment": [cr.Mixup(0.4), cr.Jitter(cr.Exponential(0.1))]}
    ),
    "sparse, balanced": (classifier, sparse, {"class_weight": "balanced"}),
    "norms of batches, a sum of losses": (
        normed, two_columns, {"optimizer": cr.GradientDescent(1e-3)}
    ),
    "single outputs": (binary_network, binary, {"optimizer": cr.Adagrad(0.1)}),
    "several tiles": (
        wide, lambda: classes(rows=MANY), {"batch_size": 1100, "optimizer": cr.Lion(1e-3)}
    ),
    "all rows at once": (wide, lambda: classes(rows=MANY), {"batch_size": None}),
}  # fmt: skip


def of(name, dtype="float64", **options):
    """(network, X, y, arguments) of one of them."""
    network, data, arguments = TRAININGS[name]
    X, y = data()
    if not hasattr(X, "indptr"):
        X = X.astype(dtype)
    return network(dtype=dtype), X, y, {"epochs": 4, "batch_size": 8} | arguments | options


def every_step(monkeypatch, train):
    """The weights of a training after every step, seen from outside: step to vector."""
    seen, original = {}, Executor._slice

    def slice_of(self, *end):
        before = self.step
        status = original(self, *end)
        if self.program.ranges and self.step > before and not self._control[SEGMENT]:
            seen[self.step] = self.binding.parameters.copy()
        return status

    with monkeypatch.context() as patch:
        patch.setattr(executor_module, "SLICE", 0.0)  # back in Python after every tile
        patch.setattr(Executor, "_slice", slice_of)
        train()
    return seen
