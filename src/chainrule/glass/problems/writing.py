"""Problems as TOML: the text that reads as the same problem again."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.glass.notation.base import DEFAULT_NOTATION
from chainrule.layers import Dense
from chainrule.optimizers import GradientDescent

if TYPE_CHECKING:
    from chainrule.glass.problems.problem import Problem


def written(problem: "Problem") -> str:
    """See :meth:`Problem.to_toml`.

    Raises:
        ValueError: for a network with layers that are not dense.
    """
    head = _head(problem)
    tables = [("[[layers]]", entry) for entry in _layers(problem)]
    descent = problem.optimizer.to_dict()
    if type(problem.optimizer) is GradientDescent:
        head["rate"] = descent["learning_rate"]
    else:
        tables.append(("[optimizer]", {"name": descent.pop("optimizer"), **descent}))
    if problem.rounding:
        policy = {"ties": problem.rounding.ties, "decimals": dict(problem.rounding.decimals)}
        tables.append(("[rounding]", policy))
    if problem.claims:
        tables.append(("[claims]", {claim.name: claim.text for claim in problem.claimed()}))
    order = ("title", "notation", "loss", "rate", "inputs", "target", "iterations")
    parts = [_pairs({key: head[key] for key in order if key in head})]
    parts += [f"{title}\n{_pairs(entry)}" for title, entry in tables]
    return "\n".join(parts)


def _head(problem: "Problem") -> dict[str, Any]:
    head: dict[str, Any] = {
        "loss": str(problem.network.loss), "inputs": problem.x.tolist(),
        "target": problem.y.tolist(),
    }  # fmt: skip
    if problem.title:
        head["title"] = problem.title
    if problem.notation != DEFAULT_NOTATION:
        head["notation"] = problem.notation
    if problem.iterations != 1:
        head["iterations"] = problem.iterations
    return head


def _layers(problem: "Problem") -> list[dict[str, Any]]:
    network, found = problem.network, []
    for layer, path in zip(network.layers, network.paths, strict=True):
        if not isinstance(layer, Dense):
            raise ValueError(f"a problem's file describes dense layers alone, not {layer!r}")
        entry = {"activation": layer.to_dict()["activation"]}
        if layer.name:
            entry["name"] = layer.name
        entry["weights"] = network.parameters[f"{path}.W"].T.tolist()
        if layer.bias:
            entry["biases"] = network.parameters[f"{path}.b"].tolist()
        found.append(entry)
    return found


def _pairs(entry: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in entry.items())


def _key(key: str) -> str:
    plain = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if plain else _text(key)


def _text(words: str) -> str:
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, int | np.integer):
        return str(value)
    return repr(float(value))
