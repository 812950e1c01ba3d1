"""How a batch is cut into tiles: a function of the shapes alone.

The number of threads has no say, so that results are the same for any number of them.
"""

from chainrule.engine.dtypes import ITEMSIZES

CACHE = 384 * 1024  # bytes of scratch that a tile should not exceed
SMALLEST = 128  # rows; smaller tiles read the weights too often
PARALLEL_WORK = 2e6  # floating-point operations that are worth a tile of their own
NEAR = 256 * 1024  # bytes of parameters that stay near a core: such a tile may have fewer rows
NEAR_ROWS, FAR_ROWS = 64, 96  # rows of a tile below which its products lose what a thread gains
MOST_SLOTS = 8


def rows_of_a_tile(columns: int, parameters: int, batch_rows: int, dtype: str) -> int:
    """Rows of a tile for a batch.

    Args:
        columns: columns of all scratch values together.
        parameters: of the network: a row costs about six operations for each.
        batch_rows: rows of the batch.
        dtype: of the scratch values.
    """
    row_bytes = columns * ITEMSIZES[dtype]
    fitting = max(CACHE // row_bytes // 32 * 32, SMALLEST)
    least = NEAR_ROWS if parameters * ITEMSIZES[dtype] <= NEAR else FAR_ROWS
    worth = int(min(6 * parameters * batch_rows // PARALLEL_WORK, batch_rows // least))
    useful = 2 ** (max(min(worth, MOST_SLOTS), 1).bit_length() - 1)  # rounded down: not smaller
    tiles = max(_shared(-(-batch_rows // fitting), batch_rows // least), useful)
    return -(-batch_rows // tiles)


def _shared(tiles: int, most: int) -> int:
    """At least so many tiles, of which threads have the same share.

    Up to eight threads, if that makes no more than ``most`` tiles; otherwise two.
    """
    if tiles > MOST_SLOTS:
        shared = -(-tiles // MOST_SLOTS) * MOST_SLOTS
    else:
        shared = int(2 ** (tiles - 1).bit_length())
    if shared <= most or tiles == 1:
        return shared
    return tiles + tiles % 2


def slots_for(batch_rows: int, tile_rows: int) -> int:
    """Gradient slots for a batch of so many rows."""
    return min(-(-batch_rows // tile_rows), MOST_SLOTS)
