"""A training that ended, in whatever way, leaves what is needed to go on bit for bit."""

import copy
import pickle
import threading

import numpy as np
import pytest
from tests.training.problems import ROWS, classes, classifier, same, trained
from threadpoolctl import threadpool_info

import chainrule as cr
from chainrule.optimizers import OPTIMIZERS

OPTIMIZER = pytest.mark.parametrize(
    "optimizer", [c() for c in dict.fromkeys(OPTIMIZERS.values())], ids=lambda o: o.name
)


# ------------------------------------------------------------------ going on


@OPTIMIZER
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_five_epochs_and_five_more_are_ten(optimizer, shuffle, dtype):
    options = {"optimizer": optimizer, "shuffle": shuffle, "seed": 3}
    whole, ten = trained(classifier(dtype=dtype), epochs=10, **options)
    parts, five = trained(classifier(dtype=dtype), epochs=5, **options)
    _, more = trained(parts, epochs=5, shuffle=shuffle, state=five.state)
    same(whole, parts)
    # The history goes on with the state: epoch n is its nth place, whatever was interrupted.
    assert dict(more.history) == dict(ten.history)
    assert five.history["loss"] == ten.history["loss"][:5]
    assert (more.state.epoch, more.state.step) == (ten.state.epoch, ten.state.step) == (10, 50)
    np.testing.assert_array_equal(more.state.vector, ten.state.vector)
    assert more.state.seed == 3
    assert more.state.optimizer == optimizer


def test_a_state_is_left_as_it_was_and_can_be_used_twice():
    net, first = trained(epochs=2)
    kept = copy.deepcopy(first.state)
    one, other = net.copy(), net.copy()
    for twin in (one, other):
        trained(twin, state=first.state)
    same(one, other)
    assert first.state.step == kept.step
    np.testing.assert_array_equal(first.state.vector, kept.vector)


def test_a_state_survives_a_pickle():
    whole, _ = trained(epochs=4, seed=3)
    parts, first = trained(epochs=2, seed=3)
    parts, state = pickle.loads(pickle.dumps((parts, first.state)))
    trained(parts, epochs=2, state=state)
    same(whole, parts)


def test_going_on_with_callbacks_and_metrics_is_the_same_training():
    whole, _ = trained(epochs=6)
    parts, first = trained(epochs=3, callbacks=[lambda epoch: None], metrics=["accuracy"])
    trained(parts, epochs=3, state=first.state, validation_data=classes(3))
    same(whole, parts)


def test_a_training_may_go_on_with_another_rate():
    _, first = trained(optimizer=cr.Adam(0.01))
    _, second = trained(optimizer=cr.Adam(0.001), state=first.state)
    assert second.state.optimizer.learning_rate == 0.001
    assert second.state.step == 2 * first.state.step


def test_held_out_rows_stay_held_out_when_a_training_goes_on():
    X, y = classes(rows=200)
    seen = []

    def training(net, **options):
        result = cr.train(net, X, y, validation_share=0.25, epochs=1, **options)
        seen.append(result.history["val_loss"][-1])
        return result

    one = classifier(dtype="float64")
    first = training(one, seed=11, optimizer=cr.GradientDescent(1e-12))
    training(one, state=first.state)
    assert seen[0] == pytest.approx(seen[1], rel=1e-9), "another part was held out"


WRONG_STATES = {
    "another optimizer": (cr.GradientDescent(), None, "float64", "cannot go on with gradient_desc"),
    "another size": (None, [cr.Dense(3, "softmax")], "float64", "this network needs 24 of float64"),
    "another dtype": (None, None, "float32", "holds 90 float64 numbers.*needs 90 of float32"),
}


@pytest.mark.parametrize("case", WRONG_STATES)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(case):
    optimizer, layers, dtype, message = WRONG_STATES[case]
    _, first = trained(classifier(dtype="float64"), optimizer=cr.Adam())
    layers = layers or classifier().layers
    net = cr.Network(layers, "cross_entropy", inputs=3, seed=1, dtype=dtype)
    before = net.vector.copy()
    with pytest.raises(ValueError, match=message):
        trained(net, optimizer=optimizer, state=first.state)
    np.testing.assert_array_equal(net.vector, before)


def test_a_refused_state_leaves_the_dtype_of_the_network_alone():
    _, first = trained(classifier(dtype="float32"))
    net = classifier()
    with pytest.raises(ValueError, match="float64"):
        trained(net, state=first.state)  # X is float64
    assert net.dtype == "float32"


