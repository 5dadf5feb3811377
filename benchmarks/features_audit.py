"""The causality audit of 100 Python features on 20,000 hourly bars with a second frame (seconds of CPU, one core).

Half of the columns are honest, half look ahead in ten different ways; the audit has to tell every one of them right.
"""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from crypto_team.data.synthetic import planted_market
from crypto_team.features.frame_audit import audit_frames

BARS, REPEATS, MOST_SECONDS = 20_000, int(os.environ.get("REPEATS", "5")), 30.0
CODE = """
import numpy as np
import pandas as pd


def features(ohlcv, aux):
    c, v, t = ohlcv["close"], ohlcv["volume"], ohlcv["timestamp"]
    four = aux["four"]
    four = four.assign(known=(four["timestamp"] + pd.Timedelta("4h")).astype(t.dtype))
    decision = pd.DataFrame({"decision": (t + pd.Timedelta("1h")).astype(t.dtype)})
    made = {}
    for n in (5, 10, 20, 40, 80):
        made[f"ok_mean_{n}"] = c / c.rolling(n).mean() - 1.0
        made[f"ok_std_{n}"] = c.pct_change().rolling(n).std()
        made[f"ok_ewm_{n}"] = c.ewm(span=n).mean() / c
        made[f"ok_rank_{n}"] = c.rolling(n).rank(pct=True)
        made[f"ok_skew_{n}"] = c.pct_change().rolling(n + 3).skew()
        made[f"ok_volume_{n}"] = v / v.rolling(n).max()
        made[f"ok_corr_{n}"] = c.pct_change().rolling(n).corr(v)
        made[f"ok_lag_{n}"] = c.pct_change().shift(n)
        made[f"ok_day_{n}"] = v.groupby(t.dt.floor("D")).cumsum() / n
        joined = pd.merge_asof(decision, four, left_on="decision", right_on="known")["close"]
        made[f"ok_four_{n}"] = c / joined.to_numpy() - 1.0 + 0.0 * n
        made[f"leak_shift_{n}"] = c.shift(-n) / c
        made[f"leak_centred_{n}"] = c.rolling(n, center=True).mean()
        made[f"leak_zscore_{n}"] = (c.pct_change(n) - c.pct_change(n).mean()) / c.std()
        made[f"leak_bfill_{n}"] = c.where(v > v.rolling(n).mean()).bfill()
        made[f"leak_tiny_{n}"] = c.rolling(n).mean() + 1e-6 * c.shift(-1).fillna(0.0)
        made[f"leak_day_{n}"] = ohlcv["high"].groupby(t.dt.floor("D")).transform("max") / n
        made[f"leak_rank_{n}"] = c.pct_change(n).rank(pct=True)
        made[f"leak_last_{n}"] = c.rolling(n).mean() / c.iloc[-1]
        early = pd.merge_asof(decision, four, left_on="decision", right_on="timestamp")["close"]
        made[f"leak_four_{n}"] = c / early.to_numpy() - 1.0 + 0.0 * n
        rare = c.rolling(n).mean()
        rare[v == 0] = c.shift(-1)[v == 0]
        made[f"leak_rare_{n}"] = rare
    return pd.DataFrame(made, index=ohlcv.index)
"""


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    bars = planted_market(seed=3, bars=BARS, timeframe="1h", oracle_sharpe=2.0).frame
    bars.loc[range(100, BARS, 300), "volume"] = 0.0
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    four = bars.set_index("timestamp").resample("4h").agg(rules).dropna().reset_index()
    four["timestamp"] = four["timestamp"].astype(bars["timestamp"].dtype)
    spent, walls = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.py"
        path.write_text(CODE)
        for number in range(REPEATS):
            began, wall = _cpu(), time.perf_counter()
            found = audit_frames(path, "features", bars, {"four": four}, seed=number)
            spent.append(_cpu() - began)
            walls.append(time.perf_counter() - wall)
            wrong = [item.column for item in found.verdicts if item.causal != item.column.startswith("ok_")]
            assert len(found.verdicts) == 100
            assert not wrong, wrong
    cpu = statistics.median(spent)
    print(
        f"audit of {len(found.verdicts)} features, {BARS:,} bars, {found.variants} replaced futures: "
        f"{cpu:.1f} s CPU, {statistics.median(walls):.1f} s (medians of {REPEATS}; at most {MOST_SECONDS:g} s CPU)"
    )
    assert cpu < MOST_SECONDS


if __name__ == "__main__":
    main()
