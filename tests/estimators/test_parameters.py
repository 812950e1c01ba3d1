"""What the parameters may be, what they make of the network, and what is said of the others."""

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.utils._param_validation import validate_parameter_constraints
from tests.estimators.data import (
    BINARY,
    NUMBERS,
    SEVERAL,
    THREE,
    X,
    classifier,
    regressor,
    same,
)  # fmt: skip

import chainrule as cr
from chainrule.optimizers import OPTIMIZERS, Lion
from chainrule.schedules import SCHEDULES, Cosine, StepDecay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_scikit_learns_parameters_have_its_defaults(name):
    ours, them = getattr(cr, name)().get_params(), getattr(theirs, name)().get_params()
    assert {key: ours[key] for key in them} | {"loss": 0} == them | {"loss": 0}


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_every_default_is_what_its_parameter_may_be(name):
    """A fit takes defaults as checked."""
    model = getattr(cr, name)()
    validate_parameter_constraints(model._parameter_constraints, model.get_params(), name)


REFUSED = [
    ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0, got"),
    ({"hidden_layer_sizes": (3, -1)}, "hidden_layer_sizes must be > 0, got"),
    ({"hidden_layer_sizes": (3, 2.5)}, "must be whole numbers from 1 to"),
    ({"hidden_layer_sizes": 0}, "'hidden_layer_sizes' parameter"),
    ({"activation": "relux"}, "unknown activation 'relux'"),
    (
        {"activation": ["relu", "tanh"]},
        "activation must be one value, or a list with one for each hidden",
    ),
    ({"dropout": [0.1, 0.2]}, "dropout must be one value, or a list with one for each hidden"),
    ({"dropout": 1.0}, "'dropout' parameter"),
    ({"dropout": [-0.5]}, "share|rate|dropout"),
    ({"activation": "threshold"}, "threshold"),
    ({"solver": "newton"}, "'solver' parameter"),
    ({"alpha": -1}, "'alpha' parameter"),
    ({"alpha": 10**400}, "alpha must be at most"),
    ({"alpha": 1e308}, r"alpha must be at most 1.8e\+302 in float64"),
    ({"batch_size": 0}, "'batch_size' parameter"),
    ({"learning_rate_init": 0.0}, "'learning_rate_init' parameter"),
    ({"momentum": 1.5, "solver": "sgd"}, "'momentum' parameter"),
    ({"max_iter": 0}, "'max_iter' parameter"),
    ({"n_iter_no_change": 0}, "'n_iter_no_change' parameter"),
    ({"n_estimators": 0}, "'n_estimators' parameter"),
    ({"n_jobs": 0}, "n_jobs must not be 0: None chooses"),
    ({"n_jobs": 1.5}, "'n_jobs' parameter"),
    ({"network": [3]}, "network must be a list of layers"),
    ({"network": [cr.Dense(3)], "dropout": 0.5}, "put them into network"),
    ({"network": [cr.Dense(3)], "batch_norm": True}, "put them into network"),
    ({"callbacks": [3]}, "callbacks must be a list of functions of an Epoch"),
    ({"optimizer": "adamantium"}, "unknown optimizer 'adamantium'; there are adagrad, adam"),
    ({"optimizer": "adam(learning_rate=1)"}, "learning_rate has a place of its own"),
    ({"optimizer": "adam(beta=1)"}, "the optimizer 'adam' has no 'beta'; it can have"),
    ({"optimizer": "lbfgs(memory=3)"}, r"has values of its own: give cr.LBFGS\(...\)"),
    ({"schedule": "step(every=0)"}, "every of step must be"),
    ({"schedule": "lunar"}, "unknown schedule 'lunar'; there are"),
    ({"schedule": "cosine", "solver": "lbfgs"}, "schedule cannot be used with L-BFGS"),
    ({"clip": 1.0}, "'clip' parameter"),
    ({"loss": "beauty"}, "unknown loss 'beauty'"),
    ({"loss": "gaussian"}, "is not one of classes: use MLPRegressor"),
    ({"loss": "quantile"}, "is not one of classes: use MLPRegressor"),
    ({"loss": "cross_entropy"}, "is for three classes and more: use 'log_loss'"),
    ({"class_weight": "fair"}, "'class_weight' parameter"),
    ({"class_weight": {7: 1.0, 9: 2.0}}, r"The classes, \[0, 1\], are not in class_weight"),
    ({"hidden_layer_sizes": (), "activation": "relux"}, "unknown activation 'relux'"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_is_refused_in_a_sentence(options, sentence):
    clf = classifier(**options)
    with pytest.raises(ValueError, match=sentence) as caught:
        clf.fit(X, BINARY)
    assert "\n" not in str(caught.value)
    assert not hasattr(clf, "coefs_")


REFUSED_OF_NUMBERS = [
    ({"loss": "hinge"}, "is one of classes: use MLPClassifier"),
    ({"loss": "focal"}, "is one of classes: use MLPClassifier"),
    ({"loss": "log_loss"}, "unknown loss 'log_loss'"),
    ({"loss": "quantile(0.1, 0.9)", "early_stopping": True}, "give scoring='loss'"),
    ({"loss": "poisson"}, "negative|at least 0|greater|≥ 0"),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED_OF_NUMBERS, ids=lambda v: str(v)[:40])
def test_what_cannot_be_for_numbers_is_refused_in_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        regressor(**options).fit(X, NUMBERS)


def test_a_wrong_parameter_is_found_before_it_harms_what_was_learned():
    clf = classifier().fit(X, BINARY)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="unknown activation"):
        clf.set_params(activation="relux").fit(X, BINARY)
    np.testing.assert_array_equal(clf.predict_proba(X), before)


# ------------------------------------------------------------ the hidden layers


@pytest.mark.parametrize("sizes", [7, (7,), [7], np.array([7]), np.int64(7)])
def test_sizes_may_be_a_number_or_any_list(sizes):
    same(classifier(hidden_layer_sizes=sizes).fit(X, BINARY),
         classifier(hidden_layer_sizes=(7,)).fit(X, BINARY))  # fmt: skip


@pytest.mark.parametrize("sizes", [(), []])
def test_without_hidden_layers_it_is_a_regression(sizes):
    clf = classifier(hidden_layer_sizes=sizes).fit(X, THREE)
    assert [w.shape for w in clf.coefs_] == [(4, 3)]
    assert clf.n_layers_ == 2


def test_activations_one_for_each_layer():
    clf = classifier(hidden_layer_sizes=(5, 6), activation=["tanh", "leaky_relu(0.2)"])
    clf.fit(X, THREE)
    hidden = np.tanh(X @ clf.coefs_[0] + clf.intercepts_[0]) @ clf.coefs_[1] + clf.intercepts_[1]
    z = np.where(hidden > 0, hidden, 0.2 * hidden) @ clf.coefs_[2] + clf.intercepts_[2]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(X), p, rtol=1e-10)


