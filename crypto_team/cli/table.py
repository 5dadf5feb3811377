"""The complete table of tools and roles: every module that holds some, imported by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.roles import (
    backtester,
    critic,
    data_collector,
    execution_specialist,
    ml_engineer,
    quant_analyst,
    risk_manager,
    strategy_researcher,
)
from crypto_team.roles import book_bars as _book_bars
from crypto_team.roles import diagnosing as _diagnosing
from crypto_team.roles import evidence_import as _evidence_import
from crypto_team.roles import evidence_judging as _evidence_judging
from crypto_team.roles import feature_tools as _feature_tools
from crypto_team.roles import handoff as _handoff
from crypto_team.roles import holdout as _holdout
from crypto_team.roles import ledger_tools as _ledger
from crypto_team.roles import ml_engineer_answers as _ml_answers
from crypto_team.roles import ml_engineer_features as _ml_features
from crypto_team.roles import ml_engineer_training as _training
from crypto_team.roles import selftest as _selftest
from crypto_team.roles import series_tools as _series
from crypto_team.tools import ci as _ci
from crypto_team.tools import editing as _editing
from crypto_team.tools import forms as _forms
from crypto_team.tools import hand_edits as _hand_edits
from crypto_team.tools import handoffs as _handoffs
from crypto_team.tools import ids as _ids
from crypto_team.tools import knowledge as _knowledge
from crypto_team.tools import learnings as _learnings
from crypto_team.tools import learnings_read as _learnings_read
from crypto_team.tools import ownership as _ownership
from crypto_team.tools import registry as _registry
from crypto_team.tools import views as _views
from crypto_team.tools import workspace as _workspace
from crypto_team.tools.base import TOOLS

if TYPE_CHECKING:
    from crypto_team.tools.base import Role

ROLES: Final[tuple[Role, ...]] = (
    strategy_researcher.ROLE,
    ml_engineer.ROLE,
    data_collector.ROLE,
    backtester.ROLE,
    quant_analyst.ROLE,
    critic.ROLE,
    risk_manager.ROLE,
    execution_specialist.ROLE,
)
"""All roles in the order of the pipeline."""

GROUP_TITLES: Final[dict[str, str]] = {
    "registry": "Strategies: what there is and where each stands.",
    "learnings": "What the team learned: claims with evidence.",
    "gate": "Checks between roles, and of evidence from anywhere.",
    "evidence": "Results from elsewhere: a notebook, FreqAI, another framework.",
    "holdout": "Looks at sealed bars, and how many are left.",
    "ledger": "Every try that could have been reported: list, verify, and book those made elsewhere.",
    "handoff": "Hand a strategy over; show and verify the chain of its handoffs.",
    "ids": "Ids over clones: which are provisional, and making them final.",
    "ownership": "Who may write what: rules, guard, and the check of history.",
    "data": "Market data: import, list, show.",
    "features": "The formula language: operators and ready-made sets.",
}

TOOL_MODULES: Final = (
    _book_bars,
    _editing,
    _ci,
    _evidence_import,
    _evidence_judging,
    _diagnosing,
    _feature_tools,
    _forms,
    _hand_edits,
    _handoff,
    _handoffs,
    _holdout,
    _ids,
    _knowledge,
    _ledger,
    _learnings,
    _learnings_read,
    _ml_answers,
    _ml_features,
    _ownership,
    _registry,
    _selftest,
    _series,
    _training,
    _views,
    _workspace,
)
"""Modules that hold tools but no role."""

__all__ = ["GROUP_TITLES", "ROLES", "TOOLS", "TOOL_MODULES"]
