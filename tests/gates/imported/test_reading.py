"""Evidence from elsewhere is read under many names, and what breaks the form is said, not raised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from crypto_team.errors import EvidenceError
from crypto_team.gates.corpus.evidence_honest import study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.imported.reading import read_folder
from crypto_team.gates.policy import IMPORTED
from crypto_team.gates.registry import run_check
from crypto_team.gates.run import run_gate, verdict
from crypto_team.schemas.gate import Policy


@pytest.fixture(scope="module")
def parts() -> EvidenceParts:
    return study(Design(pairs=1, bars=3600, edge=0.25, trials=2), 4).parts


def test_a_missing_folder_says_where_the_form_is(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no such folder"):
        read_folder(tmp_path / "nothing")


def test_meta_that_lacks_the_costs_is_an_error_that_names_them(tmp_path: Path, parts: EvidenceParts) -> None:
    folder = parts.write(tmp_path)
    document = yaml.safe_load((folder / "meta.yaml").read_text())
    del document["cost_bps_per_side"]
    (folder / "meta.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(EvidenceError, match="cost_bps_per_side"):
        read_folder(folder)


def test_other_names_of_columns_and_fields_are_understood(tmp_path: Path, parts: EvidenceParts) -> None:
    plain = run_gate(IMPORTED, case_from_folder(parts.write(tmp_path / "a")), Policy())
    predictions = parts.tables["predictions"].rename(columns={"time": "timestamp", "pair": "symbol", "p_1": "p_up"})
    renamed = parts.with_table("predictions", predictions.drop(columns=["p_0"]).rename(columns={"p_up": "prob"}))
    meta = {**renamed.meta, "horizon": renamed.meta["horizon_bars"], "seed": renamed.meta["random_seed"]}
    del meta["horizon_bars"], meta["random_seed"]
    other = EvidenceParts(meta, renamed.folds, renamed.tables)
    report = run_gate(IMPORTED, case_from_folder(other.write(tmp_path / "b")), Policy())
    assert [each.outcome for each in report.results] == [each.outcome for each in plain.results]


def test_labels_that_count_from_minus_one_are_the_same_labels(tmp_path: Path, parts: EvidenceParts) -> None:
    table = parts.tables["predictions"].copy()
    table["label"] = table["label"] * 2 - 1
    case = case_from_folder(parts.with_table("predictions", table).write(tmp_path))
    assert case.predictions is not None
    assert set(case.predictions["label"].dropna().unique()) == {0.0, 1.0}


def test_a_table_that_is_no_parquet_becomes_a_finding(tmp_path: Path, parts: EvidenceParts) -> None:
    folder = parts.write(tmp_path)
    (folder / "importances.parquet").write_bytes(b"not a table")
    report = run_gate(IMPORTED, case_from_folder(folder), Policy())
    found = {each.code: each for each in report.results}
    assert found["PR001"].outcome == "refused"
    assert "importances.parquet" in found["PR001"].explanation
    assert found["OF002"].outcome == "not_enough_evidence"


def test_a_missing_column_is_named(tmp_path: Path, parts: EvidenceParts) -> None:
    folder = parts.with_table("seeds", parts.tables["seeds"].drop(columns=["score"])).write(tmp_path)
    assert any("lacks the columns score" in each.message for each in read_folder(folder).findings)


@pytest.mark.parametrize("table", ["universe", "trials", "trial_returns", "seeds", "thresholds"])
def test_optional_tables_may_be_missing_under_the_strict_profile(
    tmp_path: Path, parts: EvidenceParts, table: str
) -> None:
    report = run_gate(IMPORTED, case_from_folder(parts.without(table).write(tmp_path)), Policy())
    whole = run_gate(IMPORTED, case_from_folder(parts.write(tmp_path / "whole")), Policy())
    assert report.passed == whole.passed
    needing = [each for each in report.results if f"{table}.parquet" in each.explanation and each.outcome != "passed"]
    assert all(not each.blocking for each in needing)


@pytest.mark.parametrize("table", ["features", "importances", "preprocessing", "market"])
def test_demanded_tables_that_are_missing_do_not_pass(tmp_path: Path, parts: EvidenceParts, table: str) -> None:
    report = run_gate(IMPORTED, case_from_folder(parts.without(table).write(tmp_path)), Policy())
    assert not report.passed
    assert verdict(report) == "not_enough_evidence" or table == "market"


def test_the_research_profile_demands_less(tmp_path: Path, parts: EvidenceParts) -> None:
    folder = parts.without("features", "importances", "preprocessing").write(tmp_path)
    report = run_gate(IMPORTED, case_from_folder(folder), Policy(profile="research"))
    missing = [each for each in report.results if each.outcome == "not_enough_evidence" and each.blocking]
    assert not [each for each in missing if "missing:" in each.explanation]


def test_positions_written_one_bar_later_give_the_same_returns(tmp_path: Path, parts: EvidenceParts) -> None:
    straight = case_from_folder(parts.write(tmp_path / "a"))
    table = parts.tables["predictions"].sort_values(["pair", "time"], kind="stable").copy()
    test = table["part"] == "test"
    for column in ("position", "return_gross", "return_net"):
        table.loc[test, column] = table.loc[test].groupby("pair")[column].shift(1)
    table.loc[test, ["position", "return_gross", "return_net"]] = table.loc[
        test, ["position", "return_gross", "return_net"]
    ].fillna(0.0)
    later = case_from_folder(parts.with_table("predictions", table).write(tmp_path / "b"))
    assert later.imported is not None
    assert later.imported.timed.timing == "during_bar"
    assert straight.returns is not None
    assert later.returns is not None
    # What was decided at the last close is written on a row that does not exist.
    assert np.allclose(straight.returns.daily[:-1], later.returns.daily[:-1])


def _with_outage(parts: EvidenceParts, horizon: int, *, shifted: int = 0) -> EvidenceParts:
    """Take three bars out of the market and the predictions; forward returns count rows, as `shift(-h)` does."""
    market = parts.tables["market"].sort_values("time", kind="stable")
    gone = market["time"].iloc[[2000, 2001, 2002]]
    market = market[~market["time"].isin(gone)].reset_index(drop=True)
    close = market["close"]
    ahead = pd.Series((close.shift(-horizon - shifted) / close - 1.0).to_numpy(), index=market["time"])
    table = parts.tables["predictions"]
    table = table[~table["time"].isin(gone)].copy()
    stored = ahead.reindex(pd.DatetimeIndex(table["time"])).to_numpy()
    table["forward_return"] = np.where(table["forward_return"].notna(), stored, np.nan)
    table["label"] = np.where(table["label"].notna(), (stored > 0.0).astype(float), np.nan)
    return parts.with_table("market", market).with_table("predictions", table)


def test_a_horizon_may_count_rows_where_the_market_had_an_outage(tmp_path: Path, parts: EvidenceParts) -> None:
    horizon = int(parts.meta["horizon_bars"])
    told = run_check("DQ007", case_from_folder(_with_outage(parts, horizon).write(tmp_path / "a")))
    assert told.outcome == "passed", told.explanation
    assert "the horizon counts rows, not time" in told.explanation
    wrong = run_check("DQ007", case_from_folder(_with_outage(parts, horizon, shifted=1).write(tmp_path / "b")))
    assert wrong.outcome == "refused"


@pytest.mark.parametrize("table", ["features", "importances", "preprocessing", "market"])
def test_a_demanded_table_without_rows_is_a_missing_table(tmp_path: Path, parts: EvidenceParts, table: str) -> None:
    empty = parts.with_table(table, parts.tables[table].iloc[:0])
    report = run_gate(IMPORTED, case_from_folder(empty.write(tmp_path / "a")), Policy())
    without = run_gate(IMPORTED, case_from_folder(parts.without(table).write(tmp_path / "b")), Policy())
    assert not report.passed
    assert [(each.code, each.outcome) for each in report.results] == [
        (each.code, each.outcome) for each in without.results
    ]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_without_a_number_are_named(tmp_path: Path, parts: EvidenceParts, value: float) -> None:
    hollow = parts.with_table("features", parts.tables["features"].assign(f0=value))
    result = run_check("PR001", case_from_folder(hollow.write(tmp_path)))
    assert result.outcome == "refused"
    assert "1 features have no finite value: f0" in result.explanation


def test_nothing_predicted_out_of_sample_is_said(tmp_path: Path, parts: EvidenceParts) -> None:
    table = parts.tables["predictions"]
    case = case_from_folder(parts.with_table("predictions", table[table["part"] != "test"]).write(tmp_path))
    assert case.meta is None
    assert case.evidence_problems == [
        "predictions.parquet has no row of part test: nothing was predicted out of sample"
    ]


def test_forecasts_that_are_no_numbers_are_missing_ones(tmp_path: Path, parts: EvidenceParts) -> None:
    table = parts.tables["predictions"].copy()
    test = table.index[table["part"] == "test"]
    table.loc[test[::500], "p_1"] = np.inf
    result = run_check("PR001", case_from_folder(parts.with_table("predictions", table).write(tmp_path)))
    assert result.outcome == "refused"
    assert f"{len(test[::500])} of {len(test)} test rows have no forecast (p_1)" in result.explanation


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.inf, "column p_1 is no finite number in 40 of {all} rows, first inf for"),
        (np.nan, None),
        ("high", "high for"),
    ],
)
def test_inner_rows_without_a_forecast_among_those_that_have_one_are_named(
    tmp_path: Path, parts: EvidenceParts, value: float | str, what: str | None
) -> None:
    table = parts.tables["predictions"].copy()
    inner = table.index[table["part"] == "inner"]
    table["p_1"] = table["p_1"].astype(object if isinstance(value, str) else "float64")
    table.loc[inner[100:140], "p_1"] = value
    table["p_1"] = table["p_1"].astype(str) if isinstance(value, str) else table["p_1"]
    result = run_check("PR001", case_from_folder(parts.with_table("predictions", table).write(tmp_path)))
    assert result.outcome == "refused"
    assert f"40 of {len(inner)} inner rows have no forecast (p_1), first {table.loc[inner[100], 'time']}" in (
        result.explanation
    )
    if what is not None:
        assert what.format(all=len(table)) in result.explanation


def test_inner_rows_of_which_none_has_a_forecast_break_no_form(tmp_path: Path, parts: EvidenceParts) -> None:
    table = parts.tables["predictions"].copy()
    forecasts = [name for name in table.columns if name.startswith("p_")]
    table.loc[table["part"] == "inner", forecasts] = np.nan
    assert not case_from_folder(parts.with_table("predictions", table).write(tmp_path)).document_findings


def test_fits_that_say_nothing_about_themselves_are_no_crash(tmp_path: Path, parts: EvidenceParts) -> None:
    table = parts.tables["preprocessing"]
    hollow = table.assign(**{name: None for name in table.columns if name != "fold"})
    report = run_gate(IMPORTED, case_from_folder(parts.with_table("preprocessing", hollow).write(tmp_path)), Policy())
    assert not [each for each in report.results if "could not be completed" in each.explanation]


def test_words_and_row_numbers_beside_the_columns_change_nothing(tmp_path: Path, parts: EvidenceParts) -> None:
    more = parts
    for name, table in parts.tables.items():
        more = more.with_table(name, table.assign(**{"Unnamed: 0": range(len(table))}))
    more = more.with_table("features", more.tables["features"].assign(note="x"))
    plain = run_gate(IMPORTED, case_from_folder(parts.write(tmp_path / "a")), Policy())
    found = run_gate(IMPORTED, case_from_folder(more.write(tmp_path / "b")), Policy())
    assert [(each.code, each.outcome) for each in found.results] == [
        (each.code, each.outcome) for each in plain.results
    ]


def test_features_may_have_the_names_of_other_columns(tmp_path: Path, parts: EvidenceParts) -> None:
    names = {"f0": "close", "f1": "label", "f2": "position", "f3": "signal"}
    renamed = parts.with_table("features", parts.tables["features"].rename(columns=names))
    result = run_check("LK006", case_from_folder(renamed.write(tmp_path)))
    assert result.outcome == "passed", result.explanation


def test_split_may_be_the_fold_or_the_part(tmp_path: Path, parts: EvidenceParts) -> None:
    table = parts.tables["predictions"]
    by_part = read_folder(
        parts.with_table("predictions", table.rename(columns={"part": "split"})).write(tmp_path / "a")
    )
    by_fold = read_folder(
        parts.with_table("predictions", table.rename(columns={"fold": "split"})).write(tmp_path / "b")
    )
    for found in (by_part, by_fold):
        assert not found.findings
        assert found.tables["predictions"]["part"].equals(table["part"])
        assert found.tables["predictions"]["fold"].equals(table["fold"])


def test_labels_that_are_left_out_are_computed_from_the_closes(tmp_path: Path, parts: EvidenceParts) -> None:
    whole = case_from_folder(parts.write(tmp_path / "whole")).predictions
    table = parts.tables["predictions"].drop(columns=["label", "label_end", "forward_return"])
    case = case_from_folder(parts.with_table("predictions", table).write(tmp_path / "bare"))
    assert whole is not None
    assert case.predictions is not None
    assert case.imported is not None
    for column in ("label", "forward_return"):
        both = whole[column].notna() & case.predictions[column].notna()
        assert both.mean() > 0.9
        assert np.allclose(whole.loc[both, column], case.predictions.loc[both, column], atol=1e-6)
    assert any("computed from the closes" in note for note in case.imported.notes)
    outcomes = {code: run_check(code, case).outcome for code in ("DQ007", "OF003", "OF008")}
    assert outcomes["DQ007"] == "passed"
    assert "label" not in run_check("OF003", case).explanation or outcomes["OF003"] == "passed"


def test_folds_whose_training_is_not_told_are_no_accusation(tmp_path: Path, parts: EvidenceParts) -> None:
    predictions = parts.tables["predictions"]
    bare = EvidenceParts(
        {name: value for name, value in parts.meta.items() if name != "folds"},
        [],
        {"predictions": predictions[predictions["part"] != "train"], "market": parts.tables["market"]},
    )
    folder = bare.write(tmp_path)
    (folder / "folds.yaml").unlink(missing_ok=True)
    case = case_from_folder(folder)
    for code in ("LK004", "DQ004"):
        told = run_check(code, case)
        assert told.outcome == "not_enough_evidence", told.explanation
        assert "later model" not in told.explanation
        assert "0 training rows" not in " ".join([told.explanation, *told.evidence])


@pytest.mark.parametrize(("fold", "what"), [(-4.0, "below 0"), (0.5, "not a whole number"), (1e300, "not a whole")])
def test_fold_numbers_that_are_none_are_named_with_column_and_row(
    tmp_path: Path, parts: EvidenceParts, fold: float, what: str
) -> None:
    table = parts.tables["predictions"].astype({"fold": "float64"})
    table.loc[table.index[7:10], "fold"] = fold
    case = case_from_folder(parts.with_table("predictions", table).write(tmp_path))
    (finding,) = case.document_findings
    assert (finding.file, finding.pointer) == ("predictions.parquet", "/fold")
    assert what in finding.message
    assert f"in 3 of {len(table)} rows, first in row 7: {fold:g}" in finding.message
