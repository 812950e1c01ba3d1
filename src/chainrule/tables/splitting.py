"""Which rows are held out."""

import numpy as np

from chainrule.tables.errors import TableError, counted


def hold_out(
    rows: int, share: float, seed: int, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows at random into those trained on and those held out.

    With labels, each class is divided by the share. One row of a class stays for the training in
    any case, where scikit-learn's split refuses a table with such a class.

    Args:
        rows: how many there are.
        share: to hold out, in (0, 1).
        seed: of the choice.
        labels: (rows,) classes that count from 0.

    Returns:
        The indices of both, ascending.

    Raises:
        TableError: if one of them would be empty.

    >>> train, held = hold_out(10, 0.2, seed=0, labels=np.array([0] * 5 + [1] * 5))
    >>> train.size, held.size, int((held < 5).sum())
    (8, 2, 1)
    """
    order = np.random.default_rng(seed).permutation(rows)
    labels = np.zeros(rows, np.int64) if labels is None else labels
    held = _of_each_class(order, labels, share)
    train = np.setdiff1d(order, held)
    if held.size == 0 or train.size < 2:
        raise TableError(
            f"{counted(rows, 'row')} with a target are too few to hold out a share of {share:g} "
            "of them and train on the rest"
        )
    return train, np.sort(held)


def _of_each_class(order: np.ndarray, labels: np.ndarray, share: float) -> np.ndarray:
    chosen = []
    owed = 0.0  # what rounding has left out so far, so that the shares add up
    by_class = order[np.argsort(labels[order], kind="stable")]
    for members in np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1):
        owed += share * len(members)
        take = min(max(round(owed), 0), len(members) - 1)
        owed -= take
        chosen.append(members[:take])
    return np.concatenate(chosen)


def check_folds(rows: int, folds: int) -> None:
    """Refuse more folds than rows.

    Raises:
        TableError: that says how many there are.
    """
    if rows < folds:
        raise TableError(f"{counted(rows, 'row')} with a target cannot make {folds} folds")


def fold_rows(
    rows: int, folds: int, seed: int, labels: np.ndarray | None = None
) -> list[np.ndarray]:
    """Divide rows into folds at random, each class evenly.

    Returns:
        The indices of each fold, ascending.

    >>> [fold.size for fold in fold_rows(10, 3, seed=0)]
    [4, 3, 3]
    """
    order = np.random.default_rng(seed).permutation(rows)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    return [np.sort(order[start::folds]) for start in range(folds)]
