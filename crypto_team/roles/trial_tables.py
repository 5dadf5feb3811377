"""What the ledger keeps of the tries of one strategy: daily returns of all, scores of its seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import store, trials

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from crypto_team.schemas import Trial
    from crypto_team.tools.session import Session
    from crypto_team.validation.evidence_io import Evidence

DAYS_PER_YEAR = 365


def trial_tables(session: Session, strategy_id: str, evidence: Evidence, trial_id: str) -> dict[str, pd.DataFrame]:
    """Return the tables `trial_returns` and `seeds` of a strategy of ours, as far as its trials tell.

    Parameters
    ----------
    evidence, trial_id
        The evidence that is judged, and the trial that made it.

    Raises
    ------
    EvidenceError
        The store lacks the returns of a trial, or they are not those that were stored.
    """
    booked = trials.trials(session.layout, strategy_id)
    return {"trial_returns": _returns(session, booked, evidence), **_seeds(booked, trial_id)}


def _returns(session: Session, booked: Sequence[Trial], evidence: Evidence) -> pd.DataFrame:
    """Return daily returns of the evidence and of every trial that kept its own, on the days of the evidence."""
    from crypto_team.validation.trial_returns import daily_series, side_by_side, unpacked

    kept = dict.fromkeys(item.returns for item in booked if item.returns)
    tables = [unpacked(store.get(session.layout, name).read_bytes(), where=name) for name in kept]
    return side_by_side(daily_series(evidence.tables.predictions), tables)


def _seeds(booked: Sequence[Trial], trial_id: str) -> dict[str, pd.DataFrame]:
    """Return the score of every seed with which the design of the evidence was trained; equal predictions are one.

    Nothing where an earlier version booked the training: it did not keep the seed.
    """
    import pandas as pd

    own = next((item for item in booked if item.trial_id == trial_id), None)
    if own is None or own.seedless is None:
        return {}
    alike = {
        item.predictions_hash: item
        for item in booked
        if item.seedless == own.seedless and item.n_trials == 1 and item.sharpe_per_period
    }
    alike[own.predictions_hash] = own
    rows = [
        {
            "seed": item.random_seed,
            "score": item.sharpe_per_period[0] * DAYS_PER_YEAR**0.5 if item.sharpe_per_period else float("nan"),
            "chosen": item.trial_id == trial_id,
        }
        for item in alike.values()
    ]
    return {"seeds": pd.DataFrame(rows)}
