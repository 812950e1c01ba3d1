"""Batch gradient descent needs constant memory, which 000 holds to be impossible; and how long."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.executor import Executor
from chainrule.lowering import lower

CODE = """
import resource
import numpy as np
from chainrule.network import Network
from chainrule.layers import Dense
from chainrule.training.trainer import train

def network():
    return Network([Dense(100, "relu"), Dense(10, "softmax")], loss="cross_entropy", inputs=784)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT

rng = np.random.default_rng(0)
train(network(), rng.random((64, 784), dtype=np.float32), rng.integers(0, 10, 64), epochs=1)
X = np.zeros((60000, 784), np.float32)
X[:] = rng.random(784, dtype=np.float32)
y = rng.integers(0, 10, 60000)
before = peak()
train(network(), X, y, epochs=1, batch_size=None)
print((peak() - before) / 1e6)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no resource module")
def test_all_rows_as_one_batch_take_less_than_100_megabytes():
    unit = 1 if sys.platform == "darwin" else 1024
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("UNIT", str(unit))],
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    assert float(done.stdout) < 100


def test_a_single_pass_keeps_the_memory_that_it_runs_in_and_no_longer():
    network = cr.Network([cr.Dense(2, "tanh")], inputs=3, seed=0)
    sources = {"X": np.zeros((1, 3), np.float32), "out": np.empty((1, 2), np.float32)}
    program = lower(network, "predict", 1, sources=sources)
    executor = Executor(program, network.vector, sources, 1, 1)
    memory, run = weakref.ref(executor.binding), executor.single_pass()
    del executor
    gc.collect()
    assert memory() is not None
    del run
    gc.collect()
    assert memory() is None
