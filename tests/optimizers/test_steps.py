"""A hundred steps of every update kernel against what others compute."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.optimizers import OPTIMIZERS

STEPS = 100
# The hyperparameters are none of the defaults: one that is not read would show.
SPECIFICATIONS = {
    "gradient_descent": cr.GradientDescent(0.05),
    "momentum": cr.Momentum(0.03, momentum=0.8),
    "nesterov": cr.Nesterov(0.03, momentum=0.8),
    "adagrad": cr.Adagrad(0.2, epsilon=1e-3),
    "rmsprop": cr.RMSprop(0.02, rho=0.95, epsilon=1e-3),
    "adam": cr.Adam(0.05, 0.8, 0.97, 1e-3),
    "adam_epsilon_hat": cr.AdamHat(0.05, 0.8, 0.97, 1e-3),
    "amsgrad": cr.AMSGrad(0.05, 0.8, 0.97, 1e-3),
    "adamw": cr.AdamW(0.05, 0.8, 0.97, 1e-3, weight_decay=0.3),
    "nadam": cr.NAdam(0.05, 0.8, 0.97, 1e-3),
    "lion": cr.Lion(0.01, 0.8, 0.95, weight_decay=0.3),
}
# Curvatures of at most 1: where steps were too long, differences of rounding would grow.
A = np.random.default_rng(3).normal(size=(12, 7))
A /= np.linalg.norm(A, 2)
START = np.linspace(-2, 2, 7)
ALL = pytest.mark.parametrize("optimizer", list(dict.fromkeys(OPTIMIZERS.values())),
                              ids=lambda c: c.name)  # fmt: skip


def gradient(x):
    """Of Σ ln cosh(A x − 1): smooth, not quadratic, of different steepness in each direction."""
    return A.T @ np.tanh(A @ x - 1)


def assert_same(path, reference):
    assert len(path) == len(reference) == STEPS
    np.testing.assert_allclose(path, reference, rtol=1e-9, atol=1e-12)
    assert np.abs(reference[-1] - START).min() > 1e-3, "it stood still"


def path_of(descend, optimizer):
    path = []
    descend(optimizer, gradient, START, STEPS, seen=lambda x: path.append(x.copy()))
    return path


def followed(step):
    """The path of ``step(x, g, t)``, which gives the next point."""
    x, path = START.copy(), []
    for t in range(1, STEPS + 1):
        x = step(x, gradient(x), t)
        path.append(x)
    return path


# ------------------------------------------------------------------ the formulas, in NumPy


class Formulas:
    """The papers' formulas, by registry name; what they keep starts at 0."""

    def __init__(self):
        self.m = self.v = self.top = np.zeros(7)

    def gradient_descent(self, o, x, g, t):
        return x - o.learning_rate * g

    def momentum(self, o, x, g, t):
        self.v = o.momentum * self.v - o.learning_rate * g
        return x + self.v

    def nesterov(self, o, x, g, t):
        """In its original form: the gradient where the momentum leads, x = y + μ v."""
        y = x - o.momentum * self.v
        self.v = o.momentum * self.v - o.learning_rate * g
        return y + self.v + o.momentum * self.v

    def adagrad(self, o, x, g, t):
        self.v = self.v + g**2
        return x - o.learning_rate * g / (np.sqrt(self.v) + o.epsilon)

    def rmsprop(self, o, x, g, t):
        self.v = o.rho * self.v + (1 - o.rho) * g**2
        return x - o.learning_rate * g / (np.sqrt(self.v) + o.epsilon)

    def means(self, o, g):
        self.m = o.beta1 * self.m + (1 - o.beta1) * g
        self.v = o.beta2 * self.v + (1 - o.beta2) * g**2

    def adam(self, o, x, g, t):
        self.means(o, g)
        m, v = self.m / (1 - o.beta1**t), self.v / (1 - o.beta2**t)
        return x - o.learning_rate * m / (np.sqrt(v) + o.epsilon)

    def adam_epsilon_hat(self, o, x, g, t):
        self.means(o, g)
        rate = o.learning_rate * np.sqrt(1 - o.beta2**t) / (1 - o.beta1**t)
        return x - rate * self.m / (np.sqrt(self.v) + o.epsilon)

    def amsgrad(self, o, x, g, t):
        self.means(o, g)
        self.top = np.maximum(self.top, self.v)
        m, v = self.m / (1 - o.beta1**t), self.top / (1 - o.beta2**t)
        return x - o.learning_rate * m / (np.sqrt(v) + o.epsilon)

    def adamw(self, o, x, g, t):
        return self.adam(o, x * (1 - o.learning_rate * o.weight_decay), g, t)

    def nadam(self, o, x, g, t):
        self.means(o, g)
        m = o.beta1 * self.m / (1 - o.beta1 ** (t + 1)) + (1 - o.beta1) * g / (1 - o.beta1**t)
        return x - o.learning_rate * m / (np.sqrt(self.v / (1 - o.beta2**t)) + o.epsilon)

    def lion(self, o, x, g, t):
        sign = np.sign(o.beta1 * self.m + (1 - o.beta1) * g)
        self.m = o.beta2 * self.m + (1 - o.beta2) * g
        return x - o.learning_rate * (sign + o.weight_decay * x)


