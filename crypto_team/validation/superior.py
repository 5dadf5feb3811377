"""Is the best of many strategies better than a benchmark: White's reality check and Hansen's studentised test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_team.errors import InputError
from crypto_team.validation.resampling import stationary_bootstrap

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CHUNK = 64


@dataclass(frozen=True)
class Superiority:
    """Result for the best of N strategies; small p-values say that it beats the benchmark beyond selection.

    `lower`, `consistent` and `upper` are Hansen's three recentrings: how poor strategies count. `consistent` is the one
    to read. `omega` is the long-run deviation of each mean difference, shape (N,).
    """

    reality_check: float
    reality_check_p: float
    statistic: float
    lower: float
    consistent: float
    upper: float
    omega: Floats


def superiority(differences: Floats, indices: Ints, *, restart: float) -> Superiority:
    """Test whether any strategy is better than the benchmark.

    Parameters
    ----------
    differences
        Return of each strategy minus the benchmark's, shape (T, N); no NaN.
    indices
        Resampled rows, shape (resamples, T), of a stationary bootstrap.
    restart
        Probability with which its blocks end, 1 / mean length.

    Returns
    -------
    Superiority
        V = max sqrt(T) mean for White (2000); max(max sqrt(T) mean / omega, 0) for Hansen (2005), with
        omega^2 = g_0 + 2 sum kappa_i g_i, kappa_i = (T - i) / T (1 - q)^i + i / T (1 - q)^(T - i).

    Raises
    ------
    InputError
        A strategy that never differs from the benchmark.
    """
    length = len(differences)
    mean, omega = differences.mean(axis=0), long_run_deviation(differences, restart)
    if not bool((omega > 0.0).all()):
        raise InputError("a strategy never differs from the benchmark", hint="leave constant columns out")
    root = math.sqrt(length)
    bar = -omega * math.sqrt(2.0 * math.log(math.log(max(length, 16))))
    keep = np.stack([np.maximum(mean, 0.0), np.where(root * mean >= bar, mean, 0.0), mean])
    white, statistic = float(root * mean.max()), max(0.0, float((root * mean / omega).max()))
    above = np.zeros(4)
    for at in range(0, len(indices), CHUNK):
        drawn = _resampled_means(differences, indices[at : at + CHUNK])
        above[3] += np.sum((root * (drawn - mean)).max(axis=1) >= white)
        for number, centre in enumerate(keep):
            best = np.maximum((root * (drawn - centre) / omega).max(axis=1), 0.0)
            above[number] += np.sum(best > statistic)
    p = above / len(indices)
    return Superiority(white, float(p[3]), statistic, float(p[0]), float(p[1]), float(p[2]), omega)


def _resampled_means(values: Floats, indices: Ints) -> Floats:
    """Return the mean of every column over each set of rows, shape (resamples, N), by counting how often rows occur."""
    length = len(values)
    counts = np.zeros((len(indices), length))
    for number, rows in enumerate(indices):
        counts[number] = np.bincount(rows, minlength=length)
    return np.asarray(counts @ values / length)


def long_run_deviation(values: Floats, restart: float) -> Floats:
    """Return the deviation of sqrt(T) times the mean of each column under the stationary bootstrap, shape (N,)."""
    length = len(values)
    centred = values - values.mean(axis=0)
    # Autocovariances of all lags at once: the power spectrum of the zero-padded series.
    size = 1 << (2 * length - 1).bit_length()
    spectrum = np.fft.rfft(centred, size, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=0)[:length] / length
    lag = np.arange(length)[:, None]
    kappa = (length - lag) / length * (1.0 - restart) ** lag + lag / length * (1.0 - restart) ** (length - lag)
    kappa[0] = 0.5
    return np.asarray(np.sqrt(np.maximum(2.0 * (kappa * covariance).sum(axis=0), 0.0)))


def superior_to_zero(returns: Floats, *, rng: np.random.Generator, resamples: int = 2000) -> Superiority:
    """Test whether the best column of a return matrix (T, N) earns anything, with blocks of a length chosen by data."""
    block = max(1.0, float(np.median([optimal_blocks(column)[0] for column in returns.T])))
    indices = stationary_bootstrap(len(returns), mean_block=block, resamples=resamples, rng=rng)
    return superiority(returns, indices, restart=1.0 / block)


def optimal_blocks(values: Floats) -> tuple[float, float]:
    """Return the mean block lengths for the stationary and the circular bootstrap of a mean.

    Source: Politis and White (2004), corrected by Patton, Politis and White (2009), as `arch` computes it.
    """
    from arch.bootstrap import optimal_block_length

    found = optimal_block_length(values)
    return float(found["stationary"].iloc[0]), float(found["circular"].iloc[0])
