"""Schedules in training: every step uses the value of its step, also after a break."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.schedules import SCHEDULES, Steps

X = np.random.default_rng(1).normal(size=(50, 3))
Y = np.random.default_rng(2).normal(size=(50, 2))
ROWS, BATCH = 50, 20  # three steps an epoch
ALL = pytest.mark.parametrize("entry", SCHEDULES.values(), ids=list(SCHEDULES))


def network():
    return cr.Network([cr.Dense(4, "tanh"), cr.Dense(2)], "mse", inputs=3, seed=1, dtype="float64")


@ALL
def test_each_step_uses_the_rate_of_its_step(entry, plain):
    schedule, epochs = entry(0.3), 4
    rates = schedule.values(Steps(np.arange(3 * epochs), 3, ROWS, epochs))
    net, reference = network(), plain(network())
    cr.train(net, X, Y, optimizer=cr.GradientDescent(schedule), epochs=epochs, batch_size=BATCH,
             shuffle=False)  # fmt: skip
    batches = [slice(0, 20), slice(20, 40), slice(40, 50)] * epochs
    for rate, rows in zip(rates, batches, strict=True):
        reference.descend(X[rows], Y[rows], rate)
    for name, value in net.parameters.items():
        np.testing.assert_allclose(value, reference.parameters[name], rtol=1e-10, atol=1e-12)


@ALL
def test_five_epochs_and_five_are_ten(entry):
    def trained(net, epochs, state=None, callbacks=()):
        return cr.train(net, X, Y, optimizer=cr.Adam(entry(0.05)), epochs=epochs,
                        batch_size=BATCH, state=state, callbacks=callbacks).state  # fmt: skip

    whole, parts = network(), network()
    trained(whole, 10)
    # The horizon of a schedule is what the first part was asked for, though it stops before.
    half = trained(parts, 10, callbacks=[lambda e: "half" if e.number == 5 else None])
    trained(parts, 5, half)
    np.testing.assert_array_equal(whole.vector, parts.vector)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(threads):
    rng = np.random.default_rng(3)
    big, wanted = rng.normal(size=(3000, 3)), rng.normal(size=(3000, 2))
    found = []
    for workers in (1, threads):
        net = cr.Network([cr.Dropout(cr.Cosine(0.5)), cr.Dense(64, "tanh"), cr.Dense(2)], "mse",
                         inputs=3, seed=1)  # fmt: skip
        cr.train(net, big, wanted, optimizer=cr.AdamW(cr.OneCycle(0.01),
                 weight_decay=cr.FlatCosine(0.1)), epochs=3, batch_size=1500,
                 threads=workers)  # fmt: skip
        found.append(net.vector)
    np.testing.assert_array_equal(*found)


def test_more_steps_than_a_table_holds(plain):
    schedule = cr.Cosine(0.05)
    net, reference = network(), plain(network())
    cr.train(net, X, Y, optimizer=cr.GradientDescent(schedule), epochs=60, batch_size=1,
             shuffle=False)  # fmt: skip
    rates = schedule.values(Steps(np.arange(3000), 50, 50, 60))
    for step, rate in enumerate(rates):
        row = slice(step % 50, step % 50 + 1)
        reference.descend(X[row], Y[row], rate)
    for name, value in net.parameters.items():
        np.testing.assert_allclose(value, reference.parameters[name], rtol=1e-9, atol=1e-11)


def test_a_plateau_reduces_the_rate_after_its_patience(plain):
    schedule = cr.ReduceOnPlateau(0.5, factor=0.1, patience=2, min_delta=1e9)  # nothing improves
    net, reference = network(), plain(network())
    cr.train(net, X, Y, optimizer=cr.GradientDescent(schedule), epochs=6, batch_size=None)
    for rate in (0.5, 0.5, 0.5, 0.05, 0.05, 0.005):
        reference.descend(X, Y, rate)
    for name, value in net.parameters.items():
        np.testing.assert_allclose(value, reference.parameters[name], rtol=1e-9, atol=1e-11)


def test_a_schedule_that_watches_what_is_not_computed_is_refused():
    with pytest.raises(ValueError, match="there is no figure 'val_loss' to watch; there are loss"):
        cr.train(network(), X, Y, optimizer=cr.Adam(cr.ReduceOnPlateau(0.1, monitor="val_loss")))


def test_penalty_and_clip_follow_schedules_too():
    net = network()
    result = cr.train(net, X, Y, epochs=3, batch_size=BATCH, penalty=cr.L2(cr.Exponential(0.1)),
                      clip=cr.ClipGlobalNorm(cr.Constant(1.0)))  # fmt: skip
    assert np.isfinite(result.history["loss"]).all()


@pytest.mark.parametrize("make", [cr.Adam, cr.GradientDescent])
def test_a_rate_that_starts_outside_its_range_is_refused(make):
    with pytest.raises(ValueError, match=r"learning_rate of .* must be a positive number"):
        make(cr.Cosine(0.0))
