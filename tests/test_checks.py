"""Specifications: equal only if all that a program depends on is equal."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.augmentation import Augmentation
from chainrule.checks import ByValue
from chainrule.lowering import Regime, lower
from chainrule.optimizers import OPTIMIZERS, Optimizer
from chainrule.penalties import CLIPS, Clip
from chainrule.schedules import SCHEDULES, Schedule


def derived(base):
    """The classes of the package that are derived from one, at any depth."""
    for inner in base.__subclasses__():
        if inner.__module__.startswith("chainrule."):
            yield inner
        yield from derived(inner)


CLASSES = {
    *OPTIMIZERS.values(), *SCHEDULES.values(), *CLIPS.values(), *derived(Augmentation),
    cr.Penalty, cr.MaxNorm, Optimizer, Schedule, Clip, Augmentation,
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(CLASSES, key=str), ids=lambda kind: kind.__name__)
def test_no_specification_hides_what_a_derived_one_adds(kind):
    assert kind.__eq__ is ByValue.__eq__
    assert kind.__hash__ is ByValue.__hash__


BASES = [
    cr.Adam(1e-3), cr.Cosine(1e-3), cr.Jitter(0.1), cr.Penalty(0.1), cr.ClipNorm(1.0),
    cr.MaxNorm(1.0),
]  # fmt: skip


@pytest.mark.parametrize("slots", [(), ("extra",)], ids=["dict", "slots"])
@pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)
def test_what_is_derived_from_a_built_in_one_is_told_apart_by_its_own_attributes(base, slots):
    class Derived(type(base)):
        __slots__ = slots

        def __init__(self, extra):
            super().__init__(*list(vars(base).values())[:1])
            object.__setattr__(self, "extra", extra)

    assert Derived(1) == Derived(1)
    assert hash(Derived(1)) == hash(Derived(1))
    assert Derived(1) != Derived(2)
    assert Derived(1) != base


def test_a_class_may_say_by_itself_what_is_equal():
    class Same(cr.Jitter):
        def __eq__(self, other):
            return isinstance(other, Same)

        __hash__ = None

    assert Same(0.1) == Same(0.2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Same(0.1))


def test_each_training_follows_the_schedule_that_it_was_given():
    class Louder(cr.Cosine):
        def __init__(self, initial, times):
            super().__init__(initial)
            object.__setattr__(self, "times", times)

        def values(self, at):
            return super().values(at) * self.times

    def trained(net, times):
        rate = cr.GradientDescent(Louder(1e-2, times))
        cr.train(net, np.ones((40, 2)), np.ones((40, 2)), optimizer=rate, epochs=2)
        return net.vector.copy()

    net = cr.Network([cr.Dense(2)], "mse", inputs=2, seed=0, dtype="float64")
    start, expected = net.vector.copy(), trained(net.copy(), 5)
    trained(net, 1)
    net.vector[:] = start
    assert np.array_equal(trained(net, 5), expected)


def test_each_augmentation_has_a_program_of_its_own():
    class Shaken(cr.Jitter):
        def __init__(self, sigma, times):
            super().__init__(sigma)
            object.__setattr__(self, "times", times)

        def emit(self, builder, path, x):
            return cr.Jitter(self.sigma * self.times).emit(builder, path, x)

    net = cr.Network([cr.Dense(2)], "mse", inputs=2)
    programs = [
        lower(net, "train", 32, cr.Adam(), regime=Regime(augment=(Shaken(0.1, times),)))
        for times in (1, 2)
    ]
    sigmas = [value for p in programs for k, value in p.scalars.items() if k.endswith("sigma")]
    assert sigmas == [0.1, 0.2]
