"""L-BFGS: SciPy's own path on the same function, the history of a training, and its end."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
import scipy.optimize

import chainrule as cr
from chainrule.engine import executor

ROWS = 60


def problem(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(ROWS, 3))
    return X, np.column_stack([np.sin(X[:, 0]) * X[:, 1], X[:, 2] ** 2])


def network(dtype="float64", loss="mse"):
    layers = [cr.Dense(5, "tanh"), cr.Dense(2)]
    return cr.Network(layers, loss, inputs=3, seed=4, dtype=dtype)


def trained(net=None, optimizer=None, **options):
    X, y = problem()
    net = net or network()
    options = {"epochs": 30, "batch_size": None} | options
    return net, cr.train(net, X, y, optimizer=optimizer or cr.LBFGS(), **options)


def function(reference, X, y):
    """The loss and gradient in plain NumPy, of a flat vector."""
    sizes = np.cumsum([v.size for v in reference.parameters.values()])[:-1]

    def of(vector):
        parts = np.split(vector, sizes)
        for (name, value), part in zip(reference.parameters.items(), parts, strict=True):
            reference.parameters[name] = part.reshape(value.shape)
        gradients = reference.gradients(X, y)
        return reference.loss(X, y), np.concatenate([g.ravel() for g in gradients.values()])

    return of


# ------------------------------------------------------------------ the path


@pytest.mark.parametrize("loss", ["mse", "rss"])
@pytest.mark.parametrize("memory", [3, 10])
def test_every_iteration_is_that_of_scipy_on_the_same_function(loss, memory, plain):
    X, y = problem()
    start, losses, points = network(loss=loss), [], []

    def look(intermediate_result):
        losses.append(intermediate_result.fun)
        points.append(intermediate_result.x.copy())

    scipy.optimize.minimize(
        function(plain(start), X, y), start.vector, jac=True, method="L-BFGS-B", callback=look,
        options={"maxiter": 25, "maxcor": memory, "ftol": 1e-12, "gtol": 1e-8},
    )  # fmt: skip
    method = cr.LBFGS(memory=memory, tolerance=1e-12, gradient_tolerance=1e-8)
    seen = []
    _, result = trained(network(loss=loss), method, epochs=25,
                        callbacks=[lambda e: seen.append(e.network.vector.copy())])  # fmt: skip
    assert len(losses) == result.history.epochs == 25
    np.testing.assert_allclose(result.history["loss"], losses, rtol=1e-7)
    np.testing.assert_allclose(seen, points, rtol=1e-5, atol=1e-7)


def test_the_loss_is_that_of_the_point_reached(plain):
    net, result = trained(epochs=7)
    X, y = problem()
    assert result.history["loss"][-1] == pytest.approx(plain(net).loss(X, y), rel=1e-12)
    assert (np.diff(result.history["loss"]) < 0).all()


def test_a_linear_network_ends_at_the_least_squares():
    X, y = problem()
    net = cr.Network([cr.Dense(2)], "mse", inputs=3, seed=0)
    trained(net, cr.LBFGS(tolerance=0, gradient_tolerance=1e-10), epochs=100)
    right = np.linalg.lstsq(np.column_stack([X, np.ones(ROWS)]), y, rcond=None)[0]
    np.testing.assert_allclose(net.parameters["W1"], right[:3], atol=1e-8)
    np.testing.assert_allclose(net.parameters["b1"], right[3], atol=1e-8)


def test_weights_of_examples_count():
    """Weights of 1 and 0 (then scaled to mean one) are the examples that are left."""
    X, y = problem()
    kept = np.arange(ROWS) % 2 == 0
    method = cr.LBFGS(tolerance=0, gradient_tolerance=1e-10)
    one, other = (cr.Network([cr.Dense(2)], "mse", inputs=3, seed=0) for _ in range(2))
    trained(one, method, epochs=100, sample_weight=kept.astype(float))
    cr.train(other, X[kept], y[kept], optimizer=method, epochs=100, batch_size=None)
    np.testing.assert_allclose(one.vector, other.vector, atol=1e-8)


def test_in_float32_it_trains_in_float32():
    net, result = trained(network("float32"))
    _, exact = trained(network("float64"))
    assert net.vector.dtype == np.float32
    assert result.history["loss"][0] == pytest.approx(exact.history["loss"][0], rel=1e-4)
    assert result.history["loss"][-1] < 0.3 * result.history["loss"][0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_of_threads_changes_no_bit(dtype):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(2000, 20))
    found = []
    for threads in (1, 2):
        net = cr.Network([cr.Dense(50, "tanh"), cr.Dense(1)], "mse", inputs=20, seed=1, dtype=dtype)
        result = cr.train(net, X, X[:, :1] ** 2, optimizer=cr.LBFGS(), epochs=4, batch_size=None,
                          threads=threads)  # fmt: skip
        assert result.threads == threads
        found.append((net.vector, result.history["loss"]))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


# ------------------------------------------------------------------ the training around it


def test_it_is_found_by_its_name():
    one, _ = trained(optimizer=cr.LBFGS())
    other, _ = trained(optimizer="lbfgs")
    np.testing.assert_array_equal(one.vector, other.vector)


def test_figures_and_callbacks_follow_each_iteration():
    seen = []
    Xv, yv = problem(7)
    name = "val_mean_squared_error"
    net, result = trained(
        epochs=5, validation_data=(Xv, yv), metrics=["mean_squared_error"],
        callbacks=[lambda e: seen.append((e.number, e.step, e.history[name][-1]))],
    )  # fmt: skip
    assert [s[:2] for s in seen] == [(k, k) for k in range(1, 6)]
    assert [s[2] for s in seen] == result.history[name]
    error = net.predict(Xv) - yv
    assert result.history["val_loss"][-1] == pytest.approx((error**2).sum() / ROWS / 2, rel=1e-9)
    assert result.stopped == "epochs"
    assert (result.state.epoch, result.state.step) == (5, 5)
    assert result.seconds > 0


def test_progress_is_shown(capsys):
    trained(epochs=5, progress=True)
    assert "epoch 5/5" in capsys.readouterr().err


def test_iterations_of_its_own_come_before_the_epochs():
    _, result = trained(optimizer=cr.LBFGS(max_iterations=12), epochs=3)
    assert result.history.epochs == 12


def test_what_scipy_says_at_the_end_is_told():
    X, _ = problem()
    net = cr.Network([cr.Dense(1)], "mse", inputs=3, seed=0)
    result = cr.train(net, X, X[:, 0], optimizer=cr.LBFGS(), epochs=100, batch_size=None)
    assert result.stopped.startswith("converged: ")
    assert result.history.epochs < 100
    again = cr.train(net, X, X[:, 0], optimizer=cr.LBFGS(gradient_tolerance=1e-3), batch_size=None)
    assert again.stopped == "converged: norm of projected gradient <= pgtol"
    assert again.history["loss"] == [], "there was nothing left to do"


def test_a_larger_tolerance_ends_earlier():
    iterations = [
        trained(optimizer=cr.LBFGS(tolerance=tolerance), epochs=500)[1].history.epochs
        for tolerance in (1e-2, 1e-4, 1e-6)
    ]
    assert iterations[0] < iterations[1] < iterations[2] < 500


def test_a_condition_ends_it_where_it_stands():
    vectors = []

    def third(epoch):
        vectors.append(epoch.network.vector.copy())
        return "the third" if epoch.number == 3 else None

    net, result = trained(callbacks=[third])
    assert result.stopped == "the third"
    assert result.history.epochs == 3
    assert result.loss == result.history["loss"][-1]
    np.testing.assert_array_equal(net.vector, vectors[-1])


def test_an_interruption_keeps_the_last_accepted_point(monkeypatch):
    """Ctrl-C in the middle of a line search: the point that was tried is forgotten."""
    calls, vectors = [], []
    advance = executor.Executor.advance

    def interrupted(self, *end):
        calls.append(None)
        if len(calls) == 9:
            raise KeyboardInterrupt
        advance(self, *end)

    monkeypatch.setattr(executor.Executor, "advance", interrupted)
    net = network()
    with pytest.warns(UserWarning, match="training was interrupted"):
        _, result = trained(net, callbacks=[lambda e: vectors.append(e.network.vector.copy())])
    assert result.stopped == "interrupted"
    assert 1 < result.history.epochs == result.state.epoch < 9
    np.testing.assert_array_equal(net.vector, vectors[-1])
    assert result.loss == result.history["loss"][-1]
    monkeypatch.undo()
    trained(net)  # and it can be trained on


def test_a_loss_that_overflows_is_told_and_the_last_point_kept():
    net = network("float32")
    before = net.vector.copy()
    X, y = problem()
    with pytest.raises(cr.DivergedError, match="the loss is not finite at step 1; the network"):
        cr.train(net, X, 1e30 * y, optimizer=cr.LBFGS(), batch_size=None)
    np.testing.assert_array_equal(net.vector, before)


def test_an_error_of_a_callback_is_raised():
    def fail(epoch):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        trained(callbacks=[fail])


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("size", [None, ROWS, ROWS + 1])
def test_full_batches_are_taken(size):
    one, _ = trained(epochs=3, batch_size=size)
    other, _ = trained(epochs=3)
    np.testing.assert_array_equal(one.vector, other.vector)


@pytest.mark.parametrize("size", [1, ROWS - 1])
def test_other_batches_are_refused_and_nothing_changes(size):
    net = network()
    before = net.vector.copy()
    with pytest.raises(ValueError, match=f"L-BFGS takes full batches: batch_size must be None or "
                                         f"60 .*, not {size}"):  # fmt: skip
        trained(net, batch_size=size)
    np.testing.assert_array_equal(net.vector, before)


def test_there_is_no_going_on_from_a_state_but_a_fresh_start():
    net, first = trained(epochs=3)
    assert pickle.loads(pickle.dumps(first.state)).optimizer == cr.LBFGS()
    before = net.vector.copy()
    with pytest.raises(ValueError, match="L-BFGS cannot go on from a state"):
        cr.train(net, *problem(), batch_size=None, state=first.state)
    with pytest.raises(ValueError, match="the state is one of lbfgs: it cannot go on with adam"):
        trained(net, cr.Adam(), state=first.state)
    np.testing.assert_array_equal(net.vector, before)
    _, second = trained(net, epochs=3)
    assert second.history["loss"][0] < first.history["loss"][-1]


FIELDS = [f.name for f in dataclasses.fields(cr.LBFGS)]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "1", True], ids=repr)
def test_a_value_outside_its_range_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=f"{field} of lbfgs must be .*{value!r}"):
        cr.LBFGS(**{field: value})


@pytest.mark.parametrize("field", ["max_iterations", "memory", "line_search"])
def test_counts_are_at_least_one(field):
    with pytest.raises(ValueError, match=f"{field} of lbfgs must be .* at least 1, not 0"):
        cr.LBFGS(**{field: 0})


def test_a_specification_cannot_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        cr.LBFGS().memory = 3


def test_an_ensemble_trains_by_it_too():
    X, y = problem()
    nets = [cr.Network([cr.Dense(3, "tanh"), cr.Dense(2)], "mse", inputs=3, seed=k)
            for k in range(3)]  # fmt: skip
    alone = nets[1].copy()
    cr.train_ensemble(nets, X, y, optimizer=cr.LBFGS(), epochs=4, batch_size=None)
    cr.train(alone, X, y, optimizer=cr.LBFGS(), epochs=4, batch_size=None)
    np.testing.assert_array_equal(nets[1].vector, alone.vector)
