"""What all writers decide alike: whether an equation stands on one line."""

from chainrule.equations.boxes import Box, Mark, Row, row
from chainrule.equations.text import text
from chainrule.glass.writers.document import Equations

LONGEST = 58  # characters, as text: wider ones do not fit a printed page
BREAKS = "+−⊙"  # in front of which a line may be broken


def in_one_line(block: Equations) -> bool:
    """Whether all steps of an equation fit beside each other."""
    return width_of(whole(block)) <= LONGEST


def width_of(box: Box) -> int:
    """How many characters wide a box is as text."""
    return max(map(len, text(box).splitlines()))


def lines_of(block: Equations, longest: int) -> list[tuple[str, Box]]:
    """The steps of an equation a line each, with its sign; a long sum or product on several.

    The lines that go on with a step have no sign.
    """
    lines = []
    for sign, step in block.steps:
        first, *rest = _broken(step, longest)
        lines += [(sign, first), *(("", part) for part in rest)]
    return lines


def _broken(box: Box, longest: int) -> list[Box]:
    """A row in parts that fit, each but the first with the sign in front that it is broken at."""
    if not isinstance(box, Row) or width_of(box) <= longest:
        return [box]
    parts: list[list[Box]] = [[]]
    for part in box.parts:
        if isinstance(part, Mark) and part.text in BREAKS and parts[-1]:
            parts.append([])
        parts[-1].append(part)
    lines: list[list[Box]] = [parts[0]]
    for more in parts[1:]:
        if width_of(row(*lines[-1], *more)) <= longest:
            lines[-1] += more
        else:
            lines.append(more)
    return [row(*line) for line in lines]


def whole(block: Equations) -> Box:
    """All steps beside each other."""
    parts: list[Box | str] = [block.left]
    for sign, step in block.steps:
        parts += [sign, step]
    return row(*parts)
