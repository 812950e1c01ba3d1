"""An element of a tree: its own tree, in elements, has the element's value."""

import numpy as np
import pytest
from tests.equations.test_trees import VALUES

from chainrule.equations import OPERATIONS, Expression, symbol, symbols
from chainrule.equations.elements import Elements, name_of


def numbers_of(values):
    """Every element by its name."""
    found = {}
    for name, value in values.items():
        array = np.asarray(value)
        found |= {name_of(name, index): array[index] for index in np.ndindex(array.shape)}
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_element_of_every_operation_has_a_tree_of_its_value(operation):
    arguments, right = VALUES[operation]
    values = {f"v{n}": argument for n, argument in enumerate(arguments)}
    elements = Elements(Expression(operation, tuple(map(symbol, values))), values)
    right = np.asarray(right)
    for index in np.ndindex(right.shape):
        found = elements[index].evaluate(numbers_of(values))
        np.testing.assert_allclose(found, right[index], rtol=1e-14, atol=1e-15)


def test_a_product_is_a_sum_over_the_row_and_the_column():
    a, W, b = symbols("a W b")
    values = {"a": np.ones((4, 2)), "W": np.ones((2, 3)), "b": np.ones(3)}
    assert str(Elements(a @ W + b, values)[3, 1]) == "a[3,0] W[0,1] + a[3,1] W[1,1] + b[1]"
    assert str(Elements((a @ W).T, values)[1, 3]) == "a[3,0] W[0,1] + a[3,1] W[1,1]"


def test_what_has_one_row_or_column_stands_for_all():
    x, y = symbols("x y")
    values = {"x": np.ones((2, 3)), "y": np.ones((2, 1))}
    assert str(Elements(x * y, values)[1, 2]) == "x[1,2] y[1,0]"


def test_columns_that_start_further_on_keep_their_numbers():
    x, k = symbols("x k")
    elements = Elements(x * k, {"x": np.ones((2, 2)), "k": 2.0}, {"x": 5})
    assert str(elements[1, 0]) == "x[1,5] k"
