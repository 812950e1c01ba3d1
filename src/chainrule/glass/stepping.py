"""One step of a program, an instruction at a time, and all that it wrote."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule import penalties
from chainrule.engine import layout
from chainrule.engine.builder import gradient_name
from chainrule.engine.program import Instruction, Program
from chainrule.engine.stepper import Stepper
from chainrule.glass.slopes import name_of, slope_of, slope_path
from chainrule.glass.traced import Trace
from chainrule.network import Network
from chainrule.optimizers import LETTERS, Optimizer
from chainrule.penalties import ADDING, CLIPPING

#: May change what an instruction wrote, before anything reads it.
Change = Callable[[Instruction, Stepper], None]


def flat_names(program: Program) -> tuple[str, ...]:
    """The buffers of a program that are whole flat vectors: p, g and the optimizer's states."""
    states = [name for name, buffer in program.buffers.items() if buffer.role == "state"]
    return ("p", "g", *states)


def parts_of(network: Network, program: Program, vector: str) -> dict[str, slice]:
    """Where in a flat vector the values lie that a trace shows by these paths."""
    found = {}
    for path, (start, shape) in network.places.items():
        name = {"p": f"{path}.new", "g": gradient_name(path)}.get(vector, f"{path}.{vector}")
        if vector != "g" or name in program.buffers:
            found[name] = slice(start, start + math.prod(shape))
    return found


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
    change: Change | None = None,
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
        change: called after each instruction; may change what it wrote.
    """
    real = np.dtype(program.dtype)
    vector = (network.vector if parameters is None else parameters).astype(real)
    size = program.states * program.parameters
    memory = np.zeros(size, real) if state is None else state.astype(real)
    hyperparameters = {**program.scalars, **(scalars or {})}
    stepper = Stepper(
        program, vector, sources, rows, state=memory, scalars=hyperparameters, seed=seed,
        mean=network.loss.mean if network.loss else True, step=step,
    )  # fmt: skip
    trace = Trace(
        network, stepper.program, rows=rows, step=step, seed=seed, scalars=hyperparameters,
        optimizer=optimizer,
    )  # fmt: skip
    _Run(trace, stepper, vector, memory, change).run()

    def again(parameters: np.ndarray, x: Any) -> Trace:
        return run_step(
            network, program, {**sources, "X": x}, rows, parameters=parameters, state=state,
            scalars=scalars, optimizer=optimizer, step=step, seed=seed, change=change,
        )  # fmt: skip

    trace.again = again
    return trace


class _Run:
    """Collects what the instructions write, tile by tile and range by range."""

    def __init__(
        self, trace: Trace, stepper: Stepper, vector: np.ndarray, state: np.ndarray,
        change: Change | None,
    ) -> None:  # fmt: skip
        self._trace, self._stepper, self._change = trace, stepper, change
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
        if self._change is not None:
            self._change(instruction, running)
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
        for path, (start, _) in trace.network.places.items():
            trace.set(f"{path}.new", self._part(self._vector, path))
            if path in limited:
                trace.set(f"{path}.free", self._part(self._stepped, path))
            if not any(part.start <= start < part.stop for part in trace.program.ranges):
                continue  # frozen, or not learnt by gradients
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
