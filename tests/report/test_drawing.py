"""Pictures are parts of a page: nothing in them reaches the rest of it."""

import re

import numpy as np

from chainrule.report.columns import spark_of
from chainrule.report.curves import course_of, curves_of
from chainrule.report.drawing import axes, embedded, picture
from chainrule.training.history import History


def test_two_pictures_of_the_same_share_no_id():
    def paint(figure):
        axes(figure, "x", "y").plot([0, 1], [0, 1], "o", clip_on=True)

    one, other = (picture(name, "t", "h", paint).svg for name in ("one", "other"))
    ids = [set(re.findall(r'\sid="([^"]*)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert ids[0].isdisjoint(ids[1])
    for svg, found in zip((one, other), ids, strict=True):
        referred = re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', svg)
        assert referred
        assert {a or b for a, b in referred} <= found


def test_what_is_embedded_has_no_prolog_no_style_and_no_size():
    drawn = (
        '<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg width="3pt" viewBox="0 0 1 1" version="1.1">'
        '<metadata>m</metadata><defs><style type="text/css">*{a:b}</style></defs></svg>'
    )
    assert embedded(drawn, "n") == (
        '<svg viewBox="0 0 1 1" class="plot" aria-hidden="true"><defs></defs></svg>'
    )


def test_curves_bear_what_trainings_leave():
    odd = History({"loss": [3.0, float("nan"), float("inf")], "val_r2": [-1e30, 0.5, 0.6]})
    assert [found.name for found in curves_of([odd], [None])] == ["curve-loss", "curve-r2"]
    assert curves_of([History()], [None]) == []
    assert len(curves_of([odd, History(), odd], [None] * 3)) == 2


def test_the_epoch_that_was_gone_back_to_is_that_of_the_network_that_is_drawn():
    trained = History({"loss": [3.0, 1.0, 2.0]})
    for histories, best in (([trained], [2]), ([trained, History()], [2, None])):
        (found,) = curves_of(histories, best)
        assert "is the epoch 2 that" in found.how
    for histories, best in (([History(), trained], [2, None]), ([trained, trained], [2, 2])):
        (found,) = curves_of(histories, best)
        assert "dotted" not in found.how


def test_curves_of_many_epochs_stay_small():
    loss = np.exp(-np.arange(200_000) / 5e4).tolist()
    assert len(curves_of([History({"loss": loss})], [None])[0].svg) < 40_000


def test_the_course_of_a_training_is_told():
    def course(*losses):
        return course_of(History({"loss": losses, "val_loss": losses}))

    assert "by heart" in course(5.0, 3.0, 1.0, 2.0, 3.0)
    assert "still falls" in course(5.0, 4.0, 3.0, 2.0, 1.0)
    assert "not too long" in course(5.0, 4.0, 1.0, 1.01, 1.02)
    assert course(1.0, 2.0) == ""
    for lowest in (-2.0, 0.0):  # as of densities
        assert "by heart" in course(1.0, lowest, 1.0, 3.0, 5.0)
    assert "not too long" in course(1.0, -2.0, -1.9, -1.95, -1.9)
    assert "by heart" in course(1.0, -2.0, -1.9, -1.85, -1.75)


def test_a_training_that_went_back_to_its_best_epoch_gets_no_advice():
    def course(*losses, best):
        return course_of(History({"loss": losses, "val_loss": losses}), best)

    told = course(5.0, 3.0, 1.0, 2.0, 3.0, best=3)
    assert told == (
        "The validation loss is lowest after epoch 3 of 5 (1.000); the network is that of epoch 3."
    )
    assert "more epochs may help" in course(5.0, 4.0, 3.0, 2.0, 1.0, best=5)


def test_without_validation_losses_nothing_is_told():
    assert course_of(History({"loss": [1.0] * 9})) == ""


def test_sparks_show_a_distribution_whatever_its_outliers():
    values = np.append(np.linspace(0, 1, 1000), 1e9)
    heights = [height for _, _, height in spark_of(values).bars]
    assert min(heights) > 10
    assert spark_of(np.full(5, np.nan)) is None
    assert spark_of(np.zeros(0)) is None
    assert len(spark_of(np.full(9, 7.0)).bars) == 1
    assert [spark_of(np.arange(100.0) % n).cut for n in (1, 2, 16, 17, 100)] == [
        False, False, False, False, True,
    ]  # fmt: skip
