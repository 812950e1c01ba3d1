"""What turns a program and memory into the integers that compiled code walks over."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.engine import layout
from chainrule.engine.blas import gemm_address
from chainrule.engine.dtypes import ALIGNMENT, REALS
from chainrule.engine.products import product_address
from chainrule.engine.program import Buffer, Program
from chainrule.engine.sources import describe

SCHEDULED_STEPS = 1024  # for which values of scheduled hyperparameters are computed at a time


def aligned_zeros(size: int) -> np.ndarray:
    """Zeroed bytes that start on a cache line."""
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


class Binding:
    """The memory of one run: region tables for each worker, and the program's tables.

    Holds references to everything whose address it hands out.

    Raises:
        ValueError: if a vector that will be written is read-only or not what the program takes.
    """

    def __init__(
        self,
        program: Program,
        parameters: np.ndarray,
        sources: Mapping[str, Any],
        state: np.ndarray | None,
        scalars: Mapping[str, float],
        workers: int,
        arena_fill: int | None = None,
    ) -> None:
        self.program = program
        written = bool(program.ranges)
        self.parameters = _checked(
            parameters, program.parameters, program.dtype, "parameters", written
        )
        size = program.parameters * program.states
        self.state = (
            None if state is None else _checked(state, size, program.dtype, "state", written)
        )
        self.gradients = np.zeros(program.parameters, REALS[program.dtype])
        self.slots = aligned_zeros(program.slots * program.slot_bytes)
        self.arenas = [aligned_zeros(program.arena + ALIGNMENT) for _ in range(workers)]
        if arena_fill is not None:
            for arena in self.arenas:
                arena.fill(arena_fill)
        self.shared = aligned_zeros(program.shared)
        row = [scalars.get(name, value) for name, value in program.scalars.items()]
        # A row for each step of a table, where schedules change them; else one.
        self.scalars = np.tile(
            np.array(row, np.float64), (SCHEDULED_STEPS if program.schedules else 1, 1)
        )
        described = [describe(sources[name]) for name in program.sources]
        self._alive = [array for _, arrays in described for array in arrays]
        self.descriptors = (
            np.concatenate([d for d, _ in described]) if described else np.zeros(0, np.int64)
        )
        self.tables = program.tables
        self.regions = np.array([self._region_table(arena) for arena in self.arenas], np.int64)

    def _region_table(self, arena: np.ndarray) -> list[int]:
        table = [0] * layout.REGIONS
        table[layout.PARAMETERS] = self.parameters.ctypes.data
        table[layout.STATE] = 0 if self.state is None else self.state.ctypes.data
        table[layout.GRADIENTS] = self.gradients.ctypes.data
        table[layout.SLOT] = table[layout.SLOTS] = self.slots.ctypes.data
        table[layout.ARENA] = arena.ctypes.data
        table[layout.SCALARS] = self.scalars.ctypes.data
        table[layout.SOURCES] = self.descriptors.ctypes.data
        table[layout.SHARED] = self.shared.ctypes.data
        return table

    def read(self, buffer: Buffer, rows: int, worker: int = 0) -> np.ndarray:
        """A scratch buffer of a worker as it is now: (rows, columns), a view."""
        size = rows * buffer.columns * self.program.itemsize
        raw = self.arenas[worker][buffer.offset : buffer.offset + size]
        return raw.view(REALS[self.program.dtype]).reshape(rows, buffer.columns)


def contexts_for(program: Program, workers: int, seed: int, order: int) -> np.ndarray:
    """A context for each worker, with what does not change during a run."""
    contexts = np.zeros(workers, layout.CONTEXT)
    contexts["seed"], contexts["order"] = seed, order
    contexts["gemm"] = gemm_address(program.dtype)
    contexts["product"] = product_address(program.dtype)
    contexts["worker"] = np.arange(workers)
    contexts["rate_factor"] = 1
    return contexts


def _checked(vector: np.ndarray, size: int, dtype: str, name: str, written: bool) -> np.ndarray:
    if vector.dtype != REALS[dtype] or vector.shape != (size,) or not vector.flags.c_contiguous:
        raise ValueError(
            f"{name} must be a contiguous {dtype} vector of {size} elements, "
            f"not {vector.dtype} {vector.shape}"
        )
    if written and not vector.flags.writeable:
        raise ValueError(f"{name} are read-only")
    return vector
