"""Looking at features: sets, operators and single formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session


@tool(role="every", group="features", name="list", read_only=True)
def features_list(session: Session, *, search: str = "") -> Outcome:
    """List the operators that formulas are made of.

    Parameters
    ----------
    search
        Show only operators whose name or description holds this text.
    """
    from crypto_team.roles.ml_engineer_features import list_operators

    return list_operators(session, search=search)


@tool(role="every", group="features", name="sets", read_only=True)
def features_sets(session: Session) -> Outcome:
    """List the ready-made feature sets."""
    from crypto_team.features.sets import SETS

    rows = [{"set": name, "features": len(items)} for name, items in SETS.items()]
    return Outcome(ok=True, summary=f"{len(rows)} set(s)", data=rows)


@tool(role="every", group="features", name="explain", read_only=True)
def features_explain(session: Session, formula: str) -> Outcome:
    """Show how a formula is understood: canonical form, column names, look-back, steps of the plan.

    Parameters
    ----------
    formula
        Formula over operators; sweeps are expanded.
    """
    from crypto_team.features.formula import expand
    from crypto_team.features.plan import compile_formulas

    plan = compile_formulas(expand(formula))
    return Outcome(ok=True, summary=f"{len(plan.lookback)} feature(s)", data=plan.explain())
