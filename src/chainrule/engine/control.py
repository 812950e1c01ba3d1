"""The words of the control block, which the executor and the compiled walk have in common.

Those that several workers write are a cache line apart.
"""

(EPOCH, BATCH, SEGMENT, STEP, END_EPOCH, END_STEP, ROWS, BATCH_ROWS, TILE_ROWS, SLOTS, SLOT_BASE,
 SLOT_BYTES, SHUFFLED, SEED, SLEEP, LOSS, MEAN, BUDGET, FIRST_EPOCH, SCALAR_BASE, SCALAR_BYTES,
 SCALAR_STEP, STATUS) = range(23)  # fmt: skip
STOP, ARRIVED, TURN, GO, QUIT = 32, 40, 48, 56, 64
NEXT_TILE = 72  # a word for each slot, a cache line apart
LINE = 8

#: Why the walk came back.
DONE, BUDGET_SPENT, AT_HOST, NOT_FINITE = range(4)
