"""What kernels need and Numba does not offer: addresses, bit patterns, BLAS, atomics.

Each is a few lines of LLVM. Addresses are arguments, never constants.
"""

import platform

from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = [
    "atomic_add", "atomic_load", "atomic_store", "call_gemm", "call_kernel", "call_product",
    "call_sleep", "carray",
    "float_bits", "float_from_bits", "load", "pointer", "prefetch", "relax", "size_of",
]  # fmt: skip

I32, I64 = ir.IntType(32), ir.IntType(64)


@intrinsic
def pointer(_typing, address, dtype):
    """The pointer to elements of ``dtype`` at an address."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    element = dtype.instance_type if isinstance(dtype, types.TypeRef) else dtype.dtype
    return types.CPointer(element)(address, dtype), codegen


@intrinsic
def load(_typing, address, dtype):
    """The element of ``dtype`` at an address, which need not be aligned."""

    def codegen(context, builder, signature, args):
        kind = signature.return_type
        place = builder.inttoptr(args[0], context.get_data_type(kind).as_pointer())
        value = builder.load(place)
        value.align = 1
        return context.data_model_manager[kind].from_data(builder, value)

    return dtype.dtype(address, dtype), codegen


@intrinsic
def prefetch(_typing, address):
    """Ask for the cache line at an address, which need not exist, ahead of its use."""

    def codegen(context, builder, _signature, args):
        place = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, I32, I32, I32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, I32(0), I32(3), I32(1)])  # to be read, kept, data
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@intrinsic
def size_of(_typing, dtype):
    """The bytes of an element of ``dtype``."""
    size = dtype.dtype.bitwidth // 8

    def codegen(context, _builder, signature, _args):
        return context.get_constant(signature.return_type, size)

    return types.int64(dtype), codegen


@intrinsic
def float_bits(_typing, x):
    """The bits of a floating-point number, as an integer of its size."""
    bits = types.int32 if x == types.float32 else types.int64

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return bits(x), codegen


@intrinsic
def float_from_bits(_typing, bits):
    """The floating-point number of an integer's size that has its bits."""
    number = types.float32 if bits == types.int32 else types.float64

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return number(bits), codegen


@intrinsic
def call_kernel(_typing, address, operands, regions, context):
    """Call the kernel at an address."""

    def codegen(context, builder, _signature, args):
        kernel = ir.FunctionType(ir.VoidType(), [I64, I64, I64])
        builder.call(builder.inttoptr(args[0], kernel.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), codegen


@intrinsic
def call_sleep(_typing, address, microseconds):
    """Call the C function ``void sleep(unsigned)`` at an address."""

    def codegen(context, builder, _signature, args):
        sleep = ir.FunctionType(ir.VoidType(), [I32])
        builder.call(builder.inttoptr(args[0], sleep.as_pointer()), [builder.trunc(args[1], I32)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def call_gemm(_typing, address, trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc):
    """Call BLAS ``gemm`` at an address, with alpha 1 (Fortran order, 32-bit sizes).

    The type of ``beta`` is that of the matrices; ``a``, ``b`` and ``c`` are addresses.
    """

    def codegen(context, builder, signature, args):
        real = context.get_value_type(signature.args[10])
        address, trans_a, trans_b, m, n, k, a, lda, b, ldb, beta, c, ldc = args
        byte = ir.IntType(8)

        def reference(value):
            return builder.bitcast(cgutils.alloca_once_value(builder, value), byte.as_pointer())

        def letter(flag):
            return reference(builder.select(flag, byte(ord("T")), byte(ord("N"))))

        def size(value):
            return reference(builder.trunc(value, I32))

        def matrix(value):
            return builder.inttoptr(value, byte.as_pointer())

        gemm = ir.FunctionType(ir.VoidType(), [byte.as_pointer()] * 13)
        operands = [letter(trans_a), letter(trans_b), size(m), size(n), size(k),
                    reference(real(1)), matrix(a), size(lda), matrix(b), size(ldb),
                    reference(beta), matrix(c), size(ldc)]  # fmt: skip
        builder.call(builder.inttoptr(address, gemm.as_pointer()), operands)
        return context.get_dummy_value()

    i, flag = types.int64, types.boolean
    signature = types.void(i, flag, flag, i, i, i, i, i, i, i, beta, i, i)
    return signature, codegen


@intrinsic
def call_product(_typing, address, c, m, n, a, a_row, a_step, b, b_step, k, start, start_row,
                 start_column):  # fmt: skip
    """Call the product of :mod:`chainrule.engine.products` at an address."""

    def codegen(context, builder, _signature, args):
        product = ir.FunctionType(ir.VoidType(), [I64] * 12)
        builder.call(builder.inttoptr(args[0], product.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 13), codegen


@intrinsic
def relax(_typing):
    """Tell the processor that this is a waiting loop: a core that shares its units gets them."""

    def codegen(context, builder, _signature, _args):
        if platform.machine().lower() in ("x86_64", "amd64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            pause = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause")
            builder.call(pause, [])
        return context.get_dummy_value()

    return types.void(), codegen


def _place(builder, address):
    return builder.inttoptr(address, I64.as_pointer())


@intrinsic
def atomic_add(_typing, address, value):
    """Add to the int64 at an address; the value before."""

    def codegen(_context, builder, _signature, args):
        return builder.atomic_rmw("add", _place(builder, args[0]), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def atomic_load(_typing, address):
    """The int64 at an address, read after everything before it."""

    def codegen(_context, builder, _signature, args):
        return builder.load_atomic(_place(builder, args[0]), "seq_cst", 8)

    return types.int64(types.int64), codegen


@intrinsic
def atomic_store(_typing, address, value):
    """Write the int64 at an address, after everything before it."""

    def codegen(context, builder, _signature, args):
        builder.store_atomic(args[1], _place(builder, args[0]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen
