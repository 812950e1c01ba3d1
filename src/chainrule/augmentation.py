"""Augmentation: what training changes in each batch, so that a network sees no row twice alike.

The steps stand between the gather of the rows and the first layer, one instruction each, in
training only. Their random numbers are keyed by seed, step and row of the batch: they depend
neither on tiles nor on threads, and :func:`chainrule.trace` can show those of any step.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule.checks import real_number, whole
from chainrule.engine.builder import Builder
from chainrule.engine.dtypes import SOURCE_DTYPES
from chainrule.engine.kernel import (
    Constant,
    Context,
    Integers,
    Intrinsic,
    Kernel,
    Matrix,
    Scalar,
    Source,
    Vector,
    device,
    kernel,
    real,
)
from chainrule.engine.program import Buffer
from chainrule.engine.random import (
    beta_number,
    place_below,
    row_key,
    unit_normal,
    unit_uniform,
)
from chainrule.equations import Equation, Expression, apply, symbols
from chainrule.schedules import Schedule, amount, initial

load = Intrinsic("load")
size_of = Intrinsic("size_of")
int32, int64 = np.int32, np.int64
element = np.float64  # the type of a source; bound anew for each kernel

x, y, X, site, sigma, p, fill, alpha = symbols("x y X site sigma p fill alpha")
share, partner, most, height, width, channels = symbols("share partner most height width channels")
KEYED = symbols("seed t i")  # what draws are keyed by, beside their site
STRENGTH = "a number of at least 0"


def drawn(what: str, *arguments: Expression) -> Expression:
    return apply(what, *arguments, site, *KEYED)


@kernel(Equation("a", x + sigma * drawn("normals", x)))
def jitter(a: Matrix, x: Matrix, sigma: Scalar, site: Constant, context: Context) -> None:
    deviation = real(sigma)
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        for c in range(x.shape[1]):
            a[r, c] = x[r, c] + deviation * unit_normal(key, c)


@kernel(Equation("a", apply("hadamard", x, 1 + sigma * drawn("row_normals", x))))
def random_scale(a: Matrix, x: Matrix, sigma: Scalar, site: Constant, context: Context) -> None:
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        factor = real(1) + real(sigma) * unit_normal(key, 0)
        for c in range(x.shape[1]):
            a[r, c] = x[r, c] * factor


@kernel(Equation("a", apply("where", apply("at_least", drawn("uniforms", x), p), x, fill)))
def feature_dropout(
    a: Matrix, x: Matrix, p: Scalar, fill: Scalar, site: Constant, context: Context
) -> None:
    probability, value = real(p), real(fill)
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        for c in range(x.shape[1]):
            a[r, c] = x[r, c] if unit_uniform(key, c) >= probability else value


@kernel(Equation("a", drawn("shifted", x, most, height, width, channels)))
def shift(
    a: Matrix, x: Matrix, most: Scalar, height: Constant, width: Constant, channels: Constant,
    site: Constant, context: Context,
) -> None:  # fmt: skip
    """Each image as a whole, by whole pixels down and to the right, negative ones up and left."""
    pixels = int64(most)
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        down = place_below(key, 0, 2 * pixels + 1) - pixels
        right = place_below(key, 1, 2 * pixels + 1) - pixels
        for row in range(height):
            for column in range(width):
                above, left = row - down, column - right
                inside = 0 <= above < height and 0 <= left < width
                at, to = (above * width + left) * channels, (row * width + column) * channels
                for c in range(channels):
                    a[r, to + c] = x[r, at + c] if inside else real(0)


@kernel(Equation("a", drawn("flipped", x, p, height, width, channels)))
def flip(
    a: Matrix, x: Matrix, p: Scalar, height: Constant, width: Constant, channels: Constant,
    site: Constant, context: Context,
) -> None:  # fmt: skip
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        turned = unit_uniform(key, 0) < real(p)
        for row in range(height):
            for column in range(width):
                left = width - 1 - column if turned else column
                at, to = (row * width + left) * channels, (row * width + column) * channels
                for c in range(channels):
                    a[r, to + c] = x[r, at + c]


@kernel(Equation("share", drawn("betas", alpha)))
def draw_shares(share: Vector, alpha: Scalar, site: Constant, context: Context) -> None:
    for r in range(share.size):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        share[r] = real(beta_number(key, alpha))


@kernel(Equation("partner", drawn("partners", symbols("rows")[0])))
def draw_partners(partner: Integers, site: Constant, context: Context) -> None:
    """Rows of the same batch, by their places in the epoch's order."""
    first = context.row - context.batch_row
    for r in range(partner.size):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        partner[r] = first + place_below(key, 0, context.batch_rows)


