"""How a program is written: values, instructions, and the tape that runs backward.

The builder knows a graph of values, not a chain: a value that several instructions read gets
the sum of their gradients, a parameter used twice gets both contributions, and what needs no
gradient gets none.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chainrule.engine import layout
from chainrule.engine.dtypes import ITEMSIZES, aligned
from chainrule.engine.kernel import Kernel
from chainrule.engine.program import (
    Block,
    Buffer,
    Instruction,
    Kink,
    Operand,
    ParameterSegment,
    Program,
    Segment,
    slot_bytes,
)


class Builder:
    """Collects the buffers and instructions of one program.

    Args:
        dtype: ``float32`` or ``float64``.
        labels: short names of buffers, by their paths.
        add: the kernel that sums two gradients, with the operands ``out``, ``x`` and ``y``.
        training: whether layers that differ in training and prediction are to train.
        batch_rows: rows of a full batch.
    """

    def __init__(
        self, dtype: str, labels: dict[str, str], add: Kernel, training: bool = False,
        batch_rows: int = 1,
    ) -> None:  # fmt: skip
        self.dtype = dtype
        self._itemsize = ITEMSIZES[dtype]
        self.training = training
        self.batch_rows = batch_rows
        self.labels = labels
        self.buffers: dict[str, Buffer] = {}
        self.parameters = 0
        #: For the outputs of activations, the value and the entry that they came from.
        self.origins: dict[str, tuple[Buffer, object]] = {}
        self._add = add
        self._states: list[str] = []
        self._scalars: dict[str, float] = {}
        self._schedules: dict[str, Any] = {}
        self._shared = 0
        self._draws = 0
        self._sources: list[str] = []
        self._gradients: dict[str, list[Buffer]] = {}
        self._needs: set[str] = set()
        self._written: set[str] = set()
        self._tape: list[Callable[[], None]] = []
        self._kinks: list[Kink] = []
        self._blocks: list[Block] = []
        self._open: list[Instruction] = []
        self._segments: list[Segment] = []
        self.phase = layout.FORWARD

    # ------------------------------------------------------------------ buffers

    def _new(
        self, name: str, role: str, shape: tuple[int, ...], region: int, offset: int = -1,
        kind: str = "real", stride: int = 0,
    ) -> Buffer:  # fmt: skip
        if name in self.buffers:
            raise ValueError(f"the program has a buffer {name!r} already")
        label = self.labels.get(name, "")
        buffer = Buffer(name, role, shape, region, offset, kind, label, stride)
        self.buffers[name] = buffer
        return buffer

    def parameter(self, name: str, shape: tuple[int, ...], trainable: bool = True) -> Buffer:
        """A parameter, next in the flat vector; one asked for again by its name is shared."""
        if name in self.buffers:
            return self.buffers[name]
        size = math.prod(shape)
        offset = self.parameters * self._itemsize
        self.parameters += size
        if trainable:
            self._needs.add(name)
        return self._new(name, "parameter", shape, layout.PARAMETERS, offset)

    def value(self, name: str, columns: int | None, kind: str = "real", stride: int = 0) -> Buffer:
        """A value for each row of the tile."""
        rows = (layout.TILE_ROWS,) if columns is None else (layout.TILE_ROWS, columns)
        return self._new(name, "value", rows, layout.ARENA, -1, kind, stride)

    def scratch(self, name: str, size: int, kind: str = "real") -> Buffer:
        """A vector in the worker's arena."""
        return self._new(name, "value", (size,), layout.ARENA, -1, kind)

    def sums(self, name: str) -> Buffer:
        """The two float64 sums at the end of each gradient slot."""
        offset = aligned(self.parameters * self._itemsize)
        return self._new(name, "sums", (1, 2), layout.SLOT, offset, "float64")

    def scalar(self, name: str, default: Any) -> Buffer:
        """A hyperparameter in the scalar region; asked for again it is the same.

        Args:
            name: its path.
            default: a number, or a schedule, whose ``initial`` is the number to start from.
        """
        if name not in self.buffers:
            offset = 8 * len(self._scalars)
            self._new(name, "scalar", (1,), layout.SCALARS, offset, "float64")
            if hasattr(default, "initial"):
                self._schedules[name] = default
                default = default.initial
            self._scalars[name] = float(default)
        return self.buffers[name]

    def range_sums(self, name: str, ranges: int) -> Buffer:
        """A float64 sum for each range of the flat vectors, seen by all workers."""
        offset = self._shared
        self._shared += aligned(8 * ranges)
        return self._new(name, "sums", (ranges, 1), layout.SHARED, offset, "float64")

    def kink(self, value: Buffer, columns: Sequence[int], place: float) -> None:
        """Remember that what is computed from some columns has no derivative at a place."""
        self._kinks.append(Kink(value.name, tuple(columns), place))

    def site(self) -> int:
        """The number of a place that draws random numbers, for a stream of its own."""
        self._draws += 1
        return self._draws

    def scalars(self, name: str, defaults: Sequence[float]) -> Buffer:
        """Hyperparameters of one kind, side by side: ``name.1``, ``name.2``, ..."""
        each = [self.scalar(f"{name}.{k}", v) for k, v in enumerate(defaults, start=1)]
        return each[0]._replace(shape=(len(each),), label=name)

    def source(self, name: str) -> Buffer:
        """A data source, by the descriptor that the executor makes of it."""
        offset = 8 * layout.SOURCE_WORDS * len(self._sources)
        self._sources.append(name)
        shape = (layout.SOURCE_WORDS,)
        return self._new(name, "source", shape, layout.SOURCES, offset, "int64")

    def state(self, name: str) -> Buffer:
        """A flat vector of optimizer state, as long as the parameters."""
        offset = len(self._states) * self.parameters * self._itemsize
        self._states.append(name)
        return self._new(name, "state", (self.parameters,), layout.STATE, offset)

    def flat(self, name: str, region: int) -> Buffer:
        """A whole flat vector: the parameters or the reduced gradients."""
        role = "gradient" if region == layout.GRADIENTS else "parameter"
        return self._new(name, role, (self.parameters,), region, 0)

    def all_slots(self, name: str, buffer: Buffer) -> Buffer:
        """What lies from ``buffer`` on in all gradient slots that the batch uses, a row each."""
        width = slot_bytes(self.parameters, self.dtype) // buffer.itemsize(self.dtype)
        shape = (layout.USED_SLOTS, width)
        return self._new(name, buffer.role, shape, layout.SLOTS, buffer.offset, buffer.kind)

    def slot_start(self) -> Buffer:
        """The flat vector of gradients at the start of a slot."""
        return Buffer("slot", "gradient", (self.parameters,), layout.SLOT, 0)

    def view(self, buffer: Buffer, columns: int) -> Buffer:
        """The same memory with other columns."""
        return buffer._replace(shape=(buffer.shape[0], columns))

    # ------------------------------------------------------------------ instructions

    def emit(self, kernel: Kernel, **operands: Operand) -> None:
        """Append an instruction.

        Raises:
            TypeError: if the operands are not those of the kernel.
            ValueError: if one buffer stands for an output and another operand at once.
        """
        if operands.keys() != kernel.operands.keys():
            raise TypeError(f"{kernel} takes {list(kernel.operands)}, not {list(operands)}")
        ordered = {name: operands[name] for name in kernel.operands}
        for output in kernel.outputs:
            if list(ordered.values()).count(ordered[output]) > 1:
                raise ValueError(f"{kernel}: {ordered[output]} is an output and another operand")
        needs = any(isinstance(b, Buffer) and b.name in self._needs for b in ordered.values())
        self._open.append(Instruction(kernel, ordered, self.phase))
        for output in kernel.outputs:
            buffer = ordered[output]
            if needs and self.phase == layout.FORWARD and isinstance(buffer, Buffer):
                self._needs.add(buffer.name)

    @contextmanager
    def repeated(self, count: int, reverse: bool = False) -> Iterator[None]:
        """Instructions inside run once for each time step."""
        self._close_block()
        yield
        self._close_block(count, reverse)

    def _close_block(self, repeat: int = 1, reverse: bool = False) -> None:
        if self._open:
            self._blocks.append(Block(tuple(self._open), repeat, reverse))
            self._open = []

    def close_segment(self, kind: int) -> None:
        """End the segment that the instructions since the last one make up."""
        self._close_block()
        if self._blocks or kind == layout.HOST:
            self._segments.append(Segment(kind, tuple(self._blocks)))
            self._blocks = []

    # ------------------------------------------------------------------ backward

    def on_backward(self, emit: Callable[[], None]) -> None:
        """Remember what to emit when the tape runs backward."""
        self._tape.append(emit)

    def run_backward(self) -> None:
        """Emit the backward instructions, the last forward one first."""
        self.phase = layout.BACKWARD
        while self._tape:
            self._tape.pop()()

    def needs_gradient(self, value: Buffer) -> bool:
        """Whether anything trainable lies before this value."""
        return value.name in self._needs

    def contribution(self, value: Buffer) -> Buffer:
        """A new buffer for a gradient with respect to a value, one of the terms of its sum."""
        terms = self._gradients.setdefault(value.name, [])
        name = gradient_name(value.name)
        name = f"{name}.{len(terms) + 1}" if terms else name
        terms.append(self._like(name, value))
        return terms[-1]

    def _like(self, name: str, value: Buffer) -> Buffer:
        return self._new(name, "value", value.shape, layout.ARENA, -1, value.kind, value.stride)

    def gradient(self, value: Buffer) -> Buffer:
        """The gradient with respect to a value: the sum over all that read it."""
        terms = self._gradients[value.name]
        while len(terms) > 1:
            x, y = terms.pop(0), terms.pop(0)
            total = self._like(f"{gradient_name(value.name)}.sum{len(terms)}", x)
            terms.insert(0, total)
            self.emit(self._add, out=total, x=x, y=y)
        return terms[0]

    def has_gradient(self, value: Buffer) -> bool:
        return bool(self._gradients.get(value.name))

    def parameter_gradient(self, parameter: Buffer) -> tuple[Buffer, int]:
        """Where a parameter's gradient is summed, and whether something stands there already.

        The first instruction of a tile that writes it starts afresh in the slot's first tile;
        a second one, for a parameter that is used twice, always adds.
        """
        name = gradient_name(parameter.name)
        again = name in self._written
        if not again:
            self._written.add(name)
            self._new(name, "gradient", parameter.shape, layout.SLOT, parameter.offset)
        return self.buffers[name], int(again)

    # ------------------------------------------------------------------ result

    def program(
        self,
        tile_rows: int,
        slots: int,
        ranges: Sequence[ParameterSegment] = (),
        loss: Buffer | None = None,
    ) -> Program:
        return Program(
            self.dtype, tuple(self._segments), self.buffers, tile_rows, slots, self.parameters,
            len(self._states), tuple(self._sources), dict(self._scalars), dict(self._schedules),
            tuple(ranges), shared=self._shared, loss=loss, labels=self.labels,
            kinks=tuple(self._kinks),
        )  # fmt: skip


def gradient_name(name: str) -> str:
    """The path of the gradient with respect to a path: ``dense1.W`` has ``dense1.dW``.

    The gradient with respect to ``z`` has a name of its own, ``delta``.
    """
    owner, _, last = name.rpartition(".")
    if last == "z":
        return f"{owner}.delta" if owner else "delta"
    return f"{owner}.d{last}" if owner else f"d{last}"
