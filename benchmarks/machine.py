"""What the figures were measured on."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

PACKAGES = ("chainrule", "numpy", "scipy", "numba", "scikit-learn", "torch", "jax", "jaxlib")
BUSY = 0.15  # share of the cores in use by others from which on figures are not to be quoted


def describe() -> dict[str, Any]:
    """The processor, the system, and the versions of everything that takes part."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
        "blas": _blas(),
    }


def processor() -> str:
    """The processor's name, as its maker calls it where the system tells."""
    with_name = Path("/proc/cpuinfo")
    if with_name.exists():
        for line in with_name.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _blas() -> list[dict[str, Any]]:
    import scipy.linalg.cython_blas  # noqa: F401 - loads the library to be described
    from threadpoolctl import threadpool_info

    told = ("internal_api", "version", "architecture", "num_threads")
    pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
    return [{key: p[key] for key in told if key in p} for p in pools]


def busy(seconds: float = 1.0) -> float | None:
    """The share of all cores that others keep busy, if psutil is there to tell."""
    try:
        import psutil
    except ImportError:
        return None
    return float(psutil.cpu_percent(seconds)) / 100
