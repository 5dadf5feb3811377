"""Checks of what is earned after costs, recomputed from probabilities and prices (PF001, PF002, PF006-PF009)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.imported.claims import missing_costs
from crypto_team.gates.latency import late_fills
from crypto_team.gates.naive import by_chance, naive_daily
from crypto_team.gates.recompute import Returns
from crypto_team.gates.registry import Limit, Verdict, check, insufficient, judge, refused
from crypto_team.schemas.evidence import EvidenceMeta
from crypto_team.validation.metrics import DAYS_PER_YEAR, daily_returns, sharpe, total_return
from crypto_team.validation.random_strategies import ranked, sharpes
from crypto_team.validation.resampling import mean_interval, sharpe_interval, stationary_bootstrap

if TYPE_CHECKING:
    from crypto_team.gates.imported.case import ImportedFacts

Floats = npt.NDArray[np.float64]
QUARTER = 90
"""Days below which a comparison that chance explains says that it is too early, not that the strategy lost it."""
REMEDY = ("crypto-team ml-engineer define-target STR", "crypto-team ml-engineer train STR")


def _sharpe(daily: Floats) -> float:
    return sharpe(daily, periods_per_year=DAYS_PER_YEAR)


def _on_days(known: npt.NDArray[np.datetime64], values: Floats, days: npt.NDArray[np.datetime64]) -> Floats:
    return np.asarray(pd.Series(values, index=known).reindex(days, fill_value=0.0), dtype=np.float64)


def _baseline_daily(rows: pd.DataFrame, days: npt.NDArray[np.datetime64]) -> Floats:
    """Return the daily returns of one baseline on the strategy's `days`; a day without rows is 0."""
    stamps = pd.DatetimeIndex(rows["time"]).tz_localize(None).to_numpy().astype("datetime64[D]")
    sums = pd.Series(rows["return_net"].to_numpy(dtype=np.float64)).groupby(stamps).sum()
    return _on_days(sums.index.to_numpy(), sums.to_numpy(dtype=np.float64), days)


def _baseline_is_the_market(baselines: pd.DataFrame, days: npt.NDArray[np.datetime64], computed: Floats) -> bool:
    stored = _baseline_daily(baselines[baselines["name"] == "buy_and_hold"], days)
    return bool(np.allclose(stored[1:-1], computed[1:-1], atol=1e-6))


