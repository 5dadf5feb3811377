"""The market of foreign evidence: cleaned of what no candle can be, and as one frame of candles for each pair."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crypto_team.gates.imported.reading import Imported

FILE = "market.parquet"
PRICES = ("open", "high", "low")


def sound_market(found: Imported, market: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that have a time and a price, each once; what had to be dropped becomes a finding."""
    close = market["close"].to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore"):
        bad = ~(np.isfinite(close) & (close > 0.0)) | market["time"].isna().to_numpy()
    if bad.any():
        found.wrong(FILE, f"{int(bad.sum())} of {len(market)} rows have no positive price", "/close")
    kept = market[~bad].sort_values(["pair", "time"], kind="stable")
    twice = kept.duplicated(["pair", "time"])
    if twice.any():
        found.wrong(FILE, f"{int(twice.sum())} bars occur twice, first {kept.loc[twice, 'time'].iloc[0]}")
    sound: pd.DataFrame = kept[~twice].reset_index(drop=True)
    return sound


def candles_of(market: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return candles by pair; prices that the market does not tell are the close, an unknown volume is 1."""
    made = market.rename(columns={"time": "timestamp"})
    for name in PRICES:
        made[name] = made[name].fillna(made["close"]) if name in made.columns else made["close"]
    made["volume"] = made["volume"].fillna(0.0) if "volume" in made.columns else 1.0
    columns = ["timestamp", *PRICES, "close", "volume"]
    return {str(pair): rows[columns].reset_index(drop=True) for pair, rows in made.groupby("pair", sort=True)}
