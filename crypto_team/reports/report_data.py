"""Every number of a report, computed once from an evidence set: text, pictures and gates read the same values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.reports import formats
from crypto_team.reports.chance import Chance, chance
from crypto_team.reports.classes import Classes, class_rows
from crypto_team.reports.confidence import Calibration, calibration
from crypto_team.reports.expected_returns import ExpectedReturns, expected_returns
from crypto_team.reports.fold_table import FoldRow, PairRow, fold_rows, pair_rows, trade_profits
from crypto_team.reports.horizons import HorizonRow, horizon_rows
from crypto_team.reports.luck import Luck, TrialLedger, luck
from crypto_team.reports.overfitting import ImportanceRow, Overfitting, importance_rows, overfitting
from crypto_team.reports.regimes import RegimeRow, regime_rows
from crypto_team.reports.risk import Risk, TradeProfile, risk, trade_profile
from crypto_team.reports.rule_grid import RuleGrid, rule_grid
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.ml_spec import OutOfSample
from crypto_team.validation import metrics
from crypto_team.validation.resampling import sharpe_interval

if TYPE_CHECKING:
    from crypto_team.validation.evidence_tables import EvidenceTables

__all__ = ["BaselineRow", "Performance", "ReportData", "TrialLedger", "report_data"]

Floats = npt.NDArray[np.float64]
YEAR = metrics.DAYS_PER_YEAR


@dataclass(frozen=True)
class Performance:
    """Net performance over all test folds; the interval is a 95 % stationary bootstrap of daily returns."""

    days: int
    sharpe: float
    sharpe_low: float
    sharpe_high: float
    gross_sharpe: float
    sortino: float
    calmar: float
    cagr: float
    volatility: float
    total_return: float
    max_drawdown: float
    profit_factor: float
    turnover: float
    time_in_market: float
    cost: float
    signal_low: float
    signal_high: float


@dataclass(frozen=True)
class BaselineRow:
    """A naive strategy over the same bars and costs; of the random ones the middle of each number."""

    name: str
    sharpe: float
    total_return: float
    max_drawdown: float


@dataclass(frozen=True, eq=False)
class ReportData:
    """All that a report says about one evidence set; `daily` holds net returns per UTC day, one column per strategy."""

    strategy_id: str
    out_of_sample: OutOfSample
    performance: Performance
    folds: tuple[FoldRow, ...]
    pairs: tuple[PairRow, ...]
    baselines: tuple[BaselineRow, ...]
    chance: Chance
    importances: tuple[ImportanceRow, ...]
    overfitting: Overfitting
    calibration: Calibration
    regimes: tuple[RegimeRow, ...]
    luck: Luck
    classes: Classes
    horizons: tuple[HorizonRow, ...]
    rules: RuleGrid
    risk: Risk
    trades: TradeProfile
    expected: ExpectedReturns | None
    daily: pd.DataFrame

    @property
    def numbers(self) -> dict[str, float | int | None]:
        """Flat name -> value of every number, in a fixed order; NaN is undefined, None does not apply."""
        return {name: float(value) if isinstance(value, float) else value for name, value in self._named()}

    @property
    def headline(self) -> dict[str, str]:
        """The few numbers that a page shows first, ready to read."""
        run, oos = self.performance, self.out_of_sample
        return {
            "Sharpe ratio, annualised": formats.signed(run.sharpe),
            "95 % interval": f"{formats.signed(run.sharpe_low)} to {formats.signed(run.sharpe_high)}",
            "Deflated Sharpe ratio": formats.number(self.luck.deflated_sharpe_ratio, 3),
            "Trials in the ledger": formats.count(self.luck.n_trials),
            "Total return, after costs": formats.signed_percent(run.total_return),
            "Maximum drawdown": formats.percent(run.max_drawdown),
            "Trades": formats.count(oos.n_trades),
            "Trades won": formats.percent(oos.hit_rate),
            "Profit factor": formats.number(run.profit_factor),
            "AUC": formats.number(self.overfitting.test_auc, 3),
            "Calibration error": formats.number(self.calibration.ece, 3),
            "Days out of sample": formats.count(run.days),
        }

    def _named(self) -> Iterator[tuple[str, float | int | None]]:
        yield from ((f"out_of_sample.{key}", value) for key, value in self.out_of_sample.model_dump().items())
        yield from _members("performance", self.performance)
        yield from _each("fold_{0.fold}", self.folds, skip=("fold",))
        yield from _each("pair.{0.pair}", self.pairs)
        yield from _each("baseline.{0.name}", self.baselines)
        yield from _members("chance", self.chance)
        yield from ((f"importance.{feature.feature}", feature.mean) for feature in self.importances[:10])
        yield from _members("overfitting", self.overfitting)
        yield from _members("calibration", self.calibration)
        yield from _each("regime.{0.group}_{0.name}", self.regimes)
        yield from _members("luck", self.luck)
        yield from _members("classes", self.classes)
        yield from _each("class.{0.name}", self.classes.rows)
        yield from _each("horizon_{0.bars}", self.horizons, skip=("bars", "predicted"))
        yield from _members("rules", self.rules)
        yield from _each("rule_{0.entry}", self.rules.rows, skip=("chosen",))
        yield from _members("risk", self.risk)
        yield from _members("trades", self.trades)
        if self.expected is not None:
            yield from _members("expected_returns", self.expected)
            yield from _each("expected_returns_{0.bars}", self.expected.horizons, skip=("bars",))


def report_data(meta: EvidenceMeta, tables: EvidenceTables, trials: TrialLedger) -> ReportData:
    """Compute every number of a report.

    Parameters
    ----------
    meta, tables
        One evidence set.
    trials
        The ledger of the whole registry at the time of the report.

    Returns
    -------
    ReportData
        Numbers that the sample does not define are NaN here and `n/a` in the text.
    """
    predictions = tables.predictions
    days, daily = metrics.daily_returns(predictions)
    frame = daily_table(days, daily, tables.baselines)
    by_chance = chance(meta, predictions, tables.market, days, daily)
    frame["random"] = by_chance.middle
    rows = fold_rows(meta, predictions)
    return ReportData(
        strategy_id=meta.strategy_id,
        out_of_sample=metrics.out_of_sample(predictions),
        performance=performance(predictions, daily, seed=meta.random_seed),
        folds=rows,
        pairs=pair_rows(predictions),
        baselines=tuple(_baseline(str(name), frame[name].to_numpy(), by_chance) for name in frame.columns[1:]),
        chance=by_chance,
        importances=importance_rows(tables.importances),
        overfitting=overfitting(rows, tables.importances, tables.noise),
        calibration=calibration(predictions, label_ms=meta.horizon_bars * timeframe_seconds(meta.timeframe) * 1000),
        regimes=regime_rows(tables.market, days, daily),
        luck=luck(daily, trials),
        classes=class_rows(meta, predictions),
        horizons=horizon_rows(meta, predictions, tables.market),
        rules=rule_grid(meta, predictions, tables.market),
        risk=risk(daily),
        trades=trade_profile(predictions),
        expected=expected_returns(meta, predictions, tables.market),
        daily=frame,
    )


def performance(predictions: pd.DataFrame, daily: Floats, *, seed: int) -> Performance:
    """Measure the net performance of all test rows; `seed` drives the bootstrap of the Sharpe interval."""
    rows = metrics.out_of_sample_rows(predictions)
    _, gross = metrics.daily_returns(predictions, column="return_gross")
    interval = sharpe_interval(daily, periods_per_year=YEAR, rng=np.random.default_rng(seed))
    changes = rows.sort_values(["pair", "time"], kind="stable").groupby("pair")["position"]
    return Performance(
        days=daily.size,
        sharpe=metrics.sharpe(daily, periods_per_year=YEAR),
        sharpe_low=interval.low,
        sharpe_high=interval.high,
        gross_sharpe=metrics.sharpe(gross, periods_per_year=YEAR),
        sortino=metrics.sortino(daily, periods_per_year=YEAR),
        calmar=metrics.calmar(daily, periods_per_year=YEAR),
        cagr=metrics.cagr(daily, periods_per_year=YEAR),
        volatility=metrics.annual_volatility(daily, periods_per_year=YEAR),
        total_return=metrics.total_return(daily),
        max_drawdown=metrics.max_drawdown(daily),
        profit_factor=metrics.profit_factor(trade_profits(predictions)),
        turnover=float(np.mean([metrics.turnover(values.to_numpy(dtype=np.float64)) for _, values in changes])),
        time_in_market=float((rows["position"].fillna(0.0) != 0.0).mean()),
        cost=float(gross.sum() - daily.sum()),
        signal_low=float(rows["signal"].min()),
        signal_high=float(rows["signal"].max()),
    )


def daily_table(days: npt.NDArray[np.datetime64], daily: Floats, baselines: pd.DataFrame) -> pd.DataFrame:
    """Return net returns per UTC day: column `strategy`, then one column for each baseline, sorted by name."""
    index = pd.DatetimeIndex(days.astype("datetime64[ms]"))
    stamps = pd.DatetimeIndex(baselines["time"]).tz_localize(None).floor("D")
    sums = baselines["return_net"].groupby([stamps, baselines["name"].to_numpy()]).sum().unstack()
    table = sums.reindex(index, fill_value=0.0).fillna(0.0)
    table.insert(0, "strategy", daily)
    return table


def _baseline(name: str, daily: Floats, by_chance: Chance) -> BaselineRow:
    if name == "random":
        return BaselineRow(name, by_chance.sharpe, by_chance.total_return, by_chance.max_drawdown)
    return BaselineRow(
        name=name,
        sharpe=metrics.sharpe(daily, periods_per_year=YEAR),
        total_return=metrics.total_return(daily),
        max_drawdown=metrics.max_drawdown(daily),
    )


def _members(prefix: str, record: Any, *, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, float | int]]:
    for member in fields(record):
        value = getattr(record, member.name)
        if isinstance(value, (int, float)) and member.name not in skip:
            yield f"{prefix}.{member.name}", value


def _each(prefix: str, records: Iterable[Any], *, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, float | int]]:
    for record in records:
        yield from _members(prefix.format(record), record, skip=skip)
