"""Compiling every kernel ahead of time, so that no training waits for it."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from chainrule import dataflow, penalties
from chainrule.activations import activations
from chainrule.augmentation import kernels as augmentation
from chainrule.engine import cache
from chainrule.engine.dtypes import REALS, real_dtype
from chainrule.engine.kernel import Kernel
from chainrule.engine.products import product_address
from chainrule.engine.walking import compiled_walk
from chainrule.layers import LAYERS
from chainrule.losses import losses
from chainrule.optimizers import OPTIMIZERS

Report = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Warmup:
    """What :func:`warmup` did.

    Attributes:
        kernels: how many are ready, counted once for each dtype.
        seconds: how long it took.
        folder: where compiled code is kept, None where nothing can be written.
    """

    kernels: int
    seconds: float
    folder: Path | None


def kernels() -> list[Kernel]:
    """Every kernel that a program of registered entries can hold, each once.

    Found through the registries and the layers' modules: a new entry is found without a line
    here. Sources of other types than those that programs compute in are left out.
    """
    found = [*_of_activations(), *_of_losses(), *(o.kernel for o in OPTIMIZERS.values())]
    for layer in LAYERS.values():
        found += _declared_in(sys.modules[layer.__module__])
    # The gather itself is a template: what runs is made of it, for each type of source.
    found += [k for k in _declared_in(dataflow) if k is not dataflow.gather]
    found += [dataflow.gather_from(dtype, False) for dtype in REALS]
    found += _declared_in(penalties)
    found += [k for k in _declared_in(augmentation) if k is not augmentation.gather_partners]
    found += [augmentation.partners_from(dtype, False) for dtype in REALS]
    return list(dict.fromkeys(found))


def _of_activations() -> Iterator[Kernel]:
    for entry in activations:
        yield entry.forward
        if entry.trainable:
            yield entry.backward
        if not entry.rowwise:
            yield entry.forward_columns
            if entry.trainable:
                yield entry.backward_columns


def _of_losses() -> Iterator[Kernel]:
    for loss in losses:
        for forms in (loss.forms, *loss.natural.values()):
            for form in forms.values():
                yield from (form.value, form.gradient)


def _declared_in(module: ModuleType) -> list[Kernel]:
    return [value for value in vars(module).values() if isinstance(value, Kernel)]


def warmup(dtypes: Sequence[str] = ("float32", "float64"), report: Report | None = None) -> Warmup:
    """Compile all kernels, or load those that are compiled already.

    Args:
        dtypes: for which of ``"float32"`` and ``"float64"``.
        report: called in front of each kernel with how many are ready, how many there are, and
            its name.

    Returns:
        How many there are, how long it took, and where they are kept.

    Raises:
        ValueError: for another dtype.
    """
    chosen = list(dict.fromkeys(real_dtype(dtype) for dtype in dtypes))
    if report is not None:
        cache.announced()
    start = time.perf_counter()
    work: list[tuple[str, Callable[[], object]]] = [
        ("walk", compiled_walk),
        *((f"product {dtype}", _product(dtype)) for dtype in chosen),
        *((f"{kernel.name} {dtype}", _compiler(kernel, dtype))
          for dtype in chosen for kernel in kernels()),
    ]  # fmt: skip
    for done, (name, compile_it) in enumerate(work):
        if report is not None:
            report(done, len(work), name)
        compile_it()
    return Warmup(len(work), time.perf_counter() - start, cache.folder())


def _product(dtype: str) -> Callable[[], object]:
    return lambda: product_address(dtype)


def _compiler(kernel: Kernel, dtype: str) -> Callable[[], object]:
    return lambda: kernel.address(dtype)
