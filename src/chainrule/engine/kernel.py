"""Kernels: Python functions over arrays, compiled one by one to one C signature.

A kernel's body is a plain function whose annotations say what its operands are; it reads as
the equation that stands beside it::

    @kernel(Equation("a", maximum(0, z)))
    def relu(a: Flat, z: Flat, context: Context) -> None:
        for i in range(z.size):
            a[i] = max(z[i], real(0))

Nothing is compiled, and Numba is not even imported, before the address of the kernel is asked
for. The same body serves float32 and float64: the names ``real`` and those of device functions
are bound anew for each.
"""

import inspect
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Protocol

from chainrule.engine import cache
from chainrule.engine.device import Device, Intrinsic, device, int32, jit, parts, real
from chainrule.engine.layout import OPERAND_WORDS

__all__ = [
    "Constant", "Context", "Device", "EquationLike", "Flat", "GroupSums", "Integers", "Intrinsic",
    "Kernel", "Matrix", "Range", "RangeSum", "Scalar", "Scalars", "Slots", "Source", "Sums",
    "Vector", "device", "int32", "kernel", "real",
]  # fmt: skip

# What an operand can be. Rows and columns are the record's; all arrays are contiguous.
Matrix = Annotated[Any, "matrix"]  #: reals (rows, columns)
Vector = Annotated[Any, "vector"]  #: reals (rows,)
Flat = Annotated[Any, "flat"]  #: reals, all rows * columns of them in one line
Range = Annotated[Any, "range"]  #: reals of a flat vector, from context.start to context.stop
Slots = Annotated[Any, "slots"]  #: the same range of every gradient slot in use, a row each
Integers = Annotated[Any, "integers"]  #: int64 (rows,)
Sums = Annotated[Any, "sums"]  #: float64 (rows, columns)
RangeSum = Annotated[Any, "range_sum"]  #: float64 (1,): this range's of a sum for each range
GroupSums = Annotated[Any, "group_sums"]  #: float64: those of all ranges of the same parameter
Scalar = Annotated[Any, "scalar"]  #: one float64: a hyperparameter
Scalars = Annotated[Any, "scalars"]  #: float64 (rows,): hyperparameters of one kind
Constant = Annotated[Any, "constant"]  #: an integer that the record itself holds
Source = Annotated[Any, "source"]  #: a source descriptor, see :mod:`chainrule.engine.layout`
Context = Annotated[Any, "context"]  #: a record of :data:`chainrule.engine.layout.CONTEXT`

_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # a lock that another thread held is held for ever in a child
    os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.RLock()))


class EquationLike(Protocol):
    """What a kernel needs to know of its equation; the trees are no business of the engine."""

    @property
    def target(self) -> str: ...

    @property
    def names(self) -> frozenset[str]: ...

    def renamed(self, names: Mapping[str, str]) -> "EquationLike": ...

    def text(self) -> str: ...


class Kernel:
    """One instruction's code: a body over arrays, the equations that it computes, its operands.

    Attributes:
        name: unique among the kernels of a program.
        equations: one for each value written, in the order of the computation.
        operands: the operand names in order, with their kinds.
        outputs: the operands that the kernel writes.
    """

    def __init__(
        self,
        body: Callable[..., None],
        equations: tuple[EquationLike, ...],
        name: str | None = None,
        replaced: Mapping[str, Any] | None = None,
        fastmath: Iterable[str] = (),
    ) -> None:
        self.body = body
        self.name = name or body.__name__
        self.equations = equations
        self.replaced = dict(replaced or {})
        self.fastmath = set(fastmath)
        parameters = list(inspect.signature(body).parameters.values())
        if not parameters or parameters[-1].name != "context":
            raise TypeError(f"the last parameter of the kernel {self.name} must be 'context'")
        self.operands: dict[str, str] = {
            p.name: p.annotation.__metadata__[0] for p in parameters[:-1]
        }
        self.outputs = tuple(dict.fromkeys(e.target for e in equations))
        unknown = set(self.outputs) - set(self.operands)
        if unknown:
            raise TypeError(f"the kernel {self.name} has no operand {sorted(unknown)[0]!r}")
        self._addresses: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<kernel {self.name}>"

    def specialised(
        self, name: str, equations: tuple[EquationLike, ...], **replaced: Any
    ) -> "Kernel":
        """The same body with other device functions under some of its global names."""
        return Kernel(
            self.body, equations, f"{self.name}.{name}", {**self.replaced, **replaced},
            self.fastmath,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        """Without addresses, which mean nothing in another process."""
        return {**self.__dict__, "_addresses": {}}

    def address(self, dtype: str) -> int:
        """The address of the compiled kernel, loaded or compiled now if need be."""
        found = self._addresses.get(dtype)
        if found is None:
            with _lock:
                found = self._addresses.get(dtype)
                if found is None:
                    found = self._addresses[dtype] = self._loaded(dtype)
        return found

    def _loaded(self, dtype: str) -> int:
        return cache.address(
            f"{self.name}_{dtype}", lambda: self._entry(dtype), dtype,
            parts(self.body, self.replaced), (*self.operands.values(), *sorted(self.fastmath)),
        )  # fmt: skip

    def _entry(self, dtype: str) -> Callable[..., Any]:
        """The function that is compiled: it makes operand records into what the body takes."""
        from chainrule.engine import views

        body = jit(self.body, dtype, self.replaced, self.fastmath, inline=True)
        names: dict[str, Any] = {"__name__": self.body.__module__, "body": body}
        arguments = []
        for k, kind in enumerate(self.operands.values()):
            names[f"view_{kind}"] = views.view(kind, dtype)
            record = 8 * OPERAND_WORDS * k
            arguments.append(f"view_{kind}(operands + {record}, regions, context[0])")
        names["context_of"] = views.context_of
        return cache.entry_point(
            f"{self.name}_{dtype}",
            "(operands, regions, address)",
            f"context = context_of(address); body({', '.join(arguments)}, context[0])",
            names,
        )


def kernel(
    *equations: EquationLike, fastmath: Iterable[str] = ()
) -> Callable[[Callable[..., None]], Kernel]:
    """Make a function a :class:`Kernel` that computes these equations."""
    return lambda body: Kernel(body, tuple(equations), fastmath=fastmath)
