"""The forms of a walkthrough: text, Markdown, HTML, LaTeX and PDF."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from io import BytesIO

import html5lib
import numpy as np
import pypdf
import pytest
from tests.glass.solutions.test_walkthrough import DESCENT, problem
from tests.seeds.test_001 import BACKWARD, ROUNDING, UPDATED, walkthrough_network, x

import chainrule as cr
from chainrule.glass.notation import NOTATIONS


@pytest.fixture(params=sorted(NOTATIONS))
def derived(request):
    net, X, y = problem("softmax", 2, 3)
    return cr.walkthrough(net, X, y, optimizer=cr.Adam(0.1), notation=request.param, form="both",
                          derive=True, title='Of <a> & "b" $x_1$ #5 \\o/')  # fmt: skip


def test_the_page_is_valid_html_without_scripts_or_addresses(derived):
    page = derived.html()
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(page)
    assert "<script" not in page
    assert "http" not in page
    assert "Of &lt;a&gt; &amp;" in page
    ET.fromstring(re.search(r"<main.*</main>", page, re.S)[0])


def test_the_markdown_has_its_mathematics_between_dollar_signs(derived):
    written = derived.markdown()
    assert written.count("$$") % 2 == 0
    assert written.startswith('# Of \\<a\\> & "b" \\$x\\_1\\$')


def test_the_latex_is_balanced_and_plain(derived):
    written = derived.latex()
    assert written.isascii(), sorted(set(written) - set(map(chr, range(128))))
    body = re.sub(r"\\[{}]", "", written)
    assert body.count("{") == body.count("}")
    assert len(re.findall(r"\\left\b", written)) == len(re.findall(r"\\right\b", written))
    for environment in ("aligned", "pmatrix", "document"):
        begun, ended = (rf"\{word}{{{environment}}}" for word in ("begin", "end"))
        assert written.count(begun) == written.count(ended)


@pytest.mark.skipif(
    not shutil.which("pdflatex") and not shutil.which("tectonic"), reason="no TeX is installed"
)
def test_the_latex_compiles(derived, tmp_path):
    derived.save(tmp_path / "w.tex")
    program = shutil.which("tectonic") or "pdflatex"
    options = [] if "tectonic" in program else ["-interaction=nonstopmode", "-halt-on-error"]
    subprocess.run([program, *options, "w.tex"], cwd=tmp_path, check=True, timeout=300)


def test_the_pdf_opens_and_holds_the_numbers():
    w = cr.walkthrough(walkthrough_network(), x, [1.0], optimizer=DESCENT, rounding=ROUNDING)
    pages = pypdf.PdfReader(BytesIO(w.pdf())).pages
    text = re.sub(r"\s", "", "".join(page.extract_text() for page in pages)).replace("-", "−")
    for values in (BACKWARD | UPDATED).values():
        for value in np.ravel(values):
            assert f"{value:.6f}".rstrip("0").replace("-", "−") in text, value


def test_the_end_of_the_name_says_the_form(derived, tmp_path):
    for ending in ("txt", "md", "html", "tex", "pdf"):
        path = derived.save(tmp_path / f"w.{ending}")
        assert path.stat().st_size > 1000
    with pytest.raises(ValueError, match=r"'w.doc' ends in none of .txt, .md"):
        derived.save(tmp_path / "w.doc")
    assert not (tmp_path / "w.doc").exists()


def test_notebooks_show_it_as_mathematics(derived):
    assert "<math" in derived._repr_html_()
    assert str(derived) == derived.text()