@ALL
def test_a_hundred_steps_equal_the_formula(optimizer, descend):
    chosen, formula = SPECIFICATIONS[optimizer.name], getattr(Formulas(), optimizer.name)
    reference = followed(lambda x, g, t: formula(chosen, x, g, t))
    assert_same(path_of(descend, chosen), reference)


@ALL
def test_every_hyperparameter_counts(optimizer, descend):
    """The references above can only tell what their hyperparameters tell apart."""
    chosen = SPECIFICATIONS[optimizer.name]
    path = np.array(path_of(descend, chosen))
    for name, value in chosen.scalars.items():
        other = optimizer(**chosen.scalars | {name: 0.9 * value})
        assert np.abs(path_of(descend, other) - path).max() > 1e-5, name


# ------------------------------------------------------------------ other libraries


def optax_twin(optax, o):
    """The same in Optax; None where it has another convention.

    Its Adagrad has ε inside the root, its AMSGrad takes the maximum of the corrected v, and it
    has no ε̂.
    """
    makers = {
        "gradient_descent": lambda: optax.sgd(o.learning_rate),
        "momentum": lambda: optax.sgd(o.learning_rate, o.momentum),
        "nesterov": lambda: optax.sgd(o.learning_rate, o.momentum, nesterov=True),
        "rmsprop": lambda: optax.rmsprop(o.learning_rate, o.rho, o.epsilon, eps_in_sqrt=False),
        "adam": lambda: optax.adam(o.learning_rate, o.beta1, o.beta2, o.epsilon),
        "adamw": lambda: optax.adamw(o.learning_rate, o.beta1, o.beta2, o.epsilon,
                                     weight_decay=o.weight_decay),
        "nadam": lambda: optax.nadam(o.learning_rate, o.beta1, o.beta2, o.epsilon),
        "lion": lambda: optax.lion(o.learning_rate, o.beta1, o.beta2,
                                   weight_decay=o.weight_decay),
    }  # fmt: skip
    return makers[o.name]()


@pytest.mark.parametrize(
    "name",
    ["gradient_descent", "momentum", "nesterov", "rmsprop", "adam", "adamw", "nadam", "lion"],
)
def test_a_hundred_steps_equal_optax(name, jax, descend):
    optax = pytest.importorskip("optax")
    chosen = SPECIFICATIONS[name]
    twin = optax_twin(optax, chosen)
    state = twin.init(jax.numpy.asarray(START))
    update = jax.jit(twin.update)

    def step(x, g, t):
        nonlocal state
        x = jax.numpy.asarray(x)
        changes, state = update(jax.numpy.asarray(g), state, x)
        return np.asarray(optax.apply_updates(x, changes))

    assert_same(path_of(descend, chosen), followed(step))


def torch_twin(torch, o, x):
    """The same in PyTorch, which has an NAdam of its own and no Lion."""
    optim = torch.optim
    makers = {
        "gradient_descent": lambda: optim.SGD([x], o.learning_rate),
        "momentum": lambda: optim.SGD([x], o.learning_rate, o.momentum),
        "nesterov": lambda: optim.SGD([x], o.learning_rate, o.momentum, nesterov=True),
        "adagrad": lambda: optim.Adagrad([x], o.learning_rate, eps=o.epsilon),
        "rmsprop": lambda: optim.RMSprop([x], o.learning_rate, o.rho, o.epsilon),
        "adam": lambda: optim.Adam([x], o.learning_rate, (o.beta1, o.beta2), o.epsilon),
        "amsgrad": lambda: optim.Adam([x], o.learning_rate, (o.beta1, o.beta2), o.epsilon,
                                      amsgrad=True),
        "adamw": lambda: optim.AdamW([x], o.learning_rate, (o.beta1, o.beta2), o.epsilon,
                                     weight_decay=o.weight_decay),
    }  # fmt: skip
    return makers[o.name]()


@pytest.mark.parametrize(
    "name",
    ["gradient_descent", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "amsgrad", "adamw"],
)
def test_a_hundred_steps_equal_pytorch(name, descend):
    torch = pytest.importorskip("torch")
    chosen = SPECIFICATIONS[name]
    x = torch.tensor(START, requires_grad=True)
    twin = torch_twin(torch, chosen, x)

    def step(_x, g, t):
        x.grad = torch.tensor(g)
        twin.step()
        return x.detach().numpy().copy()

    assert_same(path_of(descend, chosen), followed(step))


