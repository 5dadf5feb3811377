"""Odds of ruin and of deep drawdowns under simple models; for orientation, never as a gate."""

from __future__ import annotations

import math


def gamblers_ruin(win_probability: float, units: float, target: float = math.inf) -> float:
    """Return the probability of losing everything before reaching a target, at even stakes of one unit.

    Parameters
    ----------
    win_probability
        Probability of winning one unit; otherwise one unit is lost.
    units
        Capital in units.
    target
        Capital at which the player stops; infinite for one who never stops.

    Notes
    -----
    ((q/p)^z - (q/p)^a) / (1 - (q/p)^a), and 1 - z/a at even odds. Source: Feller (1968), chapter XIV.
    """
    odds = (1.0 - win_probability) / win_probability
    if math.isinf(target):
        return 1.0 if odds >= 1.0 else odds**units
    if odds == 1.0:
        return 1.0 - units / target
    # Powers of the smaller ratio keep long games finite: (1/odds)^a does not overflow where odds^a would.
    if odds > 1.0:
        return float((1.0 - odds ** (units - target)) / (1.0 - odds**-target))
    return float((odds**units - odds**target) / (1.0 - odds**target))


def drawdown_probability(kelly_multiple: float, remaining: float) -> float:
    """Return the probability that capital ever falls to a fraction of its start, at a multiple of full Kelly.

    x^(2/c - 1) for a diffusion traded at c times the Kelly leverage, 0 < c < 2. Source: Thorp (2006).
    """
    return float(remaining ** (2.0 / kelly_multiple - 1.0))
