"""What both estimators have in common: data are checked and handed on, outputs come back."""

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from chainrule.data import refuse_disguised
from chainrule.estimators import fitting, parameters
from chainrule.estimators.members import fit_members, outputs_of_members
from chainrule.estimators.undo import all_or_nothing
from chainrule.estimators.validation import Rows
from chainrule.losses import Loss

REALS = (np.float64, np.float32)
SPARSE = "csr"  # what programs read: rows of another format are read once, not for each pass


class BaseMLP(BaseEstimator, ABC):
    """The training of networks, the same for labels and for numbers.

    A fitted estimator holds the network, what is known of its epochs, and the state to go on from;
    ``coefs_`` and ``intercepts_`` are views of the network's parameters.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = parameters.CONSTRAINTS

    # ------------------------------------------------------------ what the two say of themselves

    @abstractmethod
    def _loss(self) -> Loss:
        """The loss of the network, for the targets seen."""

    @abstractmethod
    def _output_layer(self, loss: Loss) -> tuple[int, str]:
        """The number of outputs, and their activation."""

    @abstractmethod
    def _checked_targets(
        self, y: np.ndarray, first: bool, incremental: bool, classes: Any
    ) -> np.ndarray:
        """Targets as the network takes them; what is known of them is set if this is the first."""

    @abstractmethod
    def _later_targets(self, y: np.ndarray) -> np.ndarray:
        """Targets of other rows, as the network takes them."""

    @abstractmethod
    def _given(self, targets: np.ndarray) -> np.ndarray:
        """Targets as the user knows them."""

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        """The groups that are to have the same shares in training and validation."""
        return None

    @abstractmethod
    def _figure(self, rows: Rows) -> Callable[[np.ndarray], float]:
        """The estimator's own score, of the outputs for these rows."""

    def _constant(self, rows: Rows) -> float:
        """What the reported loss has over the loss that is differentiated."""
        return 0.0

    def _look_at(self, X: Any, y: Any, suffix: str = "") -> None:
        """Refuse what scikit-learn's checks would let pass, or fail at."""
        _refuse_features(X, f"X{suffix}")
        refuse_disguised(y, f"y{suffix}")

    def _row_weights(self, X: Any, y: Any, sample_weight: Any) -> np.ndarray | None:
        if sample_weight is None:
            return None
        refuse_disguised(sample_weight, "sample_weight")
        with parameters.said_of("sample_weight"):
            return _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )

    # ------------------------------------------------------------ parameters

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """The names of the parameters, which BaseEstimator would read from the signature anew."""
        return list(_names(cls))

    def _validate_params(self) -> None:
        """Check what differs from its default: defaults are what they may be."""
        known = _parameters(type(self).__init__)
        changed = {
            name: value for name, value in self.get_params(deep=False).items()
            if value is not known[name].default
        }  # fmt: skip
        validate_parameter_constraints(
            self._parameter_constraints, changed, caller_name=type(self).__name__
        )

    # ------------------------------------------------------------ fitting

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, X_val: Any, y_val: Any, incremental: bool,
        classes: Any = None, **target_checks: Any,
    ) -> "BaseMLP":  # fmt: skip
        fitted = self._networks()
        first = not fitted or not (self.warm_start or incremental)
        # As scikit-learn's own fit does, whose decorator for that loads its progress bars.
        if not (get_config()["skip_parameter_validation"] or (incremental and fitted)):
            self._validate_params()
        parameters.check_together(self)
        if not first and fitted != self.n_estimators:
            raise ValueError(
                f"n_estimators is {self.n_estimators}, and {fitted} were fitted: who goes on keeps "
                "their number"
            )
        with (
            config_context(skip_parameter_validation=True),
            all_or_nothing(self, in_place=not first),
        ):
            self._look_at(X, y)
            X, y = validate_data(
                self, X, y, accept_sparse=SPARSE, multi_output=True, dtype=REALS, reset=first,
                **target_checks,
            )  # fmt: skip
            targets = self._checked_targets(y, first, incremental, classes)
            rows = Rows(X, targets, self._row_weights(X, y, sample_weight))
            held = self._checked_validation(X_val, y_val, target_checks)
            if self.n_estimators > 1:
                fit_members(self, rows, held, first, incremental)
            else:
                fitting.fit(self, rows, held, first, incremental)
        return self

    def _networks(self) -> int:
        """How many networks are fitted."""
        if hasattr(self, "estimators_"):
            return len(self.estimators_)
        return 1 if hasattr(self, "coefs_") else 0

    def _checked_validation(self, X_val: Any, y_val: Any, target_checks: Any) -> Rows | None:
        if X_val is None and y_val is None:
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val belong together: give both or neither")
        self._look_at(X_val, y_val, "_val")
        X, y = validate_data(
            self, X_val, y_val, accept_sparse=SPARSE, multi_output=True, dtype=REALS, reset=False,
            **target_checks,
        )  # fmt: skip
        return Rows(X, self._later_targets(y))

    # ------------------------------------------------------------ prediction

    def _members_outputs(self, X: Any) -> np.ndarray:
        """The outputs of each member for checked rows: (members, m, outputs)."""
        if hasattr(self, "estimators_"):
            return outputs_of_members(self, X)
        return self._outputs_of(X)[None]

    def _checked_rows(self, X: Any) -> Any:
        check_is_fitted(self)
        _refuse_features(X, "X")
        return validate_data(self, X, accept_sparse=SPARSE, dtype=REALS, reset=False)

    def _outputs(self, X: Any) -> np.ndarray:
        """The outputs for rows that a user gives: (m, outputs)."""
        if self._may_be_fast(X):
            try:
                return self.network_.predict(X)
            except ValueError:
                pass  # not finite: scikit-learn's own sentence follows
        if X is self.__dict__.get("_judged", self):  # rows held out, which were checked
            return self._outputs_of(X)
        outputs = self._members_outputs(self._checked_rows(X))
        return outputs[0] if len(outputs) == 1 else outputs.mean(axis=0)

    def _outputs_of(self, X: Any) -> np.ndarray:
        fitting.adopt(self)
        return self.network_.predict(X, parameters.threads_of(self.n_jobs))

    def _may_be_fast(self, X: Any) -> bool:
        """Whether this is one row of floats for one network, which needs no further look.

        Its values are looked at by the network; names of features, which are missing here, are
        missed with scikit-learn's own warning.
        """
        known = self.__dict__
        shown = known.get("_shown")
        return (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.shape == (1, known.get("n_features_in_"))
            and X.dtype.kind == "f"
            and X.dtype.itemsize >= 4
            and shown is not None
            and "feature_names_in_" not in known
            and shown.still(known["coefs_"], known["intercepts_"])
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return self._networks() > 0

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if state.pop("_shown", None) is not None:
            fitting.adopt(self)
            for name in ("coefs_", "intercepts_"):
                state.pop(name)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "network_" in state:
            fitting.show(self)


def _refuse_features(X: Any, name: str) -> None:
    """Refuse what would be taken for numbers: nanoseconds since 1970 are no good ones."""
    refuse_disguised(X, name)
    is_frame = hasattr(X, "columns") and hasattr(X, "dtypes")
    pairs = zip(X.columns, X.dtypes, strict=True) if is_frame else ()
    dates = [str(column) for column, dtype in pairs if _of_time(dtype)]
    if dates or (not is_frame and _of_time(getattr(X, "dtype", None))):
        where = f" in the columns {', '.join(dates)}" if dates else ""
        raise ValueError(f"{name} has dates or durations{where}: give numbers, such as days")


def _of_time(dtype: Any) -> bool:
    """Whether values are dates or durations; pandas and Polars say it in ways of their own."""
    temporal = getattr(dtype, "is_temporal", None)
    return bool(temporal()) if callable(temporal) else getattr(dtype, "kind", "") in ("m", "M")


@functools.cache
def _names(cls: type[BaseMLP]) -> tuple[str, ...]:
    """The names of an estimator's parameters."""
    read: Any = BaseEstimator._get_param_names
    return tuple(read.__func__(cls))


@functools.cache
def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function by name."""
    return inspect.signature(function).parameters
