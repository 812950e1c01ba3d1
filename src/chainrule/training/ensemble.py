"""Ensembles: several networks of one shape, trained side by side in one call."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from chainrule.checks import whole
from chainrule.engine.threads import cores
from chainrule.network import Network
from chainrule.training.callbacks import Callback, Epoch
from chainrule.training.history import Result
from chainrule.training.trainer import train

T = TypeVar("T")

INTERRUPTED = "another training of the ensemble was interrupted"


def train_ensemble(
    networks: Sequence[Network],
    X: Any,
    y: Any,
    *,
    threads: int | None = None,
    seeds: Sequence[int] | None = None,
    **options: Any,
) -> list[Result]:
    """Train several networks in place, each on one thread of its own, on the same data.

    The data are read where they lie, once for all; every network trains as :func:`chainrule.train`
    with ``threads=1`` would train it alone, bit for bit.

    Args:
        networks: of any shapes; those of one shape and different seeds make an ensemble.
        X, y: as for :func:`chainrule.train`.
        threads: how many networks are trained at a time; all cores by default.
        seeds: of the shuffles, one for each network; by default each network's own.
        **options: as for :func:`chainrule.train`, but ``state``, ``progress`` and ``callbacks``,
            which belong to one training.

    Returns:
        A result for each network, in their order.

    Raises:
        ValueError: for anything that does not fit.
        DivergedError: if a loss overflows; the other trainings are finished before.

    >>> import numpy as np, chainrule as cr
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> nets = [cr.Network([cr.Dense(4, "tanh"), cr.Dense(1)], loss="mse", inputs=1, seed=k)
    ...         for k in range(3)]
    >>> results = cr.train_ensemble(nets, X, X**2, epochs=3)
    >>> np.mean([net.predict(X) for net in nets], axis=0).shape
    (40, 1)
    """
    networks = list(networks)
    for own in ("state", "progress", "callbacks"):
        if own in options:
            raise ValueError(f"{own} belongs to one training, not to an ensemble")
    if len({id(network) for network in networks}) < len(networks):
        raise ValueError("one network stands twice in the ensemble")
    if seeds is None:
        seeds = [network.seed for network in networks]
    elif len(seeds) != len(networks):
        raise ValueError(f"there are {len(seeds)} seeds for {len(networks)} networks")
    workers = cores() if threads is None else whole("threads", threads)

    def work(network: Network, seed: int) -> Callable[[Callback], Result]:
        return lambda stopped: train(
            network, X, y, seed=seed, threads=1, callbacks=[stopped], **options
        )

    return side_by_side([work(n, s) for n, s in zip(networks, seeds, strict=True)], workers)


def side_by_side(works: Sequence[Callable[[Callback], T]], workers: int) -> list[T]:
    """Run trainings on threads of their own, and end all of them at an interruption.

    Args:
        works: each is called with a callback for its training, which stops it when that is due.
        workers: how many run at a time.

    Returns:
        What they return, in their order.
    """
    stop = threading.Event()

    def stopped(_epoch: Epoch) -> str | None:
        return INTERRUPTED if stop.is_set() else None

    with ThreadPoolExecutor(max_workers=workers) as pool:
        pending = [pool.submit(work, stopped) for work in works]
        try:
            while wait(pending, timeout=0.05).not_done:
                pass  # a wait without end would not let Ctrl-C through everywhere
        except BaseException:
            stop.set()
            for future in pending:
                future.cancel()
            raise
    return [future.result() for future in pending]
