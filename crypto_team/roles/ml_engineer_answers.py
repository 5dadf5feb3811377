"""The ML engineer's answers to what the team learned before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError
from crypto_team.kb import learnings
from crypto_team.kb.registry import entries
from crypto_team.roles import design, records
from crypto_team.schemas.base import ShortText, StrategyId
from crypto_team.schemas.ml_spec import Considered
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session


@tool(role="ml_engineer")
def consider(session: Session, strategy_id: StrategyId, *, reference: ShortText, answer: ShortText) -> Outcome:
    """Answer a learning or an earlier strategy in the specification: what it means for this design.

    The first gate asks for an answer to every critical learning (PR005) and to every rejected strategy that is nearly
    the same (PR011). An answer is no part of the design: what was trained stays valid.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    reference
        Id of the learning or strategy that is answered.
    answer
        What follows from it here, in one or two sentences; a new answer replaces the old one.
    """
    known = {item.learning_id for item in learnings.entries(session.layout)}
    known |= {item.strategy_id for item in entries(session.layout)} - {strategy_id}
    if reference not in known:
        raise NotFoundError(
            f"there is no learning or other strategy {reference}",
            where="--reference",
            hint=f"crypto-team learnings list, or crypto-team registry similar {strategy_id}",
        )
    spec = records.ml_spec(session, strategy_id)
    said = design.checked(Considered, {"reference": reference, "answer": learnings.clean(answer)})
    kept = [item for item in spec.considered if item.reference != reference]
    changes = [
        records.change(
            session,
            "ml_spec",
            session.layout.ml_spec(strategy_id),
            spec.model_copy(update={"considered": [*kept, said]}),
        ),
        records.registry_change(session, strategy_id, role="ml_engineer", event=f"considered {reference}"),
    ]
    text = f"{strategy_id}: considered {reference}"
    revision = records.save(session, "ml_engineer", "consider", strategy_id, changes, text)
    return Outcome(
        ok=True,
        summary=f"{strategy_id} answers {reference}",
        revision=revision,
        data=said.model_dump(mode="json"),
        next=[f"crypto-team handoff {strategy_id} --to data_collector"],
    )
