"""The compiled loop that walks epochs, batches, segments and instructions.

Imports Numba: load it only where something is compiled. Every worker of a team runs the same
function, and all of them take the same decisions, because what they decide on changes only
between barriers.
"""

import numpy as np
from numba import carray, njit

from chainrule.engine.control import (
    ARRIVED,
    AT_HOST,
    BATCH,
    BATCH_ROWS,
    BUDGET,
    BUDGET_SPENT,
    DONE,
    END_EPOCH,
    END_STEP,
    EPOCH,
    FIRST_EPOCH,
    GO,
    LINE,
    LOSS,
    MEAN,
    NEXT_TILE,
    NOT_FINITE,
    QUIT,
    ROWS,
    SCALAR_BASE,
    SCALAR_BYTES,
    SCALAR_STEP,
    SEED,
    SEGMENT,
    SHUFFLED,
    SLEEP,
    SLOT_BASE,
    SLOT_BYTES,
    SLOTS,
    STATUS,
    STEP,
    STOP,
    TILE_ROWS,
    TURN,
)  # fmt: skip
from chainrule.engine.intrinsics import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_kernel,
    call_sleep,
    load,
    pointer,
    relax,
)
from chainrule.engine.layout import ARENA, CHUNKS, EACH, HOST, ONCE, REGIONS, SCALARS, SLOT, TILES
from chainrule.engine.random import shuffle as shuffle_device
from chainrule.engine.views import context_record

SPINS = 12000  # with a pause each: some 300 µs
NAP = 50  # microseconds

# Inlined by force: only then is it known that no array owns its memory, and counts of references,
# which call Numba's runtime, vanish.
compiled = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True,
                forceinline=True)  # fmt: skip
shuffle = shuffle_device.resolve("float64")


@compiled
def word_at(control, index):
    """The address of a word of the control block."""
    return control.ctypes.data + 8 * index


@compiled
def wait_for_change(control, index, value):
    """Wait until a word of the control block changes: spin, then sleep, as others need the core."""
    spins = 0
    while atomic_load(word_at(control, index)) == value:
        spins += 1
        relax()
        if spins > SPINS:
            call_sleep(control[SLEEP], NAP)


@compiled
def barrier(control, workers):
    """Wait until every worker is here."""
    if workers > 1:
        turn = atomic_load(word_at(control, TURN))
        if atomic_add(word_at(control, ARRIVED), 1) == workers - 1:
            atomic_store(word_at(control, ARRIVED), 0)
            atomic_add(word_at(control, TURN), 1)
        else:
            wait_for_change(control, TURN, turn)


@compiled
def run_blocks(segment, blocks, instructions, operands, regions, context):
    """Call the kernels of a segment's blocks."""
    at = context.ctypes.data
    for b in range(segment[1], segment[2]):
        repeat, reverse = blocks[b, 2], blocks[b, 3]
        for t in range(repeat):
            context[0].time = repeat - 1 - t if reverse else t
            for i in range(blocks[b, 0], blocks[b, 1]):
                call_kernel(instructions[i, 0], operands + instructions[i, 1], regions, at)


@compiled
def run_tiles(worker, workers, first_row, rows, control, segment, blocks, instructions, operands,
              regions, context):  # fmt: skip
    """Run this worker's slots, each over its tiles in order, until done or told to stop."""
    tile_rows, slots = control[TILE_ROWS], control[SLOTS]
    tiles = (rows + tile_rows - 1) // tile_rows
    for slot in range(worker, min(tiles, slots), workers):
        tile = slot + control[NEXT_TILE + LINE * slot] * slots
        regions[SLOT] = control[SLOT_BASE] + slot * control[SLOT_BYTES]
        while tile < tiles and atomic_load(word_at(control, STOP)) == 0:
            start = tile * tile_rows
            context[0].rows = min(tile_rows, rows - start)
            context[0].row = first_row + start
            context[0].batch_row = start
            context[0].accumulate = 1 if tile >= slots else 0
            run_blocks(segment, blocks, instructions, operands, regions.ctypes.data, context)
            tile += slots
            control[NEXT_TILE + LINE * slot] += 1
            if worker == 0:
                control[BUDGET] -= 1
                if control[BUDGET] <= 0:
                    atomic_store(word_at(control, STOP), 1)


@compiled
def tiles_left(rows, control):
    """Whether a slot has tiles of this batch that have not run."""
    slots = control[SLOTS]
    tiles = (rows + control[TILE_ROWS] - 1) // control[TILE_ROWS]
    for slot in range(min(tiles, slots)):
        if slot + control[NEXT_TILE + LINE * slot] * slots < tiles:
            return True
    return False


@compiled
def run_ranges(worker, workers, segment, blocks, instructions, operands, regions, context,
               ranges, factors):  # fmt: skip
    """Run this worker's share of the ranges of the flat vectors."""
    for r in range(worker, ranges.shape[0], workers):
        context[0].start, context[0].stop = ranges[r, 0], ranges[r, 1]
        context[0].range = r
        context[0].first_range, context[0].last_range = ranges[r, 2], ranges[r, 3]
        context[0].rate_factor, context[0].decay = factors[r, 0], factors[r, 1]
        run_blocks(segment, blocks, instructions, operands, regions.ctypes.data, context)


@compiled
def leave(worker, workers, control, epoch, batch, segment, step, status):
    """Write the cursor and wait for the others, so that the host may change what they read."""
    if worker == 0:
        control[EPOCH], control[BATCH], control[SEGMENT] = epoch, batch, segment
        control[STEP], control[STATUS] = step, status
    barrier(control, workers)


