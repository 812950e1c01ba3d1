"""Recordings of trainings: what is needed to compute any step of one again."""

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import optimizers
from chainrule.checks import real_number, whole
from chainrule.checks import seed as checked_seed
from chainrule.engine.dtypes import REALS
from chainrule.lowering import Regime
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.storage import checkpoints
from chainrule.storage.checkpoints import RECORDINGS, Content, check_vector
from chainrule.training import regime_data
from chainrule.training.fingerprints import Fingerprint
from chainrule.training.history import History

HISTORY, STEPS = "history/", "snapshots/steps"
PARAMETERS, STATES = "snapshots/parameters", "snapshots/states"

MOST = 2**53  # epochs, steps and rows: what JSON holds in any program

#: Parameters and state of the optimizer after a step.
Snapshot = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Settings:
    """What the steps of a training depend on, beside the network and the data.

    Attributes:
        optimizer: its specification.
        regime: penalties, clipping, constraints, frozen parameters, augmentation.
        batch_rows: rows of a batch.
        seed: of shuffles and masks, and of the rows that were held out.
        shuffle: whether each epoch had an order of its own.
        class_weight: as the training was given it.
        label_smoothing: likewise.
        validation_share: likewise.
        horizon: epochs that the schedules run over.
    """

    optimizer: Optimizer
    regime: Regime
    batch_rows: int
    seed: int
    shuffle: bool
    class_weight: Any = None
    label_smoothing: float = 0.0
    validation_share: float | None = None
    horizon: int = 1


