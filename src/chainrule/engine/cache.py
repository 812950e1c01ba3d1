"""Where compiled code is kept between processes, and how two of them stay out of each other's way.

There is one folder for each state of the engine and each processor, in it one for each dtype, and
in that one for each state of what a kernel is made of beyond the engine. A file is one function,
written whole and then renamed; a lock around each compilation lets the second of two processes find
what the first has made; and there is a fall-back where nothing can be written. The files are
machine code, so these folders and files are the user's own, closed to others. The folder around
them may be any: nothing else in it is touched.
"""

import atexit
import contextlib
import functools
import hashlib
import importlib.metadata
import inspect
import itertools
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

from chainrule.engine import native

PACKAGE = Path(__file__).resolve().parent.parent
ENGINE = "engine"
KEEP_DAYS = 14  # a folder of another engine, unused for so long, is removed
LETTERS, PART_LETTERS = 20, 12  # of the names of our folders, which are parts of hashes
# Numba's variables that change no code that is stored; any other one might.
HARMLESS = {
    "NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "NUMBA_NUM_THREADS", "NUMBA_THREADING_LAYER",
}  # fmt: skip

_said = False  # whether this process has said that it compiles
_numbers = itertools.count()  # of code that is not stored


def sources_key() -> str:
    """A hash of what all compiled code depends on: engine, compiler, its settings, processor."""
    key = hashlib.sha256()
    versions = [importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")]
    settings = sorted(
        f"{name}={value}"
        for name, value in os.environ.items()
        if name.startswith("NUMBA_") and name not in HARMLESS
    )
    known = (sys.version, *versions, *settings, *native.target(), str(PACKAGE))
    key.update("\n".join(known).encode())
    for file in sorted((PACKAGE / ENGINE).rglob("*.py")):
        key.update(file.relative_to(PACKAGE).as_posix().encode())
        key.update(file.read_bytes())
    return key.hexdigest()[:LETTERS]


# Of the sources that this process has: the files may be replaced while it runs.
KEY = sources_key()


def parts_key(parts: Iterable[Any]) -> str | None:
    """A hash of what one function is compiled from beyond the engine.

    Args:
        parts: the functions that it is made of, and the numbers that they read.

    Returns:
        None if a function stands in no file of the package: it is compiled anew in each process.
    """
    files: set[Path] = set()
    numbers: set[str] = set()
    for part in parts:
        if not callable(part):
            numbers.add(repr(part))
            continue
        try:
            file = Path(inspect.getfile(part)).resolve()
            inside = file.relative_to(PACKAGE)
        except (TypeError, OSError, ValueError):
            return None
        if inside.parts[0] != ENGINE:
            files.add(file)
    return _hash_of(frozenset(files), frozenset(numbers))


@functools.cache
def _hash_of(files: frozenset[Path], numbers: frozenset[str]) -> str:
    key = hashlib.sha256()
    for file in sorted(files):
        key.update(file.relative_to(PACKAGE).as_posix().encode())
        key.update(file.read_bytes())
    key.update("\n".join(sorted(numbers)).encode())
    return key.hexdigest()[:PART_LETTERS] if files or numbers else ENGINE


def _user_folder() -> Path:
    override = os.environ.get("CHAINRULE_CACHE")
    if override:
        return Path(override).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "chainrule" / "kernels"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/chainrule/kernels").expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"  # an empty one counts as none
    return Path(base).expanduser() / "chainrule/kernels"


def _own(found: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or found.st_uid == os.getuid()


def _usable(folder: Path, closed: bool = False) -> bool:
    """Make the folder if need be; whether it is the user's own and can be written.

    Args:
        folder: a new one is closed to others.
        closed: whether one that is there already is closed, too, and may not be a link.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat(follow_symlinks=not closed)
        if not _own(found):
            return False
        if closed and hasattr(os, "getuid") and stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError):
        return False
    return True


@functools.cache
def folder() -> Path | None:
    """The folder for the sources as they are, or None where nothing can be written."""
    try:
        root = _user_folder().absolute()  # it stays where it is, wherever the process goes
    except (OSError, RuntimeError):  # there is no home, or no present folder
        root = None
    if root and _usable(root):
        mine = root / KEY
        if _usable(mine, closed=True):
            os.utime(mine)
            _prune(root, f"[0-9a-f]{{{LETTERS}}}", mine)
            for dtype in mine.iterdir():
                if dtype.is_dir():
                    _prune(dtype, f"[0-9a-f]{{{PART_LETTERS}}}|{ENGINE}")
            return mine
    try:
        private = Path(tempfile.mkdtemp(prefix="chainrule-"))
    except OSError:
        return None
    owner = os.getpid()
    atexit.register(
        lambda: shutil.rmtree(private, ignore_errors=True) if os.getpid() == owner else None
    )
    return private


def _prune(root: Path, names: str, mine: Path | None = None) -> None:
    """Remove the folders of such names, as only we give them, that have not been used for long."""
    oldest = time.time() - KEEP_DAYS * 86400
    for other in root.iterdir():
        try:
            ours = re.fullmatch(names, other.name) and other.is_dir() and other != mine
            if ours and other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)
        except OSError:
            continue


def entry_point(
    name: str, parameters: str, body: str, names: Mapping[str, Any]
) -> Callable[..., Any]:
    """Make the function that Numba compiles for a kernel: of integers, without a result."""
    text = f"def entry{parameters}:\n    {body}\n"
    scope = dict(names)
    exec(compile(text, f"<{name}>", "exec"), scope)  # noqa: S102 - made above, of names alone
    function: Callable[..., Any] = scope["entry"]
    return function


def address(
    name: str,
    make: Callable[[], Callable[..., Any]],
    dtype: str,
    parts: Iterable[Any] = (),
    identity: Iterable[str] = (),
) -> int:
    """The address of a function's machine code, which is loaded, or compiled and stored.

    Args:
        name: of the function.
        make: makes the function that is compiled; called only if it has to be.
        dtype: what it is compiled for.
        parts: as for :func:`parts_key`; the engine's own need not be named.
        identity: what tells it from other functions of this name and these parts.
    """
    parts = list(parts)
    key = parts_key(parts)
    home = folder() if key else None
    symbol = _symbol(name, (dtype, str(key), *identity, *bytecodes(parts)))
    if home is None or key is None:
        if key:
            announce_compiling(kept=False)
        return native.load(native.compiled(make(), f"{symbol}_{next(_numbers)}"))
    where = home / dtype / key
    file = where / f"{symbol}.code"
    code = _stored(file)
    if code is None:
        import filelock

        where.mkdir(exist_ok=True, mode=0o700, parents=True)
        with filelock.FileLock(where.parent / "compiling.lock"):
            code = _stored(file)  # by now another process may have compiled it
            if code is None:
                announce_compiling(kept=home.name == KEY)
                code = native.compiled(make(), symbol)
                if sources_key() == KEY:  # else code of one state would pass for that of another
                    _store(file, code)
    _touch(where)
    return native.load(code)


def _symbol(name: str, identity: Iterable[str]) -> str:
    letters = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return f"{letters}_{hashlib.sha256(repr(tuple(identity)).encode()).hexdigest()[:16]}"


def bytecodes(parts: Iterable[Any]) -> list[str]:
    """What tells the functions among parts from others in the same files."""
    return sorted(_bytecode(part) for part in parts if callable(part))


def _bytecode(function: Callable[..., Any]) -> str:
    code = function.__code__
    constants = [c for c in code.co_consts if not isinstance(c, CodeType)]  # no addresses
    names = (function.__module__, function.__qualname__, *code.co_names)
    return repr((names, constants, code.co_code))


def _stored(file: Path) -> native.Code | None:
    try:
        with file.open("rb") as stored:
            # Whoever may write in a folder above ours could have put another in its place.
            return native.Code.unpacked(stored.read()) if _own(os.fstat(stored.fileno())) else None
    except OSError:
        return None


def _store(file: Path, code: native.Code) -> None:
    """Write a file under another name and rename it: nobody reads half of one."""
    unfinished = file.with_suffix(f".{os.getpid()}")
    try:
        unfinished.write_bytes(code.packed())
        unfinished.replace(file)
    except OSError:  # the next process compiles it again
        with contextlib.suppress(OSError):
            unfinished.unlink()


@functools.cache
def _touch(where: Path) -> None:
    """Keep a folder from being pruned."""
    with contextlib.suppress(OSError):
        os.utime(where)


def announce_compiling(kept: bool) -> None:
    """Say, once in a process and unless ``CHAINRULE_QUIET`` is set, what takes so long.

    Args:
        kept: whether later processes will find what is compiled.
    """
    global _said
    if not _said and not os.environ.get("CHAINRULE_QUIET"):
        _said = True
        words = "for this machine (once; later runs load them)"
        if not kept:
            words = "that cannot be kept: CHAINRULE_CACHE may name a folder for them"
        print(f"chainrule: compiling kernels {words}", file=sys.stderr, flush=True)


def announced() -> None:
    """Take what there is to say as said: the caller shows by itself that kernels are compiled."""
    global _said
    _said = True
