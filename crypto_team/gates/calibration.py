"""Check of the forecasts: do they come true as often, or earn as much, as they say (OF008)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.alarms import DEVIATIONS, deviations
from crypto_team.gates.recompute import Returns, milliseconds
from crypto_team.gates.registry import Verdict, check, insufficient, refused, weigh
from crypto_team.gates.statistics import DAY_MS
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.clusters import clustered, sandwich
from crypto_team.validation.clusters import slope_error as _slope_error
from crypto_team.validation.expected_returns import BPS, FINAL, realised_on_expected, stated_returns
from crypto_team.validation.scores import calibration_slope, events

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FEW_FOLDS = 3
MOST_STRETCHED = 2.0
"""Student's t of two degrees of freedom would never refuse; what is lost of the budget there is small."""
LEAST = 200
BINS = 10
FEW_DAYS = 5
RETRAIN = "crypto-team ml-engineer train STR"


@dataclass(frozen=True)
class _Measured:
    """Calibration of the test rows with its errors; `unit_bps` is what an error of one means, NaN for probabilities."""

    error: float
    by_chance: float
    error_se: float
    slope: float
    low: float
    high: float
    better: float
    better_high: float
    unit_bps: float = math.nan

    @property
    def known(self) -> bool:
        """Say whether every figure is defined."""
        return bool(
            np.isfinite([self.error, self.by_chance, self.error_se, self.low, self.high, self.better_high]).all()
        )

    def words(self) -> str:
        """Return the figures as a sentence."""
        better = "better" if self.better > 0.0 else "worse"
        of_returns = math.isfinite(self.unit_bps)
        slope, what, score, than = _OF_RETURNS if of_returns else _OF_PROBABILITIES
        bps = f", {self.error * self.unit_bps:.1f} +- {self.error_se * self.unit_bps:.1f} bps" if of_returns else ""
        return (
            f"calibration error {self.error:.3f} +- {self.error_se:.3f}, {self.by_chance:.3f} of it by chance{bps}; "
            f"{slope} {self.slope:.2f} in [{self.low:.2f}, {self.high:.2f}]{_boldness(what, self.low, self.high)}; "
            f"{score} {better} than {than} by {abs(self.better):.5f}, at best {self.better_high:+.5f}"
        )


@dataclass(frozen=True)
class _Forecasts:
    """What is said about test rows and what came, time and fold, (n,) each: `p` of an event that `y` is 1 or 0 for.

    Where a regression states basis points, `p` and `y` are expected and realised returns, in units of `unit_bps`: those
    by which a probability around one half would be wrong by one.
    """

    p: Floats
    y: Floats
    times: Ints
    folds: Ints
    unit_bps: float = math.nan

    @property
    def of_returns(self) -> bool:
        """Say whether returns are forecast, and not probabilities."""
        return math.isfinite(self.unit_bps)

    def slope(self) -> tuple[float, Callable[[Ints], float]]:
        """Return the slope of outcomes on forecasts and its error over groups of rows."""
        if not self.of_returns:
            fit = calibration_slope(self.p, self.y)
            return fit.slope, lambda groups: _slope_error(self.p, self.y, fit, groups)
        line = realised_on_expected(self.p, self.y)
        return line.slope, lambda groups: sandwich(line.design, line.design, line.rest, groups)

    def places(self) -> Ints:
        """Return the bin of each row: by tenths of probability, or tenths of the rows by what is expected."""
        if not self.of_returns:
            return np.minimum((self.p * BINS).astype(np.int64), BINS - 1)
        edges = np.quantile(self.p, np.arange(1, BINS) / BINS)
        return np.searchsorted(edges, self.p, side="right").astype(np.int64)


