from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates.calibration import _Forecasts, _measured
from crypto_team.reports import regimes
from crypto_team.reports.confidence import calibration, reliability, wilson
from crypto_team.reports.limitations import limitations
from crypto_team.reports.luck import TrialLedger, luck
from crypto_team.reports.report_data import ReportData, report_data
from crypto_team.validation import clusters, metrics, scores, significance
from crypto_team.validation.clock import milliseconds


def test_headline_numbers_are_those_of_the_validation_layer(evidence: Any, data: ReportData) -> None:
    stated = {key: data.numbers[f"out_of_sample.{key}"] for key in metrics.summary(evidence.tables.predictions)}
    assert stated == metrics.summary(evidence.tables.predictions)


def test_each_fold_is_measured_on_its_own_test_rows(evidence: Any, data: ReportData) -> None:
    predictions = evidence.tables.predictions
    for row in data.folds:
        rows = predictions[(predictions["fold"] == row.fold) & (predictions["part"] == "test")]
        assert row.auc == scores.skill(rows)["auc"]
        assert row.total_return == metrics.total_return(metrics.daily_returns(rows)[1])


def test_pairs_sum_to_twice_the_equal_weight_return_of_two_pairs(data: ReportData) -> None:
    assert sum(row.net_return for row in data.pairs) == pytest.approx(2.0 * float(data.daily["strategy"].sum()))


def test_every_baseline_has_a_daily_column_after_the_strategy(data: ReportData) -> None:
    assert list(data.daily.columns) == ["strategy", "buy_and_hold", "ma_cross", "previous_sign", "random"]
    assert [row.name for row in data.baselines] == list(data.daily.columns[1:])


def test_importances_are_averaged_over_all_folds_with_zero_where_a_feature_was_dropped(
    evidence: Any, data: ReportData
) -> None:
    table = evidence.tables.importances
    last = next(row for row in data.importances if row.feature == "ema_ratio_12_48")
    assert last.folds_used == 2
    assert last.mean == pytest.approx(table.loc[table["feature"] == last.feature, "value"].sum() / 5)
    means = [row.mean for row in data.importances]
    assert means == sorted(means, reverse=True)


def test_noise_rows_say_how_much_skill_survives(data: ReportData) -> None:
    assert data.overfitting.noise_skill_kept == pytest.approx(0.9)


def test_regimes_partition_the_test_days_and_the_profit(data: ReportData) -> None:
    for group in ("volatility", "trend"):
        rows = [row for row in data.regimes if row.group == group]
        assert sum(row.days for row in rows) == data.performance.days
        assert sum(row.net_return for row in rows) == pytest.approx(float(data.daily["strategy"].sum()))


def test_the_regime_of_a_day_does_not_change_when_that_day_and_the_future_change(evidence: Any) -> None:
    market = evidence.tables.market
    cut = market["time"].iloc[24 * 100]
    other = market.copy()
    later = other["time"] >= cut
    other.loc[later, "close"] *= np.random.default_rng(0).lognormal(0.0, 0.3, int(later.sum()))
    day = cut.tz_localize(None).floor("D")
    before = regimes.market_regimes(market).loc[:day]
    assert before.equals(regimes.market_regimes(other).loc[:day])
    assert before["volatility"].notna().any()


def test_the_trend_of_one_market_is_that_of_its_closes() -> None:
    days = pd.date_range("2022-01-01", periods=400, freq="D", tz="UTC")
    close = pd.Series(np.exp(np.cumsum(np.random.default_rng(2).normal(0.0, 0.06, days.size))))
    table = regimes.market_regimes(pd.DataFrame({"time": days, "pair": "X/USD", "close": close}))
    above = (close > close.rolling(20).mean()).shift(1)[20:]
    assert np.array_equal(table["trend"].to_numpy()[20:], above.to_numpy().astype(float))


