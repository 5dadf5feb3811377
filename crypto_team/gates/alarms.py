"""How sure a check has to be before it refuses: one budget of false alarms for all checks of a gate together.

A gate runs some twenty checks that compare a statistic with what honest work shows. At 5 % each, honest work would be
refused in most cases (1 - 0.95^20 = 64 %). So the budget belongs to the whole gate: at most 5 % of honest work, shared
evenly (Bonferroni 1936), which holds however the checks depend on one another. Each refuses only what has a
probability of 0.25 % in honest work, 2.81 deviations one-sided, with the error of the statistic taken over blocks of
time and over folds, never over rows: labels overlap, pairs move together, and the model of a fold errs alike on all its
rows.
"""

from __future__ import annotations

import math

from scipy import stats

GATE_BUDGET = 0.05
CHECKS_AT_RISK = 20
FALSE_ALARM = GATE_BUDGET / CHECKS_AT_RISK
"""Probability with which one check may refuse honest work."""
DEVIATIONS = float(stats.norm.isf(FALSE_ALARM))
"""The same as a number of standard errors, where the error is well known."""


def deviations(freedom: float, looks: int = 1) -> float:
    """Return how many standard errors one false alarm is away, where the error has few degrees of freedom.

    Parameters
    ----------
    freedom
        Degrees of freedom of the standard error, at least 1; Student (1908). Infinite and one look give
        :data:`DEVIATIONS`.
    looks
        Comparisons that share the budget of one check (Bonferroni 1936).
    """
    alarm = FALSE_ALARM / looks
    return float(stats.t.isf(alarm, max(1.0, freedom)) if math.isfinite(freedom) else stats.norm.isf(alarm))
