"""Several networks in place of one: trained side by side, averaged, their spread as uncertainty."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from chainrule.engine.threads import cores
from chainrule.estimators import fitting, parameters
from chainrule.estimators.validation import Rows
from chainrule.training.callbacks import Callback
from chainrule.training.ensemble import side_by_side

SEEN = (
    "classes_",
    "_labels",
    "_columns",
    "n_features_in_",
    "feature_names_in_",
)  # of the data, by checking them


def fit_members(
    estimator: Any, rows: Rows, held: Rows | None, first: bool, incremental: bool
) -> None:
    """Train ``n_estimators`` networks, each on one thread, from starts of their own.

    They are estimators themselves, in ``estimators_``, in whose attributes the weights and curves
    are.
    """
    if parameters.callbacks_of(estimator):
        raise ValueError("callbacks belong to one training: they cannot be used with n_estimators")
    members = _members(estimator) if first else estimator.estimators_
    shared = estimator.get_params(deep=False)
    for own in ("n_estimators", "n_jobs", "random_state"):
        shared.pop(own)
    for member in members:
        member.set_params(**shared)
    workers = min(parameters.threads_of(estimator.n_jobs) or cores(), len(members))
    for member in members:
        for name in SEEN:
            if hasattr(estimator, name):
                setattr(member, name, getattr(estimator, name))

    def work(member: Any) -> Callable[[Callback], None]:
        return lambda stopped: fitting.fit(member, rows, held, first, incremental, [stopped])

    side_by_side([work(member) for member in members], workers)
    if first:
        fitting.forget(estimator)
        estimator.estimators_ = members
    estimator.n_iter_ = max(member.n_iter_ for member in members)
    estimator.loss_ = float(np.mean([member.loss_ for member in members]))
    estimator.n_layers_ = members[0].n_layers_
    estimator.out_activation_ = members[0].out_activation_
    estimator.n_outputs_ = members[0].n_outputs_


def _members(estimator: Any) -> list[Any]:
    random = check_random_state(estimator.random_state)
    members = []
    for _ in range(estimator.n_estimators):
        member = clone(estimator)
        seed = int(random.randint(fitting.SEEDS))
        members.append(member.set_params(n_estimators=1, n_jobs=1, random_state=seed))
    return members


def outputs_of_members(estimator: Any, X: Any) -> np.ndarray:
    """The outputs of each member for checked rows: (members, m, outputs)."""
    return np.stack([member._outputs_of(X) for member in estimator.estimators_])
