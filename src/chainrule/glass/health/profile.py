"""The profile of a training step: time, operations and bytes of each instruction.

The instructions are those that the training runs, and so are their kernels, one after the other
and each repeated: its operands are in the cache, which they need not be in a step of a large
network. So a step is timed in one go, too.
"""

import itertools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checks import real_number, whole
from chainrule.engine import layout
from chainrule.engine.blas import one_thread
from chainrule.engine.dtypes import REALS
from chainrule.engine.executor import Executor, NotFiniteError
from chainrule.engine.program import Instruction, Program
from chainrule.engine.stepper import Stepper
from chainrule.engine.timing import REPEATS, seconds_of_call
from chainrule.glass.health.operations import bytes_moved, operations
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.optimizers import Adam, Optimizer, named

LIMIT_SIZE = 1024  # rows and columns of the product that gives the limit
WIDEST = 48  # characters of an equation in a table


@dataclass
class Row:
    """What one instruction costs in a training step.

    Attributes:
        instruction: of the program.
        seconds: of all its calls in a step, on one thread.
        calls: one for each tile of the batch, or for each range of the flat vectors.
        matrix_operations: of its matrix products.
        elementwise_operations: all others.
        bytes: read and written.
    """

    instruction: Instruction
    seconds: float = 0.0
    calls: int = 0
    matrix_operations: int = 0
    elementwise_operations: int = 0
    bytes: int = 0

    @property
    def operations(self) -> int:
        return self.matrix_operations + self.elementwise_operations

    @property
    def phase(self) -> str:
        return layout.PHASE_NAMES[self.instruction.phase]

    @property
    def equation(self) -> str:
        """What it computes; its last equation where there are several."""
        return self.instruction.equations[-1].text()


