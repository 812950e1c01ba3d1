"""The script of the page on remedies: every row of its table can be computed."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "examples" / "remedies.py"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("remedies_of_the_page", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    # dataclasses look their module up by its name
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, specification.name, module)
        specification.loader.exec_module(module)
        yield module


def test_the_table_has_a_row_for_each_remedy_and_compares_it_seed_by_seed(script, monkeypatch):
    quick = {n: dataclasses.replace(r, epochs=2, units=8) for n, r in script.REMEDIES.items()}
    monkeypatch.setattr(script, "REMEDIES", quick)
    rows = [line.strip("| ").split(" | ") for line in script.table(2).splitlines()[2:]]
    assert [row[0] for row in rows] == list(quick)
    for row in rows:
        assert (row[3] == "") == (row[0] == "plain")
        assert row[5] == "2"
    assert sum(map(int, rows[1][4].split(", "))) == 2


def test_two_remedies_of_one_seed_see_the_same_data_and_start(script):
    remedy = dataclasses.replace(script.REMEDIES["plain"], epochs=1)
    assert script.trained(remedy, 0) == script.trained(remedy, 0)
    assert script.trained(remedy, 0) != script.trained(remedy, 1)
