"""Pure statistics of the gates: importance shares and stability, skill and its uncertainty, modes of a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import stats

from crypto_team.validation.resampling import stationary_bootstrap

Floats = npt.NDArray[np.float64]
DAY_MS = 86_400_000


def importance_shares(values: Floats) -> Floats:
    """Scale absolute importances to sum 1; all NaN when nothing has importance."""
    size = np.abs(np.nan_to_num(values))
    total = float(size.sum())
    return size / total if total > 0.0 else np.full(size.shape, np.nan)


def top_share(values: Floats, count: int = 10) -> float:
    """Return the share of the `count` most important features; NaN when nothing has importance."""
    return float(np.sort(importance_shares(values))[::-1][:count].sum())


def degradation(inside: float, outside: float) -> float:
    """Return (inside - outside) / |inside|; NaN when `inside` is 0, which allows no verdict."""
    return (inside - outside) / abs(inside) if inside else math.nan


def jaccard(first: Sequence[str], second: Sequence[str]) -> float:
    """Return the size of the intersection over the size of the union; NaN of two empty sets."""
    union = set(first) | set(second)
    return len(set(first) & set(second)) / len(union) if union else math.nan


def pairwise_spearman(rows: Floats) -> list[float]:
    """Return Spearman correlations of all pairs of rows in lexicographic order, average ranks; NaN without spread."""
    ranks = stats.rankdata(rows, axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt((centred**2).sum(axis=1))
    return [
        float(centred[a] @ centred[b] / (norm[a] * norm[b])) if norm[a] * norm[b] > 0.0 else math.nan
        for a, b in combinations(range(len(rows)), 2)
    ]


def kendall_w(rows: Floats) -> float:
    """Return Kendall's coefficient of concordance W of `m` rankings of `n` items, shape (m, n), without ties."""
    m, n = rows.shape
    totals = stats.rankdata(rows, axis=1).sum(axis=0)
    return float(12.0 * ((totals - totals.mean()) ** 2).sum() / (m**2 * (n**3 - n)))


def share_overlap(rows: Floats) -> float:
    """Return the mean over pairs of rows, each of sum 1, of the mass that both put on the same columns."""
    pairs = combinations(range(len(rows)), 2)
    return float(np.mean([np.minimum(rows[a], rows[b]).sum() for a, b in pairs]))


def rank_agreement(rows: Floats) -> float:
    """Return the mean of :func:`pairwise_spearman`."""
    return float(np.mean(pairwise_spearman(rows)))


