"""Columns into the inputs of a network, by what the training rows are like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.layers import Embedding
from chainrule.tables.columns import Column, Reading
from chainrule.tables.errors import TableError, counted, quoted
from chainrule.tables.options import SCALINGS, Options

FARTHEST = 1e12  # deviations from the mean: float32 must hold what no training row is like
MOST_LEVELS = 1000  # of an embedded column; the rarer ones are taken together
DAY = 86400.0
DECIMALS = 6  # of sines and cosines: so many every library has alike, and the same day every year
ONE_HOTS, CODES = "one-hot ", "codes "  # parts of the transformer, one for each column


@dataclass(frozen=True)
class Preprocessing:
    """Numbers scaled, dates as their parts, texts one-hot or as codes.

    Yes and no are 1 and 0, scaled as numbers are. A missing number or date becomes the median, and
    an input of its own says that it was missing; missing text is a category. Dates are the days
    that have passed and points on the circles of the year, the week and the day. Texts of more
    than ``one_hot`` levels are codes, the last inputs, for an :class:`~chainrule.Embedding`, the
    rarest of very many taken together. For a level that no training row had, all one-hot inputs
    are 0, and codes have one of their own.

    Attributes:
        readings: the features.
        transformer: the fitted scikit-learn transformer of their frame.
    """

    readings: tuple[Reading, ...]
    transformer: Any

    @classmethod
    def fitted(
        cls, columns: Sequence[Column], rows: np.ndarray, scaling: str = "standard",
        one_hot: int = Options.one_hot,
    ) -> "Preprocessing":  # fmt: skip
        """Fit on the rows with these indices.

        Args:
            columns: all of the table's.
            rows: indices of the training rows.
            scaling: of numbers: ``standard`` (mean 0, deviation 1), ``robust`` (median 0, quartiles
                1 apart) or ``quantile`` (to a normal distribution).
            one_hot: how many levels a text may have at most to be one-hot.

        Raises:
            TableError: for another scaling, or a column that is called as a part of a date's.
        """
        used = tuple(column for column in columns if column.kind != "dropped")
        readings = tuple(column.reading for column in used)
        frame = frame_of(readings, {c.name: c.values[rows] for c in used})
        transformer = _transformer(frame, readings, scaling, one_hot)
        transformer.fit(frame)
        return cls(readings, transformer)

    def inputs(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """The network's inputs for rows whose values are given by column: float32 (m, inputs)."""
        scaled = self.transformer.transform(frame_of(self.readings, values))
        return np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)

    def embedding(self) -> Embedding | None:
        """The layer that replaces the codes by vectors, if there are codes."""
        levels = [int(encoder.unknown_value) + 1 for encoder in self._encoders(CODES).values()]
        first = self.width - len(levels)
        sizes = {first + k: (n, dimension_of(n)) for k, n in enumerate(levels)}
        return Embedding(sizes) if sizes else None

    @property
    def width(self) -> int:
        """How many inputs there are."""
        one_hot = sum(len(one.categories_[0]) for one in self._encoders(ONE_HOTS).values())
        plain = len(self._names("numbers")) + len(self._names("gaps"))
        return plain + one_hot + len(self._encoders(CODES))

    def levels(self) -> dict[str, list[str]]:
        """The levels of each text column that training rows had, ``""`` for a missing one."""
        encoders = self._encoders(ONE_HOTS) | self._encoders(CODES)
        return {name: [str(x) for x in one.categories_[0]] for name, one in encoders.items()}

    def input_names(self) -> list[str]:
        """What each input is of: ``size``, ``colour = red``, ``when: sin of the year``."""
        found = [*self._names("numbers"), *(f"{name} is missing" for name in self._names("gaps"))]
        levels = self.levels()
        for name in self._encoders(ONE_HOTS):
            found += [f"{name} = {level or 'missing'}" for level in levels[name]]
        return [*found, *(f"code of {name}" for name in self._encoders(CODES))]

    def treatments(self) -> dict[str, str]:
        """What is done with each feature, in words."""
        done: dict[str, str] = {}
        gaps = set(self._names("gaps"))
        scaler = self._part("numbers")
        how = "" if scaler is None else _SCALED[type(scaler.steps[-1][1]).__name__]
        for reading in self.readings:
            words = {"number": how, "boolean": f"1 and 0, {how}", "date": f"parts, {how}"}
            done[reading.name] = words.get(reading.kind, "")
        for name in gaps:
            done[name] += "; gaps marked"
        levels = {name: counted(len(known), "level") for name, known in self.levels().items()}
        for name in self._encoders(ONE_HOTS):
            done[name] = f"one-hot, {levels[name]}"
        if embedding := self.embedding():
            coded = self._encoders(CODES)
            for name, (_, dimension) in zip(coded, embedding.sizes.values(), strict=True):
                done[name] = f"embedded, {levels[name]} as vectors of {dimension}"
        return done

    def figures(self) -> dict[str, Any]:
        """What was fitted, for people to read: by column, in the order of the inputs."""
        figures: dict[str, Any] = {"numbers": {}, "missing": self._names("gaps"), "texts": {}}
        if pipeline := self._part("numbers"):
            medians = pipeline.steps[0][1].statistics_
            for name, median in zip(self._names("numbers"), medians, strict=True):
                figures["numbers"][name] = {"median": float(median)}
            scaler = pipeline.steps[1][1]
            for word, attribute in (("mean", "mean_"), ("center", "center_"), ("scale", "scale_")):
                if hasattr(scaler, attribute):
                    values = getattr(scaler, attribute)
                    for name, value in zip(self._names("numbers"), values, strict=True):
                        figures["numbers"][name][word] = float(value)
        for name, encoder in (self._encoders(ONE_HOTS) | self._encoders(CODES)).items():
            rare = getattr(encoder, "infrequent_categories_", [None])[0]
            together = [] if rare is None else sorted(map(str, rare))
            kept = [x for x in map(str, encoder.categories_[0]) if x not in set(together)]
            figures["texts"][name] = {"levels": kept, "taken_together": together}
        return figures

    def _encoders(self, prefix: str) -> dict[str, Any]:
        """The fitted encoders of texts by column: the one-hot ones, or those of codes."""
        fitted = self.transformer.named_transformers_
        return {
            chosen[0]: fitted[part] for part, _, chosen in self.transformer.transformers_
            if part.startswith(prefix)
        }  # fmt: skip

    def _part(self, name: str) -> Any:
        """A fitted part of the transformer; None if no column went into it."""
        return self.transformer.named_transformers_.get(name)

    def _names(self, part: str) -> list[str]:
        for name, _, chosen in self.transformer.transformers_:
            if name == part:
                return list(chosen)
        return []


