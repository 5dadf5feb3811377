"""How many were tried, and how far their results spread: read from declared trials, never less than was shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crypto_team.gates.case import LedgerView
from crypto_team.schemas.evidence import ImportedMeta

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tried:
    """Daily returns of trials, shape (days, trials), and which of them differ from one another and moved at all."""

    daily: Floats
    alive: npt.NDArray[np.bool_]

    @property
    def sharpes(self) -> Floats:
        """Daily Sharpe ratio of each trial that moved."""
        kept = self.daily[:, self.alive]
        return np.asarray(kept.mean(axis=0) / kept.std(axis=0, ddof=1)) if kept.size else np.empty(0)


def trial_table(trial_returns: pd.DataFrame) -> pd.DataFrame:
    """Return per-period returns with one column for each trial, whatever form they came in."""
    frame = trial_returns
    names = {str(name).lower(): name for name in frame.columns}
    who = next(
        (names[name] for name in ("trial", "trial_id", "configuration", "config", "config_hash") if name in names), None
    )
    what = next((names[name] for name in ("return", "return_net", "value", "ret") if name in names), None)
    if who is not None and what is not None:
        index = [name for name in frame.columns if name in {"time", "period", "day"}]
        place = (frame[index[0]] if index else frame.groupby(who).cumcount()).to_numpy()
        return frame.assign(_place=place).pivot_table(index="_place", columns=who, values=what)
    wide = frame.drop(columns=[name for name in ("pair", "period", "day") if name in frame.columns])
    return wide.set_index("time") if "time" in wide.columns else wide


def tried(trial_returns: pd.DataFrame) -> Tried:
    """Sum the returns of trials by UTC day (by period where they have no time) and mark duplicates and dead ones."""
    table = trial_table(trial_returns).apply(pd.to_numeric, errors="coerce").fillna(0.0)
    if isinstance(table.index, pd.DatetimeIndex):
        table = table.groupby(table.index.floor("D")).sum()
    values = table.to_numpy(dtype=np.float64)
    alive = np.zeros(values.shape[1], dtype=bool)
    seen: set[bytes] = set()
    for number, column in enumerate(values.T):
        key = np.round(column, 12).tobytes()
        alive[number] = len(column) > 2 and float(column.std()) > 1e-12 and key not in seen
        seen.add(key)
    return Tried(values, alive)


def ledger_of(meta: ImportedMeta, tables: Mapping[str, pd.DataFrame]) -> LedgerView | None:
    """Return what foreign evidence says about trials: the largest number that any of its tables shows.

    None where neither a number is declared nor any trial shown: an unknown number of trials cannot be deflated by.
    """
    shown = shown_trials(tables)
    if meta.n_trials is None and not shown:
        return None
    returns = tables.get("trial_returns")
    sharpes = tuple(float(each) for each in tried(returns).sharpes) if returns is not None else ()
    return LedgerView(n_trials=max(meta.n_trials or 1, *shown.values(), 1), sharpes=sharpes, chain_ok=True)


def shown_trials(tables: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Return how many attempts each table shows; equal rows of `trials` count once."""
    found = {}
    if "trials" in tables:
        trials = tables["trials"]
        found["trials"] = int(trials["configuration"].nunique()) if "configuration" in trials.columns else len(trials)
    if "trial_returns" in tables:
        found["trial_returns"] = trial_table(tables["trial_returns"]).shape[1]
    return found
