"""The training of a table's networks: one, or several side by side."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.activations import activations
from chainrule.engine.threads import cores
from chainrule.layers import Dense, Embedding, Layer
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.tables.options import Options
from chainrule.tables.splitting import hold_out
from chainrule.training.callbacks import Callback, EarlyStopping
from chainrule.training.ensemble import side_by_side
from chainrule.training.history import Result
from chainrule.training.resuming import SavedTraining
from chainrule.training.trainer import train

METRICS = {"binary": "accuracy", "multiclass": "accuracy", "regression": "r2"}


@dataclass(frozen=True)
class Examples:
    """Inputs and targets of some rows, as a network takes them.

    Attributes:
        X: (m, inputs).
        y: (m,) labels that count the classes, or scaled numbers.
    """

    X: np.ndarray
    y: np.ndarray

    def some(self, rows: np.ndarray) -> "Examples":
        """Some of them."""
        return Examples(self.X[rows], self.y[rows])


def layers_for(
    options: Options, loss: Loss, task: str, classes: int, embedding: Embedding | None
) -> list[Layer]:
    """All layers: embedding, hidden, output."""
    first: list[Layer] = [embedding] if embedding else []
    if task == "binary":
        last = Dense(1, "logistic")
    elif task == "multiclass":
        last = Dense(classes, "softmax")
    else:
        linear = loss.accepts(activations["linear"])
        last = Dense(loss.outputs_per_target, "linear" if linear else "exponential")
    return [*first, *options.layers(), last]


def divided(options: Options, task: str, training: Examples) -> tuple[Examples, Examples | None]:
    """What is learned from, and with ``patience`` what is watched to know when to stop."""
    if not options.patience:
        return training, None
    labels = None if task == "regression" else training.y
    kept, held = hold_out(len(training.y), options.validation_share, options.seed + 1, labels)
    return training.some(kept), training.some(held)


def learn(
    layers: Sequence[Layer], loss: Loss, task: str, options: Options, training: Examples,
    watched: Examples | None, *, progress: bool = False, callbacks: Sequence[Callback] = (),
    saved: SavedTraining | None = None, record: bool = False,
) -> tuple[list[Network], list[Result]]:  # fmt: skip
    """Train the networks.

    Args:
        layers: of each.
        loss: what is minimised.
        task: what the targets are.
        options: the choices.
        training: what is learned from.
        watched: rows whose figures are shown beside, but not used; with ``patience`` a share of
            the training rows takes their place.
        progress: whether to show the training of a single network.
        callbacks: of a single network.
        saved: a checkpoint of a single network's training, to go on from.
        record: whether the training of a single network is recorded.

    Raises:
        DivergedError: if a loss overflows.
    """
    training, held = divided(options, task, training)
    watched = watched if held is None else held
    networks = [
        Network(layers, loss, inputs=training.X.shape[1], seed=options.seed + k)
        for k in range(options.ensemble)
    ]
    for network in networks:
        _clear_unknown(network)
    state = None
    if saved is not None:
        networks, state = [saved.network], saved.state

    def one(network: Network, threads: int | None, others: Sequence[Callback]) -> Result:
        return train(
            network, training.X, training.y, optimizer=options.optimiser(),
            epochs=options.epochs - (state.epoch if state else 0), state=state,
            batch_size=options.batch_size, seed=network.seed,
            validation_data=(watched.X, watched.y) if watched else None,
            metrics=[METRICS[task]], penalty=options.penalty(), clip=options.clipping(),
            label_smoothing=options.label_smoothing, threads=threads,
            class_weight=None if options.class_weight == "none" else options.class_weight,
            callbacks=[*_stopping(options), *others], progress=progress and len(networks) == 1,
            record=record and len(networks) == 1,
        )  # fmt: skip

    def beside_others(network: Network) -> Callable[[Callback], Result]:
        return lambda stopped: one(network, 1, [stopped])

    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        # An interruption is told by the result, and figures that overflow by DivergedError.
        warnings.filterwarnings("ignore", "training was interrupted", UserWarning)
        if len(networks) == 1:
            return networks, [one(networks[0], options.threads or None, callbacks)]
        works = [beside_others(network) for network in networks]
        return networks, side_by_side(works, options.threads or cores())


def _stopping(options: Options) -> list[EarlyStopping]:
    return [EarlyStopping(patience=options.patience)] if options.patience else []


def _clear_unknown(network: Network) -> None:
    """The vector of a level that no training row has is 0, and stays so, as nothing teaches it."""
    for layer, path in zip(network.layers, network.paths, strict=True):
        if isinstance(layer, Embedding):
            for column in layer.sizes:
                network.parameters[f"{path}.E{column}"][-1] = 0
