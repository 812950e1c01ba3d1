"""From the same start and over the same batches: what scikit-learn's networks become, to 1e-8."""

import warnings

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.neural_network import _multilayer_perceptron as internals

import chainrule as cr
from chainrule.engine.random import shuffle as shuffled

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
NUMBERS, TARGETS = load_diabetes(return_X_y=True)
NUMBERS, TARGETS = NUMBERS[:150] * 20, (TARGETS[:150] - 150) / 80
INDICATORS = make_multilabel_classification(150, 6, n_classes=4, random_state=0)
COMMON = {"hidden_layer_sizes": (8, 5), "max_iter": 25, "random_state": 3, "tol": 1e-4}

SOLVERS = {
    "plain": {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.05},
    "Nesterov": {"solver": "sgd", "learning_rate_init": 0.05},
    "adam": {"solver": "adam", "learning_rate_init": 0.01, "epsilon": 1e-5},
}
CURVES = ("loss_curve_", "validation_scores_")
FIGURES = ("loss_", "n_iter_", "t_", "best_loss_", "best_validation_score_", "n_layers_",
           "n_outputs_", "out_activation_", "_no_improvement_count")  # fmt: skip


def both(name, X, y, sample_weight=None, **options):
    """Both estimators, fitted."""
    fitted = []
    for module in (theirs, cr):
        estimator = getattr(module, name)(**COMMON | options)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Got `batch_size`")
            fitted.append(estimator.fit(X, y, sample_weight=sample_weight))
    return fitted


def assert_alike(them, us, tolerance=1e-8):
    for mine, other in zip(us.coefs_ + us.intercepts_, them.coefs_ + them.intercepts_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance)
    for name in CURVES:
        if getattr(them, name) is None:
            assert getattr(us, name) is None
        else:
            np.testing.assert_allclose(getattr(us, name), getattr(them, name), atol=tolerance)
    for name in FIGURES:
        mine, other = getattr(us, name), getattr(them, name)
        if isinstance(other, float):
            assert mine == pytest.approx(other, abs=tolerance), name
        else:
            assert mine == other, name
    assert us._optimizer.learning_rate == pytest.approx(them._optimizer.learning_rate, rel=1e-12)


