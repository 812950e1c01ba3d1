"""How fast the library trains, beside scikit-learn, PyTorch and JAX: ``python -m benchmarks``.

Times differ from machine to machine and from minute to minute, so nothing here reports a time
alone: all opponents take part in one run, in turns, and what counts are the ratios of each round
and the share of what this machine's matrix products allow.
"""
