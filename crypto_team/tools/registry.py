"""Reading the registry: lists, free queries, single entries, history, similar designs, lineage, exports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto_team.kb import lineage, queries, registry, similar
from crypto_team.kb.handoffs import current_stage, handoff_records, void_reasons
from crypto_team.schemas.base import Limit, ShortText, StrategyId
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool
from crypto_team.tools.tables import write_table

if TYPE_CHECKING:
    from crypto_team.kb.queries import Answer
    from crypto_team.tools.session import Session

MOST_EXPORTED = 2**30


def outcome_of(answer: Answer) -> Outcome:
    """Turn an answer of the index into the answer of a tool."""
    findings = [Finding(code="incomplete", severity="warning", message=answer.warning)] if answer.warning else []
    if findings:
        findings = [findings[0].model_copy(update={"hint": "crypto-team validate"})]
    return Outcome(ok=True, summary=answer.summary, data=answer.rows, findings=findings, next=list(answer.next))


@tool(role="every", group="registry", name="list", read_only=True)
def registry_list(
    session: Session,
    *,
    where: list[str] | None = None,
    sort: str = "strategy_id",
    limit: Limit = 100,
    column: list[str] | None = None,
    columns: str = "",
    exact: bool = False,
) -> Outcome:
    """List the strategies and where each stands.

    Parameters
    ----------
    where
        Condition such as status=approved or metrics.oos_sharpe>=1; repeat to require several.
    sort
        Field to sort by; with a leading minus the largest come first.
    limit
        Most rows to show.
    column
        Field to show, for example metrics.oos_sharpe; repeat for several.
    columns
        Fields to show, separated by commas.
    exact
        Look at every file, even where neither a tool nor git wrote anything lately.
    """
    return outcome_of(
        queries.listing(
            session.layout,
            where=where or [],
            sort=sort,
            limit=limit,
            column=column or [],
            columns=columns,
            exact=exact,
        )
    )


@tool(role="every", group="registry", name="query", read_only=True)
def registry_query(session: Session, sql: str, *, limit: int = 1_000, exact: bool = False) -> Outcome:
    """Run one SELECT over strategies, metrics, trials, handoffs, checks, learnings, datasets, lineage, texts.

    Parameters
    ----------
    sql
        For example "SELECT strategy_id, value FROM metrics WHERE name = 'oos_sharpe' ORDER BY value DESC".
    limit
        Most rows to show.
    exact
        Look at every file, even where neither a tool nor git wrote anything lately.
    """
    return outcome_of(queries.select(session.layout, sql, limit=limit, exact=exact))


@tool(role="every", group="registry", name="tables", read_only=True)
def registry_tables(session: Session) -> Outcome:
    """Show the tables that `registry query` reads, with their columns."""
    return outcome_of(queries.tables(session.layout))


@tool(role="every", group="registry", name="similar", read_only=True)
def registry_similar(
    session: Session, strategy_id: StrategyId | None = None, /, *, text: str = "", limit: int = 10
) -> Outcome:
    """Say whether this was tried before: the designs most like a strategy or an idea, and their fate.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    text
        An idea in words, instead of a strategy or besides it.
    limit
        Most strategies to show.
    """
    return outcome_of(similar.similar(session.layout, strategy_id, text=text, limit=limit))


@tool(role="every", group="registry", name="lineage", read_only=True)
def registry_lineage(session: Session, name: ShortText, *, depth: int = 3) -> Outcome:
    """Show what something rests on and what rests on it: strategies, datasets, trials, reviews, learnings.

    Parameters
    ----------
    name
        STR-001, DS-001, STR-001/BT-001, a trial or a learning.
    depth
        How many steps to follow in each direction.
    """
    return outcome_of(lineage.lineage(session.layout, name, depth=depth))


@tool(role="every", group="registry", name="export", destructive=True)
def registry_export(
    session: Session, path: Path, *, table: str = "strategies", sql: str = "", force: bool = False
) -> Outcome:
    """Write a table, or the rows of a query, to a CSV, Parquet, JSON or JSON-lines file.

    Parameters
    ----------
    path
        The file; its ending says the format: .csv, .parquet, .json or .jsonl.
    table
        One of the tables of `registry tables`.
    sql
        A SELECT instead of a table.
    force
        Overwrite the file where it exists.
    """
    answer = queries.select(
        session.layout, sql or queries.whole_table(table), limit=10_000_000, most_bytes=MOST_EXPORTED
    )
    place = session.folder / path
    write_table(place, answer.rows, forbidden=session.layout.crypto, force=force)
    return Outcome(ok=True, summary=f"{len(answer.rows)} row(s) written to {place}", path=str(place))


@tool(role="every", group="registry", name="show", read_only=True)
def registry_show(session: Session, strategy_id: StrategyId) -> Outcome:
    """Show one strategy: who has it, its metrics, its handoffs.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    layout = session.layout
    entry = registry.entry(layout, strategy_id)
    stage, void = current_stage(layout, strategy_id), void_reasons(layout, strategy_id)
    data: dict[str, Any] = _flat(entry.model_dump(mode="json", exclude={"history", "schema_version"}))
    data["stage"] = stage
    handoffs = [
        {"number": item.number, "from": item.sender, "to": item.receiver, "time": item.created}
        for item in handoff_records(layout, strategy_id)
    ]
    if handoffs:
        data["handoffs"] = handoffs
    if void:
        data["changed_since_handoff"] = void
    data["last"] = entry.history[-1].event if entry.history else None
    return Outcome(ok=True, summary=f"{strategy_id} is with the {stage} ({entry.status})", data=data)


@tool(role="every", group="registry", name="history", read_only=True)
def registry_history(session: Session, strategy_id: StrategyId) -> Outcome:
    """Show everything that happened to a strategy, oldest first.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    events = registry.entry(session.layout, strategy_id).history
    data = [event.model_dump(mode="json") for event in events]
    return Outcome(ok=True, summary=f"{len(data)} event(s)", data=data)


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    """Write mappings inside an entry as dotted fields."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": item for name, item in value.items()}
        else:
            flat[key] = value
    return flat
