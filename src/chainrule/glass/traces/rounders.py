"""What rounds the values of a step as soon as they are written."""

import math
from collections.abc import Callable

from chainrule.engine.builder import gradient_name
from chainrule.engine.program import Instruction, Program
from chainrule.engine.stepper import Stepper
from chainrule.glass.traces.rounding import Rounding
from chainrule.network import Network

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


def places_of(network: Network, program: Program, rounding: Rounding) -> dict[str, int]:
    """To how many decimals a policy rounds each value that a program computes, by path.

    Raises:
        ValueError: for a name of nothing that the program computes.
    """
    computed = {b.name for i in program.instructions for b in i.writes if b.role == "value"}
    for vector in flat_names(program):
        computed |= set(parts_of(network, program, vector))
    places: dict[str, int] = {}
    for name, decimals in rounding.decimals.items():
        head, dot, rest = name.partition(".")
        path = network.path(head) + dot + rest
        found = {n for n in computed if n == path or n.endswith(f".{path}")}
        if not found:
            raise ValueError(f"rounding names {name!r}, which this step does not compute")
        # A value by its own name counts for more than all of its quantity.
        places |= {n: decimals for n in found if n == path or n not in places}
    return places


def rounder(network: Network, program: Program, rounding: Rounding) -> Change:
    """What rounds each value of a policy as soon as it is written, for ``stepping.run_step``.

    Raises:
        ValueError: for a name of nothing that the program computes.
    """
    flat, places = flat_names(program), places_of(network, program, rounding)

    def change(instruction: Instruction, running: Stepper) -> None:
        for buffer in instruction.writes:
            value = running.value(buffer)
            if buffer.role == "value" and buffer.name in places:
                value[...] = rounding.rounded(value, places[buffer.name])
            elif buffer.name in flat:
                first, last = int(running.context["start"]), int(running.context["stop"])
                for name, part in parts_of(network, program, buffer.name).items():
                    if name in places:
                        now = slice(max(part.start, first), min(part.stop, last))
                        value[now] = rounding.rounded(value[now], places[name])

    return change
