"""Batch gradient descent needs constant memory: 000 holds it to be impossible."""

import subprocess
import sys

import pytest

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
