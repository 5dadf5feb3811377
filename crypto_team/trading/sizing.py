"""How large a position may be: confidence, volatility, Kelly, and what is at risk at the stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from crypto_team.errors import InputError

Floats = npt.NDArray[np.float64]
LIMIT_TOLERANCE = 1e-9
"""Limits are compared with this relative slack: (0.5 - 0.48) * 20000 is 400.00000000000034 in floating point."""


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """An open position; side is 1 or -1, prices in quote currency, quantity in base coin."""

    side: int
    entry: float
    stop: float
    quantity: float


@dataclass(frozen=True, slots=True)
class Heat:
    """What open positions would lose if every stop were hit at once, in quote currency and as a share of equity."""

    risks: tuple[float, ...]
    share: float
    remaining: float
    largest_new: float


def confidence_size(signal: Floats) -> Floats:
    """Return abs(2 p - 1): nothing at even odds, the whole position at certainty; 0 where the signal is NaN."""
    made: Floats = np.abs(2.0 * np.nan_to_num(np.asarray(signal, dtype=np.float64), nan=0.5) - 1.0)
    return np.minimum(made, 1.0)


def bet_size(probability: Floats, *, n_classes: int = 2) -> Floats:
    """Return 2 Phi(z) - 1 with z = (p - 1/K) / sqrt(p (1 - p)), for p in (0, 1).

    Source: Lopez de Prado (2018), Advances in Financial Machine Learning, chapter 10. Needs calibrated probabilities.
    """
    z = (probability - 1.0 / n_classes) / np.sqrt(probability * (1.0 - probability))
    made: Floats = 2.0 * ndtr(z) - 1.0
    return made


def kelly_binary(win_probability: float, payoff: float) -> float:
    """Return the share of capital to put at risk, p - (1 - p) / b; negative means no bet.

    Parameters
    ----------
    win_probability
        Probability of a win.
    payoff
        Win over loss, in units of the amount lost.

    Notes
    -----
    It is capital LOST on a losing trade, not notional: notional = fraction * capital / stop distance.
    Source: Kelly (1956).
    """
    return win_probability - (1.0 - win_probability) / payoff


def kelly_continuous(mean: float, deviation: float, *, riskless: float = 0.0) -> float:
    """Return (mu - r) / sigma^2, the growth-optimal leverage of a diffusion, all per period. Source: Thorp (2006)."""
    return (mean - riskless) / deviation**2


def kelly_empirical(returns: Floats) -> float:
    """Return the leverage that maximises the mean of ln(1 + f r) over a sample; 0 without an edge, NaN dropped.

    Raises
    ------
    InputError
        The sample never loses, so no finite leverage is best.
    """
    from scipy.optimize import brentq

    known = returns[np.isfinite(returns)]
    if known.size == 0 or float(known.mean()) <= 0.0:
        return 0.0
    worst = float(known.min())
    if worst >= 0.0:
        raise InputError("a sample without a loss has no finite Kelly fraction", hint="take a longer sample")

    def slope(fraction: float) -> float:
        return float(np.mean(known / (1.0 + fraction * known)))

    return float(brentq(slope, 0.0, (1.0 - 1e-12) / -worst, xtol=1e-14, rtol=8.9e-16))


def growth_binary(fraction: float, win_probability: float, payoff: float) -> float:
    """Return the expected logarithmic growth per bet at a fraction of capital."""
    return win_probability * math.log1p(fraction * payoff) + (1.0 - win_probability) * math.log1p(-fraction)


def growth_continuous(multiple: float, mean: float, deviation: float, *, riskless: float = 0.0) -> float:
    """Return the growth rate at a multiple of the Kelly leverage: r + (mu - r)^2 / sigma^2 (c - c^2 / 2)."""
    edge = (mean - riskless) ** 2 / deviation**2
    return riskless + edge * (multiple - multiple**2 / 2.0)


def volatility_target_weights(
    returns: Floats, *, target: float, periods_per_year: float, cap: float, window: int
) -> Floats:
    """Return min(cap, target / annualised volatility known the period before).

    Parameters
    ----------
    returns
        Simple returns per period, shape (n,).
    target
        Annualised volatility aimed at, 0.2 for 20 %.
    periods_per_year
        365 for days; there is no default on purpose.
    cap
        Largest weight; it is the weight after a window without movement.
    window
        Periods in the rolling sample standard deviation.

    Returns
    -------
    ndarray
        Shape (n,), the weight to hold DURING each period; NaN for the first `window` periods.
    """
    made = np.full(returns.size, np.nan)
    if returns.size > window:
        deviation = np.lib.stride_tricks.sliding_window_view(returns, window)[:-1].std(axis=1, ddof=1)
        made[window:] = _weights(deviation, target, periods_per_year, cap)
    return made


def volatility_target_weights_ewma(
    returns: Floats, *, target: float, periods_per_year: float, cap: float, decay: float = 0.94
) -> Floats:
    """Return volatility-target weights from v = decay v + (1 - decay) r^2, started at r_0^2; the first is NaN."""
    variance, made = 0.0, np.full(returns.size, np.nan)
    for at, value in enumerate(returns[:-1]):
        variance = value**2 if at == 0 else decay * variance + (1.0 - decay) * value**2
        made[at + 1] = math.sqrt(variance)
    return _weights(made, target, periods_per_year, cap)


def _weights(deviation: Floats, target: float, periods_per_year: float, cap: float) -> Floats:
    annual = deviation * math.sqrt(periods_per_year)
    quiet = annual <= target / cap
    made: Floats = np.where(quiet, cap, target / np.where(quiet, 1.0, annual))
    return made


def risk_quantity(
    equity: float, *, risk_fraction: float, entry: float, stop: float, position_cap: float, step: float = 0.0
) -> float:
    """Return the quantity whose loss at the stop is a fraction of equity, capped by notional.

    Parameters
    ----------
    equity
        Account in quote currency.
    risk_fraction
        Share of the equity that may be lost at the stop.
    entry, stop
        Prices; they must differ.
    position_cap
        Largest notional as a share of equity.
    step
        Lot step; the quantity is floored to it in decimal arithmetic, because 0.3 // 0.1 is 2. 0 leaves it as it is.
    """
    if entry == stop:
        raise InputError("entry and stop are the same price", hint="a stop at the entry price limits nothing")
    quantity = min(equity * risk_fraction / abs(entry - stop), equity * position_cap / entry)
    if step <= 0.0:
        return quantity
    lots = (Decimal(repr(quantity)) / Decimal(repr(step))).to_integral_value(rounding=ROUND_FLOOR)
    return float(lots * Decimal(repr(step)))


def portfolio_heat(
    positions: Sequence[OpenPosition], equity: float, *, limit: float = 0.06, trade_limit: float = 0.02
) -> Heat:
    """Sum what open positions would lose at their current stops; a stop beyond break-even adds nothing.

    Costs are not included; correlated positions add linearly, the worst case.
    """
    risks = tuple(max(0.0, one.side * (one.entry - one.stop) * one.quantity) for one in positions)
    remaining = max(0.0, limit * equity - sum(risks))
    return Heat(risks, sum(risks) / equity, remaining, min(remaining, trade_limit * equity))


def within(value: float, limit: float) -> bool:
    """Return whether a value keeps a limit, with slack for floating point."""
    return value <= limit * (1.0 + LIMIT_TOLERANCE)
