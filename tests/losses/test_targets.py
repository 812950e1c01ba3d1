"""Losses: what predictions and targets may be, and what is refused."""

import numpy as np
import pytest
from tests.losses.data import identity_network

import chainrule as cr
from chainrule.activations import activations
from chainrule.losses import losses

# ------------------------------------------------------------------ domains


@pytest.mark.parametrize(
    ("loss", "entry"),
    [
        pytest.param(loss, entry, id=f"{loss.name}-{entry.name}")
        for loss in losses
        for entry in activations
        if not loss.accepts(entry)
    ],
)
def test_predictions_outside_the_domain_are_refused_with_what_to_use(loss, entry):
    with pytest.raises(ValueError, match=f"{entry.name}.*: {loss.advice}$"):
        cr.Network([cr.Dense(2, entry)], loss.name, inputs=2)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy", "focal"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "linear", "elu", "gelu", "hard_sigmoid",
                                        "threshold"])  # fmt: skip
def test_cross_entropies_refuse_what_is_no_probability(name, activation):
    use = "softmax" if name == "cross_entropy" else "logistic"
    with pytest.raises(ValueError, match=rf"needs predictions between 0 and 1.*use '{use}'"):
        cr.Network([cr.Dense(2, activation)], name, inputs=2)


@pytest.mark.parametrize("name", ["poisson", "gamma"])
@pytest.mark.parametrize("activation", ["relu", "linear", "relu6", "hard_sigmoid", "leaky_relu",
                                        "tanh"])  # fmt: skip
def test_rates_must_be_positive(name, activation):
    """ReLU reaches 0, whose logarithm is infinite; softplus and e^z only come near."""
    with pytest.raises(ValueError, match=r"greater than 0, .* use 'exponential' or 'softplus'"):
        cr.Network([cr.Dense(2, activation)], name, inputs=2)
    for allowed in ("exponential", "softplus", "logistic", "softmax"):
        cr.Network([cr.Dense(2, allowed)], name, inputs=2)


def test_one_neuron_outside_the_domain_is_enough_to_be_refused():
    with pytest.raises(ValueError, match="'tanh' outputs are not"):
        cr.Network([cr.Dense(2, ["logistic", "tanh"])], "binary_cross_entropy", inputs=2)


# ------------------------------------------------------------------ targets

WRONG_TARGETS = {
    "bce above 1": ("binary_cross_entropy", "logistic", 1, [[0.5], [1.5]], "between 0 and 1"),
    "bce below 0": ("binary_cross_entropy", "logistic", 1, [-1, 1], "between 0 and 1"),
    "bce of two classes 1, 2": ("binary_cross_entropy", "logistic", 1, [1, 2], "between 0 and 1"),
    "label too large": ("cross_entropy", "softmax", 3, [0, 3],
                        "y holds the class 3, and the network's classes are 0 to 2"),
    "label below 0": ("cross_entropy", "softmax", 3, [0, -1], "holds the class -1"),
    "label between": ("cross_entropy", "softmax", 3, [0.0, 1.5], "must be whole numbers"),
    "rows that are no distribution": ("cross_entropy", "softmax", 3, [[1, 1, 0], [0, 0, 1]],
                                      "each row of y must sum to 1"),
    "rows of zeros": ("cross_entropy", "softmax", 3, np.zeros((2, 3)), "must sum to 1"),
    "negative shares": ("cross_entropy", "softmax", 3, [[1.5, -0.5, 0], [0, 0, 1]],
                        "between 0 and 1"),
    "too many columns": ("mse", "linear", 1, [[1, 2], [3, 4]],
                         "a column for each of the 1 outputs"),
    "too few columns": ("mse", "linear", 3, [1, 2], "a column for each of the 3 outputs"),
    "three dimensions": ("mse", "linear", 1, np.zeros((2, 1, 1)), "a column for each"),
    "nan": ("mse", "linear", 1, [1.0, np.nan], r"y\[1\] is nan: every value must be finite"),
    "infinite": ("mse", "linear", 1, [[1.0], [np.inf]], r"y\[1, 0\] is inf"),
    "rows missing": ("mse", "linear", 1, [1.0], "y has 1 rows, and X has 2"),
    "a number": ("mse", "linear", 1, 1.0, "rows, and X has 2"),
    "a negative count": ("poisson", "exponential", 1, [-1, 1], "y must be at least 0 for the loss"),
    "a duration of 0": ("gamma", "exponential", 1, [0, 1], "y must be greater than 0 for the loss"),
    "hinge of -1 and 1": ("hinge", "linear", 1, [-1, 1], "between 0 and 1"),
    "quantiles of too many columns": ("quantile(0.1, 0.9)", "linear", 4, np.zeros((2, 4)),
                                      "must have 2 columns for the 4 outputs"),
    "variances among the targets": ("gaussian", "linear", 2, np.zeros((2, 2)),
                                    "must have 1 columns for the 2 outputs"),
    "strings": ("mse", "linear", 1, ["a", "b"], "y must be numbers"),
    "objects": ("mse", "linear", 1, [{}, None], "y must be numbers"),
    "complex": ("mse", "linear", 1, [1j, 2], "y must be numbers, not complex128"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_TARGETS)
def test_targets_that_do_not_fit_are_refused_before_any_work(case):
    loss, activation, outputs, y, message = WRONG_TARGETS[case]
    net = cr.Network([cr.Dense(outputs, activation)], loss, inputs=2, seed=1)
    before = net.vector.copy()
    X = np.eye(2)
    for call in (cr.train, cr.trace, cr.gradcheck):
        with pytest.raises(ValueError, match=message):
            call(net, X, y)
    assert net.dtype == "float32"
    np.testing.assert_array_equal(net.vector, before)


@pytest.mark.parametrize("y", [[2, 0], [[2], [0]], [2.0, 0.0], np.array([2, 0], np.uint8),
                               [[0, 0, 1], [1, 0, 0]]], ids=str)  # fmt: skip
def test_softmax_takes_labels_in_any_form_and_one_hot_rows(y):
    net = identity_network(losses["cross_entropy"], "softmax")
    z = np.array([[0.1, 0.2, 0.3], [1.0, 0.0, -1.0]])
    right = -np.log(net.predict(z)[[0, 1], [2, 0]]).mean()
    assert float(cr.trace(net, z, y)["loss"]) == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("y", [[1, 0], [[1], [0]], [True, False], np.array([1, 0], np.int8)],
                         ids=str)  # fmt: skip
def test_one_output_takes_a_vector_or_a_column(y):
    net = identity_network(losses["binary_cross_entropy"], "logistic", 1)
    t = cr.trace(net, [[0.3], [-0.2]], y)
    assert t["loss"] == pytest.approx(np.log1p(np.exp([-0.3, -0.2])).mean(), rel=1e-12)
