"""Every kind of target from its definition to checked evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates.run import run_check
from crypto_team.roles import ledgers, publishing, records, reporting, training
from crypto_team.roles.cases import gather
from crypto_team.tools.session import open_session
from tests.roles.conftest import Desk

KINDS: dict[str, dict[str, Any]] = {
    "n_class": {"preset": "5_class"},
    "volatility_scaled": {"threshold_sigma": [-0.4, 0.4]},
    "triple_barrier": {},
    "meta_label": {"side_feature": "trend"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_is_trained_and_its_evidence_recomputes(desk: Desk, kind: str) -> None:
    strategy_id = desk.designed()
    desk.use(
        "ml_engineer.add-feature",
        strategy_id=strategy_id,
        formula=["sma(close, 24) / sma(close, 96) - 1"],
        name="trend",
    )
    desk.use("ml_engineer.define-target", strategy_id=strategy_id, kind=kind, horizon="12", **KINDS[kind])
    desk.use("ml_engineer.set-labels", strategy_id=strategy_id, label_weights="uniqueness", also_horizon=["4", "2d"])
    desk.use("ml_engineer.set-split", strategy_id=strategy_id, anchor="end")
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    session = open_session(desk.folder, "ml_engineer")
    spec = records.ml_spec(session, strategy_id)
    assert spec.target is not None
    assert spec.target.horizon_set == [4, 48]
    assert spec.model.training.anchor == "end"
    assert sum(spec.target.class_balance) == pytest.approx(1.0, abs=1e-4)
    evidence = publishing.stored_evidence(session, strategy_id)
    predictions = evidence.tables.predictions
    test = predictions[predictions["part"] == "test"]
    assert test["signal"].between(0.0, 1.0).mean() > 0.99
    case = gather(session, strategy_id, with_replay=False)
    for code in ("DQ007", "DQ008", "LK004", "LK005", "LK008"):
        result = run_check(code, case)
        assert result.outcome == "passed", f"{code}: {result.evidence}"
    found = reporting.data(evidence, ledgers.ledger_view(session))
    (chosen,) = [row for row in found.rules.rows if row.chosen]
    assert chosen.sharpe == pytest.approx(found.performance.sharpe, nan_ok=True)
    assert chosen.n_trades == found.out_of_sample.n_trades
    assert [row.bars for row in found.horizons] == [1, 3, 4, 6, 12, 24, 48]
    assert {row.name for row in found.baselines} >= {"buy_and_hold", "simple_model"}
    if kind == "meta_label":
        declined = test["p_1"].to_numpy() <= 0.5
        assert (test["signal"].to_numpy()[declined] == 0.5).all()
        long = test["side"].to_numpy() > 0
        assert (test["signal"].to_numpy()[~declined & long] > 0.5).all()
        assert np.isnan(test["label"].to_numpy()[test["side"].to_numpy() == 0]).all()
    if kind in {"triple_barrier", "meta_label"}:
        spans = (test["label_end"] - test["time"]).dt.total_seconds() / 3600
        assert spans.min() < 12
        assert spans.max() == 12


def test_the_side_of_a_meta_label_is_recomputed(desk: Desk) -> None:
    from dataclasses import replace

    strategy_id = desk.designed()
    desk.use(
        "ml_engineer.add-feature",
        strategy_id=strategy_id,
        formula=["sma(close, 24) / sma(close, 96) - 1"],
        name="trend",
    )
    desk.use(
        "ml_engineer.define-target", strategy_id=strategy_id, kind="meta_label", horizon="12", side_feature="trend"
    )
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    case = gather(open_session(desk.folder, "ml_engineer"), strategy_id, with_replay=False)
    assert case.predictions is not None
    turned = case.predictions.assign(side=-case.predictions["side"])
    assert run_check("DQ007", case).outcome == "passed"
    assert run_check("DQ007", replace(case, predictions=turned)).outcome == "refused"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"kind": "direction", "preset": "3_class"}, "n_class"),
        ({"kind": "n_class"}, "thresholds_bps"),
        ({"kind": "n_class", "threshold_bps": [float("nan")]}, "finite number"),
        ({"kind": "n_class", "threshold_bps": [-20.0, float("inf")]}, "finite number"),
        ({"kind": "volatility_scaled", "threshold_sigma": [float("nan")]}, "finite number"),
        ({"kind": "meta_label"}, "side_feature"),
        ({"kind": "n_class", "preset": "3_class", "threshold_bps": [1.0]}, "preset"),
        ({"kind": "direction", "horizon": "0"}, "at least one bar"),
    ],
)
def test_a_target_that_cannot_be_is_answered_with_what_to_give(
    designed: Desk, arguments: dict[str, Any], text: str
) -> None:
    outcome = designed.try_("ml_engineer.define-target", strategy_id="STR-001", **arguments)
    assert outcome.exit_code == 2
    assert text in f"{outcome.summary} {outcome.findings}"


def test_the_answer_names_all_horizons_that_are_labelled(designed: Desk) -> None:
    told = designed.use("ml_engineer.set-labels", strategy_id="STR-001", also_horizon=["24", "1h", "1d", "12"])
    assert "horizons in bars: 12, 1, 24;" in told.summary


def test_a_meta_label_without_its_feature_names_the_feature(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.define-target", strategy_id=strategy_id, kind="meta_label", side_feature="absent")
    outcome = desk.try_("ml_engineer.train", strategy_id=strategy_id)
    assert not outcome.ok
    assert "absent" in f"{outcome.summary} {outcome.findings}"


def test_an_exported_meta_label_says_what_the_evidence_says(desk: Desk) -> None:
    from crypto_team.freqtrade.runtime import load_bundle

    strategy_id = desk.designed(param=["l2=0.05"], calibration="ordered_platt")
    desk.use("ml_engineer.add-feature", strategy_id=strategy_id, formula=["roc(close, 48)"], name="trend")
    desk.use(
        "ml_engineer.define-target", strategy_id=strategy_id, kind="meta_label", horizon="12", side_feature="trend"
    )
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    tables = publishing.stored_evidence(open_session(desk.folder, "ml_engineer"), strategy_id).tables
    bars = tables.market.rename(columns={"time": "date"})
    told = load_bundle(desk.layout.model_dir(strategy_id)).signals(bars, "EDGE/USD")
    test = tables.predictions[tables.predictions["part"] == "test"]
    at = np.searchsorted(bars["date"], test["time"])
    assert np.allclose(told["signal"].to_numpy()[at], test["signal"].to_numpy(), rtol=0, atol=1e-12)
    assert (test["signal"] < 0.5).any()
    assert (test["signal"] > 0.5).any()


def test_a_regression_is_calibrated_unless_it_is_told_not_to_be(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.define-target", strategy_id=strategy_id, kind="return", horizon="12")
    chosen = desk.use("ml_engineer.set-model", strategy_id=strategy_id, model="ridge")
    assert "shrunk calibration" in chosen.summary
    desk.use("ml_engineer.train", strategy_id=strategy_id)
    session = open_session(desk.folder, "ml_engineer")
    evidence = publishing.stored_evidence(session, strategy_id)
    assert evidence.meta.calibration == "shrunk"
    assert {"expected_raw_bps", "expected_bps"} <= set(evidence.tables.predictions)
    assert "calibration: shrunk" in records.ml_spec(session, strategy_id).model.architecture
    case = gather(session, strategy_id, with_replay=False)
    assert {code: run_check(code, case).outcome for code in ("LK005", "LK008", "PR004")} == {
        "LK005": "passed", "LK008": "passed", "PR004": "passed"
    }  # fmt: skip
    desk.use("ml_engineer.report", strategy_id=strategy_id)
    report = desk.layout.ml_report(strategy_id).read_text(encoding="utf-8")
    assert "| calibration | shrunk, of expected returns |" in report
    assert "Slope of realised on expected, 95 % interval" in report
    plain = desk.use("ml_engineer.set-model", strategy_id=strategy_id, model="ridge", calibration="none")
    assert "no calibration" in plain.summary


def test_maps_of_probabilities_are_refused_for_a_regression_when_they_are_chosen(desk: Desk) -> None:
    strategy_id = desk.designed()
    desk.use("ml_engineer.define-target", strategy_id=strategy_id, kind="return", horizon="12")
    outcome = desk.try_("ml_engineer.set-model", strategy_id=strategy_id, model="ridge", calibration="platt")
    assert outcome.exit_code == 2
    assert "platt calibrates probabilities" in outcome.summary
    assert "--calibration shrunk" in outcome.next[0]


@pytest.mark.parametrize(
    ("kind", "signals", "step"),
    [
        ("meta_label", [0.5, 0.5], "set-labels STR-001 --profit-sigma 0.5"),
        ("triple_barrier", [0.32, 0.39], "set-signal STR-001 --entry P"),
        ("direction", [0.5, 0.5], "add-feature STR-001 --set standard"),
    ],
)
def test_what_may_let_an_idle_strategy_act_is_not_an_entry_that_nothing_reaches(
    designed: Desk, kind: str, signals: list[float], step: str
) -> None:
    spec = records.ml_spec(open_session(designed.folder, "ml_engineer"), "STR-001")
    assert spec.target is not None
    spec = spec.model_copy(update={"target": spec.target.model_copy(update={"kind": kind})})
    rows = pd.DataFrame({"part": ["inner", "test", "test"], "signal": [0.9, *signals]})
    assert training.what_helps_idle(spec, rows) == f"crypto-team ml-engineer {step}"
