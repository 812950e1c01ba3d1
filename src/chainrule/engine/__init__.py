"""The compiled floor: kernels, programs, the executor. It knows arrays, not networks."""
