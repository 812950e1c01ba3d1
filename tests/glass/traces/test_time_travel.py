"""A recorded training can be opened at any step, and shows bit for bit what the training had."""

import itertools

import numpy as np
import pandas as pd
import pytest
from tests.training.problems import classes, classifier
from tests.training.recordings import TRAININGS, every_step, of

import chainrule as cr
from chainrule.engine import executor as executor_module
from chainrule.engine.executor import Executor
from chainrule.optimizers import OPTIMIZERS


def recorded(name, dtype="float64", threads=1, **options):
    """(network, result, opened run) of a recorded training."""
    net, X, y, arguments = of(name, dtype, **options)
    result = cr.train(net, X, y, **{"record": True, "threads": threads} | arguments)
    weights = arguments.get("sample_weight")
    run = cr.open_recording(result.recording, X, y, sample_weight=weights, threads=threads)
    return net, result, run


def vector(trace, ending=""):
    """The parameters of a step as a flat vector."""
    return np.concatenate([trace[path + ending].ravel() for path in trace.network.places])


def check_every_step(name, dtype, trained_with, opened_with, monkeypatch):
    net, X, y, arguments = of(name, dtype)
    start = net.copy()
    start.use_dtype(dtype)
    seen = every_step(monkeypatch, lambda: cr.train(net, X, y, **arguments, threads=trained_with))
    _, result, run = recorded(name, dtype, opened_with)
    assert len(run) == result.state.step == max(seen)
    assert trained_with > 1 or len(seen) == len(run)  # of several, one may be ahead of the slice
    before = start.vector
    for trace in run:
        after = vector(trace, ".new")
        assert after.dtype == dtype
        assert np.array_equal(vector(trace), before)
        assert np.array_equal(after, seen.get(trace.step, after))
        assert np.array_equal(run.network(trace.step).vector, after)
        before = after
    assert np.array_equal(before, net.vector)


@pytest.mark.parametrize("name", TRAININGS)
def test_every_step_is_bit_for_bit_what_the_training_had(name, monkeypatch):
    check_every_step(name, "float64", 1, 2, monkeypatch)


@pytest.mark.parametrize("threads", [1, 2])
def test_every_step_is_so_in_float32_too_and_for_any_number_of_threads(threads, monkeypatch):
    check_every_step(
        "dropout, Adam, schedules, weights", "float32", threads, 3 - threads, monkeypatch
    )
    check_every_step("several tiles", "float32", threads, 3 - threads, monkeypatch)


def test_backwards_and_at_random_shows_the_same_as_forwards():
    _, _, run = recorded("dropout, Adam, schedules, weights", epochs=30)
    forwards = [vector(trace, ".new") for trace in run]
    assert len(forwards) == len(run) == 150
    for trace in reversed(run):
        assert np.array_equal(vector(trace, ".new"), forwards[trace.step - 1])
    for step in np.random.default_rng(0).integers(1, 151, 60).tolist():
        assert np.array_equal(vector(run.at(step), ".new"), forwards[step - 1])


@pytest.mark.parametrize("optimizer", dict.fromkeys(OPTIMIZERS.values()), ids=lambda o: o.name)
def test_the_steps_of_every_optimizer_follow_each_other(optimizer):
    net, _, run = recorded("dropout, Adam, schedules, weights", optimizer=optimizer(0.01))
    before = run.network(0).vector
    for trace in run:
        assert np.array_equal(vector(trace), before)
        before = vector(trace, ".new")
    assert np.array_equal(before, net.vector)


@pytest.mark.parametrize("megabytes", [1e-9, 0.02, 16])
def test_one_long_epoch_can_be_opened_in_its_middle(megabytes):
    many = classes(rows=1500)
    net = classifier(dtype="float64")
    cosine = cr.Adam(cr.Warmup(cr.Cosine(0.01), epochs=0.5))
    options = {"optimizer": cosine, "epochs": 1, "batch_size": 1}
    result = cr.train(net, *many, **options, record=cr.Recorder(megabytes=megabytes))
    run = cr.open_recording(result.recording, *many)
    assert len(run) == 1500
    for step in 1500, 3, 1025, 1024, 700, 701, 1499:
        assert np.array_equal(vector(run.at(step), ".new"), run.network(step).vector)
        assert np.array_equal(run.at(step)["x"][0], many[0][run.rows(step)[0]])
    assert np.array_equal(run.network(1500).vector, net.vector)


