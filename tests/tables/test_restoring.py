"""What is made anew from a model file does bit for bit what was saved."""

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.tables.sources import table_of

SCALINGS = ["standard", "robust", "quantile"]


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_restored_model_prepares_bit_for_bit(scaling, tmp_path):
    rng = np.random.default_rng(0)
    rows = 3 * 1100
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=rows), "day": rng.choice(["2024-01-01", "2024-05-06"], rows),
            "few": rng.choice(["x", "y", ""], rows), "ok": rng.choice(["yes", "no"], rows),
            # So many levels that the rarest are taken together.
            "many": [f"p{min(k // 3 if k < 2700 else 900 + (k - 2700) // 2, 1090)}"
                     for k in range(rows)],
        }
    )  # fmt: skip
    frame.loc[::7, "a"] = np.nan
    frame["y"] = frame["a"].fillna(0)
    model = cr.table_model(frame, "y", epochs=1, hidden=(3,), scaling=scaling)
    cr.save_model(model, tmp_path / "m.chainrule")
    again = cr.load_model(tmp_path / "m.chainrule")
    values = model.values_of(table_of(frame)) | {"many": np.array(["p1", "?"] * (rows // 2))}
    np.testing.assert_array_equal(
        again.preprocessing.inputs(values), model.preprocessing.inputs(values)
    )
    assert again.preprocessing.figures() == model.preprocessing.figures()
    assert len(model.preprocessing.figures()["texts"]["many"]["taken_together"]) > 0
    assert again.preprocessing.width == len(model.preprocessing.transformer.get_feature_names_out())
    assert (
        again.preprocessing.transformer.output_indices_
        == model.preprocessing.transformer.output_indices_
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"word": ["a", "b", "c"] * 20},
        {"few": ["same", ""] * 30, "word": [f"w{k % 30}" for k in range(60)]},
        {"number": [0.5, 1.5, 2.5] * 20},
        {"day": ["2024-01-01", "2024-01-02"] * 30, "ok": ["yes", "", "no"] * 20},
    ],
)
def test_models_without_some_parts_are_restored(columns, tmp_path):
    frame = pd.DataFrame(columns)
    frame["y"] = np.arange(60) % 7 / 2
    model = cr.table_model(frame, "y", task="regression", epochs=1, hidden=(2,), one_hot=2)
    cr.save_model(model, tmp_path / "m.chainrule")
    again = cr.load_model(tmp_path / "m.chainrule")
    np.testing.assert_array_equal(again.predict(frame).values, model.predict(frame).values)
