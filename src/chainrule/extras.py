"""Packages that only some uses need, and the extras that install them."""

import importlib
from typing import Any


class MissingExtraError(ImportError):
    """A package is not installed that is needed now."""


def extra(package: str, name: str) -> Any:
    """The package.

    Args:
        package: to import.
        name: of the extra that installs it.

    Raises:
        MissingExtraError: that names the extra.
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        raise MissingExtraError(
            f"this needs the package {package}: pip install 'chainrule[{name}]'",
            name=package,
        ) from None
