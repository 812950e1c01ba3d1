"""Properties of random small networks: what may change the numbers, and what may not."""

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.activations import activations
from chainrule.engine.executor import Executor
from chainrule.losses import losses
from chainrule.lowering import lower

# A tower of e**z leaves the numbers: it stands in the last layer only.
HIDDEN = [e.name for e in activations if e.trainable and e.name != "exponential"]
SMOOTH = [e.name for e in activations if e.name in HIDDEN and not e.kinks]
ROUNDING = {"float32": 2e-4, "float64": 1e-11}


def last_for(loss):
    return st.sampled_from([e.name for e in activations if e.trainable and loss.accepts(e)])


@st.composite
def problems(draw, hidden=HIDDEN, mean=None):
    """A network and data: (network, X, y)."""
    loss = draw(st.sampled_from([e for e in losses if mean in (None, e.mean)]))
    outputs = loss.outputs_per_target * draw(st.integers(2, 4))
    layers = [
        cr.Dense(draw(st.integers(2, 6)), draw(st.sampled_from(hidden)), bias=draw(st.booleans()))
        for _ in range(draw(st.integers(0, 2)))
    ]
    layers.append(cr.Dense(outputs, draw(last_for(loss)), bias=draw(st.booleans())))
    inputs = draw(st.integers(1, 5))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    seed = draw(st.integers(0, 1000))
    net = cr.Network(layers, loss.name, inputs=inputs, seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    rows = draw(st.integers(1, 40))
    X = rng.normal(size=(rows, inputs))
    y = rng.uniform(0.1, 0.9, (rows, loss.target_columns(outputs)))
    return net, X, y / y.sum(axis=1, keepdims=True) if loss.distribution else y


def gradient(net, X, y, tile_rows, threads=1, weights=None):
    """The reduced gradient of a full batch, cut into tiles of so many rows, and the loss."""
    sources = {"X": X, "Y": y} | ({} if weights is None else {"w": weights})
    program = lower(
        net, "gradient", len(X), sources=sources, tile_rows=tile_rows, weighted=weights is not None
    )
    with Executor(
        program, net.vector, sources, len(X), len(X), mean=net.loss.mean,
        threads=min(threads, program.slots),
    ) as executor:  # fmt: skip
        executor.run(1)
        return executor.binding.gradients.copy(), executor.losses[0]


def close(found, right, dtype):
    scale = max(np.abs(right).max(), 1e-3)
    np.testing.assert_allclose(found, right, rtol=0, atol=ROUNDING[dtype] * scale)


@given(problem=problems(), tile=st.integers(1, 12), threads=st.integers(2, 3))
def test_threads_change_no_bit_of_a_gradient(problem, tile, threads):
    net, X, y = problem
    one, loss = gradient(net, X, y, tile)
    more, other = gradient(net, X, y, tile, threads)
    np.testing.assert_array_equal(one, more)
    assert loss == other


@given(
    problem=problems(), tile=st.integers(1, 12), batch=st.integers(1, 40),
    optimizer=st.sampled_from([cr.GradientDescent(0.01), cr.Adam(0.01)]), shuffle=st.booleans(),
)  # fmt: skip
def test_threads_change_no_bit_of_a_training(problem, tile, batch, optimizer, shuffle):
    net, X, y = problem
    found = []
    for threads in (1, 2):
        twin = net.copy()
        with mock.patch("chainrule.lowering.rows_of_a_tile", return_value=tile):
            result = cr.train(
                twin, X, y, epochs=2, batch_size=batch, threads=threads, optimizer=optimizer,
                shuffle=shuffle,
            )  # fmt: skip
        found.append((twin.vector, result.history["loss"], result.state.vector))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@given(problem=problems(), tile=st.integers(1, 12))
def test_the_size_of_the_tiles_changes_only_rounding(problem, tile):
    net, X, y = problem
    whole, loss = gradient(net, X, y, len(X))
    tiled, other = gradient(net, X, y, tile)
    close(tiled, whole, net.dtype)
    np.testing.assert_allclose(other, loss, rtol=ROUNDING[net.dtype])


@given(problem=problems(), seed=st.integers(0, 100))
def test_the_order_of_the_rows_of_a_full_batch_changes_only_rounding(problem, seed):
    net, X, y = problem
    order = np.random.default_rng(seed).permutation(len(X))
    one, loss = gradient(net, X, y, len(X))
    other, again = gradient(net, X[order], y[order], len(X))
    close(other, one, net.dtype)
    np.testing.assert_allclose(again, loss, rtol=ROUNDING[net.dtype])


@given(problem=problems(mean=True), data=st.data())
def test_duplicating_rows_equals_weight_two_on_full_batches(problem, data):
    net, X, y = problem
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(X), max_size=len(X))))
    if not weights.any():
        weights[0] = 1
    rows = np.repeat(np.arange(len(X)), weights)
    scaled = (weights / weights.mean()).astype(net.dtype)
    one, loss = gradient(net, X, y, len(X), weights=scaled)
    other, again = gradient(net, X[rows], y[rows], len(rows))
    close(one, other, net.dtype)
    np.testing.assert_allclose(loss / len(X), again / len(rows), rtol=ROUNDING[net.dtype])


@given(problem=problems(hidden=SMOOTH))
def test_every_gradient_passes_the_check(problem):
    net, X, y = problem
    check = cr.gradcheck(net, X, y)
    elements = sum(c.checked + c.left_out for c in check.parameters.values())
    assert elements == net.vector.size
    # A softmax or softplus of saturated units has gradients near the noise of the differences.
    assert check.worst < 1e-5, str(check)


@given(problem=problems())
def test_the_trace_the_training_and_the_prediction_agree(problem):
    net, X, y = problem
    net.use_dtype("float64") if net.fixed_dtype is None else None
    t = cr.trace(net, X, y)
    last = net.paths[-1]
    close(net.predict(X), t[f"{last}.a"], net.dtype)
    twin = net.copy()
    result = cr.train(twin, X, y, optimizer=cr.GradientDescent(0.125), epochs=1, batch_size=None)
    np.testing.assert_allclose(result.history["loss"][0], float(t["loss"]),
                               rtol=ROUNDING[net.dtype], atol=ROUNDING[net.dtype])  # fmt: skip
    gradient = np.concatenate([t[path.replace(".", ".d")].ravel() for path in net.places])
    right = net.vector - 0.125 * gradient
    scale = 1 + np.abs(gradient).max()
    np.testing.assert_allclose(twin.vector, right, rtol=0, atol=ROUNDING[net.dtype] * scale)


@given(problem=problems(), parts=st.lists(st.integers(1, 3), min_size=2, max_size=3))
def test_a_training_in_parts_is_the_training(problem, parts):
    net, X, y = problem
    whole, pieces = net.copy(), net.copy()
    options = {"batch_size": 7, "optimizer": cr.Adam(0.01)}
    cr.train(whole, X, y, epochs=sum(parts), **options)
    state = None
    for epochs in parts:
        state = cr.train(pieces, X, y, epochs=epochs, state=state, **options).state
    np.testing.assert_array_equal(whole.vector, pieces.vector)
