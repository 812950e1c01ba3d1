"""``chainrule explain``: a step as a worked solution, and where a number comes from."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.cli.complaints import as_json, complain, printable
from chainrule.cli.places import check_file_place
from chainrule.tables.errors import TableError, quoted

if TYPE_CHECKING:
    from chainrule.glass.walkthrough import Walkthrough

FORMATS = {"text": ".txt", "markdown": ".md", "html": ".html", "latex": ".tex", "pdf": ".pdf"}

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
    network: Annotated[int, typer.Option(help="Of an ensemble: which network.")] = 1,
    notation: Annotated[
        str | None,
        typer.Option(
            help="bracket, theta or signal; by default the problem's, or bracket.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, typer.Option(help="matrix, scalar or both.")] = "matrix",
    derive: Annotated[bool, typer.Option("--derive", help="Derive each rule before its use.")] = (
        False
    ),
    iterations: Annotated[
        int | None, typer.Option(help="How many steps; by default the problem's, or 1.",
                                 show_default=False),
    ] = None,
    decimals: Annotated[int, typer.Option(help="Decimals that are shown.")] = 6,
    largest: Annotated[
        int, typer.Option(help="Rows and columns of a matrix that is shown number by number.")
    ] = 6,
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
                     "PDF a file beside it.", show_default=False),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print every number of the step as JSON instead.")
    ] = False,
) -> None:  # fmt: skip
    """Show a step as a worked solution: forward, loss, backpropagation, update.

    The equations are those of the instructions that ran, with their numbers,
    in the notation of the lecture texts.
    """
    form_of_file = _format(format, out)
    place = _place(out, form_of_file, what)
    if place is not None:
        check_file_place(place, *filter(None, (what, file)))
    style = {"form": form, "derive": derive, "decimals": decimals, "largest": largest}
    try:
        found = _found(
            what, file, style | {"notation": notation}, iterations,
            row=row, step=step, inputs=inputs, target=target, rate=rate, network=network,
        )  # fmt: skip
        if why or influence:
            answers = [str(found.traces[0].why(name).tree()) for name in why or ()]
            answers += [str(found.traces[0].influence(name)) for name in influence or ()]
            typer.echo("\n\n".join(_shown(answer) for answer in answers))
            return
        if json:
            traces = [trace.to_dict() for trace in found.traces]
            typer.echo(as_json(traces[0] if len(traces) == 1 else traces))
            return
        _write(found, form_of_file, place)
    except KeyError as error:
        raise typer.Exit(complain(str(error.args[0]))) from None
    except ValueError as error:
        if isinstance(error, TableError):
            raise
        raise typer.Exit(complain(str(error))) from None


def _format(given: str | None, out: str | None) -> str:
    if given is not None:
        if given not in FORMATS:
            raise TableError(f"unknown format {quoted(given)}; there are {', '.join(FORMATS)}")
        return given
    if out is None:
        return "text"
    ending = Path(out).suffix.lower()
    for name, known in FORMATS.items():
        if ending == known:
            return name
    raise TableError(
        f"{quoted(out, 80)} ends in none of {', '.join(FORMATS.values())}: say the --format"
    )


def _place(out: str | None, form: str, what: str) -> str | None:
    """Where to write; None for standard output, which no PDF goes to."""
    if out is None and form == "pdf":
        return f"{Path(os.path.normpath(what)).stem}.pdf"
    return out


def _found(
    what: str, file: str | None, style: dict[str, Any], iterations: int | None, **options: Any
) -> "Walkthrough":
    """The walkthrough of what was named, whatever it is."""
    kind = _kind(what)
    allowed = {
        "problem": (), "network": ("inputs", "target", "rate"),
        "sklearn": ("inputs", "target", "rate"), "model": ("row", "step", "network"),
    }[kind]  # fmt: skip
    for name, value in options.items():
        if value is not None and name not in allowed and (name, value) != ("network", 1):
            raise TableError(f"--{name} is not for {NAMES[kind]}: {USES[name]}")
    if file is not None and kind != "model":
        raise TableError(f"{NAMES[kind]} takes no table beside it")
    if kind == "model" and iterations is not None:
        raise TableError("--iterations is not for a table's model: --step looks into its training")
    if kind == "problem":
        return _problem(what, style, iterations)
    if kind == "model":
        return _model(what, file, style, options["row"], options["step"], options["network"])
    return _network(what, kind, style, iterations or 1, options)


NAMES = {
    "problem": "a problem", "network": "a network", "sklearn": "a network of scikit-learn",
    "model": "a table's model",
}  # fmt: skip
USES = {
    "row": "it is that of a table", "step": "it is one of a recorded training",
    "network": "it is one of an ensemble", "inputs": "they are those of a network",
    "target": "it is that of a network", "rate": "it is for the update of a network",
}  # fmt: skip


def _kind(what: str) -> str:
    if not os.path.exists(what):
        raise TableError(f"there is no file {quoted(what, 80)}")
    if os.path.isdir(what):
        return "model"
    kinds = {".toml": "problem", ".safetensors": "network", ".skops": "sklearn"}
    return kinds.get(Path(what).suffix.lower(), "model")


def _problem(what: str, style: dict[str, Any], iterations: int | None) -> "Walkthrough":
    from chainrule.glass.problem_files import read_problem
    from chainrule.glass.walkthrough import walkthrough

    problem = read_problem(what)
    title = problem.title or Path(what).name
    return walkthrough(problem, title=title, iterations=iterations, **style)


def _model(
    what: str, file: str | None, style: dict[str, Any], row: int | None, step: int | None,
    network: int,
) -> "Walkthrough":  # fmt: skip
    from chainrule.tables.files import load_model
    from chainrule.tables.runs import explain_step, table_of_run

    style["notation"] = style["notation"] or "bracket"
    model = load_model(what)
    if step is not None:
        if file is not None and row is None:
            raise TableError("a step is one of the run's own table: give no other")
        return explain_step(what, model, step, row, file, style)
    if row is None:
        raise TableError("say which --row of the table, or which --step of the training")
    return model.explain(file or table_of_run(what), row, network=network, **style)


def _network(
    what: str, kind: str, style: dict[str, Any], iterations: int, options: dict[str, Any]
) -> "Walkthrough":
    from chainrule.glass.walkthrough import walkthrough
    from chainrule.optimizers import GradientDescent

    network = _loaded(what, kind)
    if options["inputs"] is None:
        raise TableError('say the --inputs of the network, such as "0.5, 1.0"')
    style["notation"] = style["notation"] or "bracket"
    target, rate = options["target"], options["rate"]
    return walkthrough(
        network, _numbers("--inputs", options["inputs"]),
        None if target is None else _targets(network, target),
        optimizer=None if rate is None else GradientDescent(rate), iterations=iterations,
        title=Path(what).name, **style,
    )  # fmt: skip


def _loaded(what: str, kind: str) -> Any:
    from chainrule.network import Network
    from chainrule.storage.networks import load

    try:
        if kind == "network":
            return load(what)
        import skops.io

        foreign = skops.io.get_untrusted_types(file=what)
        if foreign:
            raise TableError(f"{quoted(what, 80)} holds more than a network: {foreign[0]}")
        return Network.from_sklearn(skops.io.load(what))
    except OSError as error:
        raise TableError(f"{quoted(what, 80)} cannot be read: {error.strerror or error}") from None


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


def _write(found: "Walkthrough", form: str, place: str | None) -> None:
    from chainrule.storage.networks import write_whole

    content = getattr(found, form)()
    if place is None:
        typer.echo(_shown(content) if form == "text" else content)
        return
    try:
        write_whole(Path(place), content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise TableError(f"{quoted(place, 80)} cannot be written: {error.strerror}") from None
    typer.echo(f"written to {printable(place)}", err=True)


def _shown(text: str) -> str:
    """Text for a terminal, which what a file holds does not steer."""
    return "\n".join(printable(line) for line in text.splitlines())
