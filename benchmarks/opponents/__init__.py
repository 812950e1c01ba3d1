"""The opponents, a file each: who takes part, and with how many threads."""

import importlib
import os
from dataclasses import dataclass

from benchmarks.opponents.base import Opponent

OURS = "chainrule"
LIMIT = "limit"


@dataclass(frozen=True)
class Entry:
    """One participant.

    Attributes:
        name: as the tables show it.
        group: the opponent that it is a variant of; only a group's fastest variant counts.
        module: the file that plays it.
        threads: how many threads it is told to use; None leaves it the choice.
    """

    name: str
    group: str
    module: str
    threads: int | None = None

    def opponent(self) -> Opponent:
        """The opponent itself.

        Raises:
            ImportError: if its library is not installed.
        """
        return importlib.import_module(f"benchmarks.opponents.{self.module}").Player()


def entries(threads: int | None) -> list[Entry]:
    """All participants; ``threads`` is the most that any may use, None leaves it to them.

    The limit comes last: it is measured with the number of threads that the library chose.
    """
    most = threads or os.cpu_count() or 1
    torch = [
        Entry(f"PyTorch ({n} thread{'s' * (n > 1)})", "PyTorch", "torch_eager", n)
        for n in sorted({1, most})
    ]
    return [
        Entry(OURS, OURS, "ours", threads),
        Entry("scikit-learn", "scikit-learn", "sklearn_mlp"),
        *torch,
        Entry("JAX", "JAX", "jax_scan"),
        Entry(LIMIT, LIMIT, "limit"),
    ]
