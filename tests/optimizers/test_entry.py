"""The specification of an optimizer: what it says of itself, what it refuses, how one is added."""

import dataclasses
import json
import math
import pickle
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import chainrule as cr
from chainrule import optimizers
from chainrule.engine.kernel import Context, Kernel, Range, Scalar, kernel, real
from chainrule.equations import Equation, sign, symbols
from chainrule.optimizers import LETTERS, OPTIMIZERS, Optimizer, from_dict, register
from chainrule.optimizers.entry import ALLOWED, DECAYED, POSITIVE, SHARE, g, p, rate

ALL = pytest.mark.parametrize(
    "optimizer", list(dict.fromkeys(OPTIMIZERS.values())), ids=lambda c: c.name
)
FIELDS = pytest.mark.parametrize(
    ("optimizer", "field"),
    [(c, f.name) for c in dict.fromkeys(OPTIMIZERS.values()) for f in dataclasses.fields(c)],
    ids=lambda v: getattr(v, "name", v),
)
NAMES = [
    "gradient_descent", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam",
    "adam_epsilon_hat", "amsgrad", "adamw", "nadam", "lion",
]  # fmt: skip


def test_the_names_are_these():
    assert sorted(NAMES) == sorted(OPTIMIZERS)
    assert OPTIMIZERS["sgd"] is cr.GradientDescent


@ALL
def test_every_entry_says_what_it_is_and_where_it_is_from(optimizer):
    assert issubclass(optimizer, Optimizer)
    assert optimizer.source
    assert optimizer.__doc__
    assert "Source:" in optimizer.__doc__
    # Lion's step is by the old mean: p is not always what a kernel writes last.
    assert "p" in [equation.target for equation in optimizer.kernel.equations]
    letters = {LETTERS[name] for name in optimizer().scalars}
    operands = set(optimizer.kernel.operands)
    for equation in optimizer.kernel.equations:
        assert equation.names <= letters | operands | {"t", DECAYED}
    seen = frozenset().union(*(equation.names for equation in optimizer.kernel.equations))
    assert letters <= seen
    assert (DECAYED in seen) == optimizer.decays


@ALL
def test_a_specification_cannot_change(optimizer):
    with pytest.raises(dataclasses.FrozenInstanceError):
        optimizer().learning_rate = 1.0


@FIELDS
@pytest.mark.parametrize(
    "value", [-0.1, math.nan, math.inf, "0.1", None, True], ids=lambda v: repr(v)
)
def test_a_hyperparameter_outside_its_range_is_refused_by_name(optimizer, field, value):
    with pytest.raises(ValueError, match=rf"{field} of {optimizer.name} must be .*{value!r}"):
        optimizer(**{field: value})


@ALL
def test_a_learning_rate_of_zero_is_refused(optimizer):
    with pytest.raises(ValueError, match=r"learning_rate of .* must be a positive number, not 0"):
        optimizer(0)


@pytest.mark.parametrize("field", ["beta1", "beta2"])
def test_decays_of_adam_are_below_one(field):
    with pytest.raises(ValueError, match=rf"{field} of adam must be in \[0, 1\), not 1"):
        cr.Adam(**{field: 1})
    assert getattr(cr.Adam(**{field: 0}), field) == 0


@ALL
def test_numpy_numbers_are_numbers(optimizer):
    assert optimizer(np.float64(0.5)).scalars["learning_rate"] == 0.5
    assert optimizer(np.float32(0.5)).scalars["learning_rate"] == 0.5


@ALL
def test_a_specification_survives_a_file(optimizer):
    fields = {f.name: 0.9 * f.default for f in dataclasses.fields(optimizer)}
    scheduled = {name: cr.Warmup(cr.Cosine(value), 2) for name, value in fields.items()}
    for chosen in (optimizer(), optimizer(**fields), optimizer(**scheduled)):
        again = from_dict(json.loads(json.dumps(chosen.to_dict())))
        assert again == chosen
        assert type(again) is optimizer
        assert again.scalars == chosen.scalars


@pytest.mark.parametrize(
    ("data", "message"),
    [({"optimizer": "adagrat"}, "unknown optimizer 'adagrat'; there are adagrad, adam"),
     ({"learning_rate": 0.1}, "unknown optimizer None"),
     ({"optimizer": ["adam"]}, r"unknown optimizer \['adam'\]"),
     ({"optimizer": "adam", "speed": 1},
      "the optimizer 'adam' has no 'speed'; it can have learning_rate, beta1, beta2"),
     ({"optimizer": "adam", "beta1": 1.5}, r"beta1 of adam must be in \[0, 1\), not 1.5"),
     ({"optimizer": "adam", "beta1": "x"}, r"beta1 of adam must be in \[0, 1\), not 'x'"),
     ({"optimizer": "adam", "beta1": {"schedule": "x"}}, "unknown schedule 'x'")],
)  # fmt: skip
def test_a_file_that_holds_something_else_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        from_dict(data)


