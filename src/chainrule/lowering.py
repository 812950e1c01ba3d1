"""Lowering: the translation of a network into a program."""

import math
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from chainrule import dataflow, penalties
from chainrule.augmentation import Augmentation, augmented, mixed
from chainrule.engine import layout
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Kernel
from chainrule.engine.program import Buffer, ParameterSegment, Program, planned
from chainrule.engine.sources import SourceType, type_of
from chainrule.losses import Form, Loss
from chainrule.optimizers import Optimizer
from chainrule.penalties import Clip, ClipGlobalNorm, ClipValue, MaxNorm, Penalty
from chainrule.tiling import rows_of_a_tile, slots_for

if TYPE_CHECKING:
    from chainrule.network import Network

Purpose = Literal["predict", "evaluate", "gradient", "train"]


@dataclass(frozen=True)
class Regime:
    """What a training does to gradients and parameters beside the optimizer's step.

    Attributes:
        penalty: added to the loss.
        clip: how gradients are clipped.
        constraint: what holds for the weights after each update.
        frozen: paths of parameters that are not updated.
        rate_factors: factors of the learning rate, by paths of parameters.
        augment: what is changed in each batch.
    """

    penalty: Penalty | None = None
    clip: Clip | None = None
    constraint: MaxNorm | None = None
    frozen: frozenset[str] = frozenset()
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    augment: tuple[Augmentation, ...] = ()

    def __hash__(self) -> int:
        factors = frozenset(self.rate_factors.items())
        return hash((self.penalty, self.clip, self.constraint, self.frozen, factors, self.augment))


RANGE = 4096  # elements of the flat vectors that are reduced and updated while in the cache


def lower(
    network: "Network",
    purpose: Purpose,
    batch_rows: int,
    optimizer: Optimizer | None = None,
    *,
    labels: bool = False,
    sources: Mapping[str, Any] | None = None,
    weighted: bool = False,
    dtype: str | None = None,
    tile_rows: int | None = None,
    fused: bool = True,
    plan: bool = True,
    reuse: bool = True,
    smoothing: float = 0.0,
    regime: Regime | None = None,
    training: bool | None = None,
) -> Program:
    """Translate a network into the program for a purpose, which is kept and given out again.

    A network's layers never change, so one program does for all runs that ask for the same, as long
    as the network has the same loss.

    Args:
        network: what to lower; its parameters are not looked at.
        purpose: ``predict`` stores the outputs; ``evaluate`` computes the loss; ``gradient`` runs
            backward and reduces; ``train`` also updates.
        batch_rows: rows of a batch: the tiles are cut for it.
        optimizer: for ``train``.
        labels: whether the targets are integer labels.
        sources: the data ``X``, ``Y`` and ``w`` that the program will read, for their types; what
            is missing is taken to be of the program's dtype.
        weighted: whether examples have weights.
        dtype: of the computation; by default the network's.
        tile_rows: rows of a tile; by default a function of the shapes.
        fused: False computes a natural pair of activation and loss by its two factors.
        plan: False leaves the scratch buffers without places.
        reuse: False gives every scratch buffer a place of its own.
        smoothing: ε of label smoothing; 0 leaves the targets as they are.
        regime: penalties, clipping, constraints, frozen parameters, augmentation.
        training: whether layers that differ in training and prediction are to train; by default
            for ``gradient`` and ``train``.

    Raises:
        ValueError: if there is no loss, or an activation cannot be trained.
    """
    if training is None:
        training = purpose in ("gradient", "train")
    request = Request(
        purpose, batch_rows, optimizer, loss=network.loss, labels=labels,
        sources=frozenset((name, type_of(data)) for name, data in (sources or {}).items()),
        weighted=weighted, dtype=dtype or network.dtype, tile_rows=tile_rows, fused=fused,
        plan=plan, reuse=reuse, smoothing=smoothing, regime=regime or Regime(), training=training,
    )  # fmt: skip
    known = _programs.setdefault(network, {})
    try:
        program = known.get(request)
    except TypeError:  # a hyperparameter that cannot be hashed, such as an array of one number
        return _lowered(network, request)
    if program is None:
        program = _lowered(network, request)
        if len(known) >= KEPT_PROGRAMS:
            known.clear()
        known[request] = program
    return program


@dataclass(frozen=True)
class Request:
    """All that a network's program depends on, as :func:`lower` takes it, but by types of data."""

    purpose: Purpose
    batch_rows: int
    optimizer: Optimizer | None
    loss: Loss | None
    labels: bool
    sources: frozenset[tuple[str, SourceType]]
    weighted: bool
    dtype: str
    tile_rows: int | None
    fused: bool
    plan: bool
    reuse: bool
    smoothing: float
    regime: Regime
    training: bool

    @property
    def backward(self) -> bool:
        return self.purpose in ("gradient", "train")


KEPT_PROGRAMS = 16  # of one network

_programs: "weakref.WeakKeyDictionary[Network, dict[Request, Program]]" = (
    weakref.WeakKeyDictionary()
)


