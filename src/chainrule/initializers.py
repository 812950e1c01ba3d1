"""Initial values of weights and biases, with the fan rules and their sources.

``fan_in`` is the number of inputs of a unit, ``fan_out`` that of units that read an input.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from chainrule.registry import Named, Registry

Draw = Callable[[np.random.Generator, tuple[int, ...], int, int], np.ndarray]


@dataclass(frozen=True)
class Initializer(Named):
    """How the elements of a parameter are drawn, in float64.

    Attributes:
        name: under which the registry finds it.
        draw: the function of (generator, shape, fan_in, fan_out).
        rule: the distribution, as a reader sees it.
        source: where it is from.
    """

    name: str
    draw: Draw
    rule: str
    source: str = ""
    aliases: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> "Initializer":
        return find(text)

    def __str__(self) -> str:
        return self.name


initializers: Registry[Initializer] = Registry("initializer")


def _written(*numbers: float) -> str:
    """Numbers as short as they can be read back without a loss."""
    return ", ".join(f"{x:g}" if float(f"{x:g}") == x else repr(float(x)) for x in numbers)


def uniform(low: float, high: float) -> Initializer:
    """Uniform in [low, high).

    Raises:
        ValueError: unless low < high, both finite.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"uniform needs low < high, both finite, not {low} and {high}")
    return Initializer(f"uniform({_written(low, high)})", lambda rng, shape, fan_in, fan_out:
                       rng.uniform(low, high, shape), f"U[{low:g}, {high:g})")  # fmt: skip


def normal(mean: float = 0.0, deviation: float = 1.0) -> Initializer:
    """Normal with a mean and a standard deviation.

    Raises:
        ValueError: unless both are finite and deviation > 0.
    """
    if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
        raise ValueError(f"normal needs a finite mean and deviation > 0, not {mean}, {deviation}")
    return Initializer(f"normal({_written(mean, deviation)})", lambda rng, shape, fan_in, fan_out:
                       rng.normal(mean, deviation, shape),
                       f"N({mean:g}, {deviation:g}²)")  # fmt: skip


def constant(value: float) -> Initializer:
    """All elements the same.

    Raises:
        ValueError: unless it is finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"constant needs a finite value, not {value}")
    return Initializer(f"constant({_written(value)})", lambda rng, shape, fan_in, fan_out:
                       np.full(shape, float(value)), f"{value:g}")  # fmt: skip


def orthogonal(gain: float = 1.0) -> Initializer:
    """A random matrix whose rows or columns, whichever are fewer, are orthogonal.

    W = gain·Q with QᵀQ = 1, or QQᵀ = 1 where the matrix is wider than high: all its singular
    values are the gain, so that a stack of linear layers neither stretches nor shrinks what passes,
    forward or backward, however deep it is. √2 (``"orthogonal(1.414)"``) suits ReLU.

    Q is that of a matrix of normal numbers, its columns with the signs of R's diagonal: without
    them the matrix is not uniform among all orthogonal ones.

    Args:
        gain: the singular values, above 0.

    Returns:
        The entry, for the weights of a layer; biases have no columns that could be orthogonal.

    Raises:
        ValueError: unless the gain is finite and above 0.

    >>> import numpy as np
    >>> W = orthogonal(2).draw(np.random.default_rng(0), (3, 2), 3, 2)
    >>> np.allclose(W.T @ W, [[4, 0], [0, 4]])
    True

    Source: Saxe, McClelland, Ganguli, 'Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks', 2014.
    """
    if not (math.isfinite(gain) and gain > 0):
        raise ValueError(f"orthogonal needs a finite gain > 0, not {gain}")

    def draw(
        rng: np.random.Generator, size: tuple[int, ...], fan_in: int, fan_out: int
    ) -> np.ndarray:
        if len(size) != 2:
            raise ValueError(f"orthogonal is for matrices, not for a parameter of the shape {size}")
        Q, R = np.linalg.qr(rng.normal(size=(max(size), min(size))))
        Q *= np.where(np.diag(R) < 0, -1.0, 1.0)
        return gain * (Q if size[0] >= size[1] else Q.T)

    return Initializer(
        f"orthogonal({_written(gain)})", draw, f"singular values {gain:g}",
        "Saxe, McClelland, Ganguli, 2014",
    )  # fmt: skip


def _scaled(
    name: str, rule: str, source: str, variance: Callable[[int, int], float], shape: str
) -> None:
    def draw(
        rng: np.random.Generator, size: tuple[int, ...], fan_in: int, fan_out: int
    ) -> np.ndarray:
        deviation = math.sqrt(variance(fan_in, fan_out))
        if shape == "normal":
            return rng.normal(0, deviation, size)
        bound = math.sqrt(3) * deviation
        return rng.uniform(-bound, bound, size)

    initializers.register(Initializer(f"{name}_{shape}", draw, rule, source))


initializers.register(
    Initializer("zeros", lambda rng, shape, fan_in, fan_out: np.zeros(shape), "0")
)
initializers.register(
    Initializer("ones", lambda rng, shape, fan_in, fan_out: np.ones(shape), "1",
                "000, 'Back-propagating with all training examples': biases set to 1")
)  # fmt: skip
initializers.register(Initializer("uniform", uniform(-0.05, 0.05).draw, "U[−0.05, 0.05)"))
initializers.register(Initializer("normal", normal(0, 0.05).draw, "N(0, 0.05²)"))

initializers.register(replace(orthogonal(), name="orthogonal"))

for _shape, _glorot, _he, _lecun in (
    ("uniform", "U(±√(6 / (fan_in + fan_out)))", "U(±√(6 / fan_in))", "U(±√(3 / fan_in))"),
    ("normal", "N(0, 2 / (fan_in + fan_out))", "N(0, 2 / fan_in)", "N(0, 1 / fan_in)"),
):
    _scaled("glorot", _glorot, "Glorot, Bengio, 2010", lambda i, o: 2 / (i + o), _shape)
    _scaled("he", _he, "He, Zhang, Ren, Sun, 2015", lambda i, o: 2 / i, _shape)
    _scaled("lecun", _lecun, "LeCun, Bottou, Orr, Müller, 1998", lambda i, o: 1 / i, _shape)


def find(entry: "str | float | Initializer") -> Initializer:
    """The entry of a name, ``"normal(0, 3)"`` and the like, a number, or the entry itself."""
    if isinstance(entry, Initializer):
        return entry
    if isinstance(entry, int | float) and not isinstance(entry, bool):
        return constant(float(entry))
    if not isinstance(entry, str):
        raise ValueError(f"an initializer is a name, a number or an entry, not {entry!r}")
    name, _, rest = entry.partition("(")
    makers: dict[str, Callable[..., Initializer]] = {
        "uniform": uniform, "normal": normal, "constant": constant,
        "orthogonal": orthogonal,
    }  # fmt: skip
    if rest and name in makers:
        try:
            numbers = [float(x) for x in rest.rstrip(")").split(",")]
        except ValueError:
            raise ValueError(f"the arguments of {entry!r} are not numbers") from None
        try:
            return makers[name](*numbers)
        except TypeError:
            raise ValueError(f"{entry!r} has the wrong number of arguments") from None
    return initializers[entry]