def test_steps_from_one_to_another_go_either_way():
    _, _, run = recorded("single outputs")
    assert [trace.step for trace in run.steps(3, 6)] == [3, 4, 5, 6]
    assert [trace.step for trace in run.steps(6, 3)] == [6, 5, 4, 3]
    assert [trace.step for trace in run.steps(last=2)] == [1, 2]
    assert [trace.step for trace in reversed(run)] == list(range(20, 0, -1))


def test_going_backwards_makes_few_steps_again(monkeypatch):
    net, X, y, options = of("single outputs", epochs=200)
    result = cr.train(net, X, y, **options, record=cr.Recorder(megabytes=1e-9))
    assert list(result.recording.snapshots) == [0]
    run = cr.open_recording(result.recording, X, y)
    made, original = [], run._replay._run

    def counted(step):
        made.append(step - run._replay._here)
        original(step)

    monkeypatch.setattr(run._replay, "_run", counted)
    for step in range(1000, 800, -1):
        run.weights(step)
    assert sum(made) < 1000 + 200 * 10, "not 200 times from the beginning"


# ------------------------------------------------------------------ what a step shows


def test_a_step_knows_its_epoch_its_rows_and_their_values():
    net, X, y, options = of("dropout, Adam, schedules, weights")
    weights = options["sample_weight"]
    result = cr.train(net, X, y, **options, record=True)
    run = cr.open_recording(result.recording, X, y, sample_weight=weights)
    for epoch in range(4):
        steps = list(run.steps(5 * epoch + 1, 5 * epoch + 5))
        assert {trace.epoch for trace in steps} == {epoch + 1}
        assert [trace.rows for trace in steps] == [8, 8, 8, 8, 5]
        rows = np.concatenate([run.rows(trace.step) for trace in steps])
        assert sorted(rows) == list(range(37))
        assert not np.array_equal(rows, np.arange(37))
        for trace in steps:
            chosen = run.rows(trace.step)
            np.testing.assert_array_equal(trace["x"], X[chosen])
            mean = weights / weights.mean()
            np.testing.assert_allclose(trace["weight"].ravel(), mean[chosen], rtol=1e-12)
    assert run.epoch(1) == 1
    assert run.epoch(20) == 4
    rates = [trace.scalars["learning_rate"] for trace in run]
    assert rates[0] == pytest.approx(0.01)
    assert all(one > other for one, other in itertools.pairwise(rates))


def test_rows_are_those_of_x_also_where_some_were_held_out():
    net, X, y, options = of("held out, a plateau of their loss")
    result = cr.train(net, X, y, **options, record=True)
    run = cr.open_recording(result.recording, X, y)
    seen = set()
    for trace in run:
        np.testing.assert_array_equal(trace["x"], X[run.rows(trace.step)])
        seen |= set(run.rows(trace.step).tolist())
    assert len(seen) == round(37 * 0.7)
    rates = [trace.scalars["learning_rate"] for trace in run]
    assert len(set(rates)) > 1, "the plateau was reached"


def test_all_rows_of_a_batch_of_several_tiles_are_shown():
    _, _, run = recorded("several tiles")
    for step, rows in (2, 1100), (3, 300):
        trace = run.at(step)
        assert trace["x"].shape == (rows, 3)
        assert trace["dense1.a"].shape == trace["dropout1.mask"].shape == (rows, 64)
        assert trace["loss.example"].shape[0] == rows
        assert trace["loss.example"].mean() == pytest.approx(trace["loss"], rel=1e-12)
    assert trace.program.tile_rows < 1100


def test_the_losses_of_all_steps_are_those_that_the_steps_show():
    _, result, run = recorded("penalty, clipping, norms, groups")
    losses = run.losses()
    assert losses.tolist() == [float(trace["loss"]) for trace in run]
    sums = losses.reshape(4, 5) @ [8, 8, 8, 8, 5]
    np.testing.assert_allclose(sums / 37, result.history["loss"], rtol=1e-12)
    assert run.history["loss"] == result.history["loss"]
    assert np.array_equal(run.network(20).vector, run.network(20).vector)


def test_a_step_is_the_one_that_a_trace_of_the_same_batch_shows():
    net, X, y, options = of("single outputs")
    result = cr.train(net, X, y, **options, record=True)
    run = cr.open_recording(result.recording, X, y)
    rows = run.rows(7)
    alone = cr.trace(run.network(6), X[rows], y[rows], optimizer=options["optimizer"], step=7)
    for name in ("z1", "a1", "delta1", "dW1", "loss"):
        np.testing.assert_array_equal(run.at(7)[name], alone[name])