def rank_agreement_by_chance(rows: Floats, *, rng: np.random.Generator, resamples: int = 400) -> float:
    """Return the 95th percentile of :func:`rank_agreement` when each row is shuffled: what chance alone gives."""
    ranks = stats.rankdata(rows, axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    scaled = centred / np.maximum(np.sqrt((centred**2).sum(axis=1, keepdims=True)), 1e-300)
    folds = len(rows)
    drawn = np.empty(resamples)
    for number in range(resamples):
        total = rng.permuted(scaled, axis=1).sum(axis=0)
        drawn[number] = (total @ total - folds) / (folds * (folds - 1))
    return float(np.quantile(drawn, 0.95))


@dataclass(frozen=True)
class Mean:
    """A mean with bootstrap draws of it, so that differences and one-sided limits can be taken."""

    estimate: float
    draws: Floats

    def low(self, confidence: float) -> float:
        """Return the one-sided lower limit."""
        return float(np.nanquantile(self.draws, 1.0 - confidence))

    def high(self, confidence: float) -> float:
        """Return the one-sided upper limit."""
        return float(np.nanquantile(self.draws, confidence))


def auc_contributions(score: Floats, event: npt.NDArray[np.bool_]) -> Floats:
    """Return per-row contributions whose mean is AUC - 0.5 (DeLong placements as influence function).

    Parameters
    ----------
    score
        Shape (n,), no NaN.
    event
        Shape (n,).

    Returns
    -------
    ndarray
        Shape (n,); all NaN when one class is missing.

    Notes
    -----
    DeLong, DeLong and Clarke-Pearson (1988): the variance of the mean of these values is that of the AUC, so blocks of
    them can be resampled without ranking again.
    """
    ones, zeros = int(event.sum()), int((~event).sum())
    if ones == 0 or zeros == 0:
        return np.full(score.shape, np.nan)
    overall, own = stats.rankdata(score), np.empty(score.shape)
    own[event], own[~event] = stats.rankdata(score[event]), stats.rankdata(score[~event])
    placement = np.where(event, (overall - own) / zeros, 1.0 - (overall - own) / ones)
    auc = float(placement[event].mean())
    share = np.where(event, ones, zeros) / score.size
    return np.asarray(auc - 0.5 + (placement - auc) / share)


def rank_ic_contributions(a: Floats, b: Floats) -> Floats:
    """Return per-row contributions whose mean is the Spearman correlation of `a` and `b`; NaN without spread."""
    x, y = stats.rankdata(a), stats.rankdata(b)
    if np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return np.full(a.shape, np.nan)
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    ic = float(np.mean(x * y))
    return np.asarray(x * y - ic * (x**2 + y**2 - 2.0) / 2.0)


def block_mean(
    contributions: Floats, times_ms: npt.NDArray[np.int64], *, rng: np.random.Generator, block_ms: int = DAY_MS
) -> Mean:
    """Bootstrap a mean over whole time blocks, resampled in geometric runs, so that overlapping labels stay together.

    Parameters
    ----------
    contributions
        Shape (n,); NaN are dropped.
    times_ms
        Time of each row.
    rng
        Source of randomness; 1,000 resamples are drawn.
    block_ms
        Length of a block; at least the label horizon.

    Returns
    -------
    Mean
        With all-NaN draws when fewer than five blocks have values.
    """
    known = np.isfinite(contributions)
    _, place = np.unique(times_ms[known] // block_ms, return_inverse=True)
    sums = np.bincount(place, contributions[known])
    counts = np.bincount(place).astype(np.float64)
    estimate = float(contributions[known].mean()) if known.any() else math.nan
    if sums.size < 5:
        return Mean(estimate, np.full(1, np.nan))
    chosen = stationary_bootstrap(sums.size, mean_block=max(1.0, sums.size ** (1 / 3)), resamples=1000, rng=rng)
    return Mean(estimate, sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1))


@dataclass(frozen=True)
class Modes:
    """Shape of a sample: Sarle's coefficient, and the depth of the deepest valley between two peaks (0 to 1)."""

    coefficient: float
    depth: float
    smaller_share: float


def modes(values: Floats) -> Modes:
    """Measure whether a sample has two modes.

    Parameters
    ----------
    values
        Shape (n,), n >= 50; NaN are dropped.

    Returns
    -------
    Modes
        `coefficient` is (skew^2 + 1) / kurtosis with the small-sample correction: 5/9 for a uniform, 1/3 for a normal
        sample. `depth` is 1 - valley / lower peak of a Gaussian kernel density with Silverman's bandwidth;
        `smaller_share` is the share of the sample on the emptier side of the valley. NaN without spread.

    Notes
    -----
    SAS Institute (1990), Pfister et al. (2013) for the coefficient, which alone reports skewed samples; Silverman
    (1981) for counting kernel modes. Hartigan's dip test has no permissively licensed implementation.
    """
    sample = values[np.isfinite(values)]
    n = sample.size
    if n < 4 or np.ptp(sample) == 0.0:
        return Modes(math.nan, math.nan, math.nan)
    skew, excess = stats.skew(sample, bias=False), stats.kurtosis(sample, bias=False)
    coefficient = (skew**2 + 1.0) / (excess + 3.0 * (n - 1) ** 2 / ((n - 2) * (n - 3)))
    density, edges = _density(sample)
    best = Modes(float(coefficient), 0.0, 0.0)
    peaks = np.flatnonzero((density[1:-1] > density[:-2]) & (density[1:-1] >= density[2:])) + 1
    for left, right in combinations(peaks, 2):
        valley = left + int(density[left:right].argmin())
        depth = 1.0 - density[valley] / min(density[left], density[right])
        below = float(np.mean(sample < edges[valley]))
        share = min(below, 1.0 - below)
        if depth * share > best.depth * best.smaller_share:
            best = Modes(float(coefficient), float(depth), share)
    return best


def _density(sample: Floats) -> tuple[Floats, Floats]:
    quartiles = np.quantile(sample, [0.25, 0.75])
    spread = min(float(sample.std()), float(np.diff(quartiles)[0]) / 1.349) or float(sample.std())
    width = 0.9 * spread * sample.size**-0.2
    low, high = sample.min() - 3.0 * width, sample.max() + 3.0 * width
    counts, edges = np.histogram(sample, bins=512, range=(low, high))
    grid = np.arange(-255, 256) * (edges[1] - edges[0])
    kernel = np.exp(-0.5 * (grid / width) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="same"), (edges[:-1] + edges[1:]) / 2.0


def share_interval(count: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `count` in `of` (Wilson 1927)."""
    found = stats.binomtest(count, of).proportion_ci(method="wilson")
    return float(found.low), float(found.high)
