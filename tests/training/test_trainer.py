"""Training: it learns, it can be reproduced, and every form of the same data trains the same."""

import copy

import numpy as np
import pytest
import scipy.sparse
from tests.training.problems import ROWS, binary, binary_network, classes, classifier, same, trained

import chainrule as cr
from chainrule.engine.random import shuffle as shuffled
from chainrule.optimizers import OPTIMIZERS

OPTIMIZER = pytest.mark.parametrize(
    "optimizer", [c() for c in dict.fromkeys(OPTIMIZERS.values())], ids=lambda o: o.name
)


# ------------------------------------------------------------------ it learns


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_learns_exclusive_or(dtype):
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    net = cr.Network([cr.Dense(8, "tanh"), cr.Dense(1, "sigmoid")], "binary_cross_entropy",
                     inputs=2, seed=0, dtype=dtype)  # fmt: skip
    result = cr.train(net, X, y, optimizer=cr.Adam(0.05), epochs=400, batch_size=None,
                      metrics=["accuracy"])  # fmt: skip
    assert cr.decide(net.predict(X)).tolist() == y
    assert result.history["accuracy"][-1] == 1
    assert result.history["loss"][-1] < 0.05 < result.history["loss"][0]


def test_it_learns_classes_and_generalises():
    net, result = trained(data=classes(rows=500), epochs=60, optimizer=cr.Adam(0.02))
    X, y = classes(seed=7, rows=300)
    assert np.mean(cr.decide(net.predict(X)) == y) > 0.85
    assert result.history["loss"][-1] < 0.5 * result.history["loss"][0]


def test_labels_and_one_hot_rows_train_alike():
    X, y = classes()
    one, _ = trained(data=(X, y))
    other, _ = trained(data=(X, cr.one_hot(y, 3)))
    np.testing.assert_allclose(one.vector, other.vector, rtol=1e-12)


# ------------------------------------------------------------------ reproducible


@OPTIMIZER
def test_the_same_seed_gives_the_same_bits(optimizer):
    one, first = trained(optimizer=optimizer, seed=5)
    other, second = trained(optimizer=optimizer, seed=5)
    same(one, other)
    assert first.history["loss"] == second.history["loss"]


def test_another_seed_shuffles_in_another_way():
    one, _ = trained(seed=5)
    other, _ = trained(seed=6)
    assert not np.array_equal(one.vector, other.vector)


def test_the_seed_is_that_of_the_network_unless_one_is_given():
    one, _ = trained(classifier(seed=4))
    other, _ = trained(classifier(seed=4), seed=4)
    same(one, other)


def test_without_shuffling_the_seed_does_not_matter():
    one, _ = trained(seed=5, shuffle=False)
    other, _ = trained(seed=6, shuffle=False)
    same(one, other)


def test_global_random_state_is_neither_read_nor_changed():
    np.random.seed(0)
    one, _ = trained()
    state = np.random.get_state()[1].copy()
    np.random.seed(1)
    other, _ = trained()
    same(one, other)
    np.random.seed(0)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def epoch_order(rows, seed, epoch):
    order = np.zeros(rows, np.int64)
    with np.errstate(over="ignore"):
        shuffled(order, seed, epoch)
    return order


def test_each_epoch_visits_every_row_once_in_an_order_of_its_own(plain):
    orders = [epoch_order(ROWS, 9, epoch) for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(ROWS))
    assert not np.array_equal(orders[0], orders[1])
    net = classifier(dtype="float64")
    reference = plain(net)
    X, y = classes()
    trained(net, (X, y), optimizer=cr.GradientDescent(0.2), seed=9)
    for order in orders:
        for start in range(0, ROWS, 8):
            rows = order[start : start + 8]
            reference.descend(X[rows], np.eye(3)[y[rows]], 0.2)
    for name, value in reference.parameters.items():
        np.testing.assert_allclose(net.parameters[name], value, rtol=1e-11)


def test_a_full_batch_is_not_shuffled():
    one, _ = trained(batch_size=None, seed=1)
    other, _ = trained(batch_size=None, seed=2)
    same(one, other)


# ------------------------------------------------------------------ threads


