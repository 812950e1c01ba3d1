"""Model files: the same predictions again, and nothing but a model file is read as one."""

import io
import json
import shutil
import sys
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


def parts_of(schema):
    """The fitted parts of a schema by name: lists of name, transformer and columns."""
    listed = schema["content"]["content"]["transformers_"]["content"]
    return {json.loads(part["content"][0]["content"]): part for part in listed}


def attributes_of(schema, part, *steps):
    """The attributes of a fitted part, or of a step of it."""
    node = parts_of(schema)[part]["content"][1]
    for step in steps:
        node = node["content"]["content"]["steps"]["content"][step]["content"][1]
    return node["content"]["content"]


def of_number(number):
    """The schema of a number."""
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode",
            "__id__": 10**15 + number, "content": str(number), "is_json": True}  # fmt: skip


def processes(part):
    """Four processes, for the whole or for a part."""

    def change(data):
        attributes = attributes_of(data, part) if part else data["content"]["content"]
        attributes["n_jobs"] = of_number(4)

    return change


def repeated(data):
    """An encoder that stands in very many places by its number."""
    listed = data["content"]["content"]["transformers_"]["content"]
    again = {"__class__": "tuple", "__module__": "builtins", "__loader__": "CachedNode",
             "__id__": listed[-1]["__id__"]}  # fmt: skip
    listed += [again] * 3000


def written_often(data):
    """A part that stands there twice, with all that is in it."""
    listed = data["content"]["content"]["transformers_"]["content"]
    listed += listed[-1:]


def one_array_often(data):
    attributes = attributes_of(data, "numbers", 1)
    attributes["var_"] = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode",
                          "content": [attributes["mean_"]] * 1000}  # fmt: skip


def another_array(data):
    attributes_of(data, "numbers", 1)["mean_"] = attributes_of(data, "gaps")["features_"]


def a_level_more(part):
    def change(data):
        levels = attributes_of(data, part)["categories_"]["content"][0]["content"]
        levels.append({**levels[0], "content": '"another"', "__id__": 10**15})

    return change


def a_level_twice(data):
    levels = attributes_of(data, "one-hot 0")["categories_"]["content"][0]["content"]
    levels[1] = levels[0]


def another_column(data):
    parts_of(data)["one-hot 0"]["content"][2]["content"][0]["content"] = '"size"'


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
    "processes": (lambda p: rewritten(p, preprocessing=schema(processes(None))),
                  "its preprocessing sets n_jobs"),
    "processes of a part": (lambda p: rewritten(p, preprocessing=schema(processes("codes 0"))),
                            "its preprocessing sets n_jobs"),
    "a part in many places": (lambda p: rewritten(p, preprocessing=schema(repeated)),
                              "the loader CachedNode has no place in a model"),
    "a part twice": (lambda p: rewritten(p, preprocessing=schema(written_often)),
                     "its preprocessing is of other columns"),
    "an array in many places": (lambda p: rewritten(p, preprocessing=schema(one_array_often)),
                                "stands in several places"),
    "another array": (lambda p: rewritten(p, preprocessing=schema(another_array)),
                      "has no 9 numbers"),
    "more inputs": (lambda p: rewritten(p, preprocessing=schema(a_level_more("one-hot 0"))),
                    "its networks take 14 inputs, and its columns make 15"),
    "more codes": (lambda p: rewritten(p, preprocessing=schema(a_level_more("codes 0"))),
                   "take other codes than its columns make"),
    "a level twice": (lambda p: rewritten(p, preprocessing=schema(a_level_twice)),
                      "are not different texts"),
    "another column": (lambda p: rewritten(p, preprocessing=schema(another_column)),
                       "is of other columns"),
    "a column twice": (lambda p: rewritten(p, model=described(lambda d: d["columns"].append(
        d["columns"][0]))), "two of its columns have one name"),
    "a column of no kind": (lambda p: rewritten(p, model=described(lambda d: d["columns"][0].update(
        read_as="dropped"))), "read as nothing that can be learnt from"),
    "dates of no format": (lambda p: rewritten(p, model=described(lambda d: d["columns"][3].update(
        style="%Q"))), "is no readable model: ValueError: 'Q' is a bad directive"),
    "a class of no kind": (lambda p: rewritten(p, model=described(lambda d: d["target"].update(
        classes=[[[]]]))), "neither text nor number"),
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


def test_what_a_file_says_of_its_parts_but_numbers_and_levels_is_not_used(path, capsys):
    def change(data):
        data["content"]["content"]["verbose"] = of_number(1)
        attributes_of(data, "numbers")["verbose"] = of_number(1)
        attributes_of(data, "one-hot 0")["handle_unknown"]["content"] = '"error"'

    rewritten(path, preprocessing=schema(change))
    rows = pd.DataFrame({"size": [1.0], "colour": ["new"], "place": ["new"],
                         "day": ["2024-02-01"], "ok": ["yes"]})  # fmt: skip
    found = cr.load_model(path).predict(rows)
    np.testing.assert_array_equal(found.values, cr.load_model(SAMPLE).predict(rows).values)
    assert capsys.readouterr() == ("", "")


def test_a_missing_skops_is_named_and_not_the_file(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(
        TableError, match=r"a model file needs skops: pip install 'chainrule\[cli\]'"
    ):
        cr.load_model(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TableError, match="there is no file"):
        cr.load_model(tmp_path / "none.chainrule")