@pytest.mark.parametrize("name", ["momentum", "nesterov", "adam_epsilon_hat"])
def test_a_hundred_steps_equal_scikit_learn(name, descend):
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

    o, x = SPECIFICATIONS[name], START.copy()
    if name == "adam_epsilon_hat":
        twin = AdamOptimizer([x], o.learning_rate, o.beta1, o.beta2, o.epsilon)
    else:
        twin = SGDOptimizer([x], o.learning_rate, momentum=o.momentum, nesterov=name == "nesterov")

    def step(_x, g, t):
        twin.update_params([x], [g])  # in place
        return x.copy()

    assert_same(path_of(descend, o), followed(step))


# ------------------------------------------------------------------ decay, coupled and decoupled


def with_penalty(strength):
    """The gradient with that of ½ λ ‖x‖² in it: coupled decay."""
    return lambda x: gradient(x) + strength * x


def test_for_gradient_descent_coupled_and_decoupled_decay_are_one(descend):
    rate, strength = 0.05, 0.3
    coupled = descend(cr.GradientDescent(rate), with_penalty(strength), START, STEPS)
    x = START
    for _ in range(STEPS):
        x = (1 - rate * strength) * x - rate * gradient(x)
    np.testing.assert_allclose(coupled, x, rtol=1e-12)


def test_adam_with_an_l2_term_is_not_adam_with_decoupled_decay(descend):
    coupled = descend(cr.Adam(0.05), with_penalty(0.3), START, STEPS)
    decoupled = descend(cr.AdamW(0.05, weight_decay=0.3), gradient, START, STEPS)
    assert np.abs(coupled - decoupled).min() > 1e-3


@pytest.mark.parametrize("make", [cr.AdamW, cr.Lion])
def test_decoupled_decay_shrinks_every_parameter_alike_whatever_its_gradient(make, descend):
    slopes = np.array([1e-3, 1.0, 1e3, -1e3])
    start = np.array([2.0, -3.0, 5.0, 7.0])
    plain = descend(make(0.1, weight_decay=0), lambda x: slopes, start, 1)
    shrunk = descend(make(0.1, weight_decay=0.5), lambda x: slopes, start, 1)
    np.testing.assert_allclose(plain - shrunk, 0.1 * 0.5 * start, rtol=1e-12)


@pytest.mark.parametrize("make", [cr.AdamW, cr.Lion])
def test_decay_acts_where_the_range_says_so(make, descend):
    start, still = np.array([2.0, 2.0, 2.0]), lambda x: np.zeros(3)
    end = descend(make(0.1, weight_decay=0.5), still, start, 10, decays=[1.0, 0.0, 0.5])
    np.testing.assert_allclose(end, 2 * np.array([0.95**10, 1, 0.975**10]), rtol=1e-12)


@pytest.mark.parametrize("make", [cr.AdamW, cr.Lion])
def test_small_decay_does_not_drown_in_float32(make, descend):
    """As a factor, 1 − η λ rounded to float32 would decay by 1.3 % too much here."""
    start = np.linspace(1, 2, 1000, dtype="float32")
    end = descend(make(1e-5, weight_decay=0.1), lambda x: np.zeros(1000), 1000 * start, 1)
    lost = (1000 * start.astype(float) - end).sum() / (1000 * start.astype(float)).sum()
    assert lost == pytest.approx(1e-6, rel=0.005)


# ------------------------------------------------------------------ what is not a number stays seen


@ALL
def test_nan_in_a_gradient_is_seen_in_its_parameter_and_in_no_other(optimizer, descend):
    end = descend(optimizer(), lambda x: np.array([1.0, np.nan, 0.0]), np.ones(3), 1)
    assert np.isnan(end).tolist() == [False, True, False]


@ALL
def test_nan_stays_though_the_gradients_are_numbers_again(optimizer, descend):
    steps = iter([np.nan, 1.0, 1.0])
    end = descend(optimizer(), lambda x: np.full(1, next(steps)), np.ones(1), 3)
    assert np.isnan(end).all()


@ALL
def test_without_a_gradient_nothing_moves(optimizer, descend):
    fields = {"weight_decay": 0} if optimizer.decays else {}
    start = np.array([0.0, -1.5])
    np.testing.assert_array_equal(
        descend(optimizer(**fields), lambda x: np.zeros(2), start, 5), start
    )


def test_the_largest_mean_square_of_amsgrad_never_falls(descend):
    """After one large gradient, steps stay small; Adam's grow again."""
    sizes = [1e3] + [1.0] * 400
    ends = {}
    for make in (cr.AMSGrad, cr.Adam):
        steps = iter(sizes)
        path = []
        descend(make(0.1, beta2=0.9), lambda x, s=steps: np.full(1, next(s)), np.zeros(1),
                len(sizes), seen=lambda x, path=path: path.append(x[0]))  # fmt: skip
        ends[make] = abs(path[-1] - path[-2])
    assert ends[cr.AMSGrad] < 1e-3
    assert ends[cr.Adam] == pytest.approx(0.1, rel=1e-6)
