"""Tables and models that the tests of exports share."""

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.tables.sources import table_of

ROWS = 240


@pytest.fixture(scope="session")
def frame():
    """Every kind of column, with gaps, and a target for each task: price, fit and grade."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=ROWS) * 100,
            "rooms": rng.integers(1, 5, ROWS).astype(float),
            "colour": rng.choice(["red", "blue", "green", None], ROWS),
            "built": pd.Timestamp("1890-01-01")
            + pd.to_timedelta(rng.integers(0, 90_000, ROWS) * 24 * 60 + 61, "m"),
            "garden": rng.choice(["yes", "no", None], ROWS),
            "street": rng.choice([f"street {k}" for k in range(40)], ROWS),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "built"] = pd.NaT
    frame["price"] = frame["size"].fillna(0) * 30 + (frame["colour"] == "red") * 500 + 2000
    frame["fit"] = np.where(frame["size"].fillna(0) > 0, "good", "bad")
    frame["grade"] = rng.choice([1, 2, 3], ROWS)
    return frame


TARGETS = ("price", "fit", "grade")


def without_others(frame, target):
    return frame.drop(columns=[name for name in TARGETS if name != target])


def fitted(frame, target, **options):
    return cr.table_model(without_others(frame, target), target, epochs=2, **options)


@pytest.fixture(scope="session")
def model_of(frame):
    """``model_of(target, **options)``: a model of the frame, trained for a moment."""
    return lambda target, **options: fitted(frame, target, **options)


@pytest.fixture(scope="session")
def feeds_of():
    """``feeds_of(report, model, data)``: what onnxruntime takes, by the names of the inputs."""

    def feeds(report, model, data):
        values = model.values_of(table_of(data))
        return {one.name: one.values(values[one.column]) for one in report.inputs}

    return feeds
