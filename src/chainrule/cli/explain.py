"""``chainrule explain``: a step as a worked solution, and where a number comes from."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.checks import printable
from chainrule.cli.complaints import as_json, complain
from chainrule.cli.places import check_file_place
from chainrule.tables.errors import TableError, quoted

if TYPE_CHECKING:
    from chainrule.glass.solutions.walkthrough import Walkthrough

PDF = b"%PDF"  # as each begins

EPILOG = """
Examples:

chainrule explain problem.toml --derive

chainrule explain problem.toml --notation theta --format pdf

chainrule explain runs/penguins-1 --row 7 --out row-7.html

chainrule explain runs/penguins-1 --step 120

chainrule explain problem.toml --why "dW1[0,1]" --influence "W1[0,0]"

chainrule explain net.safetensors --inputs "0.5, 1.0" --target 1 --rate 0.1
"""


def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_OR_PROBLEM",
            help="A problem's .toml, the directory of a run, a model's file, a network's "
            ".safetensors, or a .skops of scikit-learn's MLPClassifier or MLPRegressor.",
            show_default=False,
        ),
    ],
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="The table that a row is from; by default the one that the run was fitted to.",
            show_default=False,
        ),
    ] = None,
    row: Annotated[
        int | None,
        typer.Option(help="Of a table's model: the row, counted from 1.", show_default=False),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(
            help="Of a run that was fitted with --record: the step of its training, counted from "
            "1; with --row that row as the network was before the step.",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(help='Of a network: its inputs, such as "0.5, 1.0".', show_default=False),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="Of a network: the target, a number or several.", show_default=False),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Of a network: show the update by gradient descent with this learning rate.",
            show_default=False,
        ),
    ] = None,
    network: Annotated[
        int | None,
        typer.Option(
            help="Of an ensemble: which network; by default the first.", show_default=False
        ),
    ] = None,
    notation: Annotated[
        str | None,
        typer.Option(
            help="bracket, theta or signal; by default the problem's, or bracket.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(help="matrix, scalar or both; by default matrix.", show_default=False),
    ] = None,
    derive: Annotated[bool, typer.Option("--derive", help="Derive each rule before its use.")] = (
        False
    ),
    iterations: Annotated[
        int | None, typer.Option(help="How many steps; by default the problem's, or 1.",
                                 show_default=False),
    ] = None,
    decimals: Annotated[
        int | None,
        typer.Option(help="Decimals that are shown; by default 6.", show_default=False),
    ] = None,
    largest: Annotated[
        int | None,
        typer.Option(
            help="Rows and columns of a matrix that is shown number by number; by default 6.",
            show_default=False,
        ),
    ] = None,
    why: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help='Instead, where a number comes from, such as "dW2[3,1]"; can be '
            "given several times.", show_default=False,
        ),
    ] = None,
    influence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help='Instead, what changes with a weight or input, such as "W1[0,0]".',
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format", help="text, markdown, html, latex or pdf; by default as --out ends, or "
            "text.", show_default=False,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Where to write; by default standard output, and for a "
                     "PDF a file of the model's name in this directory.", show_default=False),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print every number of the step as JSON instead.")
    ] = False,
) -> None:  # fmt: skip
    """Show a step as a worked solution: forward, loss, backpropagation, update.

    The equations are those of the instructions that ran, with their numbers,
    in the notation of the lecture texts.
    """
    options: dict[str, Any] = {
        "notation": notation, "form": form, "derive": derive or None, "decimals": decimals,
        "largest": largest,
    }  # fmt: skip
    style = {name: value for name, value in options.items() if value is not None}
    others = {"--json": json, "--why": why, "--influence": influence}
    instead = [name for name, given in others.items() if given]
    if instead:
        _check_alone(instead, [*style, *(["format"] if format is not None else [])])
    shown = "json" if json else "text"
    form_of_file = shown if instead else _format(format, out)
    place = _place(out, form_of_file, what)
    if place is not None:
        check_file_place(place, *filter(None, (what, file)), *_read_of(what))
    try:
        found = _found(
            what, file, style, iterations,
            row=row, step=step, inputs=inputs, target=target, rate=rate, network=network,
        )  # fmt: skip
        if json:
            traces = [trace.to_dict() for trace in found.traces]
            content: str | bytes = as_json(traces[0] if len(traces) == 1 else traces)
        elif instead:
            content = _answers(found, why or (), influence or ())
        else:
            content = getattr(found, form_of_file)()
        _write(content, form_of_file, place)
    except KeyError as error:
        raise typer.Exit(complain(str(error.args[0]))) from None
    except OSError as error:
        if error.filename is None:
            raise
        words = f"{quoted(what, 80)} cannot be read: {error.strerror or error}"
        raise typer.Exit(complain(words)) from None
    except ValueError as error:
        if isinstance(error, TableError):
            raise
        raise typer.Exit(complain(str(error))) from None


def _read_of(what: str) -> list[str]:
    """What is read of a run beside its model: its table and its recording."""
    if not os.path.isdir(what):
        return []
    from chainrule.tables.runs import table_of_run
    from chainrule.tables.writing import RECORDING

    found = [os.path.join(what, RECORDING)]
    with contextlib.suppress(TableError):
        found.append(table_of_run(what))
    return found


def _check_alone(instead: list[str], others: list[str]) -> None:
    """What is shown in place of a solution takes nothing of how one is shown."""
    first, *more = instead
    if first == "--json" and more:
        raise TableError(f"--json prints the whole step, and {more[0]} a part: give one of them")
    if others:
        raise TableError(f"--{others[0]} is for a worked solution, and not for {first}")


def _answers(found: "Walkthrough", why: Iterable[str], influence: Iterable[str]) -> str:
    from chainrule.glass.notation import notation_of

    step = found.traces[0]
    notation = notation_of(found.notation, step)
    answers = []
    for name in why:
        answer = step.why(name)
        letters = notation.letters_of(name)
        said = f"{answer.name} is {letters} in the {notation.name} notation"
        answers.append(f"{said}\n{answer.tree()}")
    return "\n\n".join([*answers, *(str(step.influence(name)) for name in influence)])


def _format(given: str | None, out: str | None) -> str:
    from chainrule.glass.solutions.walkthrough import FORMATS

    if given is not None:
        known = list(FORMATS.values())
        if given not in known:
            raise TableError(f"unknown format {quoted(given)}; there are {', '.join(known)}")
        return given
    if out is None:
        return "text"
    ending = Path(out).suffix.lower()
    if ending not in FORMATS:
        raise TableError(
            f"{quoted(out, 80)} ends in none of {', '.join(FORMATS)}: say the --format"
        )
    return FORMATS[ending]


def _place(out: str | None, form: str, what: str) -> str | None:
    """Where to write; None for standard output, which no PDF goes to."""
    if out is not None or form != "pdf":
        return out
    place = f"{Path(os.path.abspath(what)).stem}.pdf"
    if os.path.isfile(place) and not _begins(place, PDF):
        raise TableError(f"{quoted(place, 80)} is there already and is no PDF: say where by --out")
    return place


def _begins(place: str, signature: bytes) -> bool:
    try:
        with open(place, "rb") as file:
            return file.read(len(signature)) == signature
    except OSError:
        return False


def _found(
    what: str, file: str | None, style: dict[str, Any], iterations: int | None, **options: Any
) -> "Walkthrough":
    """The walkthrough of what was named, whatever it is."""
    from chainrule.export.loading import kind_of

    if not os.path.exists(what):
        raise TableError(f"there is no file {quoted(what, 80)}")
    kind = kind_of(what)
    allowed = {
        "problem": (), "network": ("inputs", "target", "rate"),
        "sklearn": ("inputs", "target", "rate"), "model": ("row", "step", "network"),
    }[kind]  # fmt: skip
    for name, value in options.items():
        if value is not None and name not in allowed:
            raise TableError(f"--{name} is not for {NAMES[kind]}: {USES[name]}")
    if file is not None and kind != "model":
        raise TableError(f"{NAMES[kind]} takes no table beside it")
    if kind == "model" and iterations is not None:
        raise TableError("--iterations is not for a table's model: --step looks into its training")
    if kind == "problem":
        return _problem(what, style, iterations)
    if kind == "model":
        return _model(what, file, style, options["row"], options["step"], options["network"])
    return _network(what, style, iterations, options)


NAMES = {
    "problem": "a problem", "network": "a network", "sklearn": "a network of scikit-learn",
    "model": "a table's model",
}  # fmt: skip
USES = {
    "row": "it is that of a table", "step": "it is one of a recorded training",
    "network": "it is one of an ensemble", "inputs": "they are those of a network",
    "target": "it is that of a network", "rate": "it is for the update of a network",
}  # fmt: skip


def _problem(what: str, style: dict[str, Any], iterations: int | None) -> "Walkthrough":
    from chainrule.glass.problems.files import read_problem
    from chainrule.glass.solutions.walkthrough import walkthrough

    problem = read_problem(what)
    title = problem.title or Path(what).name
    return walkthrough(problem, title=title, iterations=iterations, **style)


def _model(
    what: str, file: str | None, style: dict[str, Any], row: int | None, step: int | None,
    network: int | None,
) -> "Walkthrough":  # fmt: skip
    from chainrule.tables.files import load_model
    from chainrule.tables.runs import explain_step, table_of_run

    if step is not None and network is not None:
        raise TableError("--network is not for a step: a recorded training is of a single network")
    model = load_model(what)
    if step is not None:
        if file is not None and row is None:
            raise TableError("a step is one of the run's own table: give no other")
        return explain_step(what, model, step, row, file, **style)
    if row is None:
        raise TableError("say which --row of the table, or which --step of the training")
    chosen = 1 if network is None else network
    return model.explain(file or table_of_run(what), row, network=chosen, **style)


def _network(
    what: str, style: dict[str, Any], iterations: int | None, options: dict[str, Any]
) -> "Walkthrough":
    from chainrule.export.loading import load_any
    from chainrule.glass.solutions.walkthrough import walkthrough
    from chainrule.network import Network
    from chainrule.optimizers import GradientDescent

    network = load_any(what)
    assert isinstance(network, Network)
    if options["inputs"] is None:
        raise TableError('say the --inputs of the network, such as "0.5, 1.0"')
    target, rate = options["target"], options["rate"]
    return walkthrough(
        network, _numbers("--inputs", options["inputs"]),
        None if target is None else _targets(network, target),
        optimizer=None if rate is None else GradientDescent(rate), iterations=iterations,
        title=Path(what).name, **style,
    )  # fmt: skip


def _numbers(option: str, words: str) -> list[float]:
    try:
        return [float(word) for word in words.replace(";", ",").split(",")]
    except ValueError:
        such = '"0.5, 1.0"'
        raise TableError(f"{option} must be numbers such as {such}, not {quoted(words)}") from None


def _targets(network: Any, words: str) -> list[Any]:
    """One example's target: a label, a number, or a row of them."""
    found = _numbers("--target", words)
    label = len(found) == 1 and network.outputs > 1 and found[0].is_integer()
    if label:
        return [int(found[0])]
    return found if network.outputs == 1 else [found]


def _write(content: str | bytes, form: str, place: str | None) -> None:
    from chainrule.storage.networks import write_whole

    if place is None:
        typer.echo(_shown(str(content)) if form == "text" else content)
        return
    if isinstance(content, str) and not content.endswith("\n"):
        content += "\n"
    try:
        write_whole(Path(place), content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise TableError(f"{quoted(place, 80)} cannot be written: {error.strerror}") from None
    typer.echo(f"written to {printable(place)}", err=True)


def _shown(text: str) -> str:
    """Text for a terminal, which what a file holds does not steer."""
    return "\n".join(printable(line) for line in text.splitlines())