def _measured(told: _Forecasts, days: Ints) -> _Measured:
    p, y, folds = told.p, told.y, told.folds
    if np.unique(days).size < FEW_DAYS:
        return _Measured(*(math.nan,) * 8)
    slope, slope_error = told.slope()
    if not math.isfinite(slope):
        return _Measured(*(math.nan,) * 8)
    levels, place = _levels(days, folds), told.places()
    parts = [_gaps(p, y, place, groups, scale) for groups, scale in levels]
    error, by_chance, error_se = parts[0][0], max(part[1] for part in parts), max(part[2] for part in parts)
    margin = DEVIATIONS * max(scale * slope_error(groups) for groups, scale in levels)
    better = (y.mean() - y) ** 2 - (p - y) ** 2
    gained = float(better.mean())
    spread = max(_mean_error(better, groups) for groups, _ in levels)
    figures = error, by_chance, error_se, slope, slope - margin, slope + margin
    return _Measured(*figures, gained, gained + DEVIATIONS * spread, told.unit_bps)


def _levels(days: Ints, folds: Ints) -> list[tuple[Ints, float]]:
    """Return the groups of rows that may err alike, and how far an error from so few groups is to be stretched."""
    many = np.unique(folds).size
    # Folds are no neighbours of one another: each has a calibrator of its own.
    return (
        [(days, 1.0)]
        if many < FEW_FOLDS
        else [(days, 1.0), (2 * folds, min(MOST_STRETCHED, deviations(many - 1.0) / DEVIATIONS))]
    )


def _mean_error(values: Floats, groups: Ints) -> float:
    """Return the standard error of a mean whose rows err alike within groups."""
    return math.sqrt(clustered((values - values.mean())[:, None], groups)[0, 0]) / values.size


def _forecasts(returns: Returns, meta: EvidenceMeta) -> _Forecasts:
    """Return what is said about the test rows with a known label.

    A regression says basis points: its signal is the probability that a normal return of that mean would be positive,
    a map that keeps the order and that nothing was calibrated to.
    """
    test = returns.test
    if meta.target.kind == "return":
        rows, unit_bps = test, _unit_bps(test)
        p, y = (bps / unit_bps for bps in stated_returns(test) or (np.full(len(test), np.nan),) * 2)
    else:
        rows, unit_bps, (p, y) = test[test["label"].notna()], math.nan, events(test)
    known = np.isfinite(p) & np.isfinite(y)
    folds = rows["fold"].to_numpy(dtype=np.int64)
    return _Forecasts(p[known], y[known], milliseconds(rows["time"])[known], folds[known], unit_bps)


def _unit_bps(rows: pd.DataFrame) -> float:
    """Return sqrt(2 pi) deviations: basis points that would move a normal probability around one half by one."""
    spread = float(np.nanstd(rows["forward_return"].to_numpy(dtype=np.float64))) * BPS
    return spread * math.sqrt(2.0 * math.pi) if spread > 0.0 else 1.0


def _gaps(p: Floats, y: Floats, place: Ints, groups: Ints, scale: float) -> tuple[float, float, float]:
    """Return the calibration error, what calibrated forecasts show of it by chance, and its standard error.

    The error is the mean of ``sign(gap of the row's bin) (p - y)``, so that its own error is that of a mean over
    groups of rows; `place` is the bin of a row. By chance a bin's gap is normal with the deviation of its groups: its
    mean size is that times sqrt(2 / pi).
    """
    counts = np.bincount(place, minlength=BINS).astype(np.float64)
    gap = np.bincount(place, p - y, minlength=BINS) / np.maximum(counts, 1.0)
    rest = (p - y - gap[place])[:, None] * (place[:, None] == np.flatnonzero(counts))
    deviation = np.sqrt(np.diag(clustered(rest, groups)))
    signed = np.sign(gap)[place] * (p - y)
    by_chance = float(deviation.sum()) * math.sqrt(2.0 / math.pi) / p.size
    return float(signed.mean()), by_chance, scale * _mean_error(signed, groups)


_OF_PROBABILITIES = ("slope", "probabilities", "Brier score", "the base rate's")
_OF_RETURNS = ("slope of realised on expected returns", "returns", "squared error", "that of the mean return")


def _boldness(what: str, low: float, high: float) -> str:
    """Return in words a slope that is surely not one; the gate lets small distortions pass, the reader should know."""
    return f" ({what} are too bold)" if high < 1.0 else f" ({what} are too timid)" if low > 1.0 else ""


