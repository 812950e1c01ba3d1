"""The executor: a program bound to memory and run at full speed."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.engine import control as w
from chainrule.engine.binding import Binding, contexts_for
from chainrule.engine.blas import one_thread
from chainrule.engine.choosing import ThreadChoice
from chainrule.engine.program import Program
from chainrule.engine.threads import Team, cores, sleep_address
from chainrule.engine.walking import compiled_walk, table_of

SLICE = 0.04  # seconds after which Python gets control back, about
SNAPSHOT = 0.05  # seconds between two snapshots
FIRST_EPOCHS = 1024  # whose losses there is room for at first
FOREVER = 2**62


class NotFiniteError(ArithmeticError):
    """The loss or the parameters overflowed.

    Attributes:
        step: the step, counted from 1, at which it was seen.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"the loss is not finite at step {step}")
        self.step = step


class Executor:
    """Runs a program over all batches of its sources, in slices of about 40 ms.

    Use it as a context manager: inside, its threads live and BLAS runs with one thread.

    Args:
        program: a planned program.
        parameters: the flat vector, changed in place; ``state`` likewise.
        sources: the data by source name.
        rows: how many rows the sources have.
        batch_rows: rows of a batch; the last one may be smaller.
        scalars: the hyperparameters by name.
        seed: of the shuffles and masks.
        shuffled: whether each epoch has an order of its own.
        mean: whether sums over a batch are divided by its rows.
        threads: how many workers; the results do not depend on it. None measures, while it runs,
            whether several are faster than one.
        cursor: (epoch, step) to start from.
        at_host: called at each return to the host inside a step, with this executor.
        values_at: for a program with schedules, the function of (first step, number of steps) that
            gives the values of its scheduled hyperparameters by their names. Steps count from 0.
    """

    def __init__(
        self,
        program: Program,
        parameters: np.ndarray,
        sources: Mapping[str, Any],
        rows: int,
        batch_rows: int,
        *,
        state: np.ndarray | None = None,
        scalars: Mapping[str, float] | None = None,
        seed: int = 0,
        shuffled: bool = False,
        mean: bool = True,
        threads: int | None = 1,
        cursor: tuple[int, int] = (0, 0),
        epochs: int = 1,
        at_host: Callable[["Executor"], None] | None = None,
        values_at: Callable[[int, int], Mapping[str, np.ndarray]] | None = None,
    ) -> None:
        self.program = program
        most = min(threads or cores(), program.slots)
        self.binding = Binding(program, parameters, sources, state, scalars or {}, most)
        shape = (program.parameters, program.tile_rows, program.slots, program.arena, batch_rows)
        self._choice = (
            ThreadChoice(most, (program.dtype, most, *shape)) if threads is None else None
        )
        self.threads = self._choice.next() if self._choice else most
        self._at_host = at_host
        self._values_at = values_at
        self._scheduled = (0, 0)
        self._start = cursor
        self.losses = np.zeros(min(max(epochs, 1), FIRST_EPOCHS))
        self._order = np.arange(rows if shuffled else 0, dtype=np.int64)
        self._contexts = contexts_for(
            program, most, seed, self._order.ctypes.data if shuffled else 0
        )
        self._control = self._control_block(rows, batch_rows, seed, shuffled, mean, cursor)
        self._table = self._new_table()
        self._team = Team(most, self._control, self._table, compiled_walk)
        self._tile_seconds: float | None = None
        self._snapshot: tuple[Any, ...] | None = None
        self._snapshot_time = 0.0

    def _control_block(
        self, rows: int, batch_rows: int, seed: int, shuffled: bool, mean: bool,
        cursor: tuple[int, int],
    ) -> np.ndarray:  # fmt: skip
        program = self.program
        control = np.zeros(w.NEXT_TILE + w.LINE * program.slots, np.int64)
        values = {
            w.EPOCH: cursor[0], w.FIRST_EPOCH: cursor[0], w.STEP: cursor[1],
            w.END_STEP: FOREVER, w.ROWS: rows, w.BATCH_ROWS: batch_rows,
            w.TILE_ROWS: program.tile_rows, w.SLOTS: program.slots,
            w.SLOT_BASE: self.binding.slots.ctypes.data, w.SLOT_BYTES: program.slot_bytes,
            w.SHUFFLED: shuffled, w.SEED: seed, w.SLEEP: sleep_address(),
            w.LOSS: program.loss.offset if program.loss else 0, w.MEAN: mean,
            w.SCALAR_BASE: self.binding.scalars.ctypes.data,
        }  # fmt: skip
        for word, value in values.items():
            control[word] = value
        return control

    def __enter__(self) -> "Executor":
        one_thread.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        try:
            self._team.stop()
        finally:
            one_thread.__exit__(*details)

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return int(self._control[w.EPOCH])

    @property
    def step(self) -> int:
        """Steps completed: updates since the very first epoch."""
        return int(self._control[w.STEP])

    def set_scalar(self, name: str, value: float) -> None:
        """Change a hyperparameter between two slices."""
        self.binding.scalars[:, list(self.program.scalars).index(name)] = value
        self._snapshot = None

    def reschedule(self) -> None:
        """Ask for the scheduled values anew: what they depend on has changed."""
        self._scheduled = (0, 0)
        self._snapshot = None

    def _schedule(self) -> int:
        """Fill the table of scheduled hyperparameters if need be; the step up to which it goes."""
        if self._values_at is None:
            return FOREVER
        first, last = self._scheduled
        if not first <= self.step < last:
            first, table = self.step, self.binding.scalars
            for name, values in self._values_at(first, len(table)).items():
                table[:, list(self.program.scalars).index(name)] = values
            last = first + len(table)
            self._scheduled = first, last
            self._control[w.SCALAR_STEP] = first
            self._control[w.SCALAR_BYTES] = table.strides[0]
        return last

    def restart(self) -> None:
        """Go back to where the first run began; parameters and state stay as they are."""
        control = self._control
        control[w.EPOCH], control[w.STEP] = self._start
        control[w.BATCH], control[w.SEGMENT], control[w.NEXT_TILE :] = 0, 0, 0
        self.losses[:] = 0
        self._snapshot = None

    def go_to(self, epoch: int, batch: int, step: int) -> None:
        """Put the cursor in front of a batch, whose step is number ``step`` + 1; losses start anew.

        Parameters and state stay as they are: they are to be what they were there.
        """
        self._start = epoch, step
        self._control[w.FIRST_EPOCH] = epoch
        self.losses[:] = 0
        self.reschedule()
        self._place(epoch, batch, step)

    def order(self) -> np.ndarray:
        """After :meth:`go_to`, the order of all rows in that epoch."""
        shuffled = self._control[w.SHUFFLED]
        return self._order.copy() if shuffled else np.arange(self._control[w.ROWS])

    def batch_loss(self) -> float:
        """The loss of the batch that was completed last."""
        loss = self.program.loss
        assert loss is not None
        return float(self.binding.arenas[0][loss.offset : loss.offset + 8].view(np.float64)[0])

    def single_pass(self) -> Callable[[], None]:
        """A function that runs all rows once, on the calling thread, with the least ceremony.

        For a few rows, where setting BLAS to one thread and cutting slices would cost more than
        the work. Not to be called by two threads at once.
        """
        control = self._control
        control[w.END_EPOCH], control[w.END_STEP], control[w.BUDGET] = 1, FOREVER, FOREVER
        walk, at, epoch = compiled_walk(), self._table.ctypes.data, w.EPOCH

        def run() -> None:
            # Not control: the table holds addresses of this executor's memory.
            self._control[epoch] = 0
            walk(0, 1, at)

        return run

    def run(self, epoch: int, step: int = FOREVER) -> None:
        """Run until ``epoch`` epochs or ``step`` steps are completed, whichever is first.

        Where a run stops in between changes no bit of what it computes.

        Raises:
            NotFiniteError: if the loss overflowed; the parameters are then the last finite ones.
        """
        while self.epoch < epoch and self.step < step:
            self.advance(epoch, step)

    def advance(self, epoch: int, step: int = FOREVER) -> None:
        """Run one slice, at most until so many epochs or steps are completed; see :meth:`run`."""
        room = self._start[0] + self.losses.size
        if self.epoch >= room:
            self.losses = np.concatenate([self.losses, np.zeros(self.losses.size)])
            room = self._start[0] + self.losses.size
        epoch = min(epoch, room)
        if self.program.ranges:
            self._take_snapshot()
        if self._slice(epoch, step) == w.NOT_FINITE:
            last = self.step
            self._last_finite(last)
            raise NotFiniteError(last + 1)

    def _new_table(self) -> np.ndarray:
        """What the walk walks over."""
        tables = self.binding.tables
        return table_of(
            self._control, tables.segments, tables.blocks, tables.instructions, tables.operands,
            self.binding.regions, self._contexts, tables.ranges, tables.factors, self._order,
            self.losses,
        )  # fmt: skip

    def _slice(self, end_epoch: int, end_step: int) -> int:
        control = self._control
        budget = 1 if self._tile_seconds is None else max(1, int(SLICE / self._tile_seconds))
        control[w.END_EPOCH], control[w.END_STEP] = end_epoch, min(end_step, self._schedule())
        control[w.BUDGET], control[w.STOP] = budget, 0
        if self._choice:
            self.threads = self._choice.next()
        if self.threads > 1 and not self._team.start():
            self.threads = 1
        self._table[-2:] = self.losses.ctypes.data, self.losses.size  # they may have grown
        tiles = self._tiles_done()
        start = time.perf_counter()
        compiled_walk()(0, self.threads, self._table.ctypes.data)
        status = int(control[w.STATUS])
        if self._choice:
            self._choice.record(
                self.threads, self._tiles_done() - tiles, time.perf_counter() - start
            )
        done = budget - int(control[w.BUDGET])
        if done:
            # At most 8 times more than the last estimate allowed: one slice may have been lucky.
            seconds = max((time.perf_counter() - start) / done, 1e-9)
            previous = self._tile_seconds or 8 * seconds
            self._tile_seconds = max(seconds, previous / 8)
        if status == w.AT_HOST and self._at_host:
            self._at_host(self)
        return status

    def _losses_so_far(self) -> np.ndarray:
        """The losses of the epochs completed, and of the one under way."""
        return self.losses[: self.epoch - self._start[0] + 1]

    def _tiles_done(self) -> int:
        """Tiles run since the beginning, counting those of the step under way."""
        control = self._control
        tiles = -(-int(control[w.BATCH_ROWS]) // self.program.tile_rows)
        return int(control[w.STEP]) * tiles + int(control[w.NEXT_TILE :: w.LINE].sum())

    # ------------------------------------------------------------------ the last finite weights

    def _take_snapshot(self) -> None:
        now = time.perf_counter()
        if self._snapshot is not None and now - self._snapshot_time < SNAPSHOT:
            return
        control = self._control
        middle = control[w.SEGMENT] or control[w.NEXT_TILE :].any()
        if middle and self._snapshot is not None:
            return  # in the middle of a step the older one will do
        state = self.binding.state
        self._snapshot = (
            self.binding.parameters.copy(), None if state is None else state.copy(),
            self._losses_so_far().copy(), control[w.EPOCH], control[w.BATCH], control[w.STEP],
        )  # fmt: skip
        self._snapshot_time = time.perf_counter()

    def _last_finite(self, step: int) -> None:
        """Go back to the last step after which the parameters were finite, by repeating them."""
        while not np.isfinite(self.binding.parameters).all() and self._snapshot is not None:
            parameters, state, losses, epoch, batch, first = self._snapshot
            step -= 1
            if step < first:
                break
            self.binding.parameters[:] = parameters
            if self.binding.state is not None and state is not None:
                self.binding.state[:] = state
            self.losses[:] = 0
            self.losses[: losses.size] = losses
            self._place(epoch, batch, first)
            while self.step < step:
                self._slice(FOREVER, step)

    def _place(self, epoch: int, batch: int, step: int) -> None:
        """Put the cursor in front of a batch, with the order of the rows of its epoch."""
        control = self._control
        control[w.EPOCH], control[w.BATCH], control[w.STEP] = epoch, 0, step
        control[w.SEGMENT], control[w.NEXT_TILE :] = 0, 0
        self._slice(FOREVER, step)  # which shuffles in front of the first batch, and runs no step
        control[w.BATCH] = batch
