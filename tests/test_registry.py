"""Registries: entries by name."""

from dataclasses import dataclass

import pytest

from chainrule.registry import Registry, name_and_argument, name_and_arguments, name_and_options


@dataclass(frozen=True)
class Dish:
    name: str
    aliases: tuple[str, ...] = ()


@pytest.fixture
def dishes():
    found = Registry("dish")
    found.register(Dish("soup", ("broth",)))
    found.register(Dish("bread"))
    return found


def test_an_entry_is_found_by_its_name_and_aliases(dishes):
    assert dishes["soup"] is dishes["broth"]
    assert "broth" in dishes
    assert "cake" not in dishes
    assert ["soup"] not in [dishes]


def test_each_entry_is_met_once_and_in_order(dishes):
    assert [dish.name for dish in dishes] == dishes.names() == ["soup", "bread"]


@pytest.mark.parametrize("name", ["cake", None, 3, ["soup"], {}], ids=repr)
def test_an_unknown_name_is_refused_with_those_that_exist(dishes, name):
    with pytest.raises(ValueError, match=r"unknown dish .*; there are bread, broth, soup"):
        dishes[name]


@pytest.mark.parametrize("entry", [Dish("soup"), Dish("broth"), Dish("stew", ("bread",))], ids=str)
def test_a_name_that_is_taken_is_refused_and_nothing_is_added(dishes, entry):
    with pytest.raises(ValueError, match="exists already"):
        dishes.register(entry)
    assert dishes.names() == ["soup", "bread"]
    assert "stew" not in dishes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("relu", ("relu", None)),
        ("leaky_relu(0.2)", ("leaky_relu", 0.2)),
        (" elu ( 1e-3 ) ", ("elu", 1e-3)),
        ("linear(-2)", ("linear", -2.0)),
    ],
)
def test_a_name_may_carry_a_number(text, found):
    assert name_and_argument(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mse", ("mse", ())),
        ("huber(1.5)", ("huber", (1.5,))),
        (" quantile ( 0.1,0.5 , 9e-1 ) ", ("quantile", (0.1, 0.5, 0.9))),
    ],
)
def test_a_name_may_carry_several_numbers(text, found):
    assert name_and_arguments(text) == found


@pytest.mark.parametrize("text", ["q(1,)", "q(,1)", "q(1 2)", "q(,)", "q()", "q(1,2", "q(1)2"])
def test_what_is_no_list_of_numbers_is_refused(text):
    with pytest.raises(ValueError, match="is neither a name nor a name with a number"):
        name_and_arguments(text)


def test_where_one_number_is_asked_for_two_are_refused():
    with pytest.raises(ValueError, match="has 2 arguments, and relu takes one at most"):
        name_and_argument("relu(1, 2)")


@pytest.mark.parametrize("text", ["", "relu(", "relu)", "relu()", "relu(1)(2)", "2relu", "a b"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ValueError, match="is neither a name nor a name with a number"):
        name_and_argument(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("adam", ("adam", {})),
        (" adam() ", ("adam", {})),
        ("adamw(beta1=.5, weight_decay = 1e-3)", ("adamw", {"beta1": 0.5, "weight_decay": 1e-3})),
        ("plateau(monitor='loss', minimum=-1)", ("plateau", {"monitor": "loss", "minimum": -1})),
        ("cosine(period=None)", ("cosine", {"period": None})),
    ],
)  # fmt: skip
def test_a_name_may_carry_values_by_their_names(text, found):
    assert name_and_options(text) == found


@pytest.mark.parametrize("text", [
    "", "adam w", "adam(", "adam(0.5)", "adam(beta1)", "adam(beta1=x)", "adam(beta1=1, beta1=2)",
    "adam(**{'beta1': 1})", "adam(beta1=__import__('os'))", "os.system", "adam()()", "lambda: 0",
    "(" * 150, "adam(beta1=" + "9" * 200 + ")", "adam\x00",
])  # fmt: skip
def test_what_is_no_name_with_values_is_refused(text):
    with pytest.raises(ValueError, match="is neither a name nor a name with values in brackets"):
        name_and_options(text)
