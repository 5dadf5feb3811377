"""What has moved in stored evidence: the features a model reads, what it says, and how wrong it is."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.errors import InputError
from crypto_team.validation import drift
from crypto_team.validation.clock import milliseconds

Floats = npt.NDArray[np.float64]
DetectorName: TypeAlias = Literal["cusum", "page_hinkley", "adwin"]
BINS = 10
# At five deviations a stream without drift raises a false alarm every 465 values; at ten hardly ever.
SLACK, LIMIT = 0.5, 10.0
LEAST_VALUES = 20


def shifts(predictions: pd.DataFrame, features: pd.DataFrame, *, horizon_bars: int) -> list[dict[str, Any]]:
    """Compare the signal of the newest test part with that of its calibration part, and features old with new.

    Parameters
    ----------
    predictions, features
        Tables of the evidence; `features` holds a sample of test rows, whose older half is the reference.
    horizon_bars
        Neighbouring bars say much the same: a sample counts as one value per horizon.

    Returns
    -------
    list of dict
        what, psi, psi_by_chance (its 95 % quantile where nothing moved), distance (Kolmogorov-Smirnov), moved; the
        largest index first. Samples of fewer than 20 values per side are left out.
    """
    newest = predictions[predictions["fold"] == predictions["fold"].max()]
    told = {part: newest.loc[newest["part"] == part, "signal"].to_numpy(dtype=np.float64) for part in ("inner", "test")}
    pairs = [("signal", told["inner"], told["test"])]
    ordered = features.sort_values("time", kind="stable")
    half = len(ordered) // 2
    names = [str(name) for name in ordered.columns if name not in {"time", "pair"}]
    values = {name: ordered[name].to_numpy(dtype=np.float64) for name in names}
    pairs += [(name, column[:half], column[half:]) for name, column in values.items()]
    rows = [_shift(what, old, new, horizon_bars) for what, old, new in pairs if _enough(old) and _enough(new)]
    return sorted(rows, key=lambda row: -row["psi"])


def _enough(values: Floats) -> bool:
    return int(np.isfinite(values).sum()) >= LEAST_VALUES


def _shift(what: str, old: Floats, new: Floats, horizon_bars: int) -> dict[str, Any]:
    worth = [max(2, int(np.isfinite(each).sum()) // horizon_bars) for each in (old, new)]
    found = drift.stability(old, new, bins=BINS)
    _, limit = drift.stability_by_chance(BINS, *worth)
    distance = drift.two_samples(old, new).distance
    return {
        "what": what, "psi": found.psi, "psi_by_chance": limit, "distance": distance, "moved": found.psi > limit,
    }  # fmt: skip


def error_alarms(predictions: pd.DataFrame, *, horizon_bars: int, detector: DetectorName) -> list[str]:
    """Watch the squared error of the out-of-sample forecasts, one value per horizon, and return the times of alarms.

    Parameters
    ----------
    predictions
        Table of the evidence; the error is (signal - event)^2, the event a positive forward return.
    horizon_bars
        Bars between values, so that labels do not overlap.
    detector
        cusum (slack of half a deviation, limit of ten; mean and deviation of the first fifth), page_hinkley or adwin.

    Returns
    -------
    list of str
        ISO times; of cusum the first alarm only.

    Raises
    ------
    InputError
        Too few forecasts.
    """
    test = predictions[(predictions["part"] == "test") & predictions["forward_return"].notna()]
    every = test.sort_values("time", kind="stable").groupby("time", sort=True)[["signal", "forward_return"]].mean()
    every = every.iloc[::horizon_bars]
    gap = every["signal"].to_numpy(np.float64) - (every["forward_return"].to_numpy(np.float64) > 0.0)
    error = np.asarray(gap**2, dtype=np.float64)
    learnt = len(error) // 5
    if learnt < LEAST_VALUES:
        raise InputError(
            f"{len(error)} forecasts that do not overlap are too few to watch",
            where="predictions",
            hint=f"at least {5 * LEAST_VALUES} are needed: bring more test bars or a shorter horizon",
        )
    times = pd.to_datetime(milliseconds(every.index.to_series()), unit="ms", utc=True)
    return [times[at].isoformat() for at in _places(error, learnt, detector)]


def _places(error: Floats, learnt: int, detector: DetectorName) -> list[int]:
    if detector != "cusum":
        return drift.alarms(drift.adaptive_window() if detector == "adwin" else drift.page_hinkley(), error.tolist())
    mean, deviation = float(error[:learnt].mean()), float(error[:learnt].std(ddof=1))
    found = drift.tabular_cusum(error[learnt:], mean=mean, slack=SLACK * deviation, limit=LIMIT * deviation)
    return [] if found.first < 0 else [learnt + found.first]
