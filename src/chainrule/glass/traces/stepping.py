"""One step of a program, an instruction at a time, and all that it wrote."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import dataflow, penalties
from chainrule.engine import layout
from chainrule.engine.builder import gradient_name
from chainrule.engine.program import Buffer, Instruction, Program
from chainrule.engine.sources import type_of
from chainrule.engine.stepper import Stepper
from chainrule.glass.traces.rounders import Change, flat_names, rounder
from chainrule.glass.traces.rounding import Rounding
from chainrule.glass.traces.slopes import name_of, slope_of, slope_path
from chainrule.glass.traces.traced import Trace
from chainrule.network import Network
from chainrule.optimizers import LETTERS, Optimizer
from chainrule.penalties import ADDING, CLIPPING


def run_step(
    network: Network,
    program: Program,
    sources: Mapping[str, Any],
    rows: int,
    *,
    parameters: np.ndarray | None = None,
    state: np.ndarray | None = None,
    scalars: Mapping[str, float] | None = None,
    optimizer: Optimizer | None = None,
    step: int = 1,
    seed: int = 0,
    rounding: Rounding | None = None,
    change: Change | None = None,
    exactly: Callable[[Mapping[str, Any]], Program] | None = None,
) -> Trace:
    """Run one step of a program and keep every number.

    Args:
        network: for the names of its values.
        program: for ``predict``, ``gradient`` or ``train``.
        sources: the rows of the batch alone, by source name.
        rows: how many they are.
        parameters: the flat vector in the program's dtype; by default the network's. It is not
            changed.
        state: the flat vector of the optimizer's state; zeros by default. It is not changed.
        scalars: hyperparameters by name, where they differ from the program's.
        optimizer: of a program for ``train``.
        step: the number of the update, from 1.
        seed: of masks and noise.
        rounding: the policy that applies to what is written.
        change: called after each instruction, before the rounding; may change what it wrote.
        exactly: lowers the program for such sources in float64, with all rows in one tile; of a
            program that is so already it may be missing.

    Raises:
        ValueError: for sources of another type than the program reads, or fewer rows, or a name
            in ``rounding`` of nothing that is computed.
    """
    check_sources(program, sources, rows)
    rounding = rounding or Rounding()
    real = np.dtype(program.dtype)
    vector = (network.vector if parameters is None else parameters).astype(real)
    size = program.states * program.parameters
    memory = np.zeros(size, real) if state is None else state.astype(real)
    hyperparameters = {**program.scalars, **(scalars or {})}
    stepper = Stepper(
        program, vector, sources, rows, state=memory, scalars=hyperparameters, seed=seed,
        mean=network.loss.mean if network.loss else True, step=step,
    )  # fmt: skip

    def again(parameters: np.ndarray, x: np.ndarray, rounded: bool) -> Trace:
        moved = {**sources, "X": x}
        return run_step(
            network, exactly(moved) if exactly else program, moved, rows, parameters=parameters,
            state=state, scalars=scalars, optimizer=optimizer, step=step, seed=seed,
            rounding=rounding if rounded else None, change=change, exactly=exactly,
        )  # fmt: skip

    trace = Trace(
        network, stepper.program, rows=rows, step=step, seed=seed, scalars=hyperparameters,
        optimizer=optimizer, rounding=rounding, again=again,
    )  # fmt: skip
    changes = [] if change is None else [change]
    if rounding:
        changes.append(rounder(network, program, rounding))
    _Run(trace, stepper, vector, memory, changes).run()
    return trace


def check_sources(program: Program, sources: Mapping[str, Any], rows: int) -> None:
    """Refuse data that the program would read as what they are not.

    Its kernels are made for the types of their sources, and read them by address.

    Raises:
        ValueError: that names the source.
    """
    for instruction in program.instructions:
        source = instruction.operands.get("X")
        if not isinstance(source, Buffer) or source.role != "source":
            continue
        given = sources[source.name]
        if given.shape[0] < rows:
            raise ValueError(f"{source.name} has {given.shape[0]} rows, and the step needs {rows}")
        name, kind = instruction.kernel.name, type_of(given)
        # Kernels that read data are named by the type that they read.
        fits = (
            kind == ("int64", False) if name == dataflow.gather_labels.name
            else name.rpartition(".")[2] == dataflow.gather_from(*kind).name.rpartition(".")[2]
        )  # fmt: skip
        if not fits:
            raise ValueError(
                f"{source.name} is {'sparse ' if kind.sparse else ''}{given.dtype}, and the "
                f"program reads it by {name}: lower it for these sources"
            )


def learnt(network: Network, program: Program) -> list[str]:
    """The parameters that the optimizer of a program learns, by path.

    The others are frozen, or not learnt by gradients; there is no state of theirs.
    """
    starts = {path: start for path, (start, _) in network.places.items()}
    return [
        path for path, start in starts.items()
        if any(part.start <= start < part.stop for part in program.ranges)
    ]  # fmt: skip


def after(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    """The flat vectors of the parameters and of the optimizer's state after a traced step."""
    assert trace.optimizer is not None
    places, states = trace.network.places, trace.optimizer.states
    size = sum(math.prod(shape) for _, shape in places.values())
    vector, memory = np.zeros(size), np.zeros((len(states), size))
    known = learnt(trace.network, trace.program)
    for path, (start, shape) in places.items():
        part = slice(start, start + math.prod(shape))
        vector[part] = trace[f"{path}.new"].ravel()
        for k, name in enumerate(states if path in known else ()):
            memory[k, part] = trace[f"{path}.{name}"].ravel()
    return vector, memory.ravel()


