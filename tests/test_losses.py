"""Losses: per example and reduced, natural pairs, domains, and what targets may be."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.activations import activations
from chainrule.losses import losses

ALL = pytest.mark.parametrize("loss", list(losses), ids=lambda e: e.name)
NATURAL = pytest.mark.parametrize(
    ("loss", "partner", "kind"),
    [(e, p, kind) for e in losses for p in e.natural for kind in e.natural[p]],
    ids=lambda v: getattr(v, "name", str(v)),
)

# The loss of one example, written without the library.
FORMULAS = {
    "rss": lambda a, y: sum((t - p) ** 2 for p, t in zip(a, y, strict=True)),
    "mse": lambda a, y: sum((t - p) ** 2 for p, t in zip(a, y, strict=True)) / 2,
    "binary_cross_entropy": lambda a, y: (
        -sum(t * np.log(p) + (1 - t) * np.log(1 - p) for p, t in zip(a, y, strict=True))
    ),
    "cross_entropy": lambda a, y: -sum(t * np.log(p) for p, t in zip(a, y, strict=True)),
}


def fits(entry, loss):
    return loss.domain[0] <= entry.range[0] and entry.range[1] <= loss.domain[1]


def identity_network(loss, activation, outputs=3, dtype="float64"):
    """A network whose z is its input."""
    layer = cr.Dense(outputs, activation, bias=False)
    net = cr.Network([layer], loss, inputs=outputs, dtype=dtype)
    net.parameters["W1"] = np.eye(outputs)
    return net


def targets_for(loss, kind, rows, outputs, rng):
    if kind == "labels":
        return rng.integers(0, outputs, rows)
    y = rng.uniform(0.05, 0.95, (rows, outputs))
    return y / y.sum(axis=1, keepdims=True) if loss.distribution else y


def as_rows(y, outputs):
    return np.eye(outputs)[y] if y.ndim == 1 else y


PAIRS = pytest.mark.parametrize(
    ("loss", "kind", "entry"),
    [
        pytest.param(loss, kind, entry, id=f"{loss.name}-{kind}-{entry.name}")
        for loss in losses
        for kind in loss.forms
        for entry in activations
        if entry.trainable and fits(entry, loss)
    ],
)


# ------------------------------------------------------------------ values


@PAIRS
def test_the_loss_of_each_example_is_the_formula_and_that_of_a_batch_its_mean(
    loss, kind, entry, rng
):
    net = identity_network(loss, entry)
    z, y = rng.normal(size=(5, 3)), targets_for(loss, kind, 5, 3, rng)
    t = cr.trace(net, z, y)
    right = [FORMULAS[loss.name](a, row) for a, row in zip(t["a1"], as_rows(y, 3), strict=True)]
    np.testing.assert_allclose(t["loss.example"], right, rtol=1e-12)
    reduced = np.mean(right) if loss.mean else np.sum(right)
    assert t["loss"] == pytest.approx(reduced, rel=1e-12)


@PAIRS
def test_delta_is_per_example_and_the_division_happens_once(loss, kind, entry, rng):
    net = identity_network(loss, entry)
    z, y = rng.normal(size=(4, 3)), targets_for(loss, kind, 4, 3, rng)
    together = cr.trace(net, z, y)
    alone = [cr.trace(net, z[i : i + 1], y[i : i + 1]) for i in range(4)]
    deltas = np.concatenate([t["delta1"] for t in alone])
    np.testing.assert_allclose(together["delta1"], deltas, rtol=1e-13, atol=1e-15)
    gradients = np.sum([t["dW1"] for t in alone], axis=0) / (4 if loss.mean else 1)
    np.testing.assert_allclose(together["dW1"], gradients, rtol=1e-12, atol=1e-15)


@PAIRS
def test_history_reports_the_loss_that_is_differentiated(loss, kind, entry, rng):
    net = identity_network(loss, entry)
    z, y = rng.normal(size=(5, 3)), targets_for(loss, kind, 5, 3, rng)
    right = float(cr.trace(net, z, y)["loss"])
    result = cr.train(net, z, y, epochs=1, batch_size=None, validation_data=(z, y))
    assert result.history["loss"] == [pytest.approx(right, rel=1e-12)]
    after = float(cr.trace(net, z, y)["loss"])
    assert result.history["val_loss"] == [pytest.approx(after, rel=1e-12)]


def test_the_squared_errors_are_told_apart_by_their_factors():
    a, y = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 2.0]])
    found = {name: float(cr.trace(identity_network(losses[name], "linear", 2), a, y)["loss"])
             for name in ("rss", "mse")}  # fmt: skip
    assert found == {"rss": 9.0, "mse": 9 / 4}


def test_bce_at_certain_right_predictions_is_zero_not_nan():
    """0·ln 0 is 0: where y is 0 or 1 the other term does not count."""
    net = identity_network(losses["binary_cross_entropy"], "logistic", 1)
    z, y = np.array([[800.0], [-800.0]]), np.array([1.0, 0.0])
    for fused in (True, False):
        assert cr.trace(net, z, y, fused=fused)["loss"] == 0.0


# ------------------------------------------------------------------ natural pairs


@NATURAL
def test_a_natural_pair_equals_its_two_factors(loss, partner, kind, rng):
    net = identity_network(loss, partner, 4)
    z = rng.uniform(-7.4, 7.4, (200, 4))
    y = targets_for(loss, kind, 200, 4, rng)
    fused, unfused = (cr.trace(net, z, y, fused=f) for f in (True, False))
    assert "da1" not in fused
    assert "da1" in unfused
    for name in ("loss", "loss.example", "delta1", "dW1"):
        np.testing.assert_allclose(fused[name], unfused[name], rtol=1e-9, atol=1e-9)


@NATURAL
def test_a_natural_pair_up_to_15(loss, partner, kind, rng):
    net = identity_network(loss, partner, 2)
    z = np.array([[14.9, -14.9], [-14.9, 14.9], [14.9, 14.9], [0.0, 14.9]])
    y = targets_for(loss, kind, 4, 2, rng)
    fused, unfused = (cr.trace(net, z, y, fused=f) for f in (True, False))
    for name in ("loss.example", "delta1"):
        np.testing.assert_allclose(fused[name], unfused[name], rtol=1e-9, atol=1e-9)


@NATURAL
def test_the_delta_of_a_natural_pair_is_prediction_minus_target(loss, partner, kind, rng):
    net = identity_network(loss, partner, 3)
    z, y = rng.normal(size=(5, 3)), targets_for(loss, kind, 5, 3, rng)
    t = cr.trace(net, z, y)
    np.testing.assert_allclose(t["delta1"], t["a1"] - as_rows(y, 3), atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("z", [-1e4, 1e4])
def test_logistic_with_binary_cross_entropy_is_stable(dtype, y, z):
    net = identity_network(losses["binary_cross_entropy"], "logistic", 1, dtype)
    result = cr.train(net, [[z]], [y], optimizer=cr.GradientDescent(1e-9), epochs=1)
    assert result.history["loss"] == [1e4 if (z > 0) != y else 0]
    t = cr.trace(identity_network(losses["binary_cross_entropy"], "logistic", 1), [[z]], [y])
    assert t["delta1"].item() == (z > 0) - y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("one_hot", [True, False])
def test_softmax_with_cross_entropy_is_stable(dtype, label, one_hot):
    z, right = [[1e4, 0.0, -1e4]], [0, 1e4, 2e4][label]
    y = cr.one_hot(np.array([label]), 3) if one_hot else [label]
    net = identity_network(losses["cross_entropy"], "softmax", 3, dtype)
    result = cr.train(net, z, y, optimizer=cr.GradientDescent(1e-9), epochs=1)
    assert result.history["loss"] == [right]
    t = cr.trace(identity_network(losses["cross_entropy"], "softmax"), z, y)
    np.testing.assert_array_equal(t["delta1"], [[1, 0, 0]] - np.eye(3)[[label]])


# ------------------------------------------------------------------ domains


@pytest.mark.parametrize(
    ("loss", "entry"),
    [
        pytest.param(loss, entry, id=f"{loss.name}-{entry.name}")
        for loss in losses
        for entry in activations
        if not fits(entry, loss)
    ],
)
def test_predictions_outside_the_domain_are_refused_with_what_to_use(loss, entry):
    with pytest.raises(ValueError, match=f"{entry.name}.*: {loss.advice}$"):
        cr.Network([cr.Dense(2, entry)], loss.name, inputs=2)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "linear", "elu", "gelu"])
def test_cross_entropies_refuse_what_is_no_probability(name, activation):
    use = {"binary_cross_entropy": "logistic", "cross_entropy": "softmax"}[name]
    with pytest.raises(ValueError, match=rf"needs predictions between 0 and 1.*use '{use}'"):
        cr.Network([cr.Dense(2, activation)], name, inputs=2)


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


# ------------------------------------------------------------------ the registry


@ALL
def test_every_entry_says_what_it_is_and_where_it_is_from(loss):
    assert loss.source
    assert loss.forms
    assert (loss.advice != "") == (loss.domain != (-np.inf, np.inf))
    for name in (loss.name, *loss.aliases):
        assert losses[name] is loss
    for forms in (loss.forms, *loss.natural.values()):
        assert set(forms) == set(loss.forms)
        for form in forms.values():
            assert form.value.equations[0].target == "loss"
            assert form.gradient.equations[0].target in ("da", "delta")


def test_an_unknown_loss_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"unknown loss 'hinge'; there are .*cross_entropy.*rss"):
        cr.Network([cr.Dense(1)], "hinge", inputs=1)


def test_what_is_no_loss_is_refused():
    with pytest.raises(ValueError, match="a loss is a name or an entry"):
        cr.Network([cr.Dense(1)], lambda a, y: 0, inputs=1)
