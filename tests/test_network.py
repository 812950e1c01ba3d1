"""The network: parameters by name, dtypes, copies, prediction, and what is refused."""

import copy
import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse

import chainrule as cr


def network(**options):
    layers = [cr.Dense(5, "relu"), cr.Dense(4, ["tanh", "tanh", "elu(0.5)", "gelu"]),
              cr.Dense(3, "softmax", bias=False)]  # fmt: skip
    return cr.Network(layers, "cross_entropy", inputs=2, seed=4, **options)


# ------------------------------------------------------------------ parameters by name


def test_parameters_go_by_path_and_by_short_name():
    net = network()
    assert list(net.parameters) == ["dense1.W", "dense1.b", "dense2.W", "dense2.b", "dense3.W"]
    assert len(net.parameters) == 5
    for short, path in {"W1": "dense1.W", "b2": "dense2.b", "W3": "dense3.W"}.items():
        assert net.parameters[short].ctypes.data == net.parameters[path].ctypes.data
        assert short in net.parameters
    assert [p.shape for p in net.parameters.values()] == [(2, 5), (5,), (5, 4), (4,), (4, 3)]


def test_parameters_are_views_into_one_flat_vector():
    net = network()
    assert net.vector.size == 2 * 5 + 5 + 5 * 4 + 4 + 4 * 3
    net.parameters["b1"][2] = 7
    assert 7 in net.vector
    net.vector[:] = np.arange(net.vector.size)
    assert net.parameters["W1"].tolist() == np.arange(10).reshape(2, 5).tolist()
    assert net.parameters["b1"].tolist() == [10, 11, 12, 13, 14]


def test_parameters_can_be_assigned_in_place():
    net = network()
    view = net.parameters["W1"]
    net.parameters["W1"] = np.ones((2, 5))
    assert (view == 1).all()
    net.parameters["W1"] *= 2
    assert (net.vector[:10] == 2).all()


def test_a_parameter_of_another_shape_is_refused():
    net = network()
    with pytest.raises(ValueError, match=r"W1 has the shape \(2, 5\), not \(5, 2\)"):
        net.parameters["W1"] = np.ones((5, 2))


def test_an_unknown_parameter_is_refused_with_those_that_exist():
    with pytest.raises(KeyError, match=r"no parameter 'b3'; there are dense1.W"):
        network().parameters["b3"]


def test_a_parameter_cannot_be_removed():
    with pytest.raises(TypeError, match="cannot be removed"):
        del network().parameters["W1"]


def test_a_named_layer_gives_its_name_to_the_paths():
    net = cr.Network([cr.Dense(3, name="first"), cr.Dense(2), cr.Dense(1, name="last")], inputs=2)
    assert net.paths == ("first", "dense2", "last")
    assert net.parameters["W1"] is not None
    np.testing.assert_array_equal(net.parameters["W3"], net.parameters["last.W"])


def test_two_layers_cannot_share_a_name():
    with pytest.raises(ValueError, match="two layers have the name 'a'"):
        cr.Network([cr.Dense(3, name="a"), cr.Dense(2, name="a")], inputs=2)
    with pytest.raises(ValueError, match="two layers have the name 'dense2'"):
        cr.Network([cr.Dense(3, name="dense2"), cr.Dense(2)], inputs=2)


# ------------------------------------------------------------------ seeds and dtypes


def test_the_same_seed_gives_the_same_parameters_and_another_seed_others():
    np.testing.assert_array_equal(network().vector, network().vector)
    other = cr.Network(network().layers, inputs=2, seed=5)
    assert not np.array_equal(network().vector, other.vector)


def test_both_dtypes_start_from_the_same_numbers():
    single, double = network(dtype="float32"), network(dtype="float64")
    np.testing.assert_array_equal(single.vector, double.vector.astype(np.float32))
    late = network()
    late.use_dtype("float64")
    np.testing.assert_array_equal(late.vector, double.vector)


def test_parameters_that_were_changed_are_converted_as_they_are():
    net = network()
    net.parameters["b1"] = [0.1] * 5
    net.use_dtype("float64")
    assert net.parameters["b1"].tolist() == [np.float64(np.float32(0.1))] * 5


@pytest.mark.parametrize("dtype", [np.float64, "float64", np.dtype("f8"), float])
def test_a_dtype_may_be_given_in_any_form(dtype):
    assert network(dtype=dtype).dtype == "float64"


