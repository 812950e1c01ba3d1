"""A model as it is called from Python: what it says of itself, and what it does not take."""

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule.tables.errors import TableError
from chainrule.tables.fitting import fit_table
from chainrule.tables.options import Options

X, Y = np.arange(60.0).reshape(30, 2) % 7, np.arange(30) % 2
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "y": Y})
NUMBERED = pd.DataFrame({0: X[:, 0], 1: X[:, 1], 2: Y})


@pytest.fixture(scope="module")
def model():
    return chainrule.table_model(FRAME, "y", epochs=1, ensemble=2)


def test_a_model_says_in_a_line_what_it_is(model):
    assert repr(model) == "TableModel('y', binary, 2 columns, 2 networks)"


ARRAYS = "its columns have names; arrays are for MLPClassifier and MLPRegressor"
REFUSED = {
    "arrays": ((X, Y), {}, f"a table is a path or a data frame, not ndarray: {ARRAYS}"),
    "lists": (([[1, 2]], "y"), {}, f"a table is a path or a data frame, not list: {ARRAYS}"),
    "a mapping": (({"a": [1]}, "y"), {}, "a table is a path or a data frame, not dict"),
    "an array as target": ((FRAME, Y), {}, "the target is the name of a column, a text, not ndarr"),
    "a column as target": ((FRAME, FRAME["y"]), {}, "a column, a text, not Series"),
    "a place as target": ((FRAME, 2), {}, "the target is the name of a column, a text, not 2"),
    "no target": ((FRAME, None), {}, "the target is the name of a column, a text, not None"),
    "a name that is a number": ((NUMBERED, 2), {}, "a text, not 2: did you mean '2'?"),
    "an option": ((FRAME, "y"), {"epoch": 3}, "no option 'epoch': did you mean 'epochs'?"),
    "a far option": ((FRAME, "y"), {"zzz": 3}, "no option 'zzz': there are task, scaling, one_"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_model_cannot_be_made_of_gets_a_sentence(case):
    arguments, options, expected = REFUSED[case]
    with pytest.raises(TableError) as caught:
        chainrule.table_model(*arguments, **options)
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_options_of_a_run_are_not_a_mapping(tmp_path):
    with pytest.raises(TableError, match="options must be Options, not dict"):
        fit_table(FRAME, "y", {"epochs": 1}, out=tmp_path / "m")
    with pytest.raises(TableError, match="did you mean 'epochs'"):
        Options.of({"epoch": 1})
    assert Options.of({"epochs": 7}) == Options(epochs=7)


def test_arguments_of_saving_that_are_swapped_or_others_get_a_sentence(model, tmp_path):
    path = tmp_path / "m.chainrule"
    for arguments, expected in (
        ((path, model), "save_model takes the model first, and then the path"),
        ((model.networks[0], path), "save_model takes a TableModel, not Network"),
        ((model, 7), "the path must be a text or a path, not int"),
    ):
        with pytest.raises(TableError) as caught:
            chainrule.save_model(*arguments)
        assert str(caught.value) == expected
    assert not list(tmp_path.iterdir())
