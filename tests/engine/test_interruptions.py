"""A team of threads whose start or end is interrupted leaves nothing behind, and nothing hangs."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from chainrule.engine.blas import one_thread
from chainrule.engine.executor import Executor
from chainrule.layers import Dense
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.optimizers import Adam

ROWS = 203


def executor(threads):
    net = Network([Dense(7, "tanh"), Dense(3, "softmax")], "cross_entropy", inputs=4, seed=3)
    rng = np.random.default_rng(0)
    sources = {"X": rng.normal(size=(ROWS, 4)).astype("f4"), "Y": rng.integers(0, 3, ROWS)}
    program = lower(net, "train", 60, Adam(0.01), labels=True, tile_rows=8, sources=sources)
    state = np.zeros(program.states * program.parameters, "f4")
    return net, Executor(program, net.vector, sources, ROWS, 60, state=state, threads=threads)


def expected():
    net, run = executor(1)
    with run:
        run.run(6)
    return net.vector


def interrupt_once(monkeypatch, name, after):
    real, done = getattr(threading.Thread, name), []

    def interrupted(self, *arguments):
        if after or done:
            real(self, *arguments)
        if not done:
            done.append(1)
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, name, interrupted)


@pytest.mark.parametrize(("name", "after"), [("start", True), ("join", False)])
def test_what_was_interrupted_goes_on_and_ends(monkeypatch, name, after):
    net, run = executor(2)
    before = threading.active_count()
    interrupt_once(monkeypatch, name, after)
    with pytest.raises(KeyboardInterrupt), run:
        run.run(3)
    with run:
        run.run(6)
    assert np.array_equal(net.vector, expected())
    assert threading.active_count() == before
    assert one_thread._inside == 0


FORKED = """
import os, numpy as np, chainrule as cr
X = np.random.default_rng(0).normal(size=(600, 4)).astype("f4")

def trained(threads, callbacks=()):
    net = cr.Network([cr.Dense(64, "tanh"), cr.Dense(64, "tanh"), cr.Dense(1)], "mse", inputs=4)
    cr.train(net, X, X[:, 0], epochs=6, batch_size=300, threads=threads, callbacks=callbacks)
    return net.vector

children = []

def fork(epoch):
    if epoch.number == 3:
        children.append(os.fork())

right = trained(1)
same = np.array_equal(trained(2, [fork]), right)
if children[0] == 0:
    os._exit(0 if same else 1)
print(same, os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forked processes here")
def test_a_forked_child_goes_on_with_helpers_of_its_own():
    """In a process of its own: JAX, which other tests load, warns of every fork."""
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == ["True", "0"], done.stderr


def test_losses_that_grow_are_written_where_they_are(monkeypatch):
    _, run = executor(1)
    with run:
        run.run(1)
        kept = run.losses
        run.losses = np.concatenate([kept, np.zeros(64)])
        run.run(5)
    assert np.all(run.losses[:5] > 0)
    assert not kept[1:].any()


def test_a_limit_that_was_interrupted_is_taken_back(monkeypatch):
    def threads():
        return [library["num_threads"] for library in threadpool_info()]

    before = threads()
    with one_thread:
        pass
    real = type(one_thread)._set

    def interrupted(self, numbers):
        real(self, numbers)
        if set(numbers) == {1}:
            raise KeyboardInterrupt

    monkeypatch.setattr(type(one_thread), "_set", interrupted)
    with pytest.raises(KeyboardInterrupt), one_thread:
        pass
    assert threads() == before
    assert one_thread._inside == 0
