"""Tools of the ledger: list it, verify it, and book tries that were made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from crypto_team.errors import RefusedError
from crypto_team.kb import trial_heads, trials
from crypto_team.kb.files import sha256
from crypto_team.kb.learnings import stated
from crypto_team.kb.registry import entry
from crypto_team.roles import foreign_trials, records
from crypto_team.roles.booking import anchored, staged
from crypto_team.schemas.base import ShortText, StrategyId
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.schemas.registry import TrialKind
    from crypto_team.tools.session import Session

Source = Literal["returns", "optuna", "hyperopt"]
Tries = Annotated[int, Field(ge=1, le=1_000_000)]


@tool(role="every", group="ledger", name="list", read_only=True)
def ledger_list(session: Session, strategy_id: StrategyId | None = None) -> Outcome:
    """List the booked trials, oldest first.

    Parameters
    ----------
    strategy_id
        Only the trials of this strategy, for example STR-001.
    """
    booked = trials.trials(session.layout, strategy_id)
    rows = [
        {
            "trial": item.trial_id,
            "strategy": item.strategy_id,
            "kind": item.kind,
            "booked": item.booked,
            "status": item.status,
            "tries": item.n_trials,
            "best_daily_sharpe": max(item.sharpe_per_period, default=None),
            "note": item.note,
        }
        for item in booked
    ]
    total = trials.count(session.layout)
    return Outcome(ok=True, summary=f"{len(rows)} bookings; the registry counts {total} trial(s)", data=rows)


@tool(role="every", group="ledger", name="verify", read_only=True)
def ledger_verify(session: Session) -> Outcome:
    """Verify the chains, the anchors and the history of all trials, and show the head of every chain."""
    found = trials.ledger(session.layout)
    rows = [
        {"strategy": name, "tries": count, "head": " ".join(trial_heads.heads(session.layout, name))}
        for name, count in sorted(found.per_strategy.items())
    ]
    return Outcome(
        ok=not found.problems,
        summary=f"{found.n_trials} trial(s); {'nothing was taken back' if not found.problems else 'NOT intact'}",
        data=rows,
        findings=[
            Finding(code="ledger", severity="error", message=text, hint="git log -- .crypto/knowledge/trials")
            for text in found.problems
        ],
        exit_code=0 if not found.problems else 1,
    )


@tool(role="every", group="ledger", name="import", long=True)
def ledger_import(session: Session, strategy_id: StrategyId, file: Path, *, source: Source) -> Outcome:
    """Book the tries of a search that ran elsewhere; the same file is booked once.

    Parameters
    ----------
    strategy_id
        The strategy that the search led to, for example STR-001.
    file
        returns: CSV or Parquet with a column `time` and one column of returns for each try. optuna: a journal file or
        an SQLite database. hyperopt: a `.fthypt` file of Freqtrade.
    source
        What wrote the file.
    """
    entry(session.layout, strategy_id)
    found = foreign_trials.read(file, source)
    digest = sha256(found.content)
    return _booked(
        session,
        strategy_id,
        kind="import",
        fingerprint=digest,
        sharpes=found.sharpes,
        periods=found.periods,
        count=found.count,
        note=f"{source}: {found.what}",
    )


@tool(role="every", group="ledger", name="disclose")
def ledger_disclose(session: Session, strategy_id: StrategyId, *, tries: Tries, note: ShortText) -> Outcome:
    """Book tries of which nothing is left but the memory; they count like all others.

    Parameters
    ----------
    strategy_id
        The strategy that they led to, for example STR-001.
    tries
        How many configurations were looked at.
    note
        What was tried, where and when.
    """
    entry(session.layout, strategy_id)
    note = stated(note, "note")
    digest = sha256(f"{strategy_id}\n{tries}\n{note}".encode())
    return _booked(
        session, strategy_id, kind="disclose", fingerprint=digest, sharpes=[], periods=0, count=tries, note=note
    )


def _booked(
    session: Session,
    strategy_id: str,
    *,
    kind: TrialKind,
    fingerprint: str,
    sharpes: list[float],
    periods: int,
    count: int,
    note: str,
) -> Outcome:
    """Write one finished booking; the same content is refused the second time."""
    refuse_again(session, kind, fingerprint)
    trial = anchored(
        session,
        strategy_id,
        kind=kind,
        fingerprint=fingerprint,
        n_trials=count,
        note=note,
        status="finished",
        sharpe_per_period=sharpes,
        n_periods=periods,
    )
    revision = records.save(
        session, session.role, kind, strategy_id, [staged(session, trial)], f"{strategy_id}: {count} tries booked"
    )
    return Outcome(
        ok=True,
        summary=f"{count} tries booked as {trial.trial_id}; the registry counts {trials.count(session.layout)}",
        path=str(session.layout.trial(strategy_id, trial.trial_id)),
        revision=revision,
        data={"trial_id": trial.trial_id, "tries": count},
    )


def refuse_again(session: Session, kind: TrialKind, fingerprint: str) -> None:
    """Refuse content that was booked before; what failed may be tried again, and counts again."""
    known = [item for item in trials.trials(session.layout) if item.kind == kind and item.status == "finished"]
    again = next((item for item in known if item.fingerprint == fingerprint), None)
    if again is not None:
        raise RefusedError(
            f"exactly this was booked already, as {again.trial_id} of {again.strategy_id}",
            hint=f"crypto-team ledger list --strategy-id {again.strategy_id}",
        )
