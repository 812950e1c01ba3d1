"""What all optimizers have in common: immutable specifications, each with one update kernel.

The state that an optimizer needs lives in the result of the training, not here. To add one::

    from dataclasses import dataclass
    from typing import ClassVar

    from chainrule.engine.kernel import Context, Kernel, Range, Scalar, kernel, real
    from chainrule.equations import Equation, sign
    from chainrule.optimizers.entry import Optimizer, g, p, rate, register

    @kernel(Equation("p", p - rate * sign(g), "←"))
    def sign_descent(p: Range, g: Range, learning_rate: Scalar, context: Context) -> None:
        step = real(learning_rate * context.rate_factor)
        for i in range(p.size):
            p[i] -= step if g[i] > real(0) else (-step if g[i] < real(0) else g[i])

    @register
    @dataclass(frozen=True)
    class SignDescent(Optimizer):
        learning_rate: float = 0.001
        name: ClassVar[str] = "sign_descent"
        kernel: ClassVar[Kernel] = sign_descent

A kernel's operands are ``p``, ``g``, the vectors of ``states`` and the fields, by their names.
"""

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from chainrule.checks import ByValue
from chainrule.engine.kernel import Kernel
from chainrule.equations import Expression, symbols
from chainrule.registry import name_and_options
from chainrule.schedules import Schedule, amount, as_data
from chainrule.schedules import from_dict as from_data
from chainrule.schedules.entry import check_keys

# The kernels' hyperparameters carry these letters in equations, and words in signatures.
LETTERS = {
    "learning_rate": "η", "momentum": "μ", "rho": "ρ", "beta1": "β₁", "beta2": "β₂",
    "epsilon": "ε", "weight_decay": "λ",
}  # fmt: skip

p, g, t, rate, mu, rho, beta1, beta2, epsilon, decay = symbols("p g t η μ ρ β₁ β₂ ε λ")

#: What decides whether a parameter decays: ``context.decay`` of its range, 1 or 0.
DECAYED = "ω"
(decayed,) = symbols(DECAYED)


@dataclass(frozen=True)
class Allowed:
    """What a hyperparameter may be.

    Attributes:
        words: what comes after "must be" in the message.
        holds: whether a finite number is allowed.
    """

    words: str
    holds: Callable[[float], bool]


POSITIVE = Allowed("a positive number", lambda x: x > 0)
NOT_NEGATIVE = Allowed("a number of at least 0", lambda x: x >= 0)
SHARE = Allowed("in [0, 1)", lambda x: 0 <= x < 1)
UP_TO_ONE = Allowed("in [0, 1]", lambda x: 0 <= x <= 1)

#: What each hyperparameter may be, by its name.
ALLOWED: Mapping[str, Allowed] = {
    "learning_rate": POSITIVE, "momentum": UP_TO_ONE, "rho": SHARE, "beta1": SHARE, "beta2": SHARE,
    "epsilon": POSITIVE, "weight_decay": NOT_NEGATIVE,
}  # fmt: skip


def checked(owner: str, name: str, value: Any, allowed: Allowed) -> None:
    """Check the value of a hyperparameter.

    Raises:
        ValueError: if it is neither a number nor a schedule, or not an allowed one.
    """
    amount(owner, name, value, allowed.words, allowed.holds)


@dataclass(frozen=True, eq=False)
class Optimizer(ByValue):
    """What all optimizers have in common.

    Attributes:
        learning_rate: the size of a step, greater than 0.
        name: under which :data:`OPTIMIZERS` has it; also under its ``aliases``.
        kernel: what updates ``p`` from ``g``.
        states: the flat vectors of state that the kernel keeps; they start as zeros.
        decays: whether the kernel reads ``context.decay``.
        corrections: what its equation divides out of the states on the way, such as ``m_hat``, in
            the symbols of the equation: what a reader of a step wants to see.
        allowed: what each field may be.
        source: where it is from.
    """

    learning_rate: float

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    kernel: ClassVar[Kernel]
    states: ClassVar[tuple[str, ...]] = ()
    decays: ClassVar[bool] = False
    corrections: ClassVar[Mapping[str, Expression]] = {}
    allowed: ClassVar[Mapping[str, Allowed]] = ALLOWED
    source: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            checked(self.name, field.name, getattr(self, field.name), self.allowed[field.name])

    @property
    def scalars(self) -> dict[str, Any]:
        """The hyperparameters of the kernel, numbers or schedules, by their names."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: v if isinstance(v, Schedule) else float(v) for k, v in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """The specification, as files hold it; :func:`from_dict` reads it."""
        return {"optimizer": self.name, **{k: as_data(v) for k, v in self.scalars.items()}}


#: The optimizers by name and alias.
OPTIMIZERS: dict[str, type[Optimizer]] = {}

Class = TypeVar("Class", bound=type[Optimizer])


def register(optimizer: Class) -> Class:
    """Add an optimizer under its name and aliases; a decorator.

    Raises:
        ValueError: if a name is taken, or the kernel's operands are not what the optimizer has.
    """
    names = [field.name for field in fields(optimizer)]
    for name in names:
        if name not in optimizer.allowed:
            raise ValueError(f"{optimizer.name}.allowed does not say what {name} may be")
    expected = {"p", "g", *optimizer.states, *names}
    if set(optimizer.kernel.operands) != expected:
        raise ValueError(
            f"the kernel of {optimizer.name} must have the operands "
            f"{', '.join(sorted(expected))}, not {', '.join(sorted(optimizer.kernel.operands))}"
        )
    for name in (optimizer.name, *optimizer.aliases):
        if name in OPTIMIZERS:
            raise ValueError(f"the optimizer {name!r} exists already")
    for name in (optimizer.name, *optimizer.aliases):
        OPTIMIZERS[name] = optimizer
    return optimizer


def named(text: Any, *others: Any, taken: Collection[str] = ()) -> Callable[..., Any]:
    """What makes an optimizer, by its name and, if it has some, the values in brackets behind it.

    Args:
        text: a name or alias of :data:`OPTIMIZERS`, or such as ``"adamw(weight_decay=0.1)"``.
        others: further classes that have a name and are none of them.
        taken: values that are given elsewhere.

    Raises:
        ValueError: for another name, which lists those that there are, or other values.

    >>> named("momentum(momentum=0.8)")(learning_rate=0.1)
    Momentum(learning_rate=0.1, momentum=0.8)
    """
    name, options = name_and_options(text) if isinstance(text, str) else (text, {})
    entry = _entry(name, *others)
    check_keys(f"the optimizer {name!r}", entry, options)
    for key in options.keys() & set(taken):
        raise ValueError(f"{text!r}: {key} has a place of its own")
    return functools.partial(entry, **options) if options else entry


def _entry(name: Any, *others: Any) -> Any:
    known = OPTIMIZERS | {other.name: other for other in others}
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"unknown optimizer {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


def from_dict(data: Mapping[str, Any]) -> Optimizer:
    """The optimizer of a specification.

    Raises:
        ValueError: for an unknown optimizer, other hyperparameters, or values outside their ranges.
    """
    options = dict(data)
    name = options.pop("optimizer", None)
    entry = _entry(name)
    check_keys(f"the optimizer {name!r}", entry, options)
    found: Optimizer = entry(**{key: from_data(value) for key, value in options.items()})
    return found
