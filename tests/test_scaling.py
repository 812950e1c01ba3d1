"""Targets scaled into an inner range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr


def test_the_smallest_becomes_low_and_the_largest_high():
    scale = cr.InnerRange.of([-3.0, 5.0, 1.0])
    np.testing.assert_allclose(scale.apply([-3.0, 5.0, 1.0]), [0.1, 0.9, 0.5], rtol=1e-14)
    scale = cr.InnerRange.of([-3.0, 5.0], low=0.2, high=0.6)
    np.testing.assert_allclose(scale.apply([-3.0, 1.0, 5.0]), [0.2, 0.4, 0.6], rtol=1e-14)


def test_each_column_has_its_own_scale():
    y = np.array([[0.0, 100.0], [1.0, 300.0]])
    np.testing.assert_allclose(cr.InnerRange.of(y).apply(y), [[0.1, 0.1], [0.9, 0.9]])


@given(y=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_what_is_scaled_and_scaled_back_is_what_it_was(y):
    y = np.array(y)
    if y.max() - y.min() < 1e-6:
        return
    scale = cr.InnerRange.of(y)
    scaled = scale.apply(y)
    assert scaled.min() >= 0.1 - 1e-12
    assert scaled.max() <= 0.9 + 1e-12
    np.testing.assert_allclose(scale.invert(scaled), y, atol=1e-9 * (1 + np.abs(y).max()))


def test_new_points_may_lie_outside():
    scale = cr.InnerRange.of([0.0, 1.0])
    assert scale.apply(2.0) == pytest.approx(1.7)
    assert scale.invert(1.7) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([1.0, 1.0], {}, "at least two values"),
        ([[1.0, 2.0], [1.0, 3.0]], {}, "at least two values"),
        ([], {}, "needs targets"),
        ([1.0, np.nan], {}, "all of them finite"),
        ([1.0, 2.0], {"low": 0.0}, "0 < low < high < 1, not 0.0 and 0.9"),
        ([1.0, 2.0], {"high": 1.0}, "not 0.1 and 1.0"),
        ([1.0, 2.0], {"low": 0.9, "high": 0.1}, "not 0.9 and 0.1"),
    ],
)
def test_what_cannot_be_scaled_is_refused(y, options, message):
    with pytest.raises(ValueError, match=message):
        cr.InnerRange.of(y, **options)
