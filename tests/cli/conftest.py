"""Shared by the tests of the command line."""

import pytest


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nothing is said of compiling, whichever test is the first to need a kernel."""
    monkeypatch.setenv("CHAINRULE_QUIET", "1")
