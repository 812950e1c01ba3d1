"""Machine code that LLVM alone loads: made of what Numba compiles, free of all that Numba adds.

Numba's own objects hold code that turns errors into Python exceptions, so they can be loaded only
where Numba is. Ours hold one function of integers and what it calls, and ask of the process for
nothing but functions of the C library. So a process that finds all its kernels stored does not
import Numba, which would take longer than many a training.
"""

import ctypes
import functools
import gc
import hashlib
import os
import platform
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm

_lock = threading.RLock()
if hasattr(os, "register_at_fork"):  # a lock that another thread held is held for ever in a child
    os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.RLock()))
_addresses: dict[str, int] = {}

DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Code:
    """A compiled function without a result.

    Attributes:
        symbol: its name, with which the names of all that it calls begin.
        needs: the functions that the process must have.
        machine: the object, in the format of LLVM's linker for this machine.
    """

    symbol: str
    needs: tuple[str, ...]
    machine: bytes

    def packed(self) -> bytes:
        """As bytes for a file, with a check sum: LLVM ends the process if an object is broken."""
        content = f"{' '.join((self.symbol, *self.needs))}\n".encode() + self.machine
        return hashlib.sha256(content).digest() + content

    @classmethod
    def unpacked(cls, data: bytes) -> "Code | None":
        """The opposite of :meth:`packed`; None if the bytes are not what was written."""
        content = data[DIGEST:]
        if hashlib.sha256(content).digest() != data[:DIGEST]:
            return None
        head, _, machine = content.partition(b"\n")
        symbol, *needs = head.decode().split(" ")
        return cls(symbol, tuple(needs), machine)


@functools.cache
def target() -> tuple[str, str, str]:
    """What code is compiled for: system, processor, and what the processor can do.

    The last two can be changed by the variables with which Numba is told of another processor.
    """
    features = llvm.get_host_cpu_features()
    if os.environ.get("NUMBA_ENABLE_AVX") == "0":
        features.update({name: False for name in features if name.startswith("avx")})
    return (
        llvm.get_process_triple(),
        os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name(),
        os.environ.get("NUMBA_CPU_FEATURES") or features.flatten(),
    )


def _machine() -> Any:
    """A target machine with Numba's own settings for code that stays on this computer."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    x86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")
    triple, cpu, features = target()
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="static" if x86 else "default",
        codemodel="jitdefault", jit=True,
    )  # fmt: skip


@functools.cache
def _engine() -> Any:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())


def compiled(function: Callable[..., Any], symbol: str) -> Code:
    """Compile a function of integers, which calls what Numba has compiled.

    Args:
        function: its parameters are 64-bit integers, it returns nothing, and it cannot fail.
        symbol: a name that no other code has.

    Raises:
        RuntimeError: if Numba is told to compile nothing.
    """
    import numba

    settings: Any = numba.config
    if settings.DISABLE_JIT:
        raise RuntimeError(
            "NUMBA_DISABLE_JIT is set, and there is no network without compiled code: unset it, or "
            "run `chainrule warmup` once without it"
        )
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    arguments = (numba.types.int64,) * function.__code__.co_argcount
    collecting = gc.isenabled()
    gc.disable()  # a compiler makes millions of objects and keeps them: 5 % of its time
    try:
        compiler: Any = numba.njit(
            numba.types.void(*arguments), error_model="numpy", nogil=True, **options
        )
        dispatcher = compiler(function)
        inner = dispatcher.overloads[arguments].fndesc.llvm_func_name
        return _finished(dispatcher.inspect_llvm(arguments), inner, len(arguments), symbol)
    finally:
        if collecting:
            gc.enable()


def _finished(text: str, inner: str, arity: int, symbol: str) -> Code:
    """Give Numba's optimised code a way in from C, and drop what nothing calls."""
    values = ", ".join(f"i64 %{k}" for k in range(arity))
    # Numba's function takes places for its result and its error first: none will be read.
    entry = f"""
        define void @"{symbol}"({values}) {{
            %result = alloca ptr
            %error = alloca ptr
            %status = call i32 @"{inner}"(ptr %result, ptr %error, {values})
            ret void
        }}
    """
    module, machine = llvm.parse_assembly(text + entry), _machine()
    module.get_function(inner).add_function_attribute("alwaysinline")
    for part in (*module.functions, *module.global_variables):
        if not part.is_declaration and part.name != symbol:
            part.linkage = "internal"
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.add_strip_dead_prototype_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3)))
    needs = []
    for number, part in enumerate([*module.functions, *module.global_variables]):
        if part.is_declaration:
            if not part.name.startswith("llvm."):
                needs.append(part.name)
        elif part.name != symbol:
            # Numba's names hold running numbers, which two processes give to different code, and
            # the linker would take the first of a name for all.
            part.name = f"{symbol}.{number}"
    return Code(symbol, tuple(needs), machine.emit_object(module))


def load(code: Code) -> int:
    """The address of compiled code, loaded once.

    Raises:
        RuntimeError: if the process lacks what the code needs.
    """
    with _lock:
        if code.symbol not in _addresses:
            engine = _engine()
            _provide(code)
            engine.add_object_file(llvm.ObjectFileRef.from_data(code.machine))
            engine.finalize_object()
            _addresses[code.symbol] = engine.get_function_address(code.symbol)
        return _addresses[code.symbol]


def _provide(code: Code) -> None:
    """Look for what the code needs first: LLVM ends the process if it finds something missing.

    Numba brings a vector library and, on Windows, functions that LLVM itself calls.
    """
    if sys.platform != "win32" and not _missing(code):
        return
    from numba.core.registry import cpu_target

    _ = cpu_target.target_context  # which makes Numba's functions known to LLVM
    missing = _missing(code)
    if missing:
        raise RuntimeError(f"the compiled code of {code.symbol} needs {missing}, not to be found")


def _missing(code: Code) -> str:
    return ", ".join(name for name in code.needs if llvm.address_of_symbol(name) is None)


def callable_at(address: int, arity: int) -> Callable[..., None]:
    """Code as a function for Python, which runs without the interpreter's lock."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arity)(address)