@OPTIMIZER
def test_the_number_of_threads_changes_no_bit(optimizer):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2000, 40)), rng.integers(0, 3, 2000)
    layers = [cr.Dense(100, "relu"), cr.Dense(3, "softmax")]
    found = []
    for threads in (1, 2, 3):
        net = cr.Network(layers, "cross_entropy", inputs=40, seed=1)
        result = cr.train(net, X, y, epochs=2, batch_size=900, optimizer=optimizer,
                          threads=threads)  # fmt: skip
        found.append((net, result.history["loss"], result.threads))
    assert found[1][2] > 1
    for net, losses, _ in found[1:]:
        same(net, found[0][0])
        assert losses == found[0][1]


# ------------------------------------------------------------------ dtypes and forms of X


@pytest.mark.parametrize(
    ("X", "fixed", "found"),
    [
        (np.float64, None, "float64"), (np.float32, None, "float32"), (np.int64, None, "float32"),
        (np.uint8, None, "float32"), (np.bool_, None, "float32"), (np.float16, None, "float32"),
        (np.float64, "float32", "float32"), (np.float32, "float64", "float64"),
    ],
)  # fmt: skip
def test_the_dtype_follows_X_unless_the_network_was_given_one(X, fixed, found):
    net, result = trained(classifier(dtype=fixed), (classes()[0].astype(X), classes()[1]))
    assert net.dtype == found
    assert result.state.vector.dtype == found
    assert net.predict(classes()[0]).dtype == found


def forms():
    X = np.random.default_rng(3).integers(0, 2, (ROWS, 3)).astype(np.float64)
    wide = np.zeros((2 * ROWS, 9))
    wide[::2, 1::3] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    found = {
        "Fortran": np.asfortranarray(X), "strided": wide[::2, 1::3], "reversed": X[::-1][::-1],
        "read-only": read_only, "lists": X.tolist(), "big-endian": X.astype(">f8"),
        "csr_array": scipy.sparse.csr_array(X), "csr_matrix": scipy.sparse.csr_matrix(X),
        "csc_array": scipy.sparse.csc_array(X),
        "csr of int64 indices": scipy.sparse.csr_array(X),
    }  # fmt: skip
    found["csr of int64 indices"].indptr = found["csr_array"].indptr.astype(np.int64)
    found["csr of int64 indices"].indices = found["csr_array"].indices.astype(np.int64)
    for dtype in (np.bool_, np.uint8, np.int8, np.uint16, np.int32, np.int64, np.float32,
                  np.float16):  # fmt: skip
        found[np.dtype(dtype).name] = X.astype(dtype)
        found[f"csr of {np.dtype(dtype).name}"] = scipy.sparse.csr_array(
            X.astype(np.float32 if dtype is np.float16 else dtype)
        )
    return X, found


@pytest.mark.parametrize("form", forms()[1])
def test_every_form_of_the_same_numbers_trains_the_same(form):
    X, found = forms()
    y = classes()[1]
    one, _ = trained(classifier(dtype="float64"), (X, y))
    other, _ = trained(classifier(dtype="float64"), (found[form], y))
    same(one, other)


