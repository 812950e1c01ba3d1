"""What every opponent can do."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from benchmarks.works import Work


@dataclass
class Run:
    """One training.

    Attributes:
        seconds: how long the training took.
        losses: the mean loss that the steps of each epoch saw; None if nothing is learnt.
    """

    seconds: float
    losses: list[float] | None = field(default=None)


class Opponent(ABC):
    """A way to train a work; each instance lives in a process of its own.

    Attributes:
        threads: how many threads it uses, if it knows.
    """

    threads: int | None = None

    @abstractmethod
    def setup(self, work: Work, threads: int | None) -> None:
        """Prepare the data and the initial weights of a work; not timed."""

    @abstractmethod
    def run(self, epochs: int, *, shuffled: bool) -> Run:
        """Train from the initial weights; time the training alone.

        Every run starts anew, so that all rounds do the same work, and the training that is
        checked is the one that is timed, apart from the order of the rows.
        """
