"""Lowering: which instructions a purpose needs, and how a batch is cut into tiles."""

import gc
import itertools
import weakref
from dataclasses import fields

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule import losses
from chainrule.augmentation import Augmentation
from chainrule.engine.executor import Executor
from chainrule.lowering import KEPT_PROGRAMS, Regime, Request, lower
from chainrule.schedules import Schedule
from chainrule.tiling import MOST_SLOTS, SMALLEST, rows_of_a_tile, slots_for


def network(loss="cross_entropy"):
    return cr.Network([cr.Dense(4, "tanh"), cr.Dense(3, "softmax")], loss, inputs=2)


def kernels(purpose, **options):
    program = lower(network(), purpose, 32, cr.GradientDescent(), **options)
    return [i.kernel.name for i in program.instructions]


def test_prediction_runs_forward_and_stores():
    names = kernels("predict")
    assert names[-1] == "store"
    assert not any("gradient" in n or "backward" in n for n in names)


def test_evaluation_adds_the_loss_alone():
    names = kernels("evaluate")
    assert names[-1] == "mean_loss"
    assert not any("gradient" in n or "backward" in n for n in names)


def test_a_gradient_is_reduced_and_a_training_updates():
    assert kernels("gradient")[-1] == "reduce_gradients"
    assert kernels("train")[-2:] == ["reduce_gradients", "gradient_descent"]


def test_forward_instructions_are_the_same_for_every_purpose():
    common = kernels("predict")[:-1]
    for purpose in ("evaluate", "gradient", "train"):
        assert kernels(purpose)[: len(common)] == common


def test_nothing_is_computed_that_no_one_reads():
    """The inputs do not learn: the first layer has no gradient with respect to them."""
    program = lower(network(), "train", 32, cr.GradientDescent())
    assert "da1" in {str(b) for b in program.buffers.values()}
    assert not any(str(b) in ("dx", "da0") for b in program.buffers.values())
    assert kernels("train").count("input_gradient") == 1


def test_the_natural_pair_skips_two_factors():
    assert "delta_values" in kernels("train")
    unfused = kernels("train", fused=False)
    assert "delta_values" not in unfused
    assert unfused[unfused.index("ce_gradient") + 1] == "softmax_backward"


def test_without_a_loss_there_is_nothing_to_train():
    with pytest.raises(ValueError, match="the network has no loss: give one, such as loss='mse'"):
        lower(network(None), "train", 32, cr.GradientDescent())


