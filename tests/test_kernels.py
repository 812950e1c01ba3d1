"""Every kernel against its equation: what ran is what is shown.

The programs are those of networks over the registries, so that a new entry is tested without a
line here; each instruction's equations are evaluated in NumPy float64 on the values that the
instruction read, and compared with what it wrote.
"""

import importlib
import pkgutil

import numpy as np
import pytest
import scipy.sparse

import chainrule
import chainrule as cr
from chainrule import dataflow
from chainrule.activations import activations
from chainrule.engine import layout
from chainrule.engine.builder import Builder
from chainrule.engine.dtypes import SOURCE_DTYPES
from chainrule.engine.kernel import Context, Flat, Kernel, Matrix, kernel
from chainrule.engine.program import Buffer
from chainrule.engine.stepper import CanaryError, Stepper
from chainrule.equations import Equation, symbols
from chainrule.layers import dense
from chainrule.losses import losses
from chainrule.lowering import lower
from chainrule.optimizers import LETTERS, OPTIMIZERS

ROWS, TILE = 7, 2  # four tiles, the last of one row
TOLERANCE = {"float32": 3e-5, "float64": 1e-12}


class CheckedEquations:
    """An observer of a stepper that holds every instruction against its equations."""

    def __init__(self, stepper, sources):
        self.sources = sources
        self.tolerance = TOLERANCE[stepper.program.dtype]
        self.instructions = 0
        # What an accumulating kernel finds: these vectors as they were before the step. A
        # gradient slot counts as 0 until its first write, whatever rubbish lies in it.
        self.old = {}
        for buffer in stepper.program.buffers.values():
            if buffer.region in (layout.PARAMETERS, layout.STATE, layout.GRADIENTS):
                value = stepper.value(buffer)
                self.old[value.ctypes.data] = value.astype(np.float64)
        stepper.binding.slots.fill(0xFF)

    def __call__(self, instruction, stepper):
        kernel, context = instruction.kernel, stepper.context
        found = {
            name: self.seen(name, instruction, stepper, after=True) for name in kernel.operands
        }
        values = {
            name: self.seen(name, instruction, stepper, after=name not in kernel.outputs)
            for name in kernel.operands
        }
        values.setdefault("m", float(context["divisor"]))
        values["t"] = float(context["step"])
        values["i"] = np.arange(context["row"], context["row"] + context["rows"])
        values.update({LETTERS[k]: v for k, v in values.items() if k in LETTERS})
        for equation in kernel.equations:
            right = np.asarray(equation.value.evaluate(values), np.float64)
            values[equation.target] = right  # the next equation reads the new value
            written = found[equation.target]
            right = np.broadcast_to(right if right.size > 1 else right.ravel(), written.shape) if (
                right.size != written.size
            ) else right.reshape(written.shape)  # fmt: skip
            columns = slice(found.get("first"), found.get("last"))
            np.testing.assert_allclose(
                written[..., columns], right[..., columns], rtol=self.tolerance,
                atol=self.tolerance * np.abs(right).max(initial=1e-300), err_msg=str(equation),
            )  # fmt: skip
        for name in kernel.outputs:
            self.remember(instruction.operands[name], stepper)
        self.instructions += 1

    def seen(self, name, instruction, stepper, after):
        """An operand as the kernel's body sees it, in float64."""
        operand, kind = instruction.operands[name], instruction.kernel.operands[name]
        context = stepper.context
        if not isinstance(operand, Buffer):
            return operand
        if kind == "source":
            data = self.sources[operand.name]
            data = data.toarray() if hasattr(data, "toarray") else data
            writes = name in instruction.kernel.outputs
            return data[context["row"] : context["row"] + context["rows"]] if writes else data
        if kind == "sums" and operand.shape[0] == layout.USED_SLOTS:
            slots = stepper.binding.slots.reshape(-1, stepper.program.slot_bytes)
            first = slots[: context["slots"], operand.offset : operand.offset + 8]
            return np.ascontiguousarray(first).view(np.float64)
        value = stepper.value(operand)
        if not after:
            zeros = np.zeros(value.shape)
            value = self.old.get(
                value.ctypes.data, zeros if operand.region == layout.SLOT else value
            )
        value = np.asarray(value, None if kind == "integers" else np.float64)
        if kind == "scalar":
            return float(value[0])
        if kind == "range":
            return value[context["start"] : context["stop"]]
        if kind == "sums":
            return value.reshape(-1, value.shape[-1])[:, :1]
        if kind == "matrix" and operand.shape[0] == layout.USED_SLOTS:
            return value[:, context["start"] : context["stop"]]
        return value

    def remember(self, operand, stepper):
        if isinstance(operand, Buffer) and operand.role != "source":
            value = stepper.value(operand)
            self.old[value.ctypes.data] = value.astype(np.float64)


