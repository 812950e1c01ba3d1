"""Where compiled code is kept between processes, and how two of them stay out of each other's way.

Numba keys what it stores on signature and bytecode: it sees neither the globals of a function
nor an edit in a file that the function calls. So there is one folder for each state of the engine,
in it one for each dtype, and in that one for each state of what a kernel is made of beyond the
engine; a lock around each compilation; and a fall-back where nothing can be written. The files are
pickles, so the folder is the user's own, closed to others.
"""

import atexit
import functools
import gc
import hashlib
import inspect
import os
import platform
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent.parent
ENGINE = "engine"
KEEP_DAYS = 14  # a folder of another engine, unused for so long, is removed

_said = False  # whether this process has said that it compiles
_declaring = threading.RLock()
if hasattr(os, "register_at_fork"):  # a lock that another thread held is held for ever in a child
    os.register_at_fork(after_in_child=lambda: globals().update(_declaring=threading.RLock()))


def sources_key() -> str:
    """A hash of what all compiled code depends on: the engine, and what compiles it."""
    import llvmlite
    import numba
    import numpy

    key = hashlib.sha256()
    versions = (sys.version, numba.__version__, llvmlite.__version__, numpy.__version__)
    key.update("\n".join((*versions, platform.machine(), str(PACKAGE))).encode())
    for file in sorted((PACKAGE / ENGINE).rglob("*.py")):
        key.update(file.relative_to(PACKAGE).as_posix().encode())
        key.update(file.read_bytes())
    return key.hexdigest()[:20]


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
    return key.hexdigest()[:12] if files or numbers else ENGINE


def _user_folder() -> Path:
    override = os.environ.get("CHAINRULE_CACHE")
    if override:
        return Path(override)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "chainrule" / "kernels"
    if sys.platform == "darwin":
        return Path("~/Library/Caches/chainrule/kernels").expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "chainrule/kernels"


def _usable(folder: Path) -> bool:
    """Make the folder if need be; whether it is the user's own and can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if hasattr(os, "getuid"):
            found = folder.stat()
            if found.st_uid != os.getuid():
                return False
            if stat.S_IMODE(found.st_mode) & 0o077:
                folder.chmod(0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError):
        return False
    return True


@functools.cache
def folder() -> Path | None:
    """The folder for the sources as they are, or None where nothing can be written."""
    root = _user_folder()
    if _usable(root):
        mine = root / sources_key()
        if _usable(mine):
            os.utime(mine)
            _prune(root, mine)
            for dtype in mine.iterdir():
                if dtype.is_dir():
                    _prune(dtype)
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


def _prune(root: Path, mine: Path | None = None) -> None:
    """Remove what has not been used for long."""
    oldest = time.time() - KEEP_DAYS * 86400
    for other in root.iterdir():
        try:
            if other != mine and other.is_dir() and other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)
        except OSError:
            continue


def entry_point(
    name: str, parameters: str, body: str, names: Mapping[str, Any], place: Callable[..., Any]
) -> Callable[..., Any]:
    """Make the function that Numba compiles and stores for a kernel.

    It carries the file and line of the kernel's own body, and the kernel's name: these tell
    its files in the cache folder from those of others.
    """
    identifier = "".join(c if c.isalnum() else "_" for c in name)
    text = f"def {identifier}{parameters}:\n    {body}\n"
    scope = dict(names)
    code = compile(text, inspect.getfile(place), "exec")
    exec(code, scope)  # noqa: S102 - the text is made above, of names alone
    function: Callable[..., Any] = scope[identifier]
    return function


def compiled(
    decorator: Callable[[bool], Callable[[Callable[..., Any]], Any]],
    function: Callable[..., Any],
    dtype: str,
    parts: Iterable[Any],
) -> Any:
    """Compile a function, or load it, through ``decorator(stored)(function)``.

    Args:
        decorator: makes the compiler, given whether what it makes is to be stored.
        function: what is compiled.
        dtype: what the function is compiled for.
        parts: as for :func:`parts_key`.
    """
    key = parts_key(parts)
    home = folder() if key else None
    if home is None or key is None:
        if key:
            announce_compiling(kept=False)
        return decorator(False)(function)
    import filelock
    import numba

    where = home / dtype / key
    where.mkdir(exist_ok=True, mode=0o700, parents=True)
    os.utime(where)
    with _declaring, filelock.FileLock(where.parent / "compiling.lock"):
        config: Any = numba.config
        before = config.CACHE_DIR
        config.CACHE_DIR = str(where)
        if not _is_stored(where, function):
            announce_compiling(kept=home.parent == _user_folder())
        collecting = gc.isenabled()
        gc.disable()  # a compiler makes millions of objects and keeps them: 5 % of its time
        try:
            return decorator(True)(function)
        finally:
            config.CACHE_DIR = before
            if collecting:
                gc.enable()


def _is_stored(where: Path, function: Callable[..., Any]) -> bool:
    """Whether Numba's index file for a function lies below a folder."""
    name = f"{function.__qualname__}-{function.__code__.co_firstlineno}"
    return next(where.glob(f"*/*.{name}.*.nbi"), None) is not None


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