@pytest.mark.parametrize("dtype", ["float16", int, "complex64", "bogus", np.int32], ids=str)
def test_another_dtype_is_refused(dtype):
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', not"):
        network(dtype=dtype)


# ------------------------------------------------------------------ copies


def by_pickle(net, tmp_path):
    return pickle.loads(pickle.dumps(net))


def by_deepcopy(net, tmp_path):
    return copy.deepcopy(net)


def by_joblib(net, tmp_path):
    joblib.dump(net, tmp_path / "net.joblib")
    return joblib.load(tmp_path / "net.joblib")


def by_copy_method(net, tmp_path):
    return net.copy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("how", [by_pickle, by_deepcopy, by_joblib, by_copy_method],
                         ids=lambda f: f.__name__)  # fmt: skip
def test_a_copy_predicts_the_same_and_has_parameters_of_its_own(how, dtype, tmp_path, rng):
    net = network()
    net.use_dtype(dtype)
    net.vector += 0.125
    twin = how(net, tmp_path)
    X = rng.normal(size=(9, 2))
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    assert twin.to_dict() == net.to_dict()
    assert twin.dtype == dtype
    twin.parameters["W1"] = 0 * twin.parameters["W1"]
    assert net.parameters["W1"].any()
    assert not twin.parameters["W1"].any()
    assert twin.parameters["W1"].base is not None


@pytest.mark.parametrize("how", [by_pickle, by_deepcopy, by_joblib], ids=lambda f: f.__name__)
def test_a_copy_can_be_trained_and_leaves_the_original_alone(how, tmp_path, rng):
    net = network()
    before = net.vector.copy()
    twin = how(net, tmp_path)
    X, y = rng.normal(size=(20, 2)), rng.integers(0, 3, 20)
    cr.train(twin, X, y, epochs=2)
    np.testing.assert_array_equal(net.vector, before)
    cr.train(net, X, y, epochs=2)
    np.testing.assert_array_equal(net.vector, twin.vector)


def test_a_pickle_holds_the_specification_and_one_vector():
    assert len(pickle.dumps(network())) < 3000


def test_a_specification_makes_the_same_network_again():
    net = network(dtype="float64")
    twin = cr.Network.from_dict(net.to_dict())
    np.testing.assert_array_equal(twin.vector, net.vector)
    assert twin.to_dict() == net.to_dict()
    assert repr(twin) == repr(net)


@pytest.mark.parametrize(
    "data",
    [{}, {"layers": []}, {"layers": 3}, None,
     network().to_dict() | {"layers": [{"layer": "conv"}]},
     network().to_dict() | {"layers": [{"layer": "dense"}]},
     network().to_dict() | {"layers": [{"layer": "dense", "units": 2, "colour": 3}]},
     network().to_dict() | {"loss": "hing"}, network().to_dict() | {"inputs": -1}],
    ids=lambda d: str(d)[:30],
)  # fmt: skip
def test_what_is_no_specification_is_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own reason
        cr.Network.from_dict(data)


# ------------------------------------------------------------------ what is refused

