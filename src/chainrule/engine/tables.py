"""The integers of a program that compiled code walks over: the same for every run of it."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainrule.engine import layout

if TYPE_CHECKING:
    from chainrule.engine.program import Operand, Program


class Tables(NamedTuple):
    """A program as integers; nobody writes into them.

    Attributes:
        segments: kind, first block and one past the last.
        blocks: first instruction, one past the last, repetitions, whether time runs backwards.
        instructions: the kernel's address, and the place of its operand records in bytes.
        operands: the operand records, see :mod:`chainrule.engine.layout`.
        ranges: start, stop, first and last range of the same parameter.
        factors: rate factor and decay of each range.
    """

    segments: np.ndarray
    blocks: np.ndarray
    instructions: np.ndarray
    operands: np.ndarray
    ranges: np.ndarray
    factors: np.ndarray


def tables_of(program: "Program") -> Tables:
    """The tables of a planned program; its kernels are compiled now if need be."""
    segments: list[tuple[int, ...]] = []
    blocks: list[tuple[int, ...]] = []
    instructions: list[tuple[int, ...]] = []
    operands: list[tuple[int, ...]] = []
    for segment in program.segments:
        first = len(blocks)
        for block in segment.blocks:
            start = len(instructions)
            for i in block.instructions:
                place = 8 * layout.OPERAND_WORDS * len(operands)
                instructions.append((i.kernel.address(program.dtype), place))
                operands += [record(operand) for operand in i.operands.values()]
            blocks.append((start, len(instructions), block.repeat, int(block.reverse)))
        segments.append((segment.kind, first, len(blocks)))
    last = {r.group: number + 1 for number, r in enumerate(program.ranges)}
    first_of = {r.group: number for number, r in reversed(list(enumerate(program.ranges)))}
    ranges = [(r.start, r.stop, first_of[r.group], last[r.group]) for r in program.ranges]
    factors = [(r.rate_factor, r.decay) for r in program.ranges]
    return Tables(
        np.array(segments, np.int64).reshape(-1, 3),
        np.array(blocks, np.int64).reshape(-1, 4),
        np.array(instructions, np.int64).reshape(-1, 2),
        np.array(operands, np.int64).reshape(-1, layout.OPERAND_WORDS),
        np.array(ranges, np.int64).reshape(-1, 4),
        np.array(factors, np.float64).reshape(-1, 2),
    )


def record(operand: "Operand") -> tuple[int, ...]:
    """The operand record of a buffer or of an integer."""
    if isinstance(operand, int):
        return (0, operand, 0, 0, 0)
    if operand.offset < 0:
        raise ValueError(f"the buffer {operand.name!r} has no place: plan the program first")
    return (operand.region, operand.offset, operand.stride, operand.shape[0], operand.columns)
