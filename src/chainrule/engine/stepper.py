"""The stepper: the same program, an instruction at a time.

It calls the very kernels that the executor calls, in the same order, on the same operand records.
The tracer reads each value as it appears; the debug executor guards every buffer with canaries
and fills it with poison, since a kernel that writes too far cannot raise.
"""

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.engine import layout
from chainrule.engine.binding import Binding, contexts_for
from chainrule.engine.blas import one_thread
from chainrule.engine.dtypes import REALS
from chainrule.engine.program import Block, Buffer, Instruction, Program, Segment, planned

GUARD = 64  # bytes of canary in front of and behind each buffer
CANARY = 0xA5
POISON = 0xFF  # the bytes of a NaN, and of -1 in an integer

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)

Observer = Callable[[Instruction, "Stepper"], None]


class CanaryError(AssertionError):
    """A kernel wrote outside its outputs."""


class Stepper:
    """Runs one batch of a program an instruction at a time, on one thread.

    Args:
        program: the program; it is planned anew, so that no two buffers share memory.
        parameters: the flat vector.
        sources: the data by source name.
        rows: rows of the batch: all rows of the sources.
        state, scalars, seed: as for the executor.
        mean: whether sums are divided by the rows.
        guarded: whether to check, after every instruction, that only its outputs changed.
        step: the number of the update, from 1.
    """

    def __init__(
        self,
        program: Program,
        parameters: np.ndarray,
        sources: Mapping[str, Any],
        rows: int,
        *,
        state: np.ndarray | None = None,
        scalars: Mapping[str, float] | None = None,
        seed: int = 0,
        mean: bool = True,
        guarded: bool = False,
        step: int = 1,
    ) -> None:
        self.program = planned(program, guard=GUARD, reuse=False)
        self.binding = Binding(self.program, parameters, sources, state, scalars or {}, 1, CANARY)
        self._contexts = contexts_for(self.program, 1, seed, 0)
        tables, self._regions = self.binding.tables, self.binding.regions
        self._operands = tables.operands.ctypes.data
        self._calls = {
            id(i): (_CALL(int(address)), int(place))
            for i, (address, place) in zip(
                self.program.instructions, tables.instructions, strict=True
            )
        }
        self._rows = rows
        self._mean = mean
        self._step = step
        self._guarded = guarded
        self._slot = 0
        self._poison()

    @property
    def context(self) -> np.ndarray:
        return self._contexts[0]

    def _poison(self) -> None:
        for buffer in self.program.buffers.values():
            if buffer.region == layout.ARENA:
                self._bytes(buffer)[:] = POISON

    def _bytes(self, buffer: Buffer) -> np.ndarray:
        """The memory of a whole arena buffer."""
        rows = self.program.tile_rows if buffer.shape[0] < 0 else buffer.shape[0]
        size = rows * buffer.columns * buffer.itemsize(self.program.dtype)
        return self.binding.arenas[0][buffer.offset : buffer.offset + size]

    def value(self, buffer: Buffer) -> np.ndarray:
        """A buffer's present value, as a view: rows of the tile, or the whole vector."""
        binding, context = self.binding, self.context
        memory = {
            layout.PARAMETERS: binding.parameters, layout.GRADIENTS: binding.gradients,
            layout.STATE: binding.state, layout.ARENA: binding.arenas[0],
            layout.SLOTS: binding.slots, layout.SCALARS: binding.scalars[0],
            layout.SLOT: binding.slots[self._slot * self.program.slot_bytes :],
            layout.SOURCES: binding.descriptors, layout.SHARED: binding.shared,
        }[buffer.region]  # fmt: skip
        assert memory is not None
        kinds = {"real": REALS[self.program.dtype], "int64": np.int64, "float64": np.float64}
        if buffer.shape[0] == layout.USED_SLOTS:  # from the buffer's place to the slot's end
            slots = memory.reshape(self.program.slots, -1)[: int(context["slots"])]
            return slots[:, buffer.offset :].view(kinds[buffer.kind])
        rows = int(context["rows"]) if buffer.shape[0] == layout.TILE_ROWS else buffer.shape[0]
        shape = (rows, *buffer.shape[1:])
        size = int(np.prod(shape)) * buffer.itemsize(self.program.dtype)
        raw = memory.view(np.uint8)[buffer.offset : buffer.offset + size]
        return raw.view(kinds[buffer.kind]).reshape(shape)

    def run(self, observe: Observer | None = None) -> None:
        """Run one step: all tiles of one batch, then what follows.

        Args:
            observe: called after each instruction; may change the values that it wrote.

        Raises:
            CanaryError: if guarded, and a kernel wrote outside its outputs.
        """
        context, program, binding = self.context, self.program, self.binding
        tiles = -(-self._rows // program.tile_rows)
        context["batch_rows"], context["step"] = self._rows, self._step
        context["slots"] = min(tiles, program.slots)
        context["divisor"] = self._rows if self._mean else 1
        with one_thread:
            for segment in program.segments:
                if segment.kind == layout.TILES:
                    for tile in range(tiles):
                        self._enter_tile(tile)
                        self._run_segment(segment, observe)
                elif segment.kind == layout.EACH:
                    self._run_segment(segment, observe)
                elif segment.kind == layout.CHUNKS:
                    for number, r in enumerate(program.ranges):
                        context["start"], context["stop"] = r.start, r.stop
                        context["range"] = number
                        first_and_last = binding.tables.ranges[number, 2:]
                        context["first_range"], context["last_range"] = first_and_last
                        context["rate_factor"], context["decay"] = r.rate_factor, r.decay
                        self._run_segment(segment, observe)
                elif segment.kind == layout.ONCE:
                    self._run_segment(segment, observe)

    def _enter_tile(self, tile: int) -> None:
        context, program = self.context, self.program
        first = tile * program.tile_rows
        slot = tile % program.slots
        context["rows"] = min(program.tile_rows, self._rows - first)
        context["row"] = context["batch_row"] = first
        self._slot = slot
        context["accumulate"] = int(tile >= program.slots)
        base = self.binding.slots.ctypes.data + slot * program.slot_bytes
        self._regions[0, layout.SLOT] = base

    def _run_segment(self, segment: Segment, observe: Observer | None) -> None:
        for block in segment.blocks:
            for t in range(block.repeat):
                self.context["time"] = block.repeat - 1 - t if block.reverse else t
                for instruction in block.instructions:
                    self._call(instruction, block)
                    if observe is not None:
                        observe(instruction, self)
        self.context["time"] = 0

    def _call(self, instruction: Instruction, block: Block) -> None:
        function, place = self._calls[id(instruction)]
        before = self._snapshot() if self._guarded else {}
        function(self._operands + place, self._regions.ctypes.data, self._contexts.ctypes.data)
        if self._guarded:
            self._check(instruction, before)

    def _snapshot(self) -> dict[str, np.ndarray]:
        binding = self.binding
        return {
            "arena": binding.arenas[0].copy(),
            "parameters": binding.parameters.copy(),
            "gradients": binding.gradients.copy(),
            "slots": binding.slots.copy(),
            "shared": binding.shared.copy(),
            "state": np.zeros(0) if binding.state is None else binding.state.copy(),
        }

    def _check(self, instruction: Instruction, before: dict[str, np.ndarray]) -> None:
        """Raise if anything but the instruction's outputs changed."""
        binding = self.binding
        allowed = {b.region for b in instruction.writes}
        names = {
            "parameters": (layout.PARAMETERS, binding.parameters),
            "gradients": (layout.GRADIENTS, binding.gradients),
            "slots": (layout.SLOT, binding.slots),
            "shared": (layout.SHARED, binding.shared),
            "state": (layout.STATE, binding.state),
        }
        for name, (region, now) in names.items():
            if region in allowed or now is None:
                continue
            if not np.array_equal(now.view(np.uint8), before[name].view(np.uint8)):
                raise CanaryError(f"{instruction.kernel.name} changed the {name}")
        changed = np.flatnonzero(binding.arenas[0] != before["arena"])
        for buffer in instruction.writes:
            if buffer.region == layout.ARENA:
                size = self.value(buffer).nbytes
                stride = buffer.stride * int(self.context["time"])
                first = buffer.offset + stride
                changed = changed[(changed < first) | (changed >= first + size)]
        if changed.size:
            raise CanaryError(
                f"{instruction.kernel.name} wrote outside {', '.join(map(str, instruction.writes))}"
            )
