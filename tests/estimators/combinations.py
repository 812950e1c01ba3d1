"""Parameters of the estimators drawn at random, allowed or not, and what must hold then."""

import contextlib
import functools
import io
import re
import warnings
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import chainrule as cr
from chainrule.activations import activations
from chainrule.losses import losses
from chainrule.optimizers import OPTIMIZERS
from chainrule.schedules import SCHEDULES

ROWS, COLUMNS = 24, 3
LONGEST = 400  # characters of a sentence
HUGE = 2**70


def nothing(_epoch):
    return None


def half(_model, _X, _y, sample_weight=None):
    return 0.5


def no_number(_model, _X, _y, sample_weight=None):
    return float("nan")


def text(_model, _X, _y, sample_weight=None):
    return "good"


class Nothing:
    """Something that no parameter can be."""

    def __repr__(self):
        return "Nothing()"


# What may be drawn for any parameter, whether it fits or not.
ANYTHING = [
    None, True, False, 0, 1, -1, 2, -3, 0.0, 0.5, 1.5, -0.5, 1e300, 1e-300, -1e300,
    float("nan"), float("inf"), float("-inf"), "", "x", "auto", "relu", b"x", 1j, Decimal("0.5"),
    (), [], {}, [1], [0], [-1], [0.5], ["relu"], ["x"], [None], {"a": 1}, Nothing(), int, len,
    np.float32(0.5), np.float64("nan"), np.int8(1), np.int64(-1), np.bool_(True), np.array(2),
    np.array([1, 2]), np.array([[0.5]]), np.array([]), range(2), HUGE, -HUGE,
]  # fmt: skip

# What each parameter may be, with some values beside it that only it could be mistaken for.
OF_BOTH = {
    "hidden_layer_sizes": [
        1, 3, (4,), (3, 2), [2, 2, 2], (), np.int64(3), np.array([3, 2]), [np.int8(2)],
        (0,), (-2,), (2.0,), (True,), "3", ("3",), (2**40,), [HUGE], ((2, 3),), {3}, {3: 4},
    ],
    "activation": [
        *[entry.name for entry in activations], "identity", "sigmoid", "leaky_relu(0.2)",
        "leaky_relu(x)", "leaky_relu(nan)", ["relu"], ["tanh", "relu"], ("tanh",), ["tanh", 3],
        "RELU", "relu(", activations["tanh"], [activations["gelu"]],
    ],
    "solver": ["adam", "sgd", "lbfgs", "ADAM", "newton"],
    "alpha": [0, 0.1, 1, 1e-5, np.float32(0.01), 1e30, 1e308, "0.1"],
    "batch_size": ["auto", 1, 5, 8, ROWS, 1000, np.int32(6), 7.0, 2**40],
    "learning_rate": ["constant", "invscaling", "adaptive", "Constant"],
    "learning_rate_init": [0.001, 0.1, 1, np.float32(0.01), 1e-12, 1e10, 1e38, 1e300],
    "power_t": [0, 0.5, 2, np.float64(0.3), 1e5],
    "max_iter": [1, 2, 3, np.int16(4), 2.0, 2**31, 2**40],
    "shuffle": [True, False, np.bool_(False), 1, "yes"],
    "random_state": [
        None, 0, 7, np.int64(3), np.random.RandomState(0), np.random.default_rng(0), 2**32 - 1,
        2**32, -1,
    ],
    "tol": [0, 1e-4, 0.5, 1e9, np.float32(1e-3)],
    "verbose": [True, False, 2, np.int8(1)],
    "warm_start": [True, False],
    "momentum": [0, 0.5, 0.9, 1, 1.0001, np.float32(0.9)],
    "nesterovs_momentum": [True, False],
    "early_stopping": [True, False],
    "validation_fraction": [0.1, 0.3, 0.5, 0.99, 0, 1, 0.999999, 1e-9, np.float32(0.25)],
    "beta_1": [0, 0.5, 0.9, 0.999999, 1],
    "beta_2": [0, 0.9, 0.999, 1.0],
    "epsilon": [1e-8, 1.0, 1e-300, 1e30, 0],
    "n_iter_no_change": [1, 2, 10, np.inf, np.int64(3), 2.5, HUGE],
    "max_fun": [1, 5, 100, HUGE],
    "network": [
        None, [cr.Dense(3)], [cr.Dense(3, "relu"), cr.Dropout(0.3)], (cr.Dense(2, "tanh"),),
        [cr.Dense(3), cr.BatchNorm(), cr.LayerNorm()], [cr.PReLU()], [cr.Scale()],
        [cr.Residual([cr.Dense(3, "relu")])], [cr.Dense(3, name="a"), cr.Dense(3, name="a")],
        [cr.GaussianNoise(0.1)], [cr.Dense(2), cr.Embedding({0: (5, 2)})], [cr.Dense], cr.Dense(3),
        [cr.Dense(3), None], ["relu"], cr.Network([cr.Dense(2)], inputs=COLUMNS),
        [cr.Dense(2, "softmax")], [cr.Dense(2, "threshold")], [cr.Dense(1, bias=False)],
        [cr.Embedding({0: (5, 2)})], [cr.AlphaDropout(0.1)], cr.Dense,
    ],
    "dropout": [
        0, 0.0, 0.2, 0.9, [0.1], [0.1, 0.2], (0.5,), [None], ["0.1"], [1.0], [-0.1], [np.nan],
        np.float32(0.3), np.array([0.3]), 0.999999,
    ],
    "batch_norm": [True, False],
    "scoring": [
        None, "loss", "accuracy", "r2", "neg_mean_squared_error", "roc_auc", "f1_macro", "nonsense",
        "neg_log_loss", half, no_number, text, nothing,
    ],
    "optimizer": [
        None, *OPTIMIZERS, "lbfgs", "Adam", cr.Adam(0.01), cr.AdamW(0.01), cr.Lion(1e-3),
        cr.Momentum(0.1, 0.9), cr.LBFGS(), cr.LBFGS(max_evaluations=3), cr.Adam, cr.Adam(1e30),
        cr.Adam(cr.Cosine(0.01)),
    ],
    "schedule": [
        None, *SCHEDULES, cr.Cosine(0.01), cr.OneCycle(0.01), cr.StepDecay(0.1, every=2),
        cr.ReduceOnPlateau(0.1), cr.Cosine, "Cosine",
        cr.Constant(1e30),
    ],
    "clip": [
        None, cr.ClipValue(1.0), cr.ClipNorm(1.0), cr.ClipGlobalNorm(0.5), cr.ClipNorm, "norm", 1.0,
    ],
    "callbacks": [
        None, [], [nothing], (nothing,), [nothing, nothing], nothing,
        [cr.EarlyStopping(patience=1)],
        [cr.EarlyStopping("loss", patience=1)], [cr.Reached("loss", 1e9)], [cr.TimeLimit(100)],
        [3], ["x"], [cr.EarlyStopping], [cr.EarlyStopping("nonsense")],
    ],
    "n_jobs": [None, 1, 2, -1, -2, 0, -100, np.int64(1), 1.0, 1000],
    "n_estimators": [1, 2, 3, np.int64(2), 0, -1, 1.5],
    "loss": [
        *[entry.name for entry in losses], "log_loss", "squared_error", "huber(1.5)", "huber(-1)",
        "quantile(0.1, 0.9)", "quantile(2)", "focal(1)", "nonsense", "huber(", losses["mse"],
        losses["hinge"],
    ],
}  # fmt: skip
OF_CLASSIFIER = {
    "class_weight": [
        None, "balanced", {0: 1.0}, {0: 2, 1: 0.5}, {0: 1, 1: 1, 2: 3}, {"a": 1}, {0: -1}, {7: 1},
        {0: np.nan}, {0: "x"}, {0: np.inf, 1: 1}, {0: 0, 1: 0, 2: 0}, {0: 0}, {0: None}, "Balanced",
        [1, 2],
    ],
}  # fmt: skip
PARAMETERS = {"MLPClassifier": OF_BOTH | OF_CLASSIFIER, "MLPRegressor": OF_BOTH}
#: So many of it would be made or run, as was asked for.
UNBOUNDED = {"n_estimators": (HUGE,)}