@compiled
def walk(worker, workers, control, segments, blocks, instructions, operands, all_regions, contexts,
         ranges, factors, order, losses):  # fmt: skip
    """Walk from the cursor to the end, to the end of the budget, or to where the host is needed.

    Args:
        worker: this worker's number.
        workers: how many there are; each calls this with the same arguments.
        control: the control block, with the cursor.
        segments, blocks, instructions: the program, instructions with kernel addresses.
        operands: address of the operand records.
        all_regions: a region table for each worker.
        contexts: a context for each worker.
        ranges, factors: the ranges of the flat vectors; their rate factors and decays.
        order: the order of the rows in this epoch, if they are shuffled.
        losses: for each epoch the sum of the losses of its examples.

    The word ``STATUS`` of the control block then says why it ended.
    """
    if worker == 0 and workers > 1:
        # Here, where no signal can come in between: once told to go, helpers wait for worker 0.
        atomic_add(word_at(control, GO), 1)
    regions = all_regions[worker]
    context = contexts[worker : worker + 1]
    epoch, batch, segment = control[EPOCH], control[BATCH], control[SEGMENT]
    step = control[STEP]
    size = control[BATCH_ROWS]
    batches = (control[ROWS] + size - 1) // size
    while epoch < control[END_EPOCH]:
        if control[SHUFFLED] and batch == 0 and segment == 0:
            if worker == 0:
                shuffle(order, control[SEED], epoch)
            barrier(control, workers)
        context[0].epoch = epoch
        while batch < batches:
            if step >= control[END_STEP]:
                leave(worker, workers, control, epoch, batch, segment, step, DONE)
                return
            rows = min(size, control[ROWS] - batch * size)
            context[0].step = step + 1
            regions[SCALARS] = (
                control[SCALAR_BASE] + (step - control[SCALAR_STEP]) * control[SCALAR_BYTES]
            )
            context[0].batch_rows = rows
            context[0].slots = min(
                (rows + control[TILE_ROWS] - 1) // control[TILE_ROWS], control[SLOTS]
            )
            context[0].divisor = np.float64(rows) if control[MEAN] else 1.0
            stopping = False
            while segment < segments.shape[0]:
                kind = segments[segment, 0]
                if kind == TILES:
                    run_tiles(worker, workers, batch * size, rows, control, segments[segment],
                              blocks, instructions, operands, regions, context)  # fmt: skip
                    barrier(control, workers)
                    stopping = atomic_load(word_at(control, STOP)) != 0
                    if stopping and tiles_left(rows, control):
                        leave(worker, workers, control, epoch, batch, segment, step, BUDGET_SPENT)
                        return
                elif kind == EACH:
                    run_blocks(segments[segment], blocks, instructions, operands,
                               regions.ctypes.data, context)  # fmt: skip
                    loss = load(regions[ARENA] + control[LOSS], np.float64)
                    if not np.isfinite(loss):
                        leave(worker, workers, control, epoch, batch, segment, step, NOT_FINITE)
                        return
                    if worker == 0:
                        losses[epoch - control[FIRST_EPOCH]] += loss * context[0].divisor
                elif kind == CHUNKS:
                    run_ranges(worker, workers, segments[segment], blocks, instructions, operands,
                               regions, context, ranges, factors)  # fmt: skip
                    if segment + 1 < segments.shape[0]:
                        barrier(control, workers)
                elif kind == ONCE:
                    if worker == 0:
                        run_blocks(segments[segment], blocks, instructions, operands,
                                   regions.ctypes.data, context)  # fmt: skip
                elif kind == HOST:
                    leave(worker, workers, control, epoch, batch, segment + 1, step, AT_HOST)
                    return
                segment += 1
            barrier(control, workers)
            for slot in range(worker, control[SLOTS], workers):
                control[NEXT_TILE + LINE * slot] = 0
            segment = 0
            batch += 1
            step += 1
            if stopping:
                break
        if batch >= batches:
            batch = 0
            epoch += 1
        if stopping:
            leave(worker, workers, control, epoch, batch, segment, step, BUDGET_SPENT)
            return
    leave(worker, workers, control, epoch, batch, segment, step, DONE)


def walk_at(worker, workers, table):
    """Walk over arrays at the addresses of a table, in pairs with their lengths.

    Worker 0 walks once. The others walk each time that it does, until they are told to quit: not
    through Python, where they would have to wait for its lock.
    """
    words = carray(pointer(table, np.int64), (11, 2))
    control = carray(pointer(words[0, 0], np.int64), words[0, 1])
    turn = 0
    while True:
        if worker > 0:
            wait_for_change(control, GO, turn)
            turn += 1
            if control[QUIT]:
                return
        segments = carray(pointer(words[1, 0], np.int64), (words[1, 1], 3))
        blocks = carray(pointer(words[2, 0], np.int64), (words[2, 1], 4))
        instructions = carray(pointer(words[3, 0], np.int64), (words[3, 1], 2))
        operands = words[4, 0]
        regions = carray(pointer(words[5, 0], np.int64), (words[5, 1], REGIONS))
        contexts = carray(pointer(words[6, 0], context_record), words[6, 1])
        ranges = carray(pointer(words[7, 0], np.int64), (words[7, 1], 4))
        factors = carray(pointer(words[8, 0], np.float64), (words[8, 1], 2))
        order = carray(pointer(words[9, 0], np.int64), words[9, 1])
        losses = carray(pointer(words[10, 0], np.float64), words[10, 1])
        walk(worker, workers, control, segments, blocks, instructions, operands, regions, contexts,
             ranges, factors, order, losses)  # fmt: skip
        if worker == 0:
            return
