"""The Python file of an export to PyTorch, as text.

Whatever users wrote, as names of columns and levels, stands in it as a literal and nowhere else.
"""

from typing import Any

from chainrule.export.torch_head import model_head, network_head
from chainrule.export.torch_layers import Written
from chainrule.export.torch_literals import literal
from chainrule.export.torch_modules import MODULES
from chainrule.network import Network
from chainrule.tables.model import TableModel

IMPORTS = """
{cache}from pathlib import Path

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
@cache
def loaded():
    """The networks of `predict`, read once."""
    return {networks}


def predict(inputs):
    """{what}, for prepared inputs: the mean over the networks."""
    with torch.no_grad():
        outputs = [network(inputs) for network in loaded()]
    return {result}
'''


def network_source(network: Network, written: Written) -> str:
    """The file of a network."""
    return _joined([
        _head(network_head(network), [written.code]), *_modules(written.code),
        _built(BUILD, network, written), _main("load()"),
    ])  # fmt: skip


def model_source(model: TableModel, written: Written) -> str:
    """The file of a table's model."""
    figures = model.preprocessing.figures()
    transformer = model.preprocessing.transformer
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
    body = "".join(
        f"{name} = {literal(value, before=len(name) + 3)}\n" for name, value in constants.items()
    )
    build = BUILD_SEVERAL if several else BUILD
    predict = _predict(model)
    return _joined([
        _head(model_head(model), [written.code, predict]) + body, *_modules(written.code),
        _built(build, model.networks[0], written), predict,
        _main("load(1)" if several else "load()"),
    ])  # fmt: skip


def _joined(parts: list[str]) -> str:
    return "\n\n\n".join(part.strip() for part in parts) + "\n"


def _head(docstring: str, parts: list[str]) -> str:
    """The docstring, and the imports that the parts of the file need."""
    code = "".join([*parts, *_modules(parts[0])])
    return docstring + IMPORTS.format(
        cache="from functools import cache\n" if "@cache" in code else "",
        torch="import torch\n" if "torch." in code else "",
    )


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
    networks = "[load(number) for number in range(1, NETWORKS + 1)]" if several else "[load()]"
    return PREDICT.format(what=what, networks=networks, result=result)


def _main(value: str) -> str:
    return f'\nif __name__ == "__main__":\n    print({value})\n'
