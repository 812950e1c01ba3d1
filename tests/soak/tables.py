"""Ten real tables from file to prediction: fitted, saved, read again, exported, compared.

    pip install statsmodels plotly vega_datasets
    python tests/soak/tables.py

For each: the model must beat the simplest guess on rows held out; what the saved and reloaded model
predicts must be what the model predicted; and the exported ONNX file must agree to 1e-5 of the
scale of the outputs. The tables are shipped by scikit-learn, statsmodels, plotly and vega_datasets,
under the licences that those packages name.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import chainrule as cr
from chainrule.tables.fitting import fit_table
from chainrule.tables.options import Options

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


def of_scikit_learn(name, target):
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    return bunch.frame.rename(columns={"target": target})


def of_statsmodels(name):
    import statsmodels.api as sm

    return getattr(sm.datasets, name).load_pandas().data


def of_plotly(name):
    from plotly import data

    return getattr(data, name)()


def of_vega(name):
    from vega_datasets import local_data

    return getattr(local_data, name)()


def with_holes():
    """Breast cancer with 40 % of all cells missing."""
    frame = of_scikit_learn("breast_cancer", "benign")
    rng = np.random.default_rng(0)
    features = frame.columns[:-1]
    frame[features] = frame[features].mask(rng.uniform(size=(len(frame), len(features))) < 0.4)
    return frame


#: name: (table, target, options)
TABLES = {
    "penguins": (lambda: pd.read_csv(PENGUINS), "species", {}),
    "digits": (lambda: of_scikit_learn("digits", "digit"), "digit", {}),
    "diabetes": (lambda: of_scikit_learn("diabetes", "progress"), "progress",
                 {"l2": 1e-2, "patience": 10}),
    "breast cancer, 40 % of cells missing": (with_holes, "benign", {"patience": 10}),
    "health insurance, 20,190 rows": (lambda: of_statsmodels("randhie"), "mdvis",
                                      {"loss": "poisson", "patience": 5}),
    "marriages": (lambda: of_statsmodels("fair"), "rate_marriage",
                  {"patience": 5, "epochs": 50}),
    "modes of travel": (lambda: of_statsmodels("modechoice"), "choice", {"patience": 10}),
    "countries, 142 levels": (lambda: of_plotly("gapminder").drop(columns=["iso_num", "iso_alpha"]),
                              "lifeExp", {"patience": 10}),
    "tips": (lambda: of_plotly("tips"), "tip", {"l2": 1e-2, "patience": 10}),
    "weather of Seattle, dates": (lambda: of_vega("seattle_weather"), "weather",
                                  {"patience": 10, "ensemble": 3}),
    "cars, dates and gaps": (lambda: of_vega("cars").drop(columns="Name"), "Miles_per_Gallon",
                             {"patience": 10}),
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="a part of a table's name")
    only = parser.parse_args().only
    failures = 0
    print("| table | rows | figure | model | guess | saved again | by the command | ONNX |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, (load, target, options) in TABLES.items():
            if only is None or only in name:
                failures += not one(Path(folder), name, load(), target, options)
    sys.exit(failures > 0)


def one(folder, name, frame, target, options):
    """Take a table through all of it; whether everything was as it must be."""
    start = time.perf_counter()
    file = folder / "table.csv"
    frame.to_csv(file, index=False)
    run = fit_table(
        file, target, Options(**options), out=folder / f"run {len(list(folder.iterdir()))}"
    )
    found = run.fitted.evaluation
    figure = next(iter(found.figures))
    first = run.fitted.model.predict(file)
    again = cr.load_model(run.path).predict(file)
    same = largest(first, again)
    printed = folder / "predictions.csv"
    subprocess.run(
        [Path(sys.executable).with_name("chainrule"), "predict", run.path, file, "--out", printed,
         "--quiet"], check=True,
    )  # fmt: skip
    told = pd.read_csv(printed)["prediction"].to_numpy()
    by_command = all(str(a) == str(b) for a, b in zip(first.values, told, strict=True)) or (
        first.probabilities is None and np.allclose(first.values, told.astype(float), rtol=1e-6)
    )
    onnx = exported(run.fitted.model, folder / "model.onnx", file)
    good = found.better(figure) and same <= 1e-6 and by_command and onnx <= 1e-5
    print(
        f"| {name} | {len(frame)} | {figure} | {found.figures[figure]:.4g} "
        f"| {found.guess_figures[figure]:.4g} | {same:.1e} | "
        f"{'equal' if by_command else 'DIFFERS'} | {onnx:.1e} |"
        + ("" if good else " **not as it must be** |"),
        flush=True,
    )
    print(f"  {time.perf_counter() - start:.1f} s", file=sys.stderr)
    return good


def largest(first, second):
    """The largest difference, in parts of the scale of the numbers."""
    if first.probabilities is not None:
        return float(np.abs(first.probabilities - second.probabilities).max())
    return float(np.abs(first.values - second.values).max() / np.std(first.values))


def exported(model, path, file):
    """The largest difference of the exported model, in parts of the scale of the numbers."""
    return cr.export_onnx(model, path, file).difference


if __name__ == "__main__":
    main()
