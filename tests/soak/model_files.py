"""Model files that were damaged or made to do harm: an error, or the right model, and nothing else.

    python tests/soak/model_files.py --files 2000

Each file is read in a child that watches itself: what is run, opened and allocated. It must raise
the error of a model file, or give a model that predicts what the undamaged one predicts, and take
no more memory than its size explains. A file that was written anew with other numbers in it, sums
and all, may be another model.
"""

import argparse
import io
import json
import os
import random
import resource
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

import chainrule as cr
from chainrule.tables.errors import TableError

MEMORY = 64 << 20  # bytes beyond the file's size that reading may take: buffers, imports, a parser
RNG = np.random.default_rng(0)


def table():
    rows = 120
    frame = pd.DataFrame(
        {
            "size": RNG.normal(size=rows),
            "colour": RNG.choice(["red", "green", "blue"], rows),
            "place": RNG.choice([f"p{k}" for k in range(40)], rows),
            "day": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
            "ok": RNG.choice(["yes", "no"], rows),
        }
    )
    frame.loc[::9, "size"] = np.nan
    frame["y"] = frame["size"].fillna(0) + (frame["colour"] == "red")
    return frame


def flipped(content, chance):
    """Some bits turned."""
    data = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 4, 50])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def cut(content, chance):
    """The end, the beginning or a piece of the middle missing."""
    first, last = sorted(chance.randrange(len(content)) for _ in range(2))
    return chance.choice([content[:first], content[last:], content[:first] + content[last:]])


def rewritten(content, change, pack=zipfile.ZIP_STORED):
    """The archive again with other members, and sums that suit them."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", pack) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def other_json(content, chance):
    """A value of the description, or of the preprocessing's schema, replaced by another."""

    def change(members):
        if chance.random() < 0.5:
            members["model.json"] = changed(members["model.json"], chance)
            return
        members["preprocessing.skops"] = rewritten(
            members["preprocessing.skops"],
            lambda inner: inner.update({"schema.json": changed(inner["schema.json"], chance)}),
        )

    return rewritten(content, change)


VALUES = [
    None, True, -1, 0, 2**40, 1e308, "", "x" * 1000, "os", "system", "builtins", "eval",
    "subprocess", "Popen", "../../etc/passwd", [], {}, [[[[]]]], {"__class__": "eval"},
]  # fmt: skip


def changed(text, chance):
    """One value somewhere in a JSON text replaced."""
    data = json.loads(text)
    places = []

    def walk(node):
        keys = node if isinstance(node, dict) else range(len(node))
        for key in keys:
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(data)
    node, key = chance.choice(places)
    node[key] = chance.choice(VALUES)
    return json.dumps(data).encode()


def other_network(content, chance):
    """A header of a network that promises other lengths, types or layers."""

    def change(members):
        name = "network-1.safetensors"
        data = members[name]
        length = int.from_bytes(data[:8], "little")
        header = data[8 : 8 + length]
        kind = chance.randrange(4)
        if kind == 0:
            members[name] = chance.randrange(2**64).to_bytes(8, "little") + data[8:]
        elif kind == 1:
            header = changed(header, chance)
            members[name] = len(header).to_bytes(8, "little") + header + data[8 + length :]
        elif kind == 2:
            members[name] = data[:8] + b"[" * length + data[8 + length :]
        else:
            members["network-2.safetensors"] = data

    return rewritten(content, change)


