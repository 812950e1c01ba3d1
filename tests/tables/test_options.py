"""Every combination of choices trains, or is refused in a sentence before any work."""

import itertools

import numpy as np
import pytest

from chainrule.losses import losses
from chainrule.optimizers import AdamW
from chainrule.schedules import StepDecay
from chainrule.tables.errors import TableError
from chainrule.tables.fitting import fit
from chainrule.tables.options import CLASS_WEIGHTS, TASKS, Options
from chainrule.tables.reading import Table

ROWS = 24
TARGETS = {
    "binary": np.arange(ROWS) % 2,
    "multiclass": np.arange(ROWS) % 3,
    "regression": np.arange(ROWS) + 0.5,
}
#: What each task can be trained by, and with which of them the labels can be smoothed.
SUITS = {
    "binary": {"binary_cross_entropy", "focal"},
    "multiclass": {"cross_entropy"},
    "regression": {
        "rss", "mse", "mean_absolute", "huber", "log_cosh", "quantile", "poisson", "gamma",
    },
}  # fmt: skip
SMOOTHED = {"binary_cross_entropy", "focal", "cross_entropy"}
CHOICES = [
    {"class_weight": weight, "label_smoothing": share}
    for weight, share in itertools.product(CLASS_WEIGHTS, (0.0, 0.1))
]


def table(task):
    cells = {"a": np.arange(ROWS) * 7 % 5, "y": TARGETS[task]}
    return Table(
        "t.csv", ",", {name: found.astype(str).astype(object) for name, found in cells.items()},
        np.arange(2, ROWS + 2),
    )  # fmt: skip


def allowed(task, loss, choice):
    if loss not in SUITS[task]:
        return False
    weighted, smoothed = choice["class_weight"] != "none", choice["label_smoothing"] > 0
    return (task != "regression" or not weighted) and (loss in SMOOTHED or not smoothed)


@pytest.mark.parametrize("task", TASKS[1:])
@pytest.mark.parametrize("loss", [entry.name for entry in losses])
def test_a_loss_trains_with_the_choices_that_suit_it_and_the_others_are_refused(task, loss):
    for choice in CHOICES:
        options = Options(task=task, loss=loss, hidden=(2,), epochs=1, threads=1, **choice)
        if allowed(task, loss, choice):
            assert len(fit(table(task), "y", options).results) == 1
        else:
            with pytest.raises(TableError, match=r"^(the loss|class_weight|label_smoothing) "):
                fit(table(task), "y", options)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("task", TASKS[1:])
def test_the_loss_of_a_task_is_no_exception(task, choice):
    options = Options(task=task, **choice)
    if task == "regression" and choice != CHOICES[0]:
        with pytest.raises(TableError, match="regression"):
            options.loss_for(task)
    else:
        assert options.loss_for(task).name in SUITS[task]


def test_an_optimizer_and_a_schedule_may_carry_values():
    options = Options(
        optimizer="adamw(beta1=0.8, weight_decay=0.1)", schedule="step(every=5)", learning_rate=0.01
    )
    assert options.optimiser() == AdamW(StepDecay(0.01, every=5), beta1=0.8, weight_decay=0.1)


@pytest.mark.parametrize(("choice", "message"), [
    ({"optimizer": "adamw(decay=0.1)"}, "the optimizer 'adamw' has no 'decay'; it can have"),
    ({"optimizer": "adam(learning_rate=1)"}, "learning_rate has a place of its own"),
    ({"optimizer": "momentum(momentum=os)"}, "is neither a name nor a name with values"),
    ({"schedule": "step(initial=1)"}, "the initial value has a place of its own"),
    ({"schedule": "cosine(final=-1)"}, "final of cosine must be"),
])  # fmt: skip
def test_values_that_there_are_not_are_refused(choice, message):
    with pytest.raises(TableError, match=message):
        Options(**choice)
