"""Embeddings: columns of whole numbers, the codes of categories, become learnt vectors.

The row of E that a code points to takes the place of the column, one column after the other, the
last one first, so that the columns in front keep their places:

    a  = x with E[code] for the column
    dE = Σᵢ onehot(codeᵢ)ᵀ·daᵢ      of the vectors: only into the rows that were looked up
    dx = da with 0 for the vector   of what other columns' vectors are part of
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule.activations import Activation, activations
from chainrule.checks import whole
from chainrule.engine.builder import Builder
from chainrule.engine.kernel import Constant, Context, Matrix, device, kernel, real
from chainrule.engine.linalg import clear, in_line
from chainrule.engine.program import Buffer
from chainrule.equations import Equation, apply, symbols
from chainrule.initializers import Initializer
from chainrule.layers.base import Parameter, checked_initial, checked_name

MOST_LEVELS = 2**24  # float32 holds each whole number up to here

x, E, da, dE, column, width = symbols("x E da dE column width")


@device()
def code_of(value: float, levels: int) -> np.int64:
    """A code as an index. Checked data hold no others; what else comes stays in its place."""
    value = value if value > real(0) else real(0)
    return np.int64(value if value < real(levels - 1) else real(levels - 1))


@kernel(Equation("a", apply("embedded", x, E, column)))
def embed(a: Matrix, x: Matrix, E: Matrix, column: Constant, context: Context) -> None:
    levels, width = E.shape
    for i in range(x.shape[0]):
        code = code_of(x[i, column], levels)
        for c in range(column):
            a[i, c] = x[i, c]
        for c in range(width):
            a[i, column + c] = E[code, c]
        for c in range(column + 1, x.shape[1]):
            a[i, c + width - 1] = x[i, c]


@kernel(Equation("dE", dE + apply("code_sums", da, x, column, dE)))
def embed_gradient(
    dE: Matrix, da: Matrix, x: Matrix, column: Constant, again: Constant, context: Context
) -> None:
    """Summed over the tiles of a slot, row by row in their order."""
    levels, width = dE.shape
    if again == 0 and context.accumulate == 0:
        clear(in_line(dE))
    for i in range(x.shape[0]):
        code = code_of(x[i, column], levels)
        for c in range(width):
            dE[code, c] += da[i, column + c]


@kernel(Equation("dx", apply("unembedded", da, column, width)))
def embed_backward(
    dx: Matrix, da: Matrix, column: Constant, width: Constant, context: Context
) -> None:
    """What the other columns get; a code itself has no derivative: 0."""
    for i in range(dx.shape[0]):
        for c in range(column):
            dx[i, c] = da[i, c]
        dx[i, column] = real(0)
        for c in range(column + 1, dx.shape[1]):
            dx[i, c] = da[i, c + width - 1]


@dataclass(frozen=True)
class Embedding:
    """Learnt vectors in the place of columns that hold the codes of categories.

    a = x, with the row E[code] of a matrix for each of the columns; the other columns pass. This
    is what a dense layer without bias makes of one-hot columns, without the zeros. The codes are
    the whole numbers from 0 to levels - 1; training, prediction and trace refuse others.

    Args:
        columns: for each column of the features that is replaced, (levels, dimension): the number
            of codes, at most 2**24, and the length of their vectors. A list of (column, levels,
            dimension) will do too.
        initial: of the vectors: an initializer. Their matrices ``E0``, ``E5``, ... by column are
            weights: penalties apply.
        name: the first part of the paths of its values; by default ``embedding1``.

    Raises:
        ValueError: for no columns or sizes that cannot be; in a network, if it is not the first
            layer or a column is none of the features.

    Source: Guo, Berkhahn, "Entity Embeddings of Categorical Variables", 2016.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Embedding({1: (4, 2)}), cr.Dense(1)], inputs=3)
    >>> net.parameters
    embedding1.E1 (4, 2)
    dense1.W (4, 1)
    dense1.b (1,)
    """

    columns: "Mapping[int, tuple[int, int]] | Iterable[tuple[int, int, int]]"
    initial: "str | float | Initializer" = "normal(0, 1)"
    name: str | None = None
    kind: ClassVar[str] = "embedding"
    couples_rows: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked_name(self.name)
        initializer, written = checked_initial("Embedding", self.initial)
        object.__setattr__(self, "_initializer", initializer)
        object.__setattr__(self, "initial", written)
        try:
            given = (
                [(c, *sizes) for c, sizes in self.columns.items()]
                if isinstance(self.columns, Mapping) else [tuple(entry) for entry in self.columns]
            )  # fmt: skip
            triples = [(c, levels, dimension) for c, levels, dimension in given]
        except (TypeError, ValueError):
            raise ValueError(
                "columns of Embedding must be such as {3: (levels, dimension)}, "
                f"not {self.columns!r}"
            ) from None
        sizes = []
        for at, levels, dimension in triples:
            at = whole("a column of Embedding", at, 0)
            levels = whole(f"levels of column {at} of Embedding", levels, 1, MOST_LEVELS)
            dimension = whole(f"dimension of column {at} of Embedding", dimension)
            sizes.append((at, levels, dimension))
        if not sizes:
            raise ValueError("columns of Embedding must name at least one column, not none")
        if len({at for at, _, _ in sizes}) < len(sizes):
            raise ValueError(f"columns of Embedding names a column twice: {self.columns!r}")
        object.__setattr__(self, "columns", tuple(sorted(sizes)))

    @property
    def _sizes(self) -> tuple[tuple[int, int, int], ...]:
        """(column, levels, dimension), by column."""
        return self.columns  # type: ignore[return-value]

    @property
    def sizes(self) -> dict[int, tuple[int, int]]:
        """(levels, dimension) by column."""
        return {at: (levels, dimension) for at, levels, dimension in self._sizes}

    def __repr__(self) -> str:
        return f"Embedding({self.sizes}" + (f", name={self.name!r})" if self.name else ")")

    def output_activations(self) -> tuple[Activation, ...]:
        """Vectors and the columns that pass may lie anywhere."""
        return (activations["linear"],)

    def outputs(self, inputs: int) -> int:
        last = self._sizes[-1][0]
        if last >= inputs:
            raise ValueError(
                f"{self!r} replaces the column {last}, and there are the columns 0 to {inputs - 1}"
            )
        return inputs + sum(dimension - 1 for _, _, dimension in self._sizes)

    def parameters(self, inputs: int) -> list[Parameter]:
        self.outputs(inputs)
        initial: Initializer = self._initializer  # type: ignore[attr-defined]
        return [
            Parameter(f"E{at}", (levels, dimension), initial, levels, dimension, decays=True)
            for at, levels, dimension in self._sizes
        ]

    def check_features(self, X: Any, name: str) -> None:
        for at, levels, _ in self._sizes:
            codes = X[:, [at]].toarray()[:, 0] if hasattr(X, "indptr") else X[:, at]
            wrong = np.flatnonzero((codes < 0) | (codes >= levels) | (codes != np.floor(codes)))
            if wrong.size:
                raise ValueError(
                    f"{name}[{wrong[0]}, {at}] is {float(codes[wrong[0]]):g}: the codes of this "
                    f"column are the whole numbers from 0 to {levels - 1}"
                )

    def forward(self, builder: Builder, path: str, x: Buffer) -> Buffer:
        for at, levels, dimension in reversed(self._sizes):
            vectors = builder.parameter(f"{path}.E{at}", (levels, dimension))
            last = at == self._sizes[0][0]
            out = builder.value(f"{path}.a" if last else f"{path}.a{at}", x.columns + dimension - 1)
            builder.emit(embed, a=out, x=x, E=vectors, column=at)
            builder.on_backward(
                lambda x=x, E=vectors, at=at, a=out: self._backward(builder, x, E, at, a)  # type: ignore[misc]
            )
            x = out
        return x

    def _backward(self, builder: Builder, x: Buffer, vectors: Buffer, at: int, out: Buffer) -> None:
        if not builder.has_gradient(out):
            return
        da = builder.gradient(out)
        if builder.needs_gradient(vectors):
            target, again = builder.parameter_gradient(vectors)
            builder.emit(embed_gradient, dE=target, da=da, x=x, column=at, again=again)
        if builder.needs_gradient(x):
            width = vectors.columns
            builder.emit(embed_backward, dx=builder.contribution(x), da=da, column=at, width=width)

    def to_dict(self) -> dict[str, Any]:
        return {
            "layer": self.kind,
            "columns": [list(sizes) for sizes in self._sizes],
            "initial": self.initial,
            "name": self.name,
        }
