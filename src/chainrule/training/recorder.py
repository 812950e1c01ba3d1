"""Recording a training while it runs: snapshots at regular distances, within a budget of memory."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.checks import real_number
from chainrule.engine.executor import FOREVER, Executor
from chainrule.network import Network
from chainrule.training.callbacks.files import check_writable
from chainrule.training.fingerprints import fingerprint
from chainrule.training.history import History
from chainrule.training.recording import Recording, Settings, Snapshot, checksum
from chainrule.training.recording import check_writable as check_registered
from chainrule.training.task import Task

MOST = 256  # snapshots: between two of them few steps are left to repeat
SHARE = 0.05  # of the time of a training, about, that may at first go into snapshots
# Rough guesses of what things cost, so that the distance does not depend on what else runs:
PAUSE, BYTES = 1e-4, 2e9  # seconds of a snapshot, and bytes a second that it copies
OVERHEAD, FLOPS = 2e-6, 2e10  # seconds of a step, and operations a second


@dataclass(frozen=True)
class Recorder:
    """How a training is recorded, so that any of its steps can be opened afterwards.

    Kept are the weights and the state of the optimizer at the beginning and at steps a regular
    distance apart. Whenever these would outgrow the budget the distance is doubled. All other
    steps are computed again, bit for bit, by :func:`chainrule.open_recording`.

    Args:
        path: of the file, which appears whole at the end of the training, whatever ended it. None
            keeps the recording in ``result.recording`` alone.
        megabytes: the most that all snapshots may take, a million bytes each; the beginning is
            kept in any case. The more, the less there is to compute again.

    Raises:
        ValueError: for anything else.

    >>> import chainrule as cr, numpy as np
    >>> X = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> net = cr.Network([cr.Dense(4, "tanh"), cr.Dense(1)], "mse", inputs=1)
    >>> result = cr.train(net, X, X**2, epochs=50, batch_size=5, record=cr.Recorder(megabytes=1))
    >>> len(result.recording)
    200
    """

    path: str | os.PathLike[str] | None = None
    megabytes: float = 16.0

    def __post_init__(self) -> None:
        if self.path is not None and not isinstance(self.path, str | os.PathLike):
            raise ValueError(f"path of Recorder must be a path, not {self.path!r}")
        if not real_number(self.megabytes) or self.megabytes <= 0:
            raise ValueError(
                f"megabytes of Recorder must be a positive number, not {self.megabytes!r}"
            )

    def check(self, network: Network, settings: Settings) -> None:
        """Refuse what could not be written in the end.

        Raises:
            ValueError: naming it.
        """
        if self.path is not None:
            check_registered(network, settings)
            check_writable("record", Path(self.path).parent)
            if Path(self.path).is_dir():
                raise ValueError(f"record: {self.path} is a folder, and a recording is a file")

    def write(self, recording: Recording) -> None:
        """Write the file, if there is to be one; a warning says if that fails."""
        if self.path is None:
            return
        try:
            recording.save(self.path)
        except OSError as error:  # the training is not lost for it
            warnings.warn(f"the recording could not be written: {error}", stacklevel=3)


def recorder_for(record: Any) -> Recorder | None:
    """What the argument ``record`` of a training stands for.

    Raises:
        ValueError: if it stands for nothing.
    """
    if record is None or record is False:
        return None
    if record is True:
        return Recorder()
    if isinstance(record, str | os.PathLike):
        return Recorder(record)
    if isinstance(record, Recorder):
        return record
    raise ValueError(f"record must be True, a path or such as cr.Recorder('run'), not {record!r}")


class Tape:
    """Takes the snapshots of one training between its steps.

    Args:
        recorder: how.
        executor: of the training; its cursor stands in front of the first step.
        task: what is trained on what.
        settings: what else the steps depend on.
        watching: whether callbacks are called between epochs, which might change the weights.
    """

    def __init__(
        self, recorder: Recorder, executor: Executor, task: Task, settings: Settings,
        watching: bool,
    ) -> None:  # fmt: skip
        self._recorder, self._executor, self._watching = recorder, executor, watching
        self._recording = Recording(
            task.network.copy(), settings, fingerprint(task), executor.epoch, executor.step
        )
        self._take()
        size = max(self._recording.nbytes, 1)
        self._most = max(1, min(MOST, int(recorder.megabytes * 1e6) // size))
        self._distance = _first_distance(executor.program.parameters, settings.batch_rows, size)
        self._last = self._copies()
        self._ended: int | None = None

    def run(self, epoch: int) -> None:
        """Run the training until ``epoch`` epochs are completed."""
        executor = self._executor
        if self._watching and self._ended is None:
            self._check_unchanged()
        while executor.epoch < epoch:
            executor.run(epoch, self._next())
            self._look()
        if self._watching and self._ended is None:
            self._last = self._copies()

    def finish(self, history: History) -> Recording:
        """The recording of all steps that were completed; written to its file."""
        recording, last = self._recording, self._executor.step
        if self._ended is not None:
            last = min(last, self._ended)
        # After an overflow the training went back to an earlier step.
        recording.snapshots = {k: v for k, v in recording.snapshots.items() if k <= last}
        recording.steps = last - recording.step
        recording.history = history.copy()
        self._recorder.write(recording)
        return recording

    def _vectors(self) -> Snapshot:
        binding = self._executor.binding
        assert binding.state is not None
        return binding.parameters, binding.state

    def _copies(self) -> Snapshot:
        parameters, state = self._vectors()
        return parameters.copy(), state.copy()

    def _next(self) -> int:
        """The step after which there is something to keep."""
        due = self._due()
        return due if self._recording.check else min(due, self._recording.step + 1)

    def _due(self) -> int:
        """The step after which the next snapshot is due."""
        if self._ended is not None:
            return FOREVER
        return next(reversed(self._recording.snapshots)) + self._distance

    def _look(self) -> None:
        """Keep what is to be kept after this step, if anything."""
        recording, step = self._recording, self._executor.step
        if step == recording.step + 1:
            recording.check = checksum(self._vectors()[0])
        if step == self._due():
            self._take()
            self._thin()

    def _take(self) -> None:
        self._recording.snapshots[self._executor.step] = self._copies()

    def _thin(self) -> None:
        """Double the distance while there are too many."""
        first, kept = self._recording.step, self._recording.snapshots
        while len(kept) > self._most:
            self._distance *= 2
            kept = {k: v for k, v in kept.items() if (k - first) % self._distance == 0}
        self._recording.snapshots = kept

    def _check_unchanged(self) -> None:
        """End the recording where a callback changed what no step did."""
        same = all(
            np.array_equal(one.view(np.uint8), other.view(np.uint8))
            for one, other in zip(self._last, self._vectors(), strict=True)
        )
        if not same:
            self._ended = self._executor.step
            warnings.warn(
                f"a callback changed weights after step {self._ended}: the recording ends there",
                stacklevel=4,
            )


def _first_distance(parameters: int, batch_rows: int, size: int) -> int:
    """Steps between two snapshots of so many bytes, a power of two."""
    step = OVERHEAD + 6 * parameters * batch_rows / FLOPS
    distance = 1
    while distance * step * SHARE < PAUSE + size / BYTES:
        distance *= 2
    return distance