WRONG = {
    "no layers": (([],), {"inputs": 2}, "at least one layer"),
    "no layer": (([3],), {"inputs": 2}, "3 is not a layer"),
    "no inputs": (([cr.Dense(1)],), {}, "inputs must be a whole number of at least 1, not 0"),
    "negative inputs": (([cr.Dense(1)],), {"inputs": -3}, "not -3"),
    "half an input": (([cr.Dense(1)],), {"inputs": 1.5}, "not 1.5"),
    "true inputs": (([cr.Dense(1)],), {"inputs": True}, "not True"),
    "negative seed": (([cr.Dense(1)],), {"inputs": 1, "seed": -1}, "seed must be .*, not -1"),
    "large seed": (([cr.Dense(1)],), {"inputs": 1, "seed": 2**63}, "seed must be"),
    "no seed": (([cr.Dense(1)],), {"inputs": 1, "seed": None}, "not None"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_network_is_refused_with_a_reason(case):
    arguments, options, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        cr.Network(*arguments, **options)


def test_numpy_integers_are_integers():
    net = cr.Network([cr.Dense(np.int64(2))], inputs=np.int32(3), seed=np.uint8(1))
    assert (net.inputs, net.outputs, net.seed) == (3, 2, 1)


# ------------------------------------------------------------------ prediction


def test_prediction_equals_numpy(plain, rng):
    layers = [cr.Dense(7, "tanh"), cr.Dense(5, "relu"), cr.Dense(3, "softmax")]
    net = cr.Network(layers, inputs=4, seed=2, dtype="float64")
    X = rng.normal(size=(11, 4))
    np.testing.assert_allclose(net.predict(X), plain(net).predict(X), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outputs_have_the_dtype_of_the_network(dtype, rng):
    net = network(dtype=dtype)
    for kind in (np.float32, np.float64, np.int64):
        found = net.predict(rng.normal(size=(3, 2)).astype(kind))
        assert found.dtype == dtype
        assert found.shape == (3, 3)
        assert found.flags.c_contiguous


@pytest.mark.parametrize("rows", [1, 2, 31, 4097, 9000])
def test_outputs_do_not_depend_on_the_rows_around_them(rows, rng):
    net = network(dtype="float64")
    X = rng.normal(size=(rows, 2))
    together = net.predict(X)
    some = sorted({0, rows // 2, rows - 1})
    alone = np.concatenate([net.predict(X[i]) for i in some])
    np.testing.assert_allclose(together[some], alone, rtol=1e-12)


def test_outputs_are_the_same_for_any_number_of_threads(rng):
    net = cr.Network([cr.Dense(64, "tanh"), cr.Dense(2)], inputs=32, seed=1)
    X = rng.normal(size=(5000, 32)).astype(np.float32)
    one = net.predict(X, threads=1)
    for threads in (2, 3, None):
        np.testing.assert_array_equal(net.predict(X, threads=threads), one)


def test_one_row_may_be_a_vector(rng):
    net = network()
    np.testing.assert_array_equal(net.predict([0.5, 1.0]), net.predict([[0.5, 1.0]]))


SPARSE = [scipy.sparse.csr_array, scipy.sparse.csr_matrix, scipy.sparse.csc_array,
          scipy.sparse.csc_matrix]  # fmt: skip


def forms_of(X):
    """The same numbers in other memory: name, array."""
    wide = np.zeros((2 * len(X), 3 * X.shape[1]), X.dtype)
    wide[::2, 1::3] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    yield "contiguous", X.copy()
    yield "Fortran", np.asfortranarray(X)
    yield "strided", wide[::2, 1::3]
    yield "reversed", X[::-1].copy()[::-1]
    yield "reversed columns", X[:, ::-1].copy()[:, ::-1]
    yield "read-only", read_only
    yield "big-endian", X.astype(X.dtype.newbyteorder(">"))
    yield "lists", X.tolist()
    yield "objects", X.astype(object)
    for sparse in SPARSE:
        yield sparse.__name__, sparse(X)


FORMS = [name for name, _ in forms_of(np.eye(2))]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_numbers_predicts_the_same(form, rng):
    X = rng.integers(-3, 3, (20, 2)).astype(np.float64) / 4
    net = network(dtype="float64")
    np.testing.assert_array_equal(net.predict(dict(forms_of(X))[form]), net.predict(X))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16,
                                   np.uint32, np.uint64, np.bool_, np.float16, np.float32,
                                   np.longdouble])  # fmt: skip
def test_every_number_type_predicts_the_same(dtype, rng):
    X = rng.integers(0, 2, (20, 2)).astype(dtype)
    net = network(dtype="float64")
    np.testing.assert_array_equal(net.predict(X), net.predict(X.astype(np.float64)))


WRONG_X = {
    "too wide": (np.zeros((2, 3)), "X has 3 features, and the network takes 2"),
    "too narrow": (np.zeros(1), "X has 1 features"),
    "three dimensions": (np.zeros((1, 1, 2)), r"X must have two dimensions .*, not 3"),
    "empty": (np.zeros((0, 2)), "X has no rows"),
    "nan": ([[0, 1], [np.nan, 0]], r"X\[1, 0\] is nan: every value must be finite"),
    "infinite": ([[0, -np.inf]], r"X\[0, 1\] is -inf: every value must be finite"),
    "strings": ([["a", "b"]], "X must be numbers, not <U1"),
    "mixed": (np.array([[1, "b"]], object), "X must be numbers, and holds other things"),
    "ragged": ([[1, 2], [3]], "X is not an array"),
    "complex": ([[1j, 2]], "X must be numbers, not complex128"),
    "dates": (np.array([["2024-01-01", "2024-01-02"]], "M8[D]"), "X must be numbers, not datetime"),
    "none": (None, "X must"),
    "sparse and too wide": (scipy.sparse.csr_array(np.ones((2, 3))), "X has 3 features"),
    "sparse with nan": (scipy.sparse.csr_array([[np.nan, 1.0]]), "every value must be finite"),
    "sparse and empty": (scipy.sparse.csr_array((0, 2)), "X has no rows"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_X)
def test_features_that_do_not_fit_are_refused_with_a_reason(case):
    X, message = WRONG_X[case]
    with pytest.raises(ValueError, match=message):
        network().predict(X)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two", True])
def test_a_number_of_threads_below_one_is_refused(threads):
    with pytest.raises(ValueError, match="threads must be a whole number of at least 1, not"):
        network().predict([[0, 1]], threads=threads)


# ------------------------------------------------------------------ the program


def test_the_program_of_a_network_shows_an_equation_a_line():
    lines = str(network().program).splitlines()
    assert any("z1 = x·W1 + b1" in line for line in lines)
    assert any("p ← p − η g" in line for line in lines)
    phases = [line.split()[0] for line in lines[1:]]
    order = ["forward", "backward", "reduce", "update"]
    assert sorted(phases, key=order.index) == phases


def test_the_backward_part_is_the_forward_part_reversed():
    names = [i.kernel.name for i in network().program.instructions]
    forward = [n for n in names if n in ("affine", "product")]
    backward = [n for n in names if n == "weight_gradient"]
    assert len(forward) == len(backward) == 3
    writes = [str(b) for i in network().program.instructions for b in i.writes]
    order = [writes.index(n) for n in ("z1", "z2", "z3", "delta3", "delta2", "delta1")]
    assert order == sorted(order)


def test_a_network_without_a_loss_has_a_program_that_predicts():
    net = cr.Network([cr.Dense(1)], inputs=1)
    assert "Y ← a1" in str(net.program) or "out ← a1" in str(net.program)
    with pytest.raises(ValueError, match="the network has no loss: give one, such as loss='mse'"):
        cr.train(net, [[1.0]], [1.0])


@pytest.mark.parametrize(("dtype", "size"), [("float32", 3e38), ("float64", 1.7e308)])
def test_one_row_of_very_large_numbers_is_predicted_as_several_are(dtype, size):
    """Their sum overflows, and that of their squares: pytest makes warnings errors."""
    net = cr.Network([cr.Dense(1)], "mse", inputs=2, seed=0, dtype=dtype)
    net.parameters["dense1.W"] = [[0.25], [0.5]]
    x = np.full(2, size, dtype)
    expected = net.predict(np.stack([x, x]))
    assert np.isfinite(expected).all()
    for given in (x, x[None], x.astype("float64")):
        assert np.array_equal(net.predict(given), expected[:1])


@pytest.mark.parametrize("rows", [1, 3])
def test_numbers_beyond_the_networks_dtype_are_refused(rows):
    net = cr.Network([cr.Dense(1)], "mse", inputs=2, dtype="float32")
    X = np.full((rows, 2), 1.0)
    X[-1, 1] = -1e300
    with pytest.raises(ValueError, match=r"of the size 1e\+300, too large for float32"):
        net.predict(X)
    with pytest.raises(ValueError, match="too large for float32"):
        cr.train(net, X, np.zeros(rows))


def test_a_network_may_leave_its_parameters_to_be_set():
    layers = [cr.Dense(3, "relu"), cr.BatchNorm(), cr.Dense(1)]
    blank = cr.Network(layers, "mse", inputs=2, drawn=False)
    assert not blank.vector.any()
    assert blank.places == cr.Network(layers, "mse", inputs=2).places


@pytest.mark.parametrize("name", ["loss", "x", "y", "z1", "W12", "delta3", "dW1", "slope2"])
def test_a_layer_is_not_called_as_a_value(name):
    with pytest.raises(ValueError, match=f"must be none of a value's: '{name}' is one"):
        cr.Dense(2, name=name)