def test_days_without_enough_history_get_a_row_of_their_own(evidence: Any) -> None:
    market = evidence.tables.market
    short = market[market["time"] < market["time"].min() + np.timedelta64(30, "D")]
    days = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-01-31"))
    rows = regimes.regime_rows(short, days, np.full(days.size, 0.01))
    assert {row.name: row.days for row in rows if row.group == "volatility"}["unknown"] == 30


def test_reliability_bins_hold_every_row_once_and_match_the_calibration_error() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.0, 1.0, 5000)
    p[:5] = [0.0, 0.1, 0.3, 0.7, 1.0]
    y = (rng.uniform(0.0, 1.0, 5000) < p**2).astype(float)
    bins = reliability(p, y)
    assert sum(one.rows for one in bins) == 5000
    error = sum(one.rows * abs(one.forecast - one.observed) for one in bins) / 5000
    assert error == pytest.approx(scores.ece(p, y))


def test_intervals_of_bins_count_labels_that_overlap_once() -> None:
    rng = np.random.default_rng(2)
    p = np.repeat(rng.random(80), 12)
    y = (np.repeat(rng.random(80), 12) < p).astype(float)
    start = np.arange(960) * 3_600_000
    alone = reliability(p[::12], y[::12], (start[::12], start[::12] + 1))
    # The same forecasts and outcomes twelve times over the same twelve hours.
    begin = np.repeat(start[::12], 12)
    together = reliability(p, y, (begin, begin + 12 * 3_600_000))
    assert [each.rows for each in together] == [12 * each.rows for each in alone]
    for one, many in zip(alone, together, strict=True):
        assert (many.low, many.high) == pytest.approx((one.low, one.high))
    assert reliability(p, y)[0].high - reliability(p, y)[0].low < 0.5 * (alone[0].high - alone[0].low)


