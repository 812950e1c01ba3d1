"""A recorded training run again: the state in front of any step, computed from a snapshot."""

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.augmentation import mixes
from chainrule.checks import whole
from chainrule.engine.executor import FOREVER, Executor
from chainrule.training.fingerprints import check_same, fingerprint
from chainrule.training.recording import Recording, Snapshot, checksum
from chainrule.training.scheduling import values_of, watches
from chainrule.training.task import checked, split

ROOM = 64e6  # bytes of states that are kept
FEWEST, MOST = 8, 512  # states that are kept, whatever their size


class Replay:
    """Computes the states of a recorded training again, bit for bit.

    Args:
        recording: what is known of the training.
        X, y: its data.
        sample_weight: as it was given.
        threads: as for the training; no bit depends on it.

    Attributes:
        task: what was trained on what.
        sources: the data that the program reads.
        program: of the training.

    Raises:
        ValueError: if the data are not those of the training.
    """

    def __init__(
        self, recording: Recording, X: Any, y: Any, sample_weight: Any = None,
        threads: int | None = None,
    ) -> None:  # fmt: skip
        self.recording, settings = recording, recording.settings
        network, regime = recording.network.copy(), settings.regime
        self.task = checked(
            network, X, y, sample_weight=sample_weight, class_weight=settings.class_weight,
            validation_data=None, validation_share=settings.validation_share, metric_names=(),
            seed=settings.seed, label_smoothing=settings.label_smoothing,
        )  # fmt: skip
        if mixes(regime.augment):
            self.task = replace(self.task, y=self.task.y.one_hot(network.outputs))
        check_same(recording.data, fingerprint(self.task))
        rows, share = self.task.rows, settings.validation_share
        every = X.shape[0] if hasattr(X, "shape") else len(X)
        self._kept = None if share is None else split(every, share, settings.seed)[0]
        self._batch_rows = whole("batch_rows", settings.batch_rows, 1, rows)
        self.batches = -(-rows // self._batch_rows)
        self.sources = self.task.sources(self.task.dtype)
        self.program = self.task.program(self.sources, self._batch_rows, settings.optimizer, regime)
        self._watching = watches(self.program)
        assert network.loss is not None
        self._parameters, self._state = (part.copy() for part in self._first())
        self._executor = Executor(
            self.program, self._parameters, self.sources, rows, self._batch_rows,
            state=self._state, seed=settings.seed,
            shuffled=settings.shuffle and self._batch_rows < rows, mean=network.loss.mean,
            threads=None if threads is None else whole("threads", threads),
            cursor=(recording.epoch, recording.step),
            values_at=self._values_now if self.program.schedules else None,
        )  # fmt: skip
        self._here: int | None = None  # steps after which the executor holds the state
        self._order: tuple[int, np.ndarray] | None = None  # of the rows of an epoch
        self._known: OrderedDict[int, Snapshot] = OrderedDict()
        size = max(self._parameters.nbytes + self._state.nbytes, 1)
        self._room = int(min(max(ROOM // size, FEWEST), MOST))
        self._check_arithmetic()

    def _first(self) -> Snapshot:
        return self.recording.snapshots[self.recording.step]

    def _check_arithmetic(self) -> None:
        """Tell if the first step has other bits here: another processor, or another BLAS."""
        recording = self.recording
        if not recording.steps or recording.check is None:
            return
        if checksum(self.after(recording.step + 1)[0]) != recording.check:
            warnings.warn(
                "this machine rounds otherwise than that of the training: what it computes again "
                "is close to what the training had, and not the same bits",
                stacklevel=4,
            )

    # ------------------------------------------------------------------ where a step stands

    def place(self, step: int) -> tuple[int, int]:
        """(epochs completed in front of a step, its batch): both count from 0."""
        epochs, batch = divmod(step - 1 - self.recording.step, self.batches)
        return self.recording.epoch + epochs, batch

    def rows(self, step: int) -> np.ndarray:
        """The numbers of the rows of a step's batch in X, in their order."""
        found = self.local_rows(step)
        return found if self._kept is None else self._kept[found]

    def local_rows(self, step: int) -> np.ndarray:
        """The same among the rows that are trained on."""
        epoch, batch = self.place(step)
        if self._order is None or self._order[0] != epoch:
            with self._executor as executor:
                self._here = None
                executor.go_to(epoch, batch, step - 1)
                self._order = epoch, executor.order()
        return self._order[1][batch * self._batch_rows : (batch + 1) * self._batch_rows].copy()

    def values(self, step: int) -> Mapping[str, float]:
        """The values of the scheduled hyperparameters at a step."""
        found = self._values(self.place(step)[0], step - 1, 1)
        return {name: float(values[0]) for name, values in found.items()}

    def _values_now(self, first: int, count: int) -> Mapping[str, np.ndarray]:
        return self._values(self._executor.epoch, first, count)

    def _values(self, epochs: int, first: int, count: int) -> Mapping[str, np.ndarray]:
        history = self.recording.history
        values_at = values_of(
            self.program, history.first(epochs) if self._watching else history, rows=self.task.rows,
            batch_rows=self._batch_rows, horizon=self.recording.settings.horizon,
        )  # fmt: skip
        return values_at(first, count) if values_at else {}

    # ------------------------------------------------------------------ the states

    def after(self, step: int) -> Snapshot:
        """Parameters and state of the optimizer after a step; not to be written into."""
        if (found := self._found(step)) is not None:
            return found
        base = max(k for k in (*self.recording.snapshots, *self._known) if k <= step)
        with self._executor:
            if self._here is None or not base <= self._here <= step:
                self._return_to(base)
            assert self._here is not None
            for stop in _stops(self._here, step):
                self._run(stop)
                self._keep(stop)
        self._keep(step)
        found = self._found(step)
        assert found is not None
        return found

    def losses(self) -> np.ndarray:
        """The losses of all steps, all of which are made again."""
        recording = self.recording
        found = np.empty(recording.steps)
        with self._executor as executor:
            self._return_to(recording.step)
            for k in range(recording.steps):
                self._run(recording.step + k + 1)
                found[k] = executor.batch_loss()
        return found

    def _found(self, step: int) -> Snapshot | None:
        if step in self._known:
            self._known.move_to_end(step)
            return self._known[step]
        return self.recording.snapshots.get(step)

    def _return_to(self, step: int) -> None:
        found = self._found(step)
        assert found is not None
        self._here = None
        self._parameters[:], self._state[:] = found
        self._executor.go_to(*self.place(step + 1), step)
        self._here = step

    def _run(self, step: int) -> None:
        executor = self._executor
        self._here = None  # until it is known how far it came
        while executor.step < step:
            executor.run(executor.epoch + 1 if self._watching else FOREVER, step)
            if self._watching:
                executor.reschedule()
        self._here = step

    def _keep(self, step: int) -> None:
        if step in self.recording.snapshots or step in self._known:
            return
        self._known[step] = self._parameters.copy(), self._state.copy()
        while len(self._known) > self._room:
            self._known.popitem(last=False)


def _stops(base: int, step: int) -> Iterator[int]:
    """Where to keep states on the way to a step: the closer to it, the denser.

    Whoever then goes backwards finds most of the way made already, and the rest short.
    """
    distance = 1
    while 2 * distance < step - base:
        distance *= 2
    while distance:
        if step - distance > base:
            yield step - distance
        distance //= 2
    if step > base:
        yield step
