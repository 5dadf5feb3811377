"""Booking an attempt in the ledger before it starts, so that nothing can be tried and then forgotten."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crypto_team.kb import store, trial_heads, trials
from crypto_team.kb.ids import new_trial_id
from crypto_team.kb.yaml import load_record
from crypto_team.roles import records
from crypto_team.schemas import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from crypto_team.kb.writer import Change
    from crypto_team.schemas.registry import TrialKind
    from crypto_team.tools.session import Session


@dataclass(slots=True)
class Booking:
    """One trial in the ledger while it runs."""

    session: Session
    trial: Trial
    sharpes: list[float] = field(default_factory=list)
    n_periods: int = 0
    predictions_hash: str | None = None
    daily: list[pd.Series[float]] = field(default_factory=list)

    @property
    def trial_id(self) -> str:
        """Return the id under which the attempt is booked."""
        return self.trial.trial_id

    @property
    def n_trials(self) -> int:
        """Return how many trials the ledger counts with this one; predictions that were booked before add nothing."""
        known = self.predictions_hash if self.trial.n_trials == 1 else None
        return trials.count(self.session.layout, running=self.trial_id, predictions_hash=known)

    def measure(self, predictions: pd.DataFrame) -> None:
        """Take daily returns, their Sharpe ratio and the identity of the out-of-sample predictions."""
        from crypto_team.validation.evidence_io import prediction_hash
        from crypto_team.validation.metrics import daily_returns
        from crypto_team.validation.significance import moments
        from crypto_team.validation.trial_returns import daily_series

        _, daily = daily_returns(predictions)
        found = moments(daily)
        self.sharpes.append(found.sharpe if found.std > 0 else 0.0)
        self.n_periods = found.n
        self.predictions_hash = prediction_hash(predictions)
        self.daily.append(daily_series(predictions))

    def shown(self, predictions_hash: str) -> None:
        """Say which predictions stand for all that was tried: the same ones, shown again, are no new trial."""
        self.predictions_hash = predictions_hash
        self.trial = self.trial.model_copy(update={"predictions_hash": predictions_hash})

    def finished(self) -> Change:
        """Stage the ledger entry with what was measured."""
        done = self.trial.model_copy(
            update={
                "status": "finished",
                "sharpe_per_period": self.sharpes,
                "n_periods": self.n_periods,
                "predictions_hash": self.predictions_hash if self.trial.n_trials == 1 else self.trial.predictions_hash,
                "returns": self._stored(),
            }
        )
        return staged(self.session, done)

    def _stored(self) -> str | None:
        """Put the daily returns into the evidence store and return the name of the object; None without any."""
        if not self.daily:
            return None
        from crypto_team.validation.trial_returns import packed

        return store.put(self.session.layout, packed(self.daily)).sha256


def staged(session: Session, trial: Trial) -> Change:
    """Stage the record of a trial."""
    path = session.layout.trial(trial.strategy_id, trial.trial_id)
    return records.change(session, "trial", path, trial)


def anchored(
    session: Session,
    strategy_id: str,
    *,
    kind: TrialKind,
    fingerprint: str,
    n_trials: int,
    note: str,
    **measured: Any,
) -> Trial:
    """Make a trial that follows all others of its strategy, and anchor it; `measured` is what is known of it."""
    trial = Trial(
        trial_id=new_trial_id(session.now()),
        strategy_id=strategy_id,
        kind=kind,
        booked=records.utc_text(session),
        fingerprint=fingerprint,
        n_trials=n_trials,
        note=note,
        previous=trial_heads.heads(session.layout, strategy_id),
        **measured,
    )
    trials.anchor(session.layout, trial)
    return trial


@contextmanager
def booked(
    session: Session,
    strategy_id: str,
    *,
    kind: TrialKind,
    fingerprint: str,
    n_trials: int = 1,
    note: str = "",
    **known: Any,
) -> Iterator[Booking]:
    """Book an attempt, run it, and mark it failed where it does not finish; it counts as tried either way.

    `known` are further fields of the trial that stand before it runs.
    """
    trial = anchored(
        session,
        strategy_id,
        kind=kind,
        fingerprint=fingerprint,
        n_trials=n_trials,
        note=note,
        status="started",
        **known,
    )
    records.save(
        session, session.role, kind, strategy_id, [staged(session, trial)], f"{strategy_id}: trial booked ({kind})"
    )
    booking = Booking(session=session, trial=trial)
    try:
        yield booking
    except BaseException:
        if load_record(session.layout.trial(strategy_id, trial.trial_id), Trial).status != "started":
            raise
        failed = staged(session, trial.model_copy(update={"status": "failed"}))
        records.save(session, session.role, kind, strategy_id, [failed], f"{strategy_id}: trial failed ({kind})")
        raise