def test_data_are_not_changed():
    X, y = classes()
    sparse, weights = scipy.sparse.csr_array(np.where(X > 0, X, 0)), np.arange(ROWS, dtype=float)
    kept = copy.deepcopy((X, y, weights, sparse))
    for features in (X, sparse):
        weighted = {"sample_weight": weights, "class_weight": "balanced"}
        cr.train(classifier(), features, y, epochs=1, **weighted)
    parts = ("data", "indices", "indptr")
    now = (X, y, weights, *(getattr(sparse, part) for part in parts))
    before = (*kept[:3], *(getattr(kept[3], part) for part in parts))
    for one, other in zip(now, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_duplicate_entries_of_a_sparse_matrix_are_summed_and_left_alone():
    entries = ([1.0, 2.0, 3.0], [0, 0, 2], [0, 2, 3])
    X = scipy.sparse.csr_array(entries, shape=(2, 3))
    one, other = classifier(), classifier()
    cr.train(one, X, [0, 1], epochs=1)
    cr.train(other, np.array([[3.0, 0, 0], [0, 0, 3.0]]), [0, 1], epochs=1)
    same(one, other)
    assert X.data.tolist() == entries[0]


def test_y_in_a_column_or_strided_or_of_another_type_trains_the_same():
    X, y = binary()
    one, _ = trained(binary_network(), (X, y))
    wide = np.stack([y, 1 - y], axis=1)
    for form in (y[:, None], wide[:, 0], wide[:, :1], y.astype(bool), y.astype(np.float32),
                 y.tolist(), y.astype(">i4")):  # fmt: skip
        other, _ = trained(binary_network(), (X, form))
        same(one, other)


# ------------------------------------------------------------------ weights of examples


@pytest.mark.parametrize(
    "optimizer", [cr.GradientDescent(0.3), cr.Adam(0.01)], ids=lambda o: o.name
)
def test_weight_two_equals_a_duplicated_row_on_full_batches(optimizer):
    X, y = classes()
    weights = np.ones(ROWS)
    weights[[3, 8]] = 2
    weights[5] = 0
    rows = np.repeat(np.arange(ROWS), weights.astype(int))
    options = {"batch_size": None, "epochs": 20, "optimizer": optimizer}
    one, first = trained(classifier(dtype="float64"), (X, y), sample_weight=weights, **options)
    other, second = trained(classifier(dtype="float64"), (X[rows], y[rows]), **options)
    np.testing.assert_allclose(one.vector, other.vector, rtol=1e-9)
    np.testing.assert_allclose(first.history["loss"], second.history["loss"], rtol=1e-11)


def test_equal_weights_are_no_weights():
    one, first = trained()
    for weights in (np.ones(ROWS), 7 * np.ones(ROWS), [0.1] * ROWS):
        other, second = trained(sample_weight=weights)
        np.testing.assert_allclose(one.vector, other.vector, rtol=1e-9)
        np.testing.assert_allclose(first.history["loss"], second.history["loss"], rtol=1e-9)


def test_weights_have_mean_one_over_the_training_set_and_a_batch_divides_by_its_rows(plain):
    X, y = binary()
    weights = np.random.default_rng(1).uniform(0, 3, ROWS)
    net = binary_network(dtype="float64")
    reference = plain(net)
    trained(net, (X, y), sample_weight=weights, shuffle=False, optimizer=cr.GradientDescent(0.3))
    scaled = weights / weights.mean()
    for _ in range(3):
        for start in range(0, ROWS, 8):
            rows = slice(start, start + 8)
            reference.descend(X[rows], y[rows, None], 0.3, scaled[rows])
    for name, value in reference.parameters.items():
        np.testing.assert_allclose(net.parameters[name], value, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("make", [classes, binary])
def test_class_weights_are_weights_of_examples(make):
    X, y = make()
    network = classifier if make is classes else binary_network
    counts = np.bincount(y)
    balanced = ROWS / (len(counts) * counts)
    for class_weight, each in (
        ("balanced", balanced[y]),
        ({0: 1.0, 1: 3.0}, np.where(y == 1, 3.0, 1.0)),
        ({1: 0.5}, np.where(y == 1, 0.5, 1.0)),
        ({np.int64(0): np.float32(2)}, np.where(y == 0, 2.0, 1.0)),
    ):
        one, _ = trained(network(), (X, y), class_weight=class_weight)
        other, _ = trained(network(), (X, y), sample_weight=each)
        np.testing.assert_allclose(one.vector, other.vector, rtol=1e-12)


def test_class_weights_of_one_hot_rows_and_of_labels_are_the_same():
    X, y = classes()
    one, _ = trained(data=(X, y), class_weight="balanced")
    other, _ = trained(data=(X, cr.one_hot(y, 3)), class_weight="balanced")
    np.testing.assert_allclose(one.vector, other.vector, rtol=1e-12)


def test_class_weights_and_weights_of_examples_are_multiplied():
    X, y = binary()
    each = np.linspace(0.5, 1.5, ROWS)
    one, _ = trained(binary_network(), (X, y), sample_weight=each, class_weight={1: 3.0})
    other, _ = trained(binary_network(), (X, y), sample_weight=each * np.where(y == 1, 3.0, 1.0))
    np.testing.assert_allclose(one.vector, other.vector, rtol=1e-12)


# ------------------------------------------------------------------ validation and metrics


def test_validation_data_are_evaluated_after_each_epoch():
    Xv, yv = classes(5)
    net, result = trained(epochs=4, validation_data=(Xv, yv), metrics=["accuracy"])
    assert set(result.history) == {"loss", "val_loss", "val_accuracy"}
    assert all(len(figures) == 4 for figures in result.history.values())
    probability = net.predict(Xv)
    right = -np.log(probability[np.arange(ROWS), yv]).mean()
    assert result.history["val_loss"][-1] == pytest.approx(right, rel=1e-9)
    accuracy = np.mean(probability.argmax(axis=1) == yv)
    assert result.history["val_accuracy"][-1] == accuracy


def test_validation_does_not_change_the_training():
    one, _ = trained()
    other, _ = trained(validation_data=classes(5), metrics=["accuracy"])
    same(one, other)


def test_metrics_are_computed_on_X_where_there_is_no_validation():
    net, result = trained(metrics=["accuracy"])
    X, y = classes()
    assert result.history["accuracy"][-1] == np.mean(cr.decide(net.predict(X)) == y)


def test_a_share_is_held_out_and_not_trained_on():
    _, result = trained(data=classes(rows=40), validation_share=0.25, batch_size=1)
    assert result.state.step == 3 * 30
    assert len(result.history["val_loss"]) == 3


def test_weights_have_mean_one_over_the_rows_that_are_trained_on(plain):
    X, y = binary(rows=40)
    weights = np.random.default_rng(1).uniform(0, 3, 40)
    net = binary_network(dtype="float64")
    options = {"validation_share": 0.25, "epochs": 1, "batch_size": None}
    one, _ = trained(net.copy(), (X, y), optimizer=cr.GradientDescent(1.0), **options)
    order = np.random.default_rng(net.seed).permutation(40)
    kept = np.sort(order[10:])
    reference = plain(net)
    reference.descend(X[kept], y[kept, None], 1.0)
    np.testing.assert_allclose(one.parameters["W1"], reference.parameters["dense1.W"], rtol=1e-12)
    other, _ = trained(
        net.copy(), (X, y), sample_weight=weights, optimizer=cr.GradientDescent(1.0), **options
    )
    reference = plain(net)
    scaled = weights[kept] / weights[kept].mean()
    reference.descend(X[kept], y[kept, None], 1.0, scaled)
    np.testing.assert_allclose(other.parameters["W1"], reference.parameters["dense1.W"], rtol=1e-12)


def test_weights_that_leave_nothing_to_train_on_are_refused():
    net = classifier()
    weights = np.zeros(40)
    weights[np.random.default_rng(net.seed).permutation(40)[:10]] = 1  # those held out
    with pytest.raises(ValueError, match="the weights of the examples sum to 0"):
        trained(net, classes(rows=40), sample_weight=weights, validation_share=0.25)


def test_the_held_out_rows_have_no_say_in_the_weights():
    X, y = classes(rows=40)
    base, _ = trained(data=(X, y), validation_share=0.25, epochs=1)
    without_effect = 0
    for row in range(40):
        changed = X.copy()
        changed[row] += 1
        net, _ = trained(data=(changed, y), validation_share=0.25, epochs=1)
        without_effect += np.array_equal(net.vector, base.vector)
    assert without_effect == 10


def test_the_mean_loss_of_the_history_is_that_before_each_step(plain):
    X, y = binary()
    net = binary_network(dtype="float64")
    reference = plain(net)
    _, result = trained(net, (X, y), optimizer=cr.GradientDescent(0.3), shuffle=False, epochs=2)
    for epoch in range(2):
        total = 0.0
        for start in range(0, ROWS, 8):
            rows = slice(start, start + 8)
            total += len(X[rows]) * reference.descend(X[rows], y[rows, None], 0.3)
        assert result.history["loss"][epoch] == pytest.approx(total / ROWS, rel=1e-12)


def test_the_history_is_the_same_with_and_without_callbacks():
    _, one = trained(epochs=5)
    _, other = trained(epochs=5, callbacks=[lambda epoch: None])
    assert one.history["loss"] == other.history["loss"]


def test_the_result_says_what_it_was():
    _, result = trained()
    assert result.stopped == "epochs"
    assert result.history.epochs == 3
    assert result.history.last() == {"loss": result.history["loss"][-1]}
    assert "history of 3 epochs" in repr(result)
