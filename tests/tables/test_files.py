"""Model files: the same predictions again, and nothing but a model file is read as one."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.tables.errors import TableError
from chainrule.tables.files import MODEL, PREPROCESSING

SAMPLES = Path(__file__).parent / "samples"
SAMPLE = SAMPLES / "model-1.chainrule"


@pytest.fixture
def path(tmp_path):
    return Path(shutil.copy(SAMPLE, tmp_path / "model.chainrule"))


def rewritten(path, pack=zipfile.ZIP_STORED, **changes):
    """Write the archive again, with parts changed by functions of their bytes."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    names = {"model": MODEL, "preprocessing": PREPROCESSING, "network": "network-1.safetensors"}
    for key, change in changes.items():
        name = names.get(key, key)
        parts[name] = change(parts.get(name, b""))
    with zipfile.ZipFile(path, "w", pack) as archive:
        for name, content in parts.items():
            if content is not None:
                archive.writestr(name, content)


def described(change):
    """A change of the description."""

    def of_bytes(content):
        data = json.loads(content)
        change(data)
        return json.dumps(data).encode()

    return of_bytes


def schema(change):
    """A change of the schema of the preprocessing."""

    def of_bytes(content):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        parts["schema.json"] = described(change)(parts["schema.json"])
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data)
        return out.getvalue()

    return of_bytes


def test_a_file_of_the_first_version_is_read_and_predicts_as_then():
    expected = json.loads((SAMPLES / "model-1.json").read_text())
    rows = pd.DataFrame(expected["rows"], columns=expected["columns"]).replace("", np.nan)
    rows["size"] = rows["size"].astype(float)
    found = cr.load_model(SAMPLE).predict(rows)
    np.testing.assert_allclose(found.values, expected["values"], rtol=1e-5)
    assert found.spread.shape == (5,)


def test_a_saved_model_predicts_the_same(tmp_path):
    model = cr.load_model(SAMPLE)
    cr.save_model(model, tmp_path / "again.chainrule")
    again = cr.load_model(tmp_path / "again.chainrule")
    expected = json.loads((SAMPLES / "model-1.json").read_text())
    rows = pd.DataFrame(expected["rows"], columns=expected["columns"]).replace("", np.nan)
    rows["size"] = rows["size"].astype(float)
    np.testing.assert_array_equal(again.predict(rows).values, model.predict(rows).values)


def test_a_folder_is_the_model_in_it(path):
    assert cr.load_model(path.parent).goal == cr.load_model(SAMPLE).goal


DAMAGED = {
    "nothing": (lambda p: p.write_bytes(b""), "is no readable model"),
    "no archive": (lambda p: p.write_bytes(b"PK\x03\x04 and then text"), "is no readable model"),
    "half": (lambda p: p.write_bytes(p.read_bytes()[:5000]), "is no readable model"),
    "a bit": (lambda p: p.write_bytes(p.read_bytes().replace(b"colour", b"colouR", 1)),
              "is no readable model"),
    "newer": (lambda p: rewritten(p, model=described(lambda d: d.update(
        format="chainrule.model.2"))), "was written by a newer version of chainrule"),
    "another format": (lambda p: rewritten(p, model=described(lambda d: d.update(
        format="keras.1"))), "another format"),
    "packed": (lambda p: rewritten(p, zipfile.ZIP_DEFLATED), "is packed"),
    "no description": (lambda p: rewritten(p, model=lambda _: None), "is no readable model"),
    "deep description": (lambda p: rewritten(p, model=lambda _: b"[" * 100_000),
                         "is no readable model"),
    "an unknown task": (lambda p: rewritten(p, model=described(lambda d: d["target"].update(
        task="auto"))), "names no task"),
    "another target": (lambda p: rewritten(p, model=described(lambda d: d["target"].update(
        task="multiclass", classes=[1, 2, 3]))), "do not fit its target"),
    "a column less": (lambda p: rewritten(p, model=described(lambda d: d["columns"].pop())),
                      "is no readable model"),
    "no networks": (lambda p: rewritten(p, model=described(lambda d: d.update(networks=0))),
                    "holds no network"),
    "many networks": (lambda p: rewritten(p, model=described(lambda d: d.update(
        networks=10**12))), "is no readable model"),
    "a function": (lambda p: rewritten(p, preprocessing=schema(lambda d: d.update(
        {"__module__": "os", "__class__": "system"}))), "the type os.system has no place"),
    "another estimator": (lambda p: rewritten(p, preprocessing=schema(lambda d: d.update(
        {"__module__": "sklearn.preprocessing._function_transformer",
         "__class__": "FunctionTransformer"}))), "FunctionTransformer has no place in a model"),
    "another network": (lambda p: rewritten(p, network=lambda b: b[:-4]), "is no readable model"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_in_a_sentence(name, path):
    damage, words = DAMAGED[name]
    damage(path)
    with pytest.raises(TableError, match=words) as caught:
        cr.load_model(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TableError, match="there is no file"):
        cr.load_model(tmp_path / "none.chainrule")