def test_weights_are_copies_by_short_name_and_path():
    net, _, run = recorded("single outputs")
    weights = run.weights(20)
    np.testing.assert_array_equal(weights["W1"], net.parameters["W1"])
    weights["W1"] = np.zeros((3, 6))
    np.testing.assert_array_equal(run.weights(20)["dense1.W"], net.parameters["W1"])
    losses = run.losses()
    losses[:] = 0
    assert run.losses().all()


# ------------------------------------------------------------------ every way to end


def test_a_training_that_went_on_is_numbered_on():
    whole, X, y, options = of("dropout, Adam, schedules, weights", epochs=6)
    cr.train(whole, X, y, **options)
    net, _, _, _ = of("dropout, Adam, schedules, weights")
    horizon = options | {"epochs": 6}
    first = cr.train(net, X, y, **horizon, callbacks=[lambda e: "now" if e.number == 2 else None])
    second = cr.train(net, X, y, **horizon | {"epochs": 4}, state=first.state, record=True)
    assert np.array_equal(net.vector, whole.vector)
    run = cr.open_recording(second.recording, X, y, sample_weight=options["sample_weight"])
    assert (run.first, run.last, len(run)) == (11, 30, 20)
    assert (run.at(11).epoch, run.at(30).epoch) == (3, 6)
    assert np.array_equal(vector(run.at(30), ".new"), whole.vector)
    _, _, from_start = recorded("dropout, Adam, schedules, weights", epochs=6)
    for step in (11, 15, 16, 30):
        assert np.array_equal(vector(run.at(step)), vector(from_start.at(step)))
    with pytest.raises(ValueError, match="step must be a whole number from 11 to 31, not 10"):
        run.at(10)


def test_early_stopping_leaves_all_steps_that_were_made():
    net, X, y, options = of("single outputs", epochs=400)
    seen = {}
    stopping = cr.EarlyStopping("loss", patience=2, min_delta=0.01)
    options |= {"callbacks": [stopping, lambda e: seen.update({e.step: e.network.vector.copy()})]}
    result = cr.train(net, X, y, **options, record=True)
    run = cr.open_recording(result.recording, X, y)
    assert len(run) == max(seen) > result.state.step, "the best epoch was not the last"
    for step, weights in seen.items():
        assert np.array_equal(run.network(step).vector, weights)
    assert np.array_equal(run.network(result.state.step).vector, net.vector)


def test_an_interrupted_training_can_be_opened():
    def interrupt(epoch):
        if epoch.number == 3:
            raise KeyboardInterrupt

    net, X, y, options = of("single outputs")
    with pytest.warns(UserWarning, match="interrupted"):
        result = cr.train(net, X, y, **options, callbacks=[interrupt], record=True)
    run = cr.open_recording(result.recording, X, y)
    assert len(run) == 15
    assert np.array_equal(vector(run.at(15), ".new"), net.vector)


def test_a_training_that_was_interrupted_within_an_epoch_can_be_opened(monkeypatch):
    original = Executor._slice

    def interrupted(self, *end):
        if self.program.ranges and self.step == 13:
            raise KeyboardInterrupt
        return original(self, *end)

    net, X, y, options = of("single outputs")
    with monkeypatch.context() as patch:
        patch.setattr(executor_module, "SLICE", 0.0)
        patch.setattr(Executor, "_slice", interrupted)
        with pytest.warns(UserWarning, match="interrupted"):
            result = cr.train(net, X, y, **options, record=True)
    run = cr.open_recording(result.recording, X, y)
    assert (len(run), run.epoch(13)) == (13, 3)
    assert np.array_equal(vector(run.at(13), ".new"), net.vector)
    more = cr.train(net, X, y, **options | {"epochs": 1}, state=result.state, record=True)
    onwards = cr.open_recording(more.recording, X, y)
    assert (onwards.first, onwards.last, onwards.epoch(14)) == (14, 18, 3)
    assert np.array_equal(vector(onwards.at(14)), vector(run.at(13), ".new"))
    assert np.array_equal(vector(onwards.at(18), ".new"), net.vector)


