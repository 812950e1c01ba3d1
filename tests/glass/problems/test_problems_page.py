"""The page about problems: its file can be read, its examples print what it says."""

import contextlib
import io
import re
from pathlib import Path

import chainrule as cr
from chainrule.glass.mistakes import MISTAKES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")


def test_the_file_of_the_page_can_be_read(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "problem.toml").write_text(text, encoding="utf-8")
    problem = cr.read_problem(tmp_path / "problem.toml")
    assert problem.claims == {"dW2[0,0]": "-0.0210", "W1.new[0,1]": "0.3012"}
    assert problem.network.parameters["b2"].tolist() == [0.15]


def test_the_examples_of_the_page_print_what_it_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    names = {}
    for code, printed in blocks:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(code, names)
        assert said.getvalue() == printed


def test_the_table_of_the_page_has_every_known_mistake():
    table = PAGE.partition("| known mistake |")[2]
    listed = {
        name.strip() for row in table.splitlines()[2:] if row.startswith("|")
        for name in row.split("|")[1].split(", ")
    }  # fmt: skip
    assert listed == set(MISTAKES)
