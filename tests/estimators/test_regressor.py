"""The regressor: losses, several targets, standard deviations."""

import numpy as np
import pytest
from tests.estimators.data import NUMBERS, X, regressor, same

from chainrule.losses import losses

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

OF_NUMBERS = ["squared_error"] + [
    loss.name for loss in losses
    if loss.predicts != "scores" and not loss.distribution and loss.targets != (0, 1)
]  # fmt: skip
LEARNING = {"max_iter": 150, "learning_rate_init": 0.02, "n_iter_no_change": 150}


def targets_for(name, columns=1):
    """Targets that the loss accepts."""
    positive = name in ("poisson", "gamma")
    y = np.exp(NUMBERS) + 0.1 if positive else NUMBERS
    return y if columns == 1 else np.stack([y, y[::-1]], axis=1)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("name", OF_NUMBERS)
def test_every_loss_of_numbers_learns(name, columns):
    y = targets_for(name, columns)
    reg = regressor(loss=name, **LEARNING).fit(X, y)
    assert reg.loss_ < reg.loss_curve_[0]
    assert reg.predict(X).shape == y.shape
    if columns == 1:
        assert np.corrcoef(reg.predict(X), y)[0, 1] > 0.7
    assert np.isfinite(reg.score(X, y))


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_early_stopping_works_with_every_loss(name):
    y = targets_for(name)
    reg = regressor(loss=name, early_stopping=True, validation_fraction=0.3).fit(X, y)
    assert len(reg.validation_scores_) == len(reg.validation_loss_curve_) == 4


@pytest.mark.parametrize("name", ["poisson", "gamma"])
def test_positive_losses_predict_positive_numbers(name):
    reg = regressor(loss=name, **LEARNING).fit(X, targets_for(name))
    assert reg.out_activation_ == "exp"
    assert (reg.predict(X) > 0).all()


@pytest.mark.parametrize(("name", "bad"), [("poisson", -1.0), ("gamma", 0.0), ("gamma", -1.0)])
def test_targets_that_a_loss_does_not_take_are_refused(name, bad):
    y = targets_for(name).copy()
    y[7] = bad
    reg = regressor(loss=name)
    with pytest.raises(ValueError, match=r"at least|above|positive|between|must"):
        reg.fit(X, y)
    assert not hasattr(reg, "coefs_")


def test_the_learned_deviation_follows_the_noise():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(600, 1))
    y = X[:, 0] + rng.normal(size=600) * np.where(X[:, 0] > 0, 0.5, 0.05)
    reg = regressor(loss="gaussian", max_iter=120, learning_rate_init=0.02, batch_size=50)
    mean, std = reg.fit(X, y).predict(np.array([[-0.7], [0.7]]), return_std=True)
    np.testing.assert_allclose(mean, [-0.7, 0.7], atol=0.2)
    assert std[1] > 3 * std[0]


def test_several_quantiles_come_in_order_of_their_parameters():
    reg = regressor(loss="quantile(0.1, 0.9)", **LEARNING).fit(X, NUMBERS)
    low, high = reg.predict(X).T
    assert (low <= high + 0.2).mean() > 0.9
    assert ((low <= NUMBERS) & (high >= NUMBERS)).mean() > 0.5


def test_scikit_learns_name_of_the_squared_error_is_known():
    same(regressor(loss="squared_error").fit(X, NUMBERS), regressor(loss="mse").fit(X, NUMBERS))


def test_the_loss_of_several_targets_is_their_sum():
    one = regressor(alpha=0, max_iter=1).fit(X, NUMBERS)
    y = np.stack([NUMBERS, NUMBERS], axis=1)
    reg = regressor(alpha=0, max_iter=1, batch_size=60, learning_rate_init=1e-300).fit(X, y)
    expected = ((reg.predict(X) - y) ** 2).sum(axis=1).mean() / 2
    assert reg.loss_ == pytest.approx(expected)
    assert one.n_outputs_ == 1


def test_later_targets_have_the_columns_of_the_first():
    y = np.stack([NUMBERS, NUMBERS], axis=1)
    reg = regressor().partial_fit(X, y)
    with pytest.raises(ValueError, match="y has 1 columns, and 2 were fitted"):
        reg.partial_fit(X, NUMBERS)
    assert reg.predict(X).shape == y.shape


def test_one_column_of_targets_is_taken_with_a_warning():
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning):
        reg = regressor().fit(X, NUMBERS[:, None])
    assert reg.predict(X).shape == (len(X),)
    same(reg, regressor().fit(X, NUMBERS))


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bool, object])
def test_targets_may_have_another_dtype_than_the_rows(dtype):
    y = np.round(NUMBERS).astype(dtype)
    same(regressor().fit(X, y), regressor().fit(X, y.astype(float)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_are_finite(bad):
    y = NUMBERS.copy()
    y[3] = bad
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        regressor().fit(X, y)


def test_constant_targets_are_learned():
    reg = regressor(max_iter=300, learning_rate_init=0.02, n_iter_no_change=300)
    reg.fit(X, np.full(len(X), 3.0))
    np.testing.assert_allclose(reg.predict(X), 3, atol=0.3)


def test_a_change_of_the_loss_after_the_fit_changes_no_prediction():
    reg = regressor(loss="gaussian").fit(X, NUMBERS)
    before = reg.predict(X)
    np.testing.assert_array_equal(reg.set_params(loss="mse").predict(X), before)
