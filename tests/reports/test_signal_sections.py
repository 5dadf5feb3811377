"""Horizons, rules, classes, risk and luck of a report against sums done by hand or by another route."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crypto_team.reports.chance import chance
from crypto_team.reports.classes import class_rows
from crypto_team.reports.horizons import horizon_rows, horizons_of
from crypto_team.reports.luck import TrialLedger, luck
from crypto_team.reports.report_data import ReportData
from crypto_team.reports.risk import risk, trade_profile
from crypto_team.reports.rule_grid import rule_grid
from crypto_team.trading.baselines import shifted
from crypto_team.validation import metrics
from crypto_team.validation.market_moves import moves_ahead
from crypto_team.validation.random_strategies import random_daily

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


def test_the_copy_of_a_pair_adds_no_certainty(evidence: Any) -> None:
    single = evidence.tables.predictions.query("pair == 'BTC/USDT'")
    market = evidence.tables.market.query("pair == 'BTC/USDT'")
    copies = ["BTC/USDT", "B/USDT", "C/USDT"]
    (alone, *_), (thrice, *_) = (
        horizon_rows(
            evidence.meta,
            pd.concat([single.assign(pair=name) for name in names]),
            pd.concat([market.assign(pair=name) for name in names]),
        )
        for names in (copies[:1], copies)
    )
    assert thrice.rows == 3 * alone.rows
    assert thrice.rank_information_coefficient == pytest.approx(alone.rank_information_coefficient)
    assert (thrice.low, thrice.high) == pytest.approx((alone.low, alone.high), rel=1e-6)


def test_pairs_of_their_own_do_add_certainty(evidence: Any) -> None:
    predictions, market = evidence.tables.predictions, evidence.tables.market
    both, *_ = horizon_rows(evidence.meta, predictions, market)
    one, *_ = horizon_rows(evidence.meta, predictions.query("pair == 'BTC/USDT'"), market)
    assert both.high - both.low == pytest.approx((one.high - one.low) / np.sqrt(2.0), rel=0.15)


def test_random_strategies_are_single_ones_and_not_their_mean(evidence: Any) -> None:
    tables = evidence.tables
    days, daily = metrics.daily_returns(tables.predictions)
    found = chance(evidence.meta, tables.predictions, tables.market, days, daily)
    test = metrics.out_of_sample_rows(tables.predictions).sort_values(["pair", "time"])
    following = moves_ahead(test, tables.market, 1, HOUR)
    _, each = random_daily(test, following, evidence.meta.cost_bps_per_side, seed=evidence.meta.random_seed)
    mean = metrics.sharpe(each.mean(axis=1), periods_per_year=365.0)
    assert found.sharpe_low < found.sharpe < found.sharpe_high
    assert abs(mean) > 1.5 * abs(found.sharpe)
    assert each.std(axis=0).mean() > 1.5 * each.mean(axis=1).std()
    assert found.max_drawdown_low <= found.max_drawdown <= found.max_drawdown_high < 0.0
    assert (found.band[:, 0] <= found.band[:, 1]).all()
    assert found.beaten == 1.0


def test_a_strategy_without_timing_is_one_of_the_random_ones(evidence: Any) -> None:
    tables, rng = evidence.tables, np.random.default_rng(5)
    shares = []
    for _ in range(12):
        moved = tables.predictions.copy()
        rows = moved["part"] == "test"
        held = moved[rows].groupby("pair")["position"]
        share = rng.random()
        moved.loc[rows, "position"] = held.transform(lambda values, at=share: shifted(values.to_numpy(), at))
        step = moves_ahead(moved[rows], tables.market, 1, HOUR)
        moved.loc[rows, "return_net"] = moved.loc[rows, "position"] * step
        days, daily = metrics.daily_returns(moved)
        free = evidence.meta.model_copy(update={"cost_bps_per_side": 0.0})
        shares.append(chance(free, moved, tables.market, days, daily).beaten)
    assert 0.2 < np.mean(shares) < 0.8


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
    assert [alone.haircut_bonferroni, alone.haircut_holm, alone.haircut_bhy] == pytest.approx([alone.sharpe] * 3)


def test_trials_without_a_ratio_are_tries_too() -> None:
    daily = np.random.default_rng(5).normal(0.0015, 0.01, 800)
    known = (0.01, -0.02)
    few, many, most = (luck(daily, TrialLedger(count, known)) for count in (3, 20, 500))
    for name in ("haircut_bonferroni", "haircut_holm", "haircut_bhy"):
        assert few.sharpe > getattr(few, name) > getattr(many, name) > getattr(most, name) >= 0.0
    # Of the best of all, Holm's method takes as much as Bonferroni's, and the third one more.
    assert many.haircut_holm == pytest.approx(many.haircut_bonferroni)
    assert many.haircut_bhy < many.haircut_holm
    p = 2.0 * stats.t.sf(many.sharpe * np.sqrt(800 / 365.0), 799)
    assert many.haircut_holm == pytest.approx(stats.t.isf(20 * p / 2.0, 799) / np.sqrt(800 / 365.0))


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


def test_trials_without_a_ratio_count_in_every_haircut() -> None:
    daily = np.random.default_rng(3).normal(0.0015, 0.01, 800)
    few, many = (luck(daily, TrialLedger(n_trials, (0.01, 0.02))) for n_trials in (3, 53))
    assert few.sharpe == many.sharpe
    for name in ("haircut_bonferroni", "haircut_holm", "haircut_bhy"):
        assert getattr(many, name) < getattr(few, name) - 0.1
    # A ratio that beats all others: Holm's first step is Bonferroni's.
    assert many.haircut_holm == pytest.approx(many.haircut_bonferroni, abs=0.02)


def test_nothing_is_left_of_a_loss_by_any_haircut() -> None:
    daily = np.random.default_rng(1).normal(-0.0005, 0.01, 800)
    found = luck(daily, TrialLedger(3, (0.09, 0.1)))
    assert found.sharpe < 0.0
    assert np.isnan([found.haircut_bonferroni, found.haircut_holm, found.haircut_bhy]).all()


def test_a_booked_run_is_not_its_own_competitor(data: ReportData) -> None:
    daily = data.daily["strategy"].to_numpy()
    own = luck(daily, TrialLedger(1, ())).sharpe / np.sqrt(365.0)
    booked, apart = (luck(daily, TrialLedger(3, known)) for known in ((own, 0.01, 0.02), (0.01, 0.02)))
    assert booked.haircut_holm == pytest.approx(apart.haircut_holm)
    assert booked.haircut_bhy == pytest.approx(apart.haircut_bhy)
    assert booked.haircut_holm >= booked.haircut_bonferroni - 1e-9
    alone = luck(daily, TrialLedger(1, (own,)))
    assert alone.haircut_holm == pytest.approx(alone.sharpe)