def test_wilson_interval_agrees_with_the_published_example() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81 of 263.
    low, high = wilson(81 / 263, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_luck_uses_every_trial_of_the_ledger() -> None:
    rng = np.random.default_rng(11)
    daily = rng.normal(0.001, 0.01, 400)
    ratios = tuple(float(value) for value in rng.normal(0.0, 0.08, 200))
    found = luck(daily, TrialLedger(200, ratios))
    sample = significance.moments(daily)
    assert found.deflated_sharpe_ratio == significance.deflated_sharpe_ratio(
        sample.sharpe,
        n=400,
        skew=sample.skew,
        kurtosis=sample.kurtosis,
        n_trials=200,
        variance=float(np.var(ratios, ddof=1)),
    )
    assert found.deflated_sharpe_ratio < luck(daily, TrialLedger(1, ratios[:1])).deflated_sharpe_ratio


def test_without_known_trials_luck_is_that_of_no_skill() -> None:
    daily = np.random.default_rng(2).normal(0.001, 0.01, 366)
    found = luck(daily, TrialLedger(50))
    assert found.expected_maximum == pytest.approx(
        significance.expected_maximum_sharpe(50, 1.0 / 365.0) * math.sqrt(365.0)
    )


def test_the_same_evidence_gives_the_same_numbers(evidence: Any, trials: TrialLedger, data: ReportData) -> None:
    assert report_data(evidence.meta, evidence.tables, trials).numbers == data.numbers


def test_a_strategy_that_never_trades_is_reported_without_an_error(evidence: Any, trials: TrialLedger) -> None:
    idle = evidence.tables.predictions.copy()
    for column in ("position", "return_gross", "return_net"):
        idle.loc[idle["part"] == "test", column] = 0.0
    tables = type(evidence.tables)(**{**vars(evidence.tables), "predictions": idle})
    found = report_data(evidence.meta, tables, trials)
    assert found.out_of_sample.n_trades == 0
    assert math.isnan(found.performance.sharpe)
    told = limitations(evidence.meta, found)
    (idle_line,) = [line for line in told if "never traded" in line]
    entry = evidence.meta.signal.entry_threshold
    assert f"never reached the entry threshold {entry:.3f}" in idle_line
    assert not any("n/a" in line or "Only 0 trades" in line for line in told)


def test_limitations_speak_only_when_they_apply(evidence: Any, data: ReportData) -> None:
    proven = replace(data, luck=replace(data.luck, deflated_sharpe_ratio=0.99, minimum_track_record_days=10.0))
    assert not any("deflated Sharpe ratio is" in line for line in limitations(evidence.meta, proven))
    lucky = replace(data, luck=replace(data.luck, deflated_sharpe_ratio=0.41, n_trials=1000))
    assert any("1,000 trials" in line and "0.410" in line for line in limitations(evidence.meta, lucky))


def test_the_interval_of_the_calibration_slope_is_that_of_the_gate_up_to_its_level(evidence: Any) -> None:
    predictions = evidence.tables.predictions
    test = predictions[predictions["part"] == "test"]
    p, y = scores.events(test)
    times, folds = milliseconds(test["time"]), test["fold"].to_numpy(dtype=np.int64)
    told = _Forecasts(p, y, times, folds)
    found, gate = calibration(predictions), _measured(told, clusters.time_blocks(times, 0))
    assert found.slope == gate.slope
    assert gate.low < found.slope_low < found.slope < found.slope_high < gate.high
    assert found.slope_high - found.slope == pytest.approx(found.slope - found.slope_low)


def test_pairs_that_repeat_each_other_leave_the_interval_of_the_slope_as_wide(evidence: Any) -> None:
    predictions = evidence.tables.predictions
    twin = pd.concat([predictions, predictions.assign(pair=predictions["pair"] + "X")], ignore_index=True)
    alone, repeated = calibration(predictions), calibration(twin)
    assert repeated.slope_high - repeated.slope_low == pytest.approx(alone.slope_high - alone.slope_low, rel=1e-6)


def test_a_slope_that_may_be_one_is_not_called_wrong(evidence: Any, data: ReportData) -> None:
    def told(low: float, high: float) -> str:
        changed = replace(data.calibration, slope=0.3, slope_low=low, slope_high=high)
        found = limitations(evidence.meta, replace(data, calibration=changed))
        return next(line for line in found if "calibration slope" in line)

    assert "are too bold" in told(0.1, 0.5)
    assert "may be too bold" in told(-0.6, 1.2)
    assert "-0.60 to 1.20" in told(-0.6, 1.2).replace("\N{MINUS SIGN}", "-")


def test_a_calibration_that_made_probabilities_worse_is_told(evidence: Any, trials: TrialLedger) -> None:
    def told(calibrated: Any) -> list[str]:
        table = evidence.tables.predictions.copy()
        # Outcomes that come as often as is forecast: what the raw probabilities say is right.
        chance = np.clip(table["p_raw_1"], 0.2, 0.8)
        table["label"] = (np.random.default_rng(3).random(len(table)) < chance).astype(float)
        table["p_raw_1"], table["p_1"] = chance, calibrated(chance)
        for kind in ("p_raw", "p"):
            table[f"{kind}_0"] = 1.0 - table[f"{kind}_1"]
        found = type(evidence.tables)(**{**vars(evidence.tables), "predictions": table})
        data = report_data(evidence.meta, found, trials)
        assert data.calibration.brier != data.calibration.brier_raw
        return [line for line in limitations(evidence.meta, data) if "Calibration made" in line]

    (line,) = told(lambda p: 0.5 + 0.1 * (p - 0.5))
    assert "before" in line
    assert not told(lambda p: 0.5 + 0.98 * (p - 0.5))


def test_a_ratio_that_is_not_positive_needs_no_number_of_days(evidence: Any, data: ReportData) -> None:
    short = replace(data.luck, sharpe=1.0, minimum_track_record_days=9_000.0, n_days=200)
    lines = list(limitations(evidence.meta, replace(data, luck=short)))
    assert any("200 days is shorter than the 9,000 days" in line for line in lines)
    never = replace(short, sharpe=-0.2, minimum_track_record_days=float("inf"))
    lines = list(limitations(evidence.meta, replace(data, luck=never)))
    assert any("no record, however long" in line for line in lines)
    assert not any("\N{INFINITY}" in line for line in lines)