def test_dropout_and_batch_norm_stand_behind_each_hidden_layer():
    clf = classifier(hidden_layer_sizes=(5, 6), dropout=[0.2, 0.0], batch_norm=True)
    clf.fit(X, THREE)
    assert [type(layer).__name__ for layer in clf.network_.layers] == [
        "Dense", "BatchNorm", "Dropout", "Dense", "BatchNorm", "Dense",
    ]  # fmt: skip


def test_a_network_of_ones_own_is_given_the_output_layer():
    layers = [cr.Dense(5, "gelu"), cr.Dropout(0.1), cr.Dense(4, "tanh")]
    clf = classifier(network=layers).fit(X, THREE)
    assert [w.shape for w in clf.coefs_] == [(4, 5), (5, 4), (4, 3)]
    assert clf.out_activation_ == "softmax"
    same(clf, classifier(network=tuple(layers)).fit(X, THREE))


def test_an_empty_network_is_the_output_layer_alone():
    assert [w.shape for w in regressor(network=[]).fit(X, NUMBERS).coefs_] == [(4, 1)]


def test_a_network_given_twice_is_not_shared():
    layers = [cr.Dense(5, "tanh")]
    one = classifier(network=layers).fit(X, BINARY)
    before = one.coefs_[0].copy()
    classifier(network=layers, random_state=5).fit(X, THREE)
    np.testing.assert_array_equal(one.coefs_[0], before)
    assert len(layers) == 1


# ------------------------------------------------------------ optimizers and schedules


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_the_registry_trains(name):
    reg = regressor(optimizer=name, learning_rate_init=0.01, max_iter=20, tol=0).fit(X, NUMBERS)
    assert reg.loss_curve_[-1] < reg.loss_curve_[0]
    assert isinstance(reg._state.optimizer, OPTIMIZERS[name])


def test_an_optimizer_of_ones_own_has_its_own_rate():
    own = regressor(optimizer=Lion(0.003)).fit(X, NUMBERS)
    same(own, regressor(optimizer="lion", learning_rate_init=0.003).fit(X, NUMBERS))
    assert own._optimizer.learning_rate == 0.003


def test_an_optimizer_and_a_schedule_may_carry_values():
    text = regressor(optimizer="lion(beta1=0.8)", schedule="step(every=2, factor=0.5)")
    own = regressor(optimizer=Lion(beta1=0.8), schedule=StepDecay(0.001, every=2, factor=0.5))
    same(text.fit(X, NUMBERS), own.fit(X, NUMBERS))


