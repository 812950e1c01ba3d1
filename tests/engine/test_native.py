"""Compiled code as objects: right wherever they are loaded, and without Numba."""

import copy
import ctypes
import os
import subprocess
import sys

import pytest

from chainrule.dataflow import weigh_losses
from chainrule.engine import cache, native
from chainrule.engine.device import Device, parts
from chainrule.engine.dtypes import REALS
from chainrule.engine.intrinsics import atomic_add
from chainrule.engine.walking import compiled_walk
from chainrule.warmup import kernels

FIT = """
import sys
import numpy as np
import chainrule as cr
X = np.random.default_rng(0).normal(size=(90, 4))
model = cr.MLPClassifier((8,), max_iter=5, tol=0, n_iter_no_change=5, random_state=0)
import warnings
warnings.simplefilter("ignore")
model.fit(X, X[:, 0] > 0).predict(X)
print("numba" in sys.modules, model.loss_.hex())
"""


def run(code, place):
    environment = {**os.environ, "CHAINRULE_CACHE": str(place)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, text=True, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def added(n):
    """A function that adds ``n`` to the number at an address."""

    def add(address):
        atomic_add(address, n)

    return add


def value_after(address_of_code):
    number = ctypes.c_int64(10)
    native.callable_at(address_of_code, 1)(ctypes.addressof(number))
    return number.value


@pytest.mark.skipif(sys.platform == "win32", reason="there LLVM needs functions of Numba")
def test_a_process_that_finds_its_kernels_does_not_import_numba_and_computes_the_same(tmp_path):
    cold, warm = run(FIT, tmp_path), run(FIT, tmp_path)
    assert cold[0] == "True"
    assert warm == ["False", cold[1]]


@pytest.mark.skipif(sys.platform == "win32", reason="there LLVM needs functions of Numba")
@pytest.mark.parametrize("dtype", REALS)
def test_kernels_need_nothing_of_the_process_but_the_c_library(dtype):
    for each in kernels():
        each.address(dtype)
    compiled_walk()
    library = ctypes.CDLL(None)
    files = [f for place in (dtype, "any") for f in (cache.folder() / place).rglob("*.code")]
    assert len(files) >= len(kernels()) + 1
    assert {f.name.partition("_")[0] for f in files} >= {"walk"}
    for file in files:
        for name in native.Code.unpacked(file.read_bytes()).needs:
            assert hasattr(library, name), (file.name, name)


@pytest.mark.parametrize("settings", [{}, {"NUMBA_ENABLE_AVX": "0"}, {"NUMBA_CPU_FEATURES": "+x"}])
def test_code_is_made_for_the_processor_that_numba_is_told_of(settings, monkeypatch):
    import numba
    from numba.core.codegen import get_host_cpu_features

    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(numba.config, "ENABLE_AVX", int(settings.get("NUMBA_ENABLE_AVX", 1)))
    expected = settings.get("NUMBA_CPU_FEATURES") or get_host_cpu_features()
    native.target.cache_clear()
    try:
        assert sorted(native.target()[2].split(",")) == sorted(expected.split(","))
    finally:
        native.target.cache_clear()


def test_two_functions_of_one_name_are_told_apart():
    codes = [native.compiled(added(n), f"added_{n}") for n in (1, 2)]
    assert [value_after(native.load(code)) for code in codes] == [11, 12]


def test_code_is_read_as_it_was_written_and_not_at_all_if_a_bit_has_changed():
    code = native.Code("symbol", ("exp", "log"), b"machine\n code")
    packed = code.packed()
    assert native.Code.unpacked(packed) == code
    for place in (0, 40, len(packed) - 1):
        broken = bytearray(packed)
        broken[place] ^= 1
        assert native.Code.unpacked(bytes(broken)) is None
    assert native.Code.unpacked(packed[:-1]) is None
    assert native.Code.unpacked(b"") is None


def test_what_the_process_lacks_is_named_instead_of_ending_it():
    code = native.Code("needy", ("no_such_function_anywhere",), b"")
    with pytest.raises(RuntimeError, match="needs no_such_function_anywhere, not to be found"):
        native.load(code)


def test_a_broken_file_is_compiled_again(tmp_path):
    right = run(FIT, tmp_path)[1]
    for file in tmp_path.rglob("*.code"):
        file.write_bytes(file.read_bytes()[:-10])
    assert run(FIT, tmp_path)[1] == right
    assert run(FIT, tmp_path) == ["False", right]


def test_a_kernel_is_copied_without_its_addresses():
    weigh_losses.address("float64")
    assert weigh_losses._addresses
    assert not copy.copy(weigh_losses)._addresses


def test_functions_of_one_name_that_differ_in_a_number_or_an_attribute_are_told_apart():
    def of_size(x):
        return x.size

    def of_shape(x):
        return x.shape

    def of_size_and_two(x):
        return x.size, 2

    def of_size_and_three(x):
        return x.size, 3

    functions = [of_size, of_shape, of_size_and_two, of_size_and_three]
    for function in functions:
        function.__qualname__ = of_size.__qualname__
    assert cache.bytecodes([of_size]) == cache.bytecodes([of_size])
    assert len({str(cache.bytecodes([function])) for function in functions}) == len(functions)


def double(x):
    return x + x


def caller(x):
    return double(x)


def test_how_a_called_function_is_compiled_is_part_of_the_caller():
    ways = [Device(double), Device(double, fastmath={"reassoc"}), Device(double, inline=False)]
    found = [parts(caller, {"double": way}) for way in ways]
    assert found[0] == parts(caller, {"double": Device(double)})
    assert found[0] != found[1] != found[2] != found[0]
