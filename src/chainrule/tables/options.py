"""What can be chosen about a fit, checked before any work is done."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from chainrule.checks import real_number
from chainrule.tables.errors import TableError, nearest, quoted

# The command line makes its flags of the fields below, and its help shall be there at once: what is
# slow to import waits until it is needed.
if TYPE_CHECKING:
    from chainrule.layers import Layer
    from chainrule.losses import Loss
    from chainrule.optimizers import Optimizer
    from chainrule.penalties import ClipGlobalNorm, Penalty

TASKS = ("auto", "binary", "multiclass", "regression")
SCALINGS = ("standard", "robust", "quantile")
CLASS_WEIGHTS = ("none", "balanced")
LOSSES = {"binary": "binary_cross_entropy", "multiclass": "cross_entropy", "regression": "mse"}


DATA, NETWORK, TRAINING, REGULARISATION, EVALUATION = (
    "data", "network", "training", "regularisation", "evaluation",
)  # fmt: skip


def choice(default: Any, group: str, words: str) -> Any:
    """A field of the options: with the group that it belongs to, and what it is, in words."""
    return field(default=default, metadata={"group": group, "words": words})


@dataclass(frozen=True)
class Options:
    """The choices of a fit; each is a number, a text, or a list of numbers, as TOML has them.

    Raises:
        TableError: for a value outside its range, or an unknown name.

    >>> Options(hidden=(8,), dropout=0.1).layers()
    [Dense(8, 'relu'), Dropout(rate=0.1, name=None)]
    """

    task: str = choice(
        "auto", DATA, "auto, binary, multiclass or regression; auto asks the target.",
    )  # fmt: skip
    scaling: str = choice("standard", DATA, "Of numbers: standard, robust or quantile.")
    one_hot: int = choice(
        30, DATA, "Levels up to which a text column is one-hot; past them it is embedded.",
    )  # fmt: skip
    hidden: Sequence[int] = choice(
        (64, 64), NETWORK, "The sizes of the hidden layers; none makes the network linear.",
    )  # fmt: skip
    activation: str = choice(
        "relu", NETWORK, "Of the hidden layers, such as relu, tanh or leaky_relu(0.1).",
    )  # fmt: skip
    dropout: float = choice(
        0.0, REGULARISATION, "The share of units dropped behind each hidden layer, in [0, 1).",
    )  # fmt: skip
    batch_norm: bool = choice(False, NETWORK, "Whether to normalise behind each hidden layer.")
    loss: str = choice(
        "auto", TRAINING, "auto, or one that suits the task: such as huber(1.0) or focal.",
    )  # fmt: skip
    optimizer: str = choice("adam", TRAINING, "Such as adam, momentum or adamw(weight_decay=0.1).")
    learning_rate: float = choice(0.001, TRAINING, "Of the optimizer, at first.")
    schedule: str = choice(
        "constant", TRAINING, "Of the learning rate, such as cosine or step(every=10).",
    )  # fmt: skip
    epochs: int = choice(100, TRAINING, "Passes over the training rows, at most.")
    batch_size: int = choice(32, TRAINING, "Rows of a batch.")
    l1: float = choice(0.0, REGULARISATION, "Strength of the penalty on |W|, at least 0.")
    l2: float = choice(0.0, REGULARISATION, "Strength of the penalty on ½ W², at least 0.")
    clip: float = choice(
        0.0, REGULARISATION, "The norm that the whole gradient is scaled down to; 0 does not.",
    )  # fmt: skip
    label_smoothing: float = choice(
        0.0, REGULARISATION, "The share of the uniform distribution in the targets, in [0, 1).",
    )  # fmt: skip
    class_weight: str = choice("none", TRAINING, "none or balanced.")
    patience: int = choice(
        0, REGULARISATION,
        "Epochs without a better loss on validation rows before the training ends, and goes "
        "back to the best; 0 trains for all epochs.",
    )  # fmt: skip
    validation_share: float = choice(
        0.1, REGULARISATION, "Of the training rows that are held back for patience.",
    )  # fmt: skip
    ensemble: int = choice(1, NETWORK, "How many networks are trained and averaged.")
    seed: int = choice(
        0, TRAINING, "Of the held-out rows, the initial parameters and the shuffles.",
    )  # fmt: skip
    test_share: float = choice(0.2, EVALUATION, "The share of the rows that is held out.")
    folds: int = choice(
        0, EVALUATION, "How many a cross-validation has, in place of held-out rows; 0 for none.",
    )  # fmt: skip
    threads: int = choice(
        0, TRAINING, "How many; 0 measures what is fastest. The result does not depend on it.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        from chainrule import activations
        from chainrule.losses import find as find_loss

        for name in TEXTS:
            if not isinstance(getattr(self, name), str):
                raise TableError(f"{name} must be a text, not {getattr(self, name)!r}")
        _chosen("task", self.task, TASKS)
        _chosen("scaling", self.scaling, SCALINGS)
        _chosen("class_weight", self.class_weight, CLASS_WEIGHTS)
        object.__setattr__(self, "hidden", tuple(_sizes(self.hidden)))
        for name, least, most in WHOLE:
            object.__setattr__(self, name, _whole(name, getattr(self, name), least, most))
        if self.folds == 1:
            raise TableError("folds must be 0 for none, or at least 2, not 1")
        for name, low, high, ends in REAL:
            object.__setattr__(self, name, _real(name, getattr(self, name), low, high, ends))
        if not isinstance(self.batch_norm, bool):
            raise TableError(f"batch_norm must be true or false, not {self.batch_norm!r}")
        try:
            self.optimiser()
            trainable = activations.find(self.activation).trainable
            self.layers()
            if self.loss != "auto":
                find_loss(self.loss)
        except ValueError as error:
            raise TableError(str(error)) from None
        if not trainable:
            raise TableError(
                f"{self.activation!r} has no useful derivative: "
                "a hidden layer with it cannot be trained"
            )

    def layers(self) -> "list[Layer]":
        """The hidden layers."""
        from chainrule.layers import BatchNorm, Dense, Dropout

        layers: list[Layer] = []
        for units in self.hidden:
            layers.append(Dense(units, self.activation))
            if self.batch_norm:
                layers.append(BatchNorm())
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return layers

    def optimiser(self) -> "Optimizer":
        """The optimizer, with its schedule.

        Raises:
            ValueError: for unknown names, or values outside their ranges.
        """
        from chainrule import optimizers, schedules

        make = optimizers.named(self.optimizer, taken=("learning_rate",))
        found: Optimizer = make(learning_rate=self.learning_rate)
        if self.schedule == "constant":
            return found
        rate: Any = schedules.named(self.schedule, self.learning_rate)
        return replace(found, learning_rate=rate)

    def penalty(self) -> "Penalty | None":
        """The penalty, if there is one."""
        from chainrule.penalties import Penalty

        return Penalty(self.l1, self.l2) if self.l1 or self.l2 else None

    def clipping(self) -> "ClipGlobalNorm | None":
        """How gradients are clipped, if they are."""
        from chainrule.penalties import ClipGlobalNorm

        return ClipGlobalNorm(self.clip) if self.clip else None

    def loss_for(self, task: str) -> "Loss":
        """The loss for a task.

        Raises:
            TableError: if the one that was chosen does not suit, or a choice that is about classes
                stands beside a task or a loss without them.
        """
        from chainrule.losses import find as find_loss

        loss = find_loss(LOSSES[task] if self.loss == "auto" else self.loss)
        of_classes = loss.targets == (0, 1) or loss.distribution
        suits = {
            "binary": of_classes and not loss.distribution,
            "multiclass": loss.distribution,
            "regression": not of_classes,
        }[task]
        if not suits or loss.predicts not in ("targets", "values"):
            raise TableError(f"the loss {str(loss)!r} does not suit a {task} task")
        self._check_of_classes(task, loss)
        return loss

    def _check_of_classes(self, task: str, loss: "Loss") -> None:
        if task == "regression" and self.class_weight != "none":
            raise TableError(
                f"class_weight {self.class_weight!r} is for classes, and the task is a regression"
            )
        if self.label_smoothing and not loss.smoothing:
            raise TableError(
                "label_smoothing is for losses of probabilities, "
                f"and the loss of this {task} task is {str(loss)!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"hidden": list(self.hidden)}

    @classmethod
    def of(cls, choices: Mapping[str, Any]) -> "Options":
        """The options with these choices by name.

        Raises:
            TableError: for one that there is not, with the nearest that there is.
        """
        for name in choices:
            if name not in cls.names():
                raise TableError(f"there is no option {quoted(name)}: {nearest(name, cls.names())}")
        return cls(**choices)

    @classmethod
    def names(cls) -> list[str]:
        """The names of all choices."""
        return [field.name for field in fields(cls)]


Options.__doc__ = f"{Options.__doc__}\n    Attributes:\n" + "".join(
    f"        {one.name}: {one.metadata['words']}\n" for one in fields(Options)
)

MOST = 2**31 - 1
TEXTS = ("task", "scaling", "activation", "loss", "optimizer", "schedule", "class_weight")
#: Whole numbers: the least and the largest.
WHOLE = (
    ("one_hot", 1, 10_000), ("epochs", 1, MOST), ("batch_size", 1, MOST), ("patience", 0, MOST),
    ("ensemble", 1, 1000), ("seed", 0, 2**63 - 1), ("folds", 0, 1000), ("threads", 0, 1024),
)  # fmt: skip
#: Real numbers: the range, and whether its ends belong to it.
REAL = (
    ("dropout", 0.0, 1.0, "[)"), ("learning_rate", 0.0, float("inf"), "()"),
    ("l1", 0.0, float("inf"), "[)"), ("l2", 0.0, float("inf"), "[)"),
    ("clip", 0.0, float("inf"), "[)"), ("label_smoothing", 0.0, 1.0, "[)"),
    ("validation_share", 0.0, 1.0, "()"), ("test_share", 0.0, 1.0, "()"),
)  # fmt: skip


def read_sizes(text: str) -> tuple[int, ...]:
    """Read the sizes of hidden layers.

    Raises:
        TableError: if it is not whole numbers, divided by commas.

    >>> read_sizes("64, 32")
    (64, 32)
    """
    if not text.strip():
        return ()
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise TableError(f"hidden must be sizes such as 64,64, not {quoted(text)}") from None


def _chosen(name: str, value: Any, among: Sequence[str]) -> None:
    if value not in among:
        raise TableError(f"unknown {name} {quoted(value)}; there are {', '.join(among)}")


def _sizes(sizes: Any) -> list[int]:
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise TableError(f"hidden must be a sequence of sizes such as (64, 64), not {sizes!r}")
    return [_whole("a size in hidden", size, 1) for size in sizes]


def _whole(name: str, value: Any, least: int, most: int = MOST) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise TableError(f"{name} must be a whole number of at least {least}, not {value!r}")
    if value > most:
        raise TableError(f"{name} must be at most {most}, not {value}")
    return operator.index(value)


def _real(name: str, value: Any, low: float, high: float, ends: str) -> float:
    inside = real_number(value) and low <= value <= high
    inside = inside and not (ends[0] == "(" and value == low)
    inside = inside and not (ends[1] == ")" and value == high)
    if not inside:
        if high == float("inf"):
            allowed = "a positive number" if ends[0] == "(" else "a number of at least 0"
        elif ends == "()":
            allowed = f"between {low:g} and {high:g}"
        else:
            allowed = f"from {low:g} to below {high:g}"
        raise TableError(f"{name} must be {allowed}, not {value!r}")
    return float(value)