def _difference_interval(ours: Floats, theirs: Floats) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the difference of two annualised Sharpe ratios, paired by day."""
    n = ours.size
    rows = stationary_bootstrap(n, mean_block=max(1.0, n ** (1 / 3)), resamples=1000, rng=np.random.default_rng(21))
    ratios = []
    for values in (ours[rows], theirs[rows]):
        spread = values.std(axis=1, ddof=1)
        ratios.append(np.divide(values.mean(axis=1), spread, out=np.zeros(len(rows)), where=spread > 0.0))
    low, high = np.quantile(ratios[0] - ratios[1], [0.025, 0.975]) * math.sqrt(DAYS_PER_YEAR)
    return float(low), float(high)


@check(
    "PF001",
    "Beats buy-and-hold, random and moving-average cross after costs",
    unit="annualised Sharpe ratio above the best of them",
    source="ML engineer card, critical rule 9",
    mend="earn more than the simple rule does on the same days, or use the simple rule",
    remedy=REMEDY,
    stricter={"margin": "higher", "share": "higher"},
    passes="value > margin",
)
def beats_baselines(
    returns: Returns,
    market: pd.DataFrame,
    meta: EvidenceMeta,
    baselines: pd.DataFrame | None = None,
    imported: ImportedFacts | None = None,
    *,
    margin: float = 0.0,
    share: float = 0.95,
) -> Verdict:
    """Require a Sharpe ratio above each naive strategy's on the same days and costs; the interval is reported.

    Random is 100 strategies that hold the same positions at other times; the ratio has to be above that of a `share` of
    them, one by one, so that at most 1 - `share` of those without timing pass by luck. All are recomputed from the
    market; a stored buy-and-hold series that differs refuses.
    """
    days, ours = daily_returns(returns.predictions)
    if ours.size < 10:
        return insufficient(f"{ours.size} days of returns, 10 are needed: {10 - ours.size} more")
    if baselines is None and imported is None:
        return insufficient("missing: evidence: baselines.parquet")
    found = naive_daily(returns, market, meta)
    theirs = {name: _on_days(known, values, days) for name, (known, values) in found.items()}
    if baselines is not None and not _baseline_is_the_market(baselines, days, theirs["buy_and_hold"]):
        return judge(
            False, "the stored buy-and-hold returns are not those of the market", evidence=("baselines.parquet",)
        )
    own, (known, chance) = _sharpe(ours), by_chance(returns, market, meta)
    luck = sharpes(chance)
    theirs["random"] = _on_days(known, chance[:, ranked(luck, share)], days)
    ratios = {name: float(np.nan_to_num(_sharpe(values), nan=0.0)) for name, values in theirs.items()}
    hardest = max(ratios, key=lambda name: ratios[name])
    value, interval = own - ratios[hardest], _difference_interval(ours, theirs[hardest])
    text = f"Sharpe ratio {own:.2f}; " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    text += f" ({share:.0%} of {luck.size} at other times are at most that, half of them {np.median(luck):.2f})"
    text += f"; above {hardest} by {value:.2f} in [{interval[0]:.2f}, {interval[1]:.2f}]"
    if value <= margin < interval[1] and ours.size < QUARTER:
        more = f"{ours.size} days cannot tell, {QUARTER} are needed: {QUARTER - ours.size} more"
        return insufficient(f"{text}; {more}", value, interval=interval)
    return judge(value > margin, text, value, interval=interval)


@check(
    "PF002",
    "Sharpe ratio after costs",
    unit="annualised Sharpe ratio",
    source="ML engineer card, workflow step 7; approval level of the risk manager",
    mend="trade less often, and on stronger forecasts only: costs grow with every change of position",
    remedy=REMEDY,
    stricter={"ratio": "higher"},
)
def sharpe_high_enough(returns: Returns, meta: EvidenceMeta, *, ratio: float = 0.5) -> Verdict:
    """Require that the Sharpe ratio of daily net returns out of sample reaches the level of the gate."""
    daily = returns.daily
    value = _sharpe(daily)
    if not math.isfinite(value):
        return insufficient("daily returns have no spread: the strategy never traded, or there are too few days")
    limits = sharpe_interval(daily, periods_per_year=DAYS_PER_YEAR, rng=np.random.default_rng(meta.random_seed))
    text = f"Sharpe ratio {value:.2f} in [{limits.low:.2f}, {limits.high:.2f}] over {daily.size} days"
    return judge(value >= ratio, text, value, interval=(limits.low, limits.high))


@check(
    "PF006",
    "Profitable at higher costs and with late fills",
    unit="total return under stress",
    source="ML engineer card: include spread and fees; slippage and latency stress",
    mend="pay the costs of entries and exits, and trade on forecasts that exceed them and can wait for a fill",
    remedy=("crypto-team ml-engineer set-signal STR", *REMEDY),
    stricter={"multiple": "higher", "least_bps": "higher", "late_share": "higher"},
    limit=Limit("above", 0.0),
)
def survives_costs(
    returns: Returns,
    market: pd.DataFrame,
    meta: EvidenceMeta,
    imported: ImportedFacts | None = None,
    *,
    multiple: float = 1.5,
    least_bps: float = 0.1,
    late_share: float = 0.2,
) -> Verdict:
    """Total return with costs on every change of position stays positive at 1.5 times the stated cost.

    A stated cost below `least_bps` is refused (no venue is free; 0.001 is a fraction, not basis points), and so are
    stored net returns that leave out part of the costs. Entries and exits a quarter of the horizon later, at most one
    bar, must not turn the gain into a loss: refused where nothing is left net of costs and surely less than
    `late_share` of the gain (`gates/latency` derives both).
    """
    if returns.cost_bps_per_side < least_bps:
        text = f"{returns.cost_bps_per_side:g} bps per side are stated: no costs, or a fraction instead of basis points"
        return refused(text, evidence=("meta.yaml: cost_bps_per_side",))
    left_out = missing_costs(returns, imported) if imported is not None else ""
    if left_out:
        return refused(left_out, evidence=("predictions.parquet: return_gross - return_net",))
    levels = sorted({1.0, multiple, 2.0})
    totals = {level: total_return(returns.at_cost(level).daily) for level in levels}
    if returns.turnover.sum() == 0.0:
        return insufficient("the strategy never traded")
    text = "; ".join(f"cost x{level:g}: {value:+.2%}" for level, value in totals.items())
    breakeven = float(returns.test["return_gross"].sum()) / float(returns.turnover.sum()) * 1e4
    text += f"; break-even at about {breakeven:.1f} bps per side, {returns.cost_bps_per_side:g} are assumed"
    late = late_fills(returns, market, meta, late_share)
    text += f"; {late.words()}"
    value = totals[multiple]
    if value > 0.0 and late.total <= 0.0 and late.surely_below:
        return refused(f"{text}: it lives from fills without delay", late.total, evidence=("predictions.parquet",))
    return judge(value > 0.0, text, value)


@check(
    "PF008",
    "No single day, trade or pair carries the profit",
    unit="total return without it",
    source="quant analyst's duty: outliers",
    mend="look at the days and trades named here: wrong prices, or events that will not come again",
    remedy=REMEDY,
    stricter={"days": "higher", "trades": "higher"},
    limit=Limit("above", 0.0),
)
def nothing_carries_it(returns: Returns, meta: EvidenceMeta, *, days: float = 3, trades: float = 3) -> Verdict:
    """Require a positive sum of net returns without the best days, the best trades, and the best of several pairs."""
    when, daily = daily_returns(returns.predictions)
    if daily.size < 30:
        return insufficient(f"{daily.size} days of returns, 30 are needed: {30 - daily.size} more")
    order = np.argsort(-daily)[: int(days)]
    gains = returns.trades.nlargest(int(trades), "return_net")
    pairs = max(1, len(meta.pairs))
    left = {
        f"the best {days:g} days": float(daily.sum() - daily[order].sum()),
        f"the best {trades:g} trades": float(daily.sum() - gains["return_net"].sum() / pairs),
    }
    by_pair = returns.test.groupby("pair")["return_net"].sum() / pairs
    if len(by_pair) > 1:
        left[str(by_pair.idxmax())] = float(by_pair.drop(by_pair.idxmax()).sum())
    text = f"sum of daily returns {daily.sum():+.2%}, "
    text += ", ".join(f"without {name} {value:+.2%}" for name, value in left.items())
    rows = [f"predictions.parquet: {np.datetime_as_string(when[at], unit='D')} earns {daily[at]:+.2%}" for at in order]
    told = zip(gains["pair"], gains["entry_time"].astype("str"), gains["return_net"] / pairs, strict=True)
    rows += [f"predictions.parquet: {pair} from {begin[:16]} earns {gain:+.2%}" for pair, begin, gain in told]
    return judge(min(left.values()) > 0.0, text, min(left.values()), evidence=tuple(rows))


@check(
    "PF009",
    "Bootstrap interval of the return is above zero",
    unit="lower limit of the mean daily return",
    source="stationary bootstrap, Politis and Romano (1994)",
    mend="test on more days, or hold fewer and surer positions",
    remedy=REMEDY,
    stricter={"confidence": "higher"},
    limit=Limit("above", 0.0),
)
def interval_above_zero(returns: Returns, *, confidence: float = 0.95) -> Verdict:
    """Require that the two-sided bootstrap interval of the mean daily net return lies above zero."""
    limits = mean_interval(returns.daily, rng=np.random.default_rng(23), confidence=confidence)
    if not math.isfinite(limits.low):
        return insufficient("daily returns have no spread, or there are fewer than three days")
    text = f"mean daily return {limits.estimate:.3%} in [{limits.low:.3%}, {limits.high:.3%}]"
    if limits.low <= 0.0 < limits.estimate:
        more = math.ceil(returns.daily.size * (((limits.estimate - limits.low) / limits.estimate) ** 2 - 1.0))
        told = f"{text}: zero cannot be excluded; about {max(1, more):,} more days with this mean would"
        return insufficient(told, limits.low, interval=(limits.low, limits.high))
    return judge(limits.low > 0.0, text, limits.low, interval=(limits.low, limits.high))