HOSTILE_TYPES = [
    ("os", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("posix", "system"),
    ("shutil", "rmtree"), ("pickle", "loads"), ("numpy", "load"), ("numpy.lib", "npyio"),
    ("sklearn.preprocessing._function_transformer", "FunctionTransformer"),
    ("chainrule.tables.files", "load_model"), ("importlib", "import_module"),
]  # fmt: skip


def other_type(content, chance):
    """A type in the schema replaced by one that could do something."""

    def change(members):
        def swap(inner):
            schema = json.loads(inner["schema.json"])
            nodes = []

            def walk(node):
                if isinstance(node, dict):
                    if "__class__" in node:
                        nodes.append(node)
                    for value in node.values():
                        walk(value)
                elif isinstance(node, list):
                    for value in node:
                        walk(value)

            walk(schema)
            node = chance.choice(nodes)
            node["__module__"], node["__class__"] = chance.choice(HOSTILE_TYPES)
            if chance.random() < 0.5:
                node["__loader__"] = chance.choice(
                    ["FunctionNode", "ObjectNode", "TypeNode", "MethodNode", "PartialNode",
                     "OperatorFuncNode", "ReduceNode", "GenericAlias", "JsonNode"]
                )  # fmt: skip
            inner["schema.json"] = json.dumps(schema).encode()

        members["preprocessing.skops"] = rewritten(members["preprocessing.skops"], swap)

    return rewritten(content, change)


def bomb(content, chance):
    """Parts that unfold to a thousand times their size, or claim an array that they do not hold."""
    kind = chance.randrange(3)
    if kind == 0:
        return rewritten(content, lambda m: m.update({"x": b"\0" * (1 << 26)}),
                         zipfile.ZIP_DEFLATED)  # fmt: skip

    def change(members):
        def inner(parts):
            if kind == 1:
                parts["x.npy"] = b"\0" * (1 << 26)
                return
            for name in [name for name in parts if name.endswith(".npy")]:
                parts[name] = parts[name].replace(b"'shape': (", b"'shape': (99999999999, ", 1)

        packed = zipfile.ZIP_DEFLATED if kind == 1 else zipfile.ZIP_STORED
        members["preprocessing.skops"] = rewritten(members["preprocessing.skops"], inner, packed)

    return rewritten(content, change)


def doubled(content, chance):
    """Two parts of one name; a deep description; none at all; another file altogether."""
    kind = chance.randrange(4)
    if kind == 0:
        out = io.BytesIO(content)
        with zipfile.ZipFile(out, "a") as archive:
            archive.writestr("model.json", "{}")
        return out.getvalue()
    if kind == 1:
        return rewritten(content, lambda m: m.update({"model.json": b"[" * 200_000}))
    if kind == 2:
        return rewritten(content, lambda m: m.pop(chance.choice(list(m))))
    return bytes(chance.randrange(256) for _ in range(chance.randrange(2000)))


WRITTEN_ANEW = (other_json, other_network, other_type)
WAYS = [flipped, flipped, cut, other_json, other_json, other_network, other_type, bomb, doubled]
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class",
             "shutil.", "os.remove", "os.rename", "os.mkdir", "socket.", "exec")  # fmt: skip


def read_in_child(path, frame, expected, size):
    """What reading the file came to, told by the child's exit code."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    code = 99
    try:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seen = []

        def audit(event, arguments):
            if event == "exec" and "<" in str(getattr(arguments[0], "co_filename", "")):
                return  # namedtuple and dataclass, which scikit-learn makes at import
            if event.startswith(FORBIDDEN):
                seen.append((event, str(arguments)[:200]))

        sys.addaudithook(audit)
        try:
            model = cr.load_model(path)
            found = model.predict(frame).values
            code = 1 if np.array_equal(found, expected) else 2
        except TableError:
            code = 0
        except MemoryError:
            code = 3
        taken = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        if taken > MEMORY + 20 * size:
            code = 4
        if seen:
            print(seen[:3], file=sys.stderr)
            code = 5
    except BaseException as error:
        print(type(error).__name__, error, file=sys.stderr)
        code = 6
    os._exit(code)


MEANING = {
    0: "refused", 1: "the right model", 2: "WRONG PREDICTIONS", 3: "MEMORY ERROR",
    4: "TOO MUCH MEMORY", 5: "RAN CODE", 6: "ANOTHER ERROR", 7: "another model",
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    frame = table()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.chainrule")
        model = cr.table_model(frame, "y", epochs=3, hidden=(8,), ensemble=2)
        cr.save_model(model, path)
        content = path.read_bytes()
        expected = cr.load_model(path).predict(frame).values
        counts: Counter[tuple[str, str]] = Counter()
        for number in range(options.files):
            way = WAYS[number % len(WAYS)]
            broken = way(content, chance)
            path.write_bytes(broken)
            code = read_in_child(path, frame, expected, len(broken))
            if code == 2 and way in WRITTEN_ANEW:
                code = 7
            meaning = MEANING.get(code, f"CRASHED ({code})")
            counts[way.__name__, meaning] += 1
            if code not in (0, 1, 7):
                kept = Path(tempfile.gettempdir(), f"model-{number}.chainrule")
                kept.write_bytes(broken)
                print(f"file {number} ({way.__name__}): {meaning}; kept as {kept}")
    for (way, meaning), count in sorted(counts.items()):
        print(f"{way:14} {meaning:18} {count}")
    sys.exit(any(meaning.isupper() or "CRASHED" in meaning for _, meaning in counts))


if __name__ == "__main__":
    main()
