"""The ledger of trials as gates and reports see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import trials

if TYPE_CHECKING:
    from crypto_team.gates.case import LedgerView
    from crypto_team.kb.trials import LedgerSummary
    from crypto_team.tools.session import Session


def ledger_view(session: Session) -> LedgerView:
    """Return the ledger of the whole registry."""
    return _view(trials.ledger(session.layout))


def ledger_when(session: Session, n_trials: int) -> LedgerView:
    """Return the ledger as it was when it counted so many trials; as it is now where it never did."""
    return _view(trials.when_it_counted(session.layout, n_trials) or trials.ledger(session.layout))


def _view(booked: LedgerSummary) -> LedgerView:
    from crypto_team.gates.case import LedgerView

    return LedgerView(
        n_trials=booked.n_trials,
        sharpes=tuple(booked.sharpes),
        chain_ok=not booked.problems,
        problems=tuple(booked.problems),
        searches=booked.searches,
    )