@FIELDS
def test_any_hyperparameter_may_be_a_schedule_within_its_range(optimizer, field):
    schedule = cr.Cosine(0.5)
    assert optimizer(**{field: schedule}).scalars[field] is schedule
    beyond = cr.Cosine(1.0) if ALLOWED[field] is SHARE else cr.Cosine(0.0)
    if ALLOWED[field] in (SHARE, POSITIVE):
        with pytest.raises(ValueError, match=rf"{field} of {optimizer.name} must be .*Cosine"):
            optimizer(**{field: beyond})


@ALL
def test_every_optimizer_is_a_public_name(optimizer):
    assert getattr(cr, optimizer.__name__) is getattr(optimizers, optimizer.__name__) is optimizer


@ALL
def test_the_kernel_takes_what_the_specification_has(optimizer):
    fields = [field.name for field in dataclasses.fields(optimizer)]
    assert set(optimizer.kernel.operands) == {"p", "g", *optimizer.states, *fields}
    assert list(optimizer().scalars) == fields
    assert set(optimizer.kernel.outputs) == {"p", *optimizer.states}


@FIELDS
def test_the_end_of_a_range_is_in_it_or_not(optimizer, field):
    """Shares from 0 to below 1, decay from 0 on, the others above 0."""
    if ALLOWED[field] is SHARE:
        with pytest.raises(ValueError, match=rf"{field} of .* must be in \[0, 1\), not 1"):
            optimizer(**{field: 1})
    if ALLOWED[field] is POSITIVE:
        with pytest.raises(ValueError, match=rf"{field} of .* must be a positive number, not 0"):
            optimizer(**{field: 0})
    else:
        assert optimizer(**{field: 0}).scalars[field] == 0


@ALL
def test_a_specification_survives_a_pickle_and_is_hashable(optimizer):
    chosen = optimizer(0.25)
    assert pickle.loads(pickle.dumps(chosen)) == chosen
    assert {chosen: 1}[optimizer(0.25)] == 1
    assert chosen != optimizer(0.5)


# ------------------------------------------------------------------ one of the user's own

(kappa,) = symbols("kappa")


@kernel(Equation("p", p - rate * kappa * sign(g), "←"))
def sign_descent(
    p: Range, g: Range, learning_rate: Scalar, kappa: Scalar, context: Context
) -> None:
    step = real(learning_rate * context.rate_factor * kappa)
    for i in range(p.size):
        p[i] -= step if g[i] > real(0) else (-step if g[i] < real(0) else g[i])


@pytest.fixture
def own():
    """The class of an optimizer that is not registered, and a registry that forgets it."""
    before = dict(OPTIMIZERS)

    @dataclass(frozen=True)
    class SignDescent(Optimizer):
        learning_rate: float = 0.5
        kappa: float = 0.5
        name: ClassVar[str] = "sign_descent"
        aliases: ClassVar[tuple[str, ...]] = ("signum",)
        kernel: ClassVar[Kernel] = sign_descent
        allowed = ALLOWED | {"kappa": POSITIVE}

    yield SignDescent
    OPTIMIZERS.clear()
    OPTIMIZERS.update(before)


def test_a_user_adds_an_optimizer_and_trains_with_it_by_its_name(own):
    assert register(own) is own
    X, y = np.array([[1.0], [2.0]]), np.array([5.0, 10.0])
    for name in ("sign_descent", "signum"):
        net = cr.Network([cr.Dense(1, bias=False)], "mse", inputs=1, seed=0)
        net.parameters["W1"] = [[1.0]]
        cr.train(net, X, y, optimizer=name, epochs=3, batch_size=None)
        assert net.parameters["W1"] == 1.75
    with pytest.raises(ValueError, match="kappa of sign_descent must be a positive number, not 0"):
        own(kappa=0)


def test_an_optimizer_that_does_not_fit_is_not_registered(own):
    register(own)
    with pytest.raises(ValueError, match="the optimizer 'sign_descent' exists already"):
        register(own)
    own.name, own.aliases = "another", ("adam",)
    with pytest.raises(ValueError, match="the optimizer 'adam' exists already"):
        register(own)
    own.aliases, own.states = (), ("m",)
    with pytest.raises(ValueError, match="must have the operands g, kappa, learning_rate, m, p, n"):
        register(own)
    own.states, own.allowed = (), ALLOWED
    with pytest.raises(ValueError, match=r"another\.allowed does not say what kappa may be"):
        register(own)
    assert "another" not in OPTIMIZERS
