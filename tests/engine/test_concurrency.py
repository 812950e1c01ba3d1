"""Training and prediction among other threads and processes."""

import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chainrule.engine import program as program_module
from chainrule.engine.blas import one_thread
from chainrule.layers import Dense
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.training.trainer import train

COMMON = """
    import numpy as np
    from chainrule.network import Network
    from chainrule.layers import Dense
    from chainrule.training.trainer import train

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 6)), rng.integers(0, 3, 400)

    def weights(seed=0, threads=2):
        net = Network([Dense(16, "relu"), Dense(3, "softmax")], loss="cross_entropy", inputs=6,
                      seed=seed)
        train(net, X, y, epochs=3, batch_size=200, threads=threads)
        return net.vector
"""


def run(code):
    text = textwrap.dedent(COMMON) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_the_same_bits_under_joblib(backend):
    run(f"""
        from joblib import Parallel, delayed

        if __name__ == "__main__":
            alone = [weights(seed) for seed in range(4)]
            together = Parallel(n_jobs=2, backend={backend!r})(
                delayed(weights)(seed) for seed in range(4))
            assert all(np.array_equal(a, b) for a, b in zip(alone, together))
    """)


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork here")
def test_the_same_bits_in_a_forked_child():
    run("""
        import os

        before = weights()
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(before, weights()) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert np.array_equal(before, weights())
    """)


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork here")
def test_a_child_forked_while_another_thread_trains_can_train_and_has_all_blas_threads():
    run("""
        import os, threading, time
        from threadpoolctl import threadpool_info

        def blas():
            return sorted(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")

        expected, full = weights(), blas()
        stop = threading.Event()

        def busy():
            while not stop.is_set():
                weights(1)

        thread = threading.Thread(target=busy)
        thread.start()
        time.sleep(0.05)
        child = os.fork()
        if child == 0:
            same = np.array_equal(expected, weights())
            os._exit(0 if same and blas() == full else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        stop.set()
        thread.join()
        assert status == 0, status
        assert blas() == full
    """)


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork here")
def test_a_child_forked_while_another_thread_compiles_a_program_can_use_its_own():
    run("""
        import os, signal, threading
        from chainrule.engine import program

        first, second = (Network([Dense(k, "tanh")], inputs=6, seed=0) for k in (2, 3))
        first.predict(X[:3])  # the child need not compile: that may take long
        inside, done, tables_of = threading.Event(), threading.Event(), program.tables_of

        def slow(p):
            if threading.current_thread() is thread:
                inside.set()
                done.wait()
            return tables_of(p)

        program.tables_of = slow
        thread = threading.Thread(target=lambda: first.predict(X))
        thread.start()
        inside.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            second.predict(X)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        done.set()
        thread.join()
        assert status == 0, status
    """)


def test_two_threads_that_use_a_program_first_have_the_same_tables(monkeypatch):
    net = Network([Dense(2, "tanh")], inputs=2, seed=0)
    program = lower(net, "predict", 8)
    both, tables_of = threading.Barrier(2, timeout=60), program_module.tables_of

    def together(p):
        both.wait()
        return tables_of(p)

    monkeypatch.setattr(program_module, "tables_of", together)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: program.tables, range(2))
    assert one is other is program.tables


def test_ctrl_c_keeps_the_last_completed_step():
    out = run("""
        import _thread, threading, warnings

        net = Network([Dense(256, "relu"), Dense(3, "softmax")], loss="cross_entropy", inputs=6)
        big = np.tile(X, (100, 1)), np.tile(y, 100)
        train(net.copy(), *big, epochs=1, batch_size=None, threads=2)
        threading.Timer(0.5, _thread.interrupt_main).start()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = train(net, *big, epochs=100000, batch_size=None, threads=2)
        assert result.stopped == "interrupted" and len(caught) == 1
        steps = result.state.step
        assert 0 < steps < 100000
        assert len(result.history["loss"]) == result.state.epoch == steps
        again = Network([Dense(256, "relu"), Dense(3, "softmax")], loss="cross_entropy", inputs=6)
        train(again, *big, epochs=steps, batch_size=None, threads=1)
        assert np.array_equal(net.vector, again.vector)
        print(steps)
    """)
    assert int(out) > 0


def test_many_threads_predict_with_one_network_at_once():
    net = Network([Dense(32, "tanh"), Dense(4, "softmax")], inputs=5, seed=1)
    X = np.random.default_rng(0).normal(size=(500, 5))
    expected = net.predict(X)
    wrong = []

    def work():
        wrong.extend(1 for _ in range(20) if not np.array_equal(net.predict(X), expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_blas_has_its_threads_back_after_overlapping_trainings():
    from threadpoolctl import threadpool_info

    def blas():
        return sorted(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")

    with one_thread:
        pass
    before = blas()
    net = Network([Dense(2, "softmax")], loss="cross_entropy", inputs=2)
    with one_thread:
        train(net, np.eye(2), [0, 1], epochs=1)
        assert set(blas()) == {1}
    assert blas() == before