@pytest.mark.parametrize("size", [None, 8])
def test_a_training_that_diverged_shows_the_step_in_which_it_did(size):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(37, 3)), rng.normal(size=(37, 1))
    net = cr.Network([cr.Dense(1)], "mse", inputs=3, seed=1)
    with pytest.raises(cr.DivergedError) as caught:
        cr.train(net, X, y, optimizer=cr.GradientDescent(1e4), epochs=500, batch_size=size,
                 record=True)  # fmt: skip
    run = cr.open_recording(caught.value.result.recording, X, y)
    assert np.array_equal(run.network(run.last).vector, net.vector)
    after = run.at(run.last + 1)
    assert np.array_equal(vector(after), net.vector)
    assert not np.isfinite(after["loss"]) or not np.isfinite(vector(after, ".new")).all()
    assert np.isfinite(run.losses()).all()


def test_a_training_without_steps_is_empty():
    net, X, y, options = of("single outputs")
    result = cr.train(net, X, y, **options)
    again = cr.train(net, X, y, **options | {"epochs": 0}, state=result.state, record=True)
    run = cr.open_recording(again.recording, X, y)
    assert (len(run), list(run), repr(run)) == (0, [], "<recorded run without steps>")
    assert np.array_equal(run.network(20).vector, net.vector)


# ------------------------------------------------------------------ what is refused

X, Y = classes()
OTHER = {
    "a value": ((X + 1e-9, Y), "X is not that of the recorded training: it is of other"),
    "rows": ((X[1:], Y[1:]), "it is 36 rows, and there 37"),
    "a type": ((X.astype("float32"), Y), "it is of the type float32, and there float64"),
    "targets": ((X, np.roll(Y, 1)), "y is not that of the recorded training"),
    "weights": ((X, Y, np.arange(37.0)), r"sample_weight is .*: it is given here, and not there"),
    "columns": ((X[:, :2], Y), "X has 2 features, and the network takes 3"),
}


@pytest.mark.parametrize("case", OTHER)
def test_other_data_are_refused(case):
    (X_, y_, *weights), message = OTHER[case]
    result = cr.train(classifier(), X, Y, epochs=1, record=True)
    with pytest.raises(ValueError, match=message):
        cr.open_recording(result.recording, X_, y_, sample_weight=weights[0] if weights else None)


def test_the_order_in_memory_does_not_matter():
    net = classifier()
    result = cr.train(net, X, Y, epochs=2, batch_size=8, record=True)
    wide = np.zeros((37, 6))
    wide[:, ::2] = X
    for same in (np.asfortranarray(X), wide[:, ::2], X.tolist()):
        run = cr.open_recording(result.recording, same, Y.tolist())
        assert np.array_equal(vector(run.at(10), ".new"), net.vector)


def test_weights_that_were_given_are_given_again():
    result = cr.train(classifier(), X, Y, epochs=1, sample_weight=np.arange(37.0), record=True)
    with pytest.raises(ValueError, match=r"sample_weight is .*: it is given there, and not here"):
        cr.open_recording(result.recording, X, Y)


@pytest.mark.parametrize("step", [0, 7, 1.5, "1", True])
def test_steps_that_the_run_has_not_are_refused(step):
    result = cr.train(classifier(), X, Y, epochs=1, batch_size=8, record=True)
    run = cr.open_recording(result.recording, X, Y)
    for ask in (run.at, run.rows, run.epoch):
        with pytest.raises(ValueError, match="step must be a whole number from 1 to 6, not"):
            ask(step)
    with pytest.raises(ValueError, match="first must be a whole number from 1 to 5"):
        run.steps(step)
    with pytest.raises(ValueError, match="step must be a whole number from 0 to 5"):
        run.weights(6)


def test_what_is_no_recording_is_refused():
    with pytest.raises(ValueError, match=r"recording must be a path or the result\.recording"):
        cr.open_recording(None, X, Y)


def test_the_columns_of_a_data_frame_keep_their_names():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    result = cr.train(classifier(), frame, Y, epochs=1, record=True)
    assert list(cr.open_recording(result.recording, frame, Y).at(1).input_names) == ["a", "b", "c"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TRAININGS)
def test_the_influence_of_a_weight_on_the_loss_of_a_step_is_its_gradient(name, dtype):
    _, _, run = recorded(name, dtype, epochs=1)
    t = run.at(run.last)
    gradient = float(t["dense1.dW"][1, 2])
    assert t.influence("dense1.W[1,2]")["loss"] == pytest.approx(gradient, rel=1e-4, abs=1e-8)
