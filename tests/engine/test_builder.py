"""Programs are graphs: values read twice, parameters used twice, time steps, several inputs."""

import itertools

import numpy as np
import pytest

from chainrule import dataflow
from chainrule.activations import find
from chainrule.engine import layout
from chainrule.engine.builder import Builder
from chainrule.engine.executor import Executor
from chainrule.engine.kernel import Constant, Context, Flat, Matrix, kernel, real
from chainrule.engine.linalg import add_product
from chainrule.engine.program import planned
from chainrule.engine.sources import carray, pointer
from chainrule.engine.stepper import CanaryError, Stepper
from chainrule.equations import Equation, symbols
from chainrule.layers.dense import input_gradient, product, weight_gradient
from chainrule.losses import losses

M, N = 6, 3
x_, W_, z_ = symbols("x W z")


def linear(builder, x, weights, name):
    """z = x·W with its backward part, on the tape."""
    z = builder.value(f"{name}.z", weights.columns)
    builder.emit(product, z=z, a=x, W=weights)

    def backward():
        if builder.has_gradient(z):
            delta = builder.gradient(z)
            target, again = builder.parameter_gradient(weights)
            builder.emit(weight_gradient, dW=target, a=x, delta=delta, again=again)
            if builder.needs_gradient(x):
                builder.emit(input_gradient, da=builder.contribution(x), delta=delta, W=weights)

    builder.on_backward(backward)
    return z


def joined(builder, x, y, name):
    """out = x + y, a value with two inputs."""
    out = builder.value(f"{name}.z", x.columns)
    builder.emit(dataflow.add, out=out, x=x, y=y)

    def backward():
        gradient = builder.gradient(out)
        for term in (x, y):
            if builder.needs_gradient(term):
                copy = builder.contribution(term)
                zero = builder.value(f"{copy.name}.zero", x.columns)
                builder.emit(clear_value, out=zero)
                builder.emit(dataflow.add, out=copy, x=gradient, y=zero)

    builder.on_backward(backward)
    return out


def gradient_program(build):
    """A program that ends in ½ Σ (out − Y)²; ``build`` makes ``out`` of the builder and x."""
    builder = Builder("float64", {}, dataflow.add)
    x = builder.value("x", N)
    build.parameters(builder)
    builder.emit(dataflow.gather_from("float64"), x=x, X=builder.source("X"))
    out = build(builder, x)
    y = builder.value("y", out.columns)
    builder.emit(dataflow.gather_from("float64"), x=y, X=builder.source("Y"))
    form = losses["mse"].forms["values"]
    example = builder.value("example", None)
    builder.emit(form.value, loss=example, a=out, y=y)
    builder.emit(dataflow.sum_losses, total=builder.sums("sum"), losses=example)
    builder.phase = layout.BACKWARD
    builder.emit(form.gradient, da=builder.contribution(out), a=out, y=y)
    builder.run_backward()
    builder.close_segment(layout.TILES)
    return planned(builder.program(tile_rows=2, slots=2))


def slot_gradients(program, parameters, sources):
    """The gradients, summed over the slots."""
    with Executor(program, parameters, sources, M, M) as run:
        run.run(1)
    slots = run.binding.slots.reshape(program.slots, -1)
    return slots.view(np.float64)[:, : program.parameters].sum(axis=0)


def numeric(loss, parameters, h=1e-6):
    gradient = np.empty_like(parameters)
    for k in range(parameters.size):
        up, down = parameters.copy(), parameters.copy()
        up[k] += h
        down[k] -= h
        gradient[k] = (loss(up) - loss(down)) / (2 * h)
    return gradient


@pytest.fixture
def sources():
    rng = np.random.default_rng(1)
    return {"X": rng.normal(size=(M, N)), "Y": rng.normal(size=(M, N))}


def test_a_parameter_used_twice_gets_both_contributions(sources):
    def build(builder, x):
        weights = builder.parameter("W", (N, N))
        return linear(builder, linear(builder, x, weights, "one"), weights, "two")

    build.parameters = lambda builder: builder.parameter("W", (N, N))
    parameters = np.random.default_rng(2).normal(size=N * N)

    def loss(p):
        W = p.reshape(N, N)
        return 0.5 * np.sum((sources["X"] @ W @ W - sources["Y"]) ** 2)

    found = slot_gradients(gradient_program(build), parameters, sources)
    np.testing.assert_allclose(found, numeric(loss, parameters), rtol=1e-7)


def test_a_value_read_by_three_gets_the_sum_of_their_gradients(sources):
    def build(builder, x):
        hidden = linear(builder, x, builder.parameter("A", (N, N)), "hidden")
        parts = [
            linear(builder, hidden, builder.parameter(name, (N, N)), name.lower())
            for name in ("B", "C", "D")
        ]
        return joined(builder, joined(builder, parts[0], parts[1], "first"), parts[2], "second")

    def declare(builder):
        for name in "ABCD":
            builder.parameter(name, (N, N))

    build.parameters = declare
    parameters = np.random.default_rng(3).normal(size=4 * N * N)

    def loss(p):
        A, B, C, D = p.reshape(4, N, N)
        h = sources["X"] @ A
        return 0.5 * np.sum((h @ B + h @ C + h @ D - sources["Y"]) ** 2)

    found = slot_gradients(gradient_program(build), parameters, sources)
    np.testing.assert_allclose(found, numeric(loss, parameters), rtol=1e-6)