@kernel(
    Equation("a", apply("hadamard", apply("column", share), x)
             + apply("hadamard", apply("column", 1 - share), y))
)  # fmt: skip
def mix(a: Matrix, x: Matrix, y: Matrix, share: Vector, context: Context) -> None:
    for r in range(a.shape[0]):
        for c in range(a.shape[1]):
            a[r, c] = share[r] * x[r, c] + (real(1) - share[r]) * y[r, c]


@device()
def row_at(place: int, context: Context) -> int:
    """The row of the sources at a place in the epoch's order."""
    return load(context.order + 8 * place, int64) if context.order != 0 else place


@device()
def dense_partners(x: Matrix, source: Source, partner: Integers, context: Context) -> None:
    for r in range(x.shape[0]):
        at = source[0] + row_at(partner[r], context) * source[2]
        for c in range(x.shape[1]):
            x[r, c] = real(load(at + c * source[3], element))


@device()
def sparse_partners(x: Matrix, source: Source, partner: Integers, context: Context) -> None:
    width = 8 if source[7] else 4
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            x[r, c] = real(0)
        at = source[5] + row_at(partner[r], context) * width
        first, last = load(at, int64), load(at + width, int64)
        if width == 4:
            first, last = int64(load(at, int32)), int64(load(at + 4, int32))
        for k in range(first, last):
            column = load(source[6] + 8 * k, int64) if width == 8 else (
                int64(load(source[6] + 4 * k, int32))
            )  # fmt: skip
            x[r, column] += real(load(source[0] + k * size_of(element), element))


PARTNER_ROWS = Equation("x", apply("rows", X, partner), "←")


@kernel(PARTNER_ROWS)
def gather_partners(x: Matrix, X: Source, partner: Integers, context: Context) -> None:
    """The partners of the tile's rows, read from the source again."""
    dense_partners(x, X, partner, context)


@functools.cache
def partners_from(dtype: str, sparse: bool) -> Kernel:
    """The kernel that gathers partners from sources of a type, dense or CSR."""
    found = next(known for known in SOURCE_DTYPES if np.dtype(known).name == dtype)
    kind = np.uint8 if found is np.bool_ else found
    rows = sparse_partners if sparse else dense_partners
    name = f"sparse_{dtype}" if sparse else dtype
    return gather_partners.specialised(
        name, (PARTNER_ROWS,), dense_partners=rows.with_globals(element=kind)
    )