@dataclass(frozen=True)
class Profile:
    """The costs of a training step; ``print`` shows them as a table.

    Attributes:
        rows: one for each instruction, in the order of the program.
        dtype: of the computation.
        batch_size: rows of the batch.
        tile_rows: rows of a tile.
        step_seconds: a step in one go, on one thread.
        limit: operations a second of a large matrix product here, on one thread.
    """

    rows: list[Row]
    dtype: str
    batch_size: int
    tile_rows: int
    step_seconds: float
    limit: float

    @property
    def total_seconds(self) -> float:
        """The sum over the instructions."""
        return sum(row.seconds for row in self.rows)

    @property
    def operations(self) -> int:
        return sum(row.operations for row in self.rows)

    @property
    def matrix_operations(self) -> int:
        return sum(row.matrix_operations for row in self.rows)

    @property
    def bytes(self) -> int:
        return sum(row.bytes for row in self.rows)

    def share_of_limit(self, row: Row | None = None) -> float:
        """The rate of the matrix products over the limit: of one instruction, or of the step."""
        if row is None:
            return self.matrix_operations / self.step_seconds / self.limit
        return row.matrix_operations / row.seconds / self.limit

    def summary(self) -> str:
        """The step in one go and the limit, in a line."""
        return (
            f"a step of {self.batch_size} rows in one go: {self.step_seconds * 1e6:.4g} µs, "
            f"{self.share_of_limit():.0%} of the limit for matrix products, "
            f"{self.limit / 1e9:.4g} Gflop/s ({self.dtype}, one thread)"
        )

    def __str__(self) -> str:
        lines = [("phase", "computes", "µs", "share", "operations", "of limit", "bytes")]
        for row in self.rows:
            limit = f"{self.share_of_limit(row):.0%}" if row.matrix_operations else ""
            share = f"{row.seconds / self.total_seconds:.1%}"
            lines.append((row.phase, shortened(row.equation), f"{row.seconds * 1e6:.3f}", share,
                          f"{row.operations:,}", limit, f"{row.bytes:,}"))  # fmt: skip
        lines.append(("total", "", f"{self.total_seconds * 1e6:.3f}", "",
                      f"{self.operations:,}", "", f"{self.bytes:,}"))  # fmt: skip
        widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
        texts = []
        for line in lines:
            padded = [c.ljust(w) if k < 2 else c.rjust(w)
                      for k, (c, w) in enumerate(zip(line, widths, strict=True))]  # fmt: skip
            texts.append("  ".join(padded).rstrip())
        return "\n".join([*texts, self.summary()])

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain numbers and texts, for JSON."""
        rows = [
            {
                "phase": row.phase,
                "kernel": row.instruction.kernel.name,
                "equations": [equation.text() for equation in row.instruction.equations],
                "calls": row.calls,
                "seconds": row.seconds,
                "matrix_operations": row.matrix_operations,
                "elementwise_operations": row.elementwise_operations,
                "bytes": row.bytes,
            }
            for row in self.rows
        ]
        return {
            "dtype": self.dtype,
            "batch_size": self.batch_size,
            "tile_rows": self.tile_rows,
            "step_seconds": self.step_seconds,
            "total_seconds": self.total_seconds,
            "operations": self.operations,
            "matrix_operations": self.matrix_operations,
            "bytes": self.bytes,
            "limit": self.limit,
            "share_of_limit": self.share_of_limit(),
            "instructions": rows,
        }


def shortened(text: str, longest: int = WIDEST) -> str:
    """A text that fits a column.

    >>> shortened("z1 = x·W1 + b1", 8)
    'z1 = x·…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def profile(
    network: Network,
    batch_size: int = 32,
    *,
    optimizer: Optimizer | str | None = None,
    seconds: float = 0.002,
) -> Profile:
    """Measure what each instruction of a training step costs, on random data and one thread.

    Args:
        network: with a loss; its parameters are read, not changed.
        batch_size: rows of the batch.
        optimizer: a specification or a name; by default :class:`~chainrule.optimizers.Adam`.
        seconds: how long each of several repetitions of an instruction takes.

    Returns:
        The time, operations and bytes of each instruction.

    Raises:
        ValueError: for arguments outside their range, a network without a loss or that cannot be
            trained, or one whose loss is not finite.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(4, "relu"), cr.Dense(1)], loss="mse", inputs=3)
    >>> costs = cr.profile(net, batch_size=8, seconds=1e-5)
    >>> costs.matrix_operations == 8 * (4 * 3 * 4 + 6 * 4 * 1)
    True
    """
    batch = whole("batch_size", batch_size, 1, 2**31 - 1)
    if not real_number(seconds) or seconds <= 0:
        raise ValueError(f"seconds must be a positive number, not {seconds!r}")
    optimizer = _optimizer(optimizer)
    loss = network.loss
    if loss is None:
        raise ValueError("the network has no loss: give one, such as loss='mse'")
    sources = _random_data(network, batch)
    labels = sources["Y"].dtype == np.int64
    program = lower(network, "train", batch, optimizer, labels=labels, sources=sources)
    state = np.zeros(program.states * program.parameters, REALS[program.dtype])
    step_seconds = _whole_step(program, network, sources, batch, seconds)
    stepper = Stepper(program, network.vector.copy(), sources, batch, state=state, mean=loss.mean)
    timer = _Timer(stepper.program, seconds)
    with np.errstate(all="ignore"):
        stepper.run(timer)
    rows = [timer.rows[id(i)] for i in stepper.program.instructions]
    limit = measured_limit(program.dtype)
    return Profile(rows, program.dtype, batch, program.tile_rows, step_seconds, limit)


def measured_limit(dtype: str) -> float:
    """Operations a second of a large matrix product by BLAS, on one thread."""
    from scipy.linalg.blas import dgemm, sgemm

    gemm = {"float32": sgemm, "float64": dgemm}[dtype]
    a = np.random.default_rng(0).random((LIMIT_SIZE, LIMIT_SIZE)).astype(REALS[dtype], order="F")
    out = np.zeros_like(a)
    best = np.inf
    with one_thread:
        for _ in range(REPEATS):
            start = time.perf_counter()
            gemm(1.0, a, a, 0.0, out, overwrite_c=True)
            best = min(best, time.perf_counter() - start)
    return float(2 * LIMIT_SIZE**3 / best)


