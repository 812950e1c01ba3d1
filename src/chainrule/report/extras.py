"""What the page is made with, beyond the library."""


def import_extras() -> None:
    """Import it, so that it is known before any work whether a page can be made.

    Raises:
        ImportError: if a package is not installed.
    """
    import jinja2  # noqa: F401
    import matplotlib
    import matplotlib.figure  # noqa: F401
