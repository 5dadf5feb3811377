"""Checks of exposure, drawdown, sizing and behaviour by volatility, recomputed (RK004, RK006-RK009)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import Verdict, check, insufficient, judge
from crypto_team.gates.terciles import VOLATILITIES, volatility_regimes
from crypto_team.schemas.ml_spec import MlSpec
from crypto_team.schemas.reviews import RiskAssessment
from crypto_team.trading.breakers import drill
from crypto_team.trading.sizing import kelly_continuous
from crypto_team.validation.metrics import max_drawdown
from crypto_team.validation.resampling import stationary_bootstrap

Floats = npt.NDArray[np.float64]
REMEDY = ("crypto-team ml-engineer set-signal STR", "crypto-team risk-manager assess STR")
ALIKE = 0.7
WORST_DAYS, DRILL_DAYS = 20, 1_000
HALF_LOST, MOST_REPEATS = 0.5, 500


def account_daily(returns: Returns, spec: MlSpec) -> Floats:
    """Return daily net returns of the account: those at full size times the share of it that is staked at most."""
    return returns.daily * min(1.0, spec.risk.position_fraction * spec.risk.max_open_positions)


@check(
    "RK004",
    "Exposure and correlated exposure",
    unit="fraction of the account in correlated pairs",
    source="position limits of the ML subsystem: 30 % correlated, 60 % deployed",
    remedy=REMEDY,
    stricter={"correlated": "lower", "deployed": "lower"},
)
def exposure_capped(spec: MlSpec, market: pd.DataFrame, *, correlated: float = 0.3, deployed: float = 0.6) -> Verdict:
    """Cap all positions that may be open at once, and those of them in pairs whose returns correlate above 0.7."""
    moves = market.pivot_table(index="time", columns="pair", values="close").pct_change(fill_method=None)
    alike = (moves.corr().to_numpy() > ALIKE) | np.eye(moves.shape[1], dtype=bool)
    group = int(alike.sum(axis=1).max())
    slots = spec.risk.max_open_positions
    whole = spec.risk.position_fraction * min(slots, moves.shape[1])
    together = spec.risk.position_fraction * min(slots, group)
    text = f"at most {whole:.1%} of the account is deployed, {together:.1%} of it in {group} pairs that move alike"
    return judge(together <= correlated + 1e-12 and whole <= deployed + 1e-12, text, together)


@check(
    "RK006",
    "Worst case and Monte Carlo drawdown",
    unit="fraction of the account",
    source="drawdown limit of the risk manager; stationary bootstrap, Politis and Romano (1994)",
    remedy=REMEDY,
    stricter={"drawdown": "lower", "worst_day": "lower"},
)
def drawdown_limited(returns: Returns, spec: MlSpec, *, drawdown: float = 0.15, worst_day: float = 0.1) -> Verdict:
    """Keep the 95th percentile of bootstrapped drawdowns, and all hard stops hit on one day, within their limits."""
    daily = account_daily(returns, spec)
    if daily.size < 30:
        return insufficient(f"{daily.size} days of returns, 30 are needed: {30 - daily.size} more")
    rng = np.random.default_rng(41)
    rows = stationary_bootstrap(daily.size, mean_block=max(1.0, daily.size ** (1 / 3)), resamples=1000, rng=rng)
    value = float(np.quantile([-max_drawdown(daily[row]) for row in rows], 0.95))
    stops = spec.risk.position_fraction * spec.risk.stop_loss_fraction * spec.risk.max_open_positions
    text = f"drawdowns of the account reach {value:.2%} at the 95th percentile; all stops on one day cost {stops:.2%}"
    return judge(value <= drawdown and stops <= worst_day + 1e-12, text, value)


@check(
    "RK007",
    "Stake is a part of Kelly's",
    unit="stake over the Kelly stake",
    source="Kelly (1956); at most half of it, for its inputs are estimates",
    remedy=REMEDY,
    stricter={"share": "lower"},
)
def below_kelly(returns: Returns, spec: MlSpec, *, share: float = 0.5) -> Verdict:
    """Stake at most half of mean over variance of the daily returns at full size."""
    daily = returns.daily
    if daily.size < 30 or not daily.std(ddof=1) > 0.0:
        return insufficient(f"{daily.size} days of returns with spread, 30 are needed")
    kelly = kelly_continuous(float(daily.mean()), float(daily.std(ddof=1)))
    stake = min(1.0, spec.risk.position_fraction * spec.risk.max_open_positions)
    text = f"{stake:.2%} of the account is staked; the Kelly stake is {kelly:.2f} times the account"
    if kelly <= 0.0:
        return judge(False, f"{text}: nothing should be staked")
    return judge(stake / kelly <= share, text, stake / kelly)


@check(
    "RK008",
    "Kill switch works in a drill",
    unit="fraction of the account lost before nothing is held",
    source="drawdown breakers at 10, 15, 20 and 25 %: stop entries, halve, close, halt",
    remedy=("crypto-team risk-manager assess STR", "crypto-team ml-engineer set-signal STR"),
    stricter={"loss": "lower"},
)
def kill_switch_tested(returns: Returns, spec: MlSpec, risk: RiskAssessment, *, loss: float = 0.25) -> Verdict:
    """Drill the assessment's breakers on two crashes; both end with nothing held and a loss within the limit.

    In the first all hard stops are hit day after day. In the second the worst twenty days in a row of the strategy come
    again and again, at the size of the account, until it would have lost more than half.
    """
    daily = account_daily(returns, spec)
    if daily.size < 30:
        return insufficient(f"{daily.size} days of returns, 30 are needed: {30 - daily.size} more")
    stops = spec.risk.position_fraction * spec.risk.stop_loss_fraction * spec.risk.max_open_positions
    sums = np.convolve(daily, np.ones(WORST_DAYS), mode="valid")
    begin = int(sums.argmin())
    crashes = {"all hard stops every day": np.full(DRILL_DAYS, -min(1.0, stops))}
    if sums[begin] < 0.0:
        worst = daily[begin : begin + WORST_DAYS]
        times = max(1, math.ceil(math.log(HALF_LOST) / min(-1e-6, float(np.log1p(worst).sum()))))
        crashes["the worst twenty days again and again"] = np.tile(worst, min(times, MOST_REPEATS))
    drills = {name: drill(path, risk.breakers) for name, path in crashes.items()}
    text = "; ".join(
        f"{name}: {each.deepest:.1%} lost, "
        + (f"nothing held from day {each.stopped + 1}" if each.stopped is not None else "still trading at the end")
        + f" ({each.unprotected:.1%} without breakers)"
        for name, each in drills.items()
    )
    value = max(each.deepest for each in drills.values())
    armed = all(each.stopped is not None for each in drills.values() if each.unprotected > loss)
    return judge(armed and value <= loss + 1e-12, text, value, evidence=("risk-assessment.yaml: breakers",))


@check(
    "RK009",
    "Behaviour in low, normal and high volatility is known",
    unit="worst drawdown of the account in one regime",
    source="risk manager's duty: limits by volatility regime",
    remedy=("crypto-team data import FILE", "crypto-team ml-engineer train STR"),
    stricter={"drawdown": "lower", "days": "higher"},
)
def known_in_all_volatility(
    returns: Returns, market: pd.DataFrame, spec: MlSpec, *, drawdown: float = 0.15, days: float = 20
) -> Verdict:
    """Recompute mean and drawdown of the account by volatility regime; each has enough days and a bearable drawdown."""
    daily, regime = volatility_regimes(returns, market)
    daily = daily * min(1.0, spec.risk.position_fraction * spec.risk.max_open_positions)
    counts = [int((regime == number).sum()) for number in range(3)]
    if min(counts) < days:
        return insufficient(f"days by regime {counts}; {math.ceil(days - min(counts))} more of the rarest are needed")
    falls = [-max_drawdown(daily[regime == number]) for number in range(3)]
    means = [float(daily[regime == number].mean()) for number in range(3)]
    text = ", ".join(
        f"{name}: {mean:+.3%} a day, drawdown {fall:.1%}"
        for name, mean, fall in zip(VOLATILITIES, means, falls, strict=True)
    )
    return judge(max(falls) <= drawdown, text, max(falls))