_SCALED = {
    "StandardScaler": "z-scores", "RobustScaler": "robust scale",
    "QuantileTransformer": "normal quantiles",
}  # fmt: skip


def dimension_of(levels: int) -> int:
    """The length of the vectors of so many levels: 1.6 · levels^0.56, at most 50.

    Source: Howard, Gugger, "fastai: A Layered API for Deep Learning", 2020.
    """
    return min(50, round(1.6 * levels**0.56))


def _transformer(frame: Any, readings: Sequence[Reading], scaling: str, one_hot: int) -> Any:
    texts = [r.name for r in readings if r.kind == "text"]
    levels = {name: frame[name].nunique() for name in texts}
    codes = {name: number for name, number in levels.items() if number > one_hot}
    numbers = [name for name in frame if name not in levels]
    gaps = [name for name in numbers if frame[name].isna().any() and not _is_part(name, readings)]
    return unfitted(numbers, gaps, texts, codes, _scaler(scaling, len(frame)))


def unfitted(
    numbers: Sequence[str], gaps: Sequence[str], texts: Sequence[str], codes: Mapping[str, int],
    scaler: Any,
) -> Any:  # fmt: skip
    """The transformer of a frame before it is fitted.

    Args:
        numbers: columns that are scaled.
        gaps: those of them whose missing cells are marked.
        texts: all columns of text.
        codes: those of them that become codes, with their number of levels.
        scaler: of the numbers.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    # A number that no training row has is 0 throughout, not left out: the width stays.
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    parts = [
        ("numbers", make_pipeline(imputer, scaler), list(numbers)),
        ("gaps", MissingIndicator(features="all"), list(gaps)),
    ]
    for number, name in enumerate(texts):
        if name not in codes:
            encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
            parts.append((f"{ONE_HOTS}{number}", encoder, [name]))
    for number, (name, levels) in enumerate(codes.items()):
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=min(levels, MOST_LEVELS),
            max_categories=MOST_LEVELS if levels > MOST_LEVELS else None,
        )  # fmt: skip
        parts.append((f"{CODES}{number}", encoder, [name]))
    return ColumnTransformer([part for part in parts if part[2]])


def _scaler(scaling: str, rows: int) -> Any:
    from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

    if scaling == "standard":
        return StandardScaler()
    if scaling == "robust":
        return RobustScaler()
    if scaling == "quantile":
        return QuantileTransformer(
            n_quantiles=min(1000, rows), output_distribution="normal", random_state=0
        )
    raise TableError(f"scaling must be one of {', '.join(SCALINGS)}, not {scaling!r}")


def frame_of(readings: Sequence[Reading], values: Mapping[str, np.ndarray]) -> Any:
    """The frame that the transformer takes: a column for each feature, several for a date.

    Raises:
        TableError: for a column that has the name of a part of a date.
    """
    import pandas as pd

    columns: dict[str, np.ndarray] = {}
    for reading in readings:
        found = values[reading.name]
        dated = reading.kind == "date"
        made = _date_parts(reading.name, found) if dated else {reading.name: found}
        if twice := sorted(columns.keys() & made.keys()):
            raise TableError(
                f"the column {quoted(twice[0], 80)} has the name of a part of a column of dates: "
                "give one of them another name"
            )
        columns |= made
    return pd.DataFrame(
        {name: pd.Series(found, dtype=found.dtype) for name, found in columns.items()}
    )


def _date_parts(name: str, seconds: np.ndarray) -> dict[str, np.ndarray]:
    """Days since 1970, and points on the circles of the year, the week and the day."""
    with np.errstate(invalid="ignore"):
        days = seconds / DAY
        known = np.where(np.isnan(days), 0.0, days)
        day = np.floor(known)
        years = day.astype("datetime64[D]").astype("datetime64[Y]")
        start = years.astype("datetime64[D]").astype(np.float64)
        turns = {"year": (day - start) / 365.25, "week": (day + 4) / 7, "day": known - day}
    parts = {name: days}
    for turn, share in turns.items():
        for word, function in (("sin", np.sin), ("cos", np.cos)):
            part = np.round(function(2 * np.pi * share), DECIMALS)
            parts[f"{name}: {word} of the {turn}"] = np.where(np.isnan(days), np.nan, part)
    return parts


def _is_part(name: str, readings: Sequence[Reading]) -> bool:
    return not any(name == reading.name for reading in readings)
