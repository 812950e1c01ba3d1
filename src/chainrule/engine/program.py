"""Programs: named buffers, instructions over them, and the segments in which they run.

A program is data. The executor runs it at full speed, the stepper an instruction at a time;
``print(program)`` shows an instruction a line, with its equation and shapes.
"""

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from chainrule.engine import layout
from chainrule.engine.dtypes import ALIGNMENT, ITEMSIZES, aligned
from chainrule.engine.kernel import EquationLike, Kernel
from chainrule.engine.tables import Tables, tables_of


class Buffer(NamedTuple):
    """A named array of a program.

    Attributes:
        name: its path, such as ``dense1.W``.
        role: what it is: ``parameter``, ``gradient``, ``state``, ``value``, ``scalar``,
            ``source`` or ``sums``.
        shape: one or two lengths; ``layout.TILE_ROWS`` stands for the rows of a tile.
        region: where it lies.
        offset: bytes from the region's start; -1 until the program is planned.
        kind: ``real``, ``int64`` or ``float64``.
        label: the short name that a reader sees, such as ``W1``.
        stride: bytes from one time step to the next inside a repeated block.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    region: int
    offset: int = -1
    kind: str = "real"
    label: str = ""
    stride: int = 0

    @property
    def columns(self) -> int:
        return self.shape[1] if len(self.shape) > 1 else 1

    def itemsize(self, dtype: str) -> int:
        return ITEMSIZES[dtype] if self.kind == "real" else 8

    def shape_text(self) -> str:
        names = {layout.TILE_ROWS: "m", layout.USED_SLOTS: "slots"}
        inner = ", ".join(names.get(n, str(n)) for n in self.shape)
        return f"({inner},)" if len(self.shape) == 1 else f"({inner})"

    def __str__(self) -> str:
        return self.label or self.name


Operand = Buffer | int


@dataclass(frozen=True)
class Instruction:
    """One call of a kernel."""

    kernel: Kernel
    operands: Mapping[str, Operand]
    phase: int

    @property
    def equations(self) -> tuple[EquationLike, ...]:
        """The kernel's equations in the names of this instruction's buffers."""
        part = ""
        if "first" in self.operands:  # some columns of a layer with a function per neuron
            part = f"[:, {self.operands['first']}:{self.operands['last']}]"
        names = {
            key: f"{value}{part if isinstance(value, Buffer) and len(value.shape) > 1 else ''}"
            for key, value in self.operands.items()
        }
        return tuple(equation.renamed(names) for equation in self.kernel.equations)

    @property
    def reads(self) -> tuple[Buffer, ...]:
        wanted = frozenset().union(*(e.names for e in self.kernel.equations))
        return tuple(b for k, b in self.operands.items() if isinstance(b, Buffer) and k in wanted)

    @property
    def writes(self) -> tuple[Buffer, ...]:
        found = (self.operands[k] for k in self.kernel.outputs)
        return tuple(b for b in found if isinstance(b, Buffer))

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        return tuple(b for b in self.operands.values() if isinstance(b, Buffer))


@dataclass(frozen=True)
class Block:
    """Instructions that run in order, ``repeat`` times; ``reverse`` counts time backwards."""

    instructions: tuple[Instruction, ...]
    repeat: int = 1
    reverse: bool = False


@dataclass(frozen=True)
class Segment:
    """Blocks that run once per tile, by each worker, once per range of the flat vectors, once by
    one worker, or (``HOST``, without blocks) a return to the host, which may change the
    gradients."""

    kind: int
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Kink:
    """Where a value meets a function without a derivative.

    Attributes:
        value: the name of the value in front of the function.
        columns: those that the function is applied to.
        place: where it has no derivative.
    """

    value: str
    columns: tuple[int, ...]
    place: float


@dataclass(frozen=True)
class ParameterSegment:
    """A part of the flat vectors that is updated in one way.

    Attributes:
        start: first element.
        stop: one past the last.
        rate_factor: multiplies the learning rate.
        decay: multiplies penalties and weight decay: 1 for weights, 0 for what they spare.
        group: the parameter that it is a part of, by its number.
    """

    start: int
    stop: int
    rate_factor: float = 1.0
    decay: float = 1.0
    group: int = 0


@dataclass(frozen=True)
class Program:
    """Everything that the executor needs but memory.

    Attributes:
        dtype: ``float32`` or ``float64``.
        tile_rows: rows of a tile: a function of the shapes, never of the number of threads.
        slots: the fixed number of gradient slots; tile k adds to slot k modulo this.
        parameters: the number of elements of the flat vectors.
        states: how many flat vectors of optimizer state there are.
        sources: the names of the data sources, in the order of their descriptors.
        scalars: the hyperparameters in the scalar region, with the values to start from.
        schedules: what changes some of them from step to step, by their names.
        ranges: the ranges of the flat vectors in which updates run.
        arena: bytes of scratch memory of one worker.
        shared: bytes of scratch memory that all workers share.
        loss: the buffer that holds the batch's loss after the reduction, if there is one.
        kinks: where values meet functions without a derivative.
    """

    dtype: str
    segments: tuple[Segment, ...]
    buffers: Mapping[str, Buffer]
    tile_rows: int
    slots: int
    parameters: int
    states: int = 0
    sources: tuple[str, ...] = ()
    scalars: Mapping[str, float] = field(default_factory=dict)
    schedules: Mapping[str, Any] = field(default_factory=dict)
    ranges: tuple[ParameterSegment, ...] = ()
    arena: int = 0
    shared: int = 0
    loss: Buffer | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    kinks: tuple[Kink, ...] = ()

    @property
    def instructions(self) -> list[Instruction]:
        return [i for s in self.segments for b in s.blocks for i in b.instructions]

    @property
    def itemsize(self) -> int:
        return ITEMSIZES[self.dtype]

    @property
    def slot_bytes(self) -> int:
        return slot_bytes(self.parameters, self.dtype)

    @property
    def tables(self) -> Tables:
        """What compiled code walks over, made once.

        A thread that runs the program holds the tables themselves. Two threads may both make them;
        then all have those of the first. There is no lock that a forked child could find held.
        """
        made = self.__dict__.get("_tables") or tables_of(self)
        tables: Tables = self.__dict__.setdefault("_tables", made)
        return tables

    def __getstate__(self) -> dict[str, Any]:
        """Without the tables, whose addresses mean nothing in another process."""
        state = dict(vars(self))
        state.pop("_tables", None)
        return state

    def __str__(self) -> str:
        rows = []
        for segment in self.segments:
            if segment.kind == layout.HOST:
                rows.append(("host", "", "the host may change the gradients", ""))
            for block in segment.blocks:
                for instruction in block.instructions:
                    rows += _rows_of(instruction, block)
        widths = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
        lines = [
            "  ".join((*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]))
            for row in rows
        ]
        head = (
            f"{self.dtype} · {self.parameters} parameters · tiles of {self.tile_rows} rows · "
            f"{self.slots} gradient slot{'s' if self.slots > 1 else ''} · "
            f"{self.arena} bytes of scratch per worker"
        )
        return "\n".join([head, *(line.rstrip() for line in lines)])


def slot_bytes(parameters: int, dtype: str) -> int:
    """Bytes of one gradient slot: the gradients, then two float64 sums."""
    return aligned(parameters * ITEMSIZES[dtype]) + ALIGNMENT


def _rows_of(instruction: Instruction, block: Block) -> list[tuple[str, str, str, str]]:
    phase = layout.PHASE_NAMES[instruction.phase]
    if block.repeat > 1:
        phase += f" ×{block.repeat}" + ("↓" if block.reverse else "↑")
    shown = [*instruction.writes, *instruction.reads]
    shapes = ", ".join(
        f"{b} {b.shape_text()}" for b in dict.fromkeys(shown) if b.role not in ("scalar", "source")
    )
    first, *rest = [equation.text() for equation in instruction.equations]
    return [(phase, instruction.kernel.name, first, shapes), *(("", "", e, "") for e in rest)]


def planned(program: Program, guard: int = 0, reuse: bool = True) -> Program:
    """Give every scratch buffer a place in the arena.

    Buffers whose lives do not overlap share memory; inside a repeated block a buffer lives as
    long as the block. The operands of one instruction never overlap.

    Args:
        program: a program, planned or not.
        guard: bytes to leave free in front of and behind every buffer, for canaries.
        reuse: False gives every buffer a place of its own, so that all values can be read.
    """
    lives = _lives(program)
    places: dict[str, int] = {}
    taken: list[tuple[int, int, int, int]] = []  # (start, stop, first, last), in this order
    end = 0
    for name, (first, last) in sorted(lives.items(), key=lambda item: item[1]):
        buffer = program.buffers[name]
        size = aligned(_bytes(buffer, program)) + guard
        start = guard if not taken or reuse else end
        if reuse:
            for low, high, born, dead in taken:
                if born <= last and first <= dead:
                    if start + size <= low:
                        break
                    start = max(start, high)
        places[name] = start
        bisect.insort(taken, (start, start + size, first, last))
        end = max(end, start + size)
    moved = {
        name: b._replace(offset=places[name]) if name in places else b
        for name, b in program.buffers.items()
    }
    return replace(
        program,
        segments=tuple(_with_buffers(s, program.buffers, moved) for s in program.segments),
        buffers=moved,
        arena=end + guard,
        loss=moved[program.loss.name] if program.loss else None,
    )


def _bytes(buffer: Buffer, program: Program) -> int:
    rows = program.tile_rows if buffer.shape[0] == layout.TILE_ROWS else buffer.shape[0]
    steps = buffer.stride and max(
        block.repeat for s in program.segments for block in s.blocks
    )  # a buffer with a stride has a row block for every time step
    return max(rows * buffer.columns * buffer.itemsize(program.dtype), buffer.stride * steps)


def _lives(program: Program) -> dict[str, tuple[int, int]]:
    """First and last use of each arena buffer, counted in instructions."""
    lives: dict[str, tuple[int, int]] = {}
    now = 0
    for segment in program.segments:
        for block in segment.blocks:
            first = now
            for instruction in block.instructions:
                for b in instruction.operands.values():
                    if isinstance(b, Buffer) and b.region == layout.ARENA:
                        lives[b.name] = (lives[b.name][0] if b.name in lives else now, now)
                now += 1
            if block.repeat > 1:
                for buffer in {b for i in block.instructions for b in i.buffers}:
                    if buffer.name in lives:
                        life = lives[buffer.name]
                        lives[buffer.name] = (min(life[0], first), max(life[1], now - 1))
    return lives


def _with_buffers(
    segment: Segment, before: Mapping[str, Buffer], after: Mapping[str, Buffer]
) -> Segment:
    def moved(operand: Operand) -> Operand:
        if not isinstance(operand, Buffer) or operand.region != layout.ARENA:
            return operand
        if operand is before[operand.name]:
            return after[operand.name]
        view_of = after[operand.name]
        return operand._replace(offset=view_of.offset)

    def with_moved(i: Instruction) -> Instruction:
        operands = {name: moved(operand) for name, operand in i.operands.items()}
        return Instruction(i.kernel, operands, i.phase)

    blocks = (
        Block(tuple(with_moved(i) for i in block.instructions), block.repeat, block.reverse)
        for block in segment.blocks
    )
    return Segment(segment.kind, tuple(blocks))