def _lowered(network: "Network", request: Request) -> Program:
    purpose, regime, training = request.purpose, request.regime, request.training
    optimizer = request.optimizer
    builder = Builder(request.dtype, network.labels, dataflow.add, training, request.batch_rows)
    for name, (_, shape) in network.places.items():
        trainable = network.specifications[name].trainable and name not in regime.frozen
        builder.parameter(name, shape, trainable)
    x = builder.value("x", network.inputs)
    gather = _Gather(builder, dict(request.sources))
    gather(x, "X")
    a = augmented(builder, regime.augment, x, gather.kind("X")) if training else x
    for layer, path in zip(network.layers, network.paths, strict=True):
        a = layer.forward(builder, path, a)
    loss = None
    if purpose == "predict":
        builder.emit(dataflow.store, Y=builder.source("out"), a=a)
        builder.close_segment(layout.TILES)
    else:
        _lower_loss(builder, gather, network, a, request)
        if request.backward:
            builder.run_backward()
        builder.close_segment(layout.TILES)
        builder.phase = layout.REDUCE
    ranges: list[ParameterSegment] = []
    if purpose != "predict":
        penalty = regime.penalty if training else None
        needs = penalty or request.backward
        ranges = list(_ranges(network, optimizer, regime)) if needs else []
        loss = _lower_mean_loss(builder, penalty, len(ranges))
    if request.backward:
        _lower_update(builder, network, optimizer if purpose == "train" else None, regime, ranges)
    columns = sum(b.columns for b in builder.buffers.values() if b.role == "value")
    coupled = training and any(layer.couples_rows for layer in network.layers)
    rows = request.batch_rows
    tile = request.tile_rows or (
        rows if coupled
        else rows_of_a_tile(columns, builder.parameters, rows, request.dtype)
    )  # fmt: skip
    program = builder.program(tile, slots_for(rows, tile), ranges, loss)
    return planned(program, reuse=request.reuse) if request.plan else program


class _Gather:
    """Emits the gather that suits the type of a source."""

    def __init__(self, builder: Builder, kinds: Mapping[str, SourceType]) -> None:
        self._builder = builder
        self._kinds = kinds

    def kind(self, name: str) -> SourceType:
        """The type of what the program will read under a name."""
        return self._kinds.get(name, SourceType(self._builder.dtype))

    def __call__(self, x: Buffer, name: str) -> None:
        kernel = dataflow.gather_from(*self.kind(name))
        self._builder.emit(kernel, x=x, X=self._builder.source(name))


def _lower_loss(
    builder: Builder, gather: "_Gather", network: "Network", a: Buffer, request: Request
) -> None:
    loss, labels = request.loss, request.labels
    if loss is None:
        raise ValueError("the network has no loss: give one, such as loss='mse'")
    kind = "labels" if labels else "values"
    if labels:
        y = builder.value("y", None, "int64")
        builder.emit(dataflow.gather_labels, x=y, X=builder.source("Y"))
    else:
        y = builder.value("y", loss.target_columns(network.outputs))
        gather(y, "Y")
        y = mixed(builder, y, "Y", gather.kind("Y"))
    if request.smoothing:
        y, kind = _smoothed(builder, loss, a, y, labels, request.smoothing), "values"
    weights = None
    if request.weighted:
        weights = builder.value("weight", None)
        gather(builder.view(weights, 1), "w")
    outputs = network.layers[-1].output_activations()
    form, natural = loss.form(outputs, kind)
    natural = natural and request.fused and a.name in builder.origins
    if not natural:
        form = loss.forms[kind]
    seen = builder.origins[a.name][0] if natural else a
    example = builder.value("loss.example", None)
    known = {"a": a, "z": seen, "y": y} | _parameters(builder, loss, form)
    builder.emit(form.value, loss=example, **_among(known, form.value))
    if weights is not None:
        weighed = builder.value("loss.weighed", None)
        builder.emit(dataflow.weigh_losses, out=weighed, x=example, w=weights)
        example = weighed
    builder.emit(dataflow.sum_losses, total=builder.sums("loss.sum"), losses=example)
    if not request.backward:
        return
    builder.phase = layout.BACKWARD
    target = builder.contribution(seen)
    raw = target if weights is None else builder.value(f"{target.name}.unweighed", seen.columns)
    written = {"delta" if natural else "da": raw}
    builder.emit(form.gradient, **written, **_among(known, form.gradient))
    if weights is not None:
        builder.emit(dataflow.weigh_rows, out=target, x=raw, w=weights)


def _smoothed(
    builder: Builder, loss: Loss, a: Buffer, y: Buffer, labels: bool, smoothing: float
) -> Buffer:
    """The targets mixed with the uniform distribution: over all outputs, or over yes and no."""
    out = builder.value("y.smooth", a.columns)
    share = builder.scalar("label_smoothing", smoothing)
    classes = a.columns if loss.distribution else 2
    if labels:
        builder.emit(dataflow.smooth_labels, out=out, y=y, a=a, share=share, classes=classes)
    else:
        builder.emit(dataflow.smooth, out=out, y=y, share=share, classes=classes)
    return out


