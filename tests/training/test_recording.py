"""Recording changes no bit of a training, stays within its budget, and its files are whole."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.training.problems import classes, classifier, same, trained
from tests.training.recordings import TRAININGS, of

import chainrule as cr
from chainrule.storage import networks
from chainrule.training import recorder as recorder_module
from chainrule.training import recording as recordings

X, Y = classes()


@pytest.fixture
def at_every_step(monkeypatch):
    """The first snapshots are one step apart, as where steps are long."""
    monkeypatch.setattr(recorder_module, "_first_distance", lambda *sizes: 1)


# ------------------------------------------------------------------ the training itself


@pytest.mark.parametrize("threads", [1, 2, None])
@pytest.mark.parametrize("name", TRAININGS)
def test_recording_changes_no_bit_of_the_training(name, threads, at_every_step):
    trainings = []
    for record in (None, True, cr.Recorder(megabytes=0.01)):
        net, X, y, options = of(name, "float32", threads=threads)
        trainings.append((net, cr.train(net, X, y, **options, record=record)))
    (net, result), *others = trainings
    for other, recorded in others:
        same(net, other)
        assert dict(recorded.history) == dict(result.history)
        np.testing.assert_array_equal(recorded.state.vector, result.state.vector)


@pytest.mark.parametrize("record", [None, False])
def test_nothing_is_recorded_unless_it_is_asked_for(record, monkeypatch):
    monkeypatch.setattr(recorder_module.Tape, "__init__", None)
    _, result = trained(record=record)
    assert result.recording is None


# ------------------------------------------------------------------ the budget


@pytest.mark.parametrize("most", [1, 2, 3, 7, 100])
def test_snapshots_stay_within_their_budget_and_a_distance_apart(most, at_every_step):
    size = 45 * 3 * 8  # parameters and Adam's two vectors in float64
    limit = cr.Recorder(megabytes=(most + 0.5) * size / 1e6)
    _, result = trained(epochs=20, record=limit)
    recording = result.recording
    steps = list(recording.snapshots)
    assert len(recording) == 100
    assert len(steps) <= most
    assert most == 1 or len(steps) > most // 2
    assert recording.nbytes == len(steps) * size <= limit.megabytes * 1e6
    distances = set(np.diff([*steps, 0][:-1]).tolist())
    assert len(distances) <= 1
    assert all(distance & (distance - 1) == 0 for distance in distances)
    assert steps[0] == 0


def test_a_budget_below_one_snapshot_keeps_the_beginning():
    net = classifier(dtype="float64")
    before = net.vector.copy()
    _, result = trained(net, epochs=20, record=cr.Recorder(megabytes=1e-9))
    assert list(result.recording.snapshots) == [0]
    assert np.array_equal(result.recording.snapshots[0][0], before)


@pytest.mark.parametrize("parameters", [10, 1_000, 100_000, 10_000_000])
@pytest.mark.parametrize("rows", [1, 100, 100_000])
def test_snapshots_are_the_farther_apart_the_shorter_the_steps(parameters, rows):
    distance = recorder_module._first_distance(parameters, rows, 12 * parameters)
    assert distance & (distance - 1) == 0
    assert distance >= recorder_module._first_distance(parameters, 10 * rows, 12 * parameters)
    assert distance <= 1024


# ------------------------------------------------------------------ callbacks


@pytest.mark.parametrize("what", ["weights", "state"])
def test_a_callback_that_changes_what_no_step_did_ends_the_recording(what):
    def change(epoch):
        if epoch.number == 3:
            (epoch.network if what == "weights" else epoch.state).vector[0] += 1

    seen = {}
    callbacks = [lambda e: seen.update({e.step: e.network.vector.copy()}), change]
    with pytest.warns(UserWarning, match="changed weights after step 15: the recording ends there"):
        _, result = trained(epochs=6, callbacks=callbacks, record=True)
    assert result.state.step == 30
    run = cr.open_recording(result.recording, X, Y)
    assert len(run) == 15
    for step in (5, 10, 15):
        assert np.array_equal(run.network(step).vector, seen[step])


def test_a_callback_that_raises_loses_its_training_but_not_the_file(tmp_path):
    def fail(epoch):
        if epoch.number == 3:
            raise RuntimeError("mine")

    net = classifier()
    with pytest.raises(RuntimeError, match="mine"):
        trained(net, callbacks=[fail], epochs=9, record=tmp_path / "run")
    run = cr.open_recording(tmp_path / "run", X, Y)
    assert len(run) == 15
    assert np.array_equal(run.network(15).vector, net.vector)


# ------------------------------------------------------------------ what is refused

WRONG = {
    "a number": ({"record": 3}, "record must be True, a path or such as cr.Recorder"),
    "L-BFGS": (
        {"record": True, "optimizer": cr.LBFGS(), "batch_size": None},
        "LBFGS is not recorded",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_recorded_is_refused_before_any_work(case):
    options, message = WRONG[case]
    net = classifier()
    before = net.vector.copy()
    with pytest.raises(ValueError, match=message):
        trained(net, **options)
    assert np.array_equal(net.vector, before)


def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    net = classifier()
    before = net.vector.copy()
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "run", tmp_path):
        with pytest.raises(ValueError, match="record: "):
            trained(net, record=path)
    assert np.array_equal(net.vector, before)


def test_what_no_file_could_name_is_recorded_in_memory_alone(tmp_path):
    class Mine(cr.Jitter):
        pass

    with pytest.raises(ValueError, match=r"augment: .*Mine.* is of no class that a file can name"):
        trained(augment=[Mine(0.1)], record=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    net, result = trained(augment=[Mine(0.1)], record=True)
    run = cr.open_recording(result.recording, X, Y)
    assert np.array_equal(run.network(15).vector, net.vector)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": 3}, "path of Recorder must be a path, not 3"),
        ({"megabytes": 0}, "megabytes of Recorder must be a positive number, not 0"),
        ({"megabytes": np.nan}, "must be a positive number, not nan"),
    ],
)
def test_a_recorder_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        cr.Recorder(**options)


def test_a_disk_that_fails_in_the_end_costs_the_file_only(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(recordings.Recording, "save", fail)
    with pytest.warns(UserWarning, match="the recording could not be written: no space left"):
        net, result = trained(record=tmp_path / "run")
    run = cr.open_recording(result.recording, X, Y)
    assert np.array_equal(run.network(15).vector, net.vector)


# ------------------------------------------------------------------ files


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run"
    trained(record=path)
    return path.read_bytes()


@pytest.fixture
def path(whole_file, tmp_path):
    path = tmp_path / "run.recording"
    path.write_bytes(whole_file)
    return path


def test_a_file_leaves_nothing_beside_it(tmp_path):
    for _ in range(2):
        trained(record=tmp_path / "new" / "run")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["run"]


def test_the_data_are_not_in_the_file(tmp_path):
    many = classes(rows=5000)
    trained(data=many, record=tmp_path / "run", epochs=1, batch_size=None)
    assert (tmp_path / "run").stat().st_size < 10_000 < many[0].nbytes


def test_any_byte_that_is_flipped_is_noticed(path, whole_file):
    places = np.random.default_rng(0).integers(0, len(whole_file), 200)
    for place in [*range(16), *places.tolist()]:
        damaged = bytearray(whole_file)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"run\.recording") as caught:
            cr.open_recording(path, X, Y)
        assert "\n" not in str(caught.value)


def test_a_file_cut_off_anywhere_is_refused(path, whole_file):
    for length in [*range(0, 12), *range(12, len(whole_file), 97), len(whole_file) - 1]:
        path.write_bytes(whole_file[:length])
        with pytest.raises(ValueError, match=r"run\.recording"):
            cr.open_recording(path, X, Y)


def test_files_of_other_kinds_are_refused_and_say_who_reads_them(path, tmp_path):
    net, _ = trained(epochs=1, callbacks=[cr.Checkpoint(tmp_path)])
    cr.save(net, tmp_path / "net")
    checkpoint = tmp_path / "checkpoint-00000001.safetensors"
    for reader, file, message in (
        (lambda p: cr.open_recording(p, X, Y), checkpoint, "a checkpoint: .* load_checkpoint"),
        (lambda p: cr.open_recording(p, X, Y), tmp_path / "net", "a network file: read it with lo"),
        (cr.load_checkpoint, path, "is a recording: read it with open_recording"),
        (cr.load, path, "is a recording: read it with open_recording"),
    ):
        with pytest.raises(ValueError, match=message):
            reader(file)
    with pytest.raises(FileNotFoundError):
        cr.open_recording(tmp_path / "none", X, Y)


def texts(path):
    size = int.from_bytes(path.read_bytes()[:8], "little")
    return json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]


def rewritten(path, tensors=None, **changes):
    """Write the file again with other texts or tensors, and with the checksum that suits them."""
    tensors = load_file(path) if tensors is None else tensors
    metadata = texts(path) | changes
    metadata.pop("checksum", None)
    metadata["checksum"] = networks.checksum(metadata, tensors)
    save_file(tensors, path, metadata)


def changed(path, **changes):
    rewritten(path, training=json.dumps(json.loads(texts(path)["training"]) | changes))


def of_settings(path, **changes):
    settings = json.loads(texts(path)["training"])["settings"]
    changed(path, settings=settings | changes)


def of_regime(path, **changes):
    regime = json.loads(texts(path)["training"])["settings"]["regime"]
    of_settings(path, regime=regime | changes)


def with_tensor(path, name, change):
    tensors = load_file(path)
    tensors[name] = change(tensors[name])
    rewritten(path, tensors)


def test_another_arithmetic_is_told(path):
    """As on another processor: the first step comes out with other bits."""
    changed(path, check="00000000")
    with pytest.warns(UserWarning, match="this machine rounds otherwise"):
        cr.open_recording(path, X, Y)
    changed(path, check=None)  # of a training that ended before
    cr.open_recording(path, X, Y)


TAMPERED = {
    "newer": (lambda p: rewritten(p, format="chainrule.recording.2"), "of the version 2"),
    "no JSON": (lambda p: rewritten(p, training="{"), "no readable"),
    "nothing in it": (lambda p: rewritten(p, training="{}"), "no readable recording"),
    "unknown optimizer": (
        lambda p: of_settings(p, optimizer={"optimizer": "os.system"}), "unknown optimizer"
    ),
    "unknown penalty": (lambda p: of_regime(p, penalty={"kind": "x"}), "no readable"),
    "unknown parameter": (lambda p: of_regime(p, frozen=["dense9.W"]), "dense9.W"),
    "another option": (
        lambda p: of_regime(p, clip={"kind": "clip_value", "limit": 1, "os": 1}), "no readable"
    ),
    "a list of nothing": (lambda p: of_settings(p, class_weight=[1]), "no readable"),
    "no seed": (lambda p: of_settings(p, seed=-1), "seed must be"),
    "a share of text": (lambda p: of_settings(p, validation_share="x"), "validation_share is 'x'"),
    "shuffled by text": (lambda p: of_settings(p, shuffle="x"), "shuffle is 'x'"),
    "batches of nothing": (lambda p: of_settings(p, batch_rows=0), "batch_rows must be"),
    "batches of more than all": (lambda p: of_settings(p, batch_rows=38), "batch_rows must be"),
    "smoothed too much": (lambda p: of_settings(p, label_smoothing=2), "label_smoothing is 2"),
    "smoothed by text": (lambda p: of_settings(p, label_smoothing="x"), "label_smoothing is 'x'"),
    "smoothed by nothing": (
        lambda p: of_settings(p, label_smoothing=None), "label_smoothing is None"
    ),
    "weights of a number": (lambda p: of_settings(p, class_weight=5), "class_weight is 5"),
    "weights of texts": (lambda p: of_settings(p, class_weight=[[0, "x"]]), "class_weight is {"),
    "a checksum of numbers": (lambda p: changed(p, check=5), "its checksum is 5"),
    "data of a number": (lambda p: changed(p, data=5), "no readable recording"),
    "no data": (lambda p: changed(p, data={}), "no readable recording"),
    "epochs without end": (lambda p: changed(p, epoch=10**30), "epoch must be a whole number"),
    "steps without end": (lambda p: changed(p, steps=10**30), "steps must be a whole number"),
    "a history of a number": (lambda p: changed(p, history=5), "no readable recording"),
    "a history of nothing known": (lambda p: changed(p, history=["x"]), "no readable recording"),
    "columns of several lengths": (
        lambda p: rewritten(
            p, load_file(p) | {"history/more": np.zeros(99)},
            training=json.dumps(json.loads(texts(p)["training"]) | {"history": ["loss", "more"]}),
        ),
        "have several lengths",
    ),
    "fewer than no steps": (lambda p: changed(p, steps=-1), "steps must be"),
    "fewer steps than snapshots": (
        lambda p: with_tensor(p, recordings.STEPS, lambda v: v + 99), "not of its steps"
    ),
    "no snapshots": (
        lambda p: with_tensor(p, recordings.STEPS, lambda v: v[:0]), "not of the size"
    ),
    "larger snapshots": (
        lambda p: with_tensor(p, recordings.PARAMETERS, lambda v: np.tile(v, (1, 2))), "of the size"
    ),
    "snapshots of another type": (
        lambda p: with_tensor(p, recordings.STATES, lambda v: v.astype("float32")), "of the type"
    ),
    "steps that are no numbers": (
        lambda p: with_tensor(p, recordings.STEPS, lambda v: v + 0.5), "no whole numbers"
    ),
}  # fmt: skip


def test_a_file_written_again_with_its_own_texts_is_opened(path):
    """So that the refusals below are those of the change, and not of the writing."""
    changed(path)
    of_regime(path)
    assert len(cr.open_recording(path, X, Y)) == 15


NO_FINGERPRINT = {
    "a number": 5, "nothing in it": {}, "nothing": None, "a list": [1, 2, 3],
    "rows of text": {"rows": "x", "dtype": "float32", "digest": "x"},
    "a type of a number": {"rows": 37, "dtype": 5, "digest": "x"},
    "a digest of nothing": {"rows": 37, "dtype": "float32", "digest": None},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "case"),
    [(name, case) for name in ("X", "y", "sample_weight") for case in NO_FINGERPRINT
     if (name, case) != ("sample_weight", "nothing")],  # there need be none
)  # fmt: skip
def test_what_a_file_knows_of_the_data_is_checked(name, case, path):
    data = json.loads(texts(path)["training"])["data"]
    changed(path, data=data | {name: NO_FINGERPRINT[case]})
    with pytest.raises(ValueError, match=f"(is no fingerprint|the rows of {name} must be)"):
        cr.open_recording(path, X, Y)


@pytest.mark.parametrize("case", TAMPERED)
def test_what_a_file_says_is_checked(case, path):
    change, message = TAMPERED[case]
    change(path)
    with pytest.raises(ValueError, match=message):
        cr.open_recording(path, X, Y)
