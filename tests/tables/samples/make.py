"""Makes the sample files of this version: run once for each version of the formats, and kept.

python tests/tables/samples/make.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

import chainrule as cr

HERE = Path(__file__).parent
NETWORKS = HERE.parents[1] / "storage" / "samples"


def frame():
    rng = np.random.default_rng(0)
    rows = 60
    made = pd.DataFrame(
        {
            "size": rng.normal(size=rows).round(2),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "place": rng.choice([f"p{k}" for k in range(8)], rows),
            "day": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
            "ok": rng.choice(["yes", "no"], rows),
        }
    )
    made.loc[::9, "size"] = np.nan
    made["y"] = made["size"].fillna(0) + (made["colour"] == "red")
    return made


def main():
    data = frame()
    model = cr.table_model(data, "y", epochs=3, hidden=(4,), one_hot=5, ensemble=2)
    cr.save_model(model, HERE / "model-1.chainrule")
    head = data.head(5)
    expected = {
        "rows": head.astype(object).where(head.notna(), "").values.tolist(),
        "columns": list(data),
        "values": model.predict(head).values.tolist(),
    }
    (HERE / "model-1.json").write_text(json.dumps(expected, indent=1) + "\n")
    net = cr.Network([cr.Dense(3, "tanh"), cr.LayerNorm(), cr.Dense(2, "softmax")],
                     "cross_entropy", inputs=2, seed=4)  # fmt: skip
    cr.save(net, NETWORKS / "network-1.safetensors")
    expected = net.predict(np.array([[0.5, -1.0]])).tolist()
    (NETWORKS / "network-1.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
