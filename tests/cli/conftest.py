"""Shared by the tests of the command line."""

import os
from pathlib import Path

import pytest

import chainrule


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nothing is said of compiling, whichever test is the first to need a kernel."""
    monkeypatch.setenv("CHAINRULE_QUIET", "1")


@pytest.fixture(autouse=True)
def same_library(monkeypatch):
    """Commands in processes of their own are of the library that is tested, in any folder."""
    source = str(Path(chainrule.__file__).parents[1])
    others = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", source + (os.pathsep + others if others else ""))