@dataclass
class Recording:
    """A training as it was recorded: its arguments, and its weights at some of the steps.

    :func:`chainrule.open_recording` opens it, with the data, at any step.

    Attributes:
        network: with the parameters that the training began with, in the dtype of the training.
        settings: what else the steps depend on.
        data: fingerprints of the data, which are not recorded.
        epoch: epochs that were completed when it began.
        step: updates that were made when it began.
        steps: how many it holds.
        history: the figures of the epochs, those before included.
        snapshots: parameters and state after some of the steps, by their numbers.
        check: :func:`checksum` of the parameters after the first step, which tells whether another
            machine computes the same bits.
    """

    network: Network
    settings: Settings
    data: Fingerprint
    epoch: int
    step: int
    steps: int = 0
    history: History = field(default_factory=History)
    snapshots: dict[int, Snapshot] = field(default_factory=dict, repr=False)
    check: str | None = None

    def __len__(self) -> int:
        return self.steps

    def __bool__(self) -> bool:
        return True

    @property
    def nbytes(self) -> int:
        """Bytes of all snapshots."""
        return sum(part.nbytes for pair in self.snapshots.values() for part in pair)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, which appears whole or not at all.

        Raises:
            OSError: if it cannot be written.
            ValueError: if it could not be read again.
        """
        checkpoints.write(Path(path), self._content(), RECORDINGS)

    def _content(self) -> Content:
        arrays = {HISTORY + name: np.array(v, np.float64) for name, v in self.history.items()}
        arrays[STEPS] = np.array(list(self.snapshots), np.int64)
        arrays[PARAMETERS] = np.stack([pair[0] for pair in self.snapshots.values()])
        arrays[STATES] = np.stack([pair[1] for pair in self.snapshots.values()])
        plain = {
            "settings": plain_settings(self.settings), "data": self.data, "epoch": self.epoch,
            "step": self.step, "steps": self.steps, "history": list(self.history),
            "check": self.check,
        }  # fmt: skip
        return Content(self.network, plain, arrays)


def checksum(parameters: np.ndarray) -> str:
    """CRC-32 of the bits of a vector."""
    return f"{zlib.crc32(parameters.view(np.uint8).data):08x}"


def check_writable(network: Network, settings: Settings) -> None:
    """Refuse what no file could hold.

    Raises:
        ValueError: naming what is in no registry.
    """
    checkpoints.check_registered(network, settings.optimizer)
    plain_settings(settings)


def read(path: str | os.PathLike[str]) -> Recording:
    """Read a recording.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no recording, damaged, or written by a newer version.
    """
    content = checkpoints.read(path, RECORDINGS)
    try:
        return _recording(content)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} holds no readable recording of a training: {error}") from None


def plain_settings(settings: Settings) -> dict[str, Any]:
    """As JSON can hold them.

    Raises:
        ValueError: for what it cannot.
    """
    weights = settings.class_weight
    if hasattr(weights, "items"):  # keys of JSON are texts
        weights = [[_number(key), _number(value)] for key, value in weights.items()]
    return {
        "optimizer": settings.optimizer.to_dict(), "regime": regime_data.to_dict(settings.regime),
        "batch_rows": settings.batch_rows, "seed": settings.seed, "shuffle": settings.shuffle,
        "class_weight": weights, "label_smoothing": _number(settings.label_smoothing),
        "validation_share": _number(settings.validation_share), "horizon": settings.horizon,
    }  # fmt: skip


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _settings(plain: Mapping[str, Any], network: Network) -> Settings:
    weights, share = plain["class_weight"], plain["validation_share"]
    if isinstance(weights, list):
        weights = dict(weights)
    elif weights is not None and not isinstance(weights, str):
        raise ValueError(f"class_weight is {weights!r}")
    if isinstance(weights, dict) and not all(map(real_number, weights.values())):
        raise ValueError(f"class_weight is {weights!r}")
    smoothing = plain["label_smoothing"]
    if not real_number(smoothing) or not 0 <= smoothing < 1:
        raise ValueError(f"label_smoothing is {smoothing!r}")
    if not isinstance(plain["shuffle"], bool):
        raise ValueError(f"shuffle is {plain['shuffle']!r}")
    if share is not None and not real_number(share):
        raise ValueError(f"validation_share is {share!r}")
    return Settings(
        optimizer=optimizers.from_dict(plain["optimizer"]),
        regime=regime_data.from_dict(plain["regime"], network),
        batch_rows=whole("batch_rows", plain["batch_rows"], 1, MOST),
        seed=checked_seed(plain["seed"]), shuffle=plain["shuffle"], class_weight=weights,
        label_smoothing=smoothing, validation_share=share,
        horizon=whole("horizon", plain["horizon"], 0, MOST),
    )  # fmt: skip


def _recording(content: Content) -> Recording:
    plain, arrays, network = content.plain, content.arrays, content.network
    settings = _settings(plain["settings"], network)
    columns = {
        name: check_vector(f"the history of {name}", arrays[HISTORY + name], "float64").tolist()
        for name in plain["history"]
    }
    if len({len(values) for values in columns.values()}) > 1:
        raise ValueError("the columns of its history have several lengths")
    first, steps = (whole(name, plain[name], 0, MOST) for name in ("step", "steps"))
    numbers, parameters, states = arrays[STEPS], arrays[PARAMETERS], arrays[STATES]
    if numbers.ndim != 1 or numbers.dtype != np.int64:
        raise ValueError("the numbers of its steps are no whole numbers")
    size = network.vector.size
    shapes = (numbers.size, size), (numbers.size, size * len(settings.optimizer.states))
    if (parameters.shape, states.shape) != shapes:
        raise ValueError("its snapshots are not of the size of the network")
    if {parameters.dtype, states.dtype} != {np.dtype(REALS[network.dtype])}:
        raise ValueError("its snapshots are not of the type of the network")
    known = [int(number) for number in numbers]
    if known[:1] != [first] or known != sorted(set(known)) or known[-1] > first + steps:
        raise ValueError("its snapshots are not of its steps")
    check = plain["check"]
    if check is not None and not isinstance(check, str):
        raise ValueError(f"its checksum is {check!r}")
    data = {name: _known(name, plain["data"][name]) for name in ("X", "y", "sample_weight")}
    return Recording(
        network, settings, data, whole("epoch", plain["epoch"], 0, MOST), first, steps,
        History(columns), dict(zip(known, zip(parameters, states, strict=True), strict=True)),
        check,
    )  # fmt: skip


def _known(name: str, plain: Any) -> dict[str, Any] | None:
    """A fingerprint: of weights there need be none."""
    if plain is None and name == "sample_weight":
        return None
    if not isinstance(plain, dict) or set(plain) != {"rows", "dtype", "digest"}:
        raise ValueError(f"what it knows of {name} is no fingerprint")
    whole(f"the rows of {name}", plain["rows"], 1, MOST)
    if not all(isinstance(plain[key], str) for key in ("dtype", "digest")):
        raise ValueError(f"what it knows of {name} is no fingerprint")
    return plain
