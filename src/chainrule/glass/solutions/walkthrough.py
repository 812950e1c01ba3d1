"""The walkthrough: the worked solution of a step, from the instructions that ran."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.checks import whole
from chainrule.glass.notation import checked_notation, notation_of
from chainrule.glass.notation.base import DEFAULT_NOTATION
from chainrule.glass.problems.problem import MOST_ITERATIONS, Problem
from chainrule.glass.solutions.equating import Style
from chainrule.glass.solutions.solution import Solution
from chainrule.glass.traces import stepping
from chainrule.glass.traces.rounding import Rounding
from chainrule.glass.traces.trace import trace
from chainrule.glass.traces.traced import Trace
from chainrule.glass.writers import html, latex, markdown, pdf, plain
from chainrule.glass.writers.document import Document
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.storage.networks import write_whole
from chainrule.training.history import TrainingState

TITLE = "A worked solution"
#: What a walkthrough is written as, by the endings of files.
FORMATS = {
    ".txt": "text", ".md": "markdown", ".html": "html", ".tex": "latex", ".pdf": "pdf",
}  # fmt: skip


@dataclass(frozen=True)
class Walkthrough:
    """A worked solution; ``print`` shows it as text, notebooks as mathematics.

    Attributes:
        document: headings, sentences and equations.
        traces: one for each iteration: the numbers are theirs.
        notation: the name of the notation.
    """

    document: Document
    traces: tuple[Trace, ...]
    notation: str

    def text(self, width: int = 100) -> str:
        """Text for a terminal, matrices in two dimensions."""
        return plain.plain(self.document, width)

    def markdown(self) -> str:
        """Markdown with LaTeX between dollar signs."""
        return markdown.markdown(self.document)

    def html(self) -> str:
        """A page with MathML, which opens without a network and without scripts."""
        return html.html(self.document)

    def latex(self) -> str:
        """A LaTeX document that needs no more than amsmath."""
        return latex.latex(self.document)

    def pdf(self) -> bytes:
        """A PDF file, made by Typst.

        Raises:
            MissingExtraError: that names the extra, if Typst is not installed.
        """
        return pdf.pdf(self.document)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file in the form that its name ends in: .txt, .md, .html, .tex or .pdf.

        Raises:
            ValueError: for another ending.
            OSError: if it cannot be written.

        >>> import tempfile
        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(1)], loss="mse", inputs=2)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     cr.walkthrough(net, [0.5, 1.0], [1.0]).save(f"{directory}/solution.md").name
        'solution.md'
        """
        path = Path(path)
        if path.suffix.lower() not in FORMATS:
            raise ValueError(
                f"{path.name!r} ends in none of {', '.join(FORMATS)}, of which the form follows"
            )
        written = getattr(self, FORMATS[path.suffix.lower()])()
        write_whole(path, written if isinstance(written, bytes) else written.encode("utf-8"))
        return path

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return html.body(self.document)


