"""The kernels of augmentation: draws keyed by step and row, images, partners of rows."""

import functools

import numpy as np

from chainrule.engine.dtypes import SOURCE_DTYPES
from chainrule.engine.kernel import (
    Constant,
    Context,
    Integers,
    Intrinsic,
    Kernel,
    Matrix,
    Scalar,
    Source,
    Vector,
    device,
    kernel,
    real,
)
from chainrule.engine.random import (
    beta_number,
    place_below,
    row_key,
    unit_normal,
    unit_uniform,
)
from chainrule.equations import Equation, Expression, apply, symbols

load = Intrinsic("load")
size_of = Intrinsic("size_of")
int32, int64 = np.int32, np.int64
element = np.float64  # the type of a source; bound anew for each kernel

x, y, X, site, sigma, p, fill, alpha = symbols("x y X site sigma p fill alpha")
share, partner, most, height, width, channels = symbols("share partner most height width channels")
KEYED = symbols("seed t i")  # what draws are keyed by, beside their site


def drawn(what: str, *arguments: Expression) -> Expression:
    return apply(what, *arguments, site, *KEYED)


@kernel(Equation("a", x + sigma * drawn("normals", x)))
def jitter(a: Matrix, x: Matrix, sigma: Scalar, site: Constant, context: Context) -> None:
    deviation = real(sigma)
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        for c in range(x.shape[1]):
            a[r, c] = x[r, c] + deviation * unit_normal(key, c)


@kernel(Equation("a", apply("hadamard", x, 1 + sigma * drawn("row_normals", x))))
def random_scale(a: Matrix, x: Matrix, sigma: Scalar, site: Constant, context: Context) -> None:
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        factor = real(1) + real(sigma) * unit_normal(key, 0)
        for c in range(x.shape[1]):
            a[r, c] = x[r, c] * factor


@kernel(Equation("a", apply("where", apply("at_least", drawn("uniforms", x), p), x, fill)))
def feature_dropout(
    a: Matrix, x: Matrix, p: Scalar, fill: Scalar, site: Constant, context: Context
) -> None:
    probability, value = real(p), real(fill)
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        for c in range(x.shape[1]):
            a[r, c] = x[r, c] if unit_uniform(key, c) >= probability else value


@kernel(Equation("a", drawn("shifted", x, most, height, width, channels)))
def shift(
    a: Matrix, x: Matrix, most: Scalar, height: Constant, width: Constant, channels: Constant,
    site: Constant, context: Context,
) -> None:  # fmt: skip
    """Each image as a whole, by whole pixels down and to the right, negative ones up and left."""
    pixels = int64(most)
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        down = place_below(key, 0, 2 * pixels + 1) - pixels
        right = place_below(key, 1, 2 * pixels + 1) - pixels
        for row in range(height):
            for column in range(width):
                above, left = row - down, column - right
                inside = 0 <= above < height and 0 <= left < width
                at, to = (above * width + left) * channels, (row * width + column) * channels
                for c in range(channels):
                    a[r, to + c] = x[r, at + c] if inside else real(0)


@kernel(Equation("a", drawn("flipped", x, p, height, width, channels)))
def flip(
    a: Matrix, x: Matrix, p: Scalar, height: Constant, width: Constant, channels: Constant,
    site: Constant, context: Context,
) -> None:  # fmt: skip
    for r in range(x.shape[0]):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        turned = unit_uniform(key, 0) < real(p)
        for row in range(height):
            for column in range(width):
                left = width - 1 - column if turned else column
                at, to = (row * width + left) * channels, (row * width + column) * channels
                for c in range(channels):
                    a[r, to + c] = x[r, at + c]


@kernel(Equation("share", drawn("betas", alpha)))
def draw_shares(share: Vector, alpha: Scalar, site: Constant, context: Context) -> None:
    for r in range(share.size):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        share[r] = real(beta_number(key, alpha))


@kernel(Equation("partner", drawn("partners", symbols("rows")[0])))
def draw_partners(partner: Integers, site: Constant, context: Context) -> None:
    """Rows of the same batch, by their places in the epoch's order."""
    first = context.row - context.batch_row
    for r in range(partner.size):
        key = row_key(context.seed, site, context.step, context.batch_row + r)
        partner[r] = first + place_below(key, 0, context.batch_rows)


@kernel(
    Equation("a", apply("hadamard", apply("column", share), x)
             + apply("hadamard", apply("column", 1 - share), y))
)  # fmt: skip
def mix(a: Matrix, x: Matrix, y: Matrix, share: Vector, context: Context) -> None:
    for r in range(a.shape[0]):
        for c in range(a.shape[1]):
            a[r, c] = share[r] * x[r, c] + (real(1) - share[r]) * y[r, c]


@device()
def row_at(place: int, context: Context) -> int:
    """The row of the sources at a place in the epoch's order."""
    return load(context.order + 8 * place, int64) if context.order != 0 else place


@device()
def dense_partners(x: Matrix, source: Source, partner: Integers, context: Context) -> None:
    for r in range(x.shape[0]):
        at = source[0] + row_at(partner[r], context) * source[2]
        for c in range(x.shape[1]):
            x[r, c] = real(load(at + c * source[3], element))


@device()
def sparse_partners(x: Matrix, source: Source, partner: Integers, context: Context) -> None:
    width = 8 if source[7] else 4
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            x[r, c] = real(0)
        at = source[5] + row_at(partner[r], context) * width
        first, last = load(at, int64), load(at + width, int64)
        if width == 4:
            first, last = int64(load(at, int32)), int64(load(at + 4, int32))
        for k in range(first, last):
            column = load(source[6] + 8 * k, int64) if width == 8 else (
                int64(load(source[6] + 4 * k, int32))
            )  # fmt: skip
            x[r, column] += real(load(source[0] + k * size_of(element), element))


PARTNER_ROWS = Equation("x", apply("rows", X, partner), "←")


@kernel(PARTNER_ROWS)
def gather_partners(x: Matrix, X: Source, partner: Integers, context: Context) -> None:
    """The partners of the tile's rows, read from the source again."""
    dense_partners(x, X, partner, context)


@functools.cache
def partners_from(dtype: str, sparse: bool) -> Kernel:
    """The kernel that gathers partners from sources of a type, dense or CSR."""
    found = next(known for known in SOURCE_DTYPES if np.dtype(known).name == dtype)
    kind = np.uint8 if found is np.bool_ else found
    rows = sparse_partners if sparse else dense_partners
    name = f"sparse_{dtype}" if sparse else dtype
    return gather_partners.specialised(
        name, (PARTNER_ROWS,), dense_partners=rows.with_globals(element=kind)
    )
