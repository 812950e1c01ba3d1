"""Kernels that write where they should not are caught by the guarded stepper."""

import numpy as np
import pytest

from chainrule import dataflow
from chainrule.engine import layout
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Context, Flat, Matrix, kernel
from chainrule.engine.stepper import CanaryError, Stepper
from chainrule.equations import Equation, symbols

out, x = symbols("out x")


@kernel(Equation("out", x))
def one_too_many(out: Flat, x: Flat, context: Context) -> None:
    for i in range(x.size):
        out[i] = x[i]
    out[x.size] = x[0]


@kernel(Equation("out", x))
def one_too_early(out: Flat, x: Flat, context: Context) -> None:
    for i in range(x.size):
        out[i] = x[i]
    out[-1 - x.size] = x[0]


@kernel(Equation("out", x))
def writes_its_input(out: Flat, x: Flat, context: Context) -> None:
    for i in range(x.size):
        out[i] = x[i]
        x[i] += 1


@kernel(Equation("out", x))
def writes_parameters(out: Flat, x: Flat, W: Matrix, context: Context) -> None:
    for i in range(x.size):
        out[i] = x[i]
    W[0, 0] += 1


def program_with(bad):
    builder = Builder("float64", {}, dataflow.add)
    W = builder.parameter("W", (1, 1))
    x = builder.value("x", 3)
    builder.emit(dataflow.gather_from("float64"), x=x, X=builder.source("X"))
    more = {"W": W} if "W" in bad.operands else {}
    builder.emit(bad, out=builder.value("out", 3), x=x, **more)
    builder.close_segment(layout.TILES)
    return builder.program(2, 1)


@pytest.mark.parametrize("bad", [one_too_many, one_too_early, writes_its_input, writes_parameters],
                         ids=lambda k: k.name)  # fmt: skip
def test_a_kernel_that_writes_outside_its_outputs_is_caught(bad):
    X = np.arange(6.0).reshape(2, 3)
    stepper = Stepper(program_with(bad), np.ones(1), {"X": X}, 2, guarded=True)
    with pytest.raises(CanaryError, match=bad.name):
        stepper.run()


def test_what_no_kernel_wrote_is_nan():
    builder = Builder("float64", {}, dataflow.add)
    x, idle = builder.value("x", 3), builder.value("idle", 3)
    builder.emit(dataflow.gather_from("float64"), x=x, X=builder.source("X"))
    builder.emit(dataflow.add, out=builder.value("out", 3), x=x, y=idle)
    builder.close_segment(layout.TILES)
    stepper = Stepper(builder.program(2, 1), np.zeros(0), {"X": np.ones((2, 3))}, 2, guarded=True)
    stepper.run()
    assert np.isnan(stepper.value(stepper.program.buffers["out"])).all()


def test_an_output_cannot_be_another_operand_too():
    builder = Builder("float64", {}, dataflow.add)
    x = builder.value("x", 3)
    with pytest.raises(ValueError, match="is an output and another operand"):
        builder.emit(dataflow.add, out=x, x=x, y=x)