@pytest.mark.parametrize("alpha", [0, 0.5])
@pytest.mark.parametrize("rule", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_and_rule_takes_the_same_steps(solver, rule, alpha):
    them, us = both(
        "MLPClassifier", X, Y, learning_rate=rule, alpha=alpha, shuffle=False, batch_size=40,
        **SOLVERS[solver],
    )  # fmt: skip
    assert_alike(them, us)


@pytest.mark.parametrize("solver", SOLVERS)
def test_shuffled_batches_are_the_same_batches(solver, monkeypatch):
    """scikit-learn is given the order of our epochs in place of its own."""
    epochs = iter(range(COMMON["max_iter"]))
    us = cr.MLPClassifier(batch_size=40, **COMMON | SOLVERS[solver]).fit(X, Y)

    def ours(indices, random_state):
        order = np.empty_like(indices)
        with np.errstate(over="ignore"):
            shuffled(order, us._state.seed, next(epochs))
        return order

    monkeypatch.setattr(internals, "shuffle", ours)
    them = theirs.MLPClassifier(batch_size=40, **COMMON | SOLVERS[solver]).fit(X, Y)
    assert_alike(them, us)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("classes", [2, 3])
def test_every_activation_starts_from_the_same_weights(activation, classes):
    them, us = both("MLPClassifier", X, np.minimum(Y, classes - 1), activation=activation,
                    shuffle=False)  # fmt: skip
    assert_alike(them, us)
    np.testing.assert_allclose(us.predict_proba(X), them.predict_proba(X), atol=1e-8)


def test_several_labels_at_once():
    them, us = both("MLPClassifier", *INDICATORS, shuffle=False, batch_size=32)
    assert_alike(them, us)
    np.testing.assert_array_equal(us.predict(INDICATORS[0]), them.predict(INDICATORS[0]))


@pytest.mark.parametrize("solver", SOLVERS)
def test_numbers(solver):
    them, us = both("MLPRegressor", NUMBERS, TARGETS, shuffle=False, batch_size=40,
                    **SOLVERS[solver])  # fmt: skip
    assert_alike(them, us)
    np.testing.assert_allclose(us.predict(NUMBERS), them.predict(NUMBERS), atol=1e-8)


def test_counts():
    counts = np.random.default_rng(0).poisson(2, len(NUMBERS))
    assert_alike(*both("MLPRegressor", NUMBERS, counts, loss="poisson", shuffle=False))


def test_several_targets_have_the_same_weights_and_the_sum_of_their_losses():
    targets = np.column_stack([TARGETS, TARGETS**2, -TARGETS])
    them, us = both("MLPRegressor", NUMBERS, targets, shuffle=False, alpha=0, tol=0)
    for mine, other in zip(us.coefs_, them.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-8)
    np.testing.assert_allclose(us.loss_curve_, 3 * np.array(them.loss_curve_), atol=1e-8)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("rule", ["constant", "adaptive"])
def test_early_stopping_splits_scores_and_stops_alike(name, rule):
    data = (X, Y) if name == "MLPClassifier" else (NUMBERS, TARGETS)
    them, us = both(name, *data, early_stopping=True, shuffle=False, max_iter=200, solver="sgd",
                    learning_rate=rule, learning_rate_init=0.05, n_iter_no_change=3)  # fmt: skip
    assert us.n_iter_ < 200
    assert_alike(them, us)


def test_sample_weights_of_full_batches():
    weights = np.random.default_rng(0).uniform(0.5, 3, len(X))
    assert_alike(*both("MLPClassifier", X, Y, weights, alpha=0.5, shuffle=False))


@pytest.mark.parametrize("solver", SOLVERS)
def test_partial_fits_are_the_same_partial_fits(solver):
    us = cr.MLPClassifier(shuffle=False, learning_rate="invscaling", **COMMON | SOLVERS[solver])
    them = theirs.MLPClassifier(
        shuffle=False, learning_rate="invscaling", **COMMON | SOLVERS[solver]
    )
    for rows in (slice(0, 150, 3), slice(1, 150, 2), slice(0, 40)):  # of several sizes
        us.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
        them.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
    assert_alike(them, us)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_lbfgs_reaches_the_same_minimum(name):
    """Both minimise one convex function by one code; sums in another order part their ways."""
    data = (X, Y) if name == "MLPClassifier" else (NUMBERS, TARGETS)
    them, us = both(name, *data, solver="lbfgs", activation="identity", max_iter=2000, alpha=1,
                    hidden_layer_sizes=(), tol=1e-9)  # fmt: skip
    for mine, other in zip(us.coefs_, them.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)
    assert us.loss_ == pytest.approx(them.loss_, abs=1e-9)


def test_float32_in_is_float32_out():
    them, us = both("MLPRegressor", NUMBERS.astype(np.float32), TARGETS, shuffle=False)
    assert {array.dtype for array in us.coefs_ + us.intercepts_} == {np.dtype("float32")}
    assert us.predict(NUMBERS.astype(np.float32)).dtype == np.float32
    for mine, other in zip(us.coefs_, them.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 3, 150)], ids=["even", "weights"])
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_lbfgs_takes_the_same_first_steps(name, weights):
    """Rounding parts the ways later: each step divides by differences of gradients."""
    data = (X, Y) if name == "MLPClassifier" else (NUMBERS, TARGETS)
    them, us = both(name, *data, weights, solver="lbfgs", max_iter=5, alpha=0.5)
    for mine, other in zip(us.coefs_, them.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-8)
    assert us.n_iter_ == them.n_iter_ == 5
    assert us.loss_ == pytest.approx(them.loss_, rel=1e-9)


LABELS = {
    "two classes": np.minimum(Y, 1),
    "booleans": Y > 0,
    "one class": np.zeros(150, int),
    "several labels": np.stack([X[:, 0] > 0, X[:, 1] > 0.5, X[:, 2] > 0], axis=1).astype(int),
}


@pytest.mark.parametrize("labels", LABELS)
def test_early_stopping_of_every_kind_of_labels(labels):
    them, us = both("MLPClassifier", X, LABELS[labels], early_stopping=True, shuffle=False,
                    validation_fraction=0.3, n_iter_no_change=5, max_iter=60)  # fmt: skip
    assert_alike(them, us)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("rule", ["constant", "adaptive"])
def test_what_is_printed_is_the_same(name, early, rule, capsys):
    data = (X, Y) if name == "MLPClassifier" else (NUMBERS, TARGETS)
    said = []
    for module in (theirs, cr):
        getattr(module, name)(
            verbose=True, shuffle=False, early_stopping=early, solver="sgd", learning_rate=rule,
            n_iter_no_change=2, **COMMON | {"tol": 0.05},
        ).fit(*data)  # fmt: skip
        said.append(capsys.readouterr().out)
    assert "Stopping." in said[0] or "Setting learning rate to" in said[0]
    assert said[0] == said[1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_partial_fit_after_a_fit_is_the_same(solver):
    pair = both("MLPClassifier", X, Y, shuffle=False, batch_size=40, **SOLVERS[solver])
    for estimator in pair:
        for rows in (slice(0, 90), slice(60, 150)):
            estimator.partial_fit(X[rows], Y[rows])
    assert_alike(*pair)
