"""The transformer of a model file, made anew: only numbers and levels are taken from the file.

The attributes of what a file holds are free: they could start processes, write files, or repeat one
encoder until memory is full. So nothing is ever called on them. A transformer is made and fitted as
for any table, on two rows, and what it would have learnt is checked and put in.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.tables import preprocessing
from chainrule.tables.columns import Reading
from chainrule.tables.preprocessing import CODES, ONE_HOTS, frame_of, unfitted

#: What each scaler learns, a number for each column.
LEARNT = {
    "StandardScaler": ("mean_", "var_", "scale_"), "RobustScaler": ("center_", "scale_"),
    "QuantileTransformer": (),
}  # fmt: skip


def restored(found: Any, readings: Sequence[Reading], inputs: int) -> Any:
    """A transformer that does what the one of a file does.

    Args:
        found: the transformer as it came out of the file.
        readings: the features.
        inputs: of the model's networks: how wide what it makes must be.

    Raises:
        ValueError: if its parts are not those that are made for such features, or are wider.
    """
    from sklearn.compose import ColumnTransformer

    if type(found) is not ColumnTransformer:
        raise ValueError("its preprocessing is none of columns")
    if len(readings) > inputs:
        raise ValueError(
            f"its networks take {inputs} inputs, and there are {len(readings)} columns"
        )
    fitted = [part for part in found.transformers_ if part[0] != "remainder"]
    parts = {name: part for name, part, _ in fitted}
    columns = {name: chosen for name, _, chosen in fitted}
    encoders = {
        columns[name][0]: part for name, part in parts.items() if name.startswith((ONE_HOTS, CODES))
    }
    levels = {name: _levels(encoder) for name, encoder in encoders.items()}
    texts = [r.name for r in readings if r.kind == "text"]
    if sorted(levels) != sorted(texts):
        raise ValueError("its preprocessing is of other columns")
    codes = {
        columns[name][0]: len(levels[columns[name][0]]) for name in parts if name.startswith(CODES)
    }
    sample = _sample(readings, codes)
    numbers = [name for name in sample if name not in levels]
    gaps = [name for name in numbers if name in set(columns.get("gaps", ()))]
    _check_width(inputs, len(numbers) + len(gaps), levels, codes)

    made = unfitted(numbers, gaps, texts, codes, _scaler(parts))
    if [(n, chosen) for n, _, chosen in made.transformers] != [(n, c) for n, _, c in fitted]:
        raise ValueError("its preprocessing is of other columns")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of more quantiles than the two rows have
        made.fit(sample)
    for name, target in made.named_transformers_.items():
        source = parts[name]
        if name == "numbers":
            _take_numbers(target.steps, source.steps, len(numbers))
        elif name.startswith((ONE_HOTS, CODES)):
            _take_levels(target, source, levels[columns[name][0]])
    _set_places(made)
    return made


def _sample(readings: Sequence[Reading], codes: dict[str, int]) -> Any:
    """Two rows of the frame; codes of a single level must find one."""
    values = {}
    for reading in readings:
        if reading.kind != "text":
            values[reading.name] = np.array([0.0, 1.0])
        else:
            second = "" if codes.get(reading.name) == 1 else "a"
            values[reading.name] = np.array(["", second], dtype=object)
    return frame_of(readings, values)


def _check_width(
    inputs: int, plain: int, levels: dict[str, np.ndarray], codes: dict[str, int]
) -> None:
    one_hot = sum(len(found) for name, found in levels.items() if name not in codes)
    width = plain + one_hot + len(codes)
    if width != inputs:
        raise ValueError(f"its networks take {inputs} inputs, and its columns make {width}")


def _scaler(parts: dict[str, Any]) -> Any:
    """A scaler of the kind that the file has; without numbers any will do."""
    from sklearn import preprocessing as kinds

    if "numbers" not in parts:
        return kinds.StandardScaler()
    found = parts["numbers"].steps[1][1]
    kind = type(found).__name__
    if kind not in LEARNT:
        raise ValueError(f"{kind} scales no columns of a model")
    if kind != "QuantileTransformer":
        return getattr(kinds, kind)()
    return kinds.QuantileTransformer(
        n_quantiles=len(found.quantiles_), output_distribution="normal", random_state=0
    )


def _take_numbers(made: list[Any], found: list[Any], columns: int) -> None:
    (_, imputer), (_, scaler) = made
    (_, old_imputer), (_, old_scaler) = found
    imputer.statistics_ = _floats(old_imputer.statistics_, columns)
    for attribute in LEARNT[type(scaler).__name__]:
        setattr(scaler, attribute, _floats(getattr(old_scaler, attribute), columns))
    if type(scaler).__name__ == "QuantileTransformer":
        quantiles = len(old_scaler.quantiles_)
        scaler.n_quantiles_ = quantiles
        scaler.references_ = np.linspace(0, 1, quantiles)
        scaler.quantiles_ = _floats(old_scaler.quantiles_, quantiles, columns)
        if (np.diff(scaler.quantiles_, axis=0) < 0).any():
            raise ValueError("its quantiles fall")
    elif (scaler.scale_ == 0).any():
        raise ValueError("a scale of its preprocessing is 0")


def _floats(values: Any, *shape: int) -> np.ndarray:
    if type(values) is not np.ndarray or values.dtype != np.float64 or values.shape != shape:
        raise ValueError(f"its preprocessing has no {' x '.join(map(str, shape))} numbers")
    if not np.isfinite(values).all():
        raise ValueError("a number of its preprocessing is not finite")
    return np.array(values)


def _levels(encoder: Any) -> np.ndarray:
    categories = encoder.categories_
    found = categories[0] if type(categories) is list and len(categories) == 1 else None
    if type(found) is not np.ndarray or found.dtype != object or found.ndim != 1:
        raise ValueError("a text of its preprocessing has no levels")
    if {type(level) for level in found} != {str} or len(set(found)) < len(found):
        raise ValueError("the levels of its preprocessing are not different texts")
    return found


def _take_levels(made: Any, found: Any, levels: np.ndarray) -> None:
    made.categories_ = [np.array(levels)]
    if hasattr(made, "_n_features_outs"):  # of the one-hot encoder alone
        made._n_features_outs = [len(levels)]
    elif len(levels) > preprocessing.MOST_LEVELS:
        codes = _indices(found._default_to_infrequent_mappings, preprocessing.MOST_LEVELS)
        if len(codes) != len(levels):
            raise ValueError("the codes of its preprocessing are not those of its levels")
        made._default_to_infrequent_mappings = [codes]
        made._infrequent_indices = [_indices(found._infrequent_indices, len(levels))]


def _indices(arrays: Any, below: int) -> np.ndarray:
    values = arrays[0]
    if type(values) is not np.ndarray or values.dtype != np.int64 or values.ndim != 1:
        raise ValueError("the codes of its preprocessing are not whole numbers")
    if (values < 0).any() or (values >= below).any():
        raise ValueError("the codes of its preprocessing are beyond its levels")
    return np.array(values)


def _set_places(made: Any) -> None:
    """Where the inputs of each part lie, now that the levels are known."""
    first = 0
    for name, part, chosen in made.transformers_:
        wide = part.categories_[0] if name.startswith(ONE_HOTS) else chosen
        made.output_indices_[name] = slice(first, first + len(wide))
        first += len(wide)
