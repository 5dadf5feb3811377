"""Are the probabilities honest? Calibration of the test predictions before and after calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr

from crypto_team.validation import metrics, scores
from crypto_team.validation.calibration_error import ece_debiased
from crypto_team.validation.calibration_shrunk import independent_labels
from crypto_team.validation.clock import milliseconds
from crypto_team.validation.clusters import slope_interval, time_blocks
from crypto_team.validation.dip import dip, dip_p_value
from crypto_team.validation.expected_returns import BPS, RAW
from crypto_team.validation.significance import newey_west_t

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """One right-closed bin of forecasts: mean forecast, observed rate with its 95 % Wilson interval, rows.

    The interval is that of as many labels as the overlapping ones of the bin are worth.
    """

    forecast: float
    observed: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Calibration:
    """Calibration on all test rows with a known outcome; `raw` numbers are NaN for a regression without raw returns.

    `ece_debiased` is the root mean squared gap in bins of equal numbers, freed of the noise of as many independent
    labels as overlapping ones are worth. Brier score = reliability - resolution + uncertainty, up to what varies inside
    bins. `slope_low` and `slope_high` bound the slope at 95 %, labels overlapping and pairs moving
    together. `brier_rise_t` tests, over days, what calibration added to the Brier score: above 0 it did harm. `dip` is
    Hartigan's for the probabilities of the event, `dip_p` how often one mode would show as much.
    """

    rows: int
    event_rate: float
    ece_raw: float
    ece: float
    mce: float
    brier_raw: float
    brier: float
    brier_rise_t: float
    brier_of_base_rate: float
    brier_skill: float
    ece_equal_mass: float
    ece_top_label: float
    ece_debiased_raw: float
    ece_debiased: float
    brier_reliability: float
    brier_resolution: float
    brier_uncertainty: float
    dip: float
    dip_p: float
    slope_raw: float
    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    bins_raw: tuple[ReliabilityBin, ...]
    bins: tuple[ReliabilityBin, ...]


def calibration(predictions: pd.DataFrame, *, label_ms: int = 0) -> Calibration:
    """Measure how well stated probabilities match outcomes on the test rows.

    The event is the top class; for a regression it is a positive forward return, and the signal is its probability. The
    interval of the slope is that of blocks of a day, or of `label_ms` where labels last longer, and of folds.
    """
    raw, p, y = forecasts(predictions)
    fit, parts = scores.calibration_slope(p, y), scores.brier_decomposition(p, y, bins=BINS)
    rate = float(y.mean()) if y.size else math.nan
    known = _known(predictions)
    spans = milliseconds(known["time"]), milliseconds(known["label_end"])
    worth = independent_labels(*spans)
    low, high = slope_interval(p, y, fit, time_blocks(spans[0], label_ms), known["fold"].to_numpy(dtype=np.int64))
    return Calibration(
        rows=y.size,
        event_rate=rate,
        ece_raw=scores.ece(raw, y, bins=BINS),
        ece=scores.ece(p, y, bins=BINS),
        mce=scores.mce(p, y, bins=BINS),
        brier_raw=scores.brier(raw, y),
        brier=scores.brier(p, y),
        brier_rise_t=_rise(known["time"], (p - y) ** 2 - (raw - y) ** 2),
        brier_of_base_rate=rate * (1.0 - rate),
        brier_skill=scores.brier_skill(p, y),
        ece_equal_mass=scores.ece_equal_mass(p, y, bins=BINS),
        ece_top_label=scores.ece(*scores.top_label(p, y), bins=BINS),
        ece_debiased_raw=ece_debiased(raw, y, bins=BINS, independent=worth),
        ece_debiased=ece_debiased(p, y, bins=BINS, independent=worth),
        brier_reliability=parts.reliability,
        brier_resolution=parts.resolution,
        brier_uncertainty=parts.uncertainty,
        dip=dip(p),
        dip_p=dip_p_value(p, rng=np.random.default_rng(0), draws=100),
        slope_raw=scores.calibration_slope(raw, y).slope,
        slope=fit.slope,
        slope_low=low,
        slope_high=high,
        intercept=fit.intercept,
        bins_raw=reliability(raw, y, spans),
        bins=reliability(p, y, spans),
    )


def _rise(time: pd.Series, change: Floats) -> float:
    """Return the t value of the mean change of days: bars of one day, and pairs, share their luck (Newey-West)."""
    by_day = pd.Series(change).groupby(pd.DatetimeIndex(time).floor("D")).mean()
    return newey_west_t(np.asarray(by_day, dtype=np.float64).reshape(-1), small_sample=True).t


def forecasts(predictions: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Return raw and final probability of the event and the outcome of the test rows with a known label, (n,) each."""
    rows, classes = _known(predictions), scores.n_classes(metrics.out_of_sample_rows(predictions))
    if classes:
        p, y = scores.events(rows)
        return rows[f"p_raw_{classes - 1}"].to_numpy(dtype=np.float64), p, y
    signal = rows["signal"].to_numpy(dtype=np.float64)
    return _raw_signal(predictions, rows), signal, (rows["forward_return"].to_numpy() > 0.0).astype(np.float64)


def _raw_signal(predictions: pd.DataFrame, rows: pd.DataFrame) -> Floats:
    """Return what a regression's signal was before calibration, by each fold's inner spread; NaN where not known."""
    if RAW not in rows:
        return np.full(len(rows), math.nan)
    inner = predictions[predictions["part"] == "inner"]
    spread = rows["fold"].map(inner.groupby("fold")["forward_return"].std(ddof=0) * BPS).to_numpy(dtype=np.float64)
    spread = np.where(spread > 0.0, spread, np.where(np.isnan(spread), np.nan, 1.0))
    return np.asarray(ndtr(rows[RAW].to_numpy(dtype=np.float64) / spread), dtype=np.float64)


def _known(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the test rows with a known outcome."""
    rows = metrics.out_of_sample_rows(predictions)
    if scores.n_classes(rows):
        return rows[rows["label"].notna()]
    return rows[rows["forward_return"].notna() & rows["signal"].notna()]


def reliability(p: Floats, y: Floats, spans: tuple[Ints, Ints] | None = None) -> tuple[ReliabilityBin, ...]:
    """Compare forecasts with outcomes in ten right-closed bins of equal width; empty bins are left out.

    Parameters
    ----------
    p, y
        Forecast probability and outcome in {0, 1}, shape (n,); rows with NaN are dropped.
    spans
        Start and end of each label in ms, shape (n,) each; without them every row is independent.
    """
    known = np.isfinite(p) & np.isfinite(y)
    p, y = p[known], y[known]
    place = np.clip(np.searchsorted(np.linspace(0.0, 1.0, BINS + 1), p, side="left") - 1, 0, BINS - 1)
    made = []
    for number in np.unique(place):
        here = place == number
        worth = float(here.sum()) if spans is None else independent_labels(*(each[known][here] for each in spans))
        made.append(_bin(p[here], y[here], worth))
    return tuple(made)


def _bin(p: Floats, y: Floats, worth: float) -> ReliabilityBin:
    low, high = wilson(float(y.mean()), worth)
    return ReliabilityBin(float(p.mean()), float(y.mean()), low, high, y.size)


def wilson(share: float, n: float, *, z: float = 1.959963984540054) -> tuple[float, float]:
    """Return the Wilson score interval of a share observed in `n` independent rows (Wilson 1927)."""
    if not n > 0.0:
        return math.nan, math.nan
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)