def _what_helps(meta: EvidenceMeta) -> tuple[str, ...]:
    """Return the steps that can mend calibration which is already `shrunk`; none where that is the first thing to try.

    Then the forecasts say more than their training rows know: twice the rows, or half of the features to choose from.
    Sizing and thresholds only use the probabilities and leave their calibration as it is.
    """
    if meta.calibration != "shrunk":
        return ()
    told = re.fullmatch(r"(rolling|expanding)_(\d+)(bars|m|h|d|w)", meta.window)
    most = max((len(fold.selected) for fold in meta.folds), default=0)
    steps = [f"crypto-team ml-engineer set-split STR --window {told[1]}_{2 * int(told[2])}{told[3]}"] if told else []
    if most > 1:
        steps.append(
            f"crypto-team ml-engineer edit STR/features.yaml --set /feature_selection/max_features={most // 2}"
        )
    return (*steps, RETRAIN)


@check(
    "OF008",
    "Probabilities are calibrated",
    unit="calibration error above what chance gives",
    source="ML engineer card, critical rule 7",
    mend="fit Platt's or the isotonic map on the inner rows of each fold",
    remedy=("crypto-team ml-engineer set-model STR --calibration shrunk", RETRAIN),
    stricter={"error": "lower", "flattest": "higher", "steepest": "lower"},
    passes=(
        "(value <= error or value <= by_chance) "
        "and slope_high >= flattest and slope_low <= steepest and brier_high >= 0"
    ),
)
def calibrated(
    returns: Returns, meta: EvidenceMeta, *, error: float = 0.05, flattest: float = 0.3, steepest: float = 3.0
) -> Verdict:
    """Require a small calibration error, a plausible slope, and a Brier score not worse than the base rate's.

    The calibration error counts as far as it is above what a calibrated forecast shows in a sample of this size, and
    refuses where it is both above the limit and beyond the budget of false alarms; the slope where its interval lies
    wholly outside [flattest, steepest]; the Brier score where it is surely worse than the base rate's. Errors are those
    of blocks of time, and not smaller than those of folds: a fold's calibrator is fitted on few rows and errs alike on
    all that it forecasts. The event is the top class. A regression is judged by the basis points that it states, in
    tenths of its rows: their error counts as that of a probability around one half would (0.4 for a deviation of the
    returns), the slope is that of realised on expected returns, and the squared error is compared with that of the mean
    return. What was done to the forecasts does not decide, but positions are not sized by the confidence of forecasts
    that nobody calibrated.
    """
    if meta.calibration == "none" and meta.signal.position_sizing == "confidence_weighted":
        return refused(
            "positions are sized by forecasts that nobody calibrated (calibration: none)",
            evidence=("meta.yaml: calibration, signal",),
        )
    if meta.target.kind == "return" and len(returns.test) and stated_returns(returns.test) is None:
        return insufficient(
            f"a regression is judged by its basis points, and the test rows state none ({FINAL}): no further row "
            "helps, basis points beside each forecast do",
            evidence=("predictions.parquet",),
        )
    told = _forecasts(returns, meta)
    p = told.p
    if p.size < LEAST:
        return insufficient(f"{p.size} forecasts with a known outcome, {LEAST} are needed: {LEAST - p.size} more")
    if not told.of_returns and (p.min() < 0.0 or p.max() > 1.0):
        return refused(f"forecasts lie between {p.min():.3g} and {p.max():.3g}: they are no probabilities")
    block = max(DAY_MS, meta.horizon_bars * timeframe_seconds(meta.timeframe) * 1000)
    measured = _measured(told, told.times // block)
    if not measured.known:
        return insufficient("calibration is undefined: constant forecasts, one class, or fewer than five days")
    value = max(0.0, measured.error - measured.by_chance)
    numbers = {
        "by_chance": DEVIATIONS * measured.error_se,
        "slope_low": measured.low,
        "slope_high": measured.high,
        "brier_high": measured.better_high,
    }
    found = weigh(measured.words(), value, numbers, evidence=("predictions.parquet",))
    return replace(found, remedy=_what_helps(meta))
