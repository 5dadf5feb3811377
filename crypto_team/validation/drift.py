"""Has a distribution moved: two samples compared, and detectors that watch a stream value by value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Floats = npt.NDArray[np.float64]
FLOOR = 1e-4


@dataclass(frozen=True)
class Stability:
    """Population stability index with the shares of the bins that it compares."""

    psi: float
    reference: Floats
    current: Floats


@dataclass(frozen=True)
class TwoSamples:
    """Kolmogorov-Smirnov: largest distance of two distributions, its exact p-value and that of the limit law.

    Autocorrelated values make both p-values far too small: judge the distance.
    """

    distance: float
    p_exact: float
    p_limit: float


@dataclass(frozen=True)
class Cusum:
    """Upper and lower sums per value, and the place of the first alarm; -1 without one."""

    upper: Floats
    lower: Floats
    first: int


class Detector(Protocol):
    """A detector of river: fed value by value."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value raised the alarm."""

    def update(self, x: float) -> object:
        """Take the next value."""


def index_of_shares(reference: Floats, current: Floats) -> float:
    """Return sum (c - r) ln(c / r) over bins; no share may be zero."""
    return float(np.sum((current - reference) * np.log(current / reference)))


def stability(reference: Floats, current: Floats, *, bins: int = 10) -> Stability:
    """Compare two samples in bins that hold equal shares of the reference (type-7 quantiles, right-open).

    Shares are floored at 1e-4; NaN are dropped.
    """
    known, now = reference[np.isfinite(reference)], current[np.isfinite(current)]
    edges = np.quantile(known, np.arange(1, bins) / bins)
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, each, side="right"), minlength=bins) / max(1, each.size), FLOOR)
        for each in (known, now)
    ]
    return Stability(index_of_shares(shares[0], shares[1]), shares[0], shares[1])


def stability_by_chance(bins: int, n: int, m: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return mean and quantile of the index between two samples of one distribution, chi2(bins - 1) (1/n + 1/m).

    Source: Yurdakul (2018). The usual limits of 0.1 and 0.25 only mean something well above this quantile.
    """
    scale = 1.0 / n + 1.0 / m
    return (bins - 1) * scale, float(stats.chi2.ppf(confidence, bins - 1)) * scale


def two_samples(a: Floats, b: Floats) -> TwoSamples:
    """Compare two samples by the largest distance of their distributions; NaN are dropped."""
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    found = stats.ks_2samp(a, b, method="exact" if max(a.size, b.size) <= 10_000 else "asymp")
    distance = float(found.statistic)
    limit = float(special.kolmogorov(distance * np.sqrt(a.size * b.size / (a.size + b.size))))
    return TwoSamples(distance, float(found.pvalue), limit)


def tabular_cusum(values: Floats, *, mean: float, slack: float, limit: float) -> Cusum:
    """Sum what lies beyond the slack on either side of a mean; the alarm is a sum above the limit.

    C+ = max(0, x - (mean + slack) + C+), C- = max(0, (mean - slack) - x + C-). Source: Montgomery (2009), chapter 9.
    """
    sums = np.zeros((2, values.size + 1))
    for at, value in enumerate(values.tolist()):
        sums[0, at + 1] = max(0.0, value - (mean + slack) + sums[0, at])
        sums[1, at + 1] = max(0.0, (mean - slack) - value + sums[1, at])
    alarms = np.flatnonzero((sums[:, 1:] > limit).any(axis=0))
    return Cusum(sums[0, 1:], sums[1, 1:], int(alarms[0]) if alarms.size else -1)


def page_hinkley(*, least: int = 30, slack: float = 0.005, limit: float = 50.0, forgetting: float = 0.9999) -> Detector:
    """Return a detector of a shifted mean, both ways (Page 1954; Hinkley 1971), from river; its mean includes x_t."""
    from river import drift

    detector: Detector = drift.PageHinkley(
        min_instances=least, delta=slack, threshold=limit, alpha=forgetting, mode="both"
    )
    return detector


def adaptive_window(*, confidence: float = 0.002, every: int = 32) -> Detector:
    """Return a detector that keeps a window as long as its halves agree (ADWIN; Bifet and Gavalda 2007), from river."""
    from river import drift

    detector: Detector = drift.ADWIN(delta=confidence, clock=every)  # type: ignore[no-untyped-call]
    return detector


def alarms(detector: Detector, values: Iterable[float]) -> list[int]:
    """Feed a stream to a detector and return the places at which it raised the alarm."""
    found = []
    for at, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            found.append(at)
    return found
