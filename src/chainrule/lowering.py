"""Lowering: the translation of a network into a program."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from chainrule import dataflow
from chainrule.engine import layout
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Kernel
from chainrule.engine.program import Buffer, ParameterSegment, Program, planned
from chainrule.engine.sources import readable
from chainrule.losses import Form, Loss
from chainrule.optimizers import Optimizer
from chainrule.tiling import rows_of_a_tile, slots_for

if TYPE_CHECKING:
    from chainrule.network import Network

Purpose = Literal["predict", "evaluate", "gradient", "train"]

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
) -> Program:
    """Translate a network into the program for a purpose.

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

    Raises:
        ValueError: if there is no loss, or an activation cannot be trained.
    """
    dtype = dtype or network.dtype
    builder = Builder(dtype, network.labels, dataflow.add)
    for name, (_, shape) in network.places.items():
        builder.parameter(name, shape)
    x = builder.value("x", network.inputs)
    gather = _Gather(builder, sources or {})
    gather(x, "X")
    a = x
    for layer, path in zip(network.layers, network.paths, strict=True):
        a = layer.forward(builder, path, a)
    loss = None
    if purpose == "predict":
        builder.emit(dataflow.store, Y=builder.source("out"), a=a)
        builder.close_segment(layout.TILES)
    else:
        _lower_loss(
            builder, gather, network, a, labels, weighted, fused, purpose != "evaluate", smoothing
        )
        if purpose != "evaluate":
            builder.run_backward()
        builder.close_segment(layout.TILES)
        builder.phase = layout.REDUCE
        loss = _lower_mean_loss(builder)
    ranges: list[ParameterSegment] = []
    if purpose in ("gradient", "train"):
        ranges = _ranges(builder.parameters)
        _lower_update(builder, optimizer if purpose == "train" else None)
    columns = sum(b.columns for b in builder.buffers.values() if b.role == "value")
    tile = tile_rows or rows_of_a_tile(columns, builder.parameters, batch_rows, dtype)
    program = builder.program(tile, slots_for(batch_rows, tile), ranges, loss)
    return planned(program, reuse=reuse) if plan else program


class _Gather:
    """Emits the gather that suits the type of a source."""

    def __init__(self, builder: Builder, sources: Mapping[str, Any]) -> None:
        self._builder = builder
        self._sources = sources

    def __call__(self, x: Buffer, name: str) -> None:
        data = self._sources.get(name)
        dtype = self._builder.dtype if data is None else readable(data).dtype.name
        kernel = dataflow.gather_from(dtype, hasattr(data, "indptr"))
        self._builder.emit(kernel, x=x, X=self._builder.source(name))


def _lower_loss(
    builder: Builder, gather: "_Gather", network: "Network", a: Buffer, labels: bool,
    weighted: bool, fused: bool, backward: bool, smoothing: float,
) -> None:  # fmt: skip
    loss = network.loss
    if loss is None:
        raise ValueError("the network has no loss: give one, such as loss='mse'")
    kind = "labels" if labels else "values"
    if labels:
        y = builder.value("y", None, "int64")
        builder.emit(dataflow.gather_labels, x=y, X=builder.source("Y"))
    else:
        y = builder.value("y", loss.target_columns(network.outputs))
        gather(y, "Y")
    if smoothing:
        y, kind = _smoothed(builder, loss, a, y, labels, smoothing), "values"
    weights = None
    if weighted:
        weights = builder.value("weight", None)
        gather(builder.view(weights, 1), "w")
    outputs = network.layers[-1].output_activations()
    form, natural = loss.form(outputs, kind)
    natural = natural and fused and a.name in builder.origins
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
    if not backward:
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


def _lower_mean_loss(builder: Builder) -> Buffer:
    loss = builder.scratch("loss", 1, "float64")
    slots = builder.all_slots("loss.slots", builder.buffers["loss.sum"])
    builder.emit(dataflow.mean_loss, loss=loss, slots=slots)
    builder.close_segment(layout.EACH)
    return loss


def _lower_update(builder: Builder, optimizer: Optimizer | None) -> None:
    """Reduce and update range by range, so that the gradient is still in the cache."""
    g = builder.flat("g", layout.GRADIENTS)
    slots = builder.all_slots("g.slots", builder.slot_start())
    builder.emit(dataflow.reduce_gradients, g=g, slots=slots)
    if optimizer is not None:
        builder.phase = layout.UPDATE
        p = builder.flat("p", layout.PARAMETERS)
        states = {name: builder.state(name) for name in optimizer.states}
        scalars = {name: builder.scalar(name, value) for name, value in optimizer.scalars.items()}
        builder.emit(optimizer.kernel, p=p, g=g, **states, **scalars)
    builder.close_segment(layout.CHUNKS)


def _ranges(parameters: int) -> list[ParameterSegment]:
    return [
        ParameterSegment(start, min(start + RANGE, parameters))
        for start in range(0, parameters, RANGE)
    ]
