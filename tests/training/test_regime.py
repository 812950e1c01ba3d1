"""Penalties, clipping, max-norm, frozen parameters and rate factors against NumPy."""

import numpy as np
import pytest

import chainrule as cr

X = np.random.default_rng(1).normal(size=(64, 3))
Y = np.random.default_rng(2).normal(size=(64, 2))
RATE = 0.1


def network(dtype="float64"):
    layers = [cr.Dense(4, "tanh"), cr.Dense(2)]
    return cr.Network(layers, "mse", inputs=3, seed=1, dtype=dtype)


def norm(values):
    return np.sqrt(sum((v**2).sum() for v in values))


def penalised(penalty, scale=1.0):
    def change(p, g):
        value = 0.0
        for name in ("dense1.W", "dense2.W"):
            g[name] += scale * (penalty.l1 * np.sign(p[name]) + penalty.l2 * p[name])
            value += scale * penalty.l1 * np.abs(p[name]).sum()
            value += scale * penalty.l2 * (p[name] ** 2).sum() / 2
        return value

    return change


def clipped(each):
    def change(p, g):
        g.update(each(dict(g)))
        return 0.0

    return change


WAYS = {
    "L1": ({"penalty": cr.L1(0.1)}, penalised(cr.L1(0.1))),
    "L2": ({"penalty": cr.L2(0.1)}, penalised(cr.L2(0.1))),
    "elastic net": ({"penalty": cr.Penalty(0.2, 0.1)}, penalised(cr.Penalty(0.2, 0.1))),
    "scikit-learn's alpha": (
        {"penalty": cr.L2(0.5, per_example=True)}, penalised(cr.L2(0.5), 1 / len(X)),
    ),
    "values": (
        {"clip": cr.ClipValue(0.01)},
        clipped(lambda g: {k: np.clip(v, -0.01, 0.01) for k, v in g.items()}),
    ),
    "norms": (
        {"clip": cr.ClipNorm(0.05)},
        clipped(lambda g: {k: v * min(1, 0.05 / norm([v])) for k, v in g.items()}),
    ),
    "norm of all": (
        {"clip": cr.ClipGlobalNorm(0.05)},
        clipped(lambda g: {k: v * min(1, 0.05 / norm(g.values())) for k, v in g.items()}),
    ),
    "norm within the limit": ({"clip": cr.ClipGlobalNorm(1e6)}, lambda p, g: 0.0),
    "a frozen layer": (
        {"frozen": ["dense1"]},
        clipped(lambda g: g | {"dense1.W": 0 * g["dense1.W"], "dense1.b": 0 * g["dense1.b"]}),
    ),
    "frozen biases": (
        {"frozen": ["biases"]},
        clipped(lambda g: g | {"dense1.b": 0 * g["dense1.b"], "dense2.b": 0 * g["dense2.b"]}),
    ),
    "a factor for biases": (
        {"rate_factors": {"biases": 0.1}},
        clipped(lambda g: {k: v * (0.1 if k.endswith("b") else 1) for k, v in g.items()}),
    ),
    "factors by layer and parameter": (
        {"rate_factors": {"dense1": 0.5, "W2": 3.0}},
        clipped(lambda g: {
            k: v * (0.5 if k.startswith("dense1") else 3.0 if k == "dense2.W" else 1)
            for k, v in g.items()
        }),
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_step_and_its_loss_equal_numpy(way, plain):
    options, change = WAYS[way]
    net, reference = network(), plain(network())
    gradients = reference.gradients(X, Y)
    loss = reference.loss(X, Y) + change(reference.parameters, gradients)
    result = cr.train(net, X, Y, optimizer=cr.GradientDescent(RATE), epochs=1, batch_size=None,
                      **options)  # fmt: skip
    assert result.history["loss"][0] == pytest.approx(loss, rel=1e-12)
    for name, value in net.parameters.items():
        right = reference.parameters[name] - RATE * gradients[name]
        np.testing.assert_allclose(value, right, rtol=1e-12, atol=1e-14, err_msg=name)


def test_max_norm_holds_after_each_update(plain):
    net, reference = network(), plain(network())
    reference.descend(X, Y, RATE)
    cr.train(net, X, Y, optimizer=cr.GradientDescent(RATE), epochs=1, batch_size=None,
             constraint=cr.MaxNorm(0.5))  # fmt: skip
    for name, value in net.parameters.items():
        right = reference.parameters[name]
        if right.ndim == 2:
            right = right * np.minimum(1, 0.5 / np.linalg.norm(right, axis=0))
        np.testing.assert_allclose(value, right, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_of_threads_changes_no_bit(way, dtype):
    rng = np.random.default_rng(3)
    big, wanted = rng.normal(size=(2000, 3)), rng.normal(size=(2000, 2))
    options, _ = WAYS[way]
    found = []
    for threads in (1, 2, 3):
        layers = [cr.Dense(150, "tanh"), cr.Dense(40, "tanh"), cr.Dense(2)]  # several ranges
        net = cr.Network(layers, "mse", inputs=3, seed=1, dtype=dtype)
        if "rate_factors" not in options or "W2" not in options["rate_factors"]:
            cr.train(net, big, wanted, epochs=2, batch_size=700, threads=threads,
                     constraint=cr.MaxNorm(0.7), **options)  # fmt: skip
        found.append(net.vector)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("batch", [None, 20])
def test_coupled_and_decoupled_decay_are_one_for_gradient_descent_alone(batch):
    def trained(**options):
        net = network()
        cr.train(net, X, Y, epochs=3, batch_size=batch, shuffle=False, **options)
        return net.vector

    coupled = trained(optimizer=cr.Adam(0.01), penalty=cr.L2(0.1))
    decoupled = trained(optimizer=cr.AdamW(0.01, weight_decay=0.1))
    assert np.abs(coupled - decoupled).max() > 1e-4


def test_decoupled_decay_spares_biases():
    net = network()
    net.parameters["b1"] = np.ones(4)
    before = {name: value.copy() for name, value in net.parameters.items()}
    still = cr.AdamW(1e-3, weight_decay=10.0, epsilon=1e10)  # its other step is nothing
    cr.train(net, X, Y, optimizer=still, epochs=1, batch_size=None)
    np.testing.assert_allclose(net.parameters["b1"], before["dense1.b"], rtol=1e-9)
    np.testing.assert_allclose(net.parameters["W1"], 0.99 * before["dense1.W"], rtol=1e-9)


def test_l2_makes_weights_smaller_and_l1_makes_them_sparse():
    def weights(penalty):
        net = network()
        cr.train(net, X, Y, optimizer=cr.Adam(0.01), epochs=300, batch_size=None, penalty=penalty)
        return np.concatenate([net.parameters["W1"].ravel(), net.parameters["W2"].ravel()])

    plain, l2, l1 = weights(None), weights(cr.L2(0.05)), weights(cr.L1(0.05))
    assert np.linalg.norm(l2) < 0.7 * np.linalg.norm(plain)
    assert (np.abs(l1) < 0.01).mean() > 2 * (np.abs(plain) < 0.01).mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty": 0.1}, r"penalty must be None or such as cr.L2\(1e-4\), not 0.1"),
        ({"clip": 1.0}, r"clip must be None or such as cr.ClipGlobalNorm\(1.0\), not 1.0"),
        ({"constraint": cr.L2(1)}, r"constraint must be None or such as cr.MaxNorm\(3.0\)"),
        ({"frozen": "dense1"}, "frozen must be a list of names, not 'dense1'"),
        (
            {"frozen": ["dense9"]},
            "frozen names 'dense9'; there are 'weights', 'biases'",
        ),
        ({"frozen": ["weights", "biases"]}, "frozen leaves no parameter to train"),
        ({"rate_factors": {"dense1": 0}}, "rate_factors of 'dense1' must be a positive number"),
        ({"rate_factors": {"x": 2}}, "rate_factors names 'x'; there are"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(options, message):
    net = network()
    before = net.vector.copy()
    with pytest.raises(ValueError, match=message):
        cr.train(net, X, Y, **options)
    np.testing.assert_array_equal(net.vector, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.L2(-1), "l2 of penalty must be a number of at least 0, not -1"),
        (lambda: cr.L1(np.nan), "l1 of penalty must be a number of at least 0, not nan"),
        (lambda: cr.Penalty(per_example=1), "per_example of penalty must be True or False, not 1"),
        (lambda: cr.ClipValue(0), "limit of clip_value must be a positive number, not 0"),
        (lambda: cr.ClipNorm("1"), "limit of clip_norm must be a positive number, not '1'"),
        (lambda: cr.ClipGlobalNorm(-2), "limit of clip_global_norm must be a positive number"),
        (lambda: cr.MaxNorm(0), "limit of max_norm must be a positive number, not 0"),
    ],
)
def test_strengths_outside_their_ranges_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_an_infinite_gradient_is_not_hidden_by_clipping():
    net = network()
    huge = X.copy()
    huge[0] = 1e200
    with pytest.raises(cr.DivergedError):
        cr.train(net, huge, 1e200 * Y, optimizer=cr.GradientDescent(1.0), epochs=20,
                 batch_size=None, clip=cr.ClipGlobalNorm(1.0))  # fmt: skip
