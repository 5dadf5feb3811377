"""All pictures of a report: deterministic SVG files from the numbers of :mod:`crypto_team.reports.report_data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from crypto_team.reports import charts_confidence, charts_folds, charts_proof, charts_signal
from crypto_team.reports.charts_equity import backtest_equity, equity
from crypto_team.reports.charts_proof import ProbeTrace, leak_probe
from crypto_team.reports.report_data import ReportData
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation import metrics

if TYPE_CHECKING:
    from crypto_team.validation.evidence_tables import EvidenceTables

__all__ = ["TITLES", "ProbeTrace", "backtest_equity", "draw_pictures", "leak_probe"]

TITLES: Final[dict[str, str]] = {
    "equity": "Equity against naive strategies and the simplest model, with drawdown",
    "folds": "Sharpe ratio and skill of every walk-forward fold",
    "information_coefficient": "Information coefficient of every fold",
    "horizons": "Information coefficient and hit rate by horizon",
    "rules": "Sharpe ratio against turnover",
    "trade_profile": "Net returns and holding times of trades",
    "importance": "Feature importance by fold",
    "reliability": "Reliability of the probabilities",
    "expected_returns": "Expected returns against those that came",
    "confidence": "How often each confidence occurs",
    "trials": "The result against the best of many lucky trials",
    "leak": "What the feature said when only the future was replaced",
    "backtest": "Account balance in Freqtrade's backtest",
}


def draw_pictures(meta: EvidenceMeta, tables: EvidenceTables, data: ReportData) -> dict[str, bytes]:
    """Draw every picture that the evidence allows; keys are file stems and keys of :data:`TITLES`."""
    signal = metrics.out_of_sample_rows(tables.predictions)["signal"].to_numpy(dtype=np.float64)
    pictures = {
        "equity": equity(data.daily, [row.test_start for row in data.folds], data.chance.band),
        "folds": charts_folds.folds(data.folds, data.performance.sharpe),
        "information_coefficient": charts_folds.information_coefficient(data.folds),
        "importance": charts_folds.importance(tables.importances),
        "reliability": charts_confidence.reliability(data.calibration),
        "confidence": charts_confidence.histogram(
            signal,
            entry=meta.signal.entry_threshold,
            leave=meta.signal.exit_threshold,
            long_short=meta.signal.side == "long_short",
        ),
    }
    if len(data.horizons) > 1:
        pictures["horizons"] = charts_signal.horizons(data.horizons)
    if len(data.rules.rows) > 1:
        pictures["rules"] = charts_signal.rules(data.rules)
    if data.expected is not None:
        pictures["expected_returns"] = charts_confidence.expected_returns(data.expected)
    trades = metrics.trades_from_positions(tables.predictions)
    if len(trades):
        profit, bars = (trades[name].to_numpy(dtype=np.float64) for name in ("return_net", "bars"))
        pictures["trade_profile"] = charts_signal.trades(profit, bars)
    if len(data.luck.trial_sharpes) > 1:
        pictures["trials"] = charts_proof.trials(data.luck)
    return pictures
