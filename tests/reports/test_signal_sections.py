"""Horizons, rules, classes, risk and luck of a report against sums done by hand or by another route."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crypto_team.reports.classes import class_rows
from crypto_team.reports.horizons import horizon_rows, horizons_of
from crypto_team.reports.luck import TrialLedger, luck
from crypto_team.reports.report_data import ReportData
from crypto_team.reports.risk import risk, trade_profile
from crypto_team.reports.rule_grid import rule_grid
from crypto_team.validation.market_moves import moves_ahead

HOUR = 3_600_000


def test_knowledge_decays_with_the_horizon_where_only_the_next_bar_is_known(evidence: Any) -> None:
    rows = horizon_rows(evidence.meta, evidence.tables.predictions, evidence.tables.market)
    assert [row.bars for row in rows] == horizons_of(evidence.meta) == [1, 2, 4]
    assert [row.predicted for row in rows] == [True, False, False]
    rank = [row.rank_information_coefficient for row in rows]
    assert rank == sorted(rank, reverse=True)
    test = evidence.tables.predictions.query("part == 'test'")
    assert rank[0] == pytest.approx(stats.spearmanr(test["signal"], test["forward_return"]).statistic, abs=1e-9)
    assert all(row.low < row.rank_information_coefficient < row.high for row in rows)


def test_the_horizon_set_of_the_target_is_measured_too(evidence: Any) -> None:
    target = evidence.meta.target.model_copy(update={"horizon_set": [24, 168]})
    meta = evidence.meta.model_copy(update={"target": target, "horizon_bars": 12})
    assert horizons_of(meta) == [1, 3, 6, 12, 24, 48, 168]


def test_moves_are_unknown_where_the_market_has_no_bar() -> None:
    times = pd.to_datetime([0, HOUR, 3 * HOUR], unit="ms", utc=True)
    market = pd.DataFrame({"time": times, "pair": "A", "close": [1.0, 2.0, 4.0]})
    rows = pd.DataFrame({"time": [times[1], times[0], times[1]], "pair": ["A", "A", "B"]})
    assert moves_ahead(rows, market, 2, HOUR)[0] == pytest.approx(1.0)
    assert np.isnan(moves_ahead(rows, market, 2, HOUR)[1:]).all()


def test_stricter_rules_trade_less_and_the_chosen_one_is_among_them(evidence: Any) -> None:
    grid = rule_grid(evidence.meta, evidence.tables.predictions, evidence.tables.market)
    (chosen,) = [row for row in grid.rows if row.chosen]
    assert chosen.entry == evidence.meta.signal.entry_threshold
    turnover = [row.turnover for row in grid.rows]
    assert turnover == sorted(turnover, reverse=True)
    assert all(row.sharpe < row.gross_sharpe for row in grid.rows if row.n_trades > 10)
    assert 0.0 <= grid.pbo <= 1.0
    assert grid.superiority_p < 0.05


def test_without_an_edge_no_rule_is_superior(evidence: Any) -> None:
    predictions = evidence.tables.predictions.copy()
    rng = np.random.default_rng(2)
    predictions["signal"] = rng.permutation(predictions["signal"].to_numpy())
    meta = evidence.meta.model_copy(update={"cost_bps_per_side": 0.0})
    assert rule_grid(meta, predictions, evidence.tables.market).superiority_p > 0.05


def test_classes_are_counted_as_called(evidence: Any) -> None:
    found = class_rows(evidence.meta, evidence.tables.predictions)
    test = evidence.tables.predictions.query("part == 'test'")
    called, up = test["p_1"] > test["p_0"], test["label"] == 1.0
    assert found.rows[1].precision == pytest.approx((called & up).sum() / called.sum())
    assert found.rows[1].recall == pytest.approx((called & up).sum() / up.sum())
    assert found.rows[0].rows == (~up).sum()
    assert found.accuracy == pytest.approx((called == up).mean())
    assert found.macro_f1 == pytest.approx(np.mean([row.f1 for row in found.rows]))


def test_risk_and_trades_are_those_of_the_returns(evidence: Any, data: ReportData) -> None:
    daily = data.daily["strategy"].to_numpy()
    found = risk(daily)
    assert found.value_at_risk == pytest.approx(np.quantile(daily, 0.05))
    assert found.expected_shortfall <= found.value_at_risk
    profile = trade_profile(evidence.tables.predictions)
    assert profile.trades == data.out_of_sample.n_trades
    assert profile.win_rate == pytest.approx(data.out_of_sample.hit_rate, abs=0.01)
    assert 0.1 <= profile.top_share <= 1.0


def test_more_trials_leave_less_of_a_sharpe_ratio(data: ReportData) -> None:
    daily = data.daily["strategy"].to_numpy()
    ratios = tuple(np.random.default_rng(1).normal(0.0, 0.05, 40).tolist())
    few, many = (luck(daily, TrialLedger(len(part), part)) for part in (ratios[:4], ratios))
    assert few.haircut_bonferroni > many.haircut_bonferroni > 0.0
    assert many.haircut_bonferroni <= many.haircut_holm + 0.1
    assert few.sharpe == many.sharpe > few.haircut_holm
    alone = luck(daily, TrialLedger(1, ()))
    assert np.isnan(alone.haircut_holm)
    assert alone.haircut_bonferroni == pytest.approx(alone.sharpe, rel=0.02)


def test_a_strategy_that_never_trades_still_has_a_report(evidence: Any) -> None:
    signal = evidence.meta.signal.model_copy(update={"entry_threshold": 1.0})
    meta = evidence.meta.model_copy(update={"signal": signal})
    predictions = evidence.tables.predictions.assign(position=0.0, return_net=0.0, return_gross=0.0, signal=0.5)
    grid = rule_grid(meta, predictions, evidence.tables.market)
    assert [row.n_trades for row in grid.rows] == [0]
    assert np.isnan(grid.pbo)
    assert trade_profile(predictions).trades == 0
    assert np.isnan(risk(np.zeros(50)).newey_west_t)
    assert replace(grid, pbo=0.0).pbo == 0.0


def test_a_booked_run_is_not_its_own_competitor(data: ReportData) -> None:
    daily = data.daily["strategy"].to_numpy()
    own = luck(daily, TrialLedger(1, ())).sharpe / np.sqrt(365.0)
    booked, apart = (luck(daily, TrialLedger(3, known)) for known in ((own, 0.01, 0.02), (0.01, 0.02)))
    assert booked.haircut_holm == pytest.approx(apart.haircut_holm)
    assert booked.haircut_bhy == pytest.approx(apart.haircut_bhy)
    assert booked.haircut_holm >= booked.haircut_bonferroni - 1e-9
    assert np.isnan(luck(daily, TrialLedger(1, (own,))).haircut_holm)
