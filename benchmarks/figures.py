"""From times to figures: medians, spreads, and ratios that are taken round by round."""

import math
import statistics
from dataclasses import dataclass, field

from benchmarks.opponents import LIMIT, OURS, Entry
from benchmarks.worker import Ready
from benchmarks.works import Work

AGREE = 0.02  # relative difference of the losses after which a comparison means nothing

DISTURBING = 0.05  # share of all cores that others keep busy; the counters err by 1 or 2 %


@dataclass(frozen=True)
class Series:
    """Figures of the rounds: the one in the middle, and the outermost."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Series":
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Participant:
    """What was measured of one participant in a work.

    Attributes:
        seconds: of a training step, one figure a round.
        others: the share of all cores that others kept busy, one figure a round where it is known.
        peak: bytes of memory at the most.
    """

    entry: Entry
    ready: Ready
    seconds: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    peak: int | None = None

    @property
    def step(self) -> Series:
        return Series.of(self.seconds)


@dataclass
class Measured:
    """A work and all that took part in it.

    Attributes:
        left_out: why, by the name of what could not take part.
    """

    work: Work
    participants: list[Participant]
    left_out: dict[str, str]

    def __post_init__(self) -> None:
        by_name = {p.entry.name: p for p in self.participants}
        self.ours = by_name[OURS]
        self.limit = by_name[LIMIT]

    @property
    def opponents(self) -> list[Participant]:
        return [p for p in self.participants if p is not self.ours and p is not self.limit]

    def counted(self) -> list[Participant]:
        """Of each group of variants the fastest."""
        fastest: dict[str, Participant] = {}
        for p in self.opponents:
            rival = fastest.get(p.entry.group)
            if rival is None or p.step.median < rival.step.median:
                fastest[p.entry.group] = p
        return list(fastest.values())

    def ratio(self, other: Participant) -> Series:
        """How many times longer the other takes for a step, round by round."""
        pairs = zip(other.seconds, self.ours.seconds, strict=True)
        return Series.of([theirs / ours for theirs, ours in pairs])

    def share(self, participant: Participant) -> Series:
        """The share of the limit that a participant reaches, round by round."""
        pairs = zip(self.limit.seconds, participant.seconds, strict=True)
        return Series.of([limit / taken for limit, taken in pairs])

    @property
    def rate(self) -> Series:
        """Operations a second of the large product."""
        return Series.of([self.work.products / s for s in self.limit.seconds])

    @property
    def others(self) -> float | None:
        """The share of all cores that others kept busy on average, if it is known."""
        shares = [share for p in self.participants for share in p.others]
        return statistics.fmean(shares) if shares else None

    @property
    def disturbed(self) -> bool:
        """Whether others took so much of the machine that the figures are not to be quoted."""
        return (self.others or 0) > DISTURBING

    def target(self, participant: Participant) -> float | None:
        """What the ratio to a participant is meant to be, if it is one that counts."""
        if participant is not self.limit and participant not in self.counted():
            return None
        return self.work.targets.get(participant.entry.group)

    def reached(self, participant: Participant) -> Series:
        """The figure that its target is about: the ratio, or for the limit the share of it."""
        return self.share(self.ours) if participant is self.limit else self.ratio(participant)

    def difference(self, other: Participant) -> float | None:
        """The largest relative difference from our losses over the epochs that were checked."""
        ours, theirs = self.ours.ready.losses, other.ready.losses
        if theirs is None or ours is None or other is self.ours:
            return None
        return max(
            abs(a - b) / abs(a) if math.isfinite(a) and math.isfinite(b) else math.inf
            for a, b in zip(ours, theirs, strict=True)
        )

    def disagreements(self) -> list[Participant]:
        """Opponents that did not learn the same."""
        return [p for p in self.opponents if (self.difference(p) or 0) > AGREE]
