"""The gallery of the documentation: it is that of the registries, its numbers the kernels'."""

import math
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from chainrule.activations import Activation, activations
from chainrule.engine.kernel import device, real
from chainrule.equations import apply, symbols
from chainrule.extras import MissingExtraError
from chainrule.glass.gallery import pages as gallery
from chainrule.glass.gallery import plots
from chainrule.glass.gallery.curves import activation_curve, cases, limit, loss_curve, row_curves
from chainrule.losses import Form, Loss, elementwise, losses

DOCS = Path(__file__).parents[3] / "docs"
ANEW = "make it anew with: make gallery"
ALL = pytest.mark.parametrize("entry", [*activations, *losses], ids=gallery.picture_of)
ELEMENTWISE = pytest.mark.parametrize(
    "entry", [e for e in activations if not e.rowwise], ids=lambda e: e.name
)
CASES = pytest.mark.parametrize(
    "case", [case for loss in losses for case in cases(loss)],
    ids=lambda c: f"{c.loss.name}, {c.label}",
)  # fmt: skip


@pytest.fixture(scope="module")
def page():
    return gallery.page()


@pytest.fixture(scope="module")
def pictures():
    return gallery.pictures()


def section(page, name):
    return re.split(r"\n(?=###? )", page.split(f"\n### {name}\n")[1])[0]


