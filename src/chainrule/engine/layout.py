"""The integers that kernels and executor agree on: regions, operand records, the context.

A kernel receives three addresses: its operands, the regions of its worker and the context.
An operand is a record of :data:`OPERAND_WORDS` integers that names a region, a place in it
and a shape; the region table turns that into an address when the kernel runs, so no address
is ever a constant of compiled code.
"""

import numpy as np

# Regions, by their place in a worker's region table.
PARAMETERS, STATE, GRADIENTS, SLOT, SLOTS, ARENA, SCALARS, SOURCES, SHARED = range(9)
REGIONS = 9

# Words of an operand record. The offset and the stride (per time step) count bytes.
REGION, OFFSET, STRIDE, ROWS, COLUMNS = range(5)
OPERAND_WORDS = 5

# Special values of the word ROWS: lengths that are known only when the kernel runs.
TILE_ROWS, USED_SLOTS = -1, -2

# Words of a source descriptor; INDPTR is 0 for a dense source, an address for a CSR one.
(ADDRESS, DTYPE, ROW_STRIDE, COLUMN_STRIDE, SOURCE_COLUMNS, INDPTR, INDICES, WIDE) = range(8)
SOURCE_WORDS = 8

FORWARD, BACKWARD, REDUCE, UPDATE = range(4)
PHASE_NAMES = ("forward", "backward", "reduce", "update")

# Kinds of segments: once per row tile; by every worker for itself; once per range of the flat
# vectors; a return to the host; once, by one worker.
TILES, EACH, CHUNKS, HOST, ONCE = range(5)

#: What a kernel may know beyond its operands.
CONTEXT = np.dtype(
    [
        ("rows", "i8"),  # rows of this tile
        ("batch_rows", "i8"),  # rows of this batch
        ("row", "i8"),  # position of the tile's first row in the epoch's order
        ("batch_row", "i8"),  # the same within the batch
        ("order", "i8"),  # address of the epoch's order of rows, 0 for the natural one
        ("epoch", "i8"),
        ("step", "i8"),  # updates, counted from 1
        ("seed", "i8"),
        ("phase", "i8"),
        ("accumulate", "i8"),  # 0 for the first tile of a gradient slot, else 1
        ("time", "i8"),  # the time step inside a repeated block
        ("slots", "i8"),  # gradient slots that this batch uses
        ("start", "i8"),  # this range of the flat vectors ...
        ("stop", "i8"),  # ... and its end
        ("range", "i8"),  # its number ...
        ("first_range", "i8"),  # ... and the ranges of the same parameter,
        ("last_range", "i8"),  # one past the last
        ("gemm", "i8"),  # address of BLAS gemm for the program's dtype
        ("product", "i8"),  # address of the product in register blocks for it
        ("worker", "i8"),
        ("divisor", "f8"),  # what the sums of this batch are divided by: its rows, or 1
        ("rate_factor", "f8"),  # of this range's parameter segment
        ("decay", "f8"),  # of this range's parameter segment
    ]
)
