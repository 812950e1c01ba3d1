"""What a killed training leaves: whole or not there, and read only if it can be."""

import os
from pathlib import Path

import numpy as np
import pytest

from chainrule.tables import unfinished
from chainrule.tables.configuration import Configuration
from chainrule.tables.errors import TableError
from chainrule.tables.reading import Table
from chainrule.tables.unfinished import Unfinished, place_of

TABLE = Table("t.csv", ",", {"a": np.array(["1"], dtype=object)}, np.array([2]))
ASKED = Configuration("t.csv", "y", checkpoint_every=1)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_begun_is_read_again():
    Unfinished("deep/b").begin(ASKED, TABLE)
    assert sorted(os.listdir("deep/b.unfinished")) == ["fit.toml", "tables.sha256"]
    found = Unfinished("deep/b.unfinished").read()
    assert (found["file"], found["out"]) == ("t.csv", os.path.join("deep", "b"))
    assert os.stat("deep/b.unfinished").st_mode == os.stat("deep").st_mode


@pytest.mark.parametrize("written", [0, 1])
def test_a_kill_at_the_beginning_leaves_none_that_lacks_anything(written, monkeypatch):
    write, done = unfinished.write_whole, []

    def killed(path, content):
        if len(done) == written:
            assert not Path("b.unfinished").exists()
            raise KeyboardInterrupt
        write(path, content)
        done.append(path)

    monkeypatch.setattr(unfinished, "write_whole", killed)
    with pytest.raises(KeyboardInterrupt):
        Unfinished("b").begin(ASKED, TABLE)
    assert os.listdir() == []


def test_a_folder_that_cannot_be_made_gets_a_sentence():
    Path("file").touch()
    with pytest.raises(TableError, match=r"'file/b\.unfinished' cannot be written: "):
        Unfinished("file/b").begin(ASKED, TABLE)


def test_checkpoints_that_are_all_damaged_get_a_sentence():
    begun = Unfinished("b")
    begun.begin(ASKED, TABLE)
    assert begun.saved() is None
    Path("b.unfinished/checkpoint-00000007.safetensors").write_bytes(b"x")
    with pytest.raises(TableError, match=r"no checkpoint in 'b\.unfinished' can be read: remove"):
        begun.saved()


@pytest.mark.parametrize("name", [".", "deep/..", "link", "link/."])
def test_a_place_has_a_name_of_its_own(name, folder):
    Path("deep").mkdir()
    Path("link").symlink_to("deep")
    assert place_of(name) == (folder / "deep" if "link" in name else folder).resolve()
    assert place_of("deep/run") == Path("deep/run")


def test_a_place_that_no_directory_can_have_gets_a_sentence():
    Path("circle").symlink_to("circle")
    for name in ("/", "circle"):
        with pytest.raises(TableError, match=f"'{name}' cannot be "):
            place_of(name)
