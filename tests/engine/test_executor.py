"""The executor: the same bits for any number of threads and slices, and a way back to the host."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from chainrule.engine import executor as executor_module
from chainrule.engine import layout
from chainrule.engine.executor import Executor, NotFiniteError
from chainrule.engine.program import ParameterSegment, Program, Segment
from chainrule.layers import Dense
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.optimizers import Adam, GradientDescent
from chainrule.schedules import Exponential

ROWS = 203


def network(dtype="float64"):
    layers = [Dense(7, "tanh"), Dense(5, "relu"), Dense(3, "softmax")]
    return Network(layers, loss="cross_entropy", inputs=4, seed=3, dtype=dtype)


def data(dtype="float64"):
    rng = np.random.default_rng(0)
    return {"X": rng.normal(size=(ROWS, 4)).astype(dtype), "Y": rng.integers(0, 3, ROWS)}


def trained(threads=1, dtype="float64", batch=60, tile=8, epochs=3, optimizer=None, **options):
    net, sources = network(dtype), data(dtype)
    optimizer = optimizer or Adam(0.01)
    program = lower(net, "train", batch, optimizer, labels=True, tile_rows=tile, sources=sources)
    state = np.zeros(program.states * program.parameters, dtype)
    run = Executor(program, net.vector, sources, ROWS, batch, state=state, seed=5, shuffled=True,
                   threads=threads, epochs=epochs, **options)  # fmt: skip
    with run:
        run.run(epochs)
    return net.vector, run


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [60, ROWS, 8, 1])
def test_the_number_of_threads_changes_no_bit(dtype, batch):
    one, first = trained(1, dtype, batch)
    for threads in (2, 3):
        many, second = trained(threads, dtype, batch)
        assert np.array_equal(one, many)
        assert np.array_equal(first.losses, second.losses)


@pytest.mark.parametrize("threads", [1, 2])
def test_coming_back_to_python_after_every_tile_changes_no_bit(monkeypatch, threads):
    whole, _ = trained(1)
    monkeypatch.setattr(executor_module, "SLICE", 0.0)
    slices = []
    original = Executor._slice
    monkeypatch.setattr(Executor, "_slice", lambda self, *a: slices.append(1) or original(self, *a))
    sliced, run = trained(threads)
    assert np.array_equal(whole, sliced)
    assert len(slices) > 3 * (ROWS // 60) * 4, "control came back inside batches, too"
    assert run.step == 3 * 4


def test_the_last_batch_is_smaller_and_counts_as_a_step():
    _, run = trained(batch=200, epochs=2)
    assert (run.epoch, run.step) == (2, 4)


def test_slots_are_a_function_of_the_shapes_and_their_sums_of_the_tiles():
    _, run = trained(batch=ROWS, tile=8)
    assert run.program.slots == 8
    assert run.program.tile_rows == 8


def test_a_tile_of_another_height_changes_only_rounding():
    one, _ = trained(batch=ROWS, tile=ROWS)
    many, _ = trained(batch=ROWS, tile=5)
    assert not np.array_equal(one, many)
    np.testing.assert_allclose(one, many, rtol=1e-12, atol=1e-14)


def with_host(program):
    """The same program with a return to the host between the reduction and the update."""
    tiles, each, chunks = program.segments
    (block,) = chunks.blocks
    reduce, update = block.instructions
    segments = (
        tiles,
        each,
        Segment(layout.CHUNKS, (replace(block, instructions=(reduce,)),)),
        Segment(layout.HOST),
        Segment(layout.CHUNKS, (replace(block, instructions=(update,)),)),
    )
    return replace(program, segments=segments)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_host_can_change_the_gradient_between_reduction_and_update(threads):
    net, sources = network(), data()
    program = lower(net, "train", ROWS, GradientDescent(0.1), labels=True, tile_rows=30)
    seen = []

    def halve(run):
        seen.append(run.binding.gradients.copy())
        run.binding.gradients *= 0.5

    before = net.vector.copy()
    with Executor(with_host(program), net.vector, sources, ROWS, ROWS, threads=threads,
                  at_host=halve) as run:  # fmt: skip
        run.run(1)
    assert len(seen) == 1
    np.testing.assert_allclose(net.vector, before - 0.1 * 0.5 * seen[0], rtol=1e-15)


def test_parts_of_the_parameters_have_a_rate_factor_of_their_own_or_stay_as_they_are():
    net, sources = network(), data()
    program = lower(net, "train", ROWS, GradientDescent(0.1), labels=True)
    plain = net.copy()
    with Executor(program, plain.vector, sources, ROWS, ROWS) as run:
        run.run(1)
    size = program.parameters
    parts = (ParameterSegment(0, 20, rate_factor=0.5), ParameterSegment(30, size))
    before = net.vector.copy()
    with Executor(replace(program, ranges=parts), net.vector, sources, ROWS, ROWS) as run:
        run.run(1)
    step = plain.vector - before
    np.testing.assert_allclose((net.vector - before)[:20], 0.5 * step[:20], rtol=1e-12)
    assert np.array_equal(net.vector[20:30], before[20:30])
    assert np.array_equal(net.vector[30:], plain.vector[30:])


def test_a_hyperparameter_changes_between_epochs_without_lowering_anew():
    net, sources = network(), data()
    program = lower(net, "train", ROWS, GradientDescent(0.1), labels=True)
    with Executor(program, net.vector, sources, ROWS, ROWS, epochs=2) as run:
        run.run(1)
        middle = net.vector.copy()
        run.set_scalar("learning_rate", 1e-300)
        run.run(2)
    np.testing.assert_allclose(net.vector, middle, rtol=1e-15)


@pytest.mark.parametrize("rate", [1e150, 1e308])
@pytest.mark.parametrize("threads", [1, 2])
def test_after_an_overflow_the_parameters_are_those_of_the_last_finite_step(threads, rate):
    def run_for(steps):
        net, sources = network(), data()
        program = lower(net, "train", 50, GradientDescent(rate), labels=True, tile_rows=10)
        run = Executor(program, net.vector, sources, ROWS, 50, threads=threads, epochs=9)
        with run:
            if steps is None:
                with pytest.raises(NotFiniteError) as caught:
                    run.run(9)
                return net.vector, caught.value.step
            while run.step < steps:
                run._slice(9, steps)
        return net.vector, steps

    final, step = run_for(None)
    assert np.isfinite(final).all()
    candidates = [run_for(steps)[0] for steps in range(step)]
    last = max(k for k, vector in enumerate(candidates) if np.isfinite(vector).all())
    assert np.array_equal(final, candidates[last])


def scheduled(rates, batch=50, threads=1):
    """An executor whose learning rates are ``rates(steps)``."""
    net, sources = network(), data()
    program = lower(net, "train", batch, GradientDescent(Exponential(0.1, 0.9)), labels=True,
                    tile_rows=10, sources=sources)  # fmt: skip
    return net, Executor(
        program, net.vector, sources, ROWS, batch, seed=5, shuffled=True, threads=threads, epochs=9,
        values_at=lambda first, n: {"learning_rate": rates(np.arange(first, first + n))},
    )  # fmt: skip


def test_the_way_back_to_finite_weights_sees_the_rows_in_the_order_of_their_epoch():
    def rates(steps):
        return np.where(steps < 13, 0.1, np.inf)

    net, run = scheduled(rates)
    with run:
        run.run(9, 7)  # in the middle of an epoch, where a snapshot is taken
        run._snapshot = None
        with pytest.raises(NotFiniteError):
            run.run(9)
    reference, again = scheduled(rates)
    with again:
        again.run(9, run.step)
    assert run.epoch == 2, "the overflow is in a later epoch"
    assert np.array_equal(net.vector, reference.vector)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_that_stops_between_steps_and_starts_anywhere_changes_no_bit(threads):
    def rates(steps):
        return 0.1 / (1 + steps)

    whole, run = scheduled(rates, threads=threads)
    losses, vectors = [], [whole.vector.copy()]
    with run:
        while run.step < 20:
            run.run(9, run.step + 1)
            losses.append(run.batch_loss())
            vectors.append(whole.vector.copy())
    reference, at_once = scheduled(rates, threads=threads)
    with at_once:
        at_once.run(4)
    assert (at_once.epoch, at_once.step) == (run.epoch, run.step) == (4, 20)
    assert np.array_equal(reference.vector, whole.vector)
    sums = np.reshape(losses, (4, 5)) @ [50, 50, 50, 50, 3]
    np.testing.assert_allclose(sums, at_once.losses[:4], rtol=1e-13)
    orders = []
    with at_once:
        for step in (17, 3, 8, 0):
            at_once.go_to(step // 5, step % 5, step)
            orders.append(at_once.order())
            reference.vector[:] = vectors[step]
            at_once.run(9, 19)
            assert np.array_equal(reference.vector, vectors[19])
    assert all(sorted(order) == list(range(ROWS)) for order in orders)
    assert np.array_equal(orders[1], orders[3]), "steps 3 and 0 are of one epoch"
    assert len({tuple(order) for order in orders}) == 3


def test_read_only_parameters_can_predict_but_not_train():
    net, sources = network(), data()
    net.vector.flags.writeable = False
    assert net.predict(sources["X"]).shape == (ROWS, 3)
    program = lower(net, "train", ROWS, GradientDescent(0.1), labels=True)
    with pytest.raises(ValueError, match="read-only"):
        Executor(program, net.vector, sources, ROWS, ROWS)


def test_what_runs_holds_its_tables_itself(monkeypatch):
    net, X = network("float64"), data("float64")["X"]
    expected = net.predict(X)
    sources = {"X": X, "out": np.empty_like(expected)}
    program = lower(net, "predict", ROWS, sources=sources)
    with Executor(program, net.vector, sources, ROWS, ROWS) as run:
        monkeypatch.delattr(Program, "tables")
        run.run(1)
    assert np.array_equal(sources["out"], expected)


def test_a_program_is_copied_without_addresses():
    program = lower(network(), "predict", 8)
    once = program.tables
    assert program.tables is once
    copied = copy.copy(program)
    assert copied == program
    assert copied.tables is not once
    assert np.array_equal(copied.tables.instructions, once.instructions)