class _Timer:
    """An observer of a stepper that times each instruction that it is shown.

    Calls that differ in nothing that costs time are timed once and counted.
    """

    def __init__(self, program: Program, seconds: float) -> None:
        self.rows = {id(i): Row(i) for i in program.instructions}
        self._ranges = {
            id(i)
            for segment in program.segments if segment.kind == layout.CHUNKS
            for block in segment.blocks for i in block.instructions
        }  # fmt: skip
        counts = itertools.accumulate((len(i.operands) for i in program.instructions), initial=0)
        self._places = {
            id(i): 8 * layout.OPERAND_WORDS * count
            for i, count in zip(program.instructions, counts, strict=False)
        }
        self._seconds = seconds
        self._times: dict[tuple[int, ...], float] = {}

    def __call__(self, instruction: Instruction, stepper: Stepper) -> None:
        context, program = stepper.context, stepper.program
        rows, slots = int(context["rows"]), int(context["slots"])
        length = None
        if id(instruction) in self._ranges:
            length = int(context["stop"] - context["start"])
        row = self.rows[id(instruction)]
        key = (id(instruction), rows, int(context["accumulate"]), length or 0)
        if key not in self._times:
            self._times[key] = _timed(
                instruction, self._places[id(instruction)], stepper, self._seconds
            )
        matrix, elementwise = operations(instruction, rows, slots, length)
        row.calls += 1
        row.seconds += self._times[key]
        row.matrix_operations += matrix
        row.elementwise_operations += elementwise
        row.bytes += bytes_moved(instruction, rows, slots, program.itemsize, length)


def _timed(instruction: Instruction, place: int, stepper: Stepper, seconds: float) -> float:
    """The time of a call; what the calls wrote is put back, so that the step stays what it is.

    Args:
        instruction: that has just run.
        place: of its operand records, in bytes.
        stepper: that ran it.
        seconds: as for :func:`profile`.
    """
    written = [stepper.value(buffer) for buffer in instruction.writes]
    before = [value.copy() for value in written]
    binding, context = stepper.binding, np.array([stepper.context])
    address = instruction.kernel.address(stepper.program.dtype)
    operands = binding.tables.operands.ctypes.data + place
    regions = binding.regions.ctypes.data
    found = seconds_of_call(address, operands, regions, context.ctypes.data, seconds)
    for value, kept in zip(written, before, strict=True):
        value[...] = kept
    return found


def _whole_step(
    program: Program, network: Network, sources: dict[str, Any], rows: int, seconds: float
) -> float:
    """The time of a step by the executor; the parameters stay, so that every step is the same."""
    assert network.loss is not None
    state = np.zeros(program.states * program.parameters, REALS[program.dtype])
    most = 100_000
    run = Executor(
        program, network.vector.copy(), sources, rows, rows, state=state, epochs=most,
        scalars={"learning_rate": 0.0}, mean=network.loss.mean,
    )  # fmt: skip

    def of(steps: int) -> float:
        run.restart()
        start = time.perf_counter()
        run.run(steps)
        return (time.perf_counter() - start) / steps

    try:
        with run:
            of(3)
            steps = int(min(max(3, 5 * seconds / of(3)), most))
            return min(of(steps) for _ in range(REPEATS))
    except NotFiniteError:
        raise ValueError("the loss of the network is not finite on random data") from None


def _random_data(network: Network, rows: int) -> dict[str, np.ndarray]:
    """Features of the normal distribution, and targets that the loss accepts."""
    assert network.loss is not None
    rng = np.random.default_rng(0)
    real = REALS[network.dtype]
    X = rng.normal(size=(rows, network.inputs)).astype(real)
    shape = (rows, network.loss.target_columns(network.outputs))
    if "labels" in network.loss.forms and network.outputs > 1:
        return {"X": X, "Y": rng.integers(0, network.outputs, rows)}
    bounded = np.isfinite(network.loss.targets[0])
    Y = rng.random(shape) if bounded else rng.normal(size=shape)
    if network.loss.distribution:
        Y /= Y.sum(axis=1, keepdims=True)
    return {"X": X, "Y": Y.astype(real)}


def _optimizer(optimizer: Optimizer | str | None) -> Optimizer:
    if isinstance(optimizer, Optimizer):
        return optimizer
    return Adam() if optimizer is None else named(optimizer)()
