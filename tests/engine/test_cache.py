"""The kernel cache: right numbers whoever else compiles, and where nothing can be written."""

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from chainrule.engine import cache

PREDICT = """
    import numpy as np
    from chainrule.network import Network
    from chainrule.layers import Dense
    net = Network([Dense(3, "relu"), Dense(2, "softmax")], inputs=2, seed=1, dtype=DTYPE)
    X = np.linspace(-1, 1, 20).reshape(10, 2).astype(DTYPE)
    P = {k: v.astype(float) for k, v in net.parameters.items()}
    h = np.maximum(0, X @ P["dense1.W"] + P["dense1.b"])
    z = h @ P["dense2.W"] + P["dense2.b"]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    expected = e / e.sum(axis=1, keepdims=True)
    found = net.predict(X)
    assert found.dtype == DTYPE
    assert np.abs(found - expected).max() < (1e-6 if DTYPE == "float32" else 1e-14)
"""


def script(*dtypes, after=""):
    body = "".join(textwrap.dedent(PREDICT).replace("DTYPE", repr(d)) for d in dtypes)
    return body + textwrap.dedent(after) + "\nprint('right')\n"


def start(code, **environment):
    merged = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | environment
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], env=merged, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def output(process):
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return out.strip().splitlines()[-1]


def test_two_processes_that_start_cold_at_once_and_a_third_that_finds_their_files(tmp_path):
    place = str(tmp_path / "kernels")
    both = [start(script("float32", "float64"), CHAINRULE_CACHE=place) for _ in range(2)]
    assert [output(p) for p in both] == ["right", "right"]
    compiled = {f: f.stat().st_mtime_ns for f in Path(place).rglob("*.code")}
    assert compiled
    assert output(start(script("float64", "float32"), CHAINRULE_CACHE=place)) == "right"
    assert compiled == {f: f.stat().st_mtime_ns for f in Path(place).rglob("*.code")}


def test_what_two_processes_stored_for_two_dtypes_is_not_mixed_up_by_a_third(tmp_path):
    place = str(tmp_path / "kernels")
    for dtype in ("float32", "float64"):  # alone, so that both number their functions alike
        assert output(start(script(dtype), CHAINRULE_CACHE=place)) == "right"
    for both in (("float32", "float64"), ("float64", "float32")):
        assert output(start(script(*both), CHAINRULE_CACHE=place)) == "right"


def said(process):
    """What a process wrote to standard error."""
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return err


COLD = "chainrule: compiling kernels for this machine (once; later runs load them)\n"


def test_the_first_process_says_once_that_it_compiles_and_later_ones_nothing(tmp_path):
    environment = {"CHAINRULE_CACHE": str(tmp_path), "CHAINRULE_QUIET": ""}
    assert said(start(script("float32", "float64"), **environment)) == COLD
    for harmless in ({}, {"NUMBA_NUM_THREADS": "1"}, {"NUMBA_DISABLE_JIT": "1"}):
        assert said(start(script("float32", "float64"), **environment | harmless)) == ""


def test_where_numba_may_not_compile_one_sentence_says_so(tmp_path):
    process = start(script("float32"), CHAINRULE_CACHE=str(tmp_path), NUMBA_DISABLE_JIT="1")
    _, err = process.communicate(timeout=200)
    assert err.splitlines()[-1].startswith("RuntimeError: NUMBA_DISABLE_JIT is set, and there is")


def test_nothing_is_said_where_quiet_is_wanted(tmp_path):
    place = str(tmp_path)
    assert said(start(script("float32"), CHAINRULE_CACHE=place, CHAINRULE_QUIET="1")) == ""


