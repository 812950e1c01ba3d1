"""Numbers that are not finite, or would not be where the network computes, are refused."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule import data


@pytest.fixture(params=[1, 6, data.BLOCK], ids="blocks of {}".format)
def block(request, monkeypatch):
    monkeypatch.setattr(data, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("place", [(0, 0), (4, 1), (6, 2)], ids=str)
def test_the_first_number_that_is_not_finite_is_named(dtype, value, place):
    X = np.zeros((7, 3), dtype)
    data.check_finite(X, "X")
    X[place] = X[6, 2] = value
    where = ", ".join(map(str, place))
    for array in (X, np.asfortranarray(X)):
        with pytest.raises(ValueError, match=rf"X\[{where}\] is {value}: every value must be"):
            data.check_finite(array, "X")
    with pytest.raises(ValueError, match=rf"X\[{3 * place[0] + place[1]}\] is {value}"):
        data.check_finite(X.ravel(), "X")


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("dtype", ["float64", "longdouble"])
def test_the_largest_number_that_the_dtype_does_not_hold_is_named(dtype):
    X = np.zeros((7, 3), dtype)
    limit = float(np.finfo(np.float32).max)
    X[3] = limit, -limit, 0
    data.check_finite(X, "X", "float32")
    X[2, 0], X[5, 1] = 1e40, -1e200
    data.check_finite(X, "X", "float64")
    with pytest.raises(ValueError, match=r"of the size 1e\+200, too large for float32"):
        data.check_finite(X, "X", "float32")
    X[6, 2] = np.nan
    with pytest.raises(ValueError, match=r"X\[6, 2\] is nan"):
        data.check_finite(X, "X", "float32")


def test_whole_numbers_and_nothing_are_finite():
    for array in (np.array([2**62]), np.array([True]), np.zeros((0, 3)), np.zeros((3, 0))):
        data.check_finite(array, "X", "float32")


LARGE, RIGHT = np.full((10, 2), 1e300), np.ones((10, 2))
Y, LARGE_Y = np.ones(10), np.full(10, 1e300)


def trained(X=RIGHT, y=Y, dtype="float32", **options):
    net = cr.Network([cr.Dense(1)], "mse", inputs=2, seed=0, dtype=dtype)
    before = net.vector.copy()
    try:
        cr.train(net, X, y, epochs=1, **options)
    finally:
        assert np.array_equal(net.vector, before)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("X", {"X": LARGE}),
        ("X", {"X": scipy.sparse.csr_matrix(LARGE)}),
        ("y", {"y": LARGE_Y}),
        ("y", {"y": np.r_[Y[:-1], 1e300], "validation_share": 0.2}),
        ("validation X", {"validation_data": (LARGE, Y)}),
        ("validation X", {"X": RIGHT.astype("f4"), "validation_data": (LARGE, Y), "dtype": None}),
        ("validation y", {"validation_data": (RIGHT, LARGE_Y)}),
    ],
    ids=str,
)
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_training_refuses_what_overflows_in_its_dtype_before_any_work(name, options, optimizer):
    if optimizer == "lbfgs":
        options = options | {"batch_size": None}
    match = rf"^{name} holds a number of the size 1e\+300, too large for float32"
    with pytest.raises(ValueError, match=match):
        trained(optimizer=optimizer, **options)


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="it is no longer than a double")
def test_long_doubles_are_computed_in_float32():
    with pytest.raises(ValueError, match="too large for float32"):
        trained(X=LARGE.astype(np.longdouble), dtype=None)


def test_what_is_computed_in_float64_takes_all_of_its_numbers():
    net = cr.Network([cr.Dense(1)], "mse", inputs=2, seed=0, dtype="float64")
    assert np.isfinite(net.predict(LARGE)).all()
    net = cr.Network([cr.Dense(1)], "mse", inputs=2, seed=0, dtype="float32")
    assert np.isfinite(cr.trace(net, LARGE)["z1"]).all()


def test_initial_weights_are_not_fitted_to_codes_of_no_category():
    net = cr.Network([cr.Embedding([(0, 5, 3)]), cr.Dense(1)], inputs=2)
    with pytest.raises(ValueError, match=r"X\[2, 0\] is 5"):
        cr.lsuv(net, [[0.0, 1.0], [4.0, 2.0], [5.0, 3.0]])
