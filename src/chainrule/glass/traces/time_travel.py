"""Time travel: a recorded training opened at any step, forwards and backwards."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checks import whole
from chainrule.engine.program import Program
from chainrule.glass.traces import stepping
from chainrule.glass.traces.trace import columns_of
from chainrule.glass.traces.traced import Trace
from chainrule.network import Network, Parameters
from chainrule.training import recording as recordings
from chainrule.training.history import History
from chainrule.training.recording import Recording
from chainrule.training.replay import Replay


def open_recording(
    recording: Recording | str | os.PathLike[str],
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    threads: int | None = None,
) -> "RecordedRun":
    """Open a recorded training, to look at any of its steps.

    A recording holds no data, so they are given again; fingerprints tell whether they are the same.

    Args:
        recording: a path, or the ``result.recording`` of a training.
        X, y: the data of the training, as it was given them: with ``validation_share`` all rows.
        sample_weight: likewise. Class weights are recorded.
        threads: for computing steps again; no bit depends on it.

    Returns:
        The run, of which each step is a :class:`~chainrule.glass.traces.traced.Trace`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no recording, damaged, or the data are not those of the training.

    >>> import chainrule as cr, numpy as np
    >>> X = np.linspace(-1, 1, 20).reshape(-1, 1)
    >>> net = cr.Network([cr.Dense(4, "tanh"), cr.Dense(1)], "mse", inputs=1)
    >>> result = cr.train(net, X, X**2, epochs=50, batch_size=5, record=True)
    >>> run = cr.open_recording(result.recording, X, X**2)
    >>> run
    <recorded run: steps 1 to 200, epochs 1 to 50>
    >>> t = run.at(200)
    >>> t.epoch, t.step, t["z1"].shape
    (50, 200, (5, 4))
    >>> bool((t["W1.new"] == net.parameters["W1"]).all())
    True
    >>> before = run.at(199)
    >>> bool((before["W1.new"] == t["W1"]).all())
    True
    """
    if isinstance(recording, str | os.PathLike):
        recording = recordings.read(recording)
    if not isinstance(recording, Recording):
        raise ValueError(
            f"recording must be a path or the result.recording of a training, not {recording!r}"
        )
    return RecordedRun(Replay(recording, X, y, sample_weight, threads), columns_of(X))


class RecordedRun:
    """A recorded training whose steps can be looked at in any order.

    A step is the number of its update: from 1 on, or for a training that went on from a state from
    the number that came next. Weights and numbers are in the dtype of the training, and are bit for
    bit what it had. States that were computed again are kept for a while, so that the neighbours
    of a step that was looked at are near.

    Attributes:
        first, last: the numbers of its first and last step.
        history: the figures of the epochs.
    """

    def __init__(self, replay: Replay, input_names: Sequence[str] = ()) -> None:
        self._replay, recording = replay, replay.recording
        self.first, self.last = recording.step + 1, recording.step + recording.steps
        self.history: History = recording.history
        self._losses: np.ndarray | None = None
        self._input_names = input_names

    def __len__(self) -> int:
        return self._replay.recording.steps

    def __repr__(self) -> str:
        if not len(self):
            return "<recorded run without steps>"
        epochs = f"epochs {self.epoch(self.first)} to {self.epoch(self.last)}"
        return f"<recorded run: steps {self.first} to {self.last}, {epochs}>"

    def at(self, step: int) -> Trace:
        """Every number of one step.

        Args:
            step: from ``first`` to ``last``; also the one after the last, which the training did
                not make: of one that diverged, that in which numbers overflow.

        Returns:
            ``W1`` is what the step began with, ``W1.new`` what it left; ``epoch`` counts from 1.

        Raises:
            ValueError: for another number.
        """
        step = whole("step", step, self.first, self.last + 1)
        replay, settings = self._replay, self._replay.recording.settings
        parameters, state = replay.after(step - 1)
        rows = replay.local_rows(step)
        sources = {name: data[rows] for name, data in replay.sources.items()}
        with np.errstate(all="ignore"):
            trace = stepping.run_step(
                replay.task.network, replay.program, sources, len(rows), parameters=parameters,
                state=state, scalars=replay.values(step), optimizer=settings.optimizer, step=step,
                seed=settings.seed, exactly=self._exactly,
            )  # fmt: skip
        trace.epoch, trace.input_names = self.epoch(step), self._input_names
        return trace

    def _exactly(self, sources: Mapping[str, Any]) -> Program:
        """The program of a step that reads such sources, in float64 and one tile."""
        settings, rows = self._replay.recording.settings, sources["X"].shape[0]
        return self._replay.task.program(
            sources, rows, settings.optimizer, settings.regime, dtype="float64", tile_rows=rows
        )

    def steps(self, first: int | None = None, last: int | None = None) -> Iterator[Trace]:
        """The steps from one to another, both included; backwards if the second is the smaller.

        Args:
            first: by default the first of the run.
            last: by default the last of the run.

        Raises:
            ValueError: for a number that the run has not.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(1)], "mse", inputs=1, seed=0)
        >>> result = cr.train(net, [[1.0], [2.0]], [1.0, 2.0], epochs=3, record=True)
        >>> run = cr.open_recording(result.recording, [[1.0], [2.0]], [1.0, 2.0])
        >>> [t.step for t in run.steps()], [t.step for t in run.steps(3, 2)]
        ([1, 2, 3], [3, 2])
        """
        if not len(self):
            return iter(())
        start = whole("first", self.first if first is None else first, self.first, self.last)
        stop = whole("last", self.last if last is None else last, self.first, self.last)
        way = range(start, stop + 1) if start <= stop else range(start, stop - 1, -1)
        return map(self.at, way)

    def __iter__(self) -> Iterator[Trace]:
        return self.steps()

    def __reversed__(self) -> Iterator[Trace]:
        return self.steps(self.last, self.first)

    def epoch(self, step: int) -> int:
        """The epoch of a step, counted from 1."""
        return self._replay.place(self._step(step))[0] + 1

    def rows(self, step: int) -> np.ndarray:
        """The numbers of the rows of X in the batch of a step, in their order."""
        return self._replay.rows(self._step(step))

    def network(self, step: int) -> Network:
        """The network as it was after a step, with parameters of its own.

        Args:
            step: ``first - 1``, mostly 0, for the beginning, up to ``last``.

        Raises:
            ValueError: for another number.
        """
        step = whole("step", step, self.first - 1, self.last)
        network = self._replay.recording.network.copy()
        network.vector[:] = self._replay.after(step)[0]
        return network

    def weights(self, step: int) -> Parameters:
        """The parameters after a step by path or short name; see :meth:`network`.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(1)], "mse", inputs=1, seed=0)
        >>> result = cr.train(net, [[1.0], [2.0]], [1.0, 2.0], epochs=3, record=True)
        >>> run = cr.open_recording(result.recording, [[1.0], [2.0]], [1.0, 2.0])
        >>> bool(run.weights(3)["W1"] == net.parameters["W1"])
        True
        """
        return self.network(step).parameters

    def losses(self) -> np.ndarray:
        """The loss of each step, of its batch with the weights that it began with.

        Only epochs have their losses recorded, so that the first call makes all steps again.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(1, weights="zeros")], "mse", inputs=1)
        >>> result = cr.train(net, [[1.0], [2.0]], [1.0, 2.0], epochs=3, record=True)
        >>> run = cr.open_recording(result.recording, [[1.0], [2.0]], [1.0, 2.0])
        >>> run.losses().round(3).tolist()
        [1.25, 1.246, 1.242]
        """
        if self._losses is None:
            self._losses = self._replay.losses()
        return self._losses.copy()

    def _step(self, step: int) -> int:
        return whole("step", step, self.first, self.last + 1)
