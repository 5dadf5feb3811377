"""Forecasts that the stated features cannot give are told from honest ones by fitting anew, walking forward."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from crypto_team.gates import policy as _all_checks  # noqa: F401 - fills the table
from crypto_team.gates.corpus.evidence_honest import study
from crypto_team.gates.corpus.evidence_market import Design
from crypto_team.gates.corpus.evidence_parts import EvidenceParts
from crypto_team.gates.imported.case import case_from_folder
from crypto_team.gates.registry import run_check

NAMES = [f"f{number}" for number in range(12)]


def in_sample(parts: EvidenceParts) -> EvidenceParts:
    """Let one model that was fitted on every row, tests included, forecast all inner and test rows that it can."""
    table = parts.tables["predictions"].merge(parts.tables["features"], on=["time", "pair"], how="left")
    known = table["label"].notna() & table["f0"].notna()
    model = HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=15, early_stopping=False, random_state=0)
    model.fit(table.loc[known, NAMES], table.loc[known, "label"])
    there = (table["part"] != "train") & table["f0"].notna()
    told = pd.Series(model.predict_proba(table[NAMES])[:, 1], table.index)
    table["p_1"] = table["p_1"].where(~there, told)
    table["p_0"] = 1.0 - table["p_1"]
    return parts.with_table("predictions", table.drop(columns=NAMES))


@pytest.mark.parametrize("classes", [0, 2])
def test_honest_forecasts_can_be_had_again(tmp_path: Path, classes: int) -> None:
    parts = study(Design(pairs=2, trials=1, classes=classes), 12).parts
    result = run_check("LK008", case_from_folder(parts.write(tmp_path)))
    assert result.outcome == "passed"
    assert "fitted anew, the stated features rank forward returns with 0." in result.explanation


def test_a_fit_on_the_test_rows_themselves_is_refused_on_noise(tmp_path: Path) -> None:
    noise = study(Design(pairs=2, trials=1, edge=0.0), 12).parts
    assert run_check("LK008", case_from_folder(noise.write(tmp_path / "a"))).outcome == "passed"
    result = run_check("LK008", case_from_folder(in_sample(noise).write(tmp_path / "b")))
    assert result.outcome == "refused"
    assert "what was known then gives no such forecasts" in result.explanation


def test_without_enough_rows_of_features_nothing_is_asked(tmp_path: Path) -> None:
    parts = study(Design(pairs=2, trials=1), 12).parts
    few = parts.with_table("features", parts.tables["features"].iloc[:200])
    result = run_check("LK008", case_from_folder(few.write(tmp_path)))
    assert result.outcome == "passed"
    assert "fitted anew" not in result.explanation


def test_a_curved_edge_is_found_by_the_trees(tmp_path: Path) -> None:
    """What no line sees is no fault of who saw it."""
    parts = study(Design(pairs=2, trials=1, edge=0.0), 12).parts
    features = parts.tables["features"].copy()
    rows = parts.tables["predictions"].drop_duplicates(["time", "pair"])
    ahead = features[["time", "pair"]].merge(rows[["time", "pair", "forward_return"]], how="left")["forward_return"]
    lean = np.sign(np.nan_to_num(ahead.to_numpy()))
    rng = np.random.default_rng(2)
    side = np.where(rng.random(len(features)) < 0.35, lean, rng.choice([-1.0, 1.0], len(features)))
    # Whether the two have the same sign tells the direction; neither tells anything alone.
    features["f1"] = np.abs(features["f1"]) * side * np.sign(features["f0"])
    table = parts.tables["predictions"].merge(features[["time", "pair", "f0", "f1"]], on=["time", "pair"], how="left")
    told = 0.5 + 0.1 * np.sign(table["f0"] * table["f1"])
    table["p_1"] = told.fillna(0.5)
    table["p_0"] = 1.0 - table["p_1"]
    made = parts.with_table("features", features).with_table("predictions", table.drop(columns=["f0", "f1"]))
    result = run_check("LK008", case_from_folder(made.write(tmp_path)))
    assert result.outcome == "passed", result.explanation
