"""Checks of the data: registered, complete, judged, and the labels recomputed from prices (DQ)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.data.optional_columns import contradictions
from crypto_team.data.quality import ACCEPTABLE_BAD_BARS, assess
from crypto_team.features.needs import optional_reads
from crypto_team.gates.recompute import complete_bars, milliseconds, stamp
from crypto_team.gates.registry import (
    Verdict,
    check,
    insufficient,
    judge,
    passed,
    refused,
    several,
    weigh,
    within,
)
from crypto_team.schemas.data import Dataset
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.schemas.features import FeatureSet

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

REIMPORT = ("crypto-team data import FILE", "crypto-team ml-engineer train STR")
RETRAIN = ("crypto-team ml-engineer train STR",)


@check(
    "DQ001",
    "Datasets are registered and unchanged",
    unit="differences",
    source="ML engineer card, critical rule 11",
    remedy=REIMPORT,
    stricter={},
)
def datasets_unchanged(
    meta: EvidenceMeta,
    datasets: Mapping[str, Dataset],
    dataset_hashes: Mapping[str, str],
    bars: Mapping[str, pd.DataFrame],
    market: pd.DataFrame,
) -> Verdict:
    """Every dataset of the evidence is in the catalog, its file still has that hash, and `market` holds its candles."""
    problems: list[str] = []
    for name, recorded in zip(meta.dataset_ids, meta.dataset_hashes, strict=True):
        if name not in datasets:
            problems.append(f"{name} is not registered")
        elif datasets[name].content_hash != recorded:
            problems.append(f"{name}: the catalog says {datasets[name].content_hash}, the evidence {recorded}")
        elif dataset_hashes.get(name) != recorded:
            problems.append(f"{name}: the file now has {dataset_hashes.get(name)}, the evidence {recorded}")
    candles = [datasets[name] for name in meta.dataset_ids if name in datasets and datasets[name].kind == "ohlcv"]
    uncovered = sorted(set(meta.pairs) - {each.pair for each in candles if each.timeframe == meta.timeframe})
    problems += [f"no dataset of {pair} at {meta.timeframe} is part of the evidence" for pair in uncovered]
    problems += [text for pair in meta.pairs for text in _market_differences(pair, bars.get(pair), market, meta)]
    if problems:
        return refused("; ".join(problems[:5]), len(problems), evidence=tuple(problems))
    return passed(f"{len(meta.dataset_ids)} datasets have the recorded hashes; market prices are theirs", 0)


def _market_differences(pair: str, frame: pd.DataFrame | None, market: pd.DataFrame, meta: EvidenceMeta) -> list[str]:
    if frame is None:
        return [f"no registered candles of {pair}"]
    ours = complete_bars(frame, meta.timeframe)
    stored = market[market["pair"] == pair]
    place = np.searchsorted(milliseconds(ours["timestamp"]), milliseconds(stored["time"]))
    inside = np.minimum(place, len(ours) - 1)
    same_time = milliseconds(ours["timestamp"])[inside] == milliseconds(stored["time"])
    wrong = ~same_time
    for column in ("open", "high", "low", "close"):
        if column in stored:
            known = ours[column].to_numpy(dtype=np.float64)[inside]
            wrong |= ~np.isclose(known, stored[column].to_numpy(dtype=np.float64), rtol=1e-12, atol=0.0)
    if stored.empty:
        return [f"market.parquet has no rows of {pair}"]
    if len(stored) <= place.max() - place.min():
        return [f"market.parquet of {pair} leaves out {int(place.max() - place.min()) + 1 - len(stored)} bars"]
    if wrong.any():
        first = stored["time"].to_numpy()[int(wrong.argmax())]
        return [f"market.parquet of {pair}: {int(wrong.sum())} of {len(stored)} bars differ, first at {first}"]
    return []


@check(
    "DQ002",
    "Data spans training, test and look-back",
    unit="bars missing",
    source="data collector's duty: enough history",
    remedy=("crypto-team data-collector assess STR", *REIMPORT),
    stricter={},
)
def data_spans_everything(meta: EvidenceMeta, market: pd.DataFrame, features: FeatureSet) -> Verdict:
    """Each pair's bars reach from the first training row with a full look-back to the end of the last test part."""
    step = timeframe_seconds(meta.timeframe) * 1000
    lookback = max((each.lookback for each in features.features), default=0)
    begin, end = stamp(meta.folds[0].train_start), stamp(meta.folds[-1].test_end)
    first = min((milliseconds(rows["time"]).min() for _, rows in market.groupby("pair")), default=begin)
    problems, short = [], 0
    for pair in meta.pairs:
        times = milliseconds(market.loc[market["pair"] == pair, "time"])
        if times.size == 0:
            return refused(f"{pair} has no bars at all", end - begin, evidence=("market.parquet",))
        late, early = max(0, (times.min() - begin) // step), max(0, (end - step - times.max()) // step)
        if late or early:
            problems.append(f"{pair}: {late} bars missing before the first training row, {early} after the last test")
        short = max(short, int(late + early))
    for fold in meta.folds:
        warm = max(stamp(fold.train_start), int(first) + lookback * step)
        possible = max(0, (stamp(fold.train_end) - warm) // step) * len(meta.pairs)
        if fold.train_rows > possible:
            problems.append(f"fold {fold.fold}: {fold.train_rows} training rows, {possible} have a full look-back")
            short = max(short, fold.train_rows - int(possible))
    text = "; ".join(problems) or f"bars cover all {len(meta.folds)} folds with {lookback} bars of look-back"
    return judge(not problems, text, short, evidence=tuple(problems))


@check(
    "DQ003",
    "Data quality is good or acceptable",
    unit="share of missing or stale bars",
    source="team card, data integrity",
    mend="fetch the missing bars again, and leave out pairs and periods whose prices stand still",
    remedy=("crypto-team data show DATASET", *REIMPORT),
    stricter={"missing_share": "lower", "stale_share": "lower"},
    passes="value <= missing_share and problems == 0",
)
def quality_acceptable(
    meta: EvidenceMeta,
    bars: Mapping[str, pd.DataFrame],
    features: FeatureSet | None = None,
    *,
    missing_share: float = 0.005,
    stale_share: float = 0.01,
) -> Verdict:
    """Reassessed candles: verdict not poor, few gaps, few bars in standstills of a day, no impossible candle.

    Of the columns that only some sources have (vwap, trades, ...), those that formulas read may contradict the rest of
    the bar in one bar of a thousand.
    """
    worst, problems = 0.0, []
    optional = optional_reads(text for item in (features.features if features else ()) for text in item.formulas)
    for pair in meta.pairs:
        if pair not in bars:
            problems.append(f"{pair}: no candles")
            continue
        frame = bars[pair]
        told = frame[~frame["filled"]].drop(columns="filled").reset_index(drop=True) if "filled" in frame else frame
        quality = assess(told, meta.timeframe)
        worst = max(worst, quality.missing_share)
        odd = float(contradictions(told, optional).mean())
        if odd > ACCEPTABLE_BAD_BARS:
            problems.append(f"{pair}: {', '.join(optional)} contradict the bar in {odd:.2%} of the bars")
        still = standstill_share(told, meta.timeframe)
        if still > stale_share:
            worst = max(worst, still)
            problems.append(
                f"{pair}: {still:.1%} of the bars repeat the price before for a day or longer: stale prices"
            )
        if quality.verdict == "poor" or quality.ohlc_violations or quality.missing_share > missing_share:
            problems.append(
                f"{pair}: {quality.verdict}, {quality.missing_share:.2%} of bars missing, longest gap "
                f"{quality.longest_gap_bars} bars, {quality.ohlc_violations} inconsistent candles"
            )
    text = several(problems) or f"at most {worst:.3%} of bars missing in {len(meta.pairs)} pairs"
    return weigh(text, worst, {"problems": len(problems)}, evidence=within("market.parquet", problems))


def standstill_share(bars: pd.DataFrame, timeframe: str) -> float:
    """Return the share of bars that lie in runs of equal closes of at least a day (12 bars of long timeframes)."""
    close = bars["close"].to_numpy(dtype=np.float64)
    same = np.concatenate([[False], np.diff(close) == 0.0])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    least = max(12, 86_400 // timeframe_seconds(timeframe))
    return float(lengths[lengths >= least].sum() / max(1, close.size))


@check(
    "DQ004",
    "Enough folds and enough rows per fold",
    unit="folds",
    source="ML engineer card: at least 5 walk-forward splits",
    mend="cut more and shorter test parts, at least five, or use fewer features",
    remedy=("crypto-team ml-engineer set-split STR --test 21d", *REIMPORT),
    stricter={"folds": "higher", "rows_per_feature": "higher", "test_rows": "higher"},
    passes="value >= folds and thin == 0",
)
def enough_folds(
    meta: EvidenceMeta,
    predictions: pd.DataFrame,
    imported: ImportedFacts | None = None,
    *,
    folds: float = 5,
    rows_per_feature: float = 20,
    test_rows: float = 30,
) -> Verdict:
    """At least five test parts with predictions; each fold trains on enough rows per feature that it selected."""
    counts = predictions[predictions["part"] == "test"].groupby("fold").size()
    unknown = _untold(meta, imported)
    thin = [
        f"fold {fold.fold}: {fold.train_rows} training rows for {len(fold.selected)} features"
        for fold in meta.folds
        if fold.fold not in unknown and fold.train_rows < rows_per_feature * max(1, len(fold.selected))
    ]
    thin += [f"fold {number}: only {rows} test rows" for number, rows in counts.items() if rows < test_rows]
    if len(counts) == 1 and folds > 1:
        return refused(f"a single split; {folds:g} folds are needed", 1, evidence=("predictions.parquet: fold",))
    if len(counts) < folds:
        step = timeframe_seconds(meta.timeframe) * 1000
        length = int(np.median([stamp(fold.test_end) - stamp(fold.test_start) for fold in meta.folds])) // step
        more = math.ceil(folds - len(counts))
        told = f"{len(counts)} test folds, {folds:g} are needed: {more} more of {length:,} bars, about "
        told += f"{more * length:,} more bars, or shorter test parts"
        return insufficient(told, len(counts), evidence=tuple(thin))
    if unknown and not thin:
        return insufficient(
            f"nothing says how many rows folds {', '.join(map(str, unknown[:5]))} were trained on",
            len(counts),
            evidence=(
                "folds.yaml: train_rows, or train_start and train_end",
                "predictions.parquet: rows of part train",
            ),
        )
    text = "; ".join(thin) or f"{len(counts)} folds, each large enough"
    return weigh(text, len(counts), {"thin": len(thin)})


def _untold(meta: EvidenceMeta, imported: ImportedFacts | None) -> list[int]:
    """Return folds of foreign evidence that nothing says the training rows of."""
    if imported is None:
        return []
    return [fold.fold for fold in meta.folds if fold.train_rows == 0 and fold.fold not in imported.train_known]


@check(
    "DQ008",
    "No row twice, no test row in training",
    unit="rows",
    source="ML engineer card, critical rule 2",
    mend="keep one prediction of each bar, from the fold that tests it, and take test rows out of training",
    remedy=RETRAIN,
    stricter={},
)
def rows_unique(meta: EvidenceMeta, predictions: pd.DataFrame) -> Verdict:
    """Every pair has one test prediction per bar, and no fold's test bar lies in its training or inner range."""
    test = predictions[predictions["part"] == "test"]
    twice = int(test.duplicated(["pair", "time"]).sum())
    inner = predictions[predictions["part"] == "inner"]
    twice += int(inner.duplicated(["pair", "time", "fold"]).sum())
    trained = predictions.loc[predictions["part"] == "train", ["pair", "time", "fold"]]
    shared = test[["pair", "time", "fold"]].merge(trained.drop_duplicates(), on=["pair", "time", "fold"])
    inside = len(shared)
    for fold in meta.folds:
        times = milliseconds(test.loc[test["fold"] == fold.fold, "time"])
        for begin, end in ((fold.train_start, fold.train_end), (fold.inner_start, fold.inner_end)):
            inside += int(((times >= stamp(begin)) & (times < stamp(end))).sum())
    text = f"{twice} rows occur twice, {inside} test rows lie in their own training range"
    double = test[test.duplicated(["pair", "time"], keep=False)].sort_values(["pair", "time"]).head(4)
    rows = [
        f"predictions.parquet: {row.pair} {row.time}, fold {row.fold}, is there twice" for row in double.itertuples()
    ]
    rows += [f"predictions.parquet: {row.pair} {row.time} is test and train" for row in shared.head(4).itertuples()]
    return judge(twice + inside == 0, text, twice + inside, evidence=tuple(rows) or ("predictions.parquet: time",))
