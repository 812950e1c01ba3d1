"""How many arithmetic operations a program makes, counted from its equations and its shapes."""

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from chainrule.engine import layout
from chainrule.engine.program import Buffer, Instruction
from chainrule.equations import Equation, Expression
from chainrule.layers import Dense
from chainrule.network import Network

Shape = tuple[int, ...]

#: Operations that only say which elements are meant.
FREE = {
    "transpose", "rows", "column", "pick", "onehot", "repeated", "spread", "first_half",
    "second_half", "beside", "embedded", "unembedded",
}  # fmt: skip
#: Operations that go over the outputs or the rows of their argument: one for each of its elements.
OVER: dict[str, Callable[[Shape], Shape]] = {
    "sum_outputs": lambda s: s[:-1],
    "sum_outputs_column": lambda s: (*s[:-1], 1),
    "max_outputs_column": lambda s: (*s[:-1], 1),
    "sum_rows": lambda s: s[1:],
}


def operations(
    instruction: Instruction, rows: int, slots: int = 1, length: int | None = None
) -> tuple[int, int]:
    """Count the operations of one call of an instruction.

    A product of (m, k) and (k, n) counts 2mnk; each other operation one for each element of its
    result, and a sum one for each element that is added. What an equation holds twice is computed
    once.

    Args:
        instruction: of a program.
        rows: of the tile.
        slots: gradient slots in use.
        length: elements of the range of a flat vector; by default all.

    Returns:
        The operations of matrix products, and the elementwise ones.
    """
    shapes = shapes_of(instruction, rows, slots, length)
    counter = _Counter(shapes)
    for equation in instruction.kernel.equations:
        counter.shape_of(cast(Equation, equation).value)
    return counter.matrix, counter.elementwise


def shapes_of(
    instruction: Instruction, rows: int, slots: int = 1, length: int | None = None
) -> dict[str, Shape]:
    """The shapes of an instruction's operands as its equations see them; see :func:`operations`.

    A source has the shape of the value that its rows go to; a hyperparameter has none.
    """
    kernel = instruction.kernel
    found: dict[str, Shape] = {}
    if length is None:
        flat = (instruction.operands[n] for n, k in kernel.operands.items() if k == "range")
        length = next((b.shape[0] for b in flat if isinstance(b, Buffer)), None)
    for name, operand in instruction.operands.items():
        if not isinstance(operand, Buffer) or operand.role == "scalar":
            found[name] = ()
        elif operand.role != "source":
            found[name] = _shape(kernel.operands[name], operand, rows, slots, length)
    first, last = (instruction.operands.get(name) for name in ("first", "last"))
    if isinstance(first, int) and isinstance(last, int):  # some columns alone
        found = {n: (s[0], last - first) if len(s) == 2 else s for n, s in found.items()}
    target = next((shape for shape in found.values() if shape), ())
    return {name: found.get(name, target) for name in instruction.operands}


def _shape(kind: str, buffer: Buffer, rows: int, slots: int, length: int | None) -> Shape:
    known = {layout.TILE_ROWS: rows, layout.USED_SLOTS: slots}
    shape = tuple(known.get(n, n) for n in buffer.shape)
    if kind == "sums":  # the first of the two sums of each slot
        return (shape[0], 1) if len(shape) == 2 else (1,)
    if kind == "slots":
        return (slots, shape[1] if length is None else length)  # slots are padded
    if kind == "range":
        return shape if length is None else (length,)
    return shape


class _Counter:
    """Shapes of expressions, inferred from those of symbols; counts operations on the way."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes
        self._seen: dict[Any, Shape] = {}
        self.matrix = self.elementwise = 0

    def shape_of(self, tree: Expression) -> Shape:
        key = _key(tree)
        if key not in self._seen:
            self._seen[key] = self._count(tree)
        return self._seen[key]

    def _count(self, tree: Expression) -> Shape:
        operation = tree.operation
        if operation == "symbol":
            return self._shapes.get(tree.arguments[0], ())
        if operation == "number":
            return ()
        shapes = [self.shape_of(argument) for argument in tree.arguments]
        first = shapes[0]
        if operation in FREE:
            return _selected(operation, shapes)
        if operation == "matmul":
            (m, k), (_, n) = shapes
            self.matrix += 2 * m * k * n
            return m, n
        if operation in OVER:
            self.elementwise += math.prod(first)
            return OVER[operation](first)
        if operation == "code_sums":  # an addition for each element of the vectors that were met
            vectors = shapes[3]
            self.elementwise += first[0] * vectors[1]
            return vectors
        if operation == "logsumexp":  # largest, difference, exp, sum; logarithm and sum of a row
            self.elementwise += 4 * math.prod(first) + 2 * first[0]
            return first[:-1]
        shape = _broadcast(shapes)
        self.elementwise += math.prod(shape)
        return shape


def _key(tree: Expression) -> Any:
    """The same for equal trees."""
    arguments = (_key(a) if isinstance(a, Expression) else a for a in tree.arguments)
    return tree.operation, *arguments


def _selected(operation: str, shapes: list[Shape]) -> Shape:
    first = shapes[0]
    if operation == "transpose":
        return first[::-1]
    if operation == "column":
        return *first, 1
    if operation == "embedded":
        return first[0], first[1] - 1 + shapes[1][1]
    if operation in ("onehot", "repeated", "spread"):
        return shapes[1]
    if operation in ("first_half", "second_half"):
        return *first[:-1], first[-1] // 2
    if operation == "beside":
        return *first[:-1], first[-1] + shapes[1][-1]
    return first[:1] if operation == "pick" else first


def _broadcast(shapes: list[Shape]) -> Shape:
    """The common shape as NumPy finds it."""
    width = max(len(shape) for shape in shapes)
    padded = [(1,) * (width - len(shape)) + shape for shape in shapes]
    return tuple(max(lengths) for lengths in zip(*padded, strict=True))


def bytes_moved(
    instruction: Instruction, rows: int, slots: int, itemsize: int, length: int | None = None
) -> int:
    """Bytes of the operands that one call reads, and of those that it writes.

    Args:
        instruction, rows, slots, length: as for :func:`operations`.
        itemsize: bytes of a real.
    """
    shapes = shapes_of(instruction, rows, slots, length)
    read = frozenset().union(*(e.names for e in instruction.kernel.equations))
    total = 0
    for names in (read, instruction.kernel.outputs):
        for name in names:
            operand = instruction.operands.get(name)
            if isinstance(operand, Buffer) and operand.role != "scalar":
                if operand.role == "source":  # taken to be of the type that it is read as
                    operand = instruction.writes[0]
                size = itemsize if operand.kind == "real" else 8
                total += math.prod(shapes[name]) * size
    return total


def matrix_operations_of(network: Network, rows: int) -> int:
    """The matrix products of a training step, from the layers' sizes alone.

    2mnk for each of a·W, aᵀ·delta and delta·Wᵀ, the last not for the first layer, whose inputs
    need no gradient.

    Args:
        network: of dense layers.
        rows: of the batch.
    """
    total, columns, learned = 0, network.inputs, False
    for layer in network.layers:
        outputs = layer.outputs(columns)
        if isinstance(layer, Dense):
            total += 2 * rows * columns * outputs * (3 if learned else 2)
            learned = True
        columns = outputs
    return total
