"""Check of the probabilities: do forecasts come true as often as they say (OF008)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crypto_team.data.frame import timeframe_seconds
from crypto_team.gates.recompute import Returns, milliseconds
from crypto_team.gates.registry import Verdict, check, insufficient, judge, refused
from crypto_team.gates.skill import outcomes
from crypto_team.gates.statistics import DAY_MS, block_mean
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.scores import calibration_slope, ece, events

Floats = npt.NDArray[np.float64]


def _forecasts(returns: Returns, meta: EvidenceMeta) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Return event probability, event and time of the test rows with a known label."""
    test = returns.test
    if meta.target.kind == "return":
        p, y = outcomes(test, meta)
        times = milliseconds(test["time"])
    else:
        p, y = events(test)
        times = milliseconds(test.loc[test["label"].notna(), "time"])
    known = np.isfinite(p) & np.isfinite(y)
    return p[known], y[known], times[known]


def _error_by_chance(p: Floats, horizon_bars: int, bins: int = 10) -> float:
    """Return the calibration error that calibrated forecasts show on average; overlapping labels count once."""
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    spread = np.bincount(place, p * (1.0 - p), minlength=bins)
    used = counts > 0
    independent = np.maximum(1.0, counts[used] / horizon_bars)
    # Numbers outside of [0, 1] are no probabilities: their deviation is unknown, and the check does not pass.
    with np.errstate(invalid="ignore"):
        deviation = np.sqrt(spread[used] / counts[used] / independent)
    return float((counts[used] / p.size) @ deviation * np.sqrt(2.0 / np.pi))


def _boldness(low: float, high: float) -> str:
    """Return in words a slope that is surely not one; the gate lets small distortions pass, the reader should know."""
    return " (probabilities are too bold)" if high < 1.0 else " (probabilities are too timid)" if low > 1.0 else ""


@check(
    "OF008",
    "Probabilities are calibrated",
    unit="calibration error above what chance gives",
    source="ML engineer card, critical rule 7",
    remedy=("crypto-team ml-engineer set-model STR --calibration shrunk", "crypto-team ml-engineer train STR"),
    stricter={"error": "lower", "flattest": "higher", "steepest": "lower"},
)
def calibrated(
    returns: Returns, meta: EvidenceMeta, *, error: float = 0.05, flattest: float = 0.3, steepest: float = 3.0
) -> Verdict:
    """Require a small calibration error, a plausible slope, and a Brier score not worse than the base rate's.

    The calibration error counts as far as it is above what a calibrated forecast shows in a sample of this size. The
    slope refuses only when its 95 % interval lies wholly outside [flattest, steepest]; the Brier score only when it is
    worse than the base rate's beyond sampling error. The event is the top class, or a positive return (regression).
    """
    if meta.calibration == "none" and meta.target.kind != "return":
        return refused(
            "probabilities are not calibrated at all (calibration: none)", evidence=("meta.yaml: calibration",)
        )
    p, y, times = _forecasts(returns, meta)
    if p.size < 200:
        return insufficient(f"{p.size} forecasts with a known outcome, 200 are needed")
    measured, fit = ece(p, y), calibration_slope(p, y)
    by_chance = _error_by_chance(p, meta.horizon_bars)
    value = max(0.0, measured - by_chance)
    better = (y.mean() - y) ** 2 - (p - y) ** 2
    block = max(DAY_MS, meta.horizon_bars * timeframe_seconds(meta.timeframe) * 1000)
    brier = block_mean(better, times, rng=np.random.default_rng(13), block_ms=block)
    # Overlapping labels repeat the same information horizon times, so the slope's error grows by the root of it.
    margin = 1.96 * fit.slope_se * meta.horizon_bars**0.5
    low, high = fit.slope - margin, fit.slope + margin
    upper = brier.high(0.975)
    if not np.isfinite([value, low, high, upper]).all():
        return insufficient("calibration is undefined: constant forecasts, one class, or fewer than five days")
    text = (
        f"calibration error {measured:.3f}, {by_chance:.3f} of it expected by chance; slope {fit.slope:.2f} in "
        f"[{low:.2f}, {high:.2f}]{_boldness(low, high)}; Brier score {'better' if brier.estimate > 0.0 else 'worse'} "
        f"than the base rate's by {abs(brier.estimate):.5f}, the difference in [{brier.low(0.975):+.5f}, {upper:+.5f}]"
    )
    holds = value <= error and high >= flattest and low <= steepest and upper >= 0.0
    return judge(holds, text, value, evidence=("predictions.parquet",))
