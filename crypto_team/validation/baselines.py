"""What a strategy has to beat: strategies without a model, on the same bars, at the same costs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.trading import baselines as rules
from crypto_team.trading.costs import net_returns
from crypto_team.validation import random_strategies
from crypto_team.validation.metrics import out_of_sample_rows
from crypto_team.validation.panel import Panel, panel_rows
from crypto_team.validation.settings import WalkForwardSettings

Floats = npt.NDArray[np.float64]


def baseline_returns(
    panel: Panel, predictions: pd.DataFrame, settings: WalkForwardSettings, simple: pd.DataFrame
) -> pd.DataFrame:
    """Trade the baselines over the test bars.

    Parameters
    ----------
    panel, predictions, settings
        Input and traded predictions of a walk-forward run.
    simple
        Traded predictions of the simplest model of each fold.

    Returns
    -------
    DataFrame
        time, name, position_mean, return_net (mean over pairs), sorted by (name, time). ``buy_and_hold`` is always
        long; ``random`` is the middle one, by Sharpe ratio, of 100 circular shifts of the strategy's own positions: its
        exposure and turnover without its timing; ``ma_cross`` is long while the 20-bar mean is above the 100-bar mean;
        ``previous_sign`` repeats the sign of the last horizon; both go short where the strategy may. ``simple_model``
        trades the signal of the simplest model by the strategy's own rules.
    """
    test = out_of_sample_rows(predictions)
    trading, parts = settings.trading, []
    moved = _middle_shift(panel, test, settings)
    for _, rows in test.groupby("pair", sort=True):
        at = panel_rows(panel, rows)
        following = panel.next_return[at]
        held = _rules(panel, at, settings.geometry.horizon_bars, long_short=trading.long_short)
        held["random"] = rules.shifted(rows["position"].to_numpy(dtype=np.float64), moved)
        table = {
            name: net_returns(position, following, trading.cost_bps_per_side)[1] for name, position in held.items()
        }
        parts += [
            pd.DataFrame({"time": rows["time"], "name": name, "position_mean": held[name], "return_net": table[name]})
            for name in held
        ]
    parts.append(
        simple.assign(name="simple_model").rename(columns={"position": "position_mean"})[
            ["time", "name", "position_mean", "return_net"]
        ]
    )
    joined = pd.concat(parts, ignore_index=True)
    return joined.groupby(["name", "time"], sort=True, as_index=False)[["position_mean", "return_net"]].mean()[
        ["time", "name", "position_mean", "return_net"]
    ]


def _rules(panel: Panel, at: npt.NDArray[np.int64], horizon: int, *, long_short: bool) -> dict[str, Floats]:
    """Return the positions of the rule-based baselines at the given rows of one pair."""
    own = np.flatnonzero(panel.pair_index == panel.pair_index[at[0]])
    # Index of prices from returns: close[t] is known at t, so it takes the returns before t only.
    growth = np.where(np.isfinite(panel.next_return[own]), 1.0 + panel.next_return[own], 1.0)
    price = np.concatenate([[1.0], np.cumprod(growth)[:-1]])
    place = at - own[0]
    return {
        "buy_and_hold": rules.buy_and_hold(price)[place],
        "ma_cross": rules.moving_average_cross(price, long_short=long_short)[place],
        "previous_sign": rules.previous_sign(price, horizon_bars=horizon, long_short=long_short)[place],
    }


def _middle_shift(panel: Panel, test: pd.DataFrame, settings: WalkForwardSettings) -> float:
    """Return by what share of its bars the random strategy with the middle Sharpe ratio is moved."""
    ordered = test.sort_values(["pair", "time"], kind="stable")
    following = panel.next_return[panel_rows(panel, ordered)]
    cost = settings.trading.cost_bps_per_side
    _, daily = random_strategies.random_daily(ordered, following, cost, seed=settings.seed)
    middle = random_strategies.ranked(random_strategies.sharpes(daily), 0.5)
    return float(random_strategies.shares(settings.seed)[middle])