def test_an_optimizer_takes_the_place_of_the_solver():
    same(regressor(optimizer="gradient_descent", solver="lbfgs").fit(X, NUMBERS),
         regressor(solver="sgd", momentum=0).fit(X, NUMBERS))  # fmt: skip
    with pytest.raises(AttributeError) as caught:
        _ = regressor(optimizer="lbfgs").partial_fit
    assert "lbfgs is not stochastic" in str(caught.value.__cause__)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_of_the_registry_trains(name):
    reg = regressor(schedule=name, learning_rate_init=0.01).fit(X, NUMBERS)
    assert 0 <= reg._optimizer.learning_rate <= 0.01
    assert len(reg.loss_curve_) == 4


def test_a_schedule_of_ones_own_takes_the_place_of_the_rate():
    one = regressor(schedule=Cosine(0.01), solver="sgd").fit(X, NUMBERS)
    other = regressor(schedule="cosine", solver="sgd", learning_rate_init=0.01).fit(X, NUMBERS)
    same(one, other)
    assert 0 <= one._optimizer.learning_rate < 0.01


def test_clipped_gradients_take_small_steps():
    plain, clipped = (
        regressor(solver="sgd", momentum=0, clip=clip, learning_rate_init=1.0, alpha=0,
                  max_iter=1, batch_size=60)
        for clip in (None, cr.ClipGlobalNorm(1e-3))
    )  # fmt: skip
    still = regressor(solver="sgd", momentum=0, learning_rate_init=1e-300, max_iter=1).fit(
        X, NUMBERS
    )
    start = still.network_.vector
    far = np.linalg.norm(plain.fit(X, NUMBERS).network_.vector - start)
    near = np.linalg.norm(clipped.fit(X, NUMBERS).network_.vector - start)
    assert far > 0.1
    assert near == pytest.approx(1e-3)


# ------------------------------------------------------------ callbacks, threads, seeds


def test_callbacks_see_each_epoch_and_may_end_the_training():
    seen = []

    def stop(epoch):
        seen.append((epoch.number, epoch.network))
        return "enough" if epoch.number == 3 else None

    clf = classifier(callbacks=[stop], max_iter=9).fit(X, BINARY)
    assert [number for number, _ in seen] == [1, 2, 3]
    assert seen[0][1] is clf.network_
    assert (clf.stopped_, clf.n_iter_) == ("enough", 3)


def test_an_error_in_a_callback_reaches_the_caller():
    def broken(_epoch):
        raise RuntimeError("not today")

    with pytest.raises(RuntimeError, match="not today"):
        classifier(callbacks=[broken]).fit(X, BINARY)


@pytest.mark.parametrize("options", [{}, {"dropout": 0.2}, {"batch_norm": True}])
def test_the_number_of_threads_changes_no_bit(options):
    many = np.tile(X, (40, 1))
    first, *others = (
        classifier(n_jobs=n, batch_size=800, **options).fit(many, np.tile(THREE, 40))
        for n in (1, 2, -1, None)
    )
    for other in others:
        same(first, other)
        np.testing.assert_array_equal(first.predict_proba(many), other.predict_proba(many))


def test_a_number_as_random_state_repeats_a_training():
    same(classifier(dropout=0.2).fit(X, BINARY), classifier(dropout=0.2).fit(X, BINARY))


def test_a_generator_advances_from_fit_to_fit():
    random = np.random.RandomState(0)
    one = classifier(random_state=random).fit(X, BINARY)
    other = classifier(random_state=random).fit(X, BINARY)
    assert not np.array_equal(one.coefs_[0], other.coefs_[0])
    same(one, classifier(random_state=0).fit(X, BINARY))


def test_without_a_random_state_every_training_is_another():
    np.random.seed(0)
    one, other = (classifier(random_state=None).fit(X, BINARY) for _ in range(2))
    assert not np.array_equal(one.coefs_[0], other.coefs_[0])
    np.random.seed(0)
    same(one, classifier(random_state=None).fit(X, BINARY))


def test_shuffles_differ_from_seed_to_seed_and_may_be_left_out():
    start = classifier(max_iter=1).fit(X, BINARY)
    weights = []
    for shuffle, seed in ((True, 0), (True, 1), (False, 0), (False, 1)):
        clf = classifier(shuffle=shuffle, max_iter=2, random_state=seed, warm_start=True)
        clf.coefs_ = [array.copy() for array in start.coefs_]  # not those of the seed
        clf.intercepts_ = [array.copy() for array in start.intercepts_]
        weights.append(clf.fit(X, BINARY).coefs_[0])
    assert not np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    np.testing.assert_array_equal(weights[2], weights[3])


def test_several_labels_have_no_class_weight():
    with pytest.raises(ValueError, match="class_weight is for one label of an example"):
        classifier(class_weight="balanced").fit(X, SEVERAL)
