"""The number types that programs compute in, and those that data may arrive in."""

import numpy as np

#: The types that a program computes in.
REALS = {"float32": np.float32, "float64": np.float64}

#: The bytes of a number of each of them.
ITEMSIZES = {"float32": 4, "float64": 8}

#: The types that a data source may have; the position is its code in a descriptor.
SOURCE_DTYPES = (
    np.float32, np.float64, np.int8, np.int16, np.int32, np.int64,
    np.uint8, np.uint16, np.uint32, np.uint64, np.bool_,
)  # fmt: skip

_CODES = {np.dtype(known): code for code, known in enumerate(SOURCE_DTYPES)}

ALIGNMENT = 64  # bytes: a cache line


def real_dtype(dtype: object) -> str:
    """Return ``"float32"`` or ``"float64"`` for anything that NumPy reads as one of them.

    Raises:
        ValueError: for any other type.
    """
    try:
        name = np.dtype(dtype).name  # type: ignore[call-overload]
    except TypeError:
        name = None
    if name not in REALS:
        raise ValueError(f"dtype must be 'float32' or 'float64', not {dtype!r}")
    return str(name)


def source_code(dtype: np.dtype) -> int | None:
    """Return the descriptor code of a data type, or None if programs cannot read it."""
    return _CODES.get(dtype)  # of another byte order it is another type


def aligned(size: int) -> int:
    """Round a number of bytes up to whole cache lines."""
    return -(-size // ALIGNMENT) * ALIGNMENT
