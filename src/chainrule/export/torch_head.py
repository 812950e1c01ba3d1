"""The words at the head of a file for PyTorch: what it is, what it takes, and what it has not.

Nothing that users wrote stands in them: they are a docstring, not a literal.
"""

import textwrap

from chainrule.network import Network
from chainrule.tables.model import TableModel
from chainrule.tables.preprocessing import DECIMALS, FARTHEST, ONE_HOTS, Preprocessing

WIDTH = 100  # of a line

OF_A_NETWORK = """A network of {inputs} inputs and {outputs} outputs for PyTorch.

Written by chainrule {version}. Run as a program, this file prints the network; imported, its
`load()` gives the network with the weights that lie beside it, for rows of {dtype} of the shape
(rows, {inputs}).
"""

OF_A_MODEL = """A model of a table for PyTorch: its networks, with {inputs} inputs.

Written by chainrule {version}. `predict(inputs)` takes inputs that are prepared already: a tensor
of float32 of the shape (rows, {inputs}), its columns in the order of INPUTS, as chainrule makes
them with

    model.preprocessing.inputs(model.values_of(table))

What that does to the values of the columns:

{steps}

The ONNX file of the same model does all of this. How a cell is read, as a number, a date, a yes or
a no, stands in neither file.
"""

SCALED = {
    "StandardScaler": "every number is then scaled: (number - mean) / scale",
    "RobustScaler": "every number is then scaled: (number - center) / scale",
    "QuantileTransformer": (
        "every number is then taken to a normal distribution by the quantiles of the training "
        "rows, which this file does not have: they are in the ONNX file"
    ),
}
BOOLEANS = "A yes is the number 1 and a no is 0."
DATES = (
    "A date is seven numbers: the days since 1970 in UTC, with the share of the day that has "
    f"passed; and sines and cosines, rounded to {DECIMALS} decimals, of 2 pi times a number, which "
    "is of the year the day of the year, from 0, divided by 365.25; of the week the whole days "
    "since 1970 plus 4, divided by 7; of the day the share that has passed."
)
GAPS = 'A column of INPUTS that begins with "gaps" is 1 where a number was missing, else 0.'
LEVELS = "TEXTS has the levels of the texts; one that is missing is the level ''."
ONE_HOT = (
    'Of a text that is "one-hot" in INPUTS, the column of its level is 1 and the others are 0; all '
    "of them are 0 for a level that is not in TEXTS."
)
CODES = (
    'Of a text that is among the "codes" in INPUTS, the number is the place of its level among '
    "the levels, from 0; the next one stands for a level that is not in TEXTS."
)
CODES_TOGETHER = (
    'Of a text that is among the "codes" in INPUTS, the number is the place of its level among '
    "the levels, from 0. Where levels are taken together, the next one stands for all of these. "
    "The one after that stands for a level that is not in TEXTS."
)
CLIPPED = f"In the end numbers beyond {-FARTHEST:g} and {FARTHEST:g} become these."


def network_head(network: Network) -> str:
    """The docstring of a network's file."""
    from chainrule import __version__

    return _docstring(OF_A_NETWORK.format(
        inputs=network.inputs, outputs=network.outputs, version=__version__, dtype=network.dtype
    ))  # fmt: skip


def model_head(model: TableModel) -> str:
    """The docstring of the file of a table's model, with the steps that its columns take."""
    from chainrule import __version__

    steps = "\n".join(_item(step) for step in _steps(model.preprocessing))
    return _docstring(
        OF_A_MODEL.format(inputs=model.preprocessing.width, version=__version__, steps=steps)
    )


def _steps(preprocessing: Preprocessing) -> list[str]:
    kinds = {reading.kind for reading in preprocessing.readings}
    parts = preprocessing.transformer.named_transformers_
    figures = preprocessing.figures()
    coded = preprocessing.embedding() is not None
    steps = [BOOLEANS] * ("boolean" in kinds) + [DATES] * ("date" in kinds)
    if "numbers" in parts:
        scaled = SCALED[type(parts["numbers"].steps[-1][1]).__name__]
        steps.append(f"A number that is missing becomes its median in NUMBERS; {scaled}.")
    steps += [GAPS] * bool(figures["missing"]) + [LEVELS] * bool(figures["texts"])
    steps += [ONE_HOT] * any(part.startswith(ONE_HOTS) for part in parts)
    if coded:
        together = any(text["taken_together"] for text in figures["texts"].values())
        steps.append(CODES_TOGETHER if together else CODES)
    return [*steps, CLIPPED]


def _item(words: str) -> str:
    return textwrap.fill(words, WIDTH, initial_indent="- ", subsequent_indent="  ")


def _docstring(words: str) -> str:
    return f'"""{words}"""\n'
