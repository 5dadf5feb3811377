"""Operators of market microstructure on bars: illiquidity, price impact, spreads without quotes, toxicity.

Those that need the book itself are columns of `data book-bars`; these need candles and, for the impact, a flow.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from crypto_team.features import rolling
from crypto_team.features.operators import Floats, divided, operator, shifted

_BPS = 1e4
_MILLION = 1e6
_CORWIN = 3.0 - 2.0 * np.sqrt(2.0)


@operator("microstructure", lambda n: n)
def amihud(close: Floats, volume: Floats, n: int = 60) -> Floats:
    """Amihud (2002) illiquidity: mean |return| over traded value, in bps per million quote; 0 where nothing traded.

    Bars without volume are left out of the mean.
    """
    move = np.abs(divided(close, shifted(close, 1)) - 1.0)
    traded = volume > 0.0
    each = np.where(traded, divided(move, close * volume), 0.0 * move)
    bars = rolling.total(1.0 * traded + 0.0 * (move + volume), n)
    return np.where(bars == 0.0, 0.0, divided(rolling.total(each, n), bars)) * (_BPS * _MILLION)


@operator("microstructure", lambda n: n + 1, shortest=2)
def roll_spread(close: Floats, n: int = 60) -> Floats:
    """Roll (1984) spread from n pairs of consecutive price changes, 2 sqrt(-cov) / close, in bps.

    A positive covariance shows no spread: 0.
    """
    step = close - shifted(close, 1)
    covariance = rolling.covariance(step, shifted(step, 1), n) * (n / (n - 1))
    return _BPS * divided(2.0 * np.sqrt(np.maximum(-covariance, 0.0)), close)


@operator("microstructure", lambda n: n, shortest=3)
def kyle_lambda(close: Floats, flow: Floats, n: int = 60) -> Floats:
    """Kyle's (1985) lambda: OLS slope with intercept of price changes on signed flow over n bars, in price per unit.

    0 where the flow does not vary.
    """
    step = close - shifted(close, 1)
    signed = flow + 0.0 * step
    spread = rolling.moment(signed, n, 2)
    return np.where(spread == 0.0, 0.0, divided(rolling.covariance(step, signed, n), spread))


@operator("microstructure", lambda n: n)
def corwin_schultz(high: Floats, low: Floats, n: int = 60) -> Floats:
    """Corwin and Schultz (2012) spread from highs and lows, mean of n two-bar estimates, negative ones as 0, in bps.

    Meaningless where the true spread is far below the range of a bar, as with liquid coins.
    """
    beta = np.square(np.log(divided(high, low)))
    beta = beta + shifted(beta, 1)
    top, bottom = rolling.extreme(high, 2, top=True), rolling.extreme(low, 2, top=False)
    gamma = np.square(np.log(divided(top, bottom)))
    alpha = (np.sqrt(2.0 * beta) - np.sqrt(beta)) / _CORWIN - np.sqrt(gamma / _CORWIN)
    grown = np.exp(alpha)
    spread = 2.0 * divided(grown - 1.0, grown + 1.0)
    return _BPS * rolling.mean(np.where(spread < 0.0, 0.0, spread), n)


@operator("microstructure", lambda n: n)
def abdi_ranaldo(high: Floats, low: Floats, close: Floats, n: int = 60) -> Floats:
    """Abdi and Ranaldo (2017) spread from n pairs of closes and mid-ranges, in bps; 0 where their mean is negative."""
    middle = 0.5 * (np.log(high) + np.log(low))
    last, middle_before = shifted(np.log(close), 1), shifted(middle, 1)
    squared = rolling.mean(4.0 * (last - middle_before) * (last - middle), n)
    return _BPS * np.sqrt(np.where(squared < 0.0, 0.0, squared))


def _bulk(close: Floats, n: int) -> Floats:
    """Return 2 Phi(dp / sigma) - 1 of each bar, sigma the population deviation of the last n price changes."""
    step = close - shifted(close, 1)
    sigma = np.sqrt(rolling.moment(step, n, 2))
    return np.where(sigma == 0.0, 0.0, erf(divided(step, sigma) / np.sqrt(2.0)))


@operator("microstructure", lambda n: 2 * n - 1, shortest=2)
def bulk_imbalance(close: Floats, volume: Floats, n: int = 50) -> Floats:
    """Bought less sold volume of n bars by bulk classification over their volume, -1 to 1; 0 without volume.

    Easley, Lopez de Prado, O'Hara (2012): the bought share of a bar is Phi(dp / sigma), sigma from the past n bars.
    """
    guess = _bulk(close, n)
    signed = rolling.total(guess * volume, n)
    total = rolling.total(volume + 0.0 * guess, n)
    return np.where(total <= 0.0, 0.0, divided(signed, total))


@operator("microstructure", lambda n: 2 * n - 1, shortest=2)
def vpin(close: Floats, volume: Floats, n: int = 50) -> Floats:
    """Toxicity of flow on bars, 0 to 1: |bought - sold| of each of n bars by bulk classification over their volume.

    After Easley, Lopez de Prado, O'Hara (2012), with bars instead of volume buckets; 0 without volume.
    """
    guess = np.abs(_bulk(close, n))
    toxic = rolling.total(guess * volume, n)
    total = rolling.total(volume + 0.0 * guess, n)
    return np.where(total <= 0.0, 0.0, divided(toxic, total))
