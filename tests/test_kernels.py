"""Every kernel against its equation: what ran is what is shown.

The programs are those of networks over the registries, so that a new entry is tested without a
line here; each instruction's equations are evaluated in NumPy float64 on the values that the
instruction read, and compared with what it wrote.
"""

import importlib
import pkgutil
from unittest import mock

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import chainrule
import chainrule as cr
from chainrule import dataflow, penalties
from chainrule.activations import activations
from chainrule.engine import layout
from chainrule.engine.dtypes import SOURCE_DTYPES
from chainrule.engine.kernel import Kernel
from chainrule.engine.program import Buffer
from chainrule.engine.stepper import Stepper
from chainrule.layers import dense, dropout, norm
from chainrule.losses import find, losses
from chainrule.lowering import Regime, lower
from chainrule.optimizers import LETTERS, OPTIMIZERS

ROWS, TILE = 19, 2  # ten tiles, the last of one row: two of the eight gradient slots get a second
TOLERANCE = {"float32": 3e-5, "float64": 1e-12}


def in_shape(value, shape):
    """A value as an array of a shape: a vector as a column, a number as all elements."""
    if value.size == np.prod(shape):
        return value.reshape(shape)
    return np.broadcast_to(value, shape)


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
            if buffer.region in (layout.STATE, layout.GRADIENTS):
                value = stepper.value(buffer)
                self.old[value.ctypes.data] = value.astype(np.float64)
        self.parameters = stepper.binding.parameters.astype(np.float64)
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
        values["t"] = int(context["step"])
        values["ω"], values["rows"] = float(context["decay"]), float(context["batch_rows"])
        values["seed"] = int(context["seed"])
        values["i"] = np.arange(context["row"], context["row"] + context["rows"])
        values["seed"] = int(context["seed"])
        values["row"] = np.arange(context["batch_row"], context["batch_row"] + context["rows"])
        letters = {**LETTERS, **penalties.LETTERS, **dropout.LETTERS, **norm.LETTERS}
        values.update({letters[k]: v for k, v in values.items() if k in letters})
        for equation in kernel.equations:
            right = np.asarray(equation.value.evaluate(values), np.float64)
            read = [np.abs(np.asarray(values[name], np.float64)) for name in equation.names]
            largest = max(x.max(initial=0) for x in (np.abs(right), *read))  # sums may cancel
            values[equation.target] = right  # the next equation reads the new value
            written = found[equation.target]
            columns = slice(found.get("first"), found.get("last"))
            np.testing.assert_allclose(
                written[..., columns], in_shape(right, written.shape)[..., columns],
                rtol=self.tolerance, atol=self.tolerance * largest, err_msg=str(equation),
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
        if not after and operand.region == layout.PARAMETERS:
            first = operand.offset // stepper.program.itemsize
            value = self.parameters[first : first + value.size].reshape(value.shape)
        elif not after:
            zeros = np.zeros(value.shape)
            value = self.old.get(
                value.ctypes.data, zeros if operand.region == layout.SLOT else value
            )
        value = np.asarray(value, None if kind == "integers" else np.float64)
        if kind == "scalar":
            return float(value[0])
        if kind == "scalars":
            return value
        if kind == "range":
            return value[context["start"] : context["stop"]]
        if kind == "sums":
            return value.reshape(-1, value.shape[-1])[:, :1]
        if kind == "range_sum":
            return value.reshape(-1)[context["range"] : context["range"] + 1]
        if kind == "group_sums":
            return value.reshape(-1)[context["first_range"] : context["last_range"]]
        if kind == "slots":
            return value[:, context["start"] : context["stop"]]
        return value

    def remember(self, operand, stepper):
        if isinstance(operand, Buffer) and operand.region == layout.PARAMETERS:
            self.parameters = stepper.binding.parameters.astype(np.float64)
        elif isinstance(operand, Buffer) and operand.role != "source":
            value = stepper.value(operand)
            self.old[value.ctypes.data] = value.astype(np.float64)


# ------------------------------------------------------------------ the programs


class Twice:
    """out = (x·W + b) + (x·W + b): the input and the parameters are read twice."""

    name, kind, couples_rows = None, "twice", False

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
    y = rng.uniform(0.1, 0.9, (rows, loss.target_columns(outputs)))
    return y / y.sum(axis=1, keepdims=True) if loss.distribution else y


def output_for(loss):
    """An activation whose outputs lie in the domain of the loss, and are no natural partner."""
    for entry in activations:
        if entry.trainable and loss.accepts(entry) and entry.name not in loss.natural:
            return entry
    raise AssertionError(f"no activation suits {loss.name}")


CODES = "codes"  # features that are codes of three levels
LAYER_STACKS = {
    "residual": [cr.Dense(3, "tanh"), cr.Residual([cr.Dense(5, "tanh"), cr.Dense(3)]), cr.Dense(2)],
    "residual of the inputs": [cr.Residual([cr.Dense(4, "tanh")]), cr.Dense(2)],
    "scale": [cr.Scale(0.5), cr.Dense(3, "tanh"), cr.Scale("normal(1, 1)"), cr.Dense(2)],
    "prelu": [cr.PReLU(), cr.Dense(3), cr.PReLU("normal(0, 1)"), cr.Dense(2)],
    "embedding": [cr.Embedding({0: (3, 2), 1: (3, 1), 3: (4, 3)}), cr.Dense(2)],
}


REGIMES = {
    "elastic net": {"penalty": cr.Penalty(l1=0.01, l2=0.1)},
    "elastic net per example": {"penalty": cr.Penalty(l1=0.01, l2=0.1, per_example=True)},
    "clipped values": {"clip": cr.ClipValue(0.01)},
    "clipped norms": {"clip": cr.ClipNorm(0.1)},
    "clipped norm of all": {"clip": cr.ClipGlobalNorm(0.1), "penalty": cr.L2(0.1)},
    "norms that do not reach the limit": {"clip": cr.ClipGlobalNorm(1e3)},
    "limited norms": {"constraint": cr.MaxNorm(0.8)},
    "a frozen layer": {"frozen": frozenset({"dense1.W", "dense1.b"})},
    "jitter": {"augment": (cr.Jitter(0.5),)},
    "random scales": {"augment": (cr.RandomScale(0.5),)},
    "lost features": {"augment": (cr.FeatureDropout(0.5, fill=7.0),)},
    "mixup": {"augment": (cr.Mixup(0.4), cr.Jitter(0.1), cr.Jitter(0.2))},
    "shifted images": {"augment": (cr.Shift((2, 2), 1), cr.Shift((4, 1), 3))},
    "flipped images": {"augment": (cr.Flip((1, 4)), cr.Flip((1, 2, 2), 0.7))},
    "factors of the rate": {"rate_factors": {"dense2.b": 1.0}},
}


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
    for loss in (*losses, find("huber(0.3)"), find("quantile(0.1, 0.8)")):
        units = 4 if loss.outputs_per_target == 2 else 3
        for kind in loss.forms:
            labels = kind == "labels"
            out = output_for(loss)
            net = cr.Network([cr.Dense(units, out)], loss, inputs=4, seed=3)
            yield f"{loss} of {kind}", net, {"purpose": "train"}, labels, None
            weighted = {"purpose": "train", "weighted": True}
            yield f"weighted {loss} of {kind}", net, weighted, labels, None
            for partner in loss.natural:
                net = cr.Network([cr.Dense(units, partner)], loss, inputs=4, seed=4)
                for fused in (True, False):
                    options = {"purpose": "train", "fused": fused}
                    yield f"{loss} of {kind}, {partner}, {fused=}", net, options, labels, None
                if loss.smoothing:
                    options = {"purpose": "train", "smoothing": 0.2}
                    yield f"smooth {loss} of {kind}, {partner}", net, options, labels, None
    for name, optimizer in OPTIMIZERS.items():
        net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(2, bias=False)], "mse", inputs=4, seed=5)
        yield name, net, {"purpose": "train", "optimizer": optimizer()}, False, None
    for name, regime in REGIMES.items():
        net = cr.Network([cr.Dense(70, "tanh"), cr.Dense(70, "tanh"), cr.Dense(2)], "mse",
                         inputs=4, seed=5)  # fmt: skip
        yield name, net, {"purpose": "train", "regime": Regime(**regime)}, False, None
    for layer in (cr.Dropout(0.4), cr.AlphaDropout(0.3), cr.GaussianNoise(0.2), cr.BatchNorm(),
                  cr.LayerNorm()):  # fmt: skip
        net = cr.Network([cr.Dense(5, "tanh"), layer, cr.Dense(2)], "mse", inputs=4, seed=5)
        yield f"{layer.kind}, training", net, {"purpose": "train"}, False, None
        yield f"{layer.kind}, prediction", net, {"purpose": "predict"}, False, None
    for source in SOURCE_DTYPES:
        net = cr.Network([cr.Dense(2)], "mse", inputs=4, seed=6)
        yield f"X of {np.dtype(source)}", net, {"purpose": "gradient"}, False, source
    for sparse in (scipy.sparse.csr_array, scipy.sparse.csr_matrix):
        yield f"X of {sparse.__name__}", net, {"purpose": "gradient"}, False, sparse
    regime = Regime(augment=(cr.Mixup(1.5),))
    for source in (np.float32, np.int16, scipy.sparse.csr_array):
        net = cr.Network([cr.Dense(2)], "mse", inputs=4, seed=6)
        options = {"purpose": "gradient", "regime": regime}
        yield f"mixup of {source.__name__}", net, options, False, source
    net = cr.Network([cr.Dense(3, "relu"), cr.Dense(2, "tanh", bias=False)], None, inputs=4)
    yield "prediction", net, {"purpose": "predict"}, False, None
    net = cr.Network([cr.Dense(3, "tanh"), Twice(), cr.Dense(1)], "mse", inputs=4, seed=7)
    yield "a value read twice", net, {"purpose": "train"}, False, None
    for name, layers in LAYER_STACKS.items():
        net = cr.Network(layers, "mse", inputs=4, seed=11)
        yield name, net, {"purpose": "train"}, False, CODES if "embedding" in name else None
    for units in (1, 2, 64):  # the three ways of a product: dots, loops, BLAS
        net = cr.Network([cr.Dense(units, "tanh"), cr.Dense(units)], "mse", inputs=200, seed=8)
        yield f"products of {units}", net, {"purpose": "train"}, False, None


