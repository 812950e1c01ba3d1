"""The Python file of an export to PyTorch, as text.

Whatever users wrote, as names of columns and levels, stands in it as a literal and nowhere else.
"""

from typing import Any

from chainrule.export.torch_layers import Written
from chainrule.export.torch_modules import MODULES
from chainrule.network import Network
from chainrule.tables.model import TableModel

WIDTH = 80  # of a literal that is not folded

IMPORTS = """
from pathlib import Path

{torch}from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent
"""

BUILD = '''
def build():
    """The network, without the weights that were learnt."""
    return {code}{dtype}


def load():
    """The network with the weights that were learnt, ready to predict."""
    network = build()
    network.load_state_dict(load_file(HERE / "network.safetensors"))
    return network.eval()
'''

BUILD_SEVERAL = '''
def build():
    """A network, without the weights that were learnt."""
    return {code}{dtype}


def load(number):
    """The network of a number from 1 to NETWORKS with the weights that were learnt."""
    network = build()
    network.load_state_dict(load_file(HERE / f"network-{{number}}.safetensors"))
    return network.eval()
'''

PREDICT = '''
def predict(inputs):
    """{what}, for prepared inputs: the mean over the networks."""
    with torch.no_grad():
        outputs = [{each}(inputs) for {each} in {networks}]
    return {result}
'''

OF_A_NETWORK = '''"""A network of {inputs} inputs and {outputs} outputs for PyTorch.

Written by chainrule {version}. Run as a program, this file prints the network; imported, its
`load()` gives the network with the weights that lie beside it, for rows of {dtype} of the shape
(rows, {inputs}).
"""
'''

OF_A_MODEL = '''"""A model of a table for PyTorch: its networks, with {inputs} inputs.

Written by chainrule {version}. `predict(inputs)` takes inputs that are prepared already: a tensor
of float32 of the shape (rows, {inputs}), its columns in the order of INPUTS, as chainrule makes
them with

    model.preprocessing.inputs(model.values_of(table))

What that does to a table stands below. NUMBERS: a missing number becomes the median, and is then
scaled{scaled}. A column of INPUTS that begins
with "gaps" is 1 where a number was missing, else 0. TEXTS: of a column that is "one-hot" in INPUTS,
the column of the level is 1 and the others are 0; of one of "codes", the number is the place of the
level among the levels, from 0, the next one for all that are taken together, and the last one for
a level that is not there. The ONNX file of the same model does all of this.
"""
'''

SCALED = {
    "StandardScaler": ": (number - mean) / scale",
    "RobustScaler": ": (number - center) / scale",
    "QuantileTransformer": " by the quantiles of the training rows, to a normal distribution",
}


def network_source(network: Network, written: Written) -> str:
    """The file of a network."""
    from chainrule import __version__

    head = OF_A_NETWORK.format(
        inputs=network.inputs, outputs=network.outputs, version=__version__, dtype=network.dtype
    )
    return _joined([
        _head(head, written.code), *_modules(written.code), _built(BUILD, network, written),
        _main("load()"),
    ])  # fmt: skip


def model_source(model: TableModel, written: Written) -> str:
    """The file of a table's model."""
    from chainrule import __version__

    figures = model.preprocessing.figures()
    transformer = model.preprocessing.transformer
    numbers = transformer.named_transformers_.get("numbers")
    scaled = SCALED[type(numbers.steps[-1][1]).__name__] if numbers else ""
    head = OF_A_MODEL.format(inputs=model.preprocessing.width, version=__version__, scaled=scaled)
    goal, several = model.goal, len(model.networks) > 1
    constants: dict[str, Any] = {"TARGET": goal.name}
    if goal.classes:
        constants["CLASSES"] = list(goal.classes)
    else:
        constants |= {"MEAN": goal.mean, "SCALE": goal.scale}
    if several:
        constants["NETWORKS"] = len(model.networks)
    constants |= {
        "INPUTS": [name.replace("__", ": ", 1) for name in transformer.get_feature_names_out()],
        "NUMBERS": figures["numbers"],
        "TEXTS": figures["texts"],
    }  # fmt: skip
    body = "".join(f"{name} = {_literal(value)}\n" for name, value in constants.items())
    build = BUILD_SEVERAL if several else BUILD
    return _joined([
        _head(head, "torch.") + body, *_modules(written.code),
        _built(build, model.networks[0], written), _predict(model),
        _main("load(1)" if several else "load()"),
    ])  # fmt: skip


def _joined(parts: list[str]) -> str:
    return "\n\n\n".join(part.strip() for part in parts) + "\n"


def _head(docstring: str, code: str) -> str:
    needed = "torch." in "".join([code, *_modules(code)])
    return docstring + IMPORTS.format(torch="import torch\n" if needed else "")


def _modules(code: str) -> list[str]:
    return [source for name, source in MODULES.items() if f"{name}(" in code]


def _built(template: str, network: Network, written: Written) -> str:
    first, *rest = written.code.splitlines()
    code = "\n".join([first, *("    " + line for line in rest)])
    return template.format(code=code, dtype=".double()" if network.dtype == "float64" else "")


def _predict(model: TableModel) -> str:
    mean = "torch.stack(outputs).double().mean(dim=0)"
    result, what = {
        "binary": (f"{mean}[:, 0]", "The probability of the second of CLASSES"),
        "multiclass": (mean, "The probability of each of CLASSES"),
        "regression": (f"{mean}[:, 0] * SCALE + MEAN", "TARGET in its own unit"),
    }[model.goal.task]
    several = len(model.networks) > 1
    networks = "map(load, range(1, NETWORKS + 1))" if several else "[load()]"
    return PREDICT.format(what=what, each="network", networks=networks, result=result)


def _main(value: str) -> str:
    return f'\nif __name__ == "__main__":\n    print({value})\n'


def _literal(value: Any, indent: int = 0) -> str:
    """A literal that is folded, an item a line, where it would be too long for one."""
    line = repr(value)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list):
        return line
    within = indent + 4
    items = (
        [f"{key!r}: {_literal(item, within)}" for key, item in value.items()]
        if isinstance(value, dict) else [_literal(item, within) for item in value]
    )  # fmt: skip
    folded = "".join(f"{' ' * within}{item},\n" for item in items)
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{folded}{' ' * indent}{last}"
