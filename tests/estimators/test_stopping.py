"""A training ends as scikit-learn's ends: by the loss, or by a score of rows held out."""

import math
import pickle

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from tests.estimators.data import BINARY, NUMBERS, THREE, X, classifier, regressor, same

from chainrule.estimators import fitting

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_the_loss_has_to_improve_once_in_the_patience_and_one_epoch():
    clf = classifier(max_iter=50, tol=10.0, n_iter_no_change=3).fit(X, BINARY)
    assert clf.n_iter_ == 5  # the first is an improvement over nothing
    assert clf.stopped_.startswith("Training loss did not improve more than tol=10")


def test_infinite_patience_never_ends():
    clf = classifier(max_iter=30, tol=10.0, n_iter_no_change=np.inf).fit(X, BINARY)
    assert clf.n_iter_ == 30
    assert clf.stopped_ == "epochs"


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_training_that_ends_by_tol_does_not_warn():
    classifier(max_iter=50, tol=10.0, n_iter_no_change=2).fit(X, BINARY)


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_a_training_that_ends_by_its_epochs_warns():
    from sklearn.exceptions import ConvergenceWarning

    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(4\) reached"):
        classifier().fit(X, BINARY)


def test_adaptive_divides_the_rate_by_five_and_ends_when_it_is_too_small():
    clf = classifier(
        solver="sgd", learning_rate="adaptive", learning_rate_init=1e-4, tol=10.0,
        n_iter_no_change=1, max_iter=50,
    ).fit(X, BINARY)  # fmt: skip
    assert clf._optimizer.learning_rate == pytest.approx(1e-4 / 5**3)
    assert clf.n_iter_ == 3 + 3 * 2  # four ends of patience, the first behind an improvement
    assert clf.stopped_ != "epochs"


def test_what_is_said_of_each_epoch(capsys):
    clf = classifier(verbose=True, early_stopping=True, validation_fraction=0.3).fit(X, BINARY)
    lines = capsys.readouterr().out.splitlines()
    expected = [
        line
        for k, (loss, score) in enumerate(
            zip(clf.loss_curve_, clf.validation_scores_, strict=True), 1
        )
        for line in (f"Iteration {k}, loss = {loss:.8f}", f"Validation score: {score:f}")
    ]
    assert lines == expected


@pytest.mark.parametrize("early", [False, True])
def test_what_is_said_at_the_end(capsys, early):
    reg = regressor(verbose=True, early_stopping=early, tol=99.0, n_iter_no_change=1)
    reg.fit(X, NUMBERS)
    what = "Validation score" if early else "Training loss"
    expected = f"{what} did not improve more than tol=99.000000 for 1 consecutive epochs. Stopping."
    assert capsys.readouterr().out.splitlines()[-1] == expected


def test_nothing_is_said_without_verbose(capsys):
    classifier().fit(X, BINARY)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_iter": 2}, r"after 2 iteration\(s\): increase max_iter, or scale the data"),
        (
            {"max_iter": 90, "max_fun": 3},
            r"\(evaluations: \d+ in \d+ iterations\): increase max_fun, or scale the data",
        ),
    ],
)
@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_lbfgs_says_which_limit_was_reached(options, sentence):
    from sklearn.exceptions import ConvergenceWarning

    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge .*" + sentence):
        classifier(solver="lbfgs", **options).fit(X, THREE)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_an_end_by_a_callback_is_no_want_of_convergence(solver):
    clf = classifier(solver=solver, callbacks=[lambda epoch: "enough"]).fit(X, THREE)
    assert (clf.stopped_, clf.n_iter_) == ("enough", 1)


# ------------------------------------------------------------ early stopping


def test_the_weights_of_the_best_epoch_are_kept():
    held = slice(0, 20)
    clf = classifier(
        early_stopping=True, max_iter=60, tol=0, n_iter_no_change=8, learning_rate_init=0.05
    ).fit(X[20:], THREE[20:], X_val=X[held], y_val=THREE[held])
    assert clf.best_validation_score_ == max(clf.validation_scores_)
    assert clf.score(X[held], THREE[held]) == clf.best_validation_score_
    assert clf.best_loss_ is None


def test_without_early_stopping_there_are_no_scores():
    clf = classifier().fit(X, BINARY)
    assert clf.validation_scores_ is None
    assert clf.validation_loss_curve_ is None
    assert clf.best_validation_score_ is None
    assert clf.best_loss_ == min(clf.loss_curve_)


def test_early_stopping_in_partial_fit_says_when_it_is_over():
    clf = classifier(early_stopping=True, n_iter_no_change=3, learning_rate_init=0.05)
    for calls in range(1, 200):
        clf.partial_fit(X[20:], THREE[20:], classes=[0, 1, 2], X_val=X[:20], y_val=THREE[:20])
        assert len(clf.validation_scores_) == calls
        if clf.stopped_ != "epochs":
            break
    assert calls < 199
    assert clf.score(X[:20], THREE[:20]) == clf.best_validation_score_