def walkthrough(
    network: Network | Problem | Trace,
    x: Any = None,
    y: Any = None,
    *,
    optimizer: Optimizer | None = None,
    notation: str | None = None,
    form: str = Style.form,
    derive: bool = Style.derive,
    iterations: int | None = None,
    rounding: Rounding | Mapping[str, int] | None = None,
    fused: bool | None = None,
    decimals: int = Style.decimals,
    largest: int = Style.largest,
    title: str = "",
    **options: Any,
) -> Walkthrough:
    """The worked solution of one step or several: forward, loss, deltas, gradients, update.

    The numbers are those of :func:`~chainrule.trace`, the equations those of the instructions that
    ran, printed in the letters of the lecture texts.

    Args:
        network: its parameters are read as they are, and stay so; a fitted MLP of scikit-learn will
            do. Or a trace, such as one of a recorded step, or a problem: then nothing else of
            the step is given.
        x: (m, inputs), or (inputs,) for one example.
        y: targets as for the training; without them it ends with the outputs.
        optimizer: whose update is shown; without one it ends with the gradients.
        notation: ``"bracket"`` (001), ``"theta"`` (000) or ``"signal"`` (002); by default the
            problem's, or the first.
        form: ``"matrix"``, ``"scalar"`` (neuron by neuron), or ``"both"``.
        derive: whether each rule is derived before it is used.
        iterations: how many steps, one after the other, on the same rows; by default the
            problem's, or one. Without a state they are a training with ``batch_size=None`` of so
            many epochs, which schedules run over.
        rounding: which values are rounded before they are used, as on paper.
        fused: as for :func:`~chainrule.trace`.
        decimals: that are shown; they change nothing that is computed.
        largest: rows and columns of a matrix that is shown number by number; larger ones are shown
            by their shapes, and by a few of their neurons.
        title: of the document.
        options: further ones of :func:`~chainrule.trace`: ``state``, ``penalty``, ``clip``, ...

    Raises:
        ValueError: for anything that does not fit, before any work is done.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(1, "sigmoid", weights="zeros")],
    ...                  loss="binary_cross_entropy", inputs=2)
    >>> w = cr.walkthrough(net, [0.5, 1.0], [1.0], optimizer=cr.GradientDescent(0.1))
    >>> print(w)  # doctest: +ELLIPSIS
    A worked solution
    =================
    ...
    δ^[1] = A^[1] − y = 0.5 − 1 = −0.5
    ...
    """
    style = Style(form, derive, decimals, largest)
    if notation is not None:
        checked_notation(notation)
    if isinstance(network, Trace | Problem):
        given = [x, y, optimizer, rounding]
        if isinstance(network, Trace):
            given += [iterations, fused]
        if options or any(value is not None for value in given):
            kind = "a trace is a step" if isinstance(network, Trace) else "a problem has a step"
            raise ValueError(f"{kind} of its own: give no data, optimizer or the like with it")
    if isinstance(network, Trace):
        document, notation = Document(title or TITLE), notation or DEFAULT_NOTATION
        solve(network, notation, style, document)
        return Walkthrough(document, (network,), notation)
    if isinstance(network, Problem):
        title, notation = title or network.title, notation or network.notation
        iterations = network.iterations if iterations is None else iterations
        x, y, optimizer, rounding = network.x, network.y, network.optimizer, network.rounding
        network = network.network
    elif not isinstance(network, Network):
        network = Network.from_sklearn(network)
    steps = whole("iterations", 1 if iterations is None else iterations, 1, MOST_ITERATIONS)
    if steps > 1 and optimizer is None and options.get("state") is None:
        raise ValueError("several iterations need an optimizer, such as cr.GradientDescent(0.1)")
    document, notation = Document(title or TITLE), notation or DEFAULT_NOTATION
    state, first = options.pop("state", None), options.pop("step", None)
    first = whole("step", (state.step + 1 if state else 1) if first is None else first)
    if state is None and isinstance(optimizer, Optimizer):
        state = _beginning(network, optimizer, first, steps)
    current, traces = network.copy(), []
    for number in range(1, steps + 1):
        step = trace(
            current, x, y, optimizer=optimizer, rounding=rounding, fused=fused, state=state,
            step=first + number - 1, **options,
        )  # fmt: skip
        solve(step, notation, style, document, number if steps > 1 else 0)
        traces.append(step)
        if number < steps:
            assert state is not None
            current, state = _after(current, state, step)
    return Walkthrough(document, tuple(traces), notation)


def solve(
    step: Trace, notation: str, style: Style, document: Document, iteration: int = 0
) -> None:  # fmt: skip
    """Write a traced step into a document.

    Args:
        step: the step.
        notation: the name of the notation.
        style: how much is shown.
        document: what is written into.
        iteration: its number; 0 if there is but one. Later ones need no introduction.
    """
    solution = Solution(step, notation_of(notation, step), style, document)
    if iteration <= 1:
        solution.introduce()
    solution.work(iteration)


def _beginning(network: Network, optimizer: Optimizer, first: int, steps: int) -> TrainingState:
    """The state of a training by all its rows at once, in front of the first of its last steps."""
    memory = np.zeros(len(optimizer.states) * network.vector.size)
    return TrainingState(
        optimizer, memory, epoch=first - 1, step=first - 1, seed=network.seed,
        horizon=first - 1 + steps,
    )  # fmt: skip


def _after(network: Network, state: TrainingState, step: Trace) -> tuple[Network, TrainingState]:
    """The network and the optimizer's state after a traced step.

    What else the state tells stays as it is: how the training is cut into epochs follows from it.
    """
    found = network.copy()
    found.use_dtype("float64")
    found.vector[:], memory = stepping.after(step)
    return found, replace(state, vector=memory)
