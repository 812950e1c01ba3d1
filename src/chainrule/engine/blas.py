"""The BLAS that SciPy ships: the address of ``gemm``, and one thread inside it while we run."""

import ctypes
import functools
import os
import threading
from typing import Any

_ROUTINES = {"float32": "sgemm", "float64": "dgemm"}


@functools.cache
def gemm_address(dtype: str) -> int:
    """The address of ``sgemm`` or ``dgemm``."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[_ROUTINES[dtype]]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    return int(address)


class OneThread:
    """While anyone is inside, BLAS runs with one thread; the last to leave restores the number.

    Two overlapping limits of threadpoolctl restore in the order in which they end, which can
    leave BLAS at one thread for good: so there is one, and it counts. What an interruption leaves
    undone is done by the next to leave: the numbers are known from before the first was changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._libraries: Any = None
        self._before: list[int] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                if self._libraries is None:
                    import scipy.linalg.cython_blas  # noqa: F401 - loads the library to be found
                    from threadpoolctl import ThreadpoolController

                    controller = ThreadpoolController().select(user_api="blas")
                    self._libraries = controller.lib_controllers
                if self._before is None:
                    self._before = [library.num_threads for library in self._libraries]
                try:
                    self._set([1] * len(self._before))
                except BaseException:
                    self._restore()
                    raise
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._restore()

    def _set(self, numbers: list[int]) -> None:
        for library, number in zip(self._libraries, numbers, strict=True):
            library.set_num_threads(number)

    def _restore(self) -> None:
        if self._before is not None:
            self._set(self._before)
            self._before = None


one_thread = OneThread()


def _in_child() -> None:
    """A forked child has none of the threads that were inside."""
    one_thread._restore()
    one_thread._lock, one_thread._inside = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