CASES = {case[0]: case[1:] for case in cases()}


def lowered(case, dtype, tile_rows=TILE):
    """The program of a case, its sources, its network."""
    network, options, labels, source = CASES[case]
    rng = np.random.default_rng(9)
    X = rng.normal(size=(ROWS, network.inputs))
    if source in (scipy.sparse.csr_array, scipy.sparse.csr_matrix):
        X = source(X * (X > 0))
    elif source == CODES:
        X = np.floor(np.abs(X)).clip(0, 2)
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
    if any(layer.couples_rows for layer in network.layers):
        tile_rows = ROWS
    program = lower(
        network, batch_rows=ROWS, tile_rows=tile_rows, sources=sources, labels=labels, dtype=dtype,
        plan=False, **options,
    )  # fmt: skip
    return program, sources, network


def check(program, sources, network, rows):
    """Run a step and hold every instruction against its equations; the number of instructions."""
    dtype, size = program.dtype, program.parameters * program.states
    state = np.random.default_rng(10).uniform(0.1, 1, size).astype(dtype)
    stepper = Stepper(
        program, network.vector.astype(dtype), sources, rows, state=state, guarded=True, step=3,
        mean=network.loss.mean if network.loss else True,
    )  # fmt: skip
    checked = CheckedEquations(stepper, sources)
    stepper.run(checked)
    return checked.instructions


DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


@DTYPES
@pytest.mark.parametrize("case", CASES)
def test_every_instruction_computes_its_equation_and_writes_nothing_else(case, dtype):
    program, sources, network = lowered(case, dtype)
    assert check(program, sources, network, ROWS) >= len(program.instructions)


@DTYPES
@pytest.mark.parametrize("tile", [1, 3, 5, 7, 10, 18, 19])  # from eight gradient slots to one
def test_sums_over_any_number_of_tiles_and_slots_are_right(tile, dtype):
    program, sources, network = lowered("adam", dtype, tile)
    check(program, sources, network, ROWS)


def products_of(rows, inputs, units, bias, dtype, tiles=2):
    """A program whose products have these sizes, each tile of a slot among them."""
    layers = [cr.Dense(units, "tanh", bias=bias), cr.Dense(inputs, bias=bias)]
    network = cr.Network(layers, "mse", inputs=inputs, seed=1)
    rng = np.random.default_rng(2)
    rows_of_all = tiles * rows
    sources = {name: rng.normal(size=(rows_of_all, inputs)).astype(dtype) for name in "XY"}
    with mock.patch("chainrule.lowering.slots_for", return_value=1):
        program = lower(
            network, "gradient", rows_of_all, tile_rows=rows, sources=sources, dtype=dtype,
            plan=False,
        )  # fmt: skip
    return program, sources, network, rows_of_all


@DTYPES
@given(
    rows=st.integers(1, 35), inputs=st.integers(1, 40), units=st.integers(1, 70),
    bias=st.booleans(),
)  # fmt: skip
def test_products_of_any_size_are_right_and_stay_in_their_place(dtype, rows, inputs, units, bias):
    check(*products_of(rows, inputs, units, bias, dtype))


@DTYPES
@pytest.mark.parametrize(
    ("rows", "inputs", "units"),
    [(3, 1024, 5), (3, 1025, 5), (1, 1025, 33), (1024, 3, 5), (1025, 3, 5), (1025, 2, 1),
     (9, 90, 91), (9, 128, 64), (9, 64, 129), (2, 300, 200), (1, 1, 1100), (40, 1100, 1)],
)  # fmt: skip
def test_large_products_are_right_and_stay_in_their_place(rows, inputs, units, dtype):
    for bias in (True, False):
        check(*products_of(rows, inputs, units, bias, dtype))


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
