"""The files of recordings: what they hold, and how large they are."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from tests.glass.traces.test_time_travel import vector
from tests.training.recordings import TRAININGS, of

import chainrule as cr


def test_a_new_process_opens_a_recording_at_any_step(tmp_path):
    net, X, y, options = of("dropout, Adam, schedules, weights", "float32")
    cr.train(net, X, y, **options, record=tmp_path / "run")
    np.savez(tmp_path / "data.npz", X=X, y=y, w=options["sample_weight"])
    code = f"""
        import numpy as np, chainrule as cr
        data = np.load({str(tmp_path / "data.npz")!r})
        path = {str(tmp_path / "run")!r}
        run = cr.open_recording(path, data["X"], data["y"], sample_weight=data["w"])
        vectors = [run.network(step).vector for step in (20, 13, 7)]
        new = [run.at(step)[path + ".new"].ravel() for step in (20, 13, 7)
               for path in run.network(step).places]
        np.savez({str(tmp_path / "seen.npz")!r}, vectors=vectors, new=np.concatenate(new))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=200)
    seen = np.load(tmp_path / "seen.npz")
    assert np.array_equal(seen["vectors"][0], net.vector)
    assert np.array_equal(seen["vectors"].ravel(), seen["new"])


@pytest.mark.parametrize("name", TRAININGS)
def test_what_a_file_holds_is_what_was_in_memory(name, tmp_path):
    net, X, y, options = of(name)
    path = tmp_path / "run.recording"
    result = cr.train(net, X, y, **options, record=path)
    weights = options.get("sample_weight")
    of_memory, of_file = (
        cr.open_recording(which, X, y, sample_weight=weights) for which in (result.recording, path)
    )
    assert len(of_file) == len(of_memory) == result.state.step
    assert dict(of_file.history) == dict(result.history)
    for step in (1, 2, len(of_file)):
        one, other = of_memory.at(step), of_file.at(step)
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_a_thousand_steps_of_784_30_10_take_less_than_20_mb(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1600, 784)).astype("float32"), rng.integers(0, 10, 1600)
    layers = [cr.Dense(30, "sigmoid"), cr.Dense(10, "softmax")]
    net = cr.Network(layers, "cross_entropy", inputs=784, seed=0)
    cr.train(net, X, y, epochs=20, batch_size=32, record=tmp_path / "run")
    assert (tmp_path / "run").stat().st_size < 20e6
    run = cr.open_recording(tmp_path / "run", X, y)
    assert len(run) == 1000
    assert np.array_equal(vector(run.at(1000), ".new"), net.vector)
    middle = [vector(run.at(step)) for step in (501, 500, 499)]
    assert np.array_equal(middle[0], vector(run.at(500), ".new"))
    assert np.array_equal(middle[1], vector(run.at(499), ".new"))