@kernel(Equation("out", symbols("out")[0] * 0))
def clear_value(out: Flat, context: Context) -> None:
    for i in range(out.size):
        out[i] = real(0)


@kernel(Equation("z", z_ + x_ @ W_))
def add_step(z: Matrix, x: Matrix, W: Matrix, context: Context) -> None:
    add_product(z, x, W, context)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_repeated_block_runs_once_for_each_time_step_in_either_direction(reverse):
    """h(t) = tanh(x(t) + h(t-1)·W): operands with strides walk along time."""
    steps, tile, units = 4, M, 2
    stride = tile * units * 8
    builder = Builder("float64", {}, dataflow.add)
    weights = builder.parameter("W", (units, units))
    inputs = builder.value("inputs", steps * units)
    x = builder.value("x", units, stride=stride)
    h = builder.value("h", units, stride=stride)
    carry = builder.value("carry", units)
    zero = builder.value("zero", units)
    k = builder.scalar("k", 0.0)
    builder.emit(dataflow.gather_from("float64"), x=inputs, X=builder.source("X"))
    builder.emit(split_steps, x=x, inputs=inputs, steps=steps)
    builder.emit(clear_value, out=zero)
    builder.emit(clear_value, out=carry)
    with builder.repeated(steps, reverse):
        builder.emit(add_step, z=x, x=carry, W=weights)
        builder.emit(find("tanh").forward, a=h, z=x, k=k)
        builder.emit(dataflow.add, out=carry, x=h, y=zero)
    builder.emit(dataflow.store, Y=builder.source("out"), a=carry)
    builder.close_segment(layout.TILES)
    program = planned(builder.program(tile_rows=tile, slots=1))

    rng = np.random.default_rng(4)
    X, W = rng.normal(size=(M, steps * units)), rng.normal(size=(units, units))
    out = np.empty((M, units))
    with Executor(program, W.ravel().copy(), {"X": X, "out": out}, M, M) as run:
        run.run(1)
    expected = np.zeros((M, units))
    times = range(steps - 1, -1, -1) if reverse else range(steps)
    for t in times:
        expected = np.tanh(X[:, t * units : (t + 1) * units] + expected @ W)
    np.testing.assert_allclose(out, expected, rtol=1e-13)
    text = str(program)
    assert ("×4↓" if reverse else "×4↑") in text


@kernel(Equation("x", symbols("inputs")[0]))
def split_steps(x: Matrix, inputs: Matrix, steps: Constant, context: Context) -> None:
    units = x.shape[1]
    rows = x.shape[0]
    flat = x.reshape(-1)
    whole = carray(pointer(flat.ctypes.data, real), rows * units * steps)
    for t in range(steps):
        for i in range(rows):
            for j in range(units):
                whole[(t * rows + i) * units + j] = inputs[i, t * units + j]


def test_an_output_may_not_stand_for_another_operand():
    builder = Builder("float64", {}, dataflow.add)
    x = builder.value("x", N)
    with pytest.raises(ValueError, match="output and another operand"):
        builder.emit(dataflow.add, out=x, x=x, y=x)


def test_a_kernel_takes_exactly_its_operands():
    builder = Builder("float64", {}, dataflow.add)
    x = builder.value("x", N)
    with pytest.raises(TypeError, match="takes"):
        builder.emit(dataflow.add, out=x, x=x)


@kernel(Equation("out", x_))
def overruns(out: Matrix, x: Matrix, context: Context) -> None:
    flat = out.reshape(-1)
    for k in range(flat.size + 1):
        flat[k] = x[0, 0]


def test_the_debug_executor_catches_a_kernel_that_writes_one_element_too_far():
    builder = Builder("float64", {}, dataflow.add)
    x, out = builder.value("x", N), builder.value("out", N)
    builder.emit(dataflow.gather_from("float64"), x=x, X=builder.source("X"))
    builder.emit(overruns, out=out, x=x)
    builder.close_segment(layout.TILES)
    program = builder.program(tile_rows=M, slots=1)
    stepper = Stepper(program, np.zeros(0), {"X": np.ones((M, N))}, M, guarded=True)
    with pytest.raises(CanaryError, match="overruns wrote outside out"):
        stepper.run()


def test_buffers_whose_lives_do_not_overlap_share_memory():
    builder = Builder("float64", {}, dataflow.add)
    values = [builder.value(f"v{k}", N) for k in range(6)]
    for one, two in itertools.pairwise(values):
        builder.emit(find("tanh").forward, a=two, z=one, k=builder.scalar("k", 0.0))
    builder.close_segment(layout.TILES)
    program = builder.program(tile_rows=8, slots=1)
    assert planned(program).arena < planned(program, reuse=False).arena
    for instruction in planned(program).instructions:
        places = [b.offset for b in instruction.buffers if b.region == layout.ARENA]
        assert len(places) == len(set(places))