@pytest.mark.parametrize("columns", [5, 100, 3000])
@pytest.mark.parametrize("parameters", [10, 10_000, 1_000_000])
@pytest.mark.parametrize("batch", [1, 7, 32, 1000, 100_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tiles_cover_the_batch_and_slots_are_few(columns, parameters, batch, dtype):
    tile = rows_of_a_tile(columns, parameters, batch, dtype)
    assert 1 <= tile <= batch
    tiles = -(-batch // tile)
    assert (tiles - 1) * tile < batch <= tiles * tile
    assert tile >= min(batch, SMALLEST) / 2
    assert 1 <= slots_for(batch, tile) == min(tiles, MOST_SLOTS)


@pytest.mark.parametrize("batch", [150, 200, 256, 520, 1000, 1025, 10_000])
@pytest.mark.parametrize("columns", [50, 400, 3000])
@pytest.mark.parametrize("parameters", [7510, 2_000_000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_get_the_same_number_of_tiles_of_the_same_size(columns, parameters, batch, dtype):
    tile = rows_of_a_tile(columns, parameters, batch, dtype)
    tiles = -(-batch // tile)
    assert tiles == 1 or tiles % 2 == 0
    if parameters == 7510:
        assert tiles in (1, 2, 4) or tiles % MOST_SLOTS == 0
    assert tiles * tile - batch < tiles


def test_a_plan_gives_no_two_living_buffers_the_same_memory():
    program = lower(network(), "train", 32, cr.Adam())
    alone = lower(network(), "train", 32, cr.Adam(), reuse=False)
    assert program.arena <= alone.arena
    for instruction in program.instructions:
        spans = sorted(
            (b.offset, b.offset + 4 * 32 * b.columns, b.name)
            for b in {b.name: b for b in instruction.buffers if b.role == "value"}.values()
            if b.shape[0] < 0 and b.kind == "real"
        )
        for (_, end, one), (start, _, other) in itertools.pairwise(spans):
            assert end <= start, f"{instruction.kernel.name}: {one} and {other}"


def test_a_program_is_lowered_once_for_the_same_request():
    net = network()
    once = lower(net, "train", 32, cr.Adam(1e-3), regime=Regime(penalty=cr.L2(1e-4)))
    assert lower(net, "train", 32, cr.Adam(1e-3), regime=Regime(penalty=cr.L2(1e-4))) is once
    assert lower(network(), "train", 32, cr.Adam(1e-3)) is not once


X = np.zeros((40, 2))


USUAL = {
    "purpose": "train", "batch_rows": 32, "optimizer": cr.Adam(1e-3),
    "regime": Regime(penalty=cr.L2(1e-4)),
}  # fmt: skip
OTHERS = [
    {"purpose": "gradient"},
    {"optimizer": cr.Adam(2e-3)},
    {"optimizer": cr.AdamW(1e-3)},
    {"optimizer": cr.Adam(cr.Cosine(1e-3))},
    {"batch_rows": 16},
    {"loss": "focal"},
    {"loss": "focal(3.0)"},
    {"labels": True},
    {"weighted": True},
    {"dtype": "float64"},
    {"tile_rows": 8},
    {"plan": False},
    {"reuse": False},
    {"smoothing": 0.1},
    {"sources": {"X": X}},
    {"sources": {"X": X.astype(np.int16)}},
    {"sources": {"X": scipy.sparse.csr_matrix(X)}},
    {"sources": {"w": X[:, 0]}},
    {"fused": False},
    {"training": False},
    {"regime": Regime(penalty=cr.L2(1e-3))},
    {"regime": Regime(penalty=cr.L2(1e-4, per_example=True))},
    {"regime": Regime(clip=cr.ClipNorm(1.0))},
    {"regime": Regime(constraint=cr.MaxNorm(1.0))},
    {"regime": Regime(frozen=frozenset({"dense1.W"}))},
    {"regime": Regime(rate_factors={"dense1.W": 0.5})},
    {"regime": Regime(augment=(cr.Jitter(0.1),))},
]


@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_whatever_differs_has_a_program_of_its_own(other):
    net = network()
    usual = USUAL | {"loss": net.loss}

    def lowered(loss, **options):
        net.loss = losses.find(loss)
        return lower(net, **options)

    first = lowered(**usual)
    assert lowered(**(usual | other)) is not first
    assert lowered(**usual) is first


def test_the_claim_above_looks_at_all_that_a_request_holds():
    assert {name for other in OTHERS for name in other} == {f.name for f in fields(Request)}
    varied = {f.name for other in OTHERS for f in fields(Regime) if "regime" in other
              and getattr(other["regime"], f.name) != getattr(USUAL["regime"], f.name)}  # fmt: skip
    assert varied == {f.name for f in fields(Regime)}


def test_a_loss_that_is_set_later_is_the_one_that_is_trained():
    def first_loss(trained_before):
        net = cr.Network([cr.Dense(1)], "mse", inputs=2, seed=0, dtype="float64")
        start = net.vector.copy()
        if trained_before:
            cr.train(net, X + 1.0, X[:, 0] + 9.0, epochs=1)
            net.vector[:] = start
        net.loss = losses.find("mae")
        return cr.train(net, X + 1.0, X[:, 0] + 9.0, epochs=1).history["loss"]

    assert first_loss(True) == first_loss(False)


class Rising(Schedule):
    """Of a user: no data class, and with an attribute of its own."""

    name = "rising"

    def __init__(self, initial, power):
        super().__init__(initial)
        self.power = power

    def values(self, at):
        return self.initial * (at.step + 1.0) ** self.power


class Shaken(Augmentation):
    """Likewise a step that is no data class."""

    kind = "shaken"

    def __init__(self, strength):
        self.strength = strength

    def emit(self, builder, path, x):
        return cr.Jitter(self.strength).emit(builder, path, x)


def test_what_a_user_derives_is_told_apart_by_all_its_attributes():
    net = network()
    slow, quick = (lower(net, "train", 32, cr.Adam(Rising(1e-3, power))) for power in (1, 2))
    assert slow.schedules["learning_rate"].power == 1
    assert quick.schedules["learning_rate"].power == 2
    weak, strong = (
        lower(net, "train", 32, cr.Adam(), regime=Regime(augment=(Shaken(s),))) for s in (0.1, 0.2)
    )
    assert (weak.scalars["augment.shaken1.sigma"], strong.scalars["augment.shaken1.sigma"]) == (
        0.1, 0.2
    )  # fmt: skip


def test_what_cannot_be_a_key_is_lowered_each_time():
    net = network()
    programs = [lower(net, "train", 32, cr.Adam(np.array(rate))) for rate in (0.1, 0.2)]
    assert [p.scalars["learning_rate"] for p in programs] == [0.1, 0.2]


def test_few_programs_are_kept_and_none_longer_than_its_network():
    net = network()
    programs = [weakref.ref(lower(net, "predict", rows)) for rows in range(1, 3 * KEPT_PROGRAMS)]
    gc.collect()
    assert sum(p() is not None for p in programs) <= KEPT_PROGRAMS
    last = programs[-1]
    assert last() is not None
    del net
    gc.collect()
    assert last() is None


def test_running_a_program_changes_nothing_in_it():
    net = network()
    program = lower(net, "train", 32, cr.Adam())
    tables = [np.copy(table) for table in program.tables]
    shown, scalars, buffers = str(program), dict(program.scalars), dict(program.buffers)
    sources = {"X": np.ones((50, 2), np.float32), "Y": np.ones((50, 3), np.float32)}
    with Executor(program, net.vector, sources, 50, 32, state=np.zeros(2 * net.vector.size, "f4"),
                  shuffled=True, threads=2, epochs=3) as run:  # fmt: skip
        run.set_scalar("learning_rate", 0.5)
        run.run(3)
    assert all(np.array_equal(a, b) for a, b in zip(program.tables, tables, strict=True))
    assert (str(program), program.scalars, program.buffers) == (shown, scalars, buffers)
