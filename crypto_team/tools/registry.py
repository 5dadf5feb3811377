"""Reading the registry: filters, sorting, single entries, history."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any, Final

from crypto_team.errors import UsageError
from crypto_team.kb import registry
from crypto_team.kb.handoffs import current_stage, handoff_records, void_reasons
from crypto_team.schemas.base import Limit, StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crypto_team.tools.session import Session

COLUMNS: Final = ("strategy_id", "name", "type", "stage", "status", "updated")
_CONDITION = re.compile(r"^\s*([a-z_][a-z0-9_.]*)\s*(>=|<=|!=|=|>|<)\s*(.+?)\s*$")
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@tool(role="every", group="registry", name="list", read_only=True)
def registry_list(
    session: Session,
    *,
    where: list[str] | None = None,
    sort: str = "strategy_id",
    limit: Limit = 100,
    column: list[str] | None = None,
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
    """
    rows = [_flat(entry.model_dump(mode="json")) for entry in registry.entries(session.layout)]
    fields = list(dict.fromkeys(name for row in rows for name in row))
    total = len(rows)
    for condition in where or []:
        rows = _filtered(rows, condition, fields)
    name = sort.removeprefix("-")
    if rows:
        _known(name, fields)
    rows = _sorted(rows, name, descending=sort.startswith("-"))
    metrics = [field for field in fields if field.startswith("metrics.")]
    shown = column or [*COLUMNS, *metrics]
    if column and total:
        for item in column:
            _known(item, fields)
    data = [{field: row.get(field) for field in shown} for row in rows[:limit]]
    hint = [] if total else ["crypto-team ml-engineer new --name NAME --pair BASE/QUOTE"]
    return Outcome(ok=True, summary=f"{len(data)} of {total} strategies", data=data, next=hint)


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


def _filtered(rows: Sequence[dict[str, Any]], condition: str, fields: Sequence[str]) -> list[dict[str, Any]]:
    """Keep the rows that fulfil one condition; rows without the field do not."""
    found = _CONDITION.match(condition)
    if found is None:
        raise UsageError(
            f"{condition!r} is not a condition", where="--where", hint="write for example 'metrics.oos_sharpe>=1'"
        )
    field, sign, text = found.groups()
    if not rows:
        return []
    _known(field, fields)
    return [row for row in rows if _holds(row.get(field), sign, text)]


def _holds(value: Any, sign: str, text: str) -> bool:
    """Compare a field with the text of a condition, as numbers where the field holds one."""
    if value is None:
        return False
    if not isinstance(value, int | float):
        return _COMPARE[sign](str(value), text)
    try:
        return _COMPARE[sign](value, float(text))
    except ValueError:
        raise UsageError(f"{text!r} is not a number", where="--where") from None


def _sorted(rows: Sequence[dict[str, Any]], field: str, *, descending: bool) -> list[dict[str, Any]]:
    """Sort rows by a field; those without it come last."""
    having = [row for row in rows if row.get(field) is not None]
    lacking = [row for row in rows if row.get(field) is None]
    return sorted(having, key=operator.itemgetter(field), reverse=descending) + lacking


def _known(field: str, fields: Sequence[str]) -> None:
    """Refuse a field that no entry has."""
    if field not in fields:
        import difflib

        near = difflib.get_close_matches(field, fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"fields are: {', '.join(fields)}"
        raise UsageError(f"no strategy has a field {field!r}", hint=hint)
