"""The checkup: healthy networks have no findings, sick ones the right one in the right place."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule.activations import Activation, activations
from chainrule.activations.catalogue import logistic_pullback, logistic_value
from chainrule.glass.traces.slopes import slopes_of


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def network(*hidden, outputs=10, inputs=64, **options):
    return cr.Network(
        [*hidden, cr.Dense(outputs, "softmax")], loss="cross_entropy", inputs=inputs, **options
    )


def kinds(found):
    return [(finding.kind, finding.layer) for finding in found.findings]


def deep(activation, weights=None):
    return network(*[cr.Dense(32, activation, weights=weights) for _ in range(9)], seed=0)


# ------------------------------------------------------------------ the sick


def test_the_gradient_vanishes_in_ten_logistic_layers_and_not_with_relu_and_he(digits):
    sick = cr.checkup(deep("logistic"), *digits)
    assert kinds(sick) == [("vanishing_gradient", "dense1")]
    finding = sick.findings[0]
    ratio = sick["dense1"].delta / sick["dense10"].delta
    assert finding.number == pytest.approx(ratio)
    assert ratio < 1e-4
    for part in (f"{ratio:.1g}", "dense1", "W1", "W10", "vanishes", "'relu' with He", "BatchNorm"):
        assert part in finding.sentence
    assert cr.checkup(deep("relu", "he_normal"), *digits).ok


def test_the_gradient_does_not_vanish_behind_batch_norm(digits):
    layers = [layer for _ in range(9) for layer in (cr.Dense(32, "logistic"), cr.BatchNorm())]
    assert cr.checkup(network(*layers, seed=0), *digits).ok


def test_layers_of_every_kind_and_those_inside_blocks_are_listed(digits):
    block = cr.Residual([cr.Dense(16, "relu"), cr.Dense(16)])
    net = network(cr.Dense(16), cr.PReLU(), cr.Dropout(0.2), block, cr.LayerNorm(), seed=0)
    found = cr.checkup(net, *digits)
    assert [h.layer for h in found.layers] == [
        "dense1", "prelu1", "dropout1", "residual1.dense1", "residual1.dense2", "residual1",
        "layer_norm1", "dense2",
    ]  # fmt: skip
    assert found["residual1.dense1"].dead is not None
    assert set(found["layer_norm1"].gradients) == {"layer_norm1.gamma", "layer_norm1.beta"}
    assert found["dropout1"].delta is None
    assert found["dense1"].ratio == pytest.approx(
        found["dense1"].delta / found["residual1.dense1"].delta
    )
    assert found.ok


def test_large_weights_let_values_and_gradients_explode(digits):
    found = cr.checkup(deep("relu", "normal(0, 3)"), *digits)
    assert [kind for kind, _ in kinds(found)] == ["exploding_gradient", "exploding_values"]
    assert found.findings[0].layer == "dense1"
    assert found.findings[0].number > 1e3


def test_units_that_are_dead_for_every_row_are_counted(digits):
    net = network(cr.Dense(8, "relu"), seed=0)
    assert cr.checkup(net, *digits).ok
    net.parameters["b1"] = [-1e3] * 6 + [1] * 2
    found = cr.checkup(net, *digits)
    assert found["dense1"].dead == 6 / 8
    assert kinds(found) == [("dead_units", "dense1")]
    assert "75% of the 8 units of dense1 are dead" in found.findings[0].sentence
    assert "leaky_relu" in found.findings[0].sentence


@np.errstate(all="ignore")
def flat(entry):
    """On how many sides a function is flat: whether it hardly differs between two far points."""
    k = entry.k or 0.0
    f = [[float(entry.equation.evaluate({"z": np.float64(side * far), "k": k}))
          for far in (50, 60)] for side in (-1, 1)]  # fmt: skip
    return sum(abs(near - far) < 1e-2 for near, far in f)


ELEMENTWISE = [e for e in activations if e.pullback is not None]


@pytest.mark.parametrize("entry", ELEMENTWISE, ids=lambda e: e.name)
def test_every_activation_dies_or_saturates_if_its_function_flattens(entry):
    net = network(cr.Dense(4, entry), inputs=2, outputs=3, seed=0, dtype="float64")
    net.parameters["b1"] = [-500.0, -500.0, -500.0, 0.5]
    X = np.random.default_rng(0).normal(size=(50, 2))
    health = cr.checkup(net, X, [0] * 50)["dense1"]
    sides = flat(entry)
    assert (health.dead is not None) == (sides == 1)
    assert (health.saturated is not None) == (sides == 2)
    if sides:
        assert (health.dead if sides == 1 else health.saturated) == pytest.approx(3 / 4, abs=0.26)


def test_large_weights_saturate_logistic_and_tanh_units(digits):
    for name in ("logistic", "tanh"):
        found = cr.checkup(network(cr.Dense(16, name, weights="normal(0, 100)"), seed=0), *digits)
        assert ("saturated_units", "dense1") in kinds(found)
        assert found["dense1"].saturated > 0.25
        assert found["dense1"].dead is None


def test_the_shares_of_a_layer_with_a_function_per_neuron_are_each_over_their_own():
    layer = cr.Dense(4, ["relu", "relu", "tanh", "linear"], weights="ones")
    net = network(layer, inputs=1, outputs=3, seed=0)
    net.parameters["b1"] = [-1e3, 0, 1e3, 0]
    health = cr.checkup(net, [[0.5], [1.0]], [0, 1])["dense1"]
    assert (health.dead, health.saturated) == (1 / 2, 1.0)


def test_an_activation_outside_the_registry_is_understood_by_its_derivative():
    entry = activations["logistic"]
    own = Activation("own", entry.equation, entry.derivative_equation, logistic_value,
                     logistic_pullback)  # fmt: skip
    assert own.name not in activations
    net = network(cr.Dense(3, own), inputs=1, outputs=2, seed=0)
    net.parameters["b1"] = [50, 0, -50]
    assert cr.checkup(net, [[0.1], [0.2]], [0, 1])["dense1"].saturated == pytest.approx(2 / 3)


def test_values_that_are_not_finite_are_found_where_they_begin(digits):
    net = network(cr.Dense(8, "relu"), cr.Dense(8, "relu"), seed=0)
    net.parameters["W2"][0, 0] = np.nan
    found = cr.checkup(net, *digits)
    assert found.findings[0].kind == "not_finite"
    assert found["dense2"].not_finite > 0
    assert "infinite or NaN" in found.findings[0].sentence
    assert "learning rate" in found.findings[0].sentence
    net.parameters["W2"][0, 0] = 0.1
    assert cr.checkup(net, *digits).ok


@pytest.mark.parametrize(
    ("losses", "falls"),
    [([2.3, 2.3, 2.31, 2.3, 2.295], False), ([1, 2, 3, 4, 5], False), ([2.3, 2.2, 2, 2, 1], True),
     ([2.3] * 4, True), ([0.0] * 5, True), ([2.3] * 4 + [float("nan")], False)],
)  # fmt: skip
def test_a_loss_that_does_not_fall_is_told_of(losses, falls, digits):
    found = cr.checkup(network(), *digits, history={"loss": losses})
    assert kinds(found) == ([] if falls else [("loss_does_not_fall", None)])


# ------------------------------------------------------------------ the healthy


@pytest.mark.parametrize("name", ["relu", "tanh", "logistic", "gelu", "leaky_relu"])
def test_a_network_that_learns_has_no_findings_before_and_after(name, digits):
    net = network(cr.Dense(32, name), cr.Dense(32, name), seed=0)
    assert cr.checkup(net, *digits).findings == ()
    result = cr.train(net, *digits, epochs=20)
    assert cr.checkup(net, *digits, history=result.history).findings == ()


def test_a_regression_to_large_targets_is_healthy(rng):
    X = rng.normal(size=(300, 5))
    y = 1e5 * X[:, 0]
    net = cr.Network([cr.Dense(16, "relu"), cr.Dense(1)], loss="mse", inputs=5, seed=0)
    assert cr.checkup(net, X, y).ok


# ------------------------------------------------------------------ the numbers


def test_the_numbers_are_those_of_the_trace(digits):
    X, y = digits[0][:300], digits[1][:300]
    net = network(cr.Dense(12, "tanh"), cr.Dense(7, "relu"), seed=1)
    seen, found = cr.trace(net, X, y), cr.checkup(net, X, y)
    assert [h.layer for h in found.layers] == ["dense1", "dense2", "dense3"]
    assert found.loss == seen["loss"]
    for n, health in enumerate(found.layers, start=1):
        assert health.mean == pytest.approx(seen[f"a{n}"].mean())
        assert health.deviation == pytest.approx(seen[f"a{n}"].std())
        assert health.largest == np.abs(seen[f"a{n}"]).max()
        assert health.delta == pytest.approx(np.sqrt((seen[f"delta{n}"] ** 2).mean()))
        for kind in ("W", "b"):
            norm = np.linalg.norm(seen[f"d{kind}{n}"])
            assert health.gradients[f"{kind}{n}"] == pytest.approx(norm)
    one, two, three = found.layers
    assert one.ratio == pytest.approx(one.delta / two.delta)
    assert three.ratio is None
    assert list(slopes_of(seen)) == ["dense2", "dense1"]


def test_the_rows_are_chosen_by_the_seed_and_the_network_stays_as_it_is(digits):
    net = network(cr.Dense(8, "relu"), seed=0)
    before = net.vector.copy()
    one, same, other = (cr.checkup(net, *digits, rows=100, seed=s) for s in (0, 0, 1))
    assert one.rows == 100
    assert one == same
    assert one.loss != other.loss
    np.testing.assert_array_equal(net.vector, before)
    assert cr.checkup(net, *digits).rows == 1000


def test_sparse_features_and_weights_are_taken(digits):
    from scipy.sparse import csr_matrix

    X, y = digits
    net = network(cr.Dense(8, "relu"), seed=0)
    w = np.linspace(0.5, 1.5, len(y))
    assert cr.checkup(net, csr_matrix(X), y, sample_weight=w).loss == pytest.approx(
        cr.checkup(net, X, y, sample_weight=w).loss, rel=1e-12
    )
    assert cr.checkup(net, X, y, sample_weight=w).loss != cr.checkup(net, X, y).loss


def test_what_it_says_is_printed_and_written_as_plain_data(digits):
    found = cr.checkup(deep("logistic"), *digits)
    text = str(found)
    assert all(h.layer in text for h in found.layers)
    assert found.findings[0].sentence in text
    read = json.loads(json.dumps(found.to_dict()))
    assert read["findings"][0]["kind"] == "vanishing_gradient"
    assert read["layers"][0]["gradients"] == found["dense1"].gradients
    assert "Nothing found." in str(cr.checkup(network(), *digits))
    with pytest.raises(KeyError, match="there is no layer 'dense99'; there are dense1, dense2"):
        found["dense99"]


def test_checkups_are_made_every_so_many_epochs_and_forgotten_by_the_next_training(digits):
    X, y = digits[0][:200], digits[1][:200]
    watch = cr.Checkups(X, y, every=3, rows=50)
    net = network(cr.Dense(8, "relu"), seed=0)
    cr.train(net, X, y, epochs=7, callbacks=[watch])
    assert [seen.epoch for seen in watch.results] == [3, 6]
    assert watch.results[0].loss > watch.results[1].loss
    again = network(cr.Dense(8, "relu"), seed=0)
    cr.train(again, X, y, epochs=3, callbacks=[watch])
    assert [seen.epoch for seen in watch.results] == [3]
    quiet = network(cr.Dense(8, "relu"), seed=0)
    cr.train(quiet, X, y, epochs=3)
    np.testing.assert_array_equal(again.vector, quiet.vector)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, "rows must be a whole number of at least 1, not 0"),
        ({"seed": -1}, "seed must be"),
        ({"X": np.zeros((3, 5))}, "X has 5 features, and the network takes 64"),
        ({"y": [0, 1]}, "y has 2 rows, and X has 3"),
        ({"history": [1.0]}, "history must be that of a training"),
        ({"sample_weight": [1, -1, 1]}, "sample_weight must not be negative"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        cr.checkup(network(), **({"X": np.zeros((3, 64)), "y": [0, 1, 2]} | arguments))


def test_a_network_without_a_loss_and_a_callback_without_a_period_are_refused():
    with pytest.raises(ValueError, match="the network has no loss"):
        cr.checkup(cr.Network([cr.Dense(1)], inputs=2), [[1, 2]], [1])
    with pytest.raises(ValueError, match="every of Checkups must be a whole number"):
        cr.Checkups([[1, 2]], [1], every=0)
