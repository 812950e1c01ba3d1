"""Losses as entries: found by name, with parameters, with values that are worth a look."""

import numpy as np
import pytest
import sklearn.metrics
from tests.losses.data import ALL, ENTRIES, identity_network, outputs_for, targets_for

import chainrule as cr
from chainrule.engine.kernel import device, real
from chainrule.equations import symbols
from chainrule.losses import Loss, elementwise, find, losses

A, Y = symbols("a y")


@device()
def quartic_value(a, y, k):
    return (a - y) ** 4


@device()
def quartic_slope(a, y, k):
    return real(4) * (a - y) ** 3


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