KINDS = {
    "MLPClassifier": ["binary", "multiclass", "multilabel", "strings"],
    "MLPRegressor": ["one target", "two targets", "counts"],
}
WEIGHTS = ["none", "none", "ones", "random", "some zero"]


@dataclass(frozen=True)
class Case:
    """One call of an estimator.

    Attributes:
        estimator: the name of the class.
        parameters: those that are given.
        kind: of targets, one of KINDS.
        dtype: of X.
        sparse: whether X is.
        weights: of the rows, one of WEIGHTS.
        validation: whether rows to judge by are given.
        incremental: whether it is ``partial_fit`` that is called.
    """

    estimator: str
    parameters: dict[str, Any]
    kind: str
    dtype: str = "float64"
    sparse: bool = False
    weights: str = "none"
    validation: bool = False
    incremental: bool = False

    def model(self):
        given = {"max_iter": 2, "hidden_layer_sizes": (3,), **self.parameters}
        return getattr(cr, self.estimator)(**given)


@st.composite
def cases(draw, estimator):
    """Cases of which most have a few unusual but allowed parameters, and many one that is not."""
    table = PARAMETERS[estimator]
    names = draw(st.lists(st.sampled_from(sorted(table)), max_size=6, unique=True))
    parameters = {name: draw(st.sampled_from(table[name])) for name in names}
    if draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from(sorted(table)))
        value = draw(st.sampled_from(ANYTHING))
        if not any(value is other for other in UNBOUNDED.get(name, ())):
            parameters[name] = value
    return Case(
        estimator, parameters, draw(st.sampled_from(KINDS[estimator])),
        draw(st.sampled_from(["float64", "float32"])), draw(st.booleans()),
        draw(st.sampled_from(WEIGHTS)), draw(st.integers(0, 4)) == 0, draw(st.integers(0, 4)) == 0,
    )  # fmt: skip


