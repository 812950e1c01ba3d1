"""From a table to a trained and judged model."""

import json

import numpy as np
import pandas as pd
import pytest

import chainrule
from chainrule.cli.main import run
from chainrule.report import write_report
from chainrule.tables.errors import TableError
from chainrule.tables.fitting import fit, fit_table
from chainrule.tables.model import Predictions
from chainrule.tables.options import Options
from chainrule.tables.sources import table_of

COUNTS = {"loss": "poisson", "epochs": 10, "hidden": (), "learning_rate": 0.02}


@pytest.fixture
def counts(rng):
    """Counts that grow without bounds with a column."""
    rate = rng.uniform(0, 3, 60).round(3)
    return pd.DataFrame({"rate": rate, "k": np.arange(60) % 7, "n": rng.poisson(np.exp(rate))})


@pytest.mark.parametrize("networks", [1, 3])
def test_a_prediction_that_overflows_is_refused_by_its_line(counts, networks):
    model = chainrule.table_model(counts, "n", ensemble=networks, **COUNTS)
    far = counts.copy()
    far.loc[[7, 9], "rate"] = 1e99
    with pytest.raises(TableError, match=r"^line 9: the prediction is not a finite number: "):
        model.predict(far)
    assert np.isfinite(model.predict(counts).values).all()


def test_a_spread_that_overflows_is_no_finite_prediction():
    found = Predictions(np.zeros(3), None, np.array([1.0, np.nan, np.inf]))
    assert found.finite.tolist() == [True, False, False]
    found = Predictions(np.array(["a", "b"], object), np.array([[0.5, 0.5], [np.nan, 1]]), None)
    assert found.finite.tolist() == [True, False]


@pytest.mark.parametrize("rows", [[2], [0, 1, 2, 3]])
def test_rows_of_a_test_that_overflow_leave_the_run_and_no_errors(
    rows, counts, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    counts.to_csv("t.csv", index=False)
    far = counts.head(4).copy()
    far.loc[rows, "rate"] = 1e99
    far.to_csv("far.csv", index=False)
    flags = ["--loss", "poisson", "--epochs", "10", "--hidden", "", "--learning-rate", "0.02"]
    assert run(["fit", "t.csv", "--target", "n", *flags, "--test", "far.csv", "--out", "m"]) == 0
    told = "1 prediction overflows" if len(rows) == 1 else "4 predictions overflow"
    told += ", too far from the training rows, so that the errors have no figures"
    assert told in capsys.readouterr().out
    saved = json.loads((tmp_path / "m/evaluation.json").read_text())
    assert saved["figures"] == {"rmse": None, "mae": None, "r2": None}
    assert told in (tmp_path / "m/report.html").read_text()


@pytest.mark.parametrize("choices", [{"test_share": 0.1}, {"folds": 3}])
def test_rows_held_out_that_overflow_are_no_divergence(counts, choices, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = fit_table(counts, "n", Options(**COUNTS, **choices), out="whole").fitted
    assert whole.evaluation.infinite == 0
    place = whole.plan.held[0] if whole.plan.held.size else 0
    counts.loc[place, "rate"] = 1e99
    run = fit_table(counts, "n", Options(**COUNTS, **choices), out="run")
    assert run.fitted.evaluation.infinite == 1
    assert run.fitted.evaluation.figures["rmse"] is None
    page = write_report(run.fitted, tmp_path / "report.html", "chainrule fit").read_text()
    assert "1 prediction overflows" in page


@pytest.mark.parametrize("choices", [{}, {"folds": 3}, {"test": True}])
def test_each_row_is_read_transformed_and_predicted_once(counts, choices, monkeypatch):
    seen = {"read": 0, "transformed": 0, "predicted": 0}

    def counting(owner, name, what, rows_of):
        whole = getattr(owner, name)

        def counted(*arguments):
            seen[what] += rows_of(arguments)
            return whole(*arguments)

        monkeypatch.setattr(owner, name, counted)

    from chainrule.network import Network
    from chainrule.tables import fitting, model
    from chainrule.tables.preprocessing import Preprocessing

    for module in (fitting, model):
        counting(module, "read_features", "read", lambda given: given[1].rows)
    counting(Preprocessing, "inputs", "transformed", lambda given: len(given[1]["k"]))
    counting(Network, "predict", "predicted", lambda given: len(given[1]))
    test = table_of(counts.head(8)) if choices.pop("test", False) else None
    fit(table_of(counts), "n", Options(**COUNTS, **choices), test=test)
    later = 8 if test is not None else 0
    trainings = 1 + choices.get("folds", 0)
    assert seen == {
        "read": later, "transformed": trainings * 60 + later, "predicted": trainings * 60 + later,
    }  # fmt: skip


@pytest.mark.parametrize("frame", ["data", "test"])
def test_checkpoints_of_a_data_frame_are_refused_as_nothing_could_go_on(
    frame, counts, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    counts.to_csv("t.csv", index=False)
    tables = {"data": "t.csv", "test": "t.csv", frame: counts}
    with pytest.raises(TableError, match="checkpoint_every needs tables in files"):
        fit_table(target="n", options=Options(**COUNTS), out="m", checkpoint_every=1, **tables)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize("every", [-1, 1.5, True, "2"])
def test_epochs_between_checkpoints_are_a_whole_number(every, counts):
    with pytest.raises(TableError, match="checkpoint_every must be a whole number of at least 0"):
        fit_table(counts, "n", checkpoint_every=every)


@pytest.mark.parametrize("data", ["t.csv", "frame"])
def test_more_folds_than_rows_are_refused_before_any_work(data, counts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts.loc[:4, "n"] = np.nan  # rows without a target are of no fold
    counts.to_csv("t.csv", index=False)
    table = counts if data == "frame" else data
    for module in ("planning.read_column", "fitting.Preprocessing"):
        monkeypatch.setattr(f"chainrule.tables.{module}", None)
    with pytest.raises(TableError, match="55 rows with a target cannot make 56 folds"):
        fit_table(table, "n", Options(folds=56), checkpoint_every=0 if data == "frame" else 1)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
