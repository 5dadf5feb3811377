"""Checks of luck: what the best of so many tries would show without any skill (OF010, OF013, OF017)."""

from __future__ import annotations

import math

from crypto_team.gates.case import LedgerView
from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import Limit, Verdict, check, insufficient, judge, refused, weigh
from crypto_team.validation.metrics import DAYS_PER_YEAR
from crypto_team.validation.significance import (
    SampleMoments,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    moments,
    probabilistic_sharpe_ratio,
)

WITHIN_REACH = 2.0
"""Twice the days that there are may still come; what would need more is refused, not put off."""
REMEDY = ("crypto-team data import FILE", "crypto-team ml-engineer train STR")


def _daily(returns: Returns) -> SampleMoments | None:
    sample = moments(returns.daily)
    return sample if sample.n >= 3 and math.isfinite(sample.sharpe) else None


@check(
    "OF010",
    "Deflated Sharpe ratio",
    unit="probability",
    source="Bailey and Lopez de Prado (2014), with every trial of the ledger",
    mend="only more days or a stronger edge help: every further try raises what luck alone would reach",
    remedy=REMEDY,
    stricter={"probability": "higher"},
)
def deflated_sharpe(returns: Returns, ledger: LedgerView, *, probability: float = 0.95) -> Verdict:
    """Probability that the daily Sharpe ratio beats the best that all booked trials would show without skill.

    Below the limit it is refused; where the ratio is above that best and at most twice as many days again would prove
    it, there is not enough evidence, which does not pass either.
    """
    daily = _daily(returns)
    if daily is None:
        return insufficient("daily returns have no spread, or there are fewer than three days")
    return against_luck(daily, ledger, probability)


def against_luck(daily: SampleMoments, ledger: LedgerView, probability: float) -> Verdict:
    """Judge daily returns against the best that all booked trials would show without skill."""
    trials = max(1, ledger.n_trials)
    variance = ledger.variance(daily.n)
    best = expected_maximum_sharpe(trials, variance)
    value = deflated_sharpe_ratio(
        daily.sharpe, n=daily.n, skew=daily.skew, kurtosis=daily.kurtosis, n_trials=trials, variance=variance
    )
    alone = probabilistic_sharpe_ratio(daily.sharpe, n=daily.n, skew=daily.skew, kurtosis=daily.kurtosis)
    year = math.sqrt(DAYS_PER_YEAR)
    text = (
        f"{trials} trials are booked; the best of so many without skill would reach a daily Sharpe "
        f"ratio of {best:.4f} ({best * year:.2f} a year); this one has {daily.sharpe:.4f} "
        f"({daily.sharpe * year:.2f} a year) over {daily.n} days; probability of skill {value:.4f}, "
        f"{alone:.4f} if it had been the only trial"
    )
    if len(ledger.sharpes) < 2 and trials > 1:
        text += "; too few trials have a Sharpe ratio, so their spread is taken as that of no skill"
    ledger_line = (f"ledger: {trials} trials, variance {variance:.3g}",)
    needed = minimum_track_record_length(
        daily.sharpe, skew=daily.skew, kurtosis=daily.kurtosis, benchmark=best, confidence=probability
    )
    if value >= probability or not math.isfinite(needed):
        return judge(value >= probability, text, value, evidence=ledger_line)
    more = max(1, math.ceil(needed) - daily.n)
    text += f"; about {more:,} more days with this Sharpe ratio and no further trial would show it"
    within_reach = more <= WITHIN_REACH * daily.n
    return (insufficient if within_reach else refused)(text, value, evidence=ledger_line)


@check(
    "OF013",
    "Track record is long enough",
    unit="days",
    source="Bailey and Lopez de Prado (2012)",
    mend="test on more days",
    remedy=REMEDY,
    stricter={"confidence": "higher"},
    limit=Limit("at_least", "needed"),
)
def track_record_long_enough(returns: Returns, *, confidence: float = 0.95) -> Verdict:
    """There are at least as many days as a Sharpe ratio of this size needs to be told from zero."""
    daily = _daily(returns)
    if daily is None:
        return insufficient("daily returns have no spread, or there are fewer than three days")
    needed = minimum_track_record_length(daily.sharpe, skew=daily.skew, kurtosis=daily.kurtosis, confidence=confidence)
    if not math.isfinite(needed):
        return judge(False, f"no track record can confirm a daily Sharpe ratio of {daily.sharpe:.4f}", float(daily.n))
    text = f"{daily.n} days; {math.ceil(needed)} are needed"
    numbers = {"needed": float(math.ceil(needed))}
    if daily.n < needed:
        return insufficient(f"{text}: {math.ceil(needed) - daily.n} more", float(daily.n), numbers=numbers)
    return weigh(text, float(daily.n), numbers)


@check(
    "OF017",
    "Better than the expected best of all tries",
    unit="annualised Sharpe ratio above it",
    source="Bailey and Lopez de Prado (2014), the false strategy theorem",
    mend="only more days or a stronger edge help: every further try raises what luck alone would reach",
    remedy=REMEDY,
    stricter={"margin": "higher"},
    passes="value > margin",
)
def beats_expected_best(returns: Returns, ledger: LedgerView, *, margin: float = 0.0) -> Verdict:
    """Require a Sharpe ratio above the one that the best of all booked trials is expected to show without skill."""
    daily = _daily(returns)
    if daily is None:
        return insufficient("daily returns have no spread, or there are fewer than three days")
    year = math.sqrt(DAYS_PER_YEAR)
    best = expected_maximum_sharpe(max(1, ledger.n_trials), ledger.variance(daily.n)) * year
    value = daily.sharpe * year - best
    text = (
        f"Sharpe ratio {daily.sharpe * year:.2f}; the best of {ledger.n_trials} tries without skill reaches {best:.2f}"
    )
    return judge(value > margin, text, value)
