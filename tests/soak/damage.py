"""The ways in which model files are damaged, or made to do harm."""

import io
import json
import zipfile

import numpy as np


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


def with_schema(content, change):
    """The archive again with its preprocessing's schema changed in place."""

    def swap(inner):
        data = json.loads(inner["schema.json"])
        change(data)
        inner["schema.json"] = json.dumps(data, separators=(",", ":")).encode()

    def members(parts):
        parts["preprocessing.skops"] = rewritten(parts["preprocessing.skops"], swap)

    return rewritten(content, members)


def node_of(kind, content, loader="JsonNode"):
    module, _, name = kind.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": loader, "content": content}


def other_attribute(content, chance):
    """An attribute that starts processes or writes files, or any other with another value."""

    def change(data):
        places = []

        def walk(node):
            if isinstance(node, dict):
                if node.get("__loader__") == "ObjectNode":
                    places.append(node["content"]["content"])
                for value in node.values():
                    walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(data)
        attributes = chance.choice([places[0], chance.choice(places)])
        name, value = chance.choice(
            [("n_jobs", 4), ("n_jobs", -1), ("memory", "cached"), ("verbose", True),
             ("transformer_weights", {"numbers": 2}), ("remainder", "passthrough"),
             (chance.choice(list(attributes)), chance.choice(VALUES))]
        )  # fmt: skip
        attributes[name] = node_of("builtins.str", json.dumps(value)) | {"is_json": True}

    return with_schema(content, change)


def many_times(content, chance):
    """A part, an array or a list that stands in more places than memory has room for."""
    kind = chance.randrange(4)

    def change(data):
        parts = data["content"]["content"]["transformers_"]["content"]
        if kind == 0:
            encoder = next(p for p in parts if "one-hot" in p["content"][0]["content"])
            levels = encoder["content"][1]["content"]["content"]["categories_"]["content"][0]
            levels["content"] = [
                levels["content"][0] | {"content": f'"c{k}"', "__id__": 10**9 + k}
                for k in range(3000)
            ]
            again = node_of("builtins.tuple", None, "CachedNode") | {"__id__": encoder["__id__"]}
            parts += [again] * 3000
        elif kind == 1:
            parts += [{key: parts[-1][key] for key in parts[-1]}] * 300
        elif kind == 2:
            scaler = parts[0]["content"][1]["content"]["content"]["steps"]["content"][1]
            attributes = scaler["content"][1]["content"]["content"]
            array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode",
                     "type": "numpy", "file": "large.npy"}  # fmt: skip
            attributes["mean_"] = node_of("builtins.list", [array] * 3000, "ListNode")
        else:  # 2 ** 60 of them
            node = node_of("builtins.list", [], "ListNode") | {"__id__": 10**9}
            for level in range(60):
                again = {**node, "content": []}
                node = node_of("builtins.list", [node, again], "ListNode")
                node["__id__"] = 10**9 + level + 1
            data["content"]["content"]["deep"] = node

    made = with_schema(content, change)
    if kind != 2:
        return made
    large = io.BytesIO()
    np.save(large, np.zeros(1 << 17))

    def with_array(members):
        members["preprocessing.skops"] = rewritten(
            members["preprocessing.skops"],
            lambda inner: inner.update({"large.npy": large.getvalue()}),
        )

    return rewritten(made, with_array)


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


WRITTEN_ANEW = (other_json, other_network, other_type, other_attribute)
WAYS = [
    flipped, flipped, cut, other_json, other_json, other_network, other_type, other_attribute,
    many_times, bomb, doubled,
]  # fmt: skip
