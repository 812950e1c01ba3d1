"""What may stand in the preprocessing of a model file, before anything is made of it."""

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

SCHEMA = "schema.json"

#: All types that the preprocessing of a model may hold.
TRUSTED = frozenset(
    {
        "builtins.bool", "builtins.dict", "builtins.float", "builtins.int", "builtins.list",
        "builtins.NoneType", "builtins.slice", "builtins.str", "builtins.tuple", "builtins.type",
        "collections.OrderedDict", "numpy.dtype", "numpy.ndarray", "numpy.float64", "numpy.int64",
        "numpy.random.mtrand.RandomState", "sklearn.utils._bunch.Bunch",
        "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.impute._base.MissingIndicator", "sklearn.impute._base.SimpleImputer",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.QuantileTransformer",
        "sklearn.preprocessing._data.RobustScaler", "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder",
        "sklearn.preprocessing._encoders.OrdinalEncoder",
    }
)  # fmt: skip

#: How they may be made: none of these calls a function that the file names.
LOADERS = frozenset(
    {
        "DictNode", "DTypeNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode",
        "RandomStateNode", "SliceNode", "TupleNode", "TypeNode",
    }
)  # fmt: skip

#: Attributes that start processes or write files: nothing but null.
IDLE = ("n_jobs", "memory")


def objects_of(content: bytes) -> Any:
    """The objects that an archive of skops describes, of trusted types and no larger than it.

    What they hold is still whatever the file says: nothing may be called on them.

    Raises:
        ValueError: for a type, a way of making it, or an attribute that has no place in a model.
    """
    import skops.io

    plain = _without_numbers(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, about another version: see `about`
        return skops.io.loads(plain, trusted=sorted(TRUSTED))


def _without_numbers(content: bytes) -> bytes:
    """The archive after it was checked, each of its objects one of its own."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        check_members(archive.infolist(), len(content))
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts.pop(SCHEMA))
    _check(schema, {name: len(part) for name, part in parts.items()})
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        archive.writestr(SCHEMA, json.dumps(schema, separators=(",", ":")))
    return plain.getvalue()


def check_members(infos: list[zipfile.ZipInfo], size: int, most: int = 1000) -> None:
    """Refuse an archive that is more than it seems.

    Args:
        infos: of its members.
        size: of the archive, in bytes.
        most: how many members there may be.

    Raises:
        ValueError: for members that are packed, of one name, or larger than the archive.
    """
    if len(infos) > most or len({info.filename for info in infos}) < len(infos):
        raise ValueError("it has too many parts, or two of one name")
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its part {info.filename!r} is packed")
    if sum(info.file_size for info in infos) > size:
        raise ValueError("its parts are larger than the file")


def _check(schema: Any, sizes: dict[str, int]) -> None:
    """Refuse what has no place in a schema, and take the numbers of its objects away.

    An object that is named again by its number is read once and stands in many places: a small
    file could hold more than memory does, and more than could be walked in years.
    """
    taken = 0
    for node in _nodes(schema):
        for name in IDLE:
            if isinstance(node.get(name), dict) and node[name].get("content") != "null":
                raise ValueError(f"its preprocessing sets {name}")
        if "__class__" not in node and "__loader__" not in node:
            continue
        kind = f"{node.get('__module__')}.{node.get('__class__')}"
        if kind not in TRUSTED:
            raise ValueError(f"the type {kind} has no place in a model")
        if node.get("__loader__") not in LOADERS:
            raise ValueError(f"the loader {node.get('__loader__')} has no place in a model")
        node.pop("__id__", None)
        if "file" in node:
            taken += sizes[node["file"]]
    if taken > sum(sizes.values()):
        raise ValueError("an array of its preprocessing stands in several places")


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