def _parameters(builder: Builder, loss: Loss, form: Form) -> dict[str, Buffer]:
    """The loss's parameters, where they are an operand of its kernels."""
    kind = form.value.operands.get("k")
    if kind == "scalars":
        return {"k": builder.scalars("loss.k", loss.k)}
    return {} if kind is None else {"k": builder.scalar("loss.k", loss.k[0] if loss.k else 0.0)}


def _among(known: Mapping[str, Buffer], kernel: Kernel) -> dict[str, Buffer]:
    """Those of the buffers that a kernel takes."""
    return {name: known[name] for name in kernel.operands if name in known}


def _penalty_operands(builder: Builder, penalty: Penalty) -> dict[str, Buffer]:
    return {
        "l1": builder.scalar("penalty.l1", penalty.l1),
        "l2": builder.scalar("penalty.l2", penalty.l2),
    }


def _lower_mean_loss(builder: Builder, penalty: Penalty | None, ranges: int) -> Buffer:
    totals = None
    if penalty:
        totals = builder.range_sums("penalty.sums", ranges)
        kernel = (
            penalties.penalty_value_per_example if penalty.per_example
            else penalties.penalty_value
        )  # fmt: skip
        p = builder.flat("penalty.p", layout.PARAMETERS)
        builder.emit(kernel, total=totals, p=p, **_penalty_operands(builder, penalty))
        builder.close_segment(layout.CHUNKS)
    loss = builder.scratch("loss", 1, "float64")
    slots = builder.all_slots("loss.slots", builder.buffers["loss.sum"])
    if totals:
        builder.emit(penalties.mean_loss_and_penalty, loss=loss, slots=slots, totals=totals)
    else:
        builder.emit(dataflow.mean_loss, loss=loss, slots=slots)
    builder.close_segment(layout.EACH)
    return loss


def _lower_update(
    builder: Builder, network: "Network", optimizer: Optimizer | None, regime: Regime,
    ranges: list[ParameterSegment],
) -> None:  # fmt: skip
    """Reduce and update range by range, so that the gradient is still in the cache."""
    g = builder.flat("g", layout.GRADIENTS)
    p = builder.flat("p", layout.PARAMETERS)
    slots = builder.all_slots("g.slots", builder.slot_start())
    builder.emit(dataflow.reduce_gradients, g=g, slots=slots)
    if regime.penalty:
        kernel = (
            penalties.penalty_gradient_per_example if regime.penalty.per_example
            else penalties.penalty_gradient
        )  # fmt: skip
        builder.emit(kernel, g=g, p=p, **_penalty_operands(builder, regime.penalty))
    if regime.clip:
        _lower_clip(builder, regime.clip, g, len(ranges))
    if optimizer is not None:
        builder.phase = layout.UPDATE
        states = {name: builder.state(name) for name in optimizer.states}
        scalars = {name: builder.scalar(name, value) for name, value in optimizer.scalars.items()}
        builder.emit(optimizer.kernel, p=p, g=g, **states, **scalars)
    builder.close_segment(layout.CHUNKS)
    if optimizer is not None and regime.constraint:
        limit = builder.scalar("constraint.limit", regime.constraint.limit)
        for name, specification in network.specifications.items():
            matrix = specification.decays and len(specification.shape) == 2
            if matrix and name not in regime.frozen:
                builder.emit(penalties.limit_norms, W=builder.buffers[name], limit=limit)
        builder.close_segment(layout.ONCE)


def _lower_clip(builder: Builder, clip: Clip, g: Buffer, ranges: int) -> None:
    limit = builder.scalar("clip.limit", clip.limit)
    if isinstance(clip, ClipValue):
        builder.emit(penalties.clip_value, g=g, limit=limit)
        return
    squares = builder.range_sums("clip.squares", ranges)
    builder.emit(penalties.square_sum, squares=squares, g=g)
    builder.close_segment(layout.CHUNKS)
    kernel = penalties.clip_global_norm if isinstance(clip, ClipGlobalNorm) else penalties.clip_norm
    builder.emit(kernel, g=g, squares=squares, limit=limit)


def _ranges(
    network: "Network", optimizer: Optimizer | None, regime: Regime
) -> Iterator[ParameterSegment]:
    """The ranges of the flat vectors: neighbours that are treated alike are one, up to a length."""
    by_parameter = isinstance(regime.clip, Clip) and not isinstance(
        regime.clip, ClipValue | ClipGlobalNorm
    )
    decaying = regime.penalty is not None or getattr(optimizer, "decays", False)
    parts: list[tuple[int, int, float, float, int]] = []
    for number, (name, (start, shape)) in enumerate(network.places.items()):
        specification = network.specifications[name]
        if not specification.trainable or name in regime.frozen:
            continue
        stop = start + math.prod(shape)
        decay = 1.0 if specification.decays or not decaying else 0.0
        alike = (regime.rate_factors.get(name, 1.0), decay, number if by_parameter else 0)
        if parts and parts[-1][1] == start and parts[-1][2:] == alike:
            parts[-1] = (parts[-1][0], stop, *alike)
        else:
            parts.append((start, stop, *alike))
    for start, stop, factor, decay, group in parts:
        for first in range(start, stop, RANGE):
            yield ParameterSegment(first, min(first + RANGE, stop), factor, decay, group)
