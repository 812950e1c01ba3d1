"""Augmentation: what the steps draw, that nothing depends on tiles, and what is refused."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule.engine.device import device, real
from chainrule.engine.random import beta_number, row_key, unit_bits, unit_normal, unit_uniform

STEPS = {
    "jitter": cr.Jitter(0.1),
    "scale": cr.RandomScale(0.1),
    "dropout": cr.FeatureDropout(0.3),
    "mixup": cr.Mixup(0.4),
    "shift": cr.Shift((4, 2), 1),
    "flip": cr.Flip((2, 2, 2)),
}
NOTHING = {
    "jitter": cr.Jitter(0),
    "scale": cr.RandomScale(0.0),
    "dropout": cr.FeatureDropout(0, fill=9.0),
    "shift": cr.Shift((4, 2), 0),
    "flip": cr.Flip((2, 2, 2), p=0),
}
EVERY = pytest.mark.parametrize("name", STEPS)


def network(loss="cross_entropy", dtype="float64"):
    last = "softmax" if loss == "cross_entropy" else "linear"
    return cr.Network([cr.Dense(5, "tanh"), cr.Dense(3, last)], loss, inputs=8, seed=2, dtype=dtype)


def data(rows=300):
    rng = np.random.default_rng(6)
    return rng.normal(size=(rows, 8)), rng.integers(0, 3, rows)


def one_hot(labels):
    return np.eye(3)[labels]


def trained(augment, rows=300, batch_size=257, X=None, **options):
    net = network()
    features, y = data(rows)
    cr.train(net, features if X is None else X, y, epochs=2, batch_size=batch_size,
             augment=augment, **options)  # fmt: skip
    return net.vector


def changed(augmentation, X, y=None, **options):
    """The rows as the first layer reads them, and the targets."""
    y = np.zeros(len(X), int) if y is None else y
    return cr.trace(network(), X, y, augment=[augmentation], **options)


def seen(step, X, **options):
    return changed(step, X, **options)[f"augment.{step.kind}1.a"]


# ------------------------------------------------------------------ the draws


@device()
def both(key, unit):
    return real(unit_uniform(key, unit)), real(unit_normal(key, unit))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_draws_are_those_of_the_formula(dtype):
    """In compiled code the product of two 32-bit integers has 64 bits unless it is cut."""
    import numba

    bits, pair = unit_bits.resolve(dtype), both.resolve(dtype)

    @numba.njit
    def compiled(key, unit):
        return bits(key, unit), pair(key, unit)

    with np.errstate(over="ignore"):
        for row in range(20):
            key = row_key(7, 1, 3, row)
            for unit in range(20):
                right = unit_bits(key, unit), unit_uniform(key, unit), unit_normal(key, unit)
                found_bits, (uniform, normal) = compiled(key, unit)
                assert found_bits == right[0] < 2**32
                assert uniform == right[1] < 1
                assert abs(normal - right[2]) < 1e-5


@pytest.mark.parametrize("alpha", [0.2, 1.0, 2.0])
def test_shares_are_of_the_beta_distribution(alpha):
    from scipy.stats import beta, kstest

    with np.errstate(over="ignore"):
        draws = [beta_number(row_key(3, 1, 1, row), alpha) for row in range(3000)]
    assert kstest(draws, beta(alpha, alpha).cdf).pvalue > 0.001
    assert abs(np.mean(draws) - 0.5) < 4 / np.sqrt(3000)


def test_shares_of_a_small_alpha_are_whole_rows_and_those_of_none_the_row_itself():
    with np.errstate(over="ignore"):
        keys = [row_key(3, 1, 1, row) for row in range(400)]
        draws = np.array([beta_number(key, 0.005) for key in keys])
        assert {beta_number(key, 0.0) for key in keys} == {1.0}
    assert np.isfinite(draws).all()
    assert 0 <= draws.min() <= draws.max() <= 1
    assert (np.minimum(draws, 1 - draws) < 1e-3).mean() > 0.9
    assert 0.4 < draws.mean() < 0.6


def test_jitter_is_noise_of_the_deviation_that_was_given():
    from scipy.stats import kstest

    X, _ = data(500)
    noise = (seen(cr.Jitter(0.3), X) - X) / 0.3
    assert kstest(noise.ravel(), "norm").pvalue > 0.001
    assert np.abs(np.corrcoef(noise.T) - np.eye(8)).max() < 0.2


def test_random_scale_is_one_factor_for_a_row():
    X, _ = data(800)
    factors = seen(cr.RandomScale(0.2), X) / X
    np.testing.assert_allclose(factors, factors[:, :1] * np.ones(8), rtol=1e-12)
    assert abs(factors[:, 0].mean() - 1) < 0.03
    assert abs(factors[:, 0].std() - 0.2) < 0.02


def test_lost_features_have_the_fill_and_the_others_stay():
    X, _ = data(1000)
    a = seen(cr.FeatureDropout(0.25, fill=-7.0), X)
    lost = a == -7
    np.testing.assert_array_equal(a[~lost], X[~lost])
    assert abs(lost.mean() - 0.25) < 0.02
    assert np.abs(lost.mean(axis=0) - 0.25).max() < 0.06


def test_mixed_rows_and_their_targets_have_the_same_partner_and_share():
    X, y = data(400)
    t = changed(cr.Mixup(0.8), X, y)
    share, partner = t["mixup.share"][:, None], t["mixup.partner"]
    np.testing.assert_allclose(t["mixup.x"], share * X + (1 - share) * X[partner], rtol=1e-14)
    right = share * one_hot(y) + (1 - share) * one_hot(y)[partner]
    np.testing.assert_allclose(t["mixup.y"], right, rtol=1e-14)
    assert 0 <= partner.min() <= partner.max() < 400
    assert len(set(partner)) > 200


def test_images_are_moved_each_way_equally_often_and_zeros_come_in():
    X = np.abs(data(900)[0]) + 1
    a = seen(cr.Shift((4, 2), 1), X).reshape(-1, 4, 2)
    counts = dict.fromkeys(((d, r) for d in (-1, 0, 1) for r in (-1, 0, 1)), 0)
    for image, moved in zip(X.reshape(-1, 4, 2), a, strict=True):
        for down, right in counts:
            here = np.zeros((4, 2))
            padded = np.pad(image, 1)
            here[:] = padded[1 - down : 5 - down, 1 - right : 3 - right]
            if np.array_equal(here, moved):
                counts[down, right] += 1
    assert sum(counts.values()) == 900
    assert min(counts.values()) > 60


def test_images_are_turned_left_to_right_with_their_channels():
    X, _ = data(600)
    a = seen(cr.Flip((2, 2, 2), p=0.3), X).reshape(-1, 2, 2, 2)
    images = X.reshape(-1, 2, 2, 2)
    turned = (a == images[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (a == images).all(axis=(1, 2, 3))
    assert (turned ^ same).all()
    assert abs(turned.mean() - 0.3) < 0.06


@EVERY
def test_every_step_and_seed_has_draws_of_its_own(name):
    X, y = data(50)
    runs = [
        np.concatenate(
            [
                value.ravel()
                for path, value in changed(STEPS[name], X, y, **o).items()
                if path.startswith(("augment", "mixup"))
            ]
        )
        for o in ({}, {}, {"step": 2}, {"seed": 9})
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0], runs[3])


# ------------------------------------------------------------------ tiles, threads, phases


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads):
    every = [STEPS[name] for name in ("mixup", "jitter", "scale", "dropout", "shift", "flip")]
    right = trained(every, rows=700, batch_size=650, threads=1)
    np.testing.assert_array_equal(trained(every, rows=700, batch_size=650, threads=threads), right)


@EVERY
def test_tiles_see_the_same_draws(name, monkeypatch):
    right = trained([STEPS[name]])
    monkeypatch.setattr("chainrule.lowering.rows_of_a_tile", lambda *_: 7)
    np.testing.assert_allclose(trained([STEPS[name]]), right, rtol=1e-10, atol=1e-12)


@EVERY
def test_a_traced_step_is_the_one_that_the_training_made(name):
    X, y = data(30)
    net = network()
    before = net.vector.copy()
    traced = cr.trace(net, X, y, augment=[STEPS[name]], step=1)
    cr.train(net, X, y, epochs=1, batch_size=None, optimizer=cr.GradientDescent(0.5),
             augment=[STEPS[name]])  # fmt: skip
    gradient = np.concatenate([traced[path.replace(".", ".d")].ravel() for path in net.places])
    np.testing.assert_allclose(net.vector, before - 0.5 * gradient, rtol=1e-12, atol=1e-14)


@EVERY
def test_it_changes_the_training_and_neither_prediction_nor_evaluation(name):
    assert not np.array_equal(trained([STEPS[name]]), trained([]))
    net = network()
    X, y = data(40)
    result = cr.train(net, X, y, epochs=1, augment=[STEPS[name]], validation_data=(X, y))
    p = net.predict(X)
    right = -np.log(p[np.arange(40), y]).mean()
    np.testing.assert_allclose(result.history["val_loss"][-1], right, rtol=1e-12)


@pytest.mark.parametrize("name", NOTHING)
def test_a_strength_of_nothing_changes_no_bit(name):
    np.testing.assert_array_equal(trained([NOTHING[name]]), trained([]))


@pytest.mark.parametrize("kind", [np.asfortranarray, scipy.sparse.csr_array], ids=["F", "csr"])
def test_partners_are_read_from_data_of_any_layout(kind):
    X = np.maximum(data()[0], 0)
    right = trained([STEPS["mixup"]], X=X)
    np.testing.assert_array_equal(trained([STEPS["mixup"]], X=kind(X)), right)


def test_strengths_may_be_schedules():
    falling = cr.FeatureDropout(cr.Cosine(0.5))
    assert not np.array_equal(trained([falling]), trained([cr.FeatureDropout(0.5)]))


# ------------------------------------------------------------------ what is refused

WRONG = {
    "negative noise": (lambda: cr.Jitter(-0.1), "sigma of Jitter must be .* at least 0, not -0.1"),
    "noise of a word": (lambda: cr.Jitter("much"), "sigma of Jitter must be .*, not 'much'"),
    "negative scale": (lambda: cr.RandomScale(-1), "sigma of RandomScale must be .*, not -1"),
    "p above 1": (lambda: cr.FeatureDropout(1.5), "p of FeatureDropout .* from 0 to 1, not 1.5"),
    "fill of NaN": (lambda: cr.FeatureDropout(0.1, np.nan), "fill of FeatureDropout .*, not nan"),
    "alpha of 0": (lambda: cr.Mixup(0), "alpha of Mixup must be .* above 0 and at most 2, not 0"),
    "alpha above 2": (lambda: cr.Mixup(2.5), "alpha of Mixup .*, not 2.5"),
    "a flat image": (lambda: cr.Shift((8,), 1), r"shape of Shift must be .*, not \(8,\)"),
    "an empty image": (lambda: cr.Flip((8, 0)), "shape of Flip must be a whole number .* not 0"),
    "half a pixel": (lambda: cr.Shift((4, 2), 0.5), "pixels of Shift must be a whole .*, not 0.5"),
    "too many pixels": (lambda: cr.Shift((4, 2), 5), "a whole number from 0 to 4, not 5"),
    "pixels of a word": (lambda: cr.Shift((4, 2), "one"), "pixels of Shift must be .*, not 'one'"),
    "p below 0": (lambda: cr.Flip((4, 2), -0.5), "p of Flip must be .*, not -0.5"),
    "another size": (
        lambda: trained([cr.Flip((3, 3))]), r"is \(3, 3\), which are 9 features, .* takes 8",
    ),
    "no list": (lambda: trained(cr.Jitter(0.1)), "augment must be a list of steps"),
    "no step": (lambda: trained(["jitter"]), "augment holds 'jitter', which is no step"),
    "mixup later": (lambda: trained([cr.Jitter(0.1), cr.Mixup(0.2)]), "must come first"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_refused_with_a_reason(case):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_codes_are_not_augmented():
    net = cr.Network([cr.Embedding({0: (3, 2)}), cr.Dense(3, "softmax")], "cross_entropy", inputs=8)
    X, y = data(20)
    X[:, 0] = 1
    with pytest.raises(ValueError, match="would change the codes that the first layer reads"):
        cr.train(net, X, y, augment=[cr.Jitter(0.1)])
