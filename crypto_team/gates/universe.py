"""Check that the pairs were chosen before the test, and that those which died are still in (DQ005)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.recompute import milliseconds, stamp
from crypto_team.gates.registry import Verdict, check, insufficient, judge, several, within
from crypto_team.schemas.evidence import EvidenceMeta


@check(
    "DQ005",
    "Universe is fixed before the test, delisted pairs are in",
    unit="pairs left out",
    source="survivorship: what was delisted or did badly belongs to the result",
    mend="predict every pair that traded when the test began, delisted ones up to their end",
    remedy=("crypto-team data import FILE", "crypto-team ml-engineer train STR"),
    stricter={},
)
def universe_fixed(
    meta: EvidenceMeta, predictions: pd.DataFrame, market: pd.DataFrame, universe: pd.DataFrame | None = None
) -> Verdict:
    """Every pair of the market and of the universe that traded during the test has predictions, up to its end.

    A pair that was listed after the first test part began may be missing; one that was delisted may not.
    """
    if not meta.folds:
        return insufficient("there are no folds")
    step = timeframe_seconds(meta.timeframe) * 1000
    begin, end = stamp(meta.folds[0].test_start), max(stamp(fold.test_end) for fold in meta.folds)
    test = predictions[predictions["part"] == "test"]
    predicted = {str(pair): milliseconds(rows["time"]) for pair, rows in test.groupby("pair")}
    problems, left_out = [], 0
    for pair, first, last, died in _spans(market, universe):
        if last <= begin or first > begin:
            continue
        if pair not in predicted:
            left_out += 1
            problems.append(
                f"{pair} traded{' until it was delisted' if died else ''} during the test, but has no predictions"
            )
        elif predicted[pair].max() < min(last, end) - (meta.horizon_bars + 2) * step - (end - begin) // 50:
            left_out += 1
            problems.append(
                f"{pair}: predictions end at {pd.Timestamp(predicted[pair].max(), unit='ms')}, it traded on"
            )
    strangers = sorted(set(predicted) - set(market["pair"]))
    problems += [f"{pair} has predictions, but no prices" for pair in strangers]
    text = several(problems) or f"all {len(predicted)} pairs that traded at the start of the test are predicted"
    return judge(not problems, text, left_out + len(strangers), evidence=within("predictions.parquet", problems))


def _spans(market: pd.DataFrame, universe: pd.DataFrame | None) -> list[tuple[str, int, int, bool]]:
    """Return pair, first and last time of trading, and whether it was delisted, of every pair that is known."""
    found = {}
    for pair, rows in market.groupby("pair", sort=True):
        times = milliseconds(rows["time"])
        found[str(pair)] = (int(times.min()), int(times.max()), False)
    if universe is not None:
        latest = max((span[1] for span in found.values()), default=0)
        for row in universe.itertuples():
            pair, known = str(row.pair), found.get(str(row.pair))
            listed, delisted = (_moment(getattr(row, name, None)) for name in ("listed", "delisted"))
            first = known[0] if known else listed if listed is not None else 0
            last = delisted if delisted is not None else known[1] if known else latest
            found[pair] = (first, last if known is None else min(last, max(known[1], last)), delisted is not None)
    return [(pair, *span) for pair, span in found.items()]


def _moment(value: object) -> int | None:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return None
    return int(np.int64(pd.Timestamp(value).value)) // 1_000_000  # type: ignore[arg-type]
