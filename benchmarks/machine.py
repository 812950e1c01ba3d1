"""What the figures were measured on."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

PACKAGES = ("chainrule", "numpy", "scipy", "numba", "scikit-learn", "torch", "jax", "jaxlib")
NOT_WORK = {"idle", "iowait", "guest", "guest_nice"}


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


def busy_seconds() -> float | None:
    """The seconds that all cores have worked since the system started, if psutil is there."""
    try:
        import psutil
    except ImportError:
        return None
    times = psutil.cpu_times()._asdict()
    # Linux counts guests among user and nice already, and a core that waits for a disk is idle.
    return float(sum(times[name] for name in times if name not in NOT_WORK))
