import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from chainrule.report import write_report
from chainrule.tables.fitting import fit
from chainrule.tables.options import Options
from chainrule.tables.sources import table_of

SMALL = {"hidden": (8,), "epochs": 4, "threads": 1}
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """A page, taken apart: what its elements, ids, words and references are."""

    def __init__(self, html):
        super().__init__()
        self.html = html
        self.ids, self.tags, self.words, self.references = [], [], [], []
        self.sections, self.attributes, self._open = {}, [], []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        self.attributes.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
        for name in ("href", "src", "xlink:href", "data", "action"):
            if name in found:
                self.references.append(found[name])
        self.references += re.findall(r"url\(([^)]*)\)", " ".join(v or "" for v in found.values()))
        if tag not in VOID:
            self._open.append((tag, found.get("id", "")))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        opened, _ = self._open.pop()
        assert opened == tag, f"<{opened}> closed by </{tag}>"

    def handle_data(self, data):
        inside = [tag for tag, _ in self._open]
        if "style" in inside:
            return
        self.words.append(data)
        for tag, name in self._open:
            if tag == "section":
                self.sections[name] = self.sections.get(name, "") + data

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def page_of(tmp_path):
    """The page of a fitted model."""

    def page(fitted, command="chainrule fit table.csv --target y"):
        path = write_report(fitted, tmp_path / "report.html", command)
        return Page(path.read_text(encoding="utf-8"))

    return page


@pytest.fixture
def fit_frame():
    """Fit a data frame, in a moment."""

    def fit_it(frame, target, test=None, **options):
        return fit(table_of(frame), target, Options(**(SMALL | options)), test=test)

    return fit_it


@pytest.fixture
def people():
    """A table of people, with a text, a date, gaps, and targets of each kind."""
    rng = np.random.default_rng(0)
    rows = 150
    age = rng.uniform(18, 80, rows).round(1)
    frame = pd.DataFrame({"age": age, "town": rng.choice(["Ulm", "Bern", "Graz"], rows)})
    frame["since"] = np.datetime64("2020-01-01") + rng.integers(0, 900, rows).astype("m8[D]")
    frame["member"] = rng.choice(["yes", "no"], rows)
    frame["height"] = np.where(rng.random(rows) < 0.2, np.nan, rng.normal(170, 9, rows).round(1))
    frame["old"] = np.where(age > 50, "old", "young")
    frame["group"] = np.array(["a", "b", "c"])[np.digitize(age, [35, 60])]
    frame["income"] = (900 + 30 * age + rng.normal(0, 50, rows)).round(2)
    return frame
