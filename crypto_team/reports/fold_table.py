"""Walk-forward results fold by fold and pair by pair, recomputed from the predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.schemas.evidence import EvidenceMeta, FoldRange
from crypto_team.validation import metrics, scores


@dataclass(frozen=True)
class FoldRow:
    """One test window: geometry, performance after costs, and skill beside that of the inner validation part."""

    fold: int
    train_start: str
    train_end: str
    test_start: str
    test_end: str
    gap_bars: int
    train_rows: int
    inner_rows: int
    test_rows: int
    n_features: int
    sharpe: float
    total_return: float
    max_drawdown: float
    n_trades: int
    hit_rate: float
    accuracy: float
    base_rate: float
    auc: float
    log_loss: float
    information_coefficient: float
    inner_accuracy: float
    inner_base_rate: float
    inner_auc: float
    inner_log_loss: float
    inner_information_coefficient: float


@dataclass(frozen=True)
class PairRow:
    """What one pair contributed: the sum of its net returns over the test rows, and its trades."""

    pair: str
    net_return: float
    n_trades: int
    hit_rate: float
    time_in_market: float


def fold_rows(meta: EvidenceMeta, predictions: pd.DataFrame) -> tuple[FoldRow, ...]:
    """Measure every fold of `meta` on its own rows of `predictions`; a trade belongs to the fold in which it begins."""
    ranges = sorted(meta.folds, key=lambda fold: fold.fold)
    trades = metrics.trades_from_positions(predictions)
    begun = trades["entry_time"].astype("datetime64[ms, UTC]")
    return tuple(
        _fold_row(
            fold,
            predictions[predictions["fold"] == fold.fold],
            trades.loc[
                begun.between(pd.Timestamp(fold.test_start), pd.Timestamp(fold.test_end), inclusive="left"),
                "return_net",
            ].to_numpy(dtype=np.float64),
        )
        for fold in ranges
    )


def _fold_row(fold: FoldRange, rows: pd.DataFrame, profits: npt.NDArray[np.float64]) -> FoldRow:
    test = scores.skill(rows[rows["part"] == "test"])
    inner = scores.skill(rows[rows["part"] == "inner"])
    _, daily = metrics.daily_returns(rows)
    return FoldRow(
        fold=fold.fold,
        train_start=fold.train_start,
        train_end=fold.train_end,
        test_start=fold.test_start,
        test_end=fold.test_end,
        gap_bars=fold.gap_bars,
        train_rows=fold.train_rows,
        inner_rows=fold.inner_rows,
        test_rows=fold.test_rows,
        n_features=len(fold.selected),
        sharpe=metrics.sharpe(daily, periods_per_year=metrics.DAYS_PER_YEAR),
        total_return=metrics.total_return(daily),
        max_drawdown=metrics.max_drawdown(daily),
        n_trades=profits.size,
        hit_rate=metrics.hit_rate(profits),
        accuracy=test["accuracy"],
        base_rate=test["base_rate"],
        auc=test["auc"],
        log_loss=test["log_loss"],
        information_coefficient=test["ic"],
        inner_accuracy=inner["accuracy"],
        inner_base_rate=inner["base_rate"],
        inner_auc=inner["auc"],
        inner_log_loss=inner["log_loss"],
        inner_information_coefficient=inner["ic"],
    )


def trade_profits(predictions: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the summed net return of each trade, shape (trades,)."""
    return metrics.trades_from_positions(predictions)["return_net"].to_numpy(dtype=np.float64)


def pair_rows(predictions: pd.DataFrame) -> tuple[PairRow, ...]:
    """Measure every pair on its own test rows."""
    rows = metrics.out_of_sample_rows(predictions)
    return tuple(_pair_row(str(pair), part) for pair, part in rows.groupby("pair", sort=True))


def _pair_row(pair: str, rows: pd.DataFrame) -> PairRow:
    profits = trade_profits(rows)
    return PairRow(
        pair=pair,
        net_return=float(rows["return_net"].sum()),
        n_trades=profits.size,
        hit_rate=metrics.hit_rate(profits),
        time_in_market=float((rows["position"].fillna(0.0) != 0.0).mean()),
    )