def test_nothing_can_be_written_anywhere(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    nowhere = str(file / "below")
    before = """
import tempfile
tempfile.mkdtemp = lambda **_: (_ for _ in ()).throw(PermissionError("nothing can be written"))
"""
    after = """
        from chainrule.engine import cache
        assert cache.folder() is None
    """
    process = start(
        before + script("float32", after=after), HOME=nowhere, XDG_CACHE_HOME=nowhere,
        CHAINRULE_CACHE="", CHAINRULE_QUIET="",
    )  # fmt: skip
    assert "compiling kernels that cannot be kept" in said(process)


def test_only_a_temporary_place_can_be_written_and_it_is_removed_at_the_end(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    nowhere, temporary = str(file / "below"), tmp_path / "temporary"
    temporary.mkdir()
    after = f"""
        from chainrule.engine import cache
        assert str(cache.folder()).startswith({str(temporary)!r})
        import os, stat
        assert stat.S_IMODE(os.stat(cache.folder()).st_mode) == 0o700
    """
    process = start(
        script("float32", after=after), HOME=nowhere, XDG_CACHE_HOME=nowhere, CHAINRULE_CACHE="",
        TMPDIR=str(temporary),
    )  # fmt: skip
    assert output(process) == "right"
    assert not list(temporary.iterdir())


def test_the_users_own_numba_settings_stay(tmp_path):
    after = """
        import numba
        assert numba.config.CACHE_DIR == "elsewhere", numba.config.CACHE_DIR
    """
    process = start(
        script("float32", after=after), NUMBA_CACHE_DIR="elsewhere",
        CHAINRULE_CACHE=str(tmp_path),
    )  # fmt: skip
    assert output(process) == "right"
    assert not Path("elsewhere").exists()


@pytest.fixture
def root(tmp_path, monkeypatch):
    place = tmp_path / "kernels"
    monkeypatch.setenv("CHAINRULE_CACHE", str(place))
    cache.folder.cache_clear()
    yield place
    cache.folder.cache_clear()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_the_folder_is_closed_to_others(root):
    assert stat.S_IMODE(cache.folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["NUMBA_OPT", "NUMBA_ENABLE_AVX", "NUMBA_LOOP_VECTORIZE"])
def test_code_compiled_with_other_settings_of_numba_has_another_folder(name, monkeypatch):
    monkeypatch.delenv(name, raising=False)
    before = cache.sources_key()
    monkeypatch.setenv(name, "0")
    assert cache.sources_key() != before
    monkeypatch.delenv(name)
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    assert cache.sources_key() == before


def test_an_edit_of_the_engine_means_another_folder(monkeypatch, tmp_path):
    before = cache.sources_key()
    (tmp_path / "engine").mkdir()
    other = tmp_path / "engine" / "edited.py"
    other.write_text("x = 1\n")
    monkeypatch.setattr(cache, "PACKAGE", tmp_path)
    edited = cache.sources_key()
    other.write_text("x = 2\n")
    assert len({before, edited, cache.sources_key()}) == 3


def test_an_edit_of_what_a_kernel_is_made_of_means_another_place_for_it_alone(
    monkeypatch, tmp_path
):
    from chainrule.engine.device import device, parts

    functions = {}
    for name in ("one", "other"):
        file = tmp_path / f"{name}.py"
        file.write_text("def f(x):\n    return number * x\n")
        functions[name] = {"number": 2}
        exec(compile(file.read_text(), str(file), "exec"), functions[name])
    calls = {"inner": device()(functions["one"]["f"])}
    exec("def g(x):\n    return inner(x)\n", calls)
    calls["g"].__code__ = calls["g"].__code__.replace(co_filename=str(tmp_path / "other.py"))
    monkeypatch.setattr(cache, "PACKAGE", tmp_path)

    def key(function):
        cache._hash_of.cache_clear()
        return cache.parts_key(parts(function, {}))

    caller, alone = key(calls["g"]), key(functions["other"]["f"])
    functions["one"]["number"] = 3  # a number that the called function reads
    assert key(calls["g"]) != caller
    functions["one"]["number"] = 2
    assert key(calls["g"]) == caller
    (tmp_path / "one.py").write_text("def f(x):\n    return 2 * x\n")
    assert key(calls["g"]) != caller
    assert key(functions["other"]["f"]) == alone


def test_code_is_not_stored_once_the_sources_have_been_replaced(root, monkeypatch):
    def entry(_number):
        pass

    with monkeypatch.context() as upgraded:
        upgraded.setattr(cache, "sources_key", lambda: "0c" * 10)
        assert cache.address("nothing", lambda: entry, "any")
    assert not list(root.rglob("*.code"))
    assert cache.address("nothing", lambda: entry, "any")
    assert [file.parents[2] for file in root.rglob("*.code")] == [root / cache.KEY]


LONG_AGO = (0, 0)


def test_folders_of_other_sources_go_when_they_are_old(root):
    old, young = root / ("0a" * 10), root / ("0b" * 10)
    for place in (old, young):
        place.mkdir(parents=True)
    os.utime(old, LONG_AGO)
    cache.folder()
    assert not old.exists()
    assert young.exists()


def test_parts_of_kernels_that_are_old_go_too(root):
    inside = cache.folder() / "float32"
    old, young = inside / ("0a" * 6), inside / ("0b" * 6)
    for place in (old, young, inside / "engine"):
        place.mkdir(parents=True)
    for place in (old, inside / "engine"):
        os.utime(place, LONG_AGO)
    cache.folder.cache_clear()
    cache.folder()
    assert [place.name for place in inside.iterdir()] == [young.name]


def test_nothing_else_in_the_folder_that_was_named_is_touched(root):
    thesis = root / "thesis" / "chapter.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("mine")
    root.chmod(0o755)
    for name in ("thesis", "0A" * 10, "0a" * 11, "x" * 20, "engine", "0a" * 6):
        (root / name).mkdir(exist_ok=True)
        os.utime(root / name, LONG_AGO)
    before, mode = set(root.iterdir()), stat.S_IMODE(root.stat().st_mode)
    mine = cache.folder()
    assert thesis.read_text() == "mine"
    assert set(root.iterdir()) == before | {mine}
    assert stat.S_IMODE(root.stat().st_mode) == mode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_in_a_folder_that_is_open_to_others_ours_is_closed(root):
    mine = root / cache.KEY
    mine.mkdir(parents=True)
    for place in (root, mine):
        place.chmod(0o755)
    assert cache.folder() == mine
    assert stat.S_IMODE(mine.stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such owners")
def test_code_in_a_file_of_another_user_is_not_loaded(tmp_path, monkeypatch):
    from chainrule.engine import native

    file, code = tmp_path / "f.code", native.Code("f", (), b"machine code")
    cache._store(file, code)
    assert cache._stored(file) == code
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    assert cache._stored(file) is None


@pytest.mark.parametrize("named", ["kernels", "~/kernels"])
def test_a_folder_stays_where_it_was_when_the_process_goes_elsewhere(
    named, tmp_path, monkeypatch, root
):
    monkeypatch.setenv("CHAINRULE_CACHE", named)
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    found = cache.folder()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert found == tmp_path / "kernels" / cache.KEY
    assert not list((tmp_path / "elsewhere").iterdir())


def test_every_kernel_of_the_package_can_be_stored():
    from chainrule.engine.device import parts
    from chainrule.warmup import kernels

    for kernel in kernels():
        assert cache.parts_key(parts(kernel.body, kernel.replaced)), kernel
