"""Labels that foreign evidence leaves out, from its closes: what can be computed need not be handed over."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.imported.reading import Imported
from crypto_team.gates.recompute import close_at, milliseconds
from crypto_team.labels.fixed import classes_of


def with_labels(found: Imported, predictions: pd.DataFrame, market: pd.DataFrame | None) -> pd.DataFrame:
    """Return predictions with forward returns, label ends and labels where none of a kind is stored.

    The forward return is close[t + horizon] / close[t] - 1; the label is whether it is above 0, its class between the
    thresholds, or itself in basis points, as meta.yaml says. Labels of other kinds (barriers) are not known.
    """
    step = timeframe_seconds(found.meta.timeframe) * 1000 * found.meta.horizon_bars
    made, filled = predictions, []
    if market is not None and predictions["forward_return"].isna().all():
        ahead = pd.Series(np.nan, index=predictions.index)
        for pair, rows in predictions.groupby("pair", sort=False):
            own = market[market["pair"] == pair].sort_values("time")
            if len(own):
                known, close = milliseconds(own["time"]), own["close"].to_numpy(dtype=np.float64)
                times = milliseconds(rows["time"])
                ahead.loc[rows.index] = close_at(times + step, known, close) / close_at(times, known, close) - 1.0
        made = made.assign(forward_return=ahead)
        filled.append("forward_return")
    known_ahead = made["forward_return"].notna()
    if known_ahead.any() and made["label_end"].isna().all():
        ends = (made["time"] + pd.Timedelta(step, "ms")).astype(made["label_end"].dtype)
        made = made.assign(label_end=ends.where(known_ahead))
        filled.append("label_end")
    if known_ahead.any() and made["label"].isna().all():
        label = _labels(found, made["forward_return"])
        if label is not None:
            made = made.assign(label=label.where(known_ahead))
            filled.append("label")
    if filled:
        found.notes.append(f"predictions: {', '.join(filled)} were computed from the closes, none are stored")
    return made


def _labels(found: Imported, ahead: pd.Series[float]) -> pd.Series[float] | None:
    told = found.meta.label
    if told.kind == "direction":
        return (ahead > 0.0).astype(np.float64)
    if told.kind == "n_class":
        classes = classes_of(np.asarray(ahead, dtype=np.float64), told.thresholds_bps)
        return pd.Series(classes, index=ahead.index)
    return ahead * 1e4 if told.kind == "return" else None
