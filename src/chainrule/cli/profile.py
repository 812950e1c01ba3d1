"""``chainrule profile``: what a training step costs, an instruction a line."""

import math
import os
import re
from typing import TYPE_CHECKING, Annotated

import typer

from chainrule.cli.complaints import as_json, complain

if TYPE_CHECKING:
    from chainrule.glass.health.profile import Profile
    from chainrule.network import Network

EPILOG = """
Examples:

chainrule profile 784-100-10 --batch-size 200

chainrule profile 20-64-64-1 --loss mse --activation tanh --optimizer adamw

chainrule profile runs/penguins-1/network.safetensors --json
"""

PIPE_WIDTH = 120  # columns where no terminal says how wide it is
SHORTEST = 12  # characters of an equation
FULL_BAR = 6  # characters of a bar for the most expensive instruction


def profile(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="Layer sizes such as 784-100-10, inputs first, or a saved network's .safetensors.",
            show_default=False,
        ),
    ],
    batch_size: Annotated[int, typer.Option(help="Rows of a batch.")] = 32,
    activation: Annotated[
        str | None,
        typer.Option(help="That of the hidden layers; by default relu.", show_default=False),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            help="By default binary_cross_entropy for one output, else cross_entropy. "
            "The outputs are those that suit it.",
            show_default=False,
        ),
    ] = None,
    optimizer: Annotated[str, typer.Option(help="Such as adam or gradient_descent.")] = "adam",
    dtype: Annotated[
        str | None,
        typer.Option(
            help="float32 or float64; by default the saved network's, or float32.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Measure a training step, instruction by instruction, on random data.

    Times are those of one thread, with what an instruction reads in the cache.
    """
    from chainrule.glass.health.profile import profile as measure

    try:
        found = measure(_network(network, activation, loss, dtype), batch_size, optimizer=optimizer)
    except ValueError as error:
        raise typer.Exit(complain(str(error))) from None
    if json:
        typer.echo(as_json(found.to_dict()))
    else:
        _show(found)


def _network(what: str, activation: str | None, loss: str | None, dtype: str | None) -> "Network":
    if re.fullmatch(r"[0-9]+(-[0-9]+)+", what):
        sizes = [int(size) for size in what.split("-")]
        return _of_sizes(sizes, activation or "relu", loss, dtype)
    if os.path.isdir(what):
        within = os.path.join(what, "network.safetensors")
        rest = f": its network is {within!r}" if os.path.isfile(within) else ", not a file"
        raise ValueError(f"{what!r} is a directory{rest}")
    if not what.endswith(".safetensors"):
        raise ValueError(
            f"NETWORK must be layer sizes such as 784-100-10 or a file *.safetensors, not {what!r}"
        )
    if activation or loss:
        raise ValueError("--activation and --loss are for layer sizes: a saved network has its own")
    from chainrule.storage.networks import load

    try:
        network = load(what)
    except FileNotFoundError:
        raise ValueError(f"there is no file {what!r}") from None
    except OSError as error:
        raise ValueError(f"{what!r} cannot be read: {error.strerror or error}") from None
    if dtype is not None:
        network.use_dtype(dtype)
    return network


def _of_sizes(sizes: list[int], activation: str, loss: str | None, dtype: str | None) -> "Network":
    from chainrule.layers import Dense
    from chainrule.losses import find
    from chainrule.network import Network

    inputs, *hidden, outputs = sizes
    entry = find(loss or ("binary_cross_entropy" if outputs == 1 else "cross_entropy"))
    last = next(iter(entry.natural), "linear")
    layers = [*(Dense(units, activation) for units in hidden), Dense(outputs, last)]
    return Network(layers, loss=entry, inputs=inputs, dtype=dtype)


def brief(number: float) -> str:
    """A count with three significant digits.

    >>> brief(512), brief(1_056_768), brief(82_176)
    ('512', '1.06M', '82.2k')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            value = number / size
            return f"{value:.{max(0, 2 - int(math.log10(value)))}f}{unit}"
    return f"{number:g}"


def _show(found: "Profile") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from chainrule.glass.health.profile import shortened

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PIPE_WIDTH)
    most = max(row.seconds for row in found.rows)
    cells = []
    for row in found.rows:
        bar = "━" * round(FULL_BAR * row.seconds / most)
        share = f"{row.seconds / found.total_seconds:5.1%} {bar:{FULL_BAR}}"
        limit = f"{found.share_of_limit(row):.0%}" if row.matrix_operations else ""
        cells.append((row.phase, f"{row.seconds * 1e6:.2f}", share, brief(row.operations), limit,
                      brief(row.bytes)))  # fmt: skip
    total = ("total", f"{found.total_seconds * 1e6:.2f}", "", brief(found.operations), "",
             brief(found.bytes))  # fmt: skip
    names = ("phase", "µs", "share", "operations", "of limit", "bytes")
    taken = sum(max(map(len, column)) + 2 for column in zip(names, total, *cells, strict=True))
    room = max(console.width - taken, SHORTEST)
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False,
        show_footer=True,
    )  # fmt: skip
    table.add_column(names[0], total[0], no_wrap=True)
    table.add_column("computes", no_wrap=True)
    for name, foot in zip(names[1:], total[1:], strict=True):
        bars = name == "share"
        table.add_column(name, foot, justify="left" if bars else "right",
                         style="cyan" if bars else "", no_wrap=True)  # fmt: skip
    for row, (phase, *figures) in zip(found.rows, cells, strict=True):
        table.add_row(phase, Text(shortened(row.equation, room)), *figures)
    console.print(table)
    console.print(found.summary(), markup=False, soft_wrap=True)
