"""Check that no rows, pairs' tails or whole test parts are left out (DQ006)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.recompute import milliseconds, stamp
from crypto_team.gates.registry import Verdict, check, judge, refused, within
from crypto_team.gates.statistics import DAY_MS
from crypto_team.schemas.evidence import EvidenceMeta, FoldRange

Times = npt.NDArray[np.int64]
WARM_UP_MS = 30 * DAY_MS
"""How long after its listing a pair may have no forecasts: its look-back has to fill first."""
SLACK_MS = DAY_MS
"""By how much look-backs of pairs may differ: a bar or two are made up, or missing, when a pair is new."""
RETRAIN = ("crypto-team ml-engineer train STR",)


@check(
    "DQ006",
    "No rows are left out",
    unit="share of bars predicted",
    source="survivorship: dropped losers flatter any metric",
    mend="predict every bar of every test part, losing and quiet ones too",
    remedy=RETRAIN,
    stricter={"coverage": "higher"},
)
def rows_complete(
    meta: EvidenceMeta, predictions: pd.DataFrame, market: pd.DataFrame, *, coverage: float = 0.98
) -> Verdict:
    """In every test part each pair has predictions for nearly all bars of the market, and no test part is left out.

    Made-up bars do not count, nor does an unbroken tail of a part that is no longer than the horizon and the bar of its
    fill, nor the first bars of a pair that was listed after the others, up to thirty days, before it is predicted for
    the first time in any part; a look-back is as long for every pair, so no such pair waits a day longer than another.
    Test parts follow each other at even distances up to the end of the market.
    """
    bars = market[~market["filled"]] if "filled" in market else market
    test = predictions[(predictions["part"] == "test") & predictions["signal"].notna()]
    worst, where = 1.0, ""
    filled_by = _filled_by(meta.pairs, predictions, bars)
    for pair in meta.pairs:
        told = milliseconds(test.loc[test["pair"] == pair, "time"])
        known = milliseconds(bars.loc[bars["pair"] == pair, "time"])
        known = known[known >= filled_by.get(pair, 0)]
        for fold in meta.folds:
            share = _predicted(known[_inside(known, fold)], told, meta.horizon_bars + 1)
            if share < worst:
                worst, where = share, f"{pair} in fold {fold.fold}"
    skipped = skipped_periods(meta, bars)
    place = f" ({where})" if where else ""
    text = f"least coverage of a test part {worst:.2%}, {coverage:.0%} is needed{place}"
    named = f"predictions.parquet: {where}" if where else "predictions.parquet"
    evidence = within("predictions.parquet", skipped) or (named, "market.parquet")
    if skipped:
        # What was left out is covered by nothing, however complete the rest is.
        return refused("; ".join([text, *skipped]), 0.0, evidence=evidence)
    return judge(worst >= coverage, text, worst, evidence=evidence)


def _filled_by(pairs: list[str], predictions: pd.DataFrame, bars: pd.DataFrame) -> dict[str, int]:
    """Return when the look-back of each pair that was listed after the market opened is full, in milliseconds.

    No later than its first forecast of any part, and a day behind that of the pair that needed the least, so that
    nobody chooses for each pair which of its first days to leave out.
    """
    if bars.empty:
        return {}
    listed = pd.Series(milliseconds(bars["time"])).groupby(bars["pair"].to_numpy()).min()
    said = predictions[predictions["signal"].notna()]
    first = pd.Series(milliseconds(said["time"])).groupby(said["pair"].to_numpy()).min()
    late = listed[listed > listed.min()].reindex(pairs).dropna()
    waits = (first.reindex(late.index) - late).dropna().clip(lower=0)
    if waits.empty:
        return {}
    most = min(WARM_UP_MS, int(waits.min()) + SLACK_MS)
    return {str(pair): int(late[pair]) + min(int(wait), most) for pair, wait in waits.items()}


def _predicted(expected: Times, told: Times, tail_bars: int) -> float:
    """Return the share of bars with a prediction; an unbroken tail of so many bars may be missing."""
    found = np.isin(np.sort(expected), told)
    if not found.any():
        return 1.0 if expected.size <= tail_bars else 0.0
    last = int(np.flatnonzero(found)[-1]) + 1
    kept = found[:last] if found.size - last <= tail_bars else found
    return float(kept.mean())


def skipped_periods(meta: EvidenceMeta, bars: pd.DataFrame) -> list[str]:
    """Name stretches of the market between or behind the test parts that should have been one."""
    step = timeframe_seconds(meta.timeframe) * 1000
    folds = sorted(meta.folds, key=lambda fold: stamp(fold.test_start))
    spans = [(stamp(fold.test_start), stamp(fold.test_end)) for fold in folds]
    if len(spans) < 3:
        return []
    between = np.array([later[0] - earlier[1] for earlier, later in pairwise(spans)]) // step
    usual = max(float(np.median(between)), 0.0) + meta.horizon_bars + meta.gap_bars + 1
    found = [
        f"{int(length)} bars between the test parts of folds {folds[number].fold} and {folds[number + 1].fold} left out"
        for number, length in enumerate(between)
        if length > usual
    ]
    longest = max(end - begin for begin, end in spans) // step
    last = int(milliseconds(bars["time"]).max()) + step
    limit = stamp(meta.research_end) if meta.research_end else last
    behind = (min(last, limit) - spans[-1][1]) // step
    if behind > 1.5 * longest + meta.horizon_bars + float(np.median(np.maximum(between, 0))):
        found.append(f"{behind} bars of the market behind the last test part are left out")
    return found


def _inside(times: Times, fold: FoldRange) -> npt.NDArray[np.bool_]:
    return np.asarray((times >= stamp(fold.test_start)) & (times < stamp(fold.test_end)))
