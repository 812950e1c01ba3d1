"""Counts of operations: from the equations, from the layers' sizes, and by hand."""

import pytest

import chainrule as cr
from chainrule.engine import layout
from chainrule.glass.health.operations import bytes_moved, matrix_operations_of, operations
from chainrule.layers import dense
from chainrule.lowering import lower


def stack(*sizes, activation="relu", bias=True, loss="mse"):
    layers = [cr.Dense(n, activation, bias=bias) for n in sizes[1:-1]]
    last = {"mse": "linear", "cross_entropy": "softmax", "binary_cross_entropy": "logistic"}[loss]
    return cr.Network([*layers, cr.Dense(sizes[-1], last, bias=bias)], loss, inputs=sizes[0])


NETWORKS = {
    "depth 1": stack(5, 1),
    "depth 1, several outputs": stack(7, 3),
    "depth 2": stack(20, 64, 1, loss="binary_cross_entropy"),
    "depth 3": stack(2, 16, 16, 4, activation="tanh", loss="cross_entropy"),
    "depth 4 without bias": stack(6, 5, 4, 3, 2, bias=False),
    "an activation per neuron": cr.Network(
        [cr.Dense(4, ["relu", "tanh", "tanh", "elu"]), cr.Dense(3, ["linear", "logistic", "tanh"])],
        "mse", inputs=5,
    ),
    "softmax inside": stack(4, 3, 2, activation="softmax"),
}  # fmt: skip


def program_of(network, rows=12, tile_rows=None):
    labels = "labels" in network.loss.forms
    return lower(network, "train", rows, cr.Adam(), labels=labels, tile_rows=tile_rows)


def instruction_of(program, kernel):
    return next(i for i in program.instructions if i.kernel.body is kernel.body)


@pytest.mark.parametrize("rows", [1, 12])
@pytest.mark.parametrize("name", NETWORKS)
def test_products_counted_from_equations_are_those_of_the_layers(name, rows):
    network = NETWORKS[name]
    counted = sum(operations(i, rows)[0] for i in program_of(network, rows).instructions)
    assert counted == matrix_operations_of(network, rows) > 0


def test_products_by_hand():
    network = stack(2, 3, 1)
    forward = 2 * 10 * 2 * 3 + 2 * 10 * 3 * 1
    assert matrix_operations_of(network, 10) == 2 * forward + 2 * 10 * 3 * 1


def named(text):
    """The instruction of a small network whose first equation starts so, for 10 rows."""
    network = cr.Network(
        [cr.Dense(4, ["relu", "relu", "relu", "tanh"]), cr.Dense(3, "softmax")],
        "cross_entropy", inputs=2,
    )  # fmt: skip
    program = program_of(network, 10)
    return next(i for i in program.instructions if i.equations[0].text().startswith(text))


PARAMETERS = 2 * 4 + 4 + 4 * 3 + 3
BY_HAND = {
    "x ←": (0, 0),
    "z1 = x·W1 + b1": (2 * 10 * 2 * 4, 10 * 4),
    "a1[:, 0:3] = max": (0, 10 * 3),
    "delta1[:, 0:3] = da1[:, 0:3] ⊙ (1 if": (0, 3 * 10 * 3),  # comparison, choice, product
    "a2 = exp": (0, 5 * 10 * 3),  # the largest, difference and exp once, sum, quotient
    "delta2 = a2 − onehot": (0, 10 * 3),
    "dW2 = ": (2 * 4 * 10 * 3, 4 * 3),
    "db2 = ": (0, 10 * 3 + 3),
    "loss.sum = ": (0, 10 + 1),
    "loss = ": (0, 1 + 1),
    "g = ": (0, 2 * PARAMETERS),
}


@pytest.mark.parametrize("text", BY_HAND)
def test_operations_by_hand(text):
    assert operations(named(text), 10) == BY_HAND[text]


def test_sums_over_gradient_slots_grow_with_their_number():
    assert operations(named("g = "), 10, slots=4) == (0, (4 + 1) * PARAMETERS)


def test_a_range_counts_its_own_elements():
    assert operations(named("g = "), 10, length=7) == (0, 2 * 7)
    update = named("m ←")
    some = operations(update, 10, length=7)[1] - operations(update, 10, length=6)[1]
    assert some == 3 + 4 + 7  # for each element of m, v and p


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("z1 = x·W1 + b1", 4 * (10 * 2 + 2 * 4 + 4 + 10 * 4)),
        ("x ←", 4 * 2 * 10 * 2),
        ("y ←", 2 * 8 * 10),
        ("dW2 = ", 4 * (2 * 4 * 3 + 10 * 4 + 10 * 3)),  # what is there is read, and written
        ("a1[:, 0:3] = max", 4 * 2 * 10 * 3),
        ("m ←", 4 * PARAMETERS * (4 + 3)),
    ],
)
def test_bytes_by_hand(text, expected):
    assert bytes_moved(named(text), 10, 1, 4) == expected


def test_the_first_layer_has_no_gradient_of_its_inputs():
    found = [i for i in program_of(stack(3, 4, 2)).instructions if i.kernel is dense.input_gradient]
    assert len(found) == 1
    assert found[0].phase == layout.BACKWARD