# ------------------------------------------------------------------ the programs


class Twice:
    """out = (x·W + b) + (x·W + b): the input and the parameters are read twice."""

    name, kind = None, "twice"

    def outputs(self, inputs):
        return inputs

    def parameters(self, inputs):
        return cr.Dense(inputs).parameters(inputs)

    def output_activations(self):
        return (activations["linear"],)

    def forward(self, builder, path, x):
        layer = cr.Dense(x.columns)
        terms = [self.affine(builder, layer, path, number, x) for number in "12"]
        out = builder.value(f"{path}.a", x.columns)
        builder.emit(dataflow.add, out=out, x=terms[0], y=terms[1])
        builder.on_backward(lambda: self.backward(builder, terms, out))
        return out

    def affine(self, builder, layer, path, number, x):
        W = builder.parameter(f"{path}.W", (x.columns, x.columns))
        b = builder.parameter(f"{path}.b", (x.columns,))
        z = builder.value(f"{path}.{number}.z", x.columns)
        builder.emit(dense.affine, z=z, a=x, W=W, b=b)
        builder.on_backward(lambda: layer._affine_backward(builder, x, W, b, z))
        return z

    def backward(self, builder, terms, out):
        da, one = builder.gradient(out), builder.scalar("one", 1.0)
        for z in terms:
            delta = builder.contribution(z)
            builder.emit(activations["linear"].backward, delta=delta, da=da, z=z, a=out, k=one)

    def to_dict(self):
        return {"layer": self.kind}


def values_for(loss, rows, outputs, rng):
    y = rng.uniform(0.1, 0.9, (rows, outputs))
    return y / y.sum(axis=1, keepdims=True) if loss.distribution else y


def output_for(loss):
    """An activation whose outputs lie in the domain of the loss, and are no natural partner."""
    for entry in activations:
        low, high = entry.range
        fits = loss.domain[0] <= low and high <= loss.domain[1]
        if entry.trainable and fits and entry.name not in loss.natural:
            return entry
    raise AssertionError(f"no activation suits {loss.name}")


def cases():
    """(name, network, options of lower, targets are labels, type of X) over the registries."""
    for entry in activations:
        purpose = "train" if entry.trainable else "predict"
        net = cr.Network([cr.Dense(3, entry), cr.Dense(2)], "mse", inputs=4, seed=1)
        if not entry.trainable:
            net = cr.Network([cr.Dense(3, entry)], "mse", inputs=4, seed=1)
        yield f"activation {entry.name}", net, {"purpose": purpose}, False, None
        if not entry.rowwise:
            mixed = ["linear" if entry.name != "linear" else "tanh", entry, entry]
            net = cr.Network([cr.Dense(3, mixed)], "mse", inputs=4, seed=2)
            yield f"neuron of {entry.name}", net, {"purpose": purpose}, False, None
    for loss in losses:
        for kind in loss.forms:
            labels = kind == "labels"
            out = output_for(loss)
            net = cr.Network([cr.Dense(3, out)], loss.name, inputs=4, seed=3)
            yield f"{loss.name} of {kind}", net, {"purpose": "train"}, labels, None
            weighted = {"purpose": "train", "weighted": True}
            yield f"weighted {loss.name} of {kind}", net, weighted, labels, None
            for partner in loss.natural:
                net = cr.Network([cr.Dense(3, partner)], loss.name, inputs=4, seed=4)
                for fused in (True, False):
                    options = {"purpose": "train", "fused": fused}
                    yield f"{loss.name} of {kind}, {partner}, {fused=}", net, options, labels, None
    for name, optimizer in OPTIMIZERS.items():
        net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(2, bias=False)], "mse", inputs=4, seed=5)
        yield name, net, {"purpose": "train", "optimizer": optimizer()}, False, None
    for source in SOURCE_DTYPES:
        net = cr.Network([cr.Dense(2)], "mse", inputs=4, seed=6)
        yield f"X of {np.dtype(source)}", net, {"purpose": "gradient"}, False, source
    for sparse in (scipy.sparse.csr_array, scipy.sparse.csr_matrix):
        yield f"X of {sparse.__name__}", net, {"purpose": "gradient"}, False, sparse
    net = cr.Network([cr.Dense(3, "relu"), cr.Dense(2, "tanh", bias=False)], None, inputs=4)
    yield "prediction", net, {"purpose": "predict"}, False, None
    net = cr.Network([cr.Dense(3, "tanh"), Twice(), cr.Dense(1)], "mse", inputs=4, seed=7)
    yield "a value read twice", net, {"purpose": "train"}, False, None
    for units in (1, 2, 64):  # the three ways of a product: dots, loops, BLAS
        net = cr.Network([cr.Dense(units, "tanh"), cr.Dense(units)], "mse", inputs=200, seed=8)
        yield f"products of {units}", net, {"purpose": "train"}, False, None


