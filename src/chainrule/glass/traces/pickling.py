"""Programs without their code, so that they can be pickled."""

import importlib
from dataclasses import replace
from typing import Any

from chainrule.engine.kernel import EquationLike, Kernel
from chainrule.engine.program import Block, Instruction, Program


class _Named:
    """Stands for a kernel in a pickle, from which it comes back as a kernel.

    One that a module holds by its name is that one again. Of another, such as one made for a type
    of data, what it computes is kept, and not how: it cannot run.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def __reduce__(self) -> tuple[Any, ...]:
        kernel, body = self._kernel, self._kernel.body
        place = ("", "") if body is None else (body.__module__, body.__name__)
        return _kernel, (place, kernel.name, kernel.equations, kernel.operands, kernel.outputs)


def _kernel(
    place: tuple[str, str], name: str, equations: tuple[EquationLike, ...],
    operands: dict[str, str], outputs: tuple[str, ...],
) -> Kernel:  # fmt: skip
    module, attribute = place
    found = getattr(importlib.import_module(module), attribute, None) if module else None
    if isinstance(found, Kernel) and found.name == name:
        return found
    kernel = Kernel.__new__(Kernel)
    kernel.__dict__.update(
        body=None, name=name, equations=equations, operands=operands, outputs=outputs, replaced={},
        fastmath=set(), _addresses={},
    )  # fmt: skip
    return kernel


def portable(program: Program, known: dict[int, Instruction]) -> Program:
    """The program as a pickle can hold it.

    Args:
        program: with its kernels.
        known: will hold the instructions that stand for the program's own, by their ids.
    """

    def instruction_of(i: Instruction) -> Instruction:
        kernel: Any = _Named(i.kernel)
        return known.setdefault(id(i), Instruction(kernel, i.operands, i.phase))

    return replace(
        program,
        segments=tuple(
            replace(s, blocks=tuple(
                Block(tuple(map(instruction_of, b.instructions)), b.repeat, b.reverse)
                for b in s.blocks
            ))
            for s in program.segments
        ),
    )  # fmt: skip
