"""The directory of a run, looked into again: its table, and the steps of its training."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.checks import whole
from chainrule.glass.notation import checked_notation
from chainrule.glass.notation.base import DEFAULT_NOTATION
from chainrule.glass.solutions.equating import Style
from chainrule.glass.solutions.walkthrough import Walkthrough, solve
from chainrule.glass.traces.time_travel import RecordedRun, open_recording
from chainrule.glass.writers.document import Document
from chainrule.tables.configuration import NAME, Configuration, read_configuration
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.explaining import explain
from chainrule.tables.fitting import examples_of
from chainrule.tables.learning import divided
from chainrule.tables.model import TableModel
from chainrule.tables.planning import make_plan
from chainrule.tables.sources import table_of
from chainrule.tables.writing import RECORDING
from chainrule.training.recording import read


def table_of_run(directory: str | os.PathLike[str]) -> str:
    """The path of the table that a run was fitted to.

    Raises:
        TableError: if it was none in a file, or this is no run.
    """
    return _asked(directory).file


def _asked(directory: str | os.PathLike[str]) -> Configuration:
    if not Path(directory).is_dir():
        raise TableError(f"{quoted(directory, 80)} is no run's directory: give the table, too")
    asked = Configuration.of(read_configuration(Path(directory) / NAME))
    if not asked.file or asked.file == "-":
        raise TableError(f"the run {quoted(directory, 80)} was fitted to no file: give the table")
    return asked


def recorded_run(directory: str | os.PathLike[str], model: TableModel) -> RecordedRun:
    """The recorded training of a run, which can be opened at any of its steps.

    Raises:
        TableError: if it was not recorded, or its table is another one now.
    """
    recording = Path(directory) / RECORDING
    if not recording.is_file():
        raise TableError(f"{quoted(directory, 80)} holds no recording: fit with --record")
    asked = _asked(directory)
    table = table_of(asked.file)
    plan = make_plan(table, asked.target, asked.options, whole=asked.test is not None)
    rows = examples_of(plan, model.preprocessing, model.goal).some(plan.train)
    learned, _ = divided(asked.options, model.goal.task, rows)
    try:
        found = read(recording)
    except ValueError as error:
        raise TableError(str(error)) from None
    try:
        return open_recording(found, learned.X, learned.y)
    except ValueError as error:
        name = quoted(asked.file, 80)
        raise TableError(f"{name} and the recording do not belong together: {error}") from None


def explain_step(
    directory: str | os.PathLike[str], model: TableModel, step: int, row: int | None = None,
    table: Any = None, notation: str = DEFAULT_NOTATION, **style: Any,
) -> Walkthrough:  # fmt: skip
    """A step of a run's training as a worked solution, or a row as the network was before it.

    Args:
        directory: of the run.
        model: its model.
        step: the number of the update, from 1.
        row: of the table, from 1; None for the batch of the step.
        table: that the row is from; by default the run's own.
        notation: as for a walkthrough.
        style: likewise ``form``, ``derive``, ``decimals``, ``largest``.

    Raises:
        TableError: for a step or a row that is not there, or what cannot be shown so.
    """
    try:
        checked_notation(notation)
        chosen = Style(**style)
    except ValueError as error:
        raise TableError(str(error)) from None
    run = recorded_run(directory, model)
    try:
        step = whole("step", step, run.first, run.last)
    except ValueError:
        raise TableError(f"step must be from {run.first} to {run.last}, not {step!r}") from None
    if row is not None:
        before: np.ndarray = run.network(step - 1).vector
        read = table_of_run(directory) if table is None else table
        found = explain(model, read, row, notation=notation, parameters=before, **style)
        title = f"{found.document.title}, before step {step}"
        return Walkthrough(Document(title, found.document.blocks), found.traces, found.notation)
    trace = run.at(step)
    trace.input_names = model.preprocessing.input_names()
    document = Document(f"Step {step} of {run.last}, in epoch {trace.epoch}")
    solve(trace, notation, chosen, document)
    return Walkthrough(document, (trace,), notation)
