"""Losses: per example and reduced, natural pairs, domains, and what targets may be."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.metrics

import chainrule as cr
from chainrule.activations import activations
from chainrule.engine.kernel import device, real
from chainrule.equations import symbols
from chainrule.losses import Loss, elementwise, find, losses

# Every entry, and some with other parameters.
ENTRIES = [*losses, *map(find, ("huber(0.25)", "focal(0.5)", "quantile(0.1, 0.5, 0.9)"))]
ALL = pytest.mark.parametrize("loss", ENTRIES, ids=str)
NATURAL = pytest.mark.parametrize(
    ("loss", "partner", "kind"),
    [(e, p, kind) for e in ENTRIES for p in e.natural for kind in e.natural[p]],
    ids=str,
)


def huber(error, k):
    return error**2 / 2 if abs(error) <= k else k * (abs(error) - k / 2)


def pinball(prediction, target, k):
    """By the check function of Koenker and Bassett: an error times the level, less one below 0."""
    error = target - prediction
    return error * (k - (error < 0))


def quantiles(a, y, k):
    each = np.reshape(a, (len(k), len(y)))  # a row for each level
    return sum(pinball(each[q, c], y[c], k[q]) for q in range(len(k)) for c in range(len(y)))


def focal(a, y, k):
    return -sum(
        t * (1 - p) ** k[0] * np.log(p) + (1 - t) * p ** k[0] * np.log(1 - p)
        for p, t in zip(a, y, strict=True)
    )


# The loss of one example, written without the library.
FORMULAS = {
    "rss": lambda a, y, k: sum((t - p) ** 2 for p, t in zip(a, y, strict=True)),
    "mse": lambda a, y, k: sum((t - p) ** 2 for p, t in zip(a, y, strict=True)) / 2,
    "binary_cross_entropy": lambda a, y, k: (
        -sum(t * np.log(p) + (1 - t) * np.log(1 - p) for p, t in zip(a, y, strict=True))
    ),
    "cross_entropy": lambda a, y, k: -sum(t * np.log(p) for p, t in zip(a, y, strict=True)),
    "mean_absolute": lambda a, y, k: np.abs(a - y).sum(),
    "huber": lambda a, y, k: sum(huber(p - t, k[0]) for p, t in zip(a, y, strict=True)),
    "log_cosh": lambda a, y, k: np.log(np.cosh(a - y)).sum(),
    "quantile": quantiles,
    # likelihoods by SciPy, without the terms that the library leaves out
    "poisson": lambda a, y, k: (a - scipy.special.xlogy(y, a)).sum(),
    "gamma": lambda a, y, k: -(scipy.stats.gamma.logpdf(y, 1, scale=a)).sum(),
    "gaussian": lambda a, y, k: (
        -(
            scipy.stats.norm.logpdf(y, a[: len(y)], np.exp(a[len(y) :] / 2)) + np.log(2 * np.pi) / 2
        ).sum()
    ),
    "hinge": lambda a, y, k: sum(max(0, 1 - (2 * t - 1) * p) for p, t in zip(a, y, strict=True)),
    "focal": focal,
}


def outputs_for(loss, targets=3):
    """So many outputs that there are at most that many columns of targets, or one."""
    each = loss.outputs_per_target
    return each * max(1, targets // each)


A, Y = symbols("a y")


@device()
def quartic_value(a, y, k):
    return (a - y) ** 4


@device()
def quartic_slope(a, y, k):
    return real(4) * (a - y) ** 3


def identity_network(loss, activation, outputs=3, dtype="float64"):
    """A network whose z is its input."""
    layer = cr.Dense(outputs, activation, bias=False)
    net = cr.Network([layer], loss, inputs=outputs, dtype=dtype)
    net.parameters["W1"] = np.eye(outputs)
    return net


def targets_for(loss, kind, rows, outputs, rng):
    if kind == "labels":
        return rng.integers(0, outputs, rows)
    y = rng.uniform(0.05, 0.95, (rows, loss.target_columns(outputs)))
    return y / y.sum(axis=1, keepdims=True) if loss.distribution else y


def as_rows(y, outputs):
    return np.eye(outputs)[y] if y.ndim == 1 else y


PAIRS = pytest.mark.parametrize(
    ("loss", "kind", "entry"),
    [
        pytest.param(loss, kind, entry, id=f"{loss}-{kind}-{entry.name}")
        for loss in ENTRIES
        for kind in loss.forms
        for entry in activations
        if entry.trainable and loss.accepts(entry)
    ],
)


# ------------------------------------------------------------------ values


@PAIRS
def test_the_loss_of_each_example_is_the_formula_and_that_of_a_batch_its_mean(
    loss, kind, entry, rng
):
    n = outputs_for(loss)
    net = identity_network(loss, entry, n)
    z, y = rng.normal(size=(5, n)), targets_for(loss, kind, 5, n, rng)
    t = cr.trace(net, z, y)
    right = [FORMULAS[loss.name](a, row, loss.k) for a, row in zip(t["a1"], as_rows(y, n),
                                                                   strict=True)]  # fmt: skip
    np.testing.assert_allclose(t["loss.example"], right, rtol=1e-12)
    reduced = np.mean(right) if loss.mean else np.sum(right)
    assert t["loss"] == pytest.approx(reduced, rel=1e-12)


@PAIRS
def test_delta_is_per_example_and_the_division_happens_once(loss, kind, entry, rng):
    n = outputs_for(loss)
    net = identity_network(loss, entry, n)
    z, y = rng.normal(size=(4, n)), targets_for(loss, kind, 4, n, rng)
    together = cr.trace(net, z, y)
    alone = [cr.trace(net, z[i : i + 1], y[i : i + 1]) for i in range(4)]
    deltas = np.concatenate([t["delta1"] for t in alone])
    np.testing.assert_allclose(together["delta1"], deltas, rtol=1e-13, atol=1e-15)
    gradients = np.sum([t["dW1"] for t in alone], axis=0) / (4 if loss.mean else 1)
    np.testing.assert_allclose(together["dW1"], gradients, rtol=1e-12, atol=1e-15)


@PAIRS
def test_history_reports_the_loss_that_is_differentiated(loss, kind, entry, rng):
    n = outputs_for(loss)
    net = identity_network(loss, entry, n)
    z, y = rng.normal(size=(5, n)), targets_for(loss, kind, 5, n, rng)
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
        # beside 1 a probability of e**-15 keeps nine digits
        np.testing.assert_allclose(fused[name], unfused[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("loss", "partner", "kind"),
    [(losses[name], partner, kind) for name, partner in (
        ("binary_cross_entropy", "logistic"), ("cross_entropy", "softmax"),
        ("poisson", "exponential")) for kind in losses[name].natural[partner]],
    ids=str,
)  # fmt: skip
def test_the_delta_of_a_canonical_pair_is_prediction_minus_target(loss, partner, kind, rng):
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


# ------------------------------------------------------------------ the registry


@ALL
def test_every_entry_says_what_it_is_and_where_it_is_from(loss):
    assert loss.source
    assert loss.forms
    assert (loss.advice != "") == (loss.domain != (-np.inf, np.inf))
    for name in (loss.name, *loss.aliases):
        assert find(str(loss).replace(loss.name, name)) == loss
    for forms in (loss.forms, *loss.natural.values()):
        assert set(forms) == set(loss.forms)
        for form in forms.values():
            assert form.value.equations[0].target == "loss"
            assert form.gradient.equations[0].target in ("da", "delta")


def test_an_unknown_loss_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"unknown loss 'hing'; there are .*cross_entropy.*rss"):
        cr.Network([cr.Dense(1)], "hing", inputs=1)


# ------------------------------------------------------------------ parameters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mse(2)", "'mse' has no parameter"),
        ("huber(0)", "parameter of 'huber' must be greater than 0 and finite, not 0"),
        ("huber(nan)", "must be greater than 0 and finite, not nan"),
        ("huber(inf)", "must be greater than 0 and finite, not inf"),
        ("huber(1, 2)", "'huber' takes one parameter, not 2"),
        ("focal(-1)", "parameter of 'focal' must be greater than 0"),
        ("quantile(0.1, 1)", "between 0 and 1, both left out, not 1"),
        ("quantile(0.1,)", "neither a name nor"),
        ("quantile()", "neither a name nor"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        cr.Network([cr.Dense(1)], text, inputs=1)


def test_a_parameter_is_written_with_the_name_and_read_again():
    assert str(find("huber(1.5)")) == "huber(1.5)"
    assert str(find("huber")) == str(find("huber(1)")) == "huber"
    assert find("huber(1)") == losses["huber"] != find("huber(2)")
    for text in ("quantile(0.1, 0.5, 0.9)", "focal(0.3)"):
        assert find(str(find(text))) == find(text)
        assert hash(find(text)) == hash(find(text))
    net = cr.Network([cr.Dense(4)], "quantile(0.1, 0.9)", inputs=1)
    assert cr.Network.from_dict(net.to_dict()).loss == net.loss
    assert "loss='quantile(0.1, 0.9)'" in repr(net)


def test_another_parameter_compiles_nothing_new():
    kernels = [{i.kernel for i in cr.Network([cr.Dense(1)], text, inputs=1).program.instructions}
               for text in ("huber(1.5)", "huber(0.1)")]  # fmt: skip
    assert kernels[0] == kernels[1]


@pytest.mark.parametrize(
    ("loss", "outputs", "each"), [("gaussian", 3, 2), ("quantile(0.1, 0.5, 0.9)", 4, 3)]
)
def test_outputs_that_cannot_be_shared_out_among_the_targets_are_refused(loss, outputs, each):
    with pytest.raises(ValueError, match=f"takes {each} outputs for each column .* not {outputs}"):
        cr.Network([cr.Dense(outputs)], loss, inputs=1)


# ------------------------------------------------------------------ special values


def of_values(text, a, y, activation="linear"):
    """(loss of each example, da) of outputs given as they are."""
    a = np.array(a, dtype=float)
    net = identity_network(find(text), activation, a.shape[1])
    t = cr.trace(net, a, y, fused=False)
    return t["loss.example"].tolist(), t["da1"].tolist()


@pytest.mark.parametrize(
    ("text", "a", "y", "value", "slope"),
    [
        ("mae", [[2.0]], [2.0], 0, 0),
        ("huber(1.5)", [[1.5]], [0.0], 1.125, 1.5),
        ("huber(1.5)", [[-1.5]], [0.0], 1.125, -1.5),
        ("huber(1.5)", [[1e200]], [0.0], 1.5e200, 1.5),
        ("quantile(0.9)", [[2.0]], [2.0], 0, 0),
        ("log_cosh", [[1.0]], [1.0], 0, 0),
        ("log_cosh", [[1e4]], [0.0], 1e4 - np.log(2), 1),
        ("log_cosh", [[-1e300]], [0.0], 1e300, -1),
        ("hinge", [[1.0]], [1], 0, 0),
        ("hinge", [[-1.0]], [0], 0, 0),
        ("hinge", [[0.0]], [1], 1, -1),
        ("hinge", [[0.0]], [0], 1, 1),
    ],
)
def test_at_a_kink_and_far_away_the_derivative_is_the_stated_one(text, a, y, value, slope):
    assert of_values(text, a, y) == ([value], [[slope]])


def test_a_poisson_loss_of_no_events_is_the_rate():
    found, da = of_values("poisson", [[0.5], [-3.0]], [0, 0], "exponential")
    np.testing.assert_allclose(found, np.exp([0.5, -3.0]))
    assert da == [[1], [1]]


def test_the_mean_absolute_error_and_the_pinball_loss_are_those_of_scikit_learn(rng):
    a, y = rng.normal(size=(40, 1)), rng.normal(size=40)
    w = rng.uniform(0.5, 2, 40)
    scores = {"mae": sklearn.metrics.mean_absolute_error(y, a, sample_weight=w)}
    for k in (0.1, 0.5, 0.8):
        scores[f"quantile({k})"] = sklearn.metrics.mean_pinball_loss(
            y, a[:, 0], alpha=k, sample_weight=w
        )
    scores["hinge"] = sklearn.metrics.hinge_loss(y > 0, a[:, 0], sample_weight=w)
    for text, right in scores.items():
        net = identity_network(find(text), "linear", 1)
        targets = (y > 0) if text == "hinge" else y
        assert cr.trace(net, a, targets, sample_weight=w)["loss"] == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "activation", "power"), [("poisson", "exponential", 1), ("gamma", "softplus", 2)]
)
def test_likelihoods_differ_from_half_a_deviance_by_what_no_prediction_changes(
    text, activation, power, rng
):
    net = identity_network(find(text), activation, 1)
    y = rng.uniform(0.5, 4, 30)
    losses_, deviances = [], []
    for _ in range(2):
        z = rng.normal(size=(30, 1))
        losses_.append(float(cr.trace(net, z, y)["loss"]))
        deviances.append(
            sklearn.metrics.mean_tweedie_deviance(y, net.predict(z)[:, 0], power=power)
        )
    assert losses_[0] - losses_[1] == pytest.approx((deviances[0] - deviances[1]) / 2, rel=1e-10)


def test_quantiles_stand_level_by_level_with_the_columns_of_the_targets_inside():
    a, y = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[0.0, 10.0]])
    found, da = of_values("quantile(0.1, 0.9)", a, y)
    assert found == [pytest.approx(0.9 * 1 + 0.1 * 8 + 0.1 * 3 + 0.9 * 6)]
    np.testing.assert_allclose(da, [[0.9, -0.1, 0.1, -0.9]])


def test_quantiles_of_a_sample_minimise_the_loss(rng):
    y = rng.normal(size=(199, 1))
    net = cr.Network([cr.Dense(3, weights="zeros")], "quantile(0.1, 0.5, 0.9)", inputs=1,
                     dtype="float64")  # fmt: skip
    X = np.zeros((199, 1))
    cr.train(net, X, y, optimizer=cr.Adam(0.01), epochs=2000, batch_size=None)
    np.testing.assert_allclose((y < net.parameters["b1"]).mean(axis=0), [0.1, 0.5, 0.9], atol=0.01)


def test_several_logistic_outputs_are_labels_of_their_own(rng):
    assert losses["multilabel_binary_cross_entropy"] is losses["binary_cross_entropy"]
    z, y = rng.normal(size=(6, 3)), rng.integers(0, 2, (6, 3))
    y[0] = 1  # no distribution: an example may have all labels, or none
    y[1] = 0
    t = cr.trace(identity_network(losses["multilabel_binary_cross_entropy"], "logistic"), z, y)
    each = [sklearn.metrics.log_loss(y[:, c], t["a1"][:, c], labels=[0, 1]) for c in range(3)]
    assert t["loss"] == pytest.approx(sum(each), rel=1e-12)


@pytest.mark.parametrize("k", [0.5, 2.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("y", [0, 1])
@pytest.mark.parametrize("z", [-1e4, 1e4])
def test_logistic_with_focal_is_stable(dtype, y, z, k):
    loss = losses["focal"](k)
    net = identity_network(loss, "logistic", 1, dtype)
    result = cr.train(net, [[z]], [y], optimizer=cr.GradientDescent(1e-9), epochs=1)
    assert result.history["loss"] == [1e4 if (z > 0) != y else 0]
    t = cr.trace(identity_network(loss, "logistic", 1), [[z]], [y])
    assert t["delta1"].item() == (z > 0) - y


@pytest.mark.parametrize(("text", "z", "y", "value", "delta"), [
    ("poisson", -1e4, 3.0, 3e4, -3.0), ("poisson", -1e4, 0.0, 0.0, 0.0),
    ("gamma", 1e4, 3.0, 1e4, 1.0),
])  # fmt: skip
def test_rates_from_z_are_stable_wherever_they_can_be_written(text, z, y, value, delta):
    t = cr.trace(identity_network(find(text), "exponential", 1), [[z]], [y])
    assert (t["loss"], t["delta1"].item()) == (value, delta)


NAN = [e for e in ENTRIES if "values" in e.forms]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", NAN, ids=str)
def test_nan_outputs_make_the_loss_and_its_gradient_nan(loss, dtype, fused, rng):
    n = outputs_for(loss)
    net = identity_network(loss, next(iter(loss.natural), "linear"), n, dtype)
    net.parameters["W1"] = np.full((n, n), np.nan)
    t = cr.trace(net, np.ones((2, n)), targets_for(loss, "values", 2, n, rng), fused=fused)
    assert np.isnan(t["loss.example"]).all()
    assert np.isnan(t["delta1"]).all()


@pytest.mark.parametrize("loss", ENTRIES, ids=str)
def test_classes_can_be_weighed_in_every_loss(loss, rng):
    """By weights of the examples of each class; the mean weight is one."""
    n = outputs_for(loss, 2)
    net = identity_network(loss, next(iter(loss.natural), "linear"), n)
    y = rng.integers(1, 3, 12) if loss.positive else rng.integers(0, 2, 12)
    columns = loss.target_columns(n)
    targets = y if "labels" in loss.forms else np.stack([y, 3 - y if loss.positive else 1 - y], 1)
    targets = targets if targets.ndim == 1 else targets[:, :columns]
    # the class of several columns is the largest one's
    of_row = targets.argmax(axis=1) if targets.ndim == 2 and columns > 1 else y
    classes = np.unique(of_row)
    z, twin = rng.normal(size=(12, n)), net.copy()
    options = {"epochs": 2, "batch_size": 5, "seed": 3}
    first = cr.train(net, z, targets, class_weight={int(classes[0]): 3.0}, **options)
    weights = np.where(of_row == classes[0], 3.0, 1.0)
    second = cr.train(twin, z, targets, sample_weight=weights, **options)
    assert first.history["loss"] == second.history["loss"]
    np.testing.assert_array_equal(net.vector, twin.vector)
    assert not np.array_equal(net.vector, np.eye(n).ravel())


def test_an_entry_of_ones_own_is_a_few_lines():
    quartic = Loss("quartic", {"values": elementwise(
        "quartic", (A - Y) ** 4, 4 * (A - Y) ** 3, quartic_value, quartic_slope)})  # fmt: skip
    net = identity_network(quartic, "linear", 1)
    t = cr.trace(net, [[3.0]], [1.0])
    assert (t["loss"], t["da1"].item()) == (16, 32)
    assert cr.gradcheck(net, [[3.0]], [1.0])


def test_what_is_no_loss_is_refused():
    with pytest.raises(ValueError, match="a loss is a name or an entry"):
        cr.Network([cr.Dense(1)], lambda a, y: 0, inputs=1)