def tables(text):
    """The rows of the tables in a text, in cells."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# ------------------------------------------------------------------ what is committed


def test_the_page_of_the_documentation_is_that_of_the_registries(page):
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == page, ANEW


def test_there_is_a_picture_of_each_entry_and_no_other(pictures):
    assert {path.name for path in (DOCS / "gallery").iterdir()} == set(pictures), ANEW


def content(svg):
    """The words of a picture, and of each named line its box and its ends, in points."""
    root = ElementTree.fromstring(svg)
    words = ["".join(e.itertext()).strip() for e in root.iter() if e.tag.endswith("}text")]
    lines = {}
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        name = group.get("id", "")
        if name.startswith(("value", "slope", "dot", "ring", "end")):
            path = "".join(e.get("d", "") for e in group.iter() if e.tag.endswith("}path"))
            xy = np.array(re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", path), float).reshape(-1, 2)
            used = [(float(e.get("x")), float(e.get("y"))) for e in group.iter()
                    if e.tag.endswith("}use")]  # fmt: skip
            xy = np.array(used) if used else xy
            lines[name] = np.array([xy.min(axis=0), xy.max(axis=0), xy[0], xy[-1]])
    return words, lines


@ALL
def test_the_pictures_of_the_documentation_show_what_would_be_drawn_now(entry, pictures):
    """By what they contain: another Matplotlib may write the same in other words."""
    name = gallery.picture_of(entry)
    words, lines = content((DOCS / "gallery" / name).read_text(encoding="utf-8"))
    right_words, right_lines = content(pictures[name])
    assert words == right_words, ANEW
    assert list(lines) == list(right_lines), ANEW
    for line, right in right_lines.items():
        np.testing.assert_allclose(lines[line], right, atol=0.5, err_msg=f"{line}: {ANEW}")


@ALL
def test_pictures_are_small_and_without_dates_and_versions(entry, pictures):
    svg = pictures[gallery.picture_of(entry)]
    assert len(svg.encode()) < 30_000
    assert "metadata" not in svg
    assert "matplotlib v" not in svg.lower()
    ids = re.findall(r'\sid="([^"]*)"', svg)
    assert len(set(ids)) == len(ids)
    assert not any(" " in each for each in ids)


def test_the_same_entry_gives_the_same_bytes_whatever_the_users_settings_are(pictures):
    import matplotlib

    with matplotlib.rc_context({"font.size": 20, "axes.grid": True, "svg.fonttype": "path"}):
        for entry, draw in ((activations["selu"], plots.activation_picture),
                            (losses["hinge"], plots.loss_picture)):  # fmt: skip
            assert draw(entry) == pictures[gallery.picture_of(entry)]
        assert matplotlib.rcParams["font.size"] == 20


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


@pytest.mark.parametrize("colour", [plots.INK, *plots.COLOURS])
@pytest.mark.parametrize("background", ["#ffffff", "#0d1117"])
def test_every_colour_stands_out_on_light_and_dark_pages(colour, background):
    dark, light = sorted(map(luminance, (colour, background)))
    assert (light + 0.05) / (dark + 0.05) > 3.9


# ------------------------------------------------------------------ the page


@ALL
def test_an_entry_has_its_picture_its_equations_and_its_use(entry, page):
    text = section(page, entry.name)
    assert f"](gallery/{gallery.picture_of(entry)})" in text
    assert f"\n\n{entry.use}\n\n" in text
    assert text.count("\\begin{aligned}") >= 1
    for alias in entry.aliases:
        assert f"`{alias}`" in text


def test_every_link_of_the_page_leads_somewhere(page):
    headings = re.findall(r"^### (.*)$", page, re.MULTILINE)
    assert headings == [*activations.names(), *losses.names()]
    assert len(set(headings)) == len(headings)
    assert set(re.findall(r"\]\(#(.*?)\)", page)) == set(headings)


def test_the_latex_of_the_page_is_closed(page):
    blocks = re.findall(r"^\$\$\n(.*?)\n\$\$$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= len(list(activations)) + len(list(losses))
    assert page.count("$$") == 2 * len(blocks)
    for block in blocks:
        plain = block.replace(r"\{", "").replace(r"\}", "")
        assert plain.count("{") == plain.count("}")
        assert block.count(r"\left") == block.count(r"\right")
        assert block.count(r"\begin{") == block.count(r"\end{")
        assert block.count(r"\text{otherwise}") == block.count(r"\begin{cases}")


def test_the_tables_of_the_page_are_rectangular(page):
    for block in re.findall(r"(?:^\|.*\n?)+", page, re.MULTILINE):
        assert len({len(row) for row in tables(block)}) == 1


@ELEMENTWISE
def test_the_page_states_the_range_and_the_limits_of_the_entry(entry, page):
    text = section(page, entry.name)
    assert f"Range: {gallery.interval(entry.range, entry.open)}." in text
    head, values, slopes = tables(text)[0], *tables(text)[2:4]
    assert (values[1], values[-1]) == tuple(map(gallery.number, entry.limits))
    for kink, taken in entry.kinks.items():
        said = slopes[head.index(gallery.number(kink))]
        assert said == ("none" if math.isnan(taken) else f"{gallery.number(taken)} taken")


def test_tanh_is_said_to_be_a_logistic_function_stretched_and_moved_and_is(page):
    assert "tanh(z) = 2 σ(2z) − 1" in section(page, "tanh")
    z = np.linspace(-5, 5, 101)
    sigma = activations["logistic"].equation.evaluate({"z": 2 * z})
    np.testing.assert_allclose(activation_curve(activations["tanh"]).value(z), 2 * sigma - 1,
                               atol=1e-15)  # fmt: skip


@pytest.mark.parametrize("loss", list(losses), ids=lambda e: e.name)
def test_the_page_states_what_a_loss_accepts_and_its_natural_pairs(loss, page):
    text = section(page, loss.name)
    assert f"- Predictions: {gallery.interval(loss.domain, loss.open)}" in text
    assert f"the {'mean' if loss.mean else 'sum'} over its examples" in text
    assert loss.advice in text
    for partner in loss.natural:
        assert f"With [{partner}](#{partner}) outputs" in text
        assert f"natural with [{loss.name}](#{loss.name})" in section(page, partner) or (
            f", [{loss.name}](#{loss.name})" in section(page, partner)
        )


def test_what_cross_entropies_refuse_is_said_of_the_activation(page):
    assert "refused by [binary_cross_entropy]" in section(page, "tanh")
    assert "refused by" not in section(page, "logistic")


# ------------------------------------------------------------------ its numbers


@ELEMENTWISE
def test_the_curves_of_an_activation_are_those_of_its_kernels(entry, activate, pull_back):
    curve = activation_curve(entry)
    for z in curve.pieces():
        np.testing.assert_allclose(curve.value(z), activate(entry, z[:, None])[:, 0], rtol=1e-12,
                                   atol=1e-14)  # fmt: skip
        right = pull_back(entry, np.ones((len(z), 1)), z[:, None])[:, 0] if entry.trainable else 0
        np.testing.assert_allclose(curve.slope(z), right, rtol=1e-10, atol=1e-12)


@ELEMENTWISE
def test_the_limits_of_an_activation_are_those_of_its_kernels(entry, activate, pull_back):
    curve, ends = activation_curve(entry), np.array([[-1e30], [1e30]])
    at_ends = [limit(curve.value, end) for end in (-math.inf, math.inf)]
    assert at_ends == [pytest.approx(end, abs=1e-9) for end in entry.limits]
    slopes = [limit(curve.slope, end) for end in (-math.inf, math.inf)]
    for found, kernel in ((at_ends, activate(entry, ends)),
                          (slopes, pull_back(entry, np.ones((2, 1)), ends)
                           if entry.trainable else np.zeros((2, 1)))):  # fmt: skip
        kernel = np.where(np.abs(kernel) > 1e15, np.copysign(math.inf, kernel), kernel)
        np.testing.assert_allclose(found, kernel[:, 0], atol=1e-9)


@ELEMENTWISE
def test_a_curve_stays_in_the_range_that_is_dashed(entry):
    curve = activation_curve(entry)
    low, high = entry.range
    for z in curve.pieces():
        assert low <= curve.value(z).min()
        assert curve.value(z).max() <= high


@ELEMENTWISE
def test_at_the_kinks_the_values_are_those_of_the_kernels(entry, activate, pull_back):
    for kink in activation_curve(entry).kinks:
        z = np.array([[kink.place]])
        assert kink.value == activate(entry, z)[0, 0]
        assert kink.slope == pytest.approx(entry.kinks[kink.place], nan_ok=True)
        assert not entry.trainable or kink.slope == pull_back(entry, np.ones((1, 1)), z)[0, 0]


@ELEMENTWISE
def test_the_kinks_are_marked_with_a_dot_and_what_is_only_come_near_to_with_a_ring(entry, pictures):
    names = content(pictures[gallery.picture_of(entry)])[1]
    marked = {float(name.split("-at")[-1]) for name in names if name.startswith("dot-value")}
    assert marked == set(entry.kinks)
    for kink in activation_curve(entry).kinks:
        assert (f"dot-slope-1-at{kink.place:g}" in names) == (not math.isnan(kink.slope))
        rings = {round(side, 6) for side in kink.sides} - {round(kink.slope, 6)}
        assert (f"ring-slope-1-at{kink.place:g}" in names) == (len(set(kink.sides)) > 1 and
                                                             bool(rings))  # fmt: skip


def test_the_outputs_of_softmax_sum_to_one_and_are_those_of_its_kernels(activate, pull_back):
    curves, z = row_curves(activations["softmax"]), np.linspace(-5, 5, 21)
    rows = np.stack([z, np.zeros(21), np.full(21, -1.0)], axis=1)
    right = activate(activations["softmax"], rows)
    for output, curve in enumerate(curves):
        np.testing.assert_allclose(curve.value(z), right[:, output], rtol=1e-13)
        da = np.tile(np.eye(3)[output], (21, 1))
        slope = pull_back(activations["softmax"], da, rows)[:, 0]
        np.testing.assert_allclose(curve.slope(z), slope, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(sum(curve.value(z) for curve in curves), 1)


@CASES
def test_the_curves_of_a_loss_are_those_of_its_kernels(case, loss_of):
    curve = loss_curve(case)
    for x in curve.pieces():
        loss, da = loss_of(case.loss, case.predictions(x), case.targets(x).astype(float))
        np.testing.assert_allclose(curve.value(x), loss, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(curve.slope(x), da[:, 0], rtol=1e-9, atol=1e-12)


@CASES
def test_the_limits_of_a_loss_are_those_of_its_kernels_just_inside_its_domain(case, loss_of):
    curve = loss_curve(case)
    for end in case.loss.domain:
        inside = math.copysign(1e30, end) if math.isinf(end) else abs(end - 1e-12)
        x = np.array([inside])
        loss, da = loss_of(case.loss, case.predictions(x), case.targets(x))
        for found, kernel in ((limit(curve.value, end), loss[0]), (limit(curve.slope, end),
                                                                   da[0, 0])):  # fmt: skip
            if math.isinf(found):  # a logarithm is no more than 28 there
                assert kernel * np.sign(found) > 10
            else:
                assert kernel == pytest.approx(found, abs=1e-8)


def test_the_kinks_of_losses_are_found_where_they_are_and_nowhere_else():
    found = {
        loss.name: [(k.place, k.slope) for case in cases(loss) for k in loss_curve(case).kinks]
        for loss in losses
    }
    assert {name: kinks for name, kinks in found.items() if kinks} == {
        "hinge": [(-1, 0), (1, 0)],
        "mean_absolute": [(-1, 0), (1, 0)],
        "quantile": [(0, 0)] * 3,
    }


@pytest.mark.parametrize(
    ("function", "end", "right"),
    [
        (np.arctan, math.inf, math.pi / 2),
        (lambda x: x**2, -math.inf, math.inf),
        (lambda x: x * np.exp(-x), math.inf, 0),
        (lambda x: np.where(np.isinf(x), math.nan, np.sin(x)), math.inf, math.nan),
        (lambda x: x * np.log(x), 0.0, 0),
        (lambda x: -x / x**2, 0.0, -math.inf),
    ],
)
def test_limits(function, end, right):
    with np.errstate(all="ignore"):
        assert limit(function, end) == pytest.approx(right, nan_ok=True)


# ------------------------------------------------------------------ entries of users

Z, A, Y = symbols("z a y")


@device()
def square_value(z, k):
    return z * z


@device()
def square_pullback(da, z, a, k):
    return real(2) * z * da


@device()
def quartic_value(a, y, k):
    return (a - y) ** 4


@device()
def quartic_slope(a, y, k):
    return real(4) * (a - y) ** 3


SQUARE = Activation("square", Z**2, 2 * Z, square_value, square_pullback,
                    range=(0, math.inf), limits=(math.inf, math.inf))  # fmt: skip
QUARTIC = Loss("quartic", {"values": elementwise(
    "quartic", (A - Y) ** 4, 4 * (A - Y) ** 3, quartic_value, quartic_slope)})  # fmt: skip
LABELS_ALONE = Loss("labels_alone", {"labels": Form(
    *(losses["cross_entropy"].forms["labels"].__dict__.values()))}, domain=(0, 1))  # fmt: skip
ROW = Activation("halved_row", Z / 2, apply("hadamard", symbols("da")[0], 0.5), None, None,
                 rowwise=activations["softmax"].rowwise)  # fmt: skip


@pytest.fixture
def registered(monkeypatch):
    """Entries that are registered for the time of a test."""
    for registry, entries in ((activations, (SQUARE, ROW)), (losses, (QUARTIC, LABELS_ALONE))):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        for entry in entries:
            registry.register(entry)


@pytest.mark.usefixtures("registered")
def test_entries_of_a_users_own_appear_with_what_is_known_of_them(tmp_path):
    written = gallery.write(tmp_path / "pages")
    assert all(path.is_file() for path in written)
    names = [path.name for path in written]
    page = written[0].read_text(encoding="utf-8")
    for name in ("activation-square.svg", "activation-halved_row.svg", "loss-quartic.svg",
                 "loss-labels_alone.svg"):  # fmt: skip
        assert name in names
    square = section(page, "square")
    assert "f(z) &= {z}^{2}" in square
    assert tables(square)[2:4] == [["f(z)", "∞", "0", "∞"], ["f′(z)", "−∞", "0", "∞"]]
    assert "Source" not in square
    assert r"\frac{\partial \ell }{\partial a} &= 4\,\left(a-y\right)^{3}" in section(
        page, "quartic"
    )
    assert "\n\n\n" not in page


def test_the_command_writes_into_the_folder_that_it_is_given(tmp_path):
    command = [sys.executable, "-m", "chainrule.glass.gallery.pages", str(tmp_path)]
    subprocess.run(command, check=True)
    assert (tmp_path / "gallery.md").read_bytes() == (DOCS / "gallery.md").read_bytes()
    assert len(list((tmp_path / "gallery").iterdir())) == len(list((DOCS / "gallery").iterdir()))


def test_the_command_says_what_it_needs():
    with pytest.raises(SystemExit, match="needs one folder to be written into, such as docs"):
        gallery.main([])


def test_without_matplotlib_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'chainrule\[cli\]'"):
        gallery.write(tmp_path)
    assert list(tmp_path.iterdir()) == []
