"""The classifier: labels of any type in, labels and probabilities out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from chainrule.activations import activations
from chainrule.estimators import parameters
from chainrule.estimators.base import BaseMLP
from chainrule.estimators.labels import Labels, numbers_of, one_column, refuse_missing
from chainrule.estimators.validation import Rows, accuracy
from chainrule.losses import Loss


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A neural network that classifies, with the manners of scikit-learn's ``MLPClassifier``.

    Every parameter, method and fitted attribute of scikit-learn's is here with its meaning and its
    default, and the same ``random_state`` starts from the same weights. Where this class differs on
    purpose, ``docs/differences-from-scikit-learn.md`` says why. The loss of a batch of m rows is
    their mean cross-entropy plus ½ α ‖W‖² / m.

    Args:
        hidden_layer_sizes: the units of each hidden layer.
        activation: of the hidden layers, any of the registry, such as ``"relu"`` or
            ``"leaky_relu(0.2)"``; or a list with one for each.
        solver: ``"adam"``, ``"sgd"`` or ``"lbfgs"``.
        alpha: α of the L2 penalty.
        batch_size: rows of a batch; ``"auto"`` is min(200, m).
        learning_rate: ``"constant"``, ``"invscaling"`` or ``"adaptive"``, for ``"sgd"``.
        learning_rate_init: the first rate.
        power_t: the exponent of ``"invscaling"``.
        max_iter: epochs at most; iterations of ``"lbfgs"``.
        shuffle: whether each epoch has an order of its own.
        random_state: of weights, validation split and shuffles.
        tol: what counts as an improvement of the loss or the score.
        verbose: whether to print each epoch.
        warm_start: whether ``fit`` goes on from where the last one ended, optimizer and all.
        momentum: of ``"sgd"``, in [0, 1].
        nesterovs_momentum: whether that is Nesterov's.
        early_stopping: whether a score on rows held out ends the training.
        validation_fraction: the share to hold out.
        beta_1: decay of Adam's mean, in [0, 1).
        beta_2: decay of Adam's mean square, in [0, 1).
        epsilon: Adam's ε̂.
        n_iter_no_change: epochs without an improvement before the training ends.
        max_fun: evaluations of ``"lbfgs"`` at most.
        loss: ``"log_loss"``: binary or categorical cross-entropy; or a loss of the registry, such
            as ``"focal"`` or ``"hinge"``.
        network: the hidden layers themselves, in place of ``hidden_layer_sizes``, such as
            ``[cr.Dense(64, "relu"), cr.Dropout(0.2)]``; the output layer is put behind them.
        dropout: the share of units to drop behind each hidden layer; or a list of shares.
        batch_norm: whether to normalise behind each hidden layer.
        class_weight: ``"balanced"``, or a mapping from label to weight.
        scoring: what early stopping maximises: a scorer, its name, ``"loss"``, or None for the
            accuracy.
        optimizer: an optimizer or its name, in place of ``solver``.
        schedule: of the learning rate, in place of ``learning_rate``: a schedule or its name.
        clip: how gradients are clipped, such as ``cr.ClipGlobalNorm(1.0)``.
        callbacks: called after each epoch; see :func:`chainrule.train`.
        n_jobs: threads; None chooses, −1 takes all cores. The result does not depend on it.
        n_estimators: how many networks are trained, from starts of their own, and averaged.

    Attributes:
        network_: the :class:`chainrule.Network`, for ``trace``, ``gradcheck`` and the rest.
        classes_: the labels.
        coefs_: the weights of each dense layer, (inputs, units): views into the network.
        intercepts_: their biases.
        loss_: that of the last epoch; ``loss_curve_`` of each.
        best_loss_: the least of them; None with early stopping.
        validation_scores_: of each epoch with rows to judge by, else None.
        validation_loss_curve_: the losses of those rows.
        best_validation_score_: the largest score.
        n_iter_: epochs of the last call.
        t_: examples seen.
        n_layers_, n_outputs_, out_activation_: of the network.
        n_features_in_, feature_names_in_: of the data.
        stopped_: why the training ended.
        estimators_: the single networks of ``n_estimators`` > 1, which then have the attributes
            above.

    Raises:
        ValueError: at ``fit``, for parameters and data that do not fit, in one sentence.

    >>> import numpy as np, chainrule as cr
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    >>> clf = cr.MLPClassifier((16,), max_iter=400, learning_rate_init=0.02, random_state=0,
    ...                        n_iter_no_change=30, early_stopping=True).fit(X, y)
    >>> clf.predict([[1.0, 1.0], [-1.0, 1.0]])
    array(['same', 'other'], dtype='<U5')

    Source: 000, 001 and 002; Pedregosa et al., "Scikit-learn: Machine Learning in Python", 2011,
    for the interface.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "loss": [str, Loss],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        network: Any = None,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        class_weight: Any = None,
        scoring: Any = None,
        optimizer: Any = None,
        schedule: Any = None,
        clip: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
        n_estimators: int = 1,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.network = network
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.class_weight = class_weight
        self.scoring = scoring
        self.optimizer = optimizer
        self.schedule = schedule
        self.clip = clip
        self.callbacks = callbacks
        self.n_jobs = n_jobs
        self.n_estimators = n_estimators

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> "MLPClassifier":
        """Train the network.

        Args:
            X: (m, features) numbers: an array, a sparse matrix, or a data frame.
            y: (m,) labels, or an indicator matrix (m, K) of several labels at once.
            sample_weight: (m,), at least 0.
            X_val: rows to judge by after each epoch, in place of a share held out.
            y_val: their labels.

        Raises:
            ValueError: for parameters and data that do not fit, or if the training diverges.
        """
        self._fit(X, y, sample_weight, X_val, y_val, incremental=False)
        return self

    @available_if(parameters.offers_partial_fit)
    def partial_fit(
        self, X: Any, y: Any, *, classes: Any = None, sample_weight: Any = None,
        X_val: Any = None, y_val: Any = None,
    ) -> "MLPClassifier":  # fmt: skip
        """Train for one epoch on these rows; bit for bit as if the last call had gone on.

        With early stopping each call is judged by ``X_val`` or a share of its own rows (the same
        ones when the next call has the same rows); once ``stopped_`` is not ``"epochs"``, the
        best weights are back.

        Args:
            X: as for :meth:`fit`; likewise y, sample_weight, X_val and y_val.
            classes: all labels that there will be; needed in the first call.

        Raises:
            ValueError: for labels that are not among the classes, and as :meth:`fit`.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' counts the rows of one call: give partial_fit "
                "a mapping, such as compute_class_weight of scikit-learn makes of all labels"
            )
        self._fit(X, y, sample_weight, X_val, y_val, incremental=True, classes=classes)
        return self

    def predict(self, X: Any) -> Any:
        """The labels of rows: (m,), or an indicator matrix (m, K), sparse if that of fit was.

        Args:
            X: (m, features) as for :meth:`fit`.

        Raises:
            NotFittedError: before :meth:`fit`.
            ValueError: if X has another width, is not numeric or not finite.
        """
        outputs = self._outputs(X)
        return self._labels.decided(outputs)

    @available_if(lambda self: self._gives_probabilities())
    def predict_proba(self, X: Any, return_std: bool = False) -> Any:
        """The probabilities of the classes: (m, K), columns in the order of ``classes_``.

        Args:
            X: (m, features) as for :meth:`fit`.
            return_std: whether to return as well how far the networks of ``n_estimators`` are
                apart: the standard deviation of their probabilities, (m, K).

        Raises:
            ValueError: as :meth:`predict`; or if one network has no others to be apart from.
        """
        if not return_std:
            outputs = self._outputs(X)
            return self._labels.probabilities(outputs)
        each = self._members_outputs(self._checked_rows(X))
        if len(each) == 1:
            raise ValueError("return_std needs n_estimators of 2 and more")
        probabilities = np.stack([self._labels.probabilities(outputs) for outputs in each])
        return probabilities.mean(axis=0), probabilities.std(axis=0)

    @available_if(lambda self: self._gives_probabilities())
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    @available_if(lambda self: not self._gives_probabilities())
    def decision_function(self, X: Any) -> np.ndarray:
        """The scores of a loss without probabilities, such as hinge: (m,) or (m, K).

        The first is for two classes: positive for the second of them.

        Args:
            X: (m, features) as for :meth:`fit`.

        Raises:
            ValueError: as :meth:`predict`.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._labels.kind == "binary" else outputs

    # ------------------------------------------------------------ what the base asks

    def _gives_probabilities(self) -> bool:
        return bool(parameters.loss_of(self._loss_name("binary")).predicts == "targets")

    def _loss_name(self, kind: str) -> Any:
        if self.loss != "log_loss":
            return self.loss
        return "cross_entropy" if kind == "multiclass" else "binary_cross_entropy"

    def _loss(self) -> Loss:
        return self._loss_for(self._labels.kind)

    def _loss_for(self, kind: str) -> Loss:
        loss = parameters.loss_of(self._loss_name(kind))
        if loss.outputs_per_target != 1 or loss.predicts not in ("targets", "scores"):
            raise ValueError(f"loss={str(loss)!r} is not one of classes: use MLPRegressor")
        return loss

    def _output_layer(self, loss: Loss) -> tuple[int, str]:
        kind = self._labels.kind
        if loss.predicts == "scores":
            activation = "linear"
        elif kind == "multiclass" and loss.accepts(activations["softmax"]):
            activation = "softmax"
        else:
            activation = "logistic"
        if loss.distribution and kind != "multiclass":
            raise ValueError(
                f"loss={str(loss)!r} is for three classes and more: use 'log_loss', which takes "
                "the cross-entropy that suits"
            )
        return self._labels.outputs, activation

    def _look_at(self, X: Any, y: Any, suffix: str = "") -> None:
        super()._look_at(X, y, suffix)
        refuse_missing(y, f"y{suffix}")

    def _checked_targets(
        self, y: np.ndarray, first: bool, incremental: bool, classes: Any
    ) -> np.ndarray:
        y = one_column(y)
        if first or not hasattr(self, "_labels"):
            labels = self._first_labels(y, classes) if incremental else Labels.of(y)
            scores = self._loss_for(labels.kind).predicts == "scores"
            self._labels = replace(labels, threshold=0.0) if scores else labels
            self.classes_ = labels.classes
        elif not incremental:
            self._refuse_other(y)
        elif classes is not None and self._labels.kind != "multilabel":
            self._refuse_changed(classes)
        return self._later_targets(y)

    @staticmethod
    def _first_labels(y: np.ndarray, classes: Any) -> Labels:
        found = Labels.of(y)
        if found.kind == "multilabel":
            return found
        if classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return Labels.known(classes)

    def _refuse_other(self, y: np.ndarray) -> None:
        found = Labels.of(y)
        if found.kind != self._labels.kind or not np.array_equal(found.classes, self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {found.classes}"
            )

    def _refuse_changed(self, classes: Any) -> None:
        if not np.array_equal(Labels.known(classes).classes, self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, "
                f"was: {self.classes_!r}"
            )

    def _later_targets(self, y: np.ndarray) -> np.ndarray:
        return self._labels.targets(one_column(y), "labels" in self._loss().forms)

    def _given(self, targets: np.ndarray) -> np.ndarray:
        if self._labels.kind == "multilabel":
            return targets
        return self.classes_.take(numbers_of(targets))

    def _strata(self, targets: np.ndarray) -> np.ndarray | None:
        return targets != 0 if self._labels.kind == "binary" else None

    def _figure(self, rows: Rows) -> Callable[[np.ndarray], float]:
        if self._labels.kind == "multilabel":
            decided = replace(self._labels, sparse=False).decided
            return accuracy(decided, rows.y, rows.weights)
        return accuracy(self._labels.places, numbers_of(rows.y), rows.weights)

    def _row_weights(self, X: Any, y: Any, sample_weight: Any) -> np.ndarray | None:
        given = super()._row_weights(X, y, sample_weight)
        if self.class_weight is None:
            return given
        if self._labels.kind == "multilabel":
            raise ValueError("class_weight is for one label of an example, not for several")
        from sklearn.utils.class_weight import compute_sample_weight

        if self.class_weight != "balanced":
            parameters.check_class_weight(self.class_weight)
        by_class = compute_sample_weight(self.class_weight, one_column(y))
        return np.asarray(by_class if given is None else by_class * given)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
