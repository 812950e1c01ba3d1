"""The trace: one step of a network's own program, with every number that it computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import data
from chainrule.augmentation import Augmentation, mixes
from chainrule.checks import seed as checked_seed
from chainrule.checks import whole
from chainrule.engine.program import Buffer, Instruction, Program
from chainrule.engine.stepper import Stepper
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.training.regime import regime_for


@dataclass(frozen=True)
class TracedStep:
    """One instruction as it ran: its equations in the values' names, and what it wrote.

    Attributes:
        instruction: kernel, operands, phase.
        written: the values that it wrote, by label, in float64.
    """

    instruction: Instruction
    written: Mapping[str, np.ndarray]

    def __str__(self) -> str:
        equations = ", ".join(e.text() for e in self.instruction.equations)
        values = ", ".join(f"{name} = {value}" for name, value in self.written.items())
        return f"{equations}: {values}"


class Trace(Mapping[str, np.ndarray]):
    """Every value of one step by path (``dense1.z``) or short name (``z1``).

    ``z``, ``a``, ``da`` and ``delta`` are those of each example; ``dW``, ``db`` and ``loss`` those
    of the batch, divided by its rows. The values of a natural pair of output activation and loss
    have no ``da``: their program computes ``delta`` directly, mostly as a − y.

    Attributes:
        steps: the instructions in the order in which they ran.
        program: what ran.
    """

    def __init__(self, network: Network, program: Program) -> None:
        self.program = program
        self.steps: list[TracedStep] = []
        self._network = network
        self._values: dict[str, np.ndarray] = {}

    def record(self, instruction: Instruction, written: Mapping[str, np.ndarray]) -> None:
        """Keep what an instruction wrote, by path."""
        self._values.update(written)
        labels = {self._network.labels.get(name, name): v for name, v in written.items()}
        self.steps.append(TracedStep(instruction, labels))

    def set(self, name: str, value: np.ndarray) -> None:
        """Keep a value that no single instruction wrote."""
        self._values[name] = value

    def __getitem__(self, name: str) -> np.ndarray:
        path = self._network.path(name)
        if path not in self._values:
            raise KeyError(f"the trace holds no {name!r}; it holds {', '.join(self)}")
        return self._values[path]

    def __iter__(self) -> Iterator[str]:
        return (self._network.labels.get(path, path) for path in self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __str__(self) -> str:
        return "\n".join(map(str, self.steps))


def trace(
    network: Network,
    x: Any,
    y: Any = None,
    *,
    sample_weight: Any = None,
    rounding: Mapping[str, int] | None = None,
    fused: bool | None = None,
    step: int = 1,
    seed: int | None = None,
    augment: Sequence[Augmentation] = (),
) -> Trace:
    """Run forward and backward in float64, update nothing, and keep every number.

    Args:
        network: its parameters are read as they are.
        x: (m, inputs), or (inputs,) for one example.
        y: targets as for the training; None traces the forward part alone.
        sample_weight: (m,), scaled to mean one.
        rounding: decimals by name: these values are rounded as soon as they are computed and
            used so, as on paper: ``{"a3": 3, "loss": 3}``.
        fused: False computes a natural pair of activation and loss by its two factors, so that
            there is a ``da`` for the output too; by default so only where something is rounded.
        step: the update, counted from 1, whose random numbers are drawn: with the rows of its
            batch in their order, masks and noise are the very ones that this step used.
        seed: of those numbers, as for the training; by default the network's.
        augment: what the training changes in each batch, as it was given there.

    Returns:
        The values by name; see :class:`Trace`.

    Raises:
        ValueError: for data that do not fit, or a name in ``rounding`` of nothing that is computed.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(1, "sigmoid", weights="zeros")],
    ...                  loss="binary_cross_entropy", inputs=2)
    >>> t = cr.trace(net, [0.5, 1.0], [1.0])
    >>> t["delta1"], t["dW1"].ravel(), t["loss"].round(4)
    (array([[-0.5]]), array([-0.25, -0.5 ]), np.float64(0.6931))
    """
    X = examples(network, x, "x")
    rows = X.shape[0]
    sources: dict[str, Any] = {"X": X}
    fused = not rounding if fused is None else fused
    if y is None:
        sources["out"] = np.empty((rows, network.outputs))
        program = lower(
            network, "predict", rows, dtype="float64", tile_rows=rows, sources=sources, plan=False
        )
    else:
        if network.loss is None:
            raise ValueError("the network has no loss: give one, such as loss='mse'")
        y = np.asarray(y)
        targets = data.targets(network, y[None] if y.ndim == 0 else y, rows)
        weights = data.weights(sample_weight, None, targets, rows)
        regime = regime_for(network, augment=augment)
        if mixes(regime.augment):
            targets = targets.one_hot(network.outputs)
        sources["Y"] = targets.read_as("float64")
        if weights is not None:
            sources["w"] = weights
        program = lower(
            network, "gradient", rows, labels=targets.labels, weighted=weights is not None,
            dtype="float64", tile_rows=rows, fused=fused, sources=sources, plan=False,
            regime=regime,
        )  # fmt: skip
    whole("step", step)
    seed = network.seed if seed is None else checked_seed(seed)
    return _run(network, program, sources, rows, rounding or {}, step, seed)


def examples(network: Network, x: Any, name: str) -> np.ndarray:
    """Checked features of a few examples in float64, from whatever the training takes."""
    if not hasattr(x, "indptr"):
        x = np.asarray(x)
        x = x[None, :] if x.ndim == 1 else x
    checked = data.features(x, network.inputs, name)
    network.check_features(checked, name)
    return np.asarray(checked.toarray() if hasattr(checked, "indptr") else checked, np.float64)


def _run(
    network: Network,
    program: Program,
    sources: Mapping[str, Any],
    rows: int,
    rounding: Mapping[str, int],
    step: int,
    seed: int,
) -> Trace:
    places = {network.path(name): decimals for name, decimals in rounding.items()}
    computed = {b.name for i in program.instructions for b in i.writes if b.role != "source"}
    unknown = sorted(name for name in rounding if network.path(name) not in computed)
    if unknown:
        raise ValueError(f"rounding names {unknown[0]!r}, which this step does not compute")
    mean = network.loss.mean if network.loss else True
    parameters = network.vector.astype(np.float64)
    stepper = Stepper(program, parameters, sources, rows, mean=mean, step=step, seed=seed)
    found = Trace(network, stepper.program)

    def observe(instruction: Instruction, running: Stepper) -> None:
        written = {}
        for buffer in instruction.writes:
            if buffer.role == "source":
                continue
            value = running.value(buffer)
            if buffer.name in places:
                np.round(value, places[buffer.name], out=value)
            written[buffer.name] = _kept(value, buffer)
        found.record(instruction, written)

    stepper.run(observe)
    for name, buffer in program.buffers.items():
        if buffer.role == "gradient" and name not in ("g", "g.slots", "loss.slots"):
            found.set(name, _reduced(stepper, buffer))
    return found


def _kept(value: np.ndarray, buffer: Buffer) -> np.ndarray:
    copy = value.copy()
    return copy[0] if buffer.name == "loss" else copy


def _reduced(stepper: Stepper, buffer: Buffer) -> np.ndarray:
    """A parameter's part of the reduced gradient."""
    start = buffer.offset // 8
    size = int(np.prod(buffer.shape))
    return stepper.binding.gradients[start : start + size].reshape(buffer.shape).copy()
