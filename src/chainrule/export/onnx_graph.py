"""A graph of ONNX in the making: nodes, constants and names that are not taken yet."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

#: Versions of the operators: the oldest that have all that is used, for old runtimes too.
OPERATORS, LEARNING_OPERATORS, FILE_VERSION = 17, 3, 8
LEARNING = "ai.onnx.ml"
STRING = np.dtype(object)


class Graph:
    """Collects the nodes of a graph in the order in which they compute.

    Values are their names. Python numbers among the inputs of a node become constants.

    Args:
        dtype: of the numbers that become constants.
    """

    def __init__(self, dtype: Any = np.float64) -> None:
        self.dtype = np.dtype(dtype)
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._known: dict[tuple[str, bytes, tuple[int, ...]], str] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._names: set[str] = set()

    def input(self, name: str, dtype: Any, columns: int) -> str:
        """Declare an input of (rows, columns); its name, which may need a mark to be its own."""
        name = self.fresh(name)
        self._inputs.append(_declared(name, dtype, ["rows", columns]))
        return name

    def output(self, name: str, value: str, dtype: Any, columns: int | None) -> str:
        """Declare an output: (rows, columns), or (rows,)."""
        name = self.fresh(name)
        self.append("Identity", [value], name)
        shape = ["rows"] if columns is None else ["rows", columns]
        self._outputs.append(_declared(name, dtype, shape))
        return name

    def fresh(self, name: str) -> str:
        """The name, or one like it that no value has."""
        found, number = name, 1
        while found in self._names:
            number += 1
            found = f"{name}_{number}"
        self._names.add(found)
        return found

    def constant(self, values: Any, dtype: Any = None, name: str = "constant") -> str:
        """A constant array, which small ones share."""
        from onnx import helper, numpy_helper

        array = np.asarray(values, self.dtype if dtype is None else dtype)
        if array.dtype == STRING:
            words: Any = [str(word).encode() for word in array.ravel()]
            found = self.fresh(name)
            kind = _type(STRING)
            self._constants.append(helper.make_tensor(found, kind, array.shape, words))
            return found
        key = (array.dtype.str, array.tobytes(), array.shape)
        if array.size > 16 or key not in self._known:
            self._known[key] = self.fresh(name)
            self._constants.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def node(self, operator: str, *inputs: Any, name: str = "", **attributes: Any) -> str:
        """Append a node with one output; the name of that."""
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        output = self.fresh(name or operator.lower())
        self.append(operator, names, output, **attributes)
        return output

    def append(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        domain = LEARNING if operator == "LabelEncoder" else ""
        self._nodes.append(
            helper.make_node(operator, inputs, [output], domain=domain, **attributes)
        )

    def cast(self, value: str, dtype: Any) -> str:
        return self.node("Cast", value, to=_type(np.dtype(dtype)))

    def columns(self, value: str, chosen: Iterable[int]) -> str:
        """Some of the columns of (rows, columns)."""
        return self.node("Gather", value, self.constant(list(chosen), np.int64), axis=1)

    def beside(self, values: Sequence[str]) -> str:
        """Columns side by side."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=1)

    def polynomial(self, x: str, coefficients: Sequence[float]) -> str:
        """By Horner's rule, the highest power first."""
        found: Any = coefficients[0]
        for coefficient in coefficients[1:]:
            found = self.node("Add", self.node("Mul", found, x), coefficient)
        return str(found)

    def model(self, name: str, properties: dict[str, str]) -> "ModelProto":
        """The model of the graph.

        Args:
            name: of the graph.
            properties: that describe it.
        """
        from onnx import helper

        from chainrule import __version__

        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, self._constants
        )  # fmt: skip
        model = helper.make_model(
            graph, producer_name="chainrule", producer_version=__version__,
            opset_imports=[helper.make_opsetid("", OPERATORS),
                           helper.make_opsetid(LEARNING, LEARNING_OPERATORS)],
            ir_version=FILE_VERSION,
        )  # fmt: skip
        helper.set_model_props(model, properties)
        return model


def _type(dtype: np.dtype) -> int:
    from onnx import TensorProto, helper

    if dtype == STRING:
        return int(TensorProto.STRING)
    return int(helper.np_dtype_to_tensor_dtype(dtype))


def _declared(name: str, dtype: Any, shape: list[Any]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, _type(np.dtype(dtype)), shape)
