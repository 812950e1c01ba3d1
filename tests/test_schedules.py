"""Schedules: their shapes, against the papers' formulas and other libraries."""

import dataclasses
import json
import math
import pickle
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from chainrule import schedules
from chainrule.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    CosLog4,
    Exponential,
    FlatCosine,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    Steps,
    Warmup,
    amount,
    as_data,
    from_dict,
    initial,
    register,
)

PER_EPOCH, ROWS, HORIZON = 7, 50, 12
ALL = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=lambda c: c.name)
INNER = [c for c in SCHEDULES.values() if c not in (Warmup, ReduceOnPlateau)]

# What an entry begins and ends with, as a share of ``initial``; one of a user's own needs no line.
FIRST = {"one_cycle": 1 / 25, "coslog4": 0, "warmup": 1 / PER_EPOCH}
LAST = {
    "step": 0.1, "exponential": 0.95**HORIZON, "inverse_scaling": (1 + HORIZON * PER_EPOCH) ** -0.5,
    "cosine": 0, "one_cycle": 1e-4, "coslog4": 0, "flat_cosine": 0,
}  # fmt: skip
RISES = {"one_cycle", "coslog4", "warmup"}


def steps(first=0, last=HORIZON * PER_EPOCH, per_epoch=PER_EPOCH, rows=ROWS, horizon=HORIZON):
    """The steps from ``first`` to ``last``, both included."""
    return Steps(np.arange(first, last + 1), per_epoch, rows, horizon)


# ------------------------------------------------------------------ every entry


@ALL
def test_there_is_a_finite_value_for_each_step_from_0_to_the_initial_one(schedule):
    values = schedule(0.3).values(steps())
    assert values.shape == (HORIZON * PER_EPOCH + 1,)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() == pytest.approx(0.3, rel=1e-3)  # no step need be at the very top


@ALL
def test_it_begins_and_ends_where_it_should(schedule):
    values = schedule(0.3).values(steps())
    assert values[0] == pytest.approx(0.3 * FIRST.get(schedule.name, 1), abs=1e-15)
    assert values[-1] == pytest.approx(0.3 * LAST.get(schedule.name, 1), rel=1e-9, abs=1e-15)


@ALL
def test_only_those_that_go_up_by_design_ever_rise(schedule):
    differences = np.diff(schedule(0.3).values(steps()))
    assert (differences > 1e-12).any() == (schedule.name in RISES)


@ALL
def test_it_is_in_proportion_to_its_initial_value(schedule):
    one, other = schedule(0.1).values(steps()), schedule(0.3).values(steps())
    np.testing.assert_allclose(other, 3 * one, rtol=1e-12, atol=1e-15)
    assert not schedule(0).values(steps()).any()


