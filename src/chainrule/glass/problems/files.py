"""Problem files: TOML that a lecturer writes by hand, and what is said of mistakes in it."""

import contextlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from chainrule.checks import real_number, whole
from chainrule.data import targets
from chainrule.glass.notation import checked_notation
from chainrule.glass.problems.claims import Written
from chainrule.glass.problems.problem import MOST_ITERATIONS, Problem
from chainrule.glass.problems.toml_lines import Place, lines_of
from chainrule.glass.traces.rounding import Rounding
from chainrule.layers import Dense
from chainrule.layers.base import checked_name, paths_of
from chainrule.network import Network
from chainrule.optimizers import GradientDescent, Optimizer
from chainrule.optimizers.entry import from_dict as optimizer_of

TOP = (
    "title", "notation", "loss", "rate", "optimizer", "inputs", "target", "iterations", "layers",
    "rounding", "claims",
)  # fmt: skip
OF_LAYER = ("activation", "weights", "rows", "biases", "theta", "name")
OF_ROUNDING = ("ties", "decimals")
ROWS = ("neurons", "inputs")


def read_problem(path: str | os.PathLike[str]) -> Problem:
    """Read a problem from a TOML file.

    Keys: ``loss``, ``inputs`` (a row, or a list of rows), ``target`` (a number, a row, or a list
    of rows; labels for cross-entropy), a table ``[[layers]]`` for each layer; if wanted ``title``,
    ``notation``, ``rate`` or a table ``[optimizer]``, ``iterations``, ``[rounding]``, ``[claims]``.
    A layer has ``activation`` and either ``weights``, with a row for each neuron or, by
    ``rows = "inputs"``, for each input, and ``biases``, which can be left out, or ``theta``, whose
    column 0 holds the biases.

    Args:
        path: of the file.

    Returns:
        The problem, in float64.

    Raises:
        ValueError: that names file, line and key, for anything that is not as described.
        OSError: if the file cannot be read.

    >>> import chainrule as cr, tempfile, pathlib
    >>> text = '''
    ... loss = "mse"
    ... inputs = [1.0, 2.0]
    ... target = 0.5
    ... [[layers]]
    ... activation = "tanh"
    ... theta = [[0.1, 0.2, 0.3]]
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "problem.toml")
    ...     _ = file.write_text(text)
    ...     problem = cr.read_problem(file)
    >>> problem.network.parameters["W1"].ravel(), problem.network.parameters["b1"]
    (array([0.2, 0.3]), array([0.1]))
    """
    name = Path(path).name
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{name!r}, line {line}: this is no text in UTF-8") from None
    try:
        found = tomllib.loads(text, parse_float=Written)
        plain = _plain(found)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        raise ValueError(f"{name!r} is no TOML: {words[:1].lower()}{words[1:]}") from None
    except RecursionError:
        raise ValueError(f"{name!r} is no problem: it is nested too deeply") from None
    claims = {"claims": found["claims"]} if "claims" in found else {}
    return _Reader(name, lines_of(text)).problem({**plain, **claims})


