"""A traced step has the values that schedules have at it."""

import numpy as np
import pytest
from tests.training.problems import classes, classifier

import chainrule as cr

X, Y = classes()  # 37 rows


def scheduled(make):
    return cr.Adam(make(0.01))


MADE = {
    "cosine": cr.Cosine,
    "exponential": lambda rate: cr.Exponential(rate, 0.5),
    "by examples": lambda rate: cr.InverseScaling(rate, by="example"),
    "warmed up": lambda rate: cr.Warmup(cr.Cosine(rate), epochs=3),
    "plateau": lambda rate: cr.ReduceOnPlateau(rate, patience=1, min_delta=10.0),
}


@pytest.mark.parametrize("size", [None, 50])
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_the_step_after_a_state_is_the_next_of_the_training(make, size):
    net, optimizer = classifier(dtype="float64"), scheduled(make)
    stop = [lambda e: "enough" if e.number == 3 else None]
    options = {"optimizer": optimizer, "batch_size": size, "shuffle": False}
    first = cr.train(net, X, Y, epochs=8, callbacks=stop, **options)
    t = cr.trace(net, X, Y, state=first.state)
    cr.train(net, X, Y, epochs=1, state=first.state, **options)
    for path, value in net.parameters.items():
        np.testing.assert_allclose(t[f"{path}.new"], value, rtol=1e-13)


@pytest.mark.parametrize("make", [MADE["cosine"], MADE["warmed up"], MADE["exponential"]])
def test_the_state_of_a_training_by_batches_tells_how_many_an_epoch_has(make):
    net, optimizer = classifier(dtype="float64"), scheduled(make)
    stop = [lambda e: "enough" if e.number == 2 else None]
    options = {"optimizer": optimizer, "batch_size": 8}
    first = cr.train(net, X, Y, epochs=8, callbacks=stop, **options)
    later = cr.train(net, X, Y, epochs=1, state=first.state, record=True, **options)
    recorded = cr.open_recording(later.recording, X, Y)
    for step in 11, 13:
        rows, before = recorded.rows(step), recorded.network(step - 1)
        t = cr.trace(before, X[rows], Y[rows], state=first.state, step=step)
        wanted = recorded.at(step).scalars["learning_rate"]
        assert t.scalars["learning_rate"] == pytest.approx(wanted, rel=1e-14)
        assert wanted != 0.01


def test_what_does_not_depend_on_the_training_needs_no_state():
    net = classifier(dtype="float64")
    t = cr.trace(net, X, Y, optimizer=scheduled(MADE["cosine"]))
    assert t.scalars["learning_rate"] == 0.01
    by_step = cr.InverseScaling(0.01, power=1, by="step")
    assert cr.trace(net, X, Y, optimizer=cr.Adam(by_step), step=5).scalars["learning_rate"] < 0.01


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_does_is_refused_without_one(make):
    with pytest.raises(ValueError, match=r"learning_rate is .* depends on the epochs of the trai"):
        cr.trace(classifier(), X, Y, optimizer=scheduled(make), step=40)


def test_the_iterations_of_a_walkthrough_are_a_training_of_so_many_epochs():
    net, optimizer = classifier(dtype="float64"), scheduled(MADE["warmed up"])
    w = cr.walkthrough(net, X, Y, optimizer=optimizer, iterations=4)
    result = cr.train(net, X, Y, optimizer=optimizer, epochs=4, batch_size=None, record=True)
    run = cr.open_recording(result.recording, X, Y)
    rates = [t.scalars["learning_rate"] for t in run]
    assert [t.scalars["learning_rate"] for t in w.traces] == rates
    assert rates[0] < rates[1] < rates[2]
    np.testing.assert_allclose(w.traces[-1]["W1.new"], net.parameters["W1"], rtol=1e-13)


def test_further_iterations_go_on_with_the_schedule_of_a_state():
    net, optimizer = classifier(dtype="float64"), scheduled(MADE["cosine"])
    stop = [lambda e: "enough" if e.number == 1 else None]
    options = {"optimizer": optimizer, "batch_size": 8}
    first = cr.train(net, X, Y, epochs=8, callbacks=stop, **options)
    w = cr.walkthrough(net, X[:8], Y[:8], state=first.state, iterations=3)
    later = cr.train(net, X, Y, epochs=1, state=first.state, record=True, **options)
    run = cr.open_recording(later.recording, X, Y)
    for t in w.traces:
        wanted = run.at(t.step).scalars["learning_rate"]
        assert t.scalars["learning_rate"] == pytest.approx(wanted, rel=1e-14)
    assert [t.step for t in w.traces] == [6, 7, 8]