CASES = {case[0]: case[1:] for case in cases()}


def lowered(case, dtype):
    """The program of a case, its sources, and whether sums are divided."""
    network, options, labels, source = CASES[case]
    rng = np.random.default_rng(9)
    X = rng.normal(size=(ROWS, network.inputs))
    if source in (scipy.sparse.csr_array, scipy.sparse.csr_matrix):
        X = source(X * (X > 0))
    elif source is not None:
        X = (X * 3).astype(source) if np.issubdtype(source, np.signedinteger) else (
            np.abs(X * 3).astype(source)
        )  # fmt: skip
    sources = {"X": X}
    if options["purpose"] == "predict":
        sources["out"] = np.empty((ROWS, network.outputs), dtype)
    elif labels:
        sources["Y"] = rng.integers(0, network.outputs, ROWS)
    else:
        sources["Y"] = values_for(network.loss, ROWS, network.outputs, rng)
    if options.get("weighted"):
        sources["w"] = rng.uniform(0.5, 1.5, ROWS)
    options = {"optimizer": cr.GradientDescent(0.1), **options}
    program = lower(
        network, batch_rows=ROWS, tile_rows=TILE, sources=sources, labels=labels, dtype=dtype,
        plan=False, **options,
    )  # fmt: skip
    return program, sources, network


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_every_instruction_computes_its_equation_and_writes_nothing_else(case, dtype):
    program, sources, network = lowered(case, dtype)
    size = program.parameters * program.states
    state = np.random.default_rng(10).uniform(0.1, 1, size).astype(dtype)
    stepper = Stepper(
        program, network.vector.astype(dtype), sources, ROWS, state=state, guarded=True, step=3,
        mean=network.loss.mean if network.loss else True,
    )  # fmt: skip
    checked = CheckedEquations(stepper, sources)
    stepper.run(checked)
    assert checked.instructions >= len(stepper.program.instructions)


def test_every_kernel_of_the_package_is_met_by_a_program_above():
    met = {i.kernel.body for case in CASES for i in lowered(case, "float64")[0].instructions}
    for module in pkgutil.walk_packages(chainrule.__path__, "chainrule."):
        if module.name.startswith(("chainrule.cli", "chainrule.tables")):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Kernel):
                assert value.body in met, f"{module.name}.{name}"


def test_the_check_itself_finds_a_kernel_that_computes_something_else():
    program, sources, network = lowered("products of 2", "float64")
    stepper = Stepper(program, network.vector.astype(float), sources, ROWS)
    checked = CheckedEquations(stepper, sources)

    def spoil(instruction, running):
        if instruction.kernel is dense.affine:
            running.value(instruction.operands["z"])[0, 0] *= 1 + 1e-9
        checked(instruction, running)

    with pytest.raises(AssertionError, match=r"z = a·W \+ b"):
        stepper.run(spoil)


# ------------------------------------------------------------------ kernels that write too far

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