@dataclass(frozen=True)
class Augmentation:
    """What all steps have in common."""

    kind: ClassVar[str]

    def check(self, inputs: int) -> None:
        """Refuse features that the step does not suit.

        Raises:
            ValueError: naming both sizes.
        """

    def emit(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        """Emit the instruction; what stands for x from here on."""
        raise TypeError(f"{type(self).__name__} is no step of its own")


def _probability(owner: str, value: Any) -> None:
    amount(owner, "p", value, "a number from 0 to 1", lambda p: 0 <= p <= 1)


@dataclass(frozen=True)
class Jitter(Augmentation):
    """Noise on every feature: x + σ n, with n of the normal distribution.

    Args:
        sigma: σ, the noise's standard deviation, at least 0; a schedule will do too.

    Raises:
        ValueError: for a negative σ.

    >>> Jitter(0.1)
    Jitter(sigma=0.1)
    """

    sigma: "float | Schedule"
    kind: ClassVar[str] = "jitter"

    def __post_init__(self) -> None:
        amount("Jitter", "sigma", self.sigma, STRENGTH, lambda s: s >= 0)

    def emit(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        a = builder.value(f"{path}.a", x.columns)
        sigma = builder.scalar(f"{path}.sigma", self.sigma)
        builder.emit(jitter, a=a, x=x, sigma=sigma, site=builder.site())
        return a


@dataclass(frozen=True)
class RandomScale(Augmentation):
    """A factor for every row: x (1 + σ n), with n of the normal distribution.

    Args:
        sigma: σ, the factor's standard deviation, at least 0; a schedule will do too.

    Raises:
        ValueError: for a negative σ.

    >>> RandomScale(0.1)
    RandomScale(sigma=0.1)
    """

    sigma: "float | Schedule"
    kind: ClassVar[str] = "scale"

    def __post_init__(self) -> None:
        amount("RandomScale", "sigma", self.sigma, STRENGTH, lambda s: s >= 0)

    def emit(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        a = builder.value(f"{path}.a", x.columns)
        sigma = builder.scalar(f"{path}.sigma", self.sigma)
        builder.emit(random_scale, a=a, x=x, sigma=sigma, site=builder.site())
        return a


@dataclass(frozen=True)
class FeatureDropout(Augmentation):
    """Every feature of every row is lost with probability p. The others stay as they are.

    Args:
        p: the probability, from 0 to 1; a schedule will do too.
        fill: what takes the place of the lost ones.

    Raises:
        ValueError: for another p, or a fill that is not finite.

    >>> FeatureDropout(0.2, fill=-1.0)
    FeatureDropout(p=0.2, fill=-1.0)
    """

    p: "float | Schedule"
    fill: float = 0.0
    kind: ClassVar[str] = "dropout"

    def __post_init__(self) -> None:
        _probability("FeatureDropout", self.p)
        if not real_number(self.fill):
            raise ValueError(f"fill of FeatureDropout must be a finite number, not {self.fill!r}")

    def emit(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        a = builder.value(f"{path}.a", x.columns)
        p, fill = builder.scalar(f"{path}.p", self.p), builder.scalar(f"{path}.fill", self.fill)
        builder.emit(feature_dropout, a=a, x=x, p=p, fill=fill, site=builder.site())
        return a


def _image(owner: str, shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple | list) or len(shape) not in (2, 3):
        raise ValueError(
            f"shape of {owner} must be (height, width) or (height, width, channels), not {shape!r}"
        )
    return tuple(whole(f"shape of {owner}", length) for length in shape)


@dataclass(frozen=True)
class _OfImages(Augmentation):
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _image(type(self).__name__, self.shape))

    def check(self, inputs: int) -> None:
        if math.prod(self.shape) != inputs:
            raise ValueError(
                f"shape of {type(self).__name__} is {self.shape}, which are "
                f"{math.prod(self.shape)} features, and the network takes {inputs}"
            )

    def _sizes(self) -> dict[str, int]:
        return dict(zip(("height", "width", "channels"), (*self.shape, 1), strict=False))


@dataclass(frozen=True)
class Shift(_OfImages):
    """Every image is moved by whole pixels, each way equally often; what comes in is 0.

    Args:
        shape: (height, width) or (height, width, channels), as the rows hold the images.
        pixels: the most that one is moved, each way, at least 0; a schedule will do too.

    Raises:
        ValueError: for another shape or negative pixels; in a training, if the shape does not
            multiply to the features.

    >>> Shift((8, 8), 1)
    Shift(shape=(8, 8), pixels=1)
    """

    pixels: "float | Schedule" = 1
    kind: ClassVar[str] = "shift"

    def __post_init__(self) -> None:
        super().__post_init__()
        longest = max(self.shape[:2])
        whole_number = isinstance(self.pixels, Schedule) or real_number(self.pixels)
        whole_number = whole_number and float(initial(self.pixels)).is_integer()
        amount("Shift", "pixels", self.pixels, f"a whole number from 0 to {longest}",
               lambda s: whole_number and 0 <= s <= longest)  # fmt: skip

    def emit(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        a = builder.value(f"{path}.a", x.columns)
        most = builder.scalar(f"{path}.pixels", self.pixels)
        builder.emit(shift, a=a, x=x, most=most, site=builder.site(), **self._sizes())
        return a


@dataclass(frozen=True)
class Flip(_OfImages):
    """Every image is turned left to right with probability p.

    Args:
        shape: (height, width) or (height, width, channels), as the rows hold the images.
        p: the probability, from 0 to 1; a schedule will do too.

    Raises:
        ValueError: for another shape or p; in a training, if the shape does not multiply to the
            features.

    >>> Flip((8, 8))
    Flip(shape=(8, 8), p=0.5)
    """

    p: "float | Schedule" = 0.5
    kind: ClassVar[str] = "flip"

    def __post_init__(self) -> None:
        super().__post_init__()
        _probability("Flip", self.p)

    def emit(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        a = builder.value(f"{path}.a", x.columns)
        p = builder.scalar(f"{path}.p", self.p)
        builder.emit(flip, a=a, x=x, p=p, site=builder.site(), **self._sizes())
        return a


@dataclass(frozen=True)
class Mixup(Augmentation):
    """Every row is mixed with another one of its batch, and so are their targets.

    x ← λ x + (1 − λ) x′, y ← λ y + (1 − λ) y′, with λ of the distribution Beta(α, α) and the
    partner drawn anew for each row. It comes first: it mixes rows as the data hold them. Labels
    become one-hot rows; the weight of an example stays that of its row.

    Args:
        alpha: α in (0, 2]: the larger, the more is mixed; a schedule will do too.

    Raises:
        ValueError: for another α; in a training, if it is not the first step or the loss takes
            labels only.

    Source: Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2018.

    >>> Mixup(0.2)
    Mixup(alpha=0.2)
    """

    alpha: "float | Schedule"
    kind: ClassVar[str] = "mixup"

    def __post_init__(self) -> None:
        amount("Mixup", "alpha", self.alpha, "a number above 0 and at most 2", lambda s: 0 < s <= 2)

    def emit(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        shares = builder.value(SHARE, None)
        partners = builder.value(PARTNER, None, "int64")
        alpha = builder.scalar("mixup.alpha", self.alpha)
        builder.emit(draw_shares, share=shares, alpha=alpha, site=builder.site())
        builder.emit(draw_partners, partner=partners, site=builder.site())
        return x


SHARE, PARTNER = "mixup.share", "mixup.partner"


def mixed(builder: Builder, x: Buffer, source: str, data: Any) -> Buffer:
    """The mixture of rows of a source, ``X`` or ``Y``; x itself where nothing is mixed.

    Args:
        builder: of the program.
        x: the rows of the tile.
        source: the name of where they are from.
        data: what stands there, for its type; None for the type of the program.
    """
    if SHARE not in builder.buffers:
        return x
    dtype = builder.dtype if data is None else data.dtype.name
    other = builder.value(f"mixup.{x.name}2", x.columns)
    builder.emit(
        partners_from(dtype, hasattr(data, "indptr")),
        x=other, X=builder.buffers[source], partner=builder.buffers[PARTNER],
    )  # fmt: skip
    a = builder.value(f"mixup.{x.name}", x.columns)
    builder.emit(mix, a=a, x=x, y=other, share=builder.buffers[SHARE])
    return a


def augmented(builder: Builder, steps: Sequence[Augmentation], x: Buffer, data: Any) -> Buffer:
    """Emit the steps; what the first layer reads."""
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.kind] = counts.get(step.kind, 0) + 1
        x = step.emit(builder, f"augment.{step.kind}{counts[step.kind]}", x)
        if isinstance(step, Mixup):
            x = mixed(builder, x, "X", data)
    return x


def mixes(steps: Sequence[Augmentation]) -> bool:
    """Whether targets are mixed, so that labels must become one-hot rows."""
    return any(isinstance(step, Mixup) for step in steps)


def checked_steps(
    augment: Any, inputs: int, forms: Sequence[str] | None, reads_codes: bool = False
) -> tuple[Augmentation, ...]:
    """Check the steps of a training.

    Args:
        augment: the steps.
        inputs: the features.
        forms: the kinds of targets that the loss takes.
        reads_codes: whether the network reads features that must stay as they are.

    Raises:
        ValueError: for what is no step, or does not suit the network.
    """
    if isinstance(augment, str) or not hasattr(augment, "__iter__"):
        raise ValueError(f"augment must be a list of steps such as cr.Jitter(0.1), not {augment!r}")
    steps = tuple(augment)
    for number, step in enumerate(steps):
        if not isinstance(step, Augmentation):
            raise ValueError(f"augment holds {step!r}, which is no step such as cr.Jitter(0.1)")
        step.check(inputs)
        if isinstance(step, Mixup) and number > 0:
            raise ValueError(f"augment: {step!r} must come first: it mixes rows of the data")
        if isinstance(step, Mixup) and "values" not in (forms or ()):
            raise ValueError(f"augment: {step!r} needs a loss of values: mixed rows have no label")
    if steps and reads_codes:
        raise ValueError(f"augment: {steps[0]!r} would change the codes that the first layer reads")
    return steps