class _Run:
    """Collects what the instructions write, tile by tile and range by range."""

    def __init__(
        self, trace: Trace, stepper: Stepper, vector: np.ndarray, state: np.ndarray,
        changes: Sequence[Change],
    ) -> None:  # fmt: skip
        self._trace, self._stepper, self._changes = trace, stepper, changes
        self._vector, self._state = vector, state
        self._flat = flat_names(trace.program)
        self._pieces: dict[int, dict[str, list[np.ndarray]]] = {}
        self._order: list[Instruction] = []
        # The gradient of the data alone, with the penalty, and after clipping.
        self._of_data, self._whole, self._clipped = (np.zeros_like(vector) for _ in range(3))
        self._stepped = vector.copy()  # the parameters before a constraint on their norms

    def run(self) -> None:
        trace, before, memory = self._trace, self._vector.copy(), self._state.copy()
        self._set_parameters(before)
        self._stepper.run(self._observe)
        for instruction in self._order:
            pieces = self._pieces[id(instruction)]
            trace.record(instruction, {n: _joined(instruction, n, v) for n, v in pieces.items()})
        self._set_parameters(before)  # some of which a constraint or a layer has written
        self._set_slopes()
        self._set_gradients()
        if trace.optimizer is not None:
            self._set_update(trace.optimizer, before, memory)

    def _set_parameters(self, before: np.ndarray) -> None:
        for path in self._trace.network.places:
            self._trace.set(path, self._part(before, path))

    def _part(self, vector: np.ndarray, path: str) -> np.ndarray:
        start, shape = self._trace.network.places[path]
        return vector[start : start + math.prod(shape)].reshape(shape).copy()

    def _observe(self, instruction: Instruction, running: Stepper) -> None:
        for change in self._changes:
            change(instruction, running)
        if id(instruction) not in self._pieces:
            self._pieces[id(instruction)] = {}
            self._order.append(instruction)
        for buffer in instruction.writes:
            if buffer.name == "g":
                self._keep_gradient(instruction, running.value(buffer), running)
            elif buffer.name == "p":
                part = self._range(running)
                self._stepped[part] = running.value(buffer)[part]
            elif buffer.role not in ("source", "sums") and buffer.name not in self._flat:
                # By its own shape: an instruction may see a vector as a matrix of one column.
                value = running.value(running.program.buffers[buffer.name]).copy()
                name = f"{buffer.name}.new" if buffer.role == "parameter" else buffer.name
                found = self._pieces[id(instruction)].setdefault(name, [])
                found.append(value[0] if buffer.name == "loss" else value)

    @staticmethod
    def _range(running: Stepper) -> slice:
        return slice(int(running.context["start"]), int(running.context["stop"]))

    def _keep_gradient(self, instruction: Instruction, g: np.ndarray, running: Stepper) -> None:
        part = self._range(running)
        if instruction.kernel in CLIPPING:
            self._clipped[part] = g[part]
        else:
            self._whole[part] = g[part]
            if instruction.kernel not in ADDING:
                self._of_data[part] = g[part]

    def _set_slopes(self) -> None:
        """f′(z) of each activation, by its equation: its kernel multiplies by it at once."""
        trace = self._trace
        for instruction in self._order:
            tree = slope_of(instruction)
            if tree is None or tree.names == {"k"}:
                continue
            z, a = (trace[name_of(instruction, name)] for name in ("z", "a"))
            first, last = (instruction.operands.get(name) for name in ("first", "last"))
            own = slice(first, last) if isinstance(first, int) else slice(None)
            k = trace.scalars[name_of(instruction, "k")]
            path = slope_path(name_of(instruction, "z"))
            values = trace[path] if path in trace else np.zeros_like(z)
            with np.errstate(all="ignore"):
                values[:, own] = tree.evaluate({"z": z[:, own], "a": a[:, own], "k": k})
            trace.set(path, values)

    def _set_gradients(self) -> None:
        trace, kernels = self._trace, {i.kernel for i in self._order}
        for path in trace.network.places:
            name = gradient_name(path)
            if name not in trace.program.buffers:
                continue
            trace.set(name, self._part(self._whole, path))
            if kernels & ADDING:
                trace.set(f"{name}.data", self._part(self._of_data, path))
            if kernels & CLIPPING:
                trace.set(f"{name}.clipped", self._part(self._clipped, path))

    def _set_update(self, optimizer: Optimizer, before: np.ndarray, memory: np.ndarray) -> None:
        """What the optimizer kept, its corrections, and the parameters afterwards."""
        trace = self._trace
        letters: dict[str, Any] = {LETTERS[n]: v for n, v in trace.scalars.items() if n in LETTERS}
        limited = {
            b.name for i in self._order if i.kernel is penalties.limit_norms for b in i.writes
        }
        known = learnt(trace.network, trace.program)
        for path in trace.network.places:
            trace.set(f"{path}.new", self._part(self._vector, path))
            if path in limited:
                trace.set(f"{path}.free", self._part(self._stepped, path))
            if path not in known:
                continue
            kept = {}
            for k, name in enumerate(optimizer.states):
                part = slice(k * len(before), (k + 1) * len(before))
                trace.set(f"{path}.{name}.old", self._part(memory[part], path))
                kept[name] = self._part(self._state[part], path)
                trace.set(f"{path}.{name}", kept[name])
            for name, expression in optimizer.corrections.items():
                value = expression.evaluate({**letters, **kept, "t": trace.step})
                trace.set(f"{path}.{name}", value)


def _joined(instruction: Instruction, name: str, pieces: list[np.ndarray]) -> np.ndarray:
    """What an instruction wrote in all its tiles; of what is not by rows, the last."""
    by_rows = any(b.name == name and b.shape[0] == layout.TILE_ROWS for b in instruction.writes)
    return np.concatenate(pieces) if by_rows and len(pieces) > 1 else pieces[-1]