@functools.cache
def table(kind):
    """Features and targets of a kind."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, COLUMNS))
    X[rng.random(X.shape) < 0.3] = 0
    number = np.arange(ROWS)
    y = {
        "binary": number % 2,
        "multiclass": number % 3,
        "strings": np.array(["a", "b", "c"])[number % 3],
        "multilabel": np.stack([number % 2, number % 3 == 0, number < 9], axis=1).astype(int),
        "one target": X[:, 0] + 0.1 * rng.normal(size=ROWS),
        "two targets": X[:, :2] - 1.0,
        "counts": rng.poisson(2.0, ROWS) + 1.0,
    }[kind]
    weights = {
        "none": None,
        "ones": np.ones(ROWS),
        "random": rng.random(ROWS) + 0.1,
        "some zero": rng.random(ROWS) * (number >= 3),
    }
    return X, y, weights


def fit(case, model, X, y, weights):
    """The call that the case describes."""
    extra = {"X_val": X[:6], "y_val": y[:6]} if case.validation else {}
    if not case.incremental:
        model.fit(X, y, sample_weight=weights, **extra)
        return
    if case.estimator == "MLPClassifier":
        extra["classes"] = np.unique(y)
    model.partial_fit(X, y, sample_weight=weights, **extra)


#: What Python and NumPy say where nobody had thought of it.
FOREIGN = (
    "object has no attribute", "positional", "operand", "indices", "could not",
    "not supported between", "truth value", "not subscriptable", "not iterable", "cannot convert",
)  # fmt: skip


def outcome(case):
    """What comes of a case: None for a fit that predicts, or the sentence of the error.

    Raises:
        AssertionError: if it is neither.
    """
    X, y, weights = table(case.kind)
    X = X.astype(case.dtype)
    X = sp.csr_array(X) if case.sparse else X
    model = case.model()
    before = dict(model.get_params())
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore", UserWarning)  # convergence, and batches cut off
            fit(case, model, X, y, weights[case.weights])
    except (ValueError, TypeError) as error:
        assert isinstance(error, ValueError) or callable(case.parameters.get("scoring"))  # noqa: PT017
        sentence = str(error)
    except AttributeError as error:
        sentence = str(error)
        assert "partial_fit" in sentence, sentence
        assert case.incremental, sentence
    else:
        sentence = None
    after = model.get_params()
    assert all(after[name] is before[name] for name in before), "fit changed a parameter"
    if sentence is None:
        check_predictions(case, model, X, y)
    else:
        if not callable(case.parameters.get("scoring")):  # which may say what it likes
            check_sentence(sentence)
        check_not_fitted(model, X)
    return sentence


def check_sentence(sentence):
    """An error is one line, neither empty nor a page, and no text of Python's own."""
    assert sentence.strip() == sentence != ""
    assert "\n" not in sentence
    assert len(sentence) <= LONGEST, sentence
    own = sentence.partition(" does not suit this estimator and these targets: ")[0]
    for foreign in FOREIGN:
        assert foreign not in own, sentence


def check_not_fitted(model, X):
    """A fit that failed has left nothing that predicts."""
    try:
        model.predict(X)
    except NotFittedError:
        return
    raise AssertionError("predict works after a fit that failed")


def check_predictions(case, model, X, y):
    """Predictions are finite, and of the shape and dtype of what was learnt."""
    assert model.loss_ is not None
    predicted = model.predict(X)
    columns = predicted.shape[1:]
    if "quantile(0.1" not in str(case.parameters.get("loss")):
        assert predicted.shape == y.shape, predicted.shape
    assert predicted.shape[0] == ROWS
    if case.estimator == "MLPRegressor":
        assert predicted.dtype == case.dtype, predicted.dtype
        assert overflows(model) or np.isfinite(predicted).all()
        assert columns in ((), (2,), (4,))
    else:
        check_classes(case, model, X, y, predicted)
    assert clone(model).get_params().keys() == model.get_params().keys()


def overflows(model):
    """Whether the weights are so large, after steps of an absurd rate, that outputs overflow."""
    models = getattr(model, "estimators_", [model])
    return any(np.abs(one.network_.vector).max() > 1e6 for one in models)


def check_classes(case, model, X, y, predicted):
    """Labels are known ones, and probabilities are some."""
    assert np.isin(predicted, np.unique(y)).all()
    assert predicted.dtype == (np.int64 if case.kind == "multilabel" else y.dtype)
    if not hasattr(model, "predict_proba"):
        return
    shares = model.predict_proba(X)
    assert shares.dtype == case.dtype
    assert shares.shape == (ROWS, 3 if case.kind != "binary" else 2)
    if overflows(model):
        return
    assert np.isfinite(shares).all()
    assert (shares >= 0).all()
    assert (shares <= 1).all()
    if case.kind != "multilabel":
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def form(sentence):
    """A sentence without its values, so that equal complaints are counted together."""
    sentence = re.sub(r"(?<=Got ).*(?= instead)", "…", sentence)
    sentence = re.sub(r"(, (?:not|got)) .*$", r"\1 …", sentence)
    sentence = re.sub(r"\bMLP(Classifier|Regressor)", "MLP", sentence)
    return re.sub(r"-?\b\d[\d.e+-]*\d\b|\b\d\b", "#", sentence)
