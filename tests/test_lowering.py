"""Lowering: which instructions a purpose needs, and how a batch is cut into tiles."""

import itertools

import pytest

import chainrule as cr
from chainrule.lowering import lower
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
