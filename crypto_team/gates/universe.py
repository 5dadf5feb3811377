"""Check that the pairs were chosen before the test, those which died are still in, and each is in once (DQ005)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.recompute import milliseconds, stamp
from crypto_team.gates.registry import Verdict, check, insufficient, judge, several, within
from crypto_team.schemas.evidence import EvidenceMeta

ALIKE = 0.999
"""Hourly returns of two coins hardly exceed 0.9; one coin against two dollars reaches 0.9995."""
FEWEST_COMMON = 100


@check(
    "DQ005",
    "Universe is fixed before the test, delisted pairs are in",
    unit="pairs left out or counted again",
    source="survivorship: what was delisted or did badly belongs to the result; one asset is one line of evidence",
    mend="predict every pair that traded when the test began, delisted ones up to their end, and each asset once",
    remedy=("crypto-team data import FILE", "crypto-team ml-engineer train STR"),
    stricter={},
)
def universe_fixed(
    meta: EvidenceMeta, predictions: pd.DataFrame, market: pd.DataFrame, universe: pd.DataFrame | None = None
) -> Verdict:
    """Every pair of the market and of the universe that traded during the test has predictions, up to its end.

    A pair that was listed after the first test part began may be missing; one that was delisted may not. Predicted
    pairs whose returns bar by bar have a correlation above 0.999 are one asset under several names: its trades would
    count several times, and nothing could be told from leaving out the best pair.
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
    copies = _copies(market[market["pair"].isin(list(predicted))])
    problems += [
        f"{pair} moves as {first} does ({alike:.5f} of 1): one asset counts once" for pair, first, alike in copies
    ]
    text = several(problems) or f"all {len(predicted)} pairs that traded at the start of the test are predicted"
    return judge(
        not problems, text, left_out + len(strangers) + len(copies), evidence=within("predictions.parquet", problems)
    )


def _copies(market: pd.DataFrame) -> list[tuple[str, str, float]]:
    """Return pairs that move like one before them in the alphabet: pair, the other, correlation of their returns."""
    closes = market.pivot_table(index="time", columns="pair", values="close", aggfunc="last").sort_index(axis=1)
    likeness = closes.pct_change(fill_method=None).corr(min_periods=FEWEST_COMMON)
    names, table = [str(each) for each in likeness.columns], likeness.to_numpy(dtype=np.float64)
    found = []
    for place in range(1, len(names)):
        before = np.nan_to_num(table[place, :place])
        if before.max() > ALIKE:
            found.append((names[place], names[int(before.argmax())], float(before.max())))
    return found


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
