"""The inner block of a matrix product, in vector registers.

BLAS packs its operands before it multiplies; for the sizes of small networks that costs more than
the product. This block keeps some rows by one vector of C in registers and walks along the inner
dimension once. Imports Numba: load it only where something is compiled.
"""

import functools

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


@functools.cache
def vector_bytes():
    """The width of the vectors that this processor multiplies at full speed."""
    return 64 if llvm.get_host_cpu_features().get("avx512f") else 32


def lanes_of(real):
    """How many numbers of a Numba type a vector holds."""
    return vector_bytes() * 8 // real.bitwidth


@intrinsic
def vector_lanes(_typing, zero):
    """How many numbers of the type of ``zero`` a vector holds."""
    lanes = lanes_of(zero)

    def codegen(context, _builder, signature, _args):
        return context.get_constant(signature.return_type, lanes)

    return types.int64(zero), codegen


@intrinsic
def stack_scratch(_typing, zero, size):
    """The address of ``size`` (a literal) numbers of the type of ``zero`` on the stack."""
    if not isinstance(size, types.IntegerLiteral):
        return None
    count = size.literal_value

    def codegen(context, builder, _signature, _args):
        kind = ir.ArrayType(context.get_value_type(zero), count)
        with builder.goto_entry_block():
            place = builder.alloca(kind)  # not zeroed, as Numba's own helper would
        place.align = 64
        return builder.ptrtoint(place, I64)

    return types.int64(zero, size), codegen


class _Vectors:
    """Loads, stores and multiplications of vectors, all lanes or the first few of them."""

    def __init__(self, context, builder, real, lanes, mask):
        self.builder = builder
        self.size = real.bitwidth // 8
        self.lanes = lanes
        self.scalar = context.get_value_type(real)
        self.type = ir.VectorType(self.scalar, self.lanes)
        self.mask = mask
        self.suffix = f"v{self.lanes}f{real.bitwidth}"
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)

    def _declare(self, name, result, arguments):
        kind = ir.FunctionType(result, arguments)
        return cgutils.get_or_insert_function(self.builder.module, kind, name)

    def _place(self, address):
        return self.builder.inttoptr(address, self.type.as_pointer())

    def load(self, address):
        place = self._place(address)
        if self.mask is None:
            value = self.builder.load(place)
            value.align = self.size
            return value
        function = self._declare(
            f"llvm.masked.load.{self.suffix}.p0",
            self.type, [self.type.as_pointer(), I32, self.mask.type, self.type],
        )  # fmt: skip
        return self.builder.call(function, [place, I32(self.size), self.mask, self.zero])

    def store(self, value, address):
        place = self._place(address)
        if self.mask is None:
            self.builder.store(value, place).align = self.size
            return
        function = self._declare(
            f"llvm.masked.store.{self.suffix}.p0",
            ir.VoidType(), [self.type, self.type.as_pointer(), I32, self.mask.type],
        )  # fmt: skip
        self.builder.call(function, [value, place, I32(self.size), self.mask])

    def broadcast(self, address):
        scalar = self.builder.load(self.builder.inttoptr(address, self.scalar.as_pointer()))
        scalar.align = self.size
        undefined = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, I32(0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def multiply_add(self, x, y, z):
        function = self._declare(f"llvm.fma.{self.suffix}", self.type, [self.type] * 3)
        return self.builder.call(function, [x, y, z])


def _first_lanes(builder, lanes, count):
    """A mask of the first ``count`` lanes."""
    kind = ir.VectorType(I64, lanes)
    undefined = ir.Constant(kind, ir.Undefined)
    splat = builder.shuffle_vector(
        builder.insert_element(undefined, count, I32(0)), undefined,
        ir.Constant(ir.VectorType(I32, lanes), [0] * lanes),
    )  # fmt: skip
    return builder.icmp_signed("<", ir.Constant(kind, list(range(lanes))), splat)


def _product_block(rows, vectors, masked, part=1, ragged=False):
    """The intrinsic for a block of C of some rows and vectors.

    If ``ragged``, only ``count`` of the rows exist: the others repeat the last one, whose result
    they write again.
    ``masked`` touches only the first ``lanes`` lanes; ``part`` 2 takes vectors of half the width.
    """

    @intrinsic
    def block(_typing, a, a_row, a_step, b, b_step, start, start_row, c, c_row, k, count, lanes,
              zero):  # fmt: skip
        def codegen(context, builder, _signature, args):
            a, a_row, a_step, b, b_step, start, start_row, c, c_row, k, count, lanes, _ = args
            width = lanes_of(zero) // part
            mask = _first_lanes(builder, width, lanes) if masked else None
            v = _Vectors(context, builder, zero, width, mask)
            number = [I64(i) for i in range(rows)]
            if ragged:
                last = builder.sub(count, I64(1))
                number = [
                    builder.select(builder.icmp_signed("<", i, last), i, last) for i in number
                ]
            places = [(i, n) for i in range(rows) for n in range(vectors)]

            def at(base, stride, i, n=0):
                row = builder.add(base, builder.mul(stride, number[i]))
                return builder.add(row, I64(n * v.lanes * v.size))

            begin = {(i, n): v.load(at(start, start_row, i, n)) for i, n in places}
            offsets = [builder.mul(a_row, number[i]) for i in range(rows)]
            before = builder.block
            loop = builder.append_basic_block("product")
            done = builder.append_basic_block("product.done")
            builder.cbranch(builder.icmp_signed(">", k, I64(0)), loop, done)

            builder.position_at_end(loop)
            counters = [builder.phi(I64) for _ in range(3)]
            sums = {place: builder.phi(v.type) for place in places}
            j, at_a, at_b = counters
            lines = [v.load(builder.add(at_b, I64(n * v.lanes * v.size))) for n in range(vectors)]
            factors = [v.broadcast(builder.add(at_a, offset)) for offset in offsets]
            after = {(i, n): v.multiply_add(factors[i], lines[n], sums[i, n]) for i, n in places}
            following = [builder.add(j, I64(1)), builder.add(at_a, a_step),
                         builder.add(at_b, b_step)]  # fmt: skip
            for phi, first, next_ in zip(counters, (I64(0), a, b), following, strict=True):
                phi.add_incoming(first, before)
                phi.add_incoming(next_, loop)
            for place in places:
                sums[place].add_incoming(begin[place], before)
                sums[place].add_incoming(after[place], loop)
            builder.cbranch(builder.icmp_signed("<", following[0], k), loop, done)

            builder.position_at_end(done)
            results = {place: builder.phi(v.type) for place in places}
            for place in places:
                results[place].add_incoming(begin[place], before)
                results[place].add_incoming(after[place], loop)
            for i, n in places:
                v.store(results[i, n], at(c, c_row, i, n))
            return context.get_dummy_value()

        i = types.int64
        return types.void(*[i] * 12, zero), codegen

    return block


eight_rows = _product_block(8, 1, masked=False)
eight_rows_masked = _product_block(8, 1, masked=True)
eight_rows_half = _product_block(8, 1, masked=True, part=2)
up_to_eight_rows = _product_block(8, 1, masked=True, ragged=True)
up_to_four_rows = _product_block(4, 1, masked=True, ragged=True)
one_row = _product_block(1, 1, masked=False)
one_row_masked = _product_block(1, 1, masked=True)
one_row_of_four = _product_block(1, 4, masked=False)
