"""Kernels of hidden Markov models with independent Gaussian inputs: forward filtering, expectation-maximisation.

Only the filter ever makes feature values: a state's probability at a row given the rows up to it. Smoothing over a
whole sample, as it is used inside of the fit on training rows, would let the future into them (Rabiner 1989;
hmmlearn's `predict_proba` smooths).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crypto_team.features.compiled import kernel

Floats = npt.NDArray[np.float64]
LEAST_VARIANCE = 1e-4


@kernel
def log_densities(x: Floats, means: Floats, variances: Floats) -> Floats:
    """Return the logarithm of each state's density, shape (n, k); 0 for all where an input is unknown."""
    out = np.zeros((x.shape[0], means.shape[0]))
    for row in range(x.shape[0]):
        for state in range(means.shape[0]):
            total = 0.0
            for item in range(x.shape[1]):
                gap = x[row, item] - means[state, item]
                total -= 0.5 * (np.log(2.0 * np.pi * variances[state, item]) + gap * gap / variances[state, item])
            out[row, state] = 0.0 if np.isnan(total) else total
    return out


@kernel
def stepped(belief: Floats, transition: Floats, logs: Floats, out: Floats) -> float:
    """Move a belief one row on and weigh it by the densities there; return the logarithm of the row's likelihood."""
    k = belief.size
    most = logs.max()
    total = 0.0
    for state in range(k):
        prior = 0.0
        for before in range(k):
            prior += belief[before] * transition[before, state]
        out[state] = prior * np.exp(logs[state] - most)
        total += out[state]
    for state in range(k):
        out[state] /= total
    return float(np.log(total) + most)


@kernel
def filtered(logs: Floats, start: Floats, transition: Floats, state: int, n: int) -> Floats:
    """Return the probability of a state at each row given it and the n - 1 rows before; NaN for the first n - 1 rows.

    Every row starts anew from `start`, n rows back, so that n rows are always enough to compute it again to the bit.
    """
    rows, k = logs.shape
    out = np.full(rows, np.nan)
    belief, moved = np.empty(k), np.empty(k)
    for row in range(n - 1, rows):
        belief[:] = start
        for at in range(row - n + 1, row + 1):
            stepped(belief, transition, logs[at], moved)
            belief[:] = moved
        out[row] = belief[state]
    return out


@kernel
def expectation(logs: Floats, start: Floats, transition: Floats, posterior: Floats, moves: Floats) -> float:
    """Fill the posterior (n, k) of one unbroken stretch and add its expected transitions; return the log-likelihood."""
    rows, k = logs.shape
    forward = np.empty((rows, k))
    likelihood = 0.0
    for row in range(rows):
        before = start if row == 0 else forward[row - 1]
        likelihood += stepped(before, transition, logs[row], forward[row])
    backward = np.ones(k)
    posterior[rows - 1] = forward[rows - 1]
    for row in range(rows - 2, -1, -1):
        most = logs[row + 1].max()
        ahead = np.exp(logs[row + 1] - most) * backward
        pairs = np.empty((k, k))
        for i in range(k):
            for j in range(k):
                pairs[i, j] = forward[row, i] * transition[i, j] * ahead[j]
        moves += pairs / pairs.sum()
        posterior[row] = pairs.sum(axis=1) / pairs.sum()
        backward = transition @ ahead
        backward /= backward.sum()
    return likelihood


@kernel
def fit_round(
    x: Floats, firsts: npt.NDArray[np.int64], start: Floats, transition: Floats, means: Floats, variances: Floats
) -> float:
    """Improve all parameters in place by one round over unbroken stretches; return the log-likelihood before it."""
    k = means.shape[0]
    logs = log_densities(x, means, variances)
    posterior = np.empty(logs.shape)
    moves = np.full((k, k), 1e-3)
    likelihood = 0.0
    for number in range(firsts.size - 1):
        first, last = firsts[number], firsts[number + 1]
        likelihood += expectation(logs[first:last], start, transition, posterior[first:last], moves)
    for state in range(k):
        weight = posterior[:, state].sum() + 1e-12
        for item in range(x.shape[1]):
            mean = (posterior[:, state] * x[:, item]).sum() / weight
            means[state, item] = mean
            spread = (posterior[:, state] * (x[:, item] - mean) ** 2).sum() / weight
            variances[state, item] = max(spread, LEAST_VARIANCE)
        transition[state] = moves[state] / moves[state].sum()
    return likelihood
