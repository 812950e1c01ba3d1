"""What kernels call: device functions and intrinsics, bound and compiled for a dtype.

Nothing is compiled, and Numba is not even imported, before :meth:`Device.resolve` is called.
"""

import dis
import importlib
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.engine.dtypes import REALS


def real(x: float) -> float:
    """Make a literal a number of the program's dtype (compiled code only)."""
    return x


def int32(x: int) -> int:
    """A 32-bit integer (compiled code only)."""
    return x


class Device:
    """A function that kernels call; compiled into them, once for each dtype.

    Args:
        function: the body for every dtype that has none of its own.
        bodies: bodies for a dtype, by its name.
        fastmath: LLVM flags, such as ``{"reassoc"}`` for a plain reduction.
        replaced: values for some of the function's global names.
        inline: whether to inline it by force: a loop becomes vector instructions only if all that
            it calls is inlined. Not worth the code for what loops itself.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        bodies: Mapping[str, Callable[..., Any]] | None = None,
        fastmath: Iterable[str] = (),
        replaced: Mapping[str, Any] | None = None,
        inline: bool = True,
    ) -> None:
        self.inline = inline
        self.function = function
        self.bodies = dict(bodies or {})
        self.fastmath = set(fastmath)
        self.replaced = dict(replaced or {})
        self._compiled: dict[str, Any] = {}

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def resolve(self, dtype: str) -> Any:
        if dtype not in self._compiled:
            body = self.bodies.get(dtype, self.function)
            self._compiled[dtype] = jit(body, dtype, self.replaced, self.fastmath, self.inline)
        return self._compiled[dtype]

    def with_globals(self, **replaced: Any) -> "Device":
        """The same function with other values under some of its global names."""
        replaced = {**self.replaced, **replaced}
        return Device(self.function, self.bodies, self.fastmath, replaced, self.inline)


def device(
    *, fastmath: Iterable[str] = (), inline: bool = True, **bodies: Callable[..., Any]
) -> Callable[[Callable[..., Any]], Device]:
    """Make a function a :class:`Device`; keywords give bodies for a dtype."""
    return lambda function: Device(function, bodies, fastmath, inline=inline)


class Intrinsic:
    """A function of a module that imports Numba, named before it is loaded."""

    def __init__(self, name: str, module: str = "chainrule.engine.intrinsics") -> None:
        self.name, self.module = name, module

    def __call__(self, *_args: Any) -> Any:
        raise TypeError(f"{self.name} exists in compiled code only")

    def resolve(self, _dtype: str) -> Any:
        return getattr(importlib.import_module(self.module), self.name)


def parts(body: Callable[..., Any], replaced: Mapping[str, Any]) -> set[Any]:
    """What a body is compiled from: the functions that it calls, and theirs, and their numbers."""
    found: set[Any] = {body}
    # Among these names are those of attributes too: a part too many does no harm.
    for name in body.__code__.co_names:
        value = replaced.get(name, body.__globals__.get(name))
        if isinstance(value, Device):
            known = f"{value.function.__module__}.{value.function.__qualname__}"
            found.add((name, known, *sorted(value.fastmath), value.inline))
            for function in (value.function, *value.bodies.values()):
                if function not in found:
                    found |= parts(function, value.replaced)
        elif isinstance(value, bool | int | float | np.generic):
            found.add((name, repr(value)))
        elif isinstance(value, type) and issubclass(value, np.generic):
            found.add((name, value.__name__))
    return found


def _globals_of(body: Callable[..., Any]) -> set[str]:
    return {i.argval for i in dis.get_instructions(body) if i.opname == "LOAD_GLOBAL"}


def bind(body: Callable[..., Any], dtype: str, replaced: Mapping[str, Any]) -> FunctionType:
    """Copy a function with its globals bound for one dtype."""
    bound: dict[str, Any] = {}
    used = _globals_of(body)
    for name, value in {**body.__globals__, **replaced}.items():
        if value is real:
            bound[name] = REALS[dtype]
        elif value is int32:
            bound[name] = np.int32
        elif isinstance(value, Device | Intrinsic):
            if name in used:
                bound[name] = value.resolve(dtype)
        else:
            bound[name] = value
    copy = FunctionType(body.__code__, bound, body.__name__, body.__defaults__, body.__closure__)
    # Symbols of compiled code are made of this name, the types of the arguments and a running
    # number: two dtypes that were stored by two processes could share all three, and the linker
    # would take the first for both.
    copy.__qualname__ = f"{body.__qualname__}_{dtype}"
    return copy


def jit(
    body: Callable[..., Any],
    dtype: str,
    replaced: Mapping[str, Any],
    fastmath: set[str],
    inline: bool,
) -> Any:
    import numba

    # What only kernels call needs no way in from Python or C.
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    function = bind(body, dtype, replaced)
    return numba.njit(
        function, error_model="numpy", fastmath=fastmath, nogil=True, forceinline=inline, **options
    )
