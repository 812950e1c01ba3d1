"""The page of a fit: it is whole, stands alone, and shows users' texts as texts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from chainrule.training.history import History, Result

SECTIONS = [
    "data", "columns", "network", "training", "figures", "predictions", "importance", "health",
    "again",
]  # fmt: skip
TARGETS = ["old", "group", "income"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_section_is_there_and_says_something(page_of, fit_frame, people, target):
    page = page_of(fit_frame(people, target))
    assert list(page.sections) == SECTIONS
    assert all(len(words.split()) > 20 for words in page.sections.values())
    assert all(f"#{name}" in page.references for name in SECTIONS)


@pytest.mark.parametrize("target", TARGETS)
def test_it_stands_alone(page_of, fit_frame, people, target):
    page = page_of(fit_frame(people, target))
    assert {"script", "link", "img", "iframe", "object", "base"}.isdisjoint(page.tags)
    assert all(reference.startswith("#") for reference in page.references)
    assert "@import" not in page.html
    assert "url(" not in page.html.partition("</style>")[0]
    assert page.tags.count("style") == 1  # Matplotlib's would reach the whole page


@pytest.mark.parametrize("target", TARGETS)
def test_ids_are_unique_and_what_is_referred_to_is_there(page_of, fit_frame, people, target):
    page = page_of(fit_frame(people, target))
    assert len(set(page.ids)) == len(page.ids)
    assert {reference.removeprefix("#") for reference in page.references} <= set(page.ids)


def test_pictures_take_the_colours_and_the_font_of_the_page(page_of, fit_frame, people):
    page = page_of(fit_frame(people, "old"))
    plots = [found for tag, found in page.attributes if found.get("class") == "plot"]
    assert len(plots) == 4
    assert all("width" not in found and "viewbox" in found for found in plots)
    body = page.html.partition("</style>")[2]
    assert "#0a0b0" not in body
    assert "#000000" not in body
    assert "var(--ink)" in body
    assert "prefers-color-scheme: dark" in page.html
    assert "@media print" in page.html


def test_the_same_fit_makes_the_same_page(page_of, fit_frame, people):
    fitted = fit_frame(people, "group")
    assert page_of(fitted).html == page_of(fitted).html


def test_settings_of_matplotlib_are_left_alone_and_have_no_say(page_of, fit_frame, people):
    import matplotlib

    fitted = fit_frame(people, "income")
    usual = page_of(fitted).html
    with matplotlib.rc_context({"svg.fonttype": "path", "axes.facecolor": "red", "font.size": 40}):
        assert page_of(fitted).html == usual
        assert matplotlib.rcParams["font.size"] == 40


def test_command_and_seed_are_those_that_repeat_the_run(page_of, fit_frame, people):
    command = "chainrule fit 'my <table>.csv' --target old --seed 7 && echo \"done\""
    page = page_of(fit_frame(people, "old", seed=7), command)
    assert command in page.text
    assert "the seed 7" in page.sections["again"]


# ------------------------------------------------------------------ what users write

HOSTILE = [
    "<script>alert(1)</script>", "</style><b>x", "<img src=x onerror=alert(1)>", "a\x1b[31mred",
    "$\\frac{1}{", "{{ 7 * 7 }}", "&lt;b&gt;", '" onload="alert(1)', "\u202eevil", "]]>--><svg>",
    "=cmd()|x", "back\x08space",
]  # fmt: skip


@pytest.fixture
def hostile():
    rng = np.random.default_rng(1)
    rows = 120
    frame = pd.DataFrame({name: rng.normal(size=rows) for name in HOSTILE})
    frame["<i>text</i>"] = rng.choice(HOSTILE, rows)
    frame["<u>class</u>"] = np.array(HOSTILE)[np.arange(rows) % len(HOSTILE)]
    return frame


@pytest.mark.parametrize("target", ["<u>class</u>", HOSTILE[0]])
def test_markup_and_control_characters_are_text(page_of, fit_frame, hostile, target):
    fitted = fit_frame(hostile, target)
    plan = replace(fitted.plan, file="<script>file</script>\x1b[0m.csv")
    page = page_of(replace(fitted, plan=plan), "chainrule fit '<script>x</script>' \x1b[31m")
    assert {"script", "b", "img", "u"}.isdisjoint(page.tags)
    assert not any(name.startswith("on") for _, found in page.attributes for name in found)
    assert not {"\x1b", "\x08", "\u202e", "\x7f"} & set(page.html)
    assert "<script>alert(1)</script>" in page.text
    assert "a\\x1b[31mred" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "&lt;b&gt;" in page.text


def test_what_is_not_printable_is_escaped_at_one_place(page_of, fit_frame, hostile, monkeypatch):
    fitted = fit_frame(hostile, HOSTILE[0])
    monkeypatch.setattr("chainrule.report.writing.visible", lambda text: text.replace("\x1b", "⎋"))
    page = page_of(fitted, "chainrule fit \x1b[31m")
    assert "a⎋[31mred" in page.text
    assert "fit ⎋[31m" in page.text
    assert "\\x1b" not in page.html


def test_a_megabyte_of_text_is_shortened(page_of, fit_frame, people):
    long = "x" * 1_000_000
    people = people.rename(columns={"age": long + "1", "group": long + "2"})
    people.loc[people["town"] == "Ulm", "town"] = long
    people.loc[people[long + "2"] == "a", long + "2"] = long
    page = page_of(fit_frame(people, long + "2"), "chainrule fit " + long)
    assert len(page.html) < 400_000
    for name in ("data", "columns", "predictions", "importance"):
        assert "x…" in page.sections[name]
        assert "x" * 60 not in page.sections[name]


# ------------------------------------------------------------------ unusual fits


def test_two_hundred_columns_are_all_there_and_most_are_folded(page_of, fit_frame):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(80, 200)), columns=[f"c{k}" for k in range(200)])
    frame["y"] = frame["c0"] * 2
    page = page_of(fit_frame(frame, "y"))
    assert all(f"c{k}" in page.sections["columns"].split() for k in range(200))
    assert "160 more columns" in page.sections["columns"]
    assert "180 more columns matter less" in page.sections["importance"]
    assert page.tags.count("details") == 1


def test_a_hundred_classes_show_those_that_are_hard_and_no_matrix(page_of, fit_frame):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=1000), "y": [f"k{k}" for k in range(100)] * 10})
    page = page_of(fit_frame(frame, "y"))
    assert "Confusion matrix" not in page.text
    assert "The classes that are hardest to find" in page.text
    assert "What is taken for what" in page.text
    assert "and 90 more, rarer ones" in page.sections["data"]


def test_a_class_that_no_judged_row_has_is_told(page_of, fit_frame, people):
    test = people[people["group"] != "c"]
    page = page_of(fit_frame(people, "group", test=test))
    assert "1 class that none of these rows has: “c”" in page.text
    assert f"On {len(test)} rows of another table, kept for the test, it is right in" in page.text
    assert f"Measured on {len(test)} rows of another table, kept for the test. The" in page.text
    assert "of another table, kept for the test" in page.text
    assert "of the training rows, since none were held out" in page.text
    assert "There were no validation rows." in page.text


@pytest.mark.parametrize("target", ["old", "group"])
def test_a_test_table_of_one_class_only_makes_a_page(page_of, fit_frame, people, target):
    test = people[people[target] == people[target].iloc[0]]
    page = page_of(fit_frame(people, target, test=test))
    assert list(page.sections) == SECTIONS
    assert "nan" not in page.text.lower().split()


@pytest.mark.parametrize("target", TARGETS)
def test_a_test_table_of_one_row_makes_a_page(page_of, fit_frame, people, target):
    page = page_of(fit_frame(people, target, test=people.head(1)))
    assert "Only 1 row could be judged" in page.text
    assert list(page.sections) == SECTIONS


@pytest.mark.parametrize("target", TARGETS)
def test_folds_show_their_deviation(page_of, fit_frame, people, target):
    page = page_of(fit_frame(people, target, folds=3))
    assert "means over the folds" in page.sections["figures"]
    assert "±" in page.sections["figures"]
    assert "150 rows, each judged by the model of a fold" in page.text


def test_an_ensemble_has_a_line_for_each_network(page_of, fit_frame, people):
    page = page_of(fit_frame(people, "old", ensemble=3))
    assert "3 networks of this kind" in page.sections["network"]
    assert "each line is a network" in page.sections["training"]
    assert page.html.count('style="fill: none; stroke: var(--blue); stroke-opacity: 0.75') == 3


def test_patience_names_its_validation_rows_and_the_best_epoch(page_of, fit_frame, people):
    page = page_of(fit_frame(people, "income", patience=2, epochs=30))
    assert "10 % of the training rows, kept back" in page.sections["training"]
    assert "The dotted line is the epoch" in page.sections["training"]


def test_a_training_that_went_back_is_not_advised_to(page_of, fit_frame, people):
    fitted = fit_frame(people, "old")
    losses = {"loss": [5.0, 3.0, 1.0, 2.0, 3.0], "val_loss": [5.0, 3.0, 1.0, 2.0, 3.0]}
    result = Result(History(losses), fitted.results[0].state, best_epoch=3)
    page = page_of(replace(fitted, results=(result,)))
    assert "the network is that of epoch 3" in page.sections["training"]
    assert "by heart" not in page.sections["training"]


def test_only_a_target_whose_ends_are_left_away_is_said_to_be(page_of, fit_frame, people):
    words = "outermost 2 % are left away"
    assert words in page_of(fit_frame(people, "income")).sections["data"]
    steps = people[["age", "income"]].assign(income=people["age"] // 10)
    assert words not in page_of(fit_frame(steps, "income", task="regression")).sections["data"]


def test_one_is_not_spoken_of_as_several(page_of, fit_frame):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(80, 41)), columns=[f"c{k}" for k in range(41)])
    frame["y"] = [f"k{k}" for k in range(11) for _ in range(7)] + ["k0"] * 3
    page = page_of(fit_frame(frame, "y", epochs=1))
    assert "for 1 epoch, to make" in page.sections["network"]
    assert "\n1 more column\n" in page.sections["columns"]
    assert "and 1 more, rarer one." in page.sections["data"]
    page = page_of(fit_frame(frame[[*frame.columns[:21], "y"]], "y", epochs=1))
    assert "1 more column matters less than these" in page.sections["importance"]


@pytest.mark.parametrize("epochs", [0, 1])
def test_an_interrupted_training_says_so(page_of, fit_frame, people, epochs):
    fitted = fit_frame(people, "old")
    result = fitted.results[0]
    history = result.history.first(epochs) if epochs else History()
    stopped = Result(history, result.state, stopped="interrupted")
    page = page_of(replace(fitted, results=(stopped,)))
    assert f"interrupted after epoch {epochs} of 4" in page.text
    assert f"for {epochs} of at most 4 epochs, to make" in page.text
    assert ("there are no curves" in page.text) == (epochs == 0)


def test_a_model_that_is_no_better_than_the_guess_is_told(page_of, fit_frame, people):
    fitted = fit_frame(people, "income")
    evaluation = replace(fitted.evaluation, figures=fitted.evaluation.guess_figures)
    page = page_of(replace(fitted, evaluation=evaluation))
    assert "no better than the simplest guess" in page.text


def test_what_the_checkup_finds_is_told(page_of, fit_frame, people):
    deep = {"hidden": (8,) * 8, "activation": "logistic"}
    page = page_of(fit_frame(people, "old", epochs=1, **deep))
    assert "vanishes on the way back" in page.sections["health"]
    assert "found nothing" not in page.sections["health"]
