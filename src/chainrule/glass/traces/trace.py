"""The trace: one step of a network's own program, with every number that it computed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import data
from chainrule.augmentation import Augmentation, mixes
from chainrule.checks import seed as checked_seed
from chainrule.checks import whole
from chainrule.glass.traces import stepping
from chainrule.glass.traces.rounding import Rounding
from chainrule.glass.traces.scheduled import values_at
from chainrule.glass.traces.traced import Trace
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.optimizers import Optimizer
from chainrule.penalties import Clip, MaxNorm, Penalty
from chainrule.training.history import TrainingState
from chainrule.training.regime import regime_for


def trace(
    network: Network,
    x: Any,
    y: Any = None,
    *,
    optimizer: Optimizer | None = None,
    state: TrainingState | None = None,
    sample_weight: Any = None,
    rounding: Rounding | Mapping[str, int] | None = None,
    fused: bool | None = None,
    step: int | None = None,
    seed: int | None = None,
    penalty: Penalty | None = None,
    clip: Clip | None = None,
    constraint: MaxNorm | None = None,
    frozen: Sequence[str] = (),
    rate_factors: Mapping[str, float] | None = None,
    augment: Sequence[Augmentation] = (),
) -> Trace:
    """Run one step in float64 on a copy of the parameters, and keep every number.

    Args:
        network: its parameters are read as they are, and stay so.
        x: (m, inputs), or (inputs,) for one example.
        y: targets as for the training; None traces the forward part alone.
        optimizer: whose update is computed as well; without one there are forward, backward and
            gradients.
        state: of a training of the network, ``result.state``: the step is the next one of it, by
            its optimizer if none is given, and with the values that schedules have there.
        sample_weight: (m,), scaled to mean one.
        rounding: decimals by name: these values are rounded as soon as they are computed and
            used so, as on paper: ``{"a3": 3, "loss": 3}``; :class:`~chainrule.Rounding` also says
            where halves go.
        fused: False computes a natural pair of activation and loss by its two factors, so that
            there is a ``da`` for the output too; by default so only where something is rounded.
        step: the update, counted from 1, whose random numbers are drawn: with the rows of its
            batch in their order, masks and noise are the very ones that this step used. By default
            the first, or the next of the state.
        seed: of those numbers, as for the training; by default the state's, or the network's.
        penalty, clip, constraint, frozen, rate_factors, augment: as the training was given them.

    Returns:
        The values by name; see :class:`Trace`.

    Raises:
        ValueError: for data that do not fit, a name in ``rounding`` of nothing that is computed, or
            a schedule whose value at the step depends on a training that is not known.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(1, "sigmoid", weights="zeros")],
    ...                  loss="binary_cross_entropy", inputs=2)
    >>> t = cr.trace(net, [0.5, 1.0], [1.0], optimizer=cr.GradientDescent(0.1))
    >>> t["delta1"], t["dW1"].ravel(), t["loss"].round(4)
    (array([[-0.5]]), array([-0.25, -0.5 ]), np.float64(0.6931))
    >>> t["W1.new"].ravel()
    array([0.025, 0.05 ])
    """
    X = examples(network, x, "x")
    rows = X.shape[0]
    sources: dict[str, Any] = {"X": X}
    rounding = Rounding.of(rounding)
    fused = not rounding if fused is None else fused
    if optimizer is None and state is not None and y is not None:
        optimizer = state.optimizer
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise ValueError(f"an optimizer such as cr.Adam() takes steps, not {optimizer!r}")
    regime = regime_for(network, penalty, clip, constraint, frozen, rate_factors, augment)
    if y is None:
        if optimizer is not None:
            raise ValueError("an update needs y: without targets there is the forward part alone")
        sources["out"] = np.empty((rows, network.outputs))
        program = lower(
            network, "predict", rows, dtype="float64", tile_rows=rows, sources=sources, plan=False
        )
    else:
        if network.loss is None:
            raise ValueError("the network has no loss: give one, such as loss='mse'")
        y = data.numeric(y, "y")
        targets = data.targets(network, y[None] if y.ndim == 0 else y, rows)
        weights = data.weights(sample_weight, None, targets, rows)
        if mixes(regime.augment):
            targets = targets.one_hot(network.outputs)
        sources["Y"] = targets.read_as("float64")
        if weights is not None:
            sources["w"] = weights
        program = lower(
            network, "gradient" if optimizer is None else "train", rows, optimizer,
            labels=targets.labels, weighted=weights is not None, dtype="float64", tile_rows=rows,
            fused=fused, sources=sources, plan=False, regime=regime,
        )  # fmt: skip
    step = whole("step", (state.step + 1 if state else 1) if step is None else step)
    if seed is None:
        seed = state.seed if state else network.seed
    found = stepping.run_step(
        network, program, sources, rows, state=state.vector if state and optimizer else None,
        scalars=values_at(program, step, rows, state), optimizer=optimizer, step=step,
        seed=checked_seed(seed), rounding=rounding,
    )  # fmt: skip
    found.input_names = columns_of(x)
    return found


def columns_of(x: Any) -> tuple[str, ...]:
    """The names of a data frame's columns, if they are all texts."""
    names = tuple(getattr(x, "columns", ()))
    return names if all(isinstance(name, str) for name in names) else ()


def examples(network: Network, x: Any, name: str) -> np.ndarray:
    """Checked features of a few examples in float64, from whatever the training takes."""
    if not hasattr(x, "indptr"):
        x = data.numeric(x, name)
        x = x[None, :] if x.ndim == 1 else x
    checked = data.features(x, network.inputs, name, "float64")
    network.check_features(checked, name)
    return np.asarray(checked.toarray() if hasattr(checked, "indptr") else checked, np.float64)
