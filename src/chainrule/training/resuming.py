"""Checkpoints of a training: written from its state, and read to go on from bit for bit."""

import contextlib
import os
import re
import typing
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import optimizers
from chainrule.checks import real_number, whole
from chainrule.network import Network
from chainrule.storage import checkpoints
from chainrule.storage.checkpoints import Content, check_vector
from chainrule.training.history import History, TrainingState

NAME = re.compile(r"checkpoint-(\d{8,})\.safetensors")
HISTORY, CALLBACKS, VECTOR = "history/", "callbacks/", "optimizer/vector"
OWN_FORM = ("optimizer", "vector", "history", "callbacks")  # all other fields are plain


@dataclass(frozen=True)
class SavedTraining:
    """A training as a checkpoint holds it.

    Attributes:
        network: with the parameters of then.
        state: to go on from, with ``train(saved.network, X, y, state=saved.state, ...)``.
        path: of the file.
    """

    network: Network
    state: TrainingState
    path: Path

    @property
    def history(self) -> History:
        """The figures of the epochs up to there."""
        return self.state.history

    @property
    def callbacks(self) -> Mapping[str, Mapping[str, Any]]:
        """What the callbacks remembered, by their names."""
        return self.state.callbacks


def file_name(epoch: int) -> str:
    """The name of the checkpoint of an epoch."""
    return f"checkpoint-{epoch:08d}.safetensors"


def in_folder(folder: Path) -> list[Path]:
    """The files of a folder that have the name of a checkpoint, in the order of their writing.

    Not by their epochs alone: a training that went back to an earlier one leaves later ones of
    another course until it comes to them.
    """
    found = []
    for path in folder.iterdir():
        if match := NAME.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError):  # removed in between
                found.append((path.stat().st_mtime_ns, int(match[1]), path))
    return [path for *_, path in sorted(found)]


def save_checkpoint(path: Path, network: Network, state: TrainingState) -> None:
    """Write a checkpoint, which appears whole or not at all.

    Raises:
        OSError: if it cannot be written.
        ValueError: if it could not be read again.
    """
    plain = {f.name: getattr(state, f.name) for f in fields(state) if f.name not in OWN_FORM}
    arrays = {VECTOR: state.vector}
    for column, values in state.history.items():
        arrays[HISTORY + column] = np.array(values, np.float64)
    remembered: dict[str, dict[str, Any]] = {}
    for name, memory in state.callbacks.items():
        remembered[name] = {}
        for key, value in memory.items():
            if isinstance(value, np.ndarray):
                arrays[f"{CALLBACKS}{name}/{key}"] = value
            else:
                remembered[name][key] = value
    described = {
        "state": plain, "optimizer": state.optimizer.to_dict(), "history": list(state.history),
        "callbacks": remembered,
    }  # fmt: skip
    checkpoints.write(path, Content(network, described, arrays))


def load_checkpoint(path: str | os.PathLike[str]) -> SavedTraining:
    """Read a checkpoint, to go on from it bit for bit.

    Args:
        path: of a file that :class:`chainrule.Checkpoint` wrote.

    Returns:
        ``network``, ``state``, ``history`` and the memory of the ``callbacks``. The data and the
        arguments of the training are not in the file, and are given again; ``state`` tells
        ``shuffle`` and ``batch_size``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no checkpoint, written by a newer version, or damaged.

    >>> import chainrule as cr, numpy as np, tempfile
    >>> X = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> net = cr.Network([cr.Dense(4, "tanh"), cr.Dense(1)], "mse", inputs=1, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = cr.train(net, X, X**2, epochs=3, callbacks=[cr.Checkpoint(folder)])
    ...     saved = cr.load_checkpoint(f"{folder}/checkpoint-00000002.safetensors")
    >>> again = cr.train(saved.network, X, X**2, epochs=1, state=saved.state)
    >>> bool((saved.network.vector == net.vector).all())
    True
    >>> again.history["loss"] == result.history["loss"]
    True
    """
    content = checkpoints.read(path)
    try:
        state = _state(content)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} holds no readable state of a training: {error}") from None
    return SavedTraining(content.network, state, Path(path))


def latest_checkpoint(folder: str | os.PathLike[str]) -> SavedTraining | None:
    """The newest checkpoint of a folder that can be read; None if there is none.

    Each newer file that cannot be read is reported by a warning. A training that may be killed at
    any moment is then::

        saved = cr.latest_checkpoint("run")
        network = saved.network if saved else cr.Network(...)
        state = saved.state if saved else None
        cr.train(network, X, y, epochs=100 - (state.epoch if state else 0), state=state,
                 callbacks=[cr.EarlyStopping(), cr.Checkpoint("run")])

    Args:
        folder: of a :class:`chainrule.Checkpoint`; it need not be there yet.

    >>> import chainrule as cr, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(cr.latest_checkpoint(folder))
    None
    """
    folder = Path(folder)
    if not folder.is_dir():
        return None
    for path in reversed(in_folder(folder)):
        try:
            return load_checkpoint(path)
        except FileNotFoundError:
            continue  # removed by a training that runs
        except (ValueError, OSError) as error:
            warnings.warn(f"this checkpoint is left out: {error}", stacklevel=2)
    return None


def _state(content: Content) -> TrainingState:
    plain, arrays = content.plain, dict(content.arrays)
    vector = check_vector("the state of the optimizer", arrays.pop(VECTOR), content.network.dtype)
    columns = {
        name: check_vector(f"the history of {name}", arrays.pop(HISTORY + name), "float64").tolist()
        for name in plain["history"]
    }
    if len({len(values) for values in columns.values()}) > 1:
        raise ValueError("the columns of its history have several lengths")
    callbacks: dict[str, Any] = {name: dict(memory) for name, memory in plain["callbacks"].items()}
    for place, array in arrays.items():
        name, _, key = place.removeprefix(CALLBACKS).rpartition("/")
        if not place.startswith(CALLBACKS):
            raise ValueError(f"nothing is known of the array {place!r}")
        callbacks[name][key] = array
    return TrainingState(
        optimizer=optimizers.from_dict(plain["optimizer"]), vector=vector, history=History(columns),
        callbacks=callbacks, **dict(_plain_fields(plain["state"])),
    )  # fmt: skip


def _plain_fields(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The plain fields of a state by name; one that an older file lacks keeps its default."""
    types = typing.get_type_hints(TrainingState)
    known = {f.name: f for f in fields(TrainingState) if f.name not in OWN_FORM}
    if unknown := set(values) - set(known):
        raise ValueError(f"nothing is known of {', '.join(sorted(unknown))}")
    for name, field in known.items():
        if name in values:
            yield name, _of_type(name, values[name], types[name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{name} is missing")


def _of_type(name: str, value: Any, annotation: Any) -> Any:
    """A plain value of the type that the state declares; whole numbers are never negative."""
    allowed = typing.get_args(annotation) or (annotation,)
    if value is None and type(None) in allowed:
        return None
    if isinstance(value, bool) and bool in allowed:
        return value
    if int in allowed and float not in allowed:
        return whole(name, value, 0)
    if float in allowed and real_number(value):
        return value
    origins = tuple(typing.get_origin(each) or each for each in allowed)
    if isinstance(value, bool | int | float) or not isinstance(value, origins):
        raise ValueError(f"{name} is {value!r}")
    return value