def _plain(value: Any) -> Any:
    """The same with plain numbers: how they were written counts in claims alone."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, Written) else value


class _Reader:
    """Checks what was read, and knows where it stands."""

    def __init__(self, file: str, lines: Mapping[Place, int]) -> None:
        self._file, self._lines = file, lines

    # ------------------------------------------------------------------ the parts

    def problem(self, found: dict[str, Any]) -> Problem:
        self._only((), found, TOP, "a problem")
        for key in ("loss", "inputs", "target", "layers"):
            self._needs((), found, key)
        for key in ("title", "notation", "loss"):
            if key in found:
                self._text((key,), found[key])
        x = self._rows(("inputs",), found["inputs"], "inputs", single=True)
        network = self._network(found["loss"], found["layers"], x.shape[1])
        y = self._target(network, found["target"], len(x))
        options = {key: found[key] for key in ("title", "notation") if key in found}
        if "notation" in found:
            with self._at(("notation",)):
                checked_notation(found["notation"])
        iterations = found.get("iterations", 1)
        with self._at(("iterations",)):
            whole("iterations", iterations, 1, MOST_ITERATIONS)
        optimizer = self._optimizer(found)
        with self._at(()):
            problem = Problem(network, x, y, iterations=iterations, **options)
        with self._at(("optimizer",)):
            problem = replace(problem, optimizer=optimizer)
        rounding = self._rounding(found.get("rounding", {}))
        with self._at(("rounding",)):
            problem = replace(problem, rounding=rounding)
        return replace(problem, claims=self._claims(problem, found.get("claims", {})))

    def _network(self, loss: str, layers: Any, inputs: int) -> Network:
        if not isinstance(layers, list) or not layers or not isinstance(layers[0], dict):
            self._refuse(("layers",), "must be a table [[layers]] for each layer")
        made, values, before = [], [], inputs
        for number, entry in enumerate(layers):
            layer, weights, biases = self._layer(("layers", number), entry, before)
            made.append(layer)
            values.append((weights, biases))
            before = weights.shape[1]
        for number, entry in enumerate(layers):
            with self._at(("layers", number, *(["name"] if "name" in entry else []))):
                paths_of(made[: number + 1])
        with self._at(("layers",)):
            Network(made, inputs=inputs, drawn=False)
        with self._at(("loss",)):
            network = Network(made, loss, inputs=inputs, dtype="float64")
        for path, (weights, biases) in zip(network.paths, values, strict=True):
            network.parameters[f"{path}.W"] = weights
            if biases is not None:
                network.parameters[f"{path}.b"] = biases
        return network

    def _layer(
        self, place: Place, entry: Any, inputs: int
    ) -> tuple[Dense, np.ndarray, np.ndarray | None]:
        """The layer, its weights (inputs, neurons) and its biases."""
        if not isinstance(entry, dict):
            self._refuse(place, "must be a table")
        self._only(place, entry, OF_LAYER, "a layer")
        self._needs(place, entry, "activation")
        weights, biases = self._parameters(place, entry, inputs)
        name = entry.get("name")
        if name is not None:
            self._text((*place, "name"), name)
        with self._at((*place, "name" if "name" in entry else "activation")):
            checked_name(name)
        with self._at((*place, "activation")):
            bias = biases is not None
            layer = Dense(weights.shape[1], entry["activation"], bias=bias, name=name)
            for activation in layer.output_activations():
                if not activation.trainable:
                    raise ValueError(f"{activation.name!r} has no useful derivative")
        return layer, weights, biases

    def _parameters(
        self, place: Place, entry: dict[str, Any], inputs: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        if "theta" in entry:
            for other in ("weights", "biases", "rows"):
                if other in entry:
                    self._refuse((*place, other), "cannot stand beside theta, which holds it")
            theta = self._rows((*place, "theta"), entry["theta"], "the neurons")
            if theta.shape[1] != inputs + 1:
                self._refuse(
                    (*place, "theta"),
                    f"must have {inputs + 1} columns, one of biases and {inputs} for the inputs of "
                    f"the layer, not {theta.shape[1]}",
                )
            return theta[:, 1:].T, theta[:, 0]
        self._needs(place, entry, "weights", "weights or theta")
        rows = entry.get("rows", ROWS[0])
        if rows not in ROWS:
            self._refuse((*place, "rows"), f"must be {' or '.join(map(repr, ROWS))}")
        weights = self._rows((*place, "weights"), entry["weights"], f"the {rows}")
        weights = weights.T if rows == "neurons" else weights
        if weights.shape[0] != inputs:
            what = "columns" if rows == "neurons" else "rows"
            self._refuse(
                (*place, "weights"),
                f"must have {inputs} {what}, one for each input of the layer, "
                f"not {weights.shape[0]}",
            )
        if "biases" not in entry:
            return weights, None
        biases = self._numbers((*place, "biases"), entry["biases"], "a list of numbers")
        if len(biases) != weights.shape[1]:
            self._refuse(
                (*place, "biases"),
                f"must be {counted(weights.shape[1], 'number')}, one for each neuron, "
                f"not {len(biases)}",
            )
        return weights, np.array(biases)

    def _target(self, network: Network, target: Any, rows: int) -> np.ndarray:
        place: Place = ("target",)
        if real_number(target):
            y: Any = [target]
        elif isinstance(target, list) and target and isinstance(target[0], list):
            y = self._rows(place, target, "the rows of inputs")
        else:
            y = self._numbers(place, target, "a number, a row of numbers, or a list of rows")
            y = [y] if rows == 1 and len(y) > 1 else y
        with self._at(place):
            # Whole numbers are numbers of classes where the loss takes such.
            return targets(network, y, rows, "target").values

    def _optimizer(self, found: dict[str, Any]) -> Optimizer:
        if "optimizer" not in found:
            if "rate" not in found:
                return GradientDescent()
            with self._at(("rate",)):
                return GradientDescent(found["rate"])
        if "rate" in found:
            self._refuse(("rate",), "cannot stand beside [optimizer], which has a learning_rate")
        entry = found["optimizer"]
        if not isinstance(entry, dict):
            self._refuse(("optimizer",), "must be a table with a name")
        self._needs(("optimizer",), entry, "name")
        if "optimizer" in entry:
            self._refuse(("optimizer", "optimizer"), "is nothing that an optimizer has")
        with self._at(("optimizer",)):
            options = {key: value for key, value in entry.items() if key != "name"}
            return optimizer_of({"optimizer": entry["name"], **options})

    def _rounding(self, entry: Any) -> Rounding:
        place: Place = ("rounding",)
        if not isinstance(entry, dict):
            self._refuse(place, "must be a table")
        self._only(place, entry, OF_ROUNDING, "rounding")
        if "decimals" in entry and not isinstance(entry["decimals"], dict):
            self._refuse((*place, "decimals"), "must be a table such as {a3 = 3, loss = 3}")
        with self._at(place):
            return Rounding(entry.get("decimals", {}), entry.get("ties", "even"))

    def _claims(self, problem: Problem, entry: Any) -> dict[str, Any]:
        if not isinstance(entry, dict):
            self._refuse(("claims",), "must be a table of numbers by the names of values")
        for name, given in entry.items():
            place: Place = ("claims", name)
            if isinstance(given, dict):
                self._refuse(place, "must be a number; write the name in quotes if it has a dot")
            with self._at(place):
                problem.claimed({name: given})
        return {n: v.text if isinstance(v, Written) else v for n, v in entry.items()}

    # ------------------------------------------------------------------ numbers and texts

    def _rows(self, place: Place, value: Any, what: str, single: bool = False) -> np.ndarray:
        """A matrix: a list of rows, all of one length; if ``single``, also one row alone."""
        wanted = f"must be a list with a row of numbers for each of {what}"
        if single:
            wanted = "must be a row of numbers, or a list of rows"
        if not isinstance(value, list) or not value:
            self._refuse(place, f"{wanted}, not {shown(value)}")
        if single and not isinstance(value[0], list):
            return np.array([self._numbers(place, value, "a row of numbers")])
        rows = []
        for number, row in enumerate(value):
            inner = (*place, number)
            if not isinstance(row, list) or not row:
                self._refuse(inner, f"{wanted}, and row {number + 1} is {shown(row)}")
            rows.append(self._numbers(inner, row, "a row of numbers"))
            if len(row) != len(rows[0]):
                self._refuse(
                    inner,
                    f"must have rows of one length, and row {number + 1} has "
                    f"{counted(len(row), 'number')} where the first has {len(rows[0])}",
                )
        return np.array(rows)

    def _numbers(self, place: Place, value: Any, wanted: str) -> list[float]:
        if not isinstance(value, list) or not value:
            self._refuse(place, f"must be {wanted}, not {shown(value)}")
        for number, element in enumerate(value):
            if not real_number(element):
                self._refuse(
                    (*place, number), f"must be finite numbers, and holds {shown(element)}"
                )
        return [int(n) if isinstance(n, int) else float(n) for n in value]

    def _text(self, place: Place, value: Any) -> None:
        if not isinstance(value, str):
            self._refuse(place, f"must be a text, not {shown(value)}")

    # ------------------------------------------------------------------ sentences

    def _only(self, place: Place, entry: dict[str, Any], known: tuple[str, ...], of: str) -> None:
        for key in entry:
            if key not in known:
                raise ValueError(
                    f"{self._where((*place, key))}: {of} has no {key!r}; it can have "
                    f"{', '.join(known)}"
                )

    def _needs(self, place: Place, entry: dict[str, Any], key: str, words: str = "") -> None:
        if key not in entry:
            owner = f"{_named(place)} " if place else ""
            where = self._where(place) if place else repr(self._file)
            raise ValueError(f"{where}: {owner}needs {words or key}")

    @contextlib.contextmanager
    def _at(self, place: Place) -> Iterator[None]:
        """Say of refusals inside where they belong; without a place, to the file as a whole."""
        try:
            yield
        except ValueError as error:
            words = str(error)
            if not place:
                raise ValueError(f"{self._file!r}: {words}") from None
            name = _named(place)
            named = words.startswith((str(place[-1]), repr(place[-1])))
            raise ValueError(
                f"{self._where(place)}: {words if named else f'{name}: {words}'}"
            ) from None

    def _refuse(self, place: Place, words: str) -> NoReturn:
        raise ValueError(f"{self._where(place)}: {_named(place)} {words}")

    def _where(self, place: Place) -> str:
        """File and line of a place, or of what it is in."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._lines:
                return f"{self._file!r}, line {self._lines[place[:length]]}"
            inside = [line for p, line in self._lines.items() if p[:length] == place[:length]]
            if inside:  # a table that holds tables alone
                return f"{self._file!r}, line {min(inside)}"
        return repr(self._file)


def _named(place: Place) -> str:
    """A place in words: ``weights of layer 2``.

    >>> _named(("layers", 1, "weights", 0, 2)), _named(("inputs",))
    ('weights of layer 2', 'inputs')
    """
    if place[0] != "layers" or len(place) == 1:
        return ".".join(part for part in place if isinstance(part, str))
    number = place[1]
    assert isinstance(number, int)
    inside = f"{place[2]} of " if len(place) > 2 else ""
    return f"{inside}layer {number + 1}"


def shown(value: Any, longest: int = 40) -> str:
    """What stands there, shortened."""
    words = value.text if isinstance(value, Written) else repr(value)
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def counted(number: int, what: str) -> str:
    """A number with its noun."""
    return f"{number} {what if number == 1 else what + 's'}"