@pytest.mark.parametrize("ending", ["a callback", "divergence"])
def test_the_best_weights_are_back_whatever_ends_a_partial_fit(ending):
    clf = classifier(early_stopping=True, n_iter_no_change=99, learning_rate_init=0.05)
    judge = {"X_val": X[:20], "y_val": THREE[:20]}
    for _ in range(30):
        clf.partial_fit(X[20:], THREE[20:], classes=[0, 1, 2], **judge)
    rarest = np.argmin(np.bincount(THREE[:20]))
    clf.set_params(learning_rate_init=2.0)  # away from the best
    clf.partial_fit(X[20:], np.full(len(X) - 20, rarest), **judge)
    assert clf.score(X[:20], THREE[:20]) < clf.best_validation_score_
    if ending == "a callback":
        clf.set_params(callbacks=[lambda _: "enough"]).partial_fit(X[20:], THREE[20:], **judge)
        assert clf.stopped_ == "enough"
    else:
        clf.set_params(learning_rate_init=1e200)
        with pytest.warns(ConvergenceWarning, match="the weights of the best epoch are kept"):
            clf.partial_fit(X[20:] * 1e150, THREE[20:], **judge)
        assert clf.stopped_.startswith("diverged")
    assert clf.score(X[:20], THREE[:20]) == clf.best_validation_score_


def test_partial_fits_with_early_stopping_are_the_epochs_of_a_fit():
    whole = classifier(early_stopping=True, max_iter=6, batch_size=8)
    whole.fit(X[20:], THREE[20:], X_val=X[:20], y_val=THREE[:20])
    parts = classifier(early_stopping=True, max_iter=6, batch_size=8)
    for _ in range(6):
        parts.partial_fit(X[20:], THREE[20:], classes=[0, 1, 2], X_val=X[:20], y_val=THREE[:20])
    assert parts.validation_scores_ == whole.validation_scores_
    assert parts.loss_curve_ == whole.loss_curve_


# ------------------------------------------------------------ going on

GOING_ON = {
    "adam": {},
    "Nesterov": {"solver": "sgd"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 2},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "dropout": {"dropout": 0.3},
    "batch norm": {"batch_norm": True},
    "lion": {"optimizer": "lion"},
    "without shuffles": {"shuffle": False},
}


@pytest.mark.parametrize("case", GOING_ON)
def test_a_warm_start_goes_on_bit_for_bit(case):
    options = {"n_iter_no_change": 99} | GOING_ON[case]
    once = classifier(max_iter=10, **options).fit(X, THREE)
    twice = classifier(max_iter=5, warm_start=True, **options)
    assert twice.fit(X, THREE).n_iter_ == 5
    assert twice.fit(X, THREE).n_iter_ == 5
    same(once, twice)
    assert twice.t_ == once.t_ == 10 * len(X)
    assert twice._optimizer.learning_rate == once._optimizer.learning_rate
    assert twice._no_improvement_count == once._no_improvement_count


def test_invscaling_goes_on_where_the_kind_of_optimizer_changes(monkeypatch):
    clf = classifier(solver="sgd", learning_rate="invscaling", warm_start=True, max_iter=5)
    clf.fit(X, THREE)
    used, train = [], fitting.train
    monkeypatch.setattr(
        fitting, "train", lambda *a, optimizer, **k: used.append(optimizer) or
        train(*a, optimizer=optimizer, **k),
    )  # fmt: skip
    clf.set_params(momentum=0).fit(X, THREE)
    assert used[0].learning_rate.start == 5 * len(X)
    assert clf._optimizer.learning_rate == pytest.approx(0.001 / (1 + 10 * len(X)) ** 0.5)


@pytest.mark.parametrize("case", GOING_ON)
def test_partial_fits_go_on_bit_for_bit(case):
    once = classifier(max_iter=5, **{"n_iter_no_change": 99} | GOING_ON[case])
    parts = classifier(max_iter=5, **{"n_iter_no_change": 99} | GOING_ON[case])
    for _ in range(5):
        parts.partial_fit(X, THREE, classes=[0, 1, 2])
    if case == "invscaling":  # whose rate changes within an epoch of fit alone
        assert parts.t_ == 5 * len(X)
    else:
        same(once.fit(X, THREE), parts)
    assert parts.n_iter_ == 1


def test_a_copy_goes_on_as_the_original():
    clf = classifier(warm_start=True, dropout=0.2).fit(X, THREE)
    copy = pickle.loads(pickle.dumps(clf))
    same(clf.fit(X, THREE), copy.fit(X, THREE))
    same(clf.partial_fit(X, THREE), copy.partial_fit(X, THREE))


def test_a_fit_without_warm_start_begins_anew():
    once = classifier().fit(X, THREE)
    same(once, classifier().fit(X, BINARY).partial_fit(X, BINARY).fit(X, THREE))


def test_who_goes_on_after_an_end_has_patience_again():
    clf = classifier(max_iter=50, tol=10.0, n_iter_no_change=3, warm_start=True).fit(X, BINARY)
    assert clf.n_iter_ == 5
    assert clf.fit(X, BINARY).n_iter_ == 4
    assert len(clf.loss_curve_) == 9


def test_a_warm_start_may_change_solver_and_rate():
    clf = classifier(warm_start=True).fit(X, BINARY)
    clf.set_params(solver="sgd", learning_rate_init=0.5).fit(X, BINARY)
    assert clf._optimizer.learning_rate == 0.5
    clf.set_params(solver="lbfgs", max_iter=30).fit(X, BINARY)
    assert clf.loss_curve_[-1] < clf.loss_curve_[0]


def test_a_warm_start_takes_the_new_rate_of_the_same_solver():
    clf = classifier(warm_start=True, solver="sgd", momentum=0).fit(X, BINARY)
    before = [w.copy() for w in clf.coefs_]
    clf.set_params(learning_rate_init=1e-300).fit(X, BINARY)
    for a, b in zip(before, clf.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_rate_is_that_of_the_last_step():
    adam = classifier(max_iter=3, batch_size=20).fit(X, BINARY)
    t = 3 * 3
    expected = 0.001 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    assert adam._optimizer.learning_rate == pytest.approx(expected, rel=1e-12)
