"""How the numbers of a Freqtrade run are called and written for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from crypto_team.reports import formats

Written = tuple[str, Callable[[float], str]]
NUMBERS: Final[dict[str, Written]] = {
    "n_trades": ("Trades", formats.count),
    "total_return": ("Return of the account", formats.signed_percent),
    "final_balance": ("Final balance", formats.number),
    "sharpe": ("Sharpe ratio, annualised", formats.signed),
    "max_drawdown": ("Drawdown of the account", lambda value: formats.percent(abs(value), 2)),
    "profit_factor": ("Profit factor", formats.number),
    "win_rate": ("Trades won", formats.percent),
    "forced_exits": ("Forced exits", formats.count),
    "rejected_signals": ("Rejected entries", formats.count),
    "avg_trade": ("Mean profit of a trade", lambda value: formats.signed_percent(value, 2)),
    "exposure": ("Mean number of open trades", formats.number),
    "fees": ("Fees paid", formats.number),
    "funding": ("Funding received", formats.signed),
    "short_trades": ("Short trades", formats.count),
}


def written(metrics: Mapping[str, float | None]) -> dict[str, str]:
    """Return label -> text of every number of a run, in the order of the run; an undefined one reads n/a."""
    result = {}
    for name, value in metrics.items():
        label, write = NUMBERS.get(name, (name.replace("_", " ").capitalize(), formats.compact))
        result[label] = formats.MISSING if value is None else write(value)
    return result
