"""The steps of augmentation: what each is given, refuses and emits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule.augmentation.kernels import (
    draw_partners,
    draw_shares,
    feature_dropout,
    flip,
    jitter,
    mix,
    partners_from,
    random_scale,
    shift,
)
from chainrule.checks import ByValue, real_number, whole
from chainrule.engine.builder import Builder
from chainrule.engine.program import Buffer
from chainrule.engine.sources import SourceType
from chainrule.schedules import Schedule, amount, initial

STRENGTH = "a number of at least 0"


@dataclass(frozen=True, eq=False)
class Augmentation(ByValue):
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


def mixed(builder: Builder, x: Buffer, source: str, kind: SourceType) -> Buffer:
    """The mixture of rows of a source, ``X`` or ``Y``; x itself where nothing is mixed.

    Args:
        builder: of the program.
        x: the rows of the tile.
        source: the name of where they are from.
        kind: the type of what stands there.
    """
    if SHARE not in builder.buffers:
        return x
    other = builder.value(f"mixup.{x.name}2", x.columns)
    builder.emit(
        partners_from(kind.dtype, kind.sparse),
        x=other, X=builder.buffers[source], partner=builder.buffers[PARTNER],
    )  # fmt: skip
    a = builder.value(f"mixup.{x.name}", x.columns)
    builder.emit(mix, a=a, x=x, y=other, share=builder.buffers[SHARE])
    return a


def augmented(
    builder: Builder, steps: Sequence[Augmentation], x: Buffer, kind: SourceType
) -> Buffer:
    """Emit the steps; what the first layer reads."""
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.kind] = counts.get(step.kind, 0) + 1
        x = step.emit(builder, f"augment.{step.kind}{counts[step.kind]}", x)
        if isinstance(step, Mixup):
            x = mixed(builder, x, "X", kind)
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
