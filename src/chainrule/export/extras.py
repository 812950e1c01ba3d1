"""Packages that only an export needs."""

import importlib
from typing import Any


def extra(package: str, name: str) -> Any:
    """The package.

    Args:
        package: to import.
        name: of the extra that installs it.

    Raises:
        ImportError: that names the extra.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ImportError(
            f"this export needs the package {package}: pip install 'chainrule[{name}]'",
            name=package,
        ) from None
