"""Columns into the inputs of a network, by what the training rows are like."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.tables.columns import MOST_CATEGORIES, Column

FARTHEST = 1e12  # deviations from the mean: float32 must hold what no training row is like


@dataclass(frozen=True)
class Preprocessing:
    """Numbers scaled to mean 0 and deviation 1, text one-hot, fitted on some rows only.

    A missing number becomes the median, and an input of its own says that it was missing; missing
    text is a category.

    Attributes:
        columns: the features.
        transformer: the fitted scikit-learn transformer.
    """

    columns: tuple[Column, ...]
    transformer: Any

    @classmethod
    def fitted(cls, columns: Sequence[Column], rows: np.ndarray) -> "Preprocessing":
        """Fit on the rows with these indices."""
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import MissingIndicator, SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        used = tuple(column for column in columns if column.kind != "dropped")
        numbers = [c.name for c in used if c.kind == "number"]
        gaps = [c.name for c in used if c.kind == "number" and np.isnan(c.values[rows]).any()]
        texts = [c.name for c in used if c.kind == "text"]
        # A number that no training row has is 0 throughout, not left out: the width stays.
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES,
            sparse_output=False,
        )  # fmt: skip
        transformer = ColumnTransformer(
            [
                ("numbers", make_pipeline(imputer, StandardScaler()), numbers),
                ("gaps", MissingIndicator(features="all"), gaps),
                ("texts", encoder, texts),
            ]
        )
        transformer.fit(_frame(used, rows))
        return cls(used, transformer)

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """The network's inputs for the rows with these indices: float32 (m, inputs)."""
        scaled = self.transformer.transform(_frame(self.columns, rows))
        return np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)

    def figures(self) -> dict[str, Any]:
        """What was fitted, for people to read: by column, in the order of the inputs."""
        names = {key: list(chosen) for key, _, chosen in self.transformer.transformers_}
        fitted = self.transformer.named_transformers_
        figures: dict[str, Any] = {"numbers": {}, "missing": names["gaps"], "texts": {}}
        if names["numbers"]:
            imputer, scaler = (step for _, step in fitted["numbers"].steps)
            for k, name in enumerate(names["numbers"]):
                figures["numbers"][name] = {
                    "median": float(imputer.statistics_[k]),
                    "mean": float(scaler.mean_[k]),
                    "scale": float(scaler.scale_[k]),
                }
        if names["texts"]:
            rare = getattr(fitted["texts"], "infrequent_categories_", [None] * len(names["texts"]))
            for name, all_of_it, few in zip(
                names["texts"], fitted["texts"].categories_, rare, strict=True
            ):
                together = set() if few is None else set(map(_category, few))
                categories = [c for c in map(_category, all_of_it) if c not in together]
                figures["texts"][name] = {
                    "categories": categories,
                    "taken_together": sorted(together, key=str),
                }
        return figures


def _frame(columns: tuple[Column, ...], rows: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame({c.name: pd.Series(c.values[rows], dtype=c.values.dtype) for c in columns})


def _category(value: Any) -> str | None:
    """A category as JSON has it: what is missing is null."""
    return value if isinstance(value, str) else None
