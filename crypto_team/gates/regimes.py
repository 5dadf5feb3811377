"""Checks of where it earns: regimes, market beta, capacity (PF007, PF010, PF012)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.alarms import deviations
from crypto_team.gates.performance import QUARTER
from crypto_team.gates.recompute import Returns, milliseconds
from crypto_team.gates.registry import Verdict, check, insufficient, judge, passed, refused, weigh
from crypto_team.gates.terciles import TRENDS, VOLATILITIES, market_daily, trend_regimes, volatility_regimes
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.metrics import daily_returns
from crypto_team.validation.significance import newey_west_lags, newey_west_ols

Floats = npt.NDArray[np.float64]
REMEDY = ("crypto-team ml-engineer define-target STR", "crypto-team ml-engineer train STR")
ROWS = ("predictions.parquet: position, return_net by day", "market.parquet: close")


@dataclass(frozen=True)
class _Earned:
    """What was earned in the three parts of one kind of regime, its error, and the share of the positions held there.

    The error is that of sums of days; `held` sums to 1.
    """

    names: tuple[str, str, str]
    counts: tuple[int, ...]
    gains: Floats
    errors: Floats
    held: Floats

    @property
    def best(self) -> int:
        """Return the part that earned most."""
        return int(self.gains.argmax())

    @property
    def share(self) -> float:
        """Return the part of the profit that comes from the best one."""
        return float(self.gains[self.best] / self.gains.sum())

    def words(self) -> str:
        """Return the gains in words."""
        rows = zip(self.names, self.gains, self.held, strict=True)
        return ", ".join(f"{name} {gain:+.2%} ({held:.0%} of the positions)" for name, gain, held in rows)

    def verdict(self) -> str:
        """Return the largest share in words."""
        return f"{self.share:.0%} of the profit from one regime ({self.names[self.best]})"

    def beyond_chance(self, largest: float, looks: int) -> float:
        """Return how far gain - limit x total is above what chance explains; above zero the share is surely too large.

        `looks` kinds of regime share the budget of false alarms.
        """
        rest = np.delete(np.arange(3), self.best)
        surplus = (1.0 - largest) * self.gains[self.best] - largest * self.gains[rest].sum()
        error = math.hypot((1.0 - largest) * self.errors[self.best], largest * math.hypot(*self.errors[rest]))
        return float(surplus - deviations(min(self.counts) - 1.0, looks) * error)

    def too_much(self, largest: float, exposure: float, looks: int) -> str:
        """Return why one regime carries the profit, empty where it does not."""
        held = self.held[self.best]
        if self.share > largest and held >= exposure:
            return f"the limit is {largest:.0%}: {held:.0%} of the positions are held there"
        return f"surely above the limit of {largest:.0%}" if self.beyond_chance(largest, looks) > 0.0 else ""

    def numbers(self, name: str, largest: float, looks: int) -> dict[str, float]:
        """Return what the verdict is made of, under the name of the kind of regime."""
        return {
            f"{name}_share": self.share,
            f"{name}_held": float(self.held[self.best]),
            f"{name}_beyond_chance": self.beyond_chance(largest, looks),
        }


def _earned(names: tuple[str, str, str], daily: Floats, held: Floats, regime: npt.NDArray[np.int64]) -> _Earned:
    parts = [regime == number for number in range(3)]
    spread = [daily[part].std(ddof=1) * math.sqrt(part.sum()) if part.sum() > 1 else math.nan for part in parts]
    sums = np.array([held[part].sum() for part in parts])
    return _Earned(
        names,
        tuple(int(part.sum()) for part in parts),
        np.array([daily[part].sum() for part in parts]),
        np.array(spread),
        sums / max(float(sums.sum()), 1e-300),
    )


@check(
    "PF007",
    "Earns in several regimes",
    unit="share of the profit from one regime",
    source="ML engineer card: regime sensitivity",
    mend="see what the model lacks elsewhere: features of volatility and trend, or training rows of the other regimes",
    remedy=("crypto-team ml-engineer set-signal STR", *REMEDY),
    stricter={"largest": "lower", "least_days": "higher", "exposure": "lower"},
    passes="days >= least_days and profit > 0 and value <= max(volatility_share, trend_share) and "
    "(volatility_share <= largest or volatility_held < exposure) and volatility_beyond_chance <= 0 and "
    "(trend_share <= largest or trend_held < exposure) and trend_beyond_chance <= 0",
)
def earns_in_several_regimes(
    returns: Returns, market: pd.DataFrame, *, largest: float = 0.6, least_days: float = 10, exposure: float = 0.8
) -> Verdict:
    """At most 60 % of the profit comes from days of one regime: of volatility (low, normal, high), or of the trend.

    Regimes are terciles of the 30 days before each day (`gates/terciles`), so a third of the days is in each. Refused
    where the largest share is above the limit beyond the budget of false alarms (`gates/alarms`), and where 80 % of the
    positions are held in that regime: what is not held elsewhere cannot earn there, and no chance is in that.
    """
    found = _by_regime(returns, market)
    for each in found:
        if min(each.counts) < least_days:
            days = ", ".join(f"{name} {count}" for name, count in zip(each.names, each.counts, strict=True))
            more = 3 * (least_days - min(each.counts))
            return insufficient(f"days by regime: {days}; {least_days:g} of each are needed: about {more:g} more days")
    if found[0].gains.sum() <= 0.0:
        return refused(f"{found[0].words()}: there is no profit", evidence=ROWS)
    numbers = {"days": float(min(min(each.counts) for each in found)), "profit": float(found[0].gains.sum())}
    for name, each in zip(("volatility", "trend"), found, strict=True):
        numbers |= each.numbers(name, largest, len(found))
    reasons = [(each, each.too_much(largest, exposure, looks=len(found))) for each in found]
    for each, why in reasons:
        if why:
            return weigh(f"{each.words()}; {each.verdict()}, {why}", each.share, numbers, evidence=ROWS)
    worst = max(found, key=lambda each: each.share)
    return weigh("; ".join(each.words() for each in found) + f"; {worst.verdict()}", worst.share, numbers)


def _by_regime(returns: Returns, market: pd.DataFrame) -> list[_Earned]:
    """Return what was earned by volatility, and by trend."""
    daily, held = _daily_held(returns)
    _, volatility = volatility_regimes(returns, market)
    kinds = ((VOLATILITIES, volatility), (TRENDS, trend_regimes(returns, market)))
    return [_earned(names, daily, held, regime) for names, regime in kinds]


def _daily_held(returns: Returns) -> tuple[Floats, Floats]:
    """Return daily net returns, and for each of these days the sum over bars of the mean absolute position."""
    rows = returns.predictions
    _, daily = daily_returns(rows)
    held = rows["position"].abs().where(rows["return_net"].notna())
    return daily, daily_returns(rows.assign(held=held), column="held")[1]


@check(
    "PF010",
    "Not the market in disguise",
    unit="t-value of the alpha",
    source="Newey and West (1987)",
    mend="balance long and short positions: what is earned has to remain without the market's own return",
    remedy=REMEDY,
    stricter={"t": "higher"},
)
def not_market_beta(returns: Returns, market: pd.DataFrame, *, t: float = 1.96) -> Verdict:
    """Daily net returns keep a significant mean when the mean return of all pairs is taken out of them."""
    days, daily = daily_returns(returns.predictions)
    moves = market_daily(market, days)
    known = np.isfinite(moves) & np.isfinite(daily)
    if known.sum() < 30:
        return insufficient(f"{int(known.sum())} days, 30 are needed: {30 - int(known.sum())} more")
    if daily[known].std() == 0.0 or moves[known].std() == 0.0:
        return insufficient("daily returns or the market have no spread")
    fit = newey_west_ols(daily[known], moves[known][:, None], lags=newey_west_lags(int(known.sum())))
    value = float(fit.t[1])
    text = f"alpha {float(fit.params[1]):.4%} a day with t-value {value:.2f}, beta {float(fit.params[0]):.2f}"
    if -t < value <= 0.0 and known.sum() < QUARTER:
        return insufficient(f"{text}; {int(known.sum())} days cannot tell, {QUARTER} are needed", value)
    if 0.0 < value < t:
        more = math.ceil(int(known.sum()) * ((t / value) ** 2 - 1.0))
        return insufficient(f"{text}; about {more:,} more days would show an alpha of this size", value)
    return judge(value >= t, text, value, evidence=("predictions.parquet", "market.parquet"))


@check(
    "PF012",
    "Small against the volume",
    unit="share of a bar's volume, 95th percentile",
    source="capacity: an order that is a large part of the bar moves the price",
    remedy=("crypto-team ml-engineer set-signal STR", *REMEDY),
    stricter={"participation": "lower", "account": "higher"},
)
def small_against_volume(
    returns: Returns, market: pd.DataFrame, meta: EvidenceMeta, *, participation: float = 0.02, account: float = 10_000
) -> Verdict:
    """Orders of an account of `account` (quote currency, split evenly over the pairs) are a small part of each bar."""
    if "volume" not in market.columns:
        return insufficient("market.parquet has no volume")
    test = returns.test.assign(traded=returns.turnover)
    orders = test[test["traded"] > 0.0]
    if orders.empty:
        return insufficient("the strategy never traded")
    quote = (market["volume"] * market["close"]).to_numpy(dtype=np.float64)
    bars = pd.DataFrame({"pair": market["pair"], "key": milliseconds(market["time"]), "quote": quote})
    joined = orders.assign(key=milliseconds(orders["time"])).merge(bars, on=["pair", "key"], how="left")
    size = joined["traded"].to_numpy(dtype=np.float64) * account / max(1, len(meta.pairs))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(joined["quote"] > 0.0, size / joined["quote"], np.inf)
    value = float(np.quantile(share, 0.95))
    if not math.isfinite(value):
        return refused("more than one order in twenty meets a bar without volume", evidence=("market.parquet: volume",))
    capacity = account * participation / value if value > 0.0 else math.inf
    text = f"orders are {value:.3%} of the bar's volume at the 95th percentile; at {participation:.0%} the account "
    text += f"could hold about {capacity:,.0f}"
    return passed(text, value) if value <= participation else refused(text, value, evidence=("market.parquet: volume",))
