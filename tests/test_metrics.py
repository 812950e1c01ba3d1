"""Metrics and decision rules, against scikit-learn where it has the same."""

import numpy as np
import pytest
import sklearn.metrics

import chainrule as cr
from chainrule.metrics import metrics

ALL = pytest.mark.parametrize("metric", list(metrics), ids=lambda e: e.name)
SCORES = {
    "accuracy": sklearn.metrics.accuracy_score,
    "mean_squared_error": sklearn.metrics.mean_squared_error,
    "mean_absolute_error": sklearn.metrics.mean_absolute_error,
    "r2": sklearn.metrics.r2_score,
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@ALL
def test_metrics_equal_those_of_scikit_learn(metric, dtype, rng):
    outputs = rng.uniform(size=(50, 1)).astype(dtype)
    if metric.classification:
        y = rng.integers(0, 2, (50, 1))
        right = SCORES[metric.name](y[:, 0], outputs[:, 0] >= 0.5)
    else:
        y = outputs.astype(float) + rng.normal(size=(50, 1))
        right = SCORES[metric.name](y, outputs)
    assert metric.compute(y, outputs) == pytest.approx(right, rel=1e-6)
    assert metric.compute(y[:, 0], outputs) == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("one_hot", [True, False])
def test_accuracy_of_several_classes_takes_the_largest_output(one_hot, rng):
    outputs, labels = rng.uniform(size=(60, 4)), rng.integers(0, 4, 60)
    y = cr.one_hot(labels, 4) if one_hot else labels
    right = np.mean(outputs.argmax(axis=1) == labels)
    assert metrics["accuracy"].compute(y, outputs) == right


@ALL
def test_a_metric_of_labels_is_that_of_their_one_hot_rows(metric, rng):
    outputs, labels = rng.uniform(size=(20, 4)), rng.integers(0, 4, 20)
    assert metric.compute(labels, outputs) == metric.compute(cr.one_hot(labels, 4), outputs)
    net = cr.Network([cr.Dense(4, "softmax")], "cross_entropy", inputs=2)
    result = cr.train(net, rng.normal(size=(20, 2)), labels, epochs=1, metrics=[metric.name])
    assert np.isfinite(result.history[metric.name]).all()


def test_r2_of_constant_targets_is_not_a_number_and_raises_nothing():
    assert np.isnan(metrics["r2"].compute(np.ones(3), np.zeros((3, 1))))


@ALL
def test_perfect_predictions_have_the_best_figure(metric):
    y = np.array([[0.0], [1.0], [1.0]])
    best = metric.compute(y, y)
    worse = metric.compute(y, 1 - y)
    assert best == (1 if metric.greater_is_better else 0)
    assert (worse < best) == metric.greater_is_better


@ALL
def test_a_training_reports_the_metric_on_its_own_data_and_on_validation_data(metric, rng):
    X, y = rng.normal(size=(30, 2)), rng.integers(0, 2, 30)
    net = cr.Network([cr.Dense(1, "sigmoid")], "binary_cross_entropy", inputs=2, dtype="float64")
    result = cr.train(net, X, y, epochs=2, metrics=[metric.name])
    assert result.history[metric.name][-1] == metric.compute(y, net.predict(X))
    result = cr.train(net, X, y, epochs=2, metrics=[metric.name], validation_data=(X[:9], y[:9]))
    assert metric.name not in result.history
    figure = metric.compute(y[:9], net.predict(X[:9]))
    assert result.history[f"val_{metric.name}"][-1] == figure


@pytest.mark.parametrize(
    ("outputs", "classes"),
    [
        ([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], [1, 0]),
        ([[0.5], [0.49]], [1, 0]),
        ([0.5, 0.49, 0.51], [1, 0, 1]),
        ([[0.4, 0.4]], [0]),
    ],
)
def test_the_decision_is_the_largest_output_or_one_half(outputs, classes):
    found = cr.decide(np.array(outputs))
    assert found.tolist() == classes
    assert found.dtype == np.int64
    assert cr.decide(outputs).tolist() == classes


def test_the_threshold_of_a_decision_can_be_chosen():
    assert cr.decide(np.array([0.2, 0.3, 0.8]), k=0.3).tolist() == [0, 1, 1]


def test_one_hot_rows_of_labels():
    assert cr.one_hot([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert cr.one_hot(np.array([], int), 3).shape == (0, 3)


def test_labels_in_a_column_are_refused():
    with pytest.raises(ValueError, match=r"labels must be a vector, not of the shape \(2, 1\)"):
        cr.one_hot([[0], [1]], 2)


@pytest.mark.parametrize("labels", [[3], [-1], [0.5], ["a"]], ids=str)
def test_what_is_no_label_is_refused(labels):
    with pytest.raises(ValueError, match="labels must be whole numbers between 0 and 2"):
        cr.one_hot(np.array(labels), 3)


# ------------------------------------------------------------------ by what the outputs are

NONE = ["accuracy", "mean_squared_error", "mean_absolute_error", "r2"]


@pytest.mark.parametrize(
    ("loss", "activation", "units", "refused"),
    [
        ("quantile(0.1, 0.9)", "linear", 2, NONE),
        ("quantile", "linear", 1, ["accuracy"]),
        ("poisson", "exponential", 1, ["accuracy"]),
        ("gamma", "softplus", 1, ["accuracy"]),
        ("gaussian", "linear", 2, ["accuracy"]),
        ("hinge", "linear", 1, ["mean_squared_error", "mean_absolute_error", "r2"]),
        ("huber", "linear", 1, []),
        ("mse", "linear", 1, []),
    ],
)
@ALL
def test_a_metric_that_cannot_be_computed_is_refused_before_any_work(
    metric, loss, activation, units, refused
):
    net = cr.Network([cr.Dense(units, activation)], loss, inputs=1, seed=1)
    before = net.vector.copy()
    call = {"epochs": 1, "metrics": [metric.name]}
    if metric.name in refused:
        with pytest.raises(ValueError, match=f"metric '{metric.name}' cannot be computed for"):
            cr.train(net, [[1.0], [2.0]], [1, 1], **call)
        np.testing.assert_array_equal(net.vector, before)
    else:
        assert metric.name in cr.train(net, [[1.0], [2.0]], [1, 1], **call).history


@pytest.mark.parametrize("name", NONE[1:])
def test_metrics_of_a_gaussian_network_are_those_of_its_means(name, rng):
    X, y = rng.normal(size=(20, 2)), rng.normal(size=(20, 2))
    net = cr.Network([cr.Dense(4)], "gaussian", inputs=2)
    found = cr.train(net, X, y, epochs=1, metrics=[name]).history[name]
    assert (
        found == [pytest.approx(SCORES[name](y, net.predict(X)[:, :2]), rel=1e-6)]
        or (
            name == "r2"  # over all columns together, as ever here
            and found == [metrics["r2"].compute(y, net.predict(X)[:, :2])]
        )
    )


def test_accuracy_of_a_margin_is_that_of_its_sign():
    net = cr.Network([cr.Dense(1, weights="ones")], "hinge", inputs=1, dtype="float64")
    X = [[-0.2], [0.2], [0.4], [0.9]]
    result = cr.train(net, X, [0, 1, 1, 0], optimizer=cr.GradientDescent(1e-12), epochs=1,
                      metrics=["accuracy"])  # fmt: skip
    assert result.history["accuracy"] == [0.75]


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "focal", "hinge"])
@pytest.mark.parametrize("side", ["y", "validation y"])
def test_accuracy_of_several_labels_is_refused_and_of_one_class_computed(side, loss):
    last = "linear" if loss == "hinge" else "logistic"
    net = cr.Network([cr.Dense(2, last)], loss, inputs=1, seed=1)
    X, one, several = [[1.0], [2.0]], [[0, 1], [1, 0]], [[1, 1], [0, 0]]
    y, held = (several, one) if side == "y" else (one, several)
    before = net.vector.copy()
    call = {"epochs": 1, "metrics": ["accuracy"]}
    with pytest.raises(ValueError, match=f"'accuracy' cannot be computed: each row of {side} must"):
        cr.train(net, X, y, validation_data=(X, held), **call)
    np.testing.assert_array_equal(net.vector, before)
    assert "accuracy" in cr.train(net, X, one, **call).history
    assert "loss" in cr.train(net, X, several, epochs=1).history