# ------------------------------------------------------------------ divergence


def diverging(dtype="float64"):
    rng = np.random.default_rng(0)
    net = cr.Network([cr.Dense(1)], "mse", inputs=3, seed=1, dtype=dtype)
    return net, rng.normal(size=(ROWS, 3)), rng.normal(size=(ROWS, 1))


@pytest.mark.parametrize("with_callbacks", [True, False])
def test_a_divergence_says_the_step_and_keeps_the_last_finite_weights(with_callbacks, plain):
    net, X, y = diverging()
    reference = plain(net)
    right, step = None, 0
    with np.errstate(all="ignore"):
        while True:
            step += 1
            before = {name: value.copy() for name, value in reference.parameters.items()}
            if not np.isfinite(reference.descend(X, y, 1e4)):
                break
            right = before
    callbacks = [lambda epoch: None] if with_callbacks else []
    message = (
        f"not finite at step {step}: try a learning rate below 10000; "
        "the network keeps its last finite weights"
    )
    with pytest.raises(cr.DivergedError, match=message) as caught:
        cr.train(net, X, y, optimizer=cr.GradientDescent(1e4), epochs=500, batch_size=None,
                 callbacks=callbacks)  # fmt: skip
    assert caught.value.step == step
    assert np.isfinite(net.vector).all()
    losses = caught.value.result.history["loss"]
    assert len(losses) == step - 1
    assert np.isfinite(losses).all()
    # those that the last step found, or if they had overflowed already, those before
    finite = all(np.isfinite(v).all() for v in before.values())
    expected = before if finite else right
    for name, value in net.parameters.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-6)


@OPTIMIZER
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [None, 8, 1])
def test_whatever_diverges_keeps_finite_weights(optimizer, dtype, batch_size):
    net, X, y = diverging(dtype)
    huge = type(optimizer)(1e200)
    with pytest.raises(cr.DivergedError):
        cr.train(net, X, y, optimizer=huge, epochs=5000, batch_size=batch_size)
    assert np.isfinite(net.vector).all()
    assert np.isfinite(net.predict(np.zeros((1, 3)))).all()


def test_a_loss_that_overflows_at_once_leaves_the_network_as_it_was():
    net, X, y = diverging("float32")
    before = net.vector.copy()
    with pytest.raises(cr.DivergedError, match="at step 1") as caught:
        cr.train(net, X * 1e30, y, epochs=3)
    np.testing.assert_array_equal(net.vector, before)
    assert caught.value.result.state.step == 0


# ------------------------------------------------------------------ interruption


def test_an_interruption_keeps_the_completed_epochs_and_can_go_on():
    def interrupt(epoch):
        if epoch.number == 4:
            raise KeyboardInterrupt

    whole, _ = trained(epochs=9)
    net = classifier()
    with pytest.warns(UserWarning, match="training was interrupted"):
        _, first = trained(net, epochs=9, callbacks=[interrupt])
    assert first.stopped == "interrupted"
    assert first.history.epochs == first.state.epoch == 4
    trained(net, epochs=5, state=first.state)
    same(whole, net)


def test_an_error_of_a_callback_is_raised_and_leaves_a_usable_network():
    def fail(epoch):
        raise RuntimeError("mine")

    net = classifier()
    with pytest.raises(RuntimeError, match="mine"):
        trained(net, callbacks=[fail])
    assert np.isfinite(net.predict(classes()[0])).all()
    trained(net)


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, GeneratorExit])
def test_an_error_of_a_callback_leaves_the_last_epoch_and_nothing_running(error):
    states = []

    def fail(epoch):
        states.append(epoch.state)
        if epoch.number == 3:
            raise error

    def blas():
        return [(p["filepath"], p["num_threads"]) for p in threadpool_info()]

    running, limits = set(threading.enumerate()), blas()
    net = classifier()
    options = {"epochs": 9, "threads": 2, "callbacks": [cr.EarlyStopping("loss"), fail]}
    with pytest.raises(error):
        trained(net, **options)
    assert set(threading.enumerate()) == running
    assert blas() == limits
    reference, until = trained(epochs=3)
    same(net, reference)
    assert (states[-1].epoch, states[-1].step) == (3, until.state.step)
    np.testing.assert_array_equal(states[-1].vector, until.state.vector)
    trained(net, epochs=2, state=states[-1])
    same(net, trained(epochs=5)[0])