@ALL
def test_values_do_not_depend_on_which_steps_are_asked_for_together(schedule):
    whole = schedule(0.3).values(steps())
    parts = [schedule(0.3).values(steps(a, b)) for a, b in ((0, 9), (10, 10), (11, 84))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@ALL
def test_after_its_horizon_it_stays_defined(schedule):
    values = schedule(0.3).values(steps(0, 5 * HORIZON * PER_EPOCH))
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 0.3 * (1 + 1e-12)


@ALL
def test_it_says_what_it_is_and_where_it_is_from(schedule):
    assert issubclass(schedule, Schedule)
    assert "Source:" in schedule.__doc__
    assert schedule.source
    assert schedule.__name__ in schedules.__all__


@ALL
def test_it_cannot_change_and_is_told_apart_by_its_values(schedule):
    chosen = schedule(0.3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.initial = 1.0
    assert {chosen: 1}[schedule(0.3)] == 1
    assert chosen != schedule(0.4)
    assert pickle.loads(pickle.dumps(chosen)) == chosen


# One with nothing left at its default, for each entry.
FULL = [
    Constant(0.3),
    StepDecay(0.3, every=3, factor=0.25),
    Exponential(0.3, factor=0.5),
    InverseScaling(0.3, power=0.75, by="example", start=7),
    Cosine(0.3, final=0.1, period=2, stretch=1.5),
    OneCycle(0.3, warm=0.4, start_divisor=10.0, end_divisor=100.0),
    Warmup(Cosine(0.3, final=0.1), epochs=2.5),
    CosLog4(0.3),
    FlatCosine(0.3, flat=0.25),
    ReduceOnPlateau(0.3, 0.5, 3, 1e-3, 0.01, "val_loss"),
]


def test_every_entry_is_among_the_full_specifications():
    assert {type(s) for s in FULL} == set(SCHEDULES.values())
    for chosen in FULL:
        for field in dataclasses.fields(chosen):
            assert getattr(chosen, field.name) != field.default, (chosen, field.name)


@pytest.mark.parametrize("chosen", FULL, ids=lambda s: s.name)
def test_it_survives_a_file(chosen):
    again = from_dict(json.loads(json.dumps(chosen.to_dict())))
    assert again == chosen
    np.testing.assert_array_equal(again.values(steps()), chosen.values(steps()))


@pytest.mark.parametrize("chosen", FULL, ids=lambda s: s.name)
def test_a_copy_with_another_value_keeps_the_rest(chosen):
    assert dataclasses.replace(chosen) == chosen


@ALL
def test_numpy_numbers_are_numbers_in_a_file_too(schedule):
    chosen = schedule(np.float32(0.5))
    assert from_dict(json.loads(json.dumps(chosen.to_dict()))) == schedule(0.5)


# ------------------------------------------------------------------ what is refused


@ALL
@pytest.mark.parametrize(
    "value", [-0.1, math.nan, math.inf, "0.1", None, True, [0.1]], ids=lambda v: repr(v)
)
def test_an_initial_value_that_is_no_number_of_at_least_0_is_refused(schedule, value):
    # A warm-up is told apart by the words that follow.
    with pytest.raises(ValueError, match=rf"initial of {schedule.name} must be a number of at le"):
        schedule(value)


@pytest.mark.parametrize("schedule", [c for c in SCHEDULES.values() if c is not Warmup])
def test_only_a_warm_up_goes_around_another_schedule(schedule):
    with pytest.raises(ValueError, match=rf"initial of {schedule.name} must be .*Cosine"):
        schedule(Cosine(0.1))


WRONG = {
    StepDecay: {"every": (0, 1.5, "2", None, True), "factor": (0, 1.1, math.nan, None)},
    Exponential: {"factor": (0, 1.1, -0.5, math.nan, "a", Constant(0.5))},
    InverseScaling: {"power": (-0.1, math.inf, None), "by": ("batch", None, 1, ["step"]),
                     "start": (-1, 0.5, None, "1")},
    Cosine: {"final": (-0.1, 1.5, math.nan, None), "period": (0, 1.5, "2"),
             "stretch": (0.9, math.inf, None)},
    OneCycle: {"warm": (0, 1, -0.1, math.nan, None), "start_divisor": (0.5, math.inf, None),
               "end_divisor": (0.5, math.nan, None)},
    Warmup: {"epochs": (0, -1, math.nan, None, "1"), "then": (0.5, "cosine", Constant(0.5))},
    FlatCosine: {"flat": (-0.1, 1, math.nan, None)},
    ReduceOnPlateau: {"factor": (0, 1, math.nan), "patience": (0, 1.5, None),
                      "min_delta": (-1, math.inf), "minimum": (-0.1, 1.5, None),
                      "monitor": (None, 3)},
}  # fmt: skip


def test_the_table_of_wrong_values_knows_every_field():
    for schedule in SCHEDULES.values():
        fields = {f.name for f in dataclasses.fields(schedule)} - {"initial"}
        assert set(WRONG.get(schedule, {})) == fields, schedule


@pytest.mark.parametrize(
    ("schedule", "field", "value"),
    [(c, f, v) for c, table in WRONG.items() for f, values in table.items() for v in values],
    ids=lambda v: getattr(v, "name", None) or repr(v),
)
def test_a_value_outside_its_range_is_refused_by_name(schedule, field, value):
    with pytest.raises(ValueError, match=rf"^{field} of {schedule.name} must be ") as caught:
        schedule(1.0, **{field: value})
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [({"schedule": "cosin", "initial": 1}, "unknown schedule 'cosin'; there are constant, cosine"),
     ({"schedule": None, "initial": 1}, "unknown schedule None"),
     ({"schedule": ["cosine"]}, r"unknown schedule \['cosine'\]"),
     ({"schedule": "cosine"}, "the schedule 'cosine' needs initial; it can have initial, final"),
     ({"schedule": "cosine", "initial": 1, "speed": 2},
      "the schedule 'cosine' has no 'speed'; it can have initial, final"),
     ({"schedule": "cosine", "initial": 1, 5: 2}, "the schedule 'cosine' has no 5; it can have in"),
     ({"schedule": "cosine", "initial": -1}, "initial of cosine must be .* not -1"),
     ({"schedule": "warmup", "initial": {"schedule": "x"}}, "unknown schedule 'x'")],
)  # fmt: skip
def test_a_file_that_holds_something_else_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        from_dict(data)


def test_what_is_no_schedule_stays_as_it_is():
    assert from_dict(0.25) == 0.25
    assert from_dict({"initial": 1}) == {"initial": 1}
    assert as_data(0.25) == initial(0.25) == 0.25
    assert initial(Cosine(0.25)) == initial(Warmup(Cosine(0.25))) == 0.25


def test_a_hyperparameter_is_checked_by_what_its_schedule_starts_from():
    amount("adam", "beta1", Cosine(0.5), "below 1", lambda x: x < 1)
    with pytest.raises(ValueError, match=r"beta1 of adam must be below 1, not Cosine\(initial=1.5"):
        amount("adam", "beta1", Cosine(1.5), "below 1", lambda x: x < 1)


def test_a_user_adds_a_schedule():
    @dataclass(frozen=True)
    class Half(Schedule):
        name: ClassVar[str] = "half"

        def values(self, at):
            return np.full(at.step.shape, self.initial / 2)

    try:
        assert register(Half) is Half
        assert from_dict(Half(0.5).to_dict()) == Half(0.5)
        with pytest.raises(ValueError, match="the schedule 'half' exists already"):
            register(Half)
    finally:
        del SCHEDULES["half"]


# ------------------------------------------------------------------ warm-up


@pytest.mark.parametrize("schedule", INNER, ids=lambda c: c.name)
@pytest.mark.parametrize("epochs", [1, 2, 2.5, 1e-6])
def test_a_warm_up_is_a_line_to_the_first_value_and_then_the_schedule(schedule, epochs):
    inner, number = schedule(0.3), max(round(epochs * PER_EPOCH), 1)
    values = Warmup(inner, epochs).values(steps())
    rest = steps(last=HORIZON * PER_EPOCH - number, horizon=HORIZON - number / PER_EPOCH)
    first = inner.values(rest)[0]
    np.testing.assert_allclose(values[number:], inner.values(rest), rtol=1e-12, atol=1e-15)
    line = first * np.arange(1, number + 1) / number
    np.testing.assert_allclose(values[:number], line, rtol=1e-12, atol=1e-15)


def test_a_warm_up_longer_than_the_training_is_a_line():
    values = Warmup(Cosine(1.0), 100).values(steps())
    np.testing.assert_allclose(values, np.arange(1, 86) / 700, rtol=1e-12)


def test_warm_ups_of_different_schedules_are_different():
    assert Warmup(1.0) == Warmup(Constant(1.0)) != Warmup(Cosine(1.0))
    assert "Cosine" in repr(Warmup(Cosine(1.0)))
    longer = dataclasses.replace(Warmup(Cosine(1.0)), epochs=3)
    assert longer == Warmup(Cosine(1.0), 3)


def test_a_warm_up_of_a_schedule_that_watches_figures_is_refused():
    with pytest.raises(ValueError, match=r"initial of warmup must be .* not ReduceOnPlateau"):
        Warmup(ReduceOnPlateau(0.1))


# ------------------------------------------------------------------ plateaus


@pytest.mark.parametrize(
    ("figures", "upwards", "times"),
    [([], False, 0),
     ([5, 4, 3, 2], False, 0),
     ([5, 5, 5], False, 1),  # the first is the best; then two without an improvement
     ([5, 5, 4, 5, 4, 4], False, 1),
     ([5, 4.995, 4.991], False, 1),  # by less than min_delta
     ([5, 4.98, 4.96], False, 0),
     ([1, 1, 1, 1, 1], False, 2),
     ([1, 2, 3], True, 0),
     ([1, 2, 3], False, 1),
     ([3, 2, 1], True, 1),
     ([math.nan] * 4, False, 2)],
)  # fmt: skip
def test_a_figure_without_improvements_reduces(figures, upwards, times):
    plateau = ReduceOnPlateau(1.0, factor=0.5, patience=2, min_delta=0.01)
    assert plateau.reductions(figures, upwards) == times


def test_reductions_are_pytorchs():
    """PyTorch waits for one epoch more than its patience."""
    torch = pytest.importorskip("torch")
    figures = np.abs(np.random.default_rng(4).normal(size=60)).round(1) + 1 / np.arange(1, 61)
    optimizer = torch.optim.SGD([torch.zeros(1)], 0.3)
    twin = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=2, threshold=0.05, threshold_mode="abs", eps=0
    )
    plateau = ReduceOnPlateau(0.3, 0.5, patience=3, min_delta=0.05)
    for n, figure in enumerate(figures, start=1):
        twin.step(figure)
        reduced = plateau.reduced(plateau.reductions(list(figures[:n]), upwards=False))
        assert reduced == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert reduced < 0.3 / 8


def test_it_is_never_reduced_below_the_minimum():
    plateau = ReduceOnPlateau(1.0, factor=0.5, minimum=0.2)
    assert [plateau.reduced(n) for n in range(4)] == [1.0, 0.5, 0.25, 0.2]
