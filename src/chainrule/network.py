"""The network: a specification and one flat vector of parameters."""

import math
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.checks import seed as checked_seed
from chainrule.checks import whole
from chainrule.engine.dtypes import REALS, real_dtype
from chainrule.engine.program import Program
from chainrule.layers import Dense, Layer, Parameter, layer_of
from chainrule.layers.base import paths_of, reads_features
from chainrule.losses import Loss
from chainrule.losses import find as find_loss
from chainrule.lowering import lower
from chainrule.optimizers import GradientDescent
from chainrule.prediction import predict

if TYPE_CHECKING:
    from chainrule.interchange.parts import Parts


class Parameters(MutableMapping[str, np.ndarray]):
    """The parameters by path (``dense1.W``) or short name (``W1``): views, assignable in place.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(1)], inputs=2)
    >>> net.parameters["W1"] = [[0.5], [0.25]]
    >>> net.parameters["dense1.W"][1, 0]
    np.float32(0.25)
    """

    def __init__(self, network: "Network") -> None:
        self._network = network

    def __getitem__(self, name: str) -> np.ndarray:
        path = self._network.path(name)
        try:
            start, shape = self._network.places[path]
        except KeyError:
            raise KeyError(
                f"there is no parameter {name!r}; there are {', '.join(self._network.places)}"
            ) from None
        size = math.prod(shape)
        return self._network.vector[start : start + size].reshape(shape)

    def __setitem__(self, name: str, value: Any) -> None:
        view = self[name]
        array = np.asarray(value)
        if array.shape != view.shape:
            raise ValueError(f"{name} has the shape {view.shape}, not {array.shape}")
        view[...] = array

    def __delitem__(self, name: str) -> None:
        raise TypeError("a network's parameters cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(self._network.places)

    def __len__(self) -> int:
        return len(self._network.places)

    def __repr__(self) -> str:
        return "\n".join(f"{name} {self[name].shape}" for name in self)


class Network:
    """A feed-forward network: a stack of layers, a loss, and the parameters.

    Args:
        layers: the layers, first to last.
        loss: a name such as ``"mse"`` or ``"huber(1.5)"``, an entry, or None for a network that
            only predicts.
        inputs: the number of features.
        seed: of the initial parameters.
        dtype: ``"float32"`` or ``"float64"``; by default float32, and training on float64 data
            makes it float64.
        drawn: False leaves all parameters 0, for whoever sets them anyway.

    Raises:
        ValueError: for sizes below 1, unknown names, two layers of one name, or a loss whose
            domain the outputs can leave.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(2, "tanh"), cr.Dense(1, "sigmoid")],
    ...                  loss="binary_cross_entropy", inputs=3, seed=0)
    >>> net.parameters
    dense1.W (3, 2)
    dense1.b (2,)
    dense2.W (2, 1)
    dense2.b (1,)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        loss: str | Loss | None = None,
        inputs: int = 0,
        seed: int = 0,
        dtype: Any = None,
        *,
        drawn: bool = True,
    ) -> None:
        if not hasattr(layers, "__iter__"):
            raise ValueError(f"layers must be a list of layers, not {layers!r}")
        self.layers = tuple(layers)
        if not self.layers:
            raise ValueError("a network needs at least one layer")
        for layer in self.layers:
            if not hasattr(layer, "forward"):
                raise ValueError(f"{layer!r} is not a layer")
        for layer in self.layers[1:]:
            if reads_features(layer):
                raise ValueError(f"{layer!r} must be the first layer: it reads the features")
        self.inputs = whole("inputs", inputs)
        self.seed = checked_seed(seed)
        self.loss = None if loss is None else find_loss(loss)
        self.fixed_dtype = None if dtype is None else real_dtype(dtype)
        self.paths = paths_of(self.layers)
        self.labels = _labels(self.layers, self.paths)
        self._names = {label: path for path, label in self.labels.items()}
        if self.loss is not None:
            self.loss.check_domain(self.layers[-1].output_activations())
        self.places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self.specifications: dict[str, Parameter] = {}
        self._initial = self._draw(drawn)
        self.vector = self._initial.astype(REALS[self.fixed_dtype or "float32"])
        if self.loss is not None:
            self.loss.target_columns(self.outputs)

    def _draw(self, drawn: bool) -> np.ndarray:
        """Draw the parameters in float64, so that both dtypes start from the same numbers."""
        rng = np.random.default_rng(self.seed)
        parts = []
        columns, start = self.inputs, 0
        for layer, path in zip(self.layers, self.paths, strict=True):
            for p in layer.parameters(columns):
                self.places[f"{path}.{p.name}"] = (start, p.shape)
                self.specifications[f"{path}.{p.name}"] = p
                start += math.prod(p.shape)
                if drawn:
                    values = p.initializer.draw(rng, p.shape, p.fan_in, p.fan_out)
                    parts.append(values.ravel())
            columns = layer.outputs(columns)
        self.outputs = columns
        return np.concatenate(parts) if parts else np.zeros(start)

    def __repr__(self) -> str:
        loss = str(self.loss) if self.loss else None
        return (
            f"Network({list(self.layers)!r}, loss={loss!r}, inputs={self.inputs}, "
            f"seed={self.seed}, dtype={self.dtype!r})"
        )

    @property
    def dtype(self) -> str:
        """The dtype of the parameters now."""
        return self.vector.dtype.name

    @property
    def parameters(self) -> Parameters:
        """The parameters as views into the flat vector, by path or short name."""
        return Parameters(self)

    def check_features(self, X: Any, name: str = "X") -> None:
        """Refuse checked features that are not what the first layer reads.

        Raises:
            ValueError: naming the first one and its place.
        """
        first = self.layers[0]
        if reads_features(first):
            first.check_features(X, name)

    def path(self, name: str) -> str:
        """The path of a value by its short name; a path stays as it is."""
        return self._names.get(name, name)

    def use_dtype(self, dtype: str) -> None:
        """Convert the parameters; untouched initial ones are rounded from float64 but once."""
        dtype = real_dtype(dtype)
        if dtype == self.dtype:
            return
        untouched = np.array_equal(self.vector, self._initial.astype(self.vector.dtype))
        self.vector = (self._initial if untouched else self.vector).astype(REALS[dtype])

    def copy(self) -> "Network":
        """A network with parameters of its own."""
        twin = object.__new__(Network)
        twin.__dict__.update(self.__dict__)
        twin.vector = self.vector.copy()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {"specification": self.to_dict(), "vector": self.vector}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(Network.from_dict(state["specification"]).__dict__)
        self.vector = np.array(state["vector"])

    def __deepcopy__(self, _memo: object) -> "Network":
        return self.copy()

    @property
    def program(self) -> Program:
        """The program of a training step by gradient descent, a batch in one tile.

        ``print(net.program)`` shows it an instruction a line.
        """
        return lower(
            self, "train" if self.loss else "predict", batch_rows=32, optimizer=GradientDescent()
        )

    def predict(self, X: Any, threads: int | None = None) -> np.ndarray:
        """The outputs for rows of X, computed in tiles, in constant memory.

        Args:
            X: (m, inputs) numbers, any strides, or a SciPy CSR matrix; (inputs,) for one row.
            threads: how many; None chooses. The outputs do not depend on it.

        Returns:
            (m, outputs) in the network's dtype.

        Raises:
            ValueError: if X has another width, is not numeric, or is not what the first layer
                reads.
        """
        return predict(self, X, threads)

    def to_dict(self) -> dict[str, Any]:
        """The specification, as files hold it."""
        return {
            "layers": [layer.to_dict() for layer in self.layers],
            "loss": str(self.loss) if self.loss else None,
            "inputs": self.inputs,
            "seed": self.seed,
            "dtype": self.fixed_dtype,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], parameters: int | None = None) -> "Network":
        """The network of a specification, with its initial parameters.

        Args:
            data: what :meth:`to_dict` wrote.
            parameters: how many numbers it must need, so that no room is made for others.

        Raises:
            ValueError: if it is not one.
        """
        try:
            layers = [layer_of(entry) for entry in data["layers"]]
            if parameters is not None:
                _check_size(layers, whole("inputs", data["inputs"]), parameters)
            return cls(layers, data["loss"], data["inputs"], data["seed"], data["dtype"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is not the specification of a network: {error}") from None

    @classmethod
    def from_sklearn(cls, fitted: Any) -> "Network":
        """The network of a fitted ``MLPClassifier`` or ``MLPRegressor`` of scikit-learn.

        Its outputs are what theirs predicts: ``predict_proba`` (of two classes the second's) or
        ``predict``. Anything with the attributes ``activation``, ``loss``, ``coefs_``,
        ``intercepts_`` and ``out_activation_`` is taken; of one with a ``network_``, that.

        Args:
            fitted: the estimator; it shares no memory with the network.

        Returns:
            Dense layers in the dtype of ``coefs_``, with the loss that theirs was trained by:
            ``binary_cross_entropy``, ``cross_entropy``, ``mse`` or ``poisson``.

        Raises:
            ValueError: for one that is not fitted, or anything else.

        >>> import numpy as np, chainrule as cr
        >>> from sklearn.neural_network import MLPClassifier
        >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> theirs = MLPClassifier((4,), "tanh", solver="lbfgs", random_state=1)
        >>> net = cr.Network.from_sklearn(theirs.fit(X, [0, 1, 1, 0]))
        >>> net
        Network([Dense(4, 'tanh'), Dense(1, 'logistic')], loss='binary_cross_entropy', inputs=2,
                seed=0, dtype='float64')
        >>> bool(np.allclose(net.predict(X)[:, 0], theirs.predict_proba(X)[:, 1]))
        True
        """
        from chainrule.interchange.from_sklearn import read

        return cls._of_parts(read(fitted))

    def to_sklearn(self, classes: Any = None) -> Any:
        """A fitted estimator of scikit-learn with the same predictions.

        It can be scored, pickled, and trained further by ``partial_fit``, with the loss that
        scikit-learn has for the outputs, whatever this network's is. Layers that do nothing in
        prediction, such as dropout, are left out.

        Args:
            classes: the labels of the outputs, in their order; by default 0, 1, ... One logistic
                output has two, that of 0 and that of 1. Several are labels of their own, which
                scikit-learn numbers: they take none.

        Returns:
            A ``sklearn.neural_network.MLPClassifier`` for logistic and softmax outputs (the
            softmax of two becomes the logistic output that equals it), an ``MLPRegressor`` for
            linear and exponential ones. It shares no memory with the network.

        Raises:
            ValueError: naming the layer that scikit-learn cannot have: all are dense, the hidden
                ones with one activation among linear, logistic, tanh and relu; or for classes
                that do not fit the outputs.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(8, "relu"), cr.Dense(3, "softmax")], inputs=2)
        >>> theirs = net.to_sklearn(classes=["red", "green", "blue"])
        >>> theirs
        MLPClassifier(hidden_layer_sizes=(8,))
        >>> theirs.classes_
        array(['blue', 'green', 'red'], dtype='<U5')
        """
        from chainrule.interchange.to_sklearn import write

        return write(self, classes)

    @classmethod
    def from_torch(cls, sequential: Any, loss: "str | Loss | None" = None) -> "Network":
        """The network of a ``torch.nn.Sequential``.

        It predicts what theirs does in evaluation mode, for rows of features::

            theirs = torch.nn.Sequential(
                torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Dropout(0.1),
                torch.nn.Linear(64, 3), torch.nn.Softmax(dim=1),
            )
            net = cr.Network.from_torch(theirs, loss="cross_entropy")

        Losses of PyTorch often take what comes before the softmax or the sigmoid: cross-entropies
        here need that as a module of its own at the end. In training, weights that modules share
        go their own ways, as does a single slope of a PReLU, one for each feature; and a
        normalisation without factors and shifts has them to learn.

        Args:
            sequential: of Linear, PReLU, BatchNorm1d, LayerNorm, Dropout, AlphaDropout, Identity,
                Flatten where it does nothing, Sequential again, and, each directly behind a
                Linear, the activations ReLU, ReLU6, LeakyReLU, ELU, SELU, GELU, SiLU, Mish,
                Sigmoid, Hardsigmoid, Tanh, Softsign, Softplus and Softmax. It shares no memory
                with the network; PyTorch itself is not needed.
            loss: as for the network.

        Returns:
            A network in the dtype of the weights.

        Raises:
            ValueError: naming the module that has no counterpart, and its position; or for a loss
                that does not fit the outputs.
        """
        from chainrule.interchange.from_torch import read

        return cls._of_parts(read(sequential, loss))

    @classmethod
    def _of_parts(cls, parts: "Parts") -> "Network":
        network = cls(parts.layers, parts.loss, parts.inputs, dtype=parts.dtype, drawn=False)
        for path, array in zip(network.places, parts.arrays, strict=True):
            network.parameters[path] = array
        return network


def _check_size(layers: Sequence[Layer], columns: int, size: int) -> None:
    """Check how many parameters the layers need, before any is made."""
    needed = 0
    for layer in layers:
        needed += sum(math.prod(p.shape) for p in layer.parameters(columns))
        columns = layer.outputs(columns)
    if needed != size:
        raise ValueError(f"the specification needs {needed} parameters, not {size}")


def _labels(layers: Sequence[Layer], paths: Sequence[str]) -> dict[str, str]:
    """Short names of the values of a plain stack of dense layers: ``W1`` for ``dense1.W``."""
    if not all(isinstance(layer, Dense) for layer in layers):
        return {}
    values = ("W", "b", "z", "a", "slope", "delta", "da", "dW", "db")
    return {
        f"{path}.{value}": f"{value}{number}"
        for number, path in enumerate(paths, start=1)
        for value in values
    }
