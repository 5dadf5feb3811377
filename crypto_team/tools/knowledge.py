"""Tools that every role has: read, search, history, status, what is next, and giving work back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto_team.errors import CryptoTeamError, NotFoundError, RefusedError
from crypto_team.kb import ids, names, registry, trials
from crypto_team.kb.handoffs import current_stage, handoff_records, why_void
from crypto_team.kb.history import history as commits
from crypto_team.kb.kinds import kind_of
from crypto_team.kb.learnings import stated
from crypto_team.kb.noting import noted
from crypto_team.kb.verdicts import permitted
from crypto_team.kb.writer import commit_records, revision_of
from crypto_team.kb.yaml import read_text
from crypto_team.schemas.base import Limit, ShortText, StrategyId
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool
from crypto_team.tools.next_step import next_step, obstacles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas import RegistryEntry
    from crypto_team.schemas.base import Stage
    from crypto_team.schemas.registry import StrategyStatus
    from crypto_team.tools.session import Session

LONGEST_LINE = 200
MOST_NAMES = 10


@tool(role="every", read_only=True)
def status(session: Session, strategy_id: StrategyId | None = None, /) -> Outcome:
    """Show where the team, or one strategy, stands.

    Parameters
    ----------
    strategy_id
        For example STR-001; the whole workspace where not given.
    """
    layout = session.layout
    if strategy_id is not None:
        return _strategy_status(layout, registry.entry(layout, strategy_id))
    ledger = trials.ledger(layout)
    entries, broken = registry.sound(layout)
    rows = [_row(layout, entry, broken) for entry in entries]
    data: dict[str, Any] = {
        "workspace": str(layout.root),
        "datasets": len(list(layout.datasets_dir.glob("DS-*.yaml"))),
        "learnings": len(list(layout.learnings_dir.glob("*.md"))),
        "trials": ledger.n_trials,
    }
    if rows:
        data["strategies"] = rows
    waiting = ids.provisional(layout)
    if waiting:
        data["provisional_ids"] = waiting
    more = f"; {len(broken)} file(s) cannot be read" if broken else ""
    return Outcome(
        ok=True,
        summary=f"{len(rows)} strategies, {ledger.n_trials} trials{more}",
        data=data,
        findings=broken,
        next=(["crypto-team validate"] if broken else []) + (["crypto-team ids sync"] if waiting else []),
    )


def _row(layout: Layout, entry: RegistryEntry, broken: list[Finding]) -> dict[str, Any]:
    """Show one strategy in a line; what cannot be read of it is added to `broken`."""
    fields = {"strategy_id": entry.strategy_id, "name": entry.name}
    try:
        step = next_step(layout, entry)
    except CryptoTeamError as problem:
        broken.append(registry.unreadable(layout.strategy_dir(entry.strategy_id), problem))
        return {**fields, "with": entry.stage, "status": f"{entry.status}, broken", "next": "crypto-team validate"}
    return {**fields, "with": step.stage, "status": _shown_status(layout, entry, step.stage), "next": step.command}


def _shown_status(layout: Layout, entry: RegistryEntry, stage: Stage) -> str:
    """Return the status, marked with the reason where the handoffs that it was reached by do not hold any more."""
    return entry.status if entry.stage == stage else f"{entry.status}, {why_void(layout, entry.strategy_id)}"


def _strategy_status(layout: Layout, entry: RegistryEntry) -> Outcome:
    """Show one strategy at length."""
    step = next_step(layout, entry)
    data: dict[str, Any] = {
        "name": entry.name,
        "type": entry.type,
        "with": step.stage,
        "status": _shown_status(layout, entry, step.stage),
        "trials": trials.ledger(layout).per_strategy.get(entry.strategy_id, 0),
        "handoffs": [f"{item.sender} to {item.receiver}" for item in handoff_records(layout, entry.strategy_id)],
        **{f"metrics.{name}": value for name, value in entry.metrics.items()},
        "now": step.what,
        "why_not_further": list(obstacles(layout, entry)),
    }
    summary = f"{entry.strategy_id} is with the {step.stage}: {step.what}"
    return Outcome(ok=True, summary=summary, data=data, next=[step.command])


@tool(role="every", read_only=True, name="next")
def next_(session: Session, strategy_id: StrategyId | None = None, /) -> Outcome:
    """Say what this role can do now, and why not more.

    Parameters
    ----------
    strategy_id
        For example STR-001; every strategy where not given.
    """
    layout = session.layout
    found = [registry.entry(layout, strategy_id)] if strategy_id else registry.entries(layout)
    rows, commands = [], []
    for entry in found:
        step = next_step(layout, entry)
        mine = session.role in {step.stage, "lead"}
        reasons = list(obstacles(layout, entry)) + ([] if mine else [f"it is with the {step.stage}"])
        rows.append(
            {
                "strategy_id": entry.strategy_id,
                "what": step.what,
                "command": step.command if mine else None,
                "why_not_more": "; ".join(reasons) or None,
            }
        )
        commands += [step.command] if mine else []
    if not found:
        commands = ["crypto-team ml-engineer new --name NAME --pair BASE/QUOTE"]
    return Outcome(ok=True, summary=f"{len(commands)} thing(s) to do for {session.role}", data=rows, next=commands[:5])


@tool(role="every", read_only=True)
def read(session: Session, name: str) -> Outcome:
    """Read a document of the knowledge base.

    Parameters
    ----------
    name
        Its path as search shows it, or STR-001/ml-spec.yaml for short, or policy.yaml and team.yaml.
    """
    layout = session.layout
    path = names.document(layout, name)
    if path is None:
        raise NotFoundError(f"there is no document {name[:200]!r} in the knowledge base", hint=_instead(layout, name))
    return Outcome(
        ok=True, summary=names.short(layout, path), path=str(path), revision=revision_of(path), data=read_text(path)
    )


def _instead(layout: Layout, name: str) -> str:
    """Name the documents of a folder that was asked for, or those of that name in any strategy."""
    folder = next((item for item in (layout.strategies_root / name, layout.knowledge / name) if item.is_dir()), None)
    inside = sorted(folder.rglob("*")) if folder else sorted(layout.strategies_root.glob(f"STR-*/{Path(name).name}"))
    known = [names.short(layout, path) for path in inside if path.is_file() and kind_of(layout, path)]
    if not known:
        return "crypto-team search WORDS finds documents by what they say"
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return f"there is {', '.join(known[:MOST_NAMES])}{more}"


@tool(role="every", read_only=True)
def search(session: Session, text: str, *, limit: Limit = 20) -> Outcome:
    """Find documents of the knowledge base that hold every word; each is shown with the first line that has one.

    Parameters
    ----------
    text
        Words to look for.
    limit
        Most documents to show.
    """
    words = text.lower().split()
    found = list(_matches(session.layout, words)) if words else []
    return Outcome(ok=True, summary=f"{len(found)} document(s) hold {text!r}", data=found[:limit])


def _matches(layout: Layout, words: list[str]) -> Iterator[dict[str, Any]]:
    """Yield every document that holds all words."""
    for path in sorted(layout.knowledge.rglob("*")):
        if path.suffix not in {".md", ".yaml", ".py"} or kind_of(layout, path) is None:
            continue
        try:
            content = read_text(path)
        except CryptoTeamError:
            continue  # what one file hides must not hide the others; validate names it
        if not all(word in content.lower() for word in words):
            continue
        lines = content.splitlines()
        number = next(i for i, line in enumerate(lines) if any(word in line.lower() for word in words))
        yield {"document": names.short(layout, path), "line": number + 1, "text": lines[number].strip()[:LONGEST_LINE]}


@tool(role="every", read_only=True)
def history(session: Session, strategy_id: StrategyId | None = None, /, *, limit: Limit = 20) -> Outcome:
    """Show who changed what and when, newest first.

    Parameters
    ----------
    strategy_id
        For example STR-001; the whole knowledge base where not given.
    limit
        Most commits to show.
    """
    layout = session.layout
    places = [layout.knowledge]
    if strategy_id is not None:
        registry.entry(layout, strategy_id)
        places = [layout.strategy_dir(strategy_id), layout.registry_entry(strategy_id)]
        places.append(layout.registry_events(strategy_id))
    events = commits(layout, *places, most=limit)
    data = [
        {"time": item.time, "role": item.role, "tool": item.tool, "what": item.subject, "commit": item.commit}
        for item in events
    ]
    return Outcome(ok=True, summary=f"{len(data)} commit(s)", data=data)


@tool(role="every")
def return_work(session: Session, strategy_id: StrategyId, *, reason: ShortText) -> Outcome:
    """Give a strategy back to the role that handed it over, with the reason.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    reason
        What has to be different before it comes back.
    """
    layout = session.layout
    stage = current_stage(layout, strategy_id)
    if session.role not in {stage, "lead"}:
        hint = f"only the {stage} can give it back"
        raise RefusedError(f"{strategy_id} is with the {stage}, not with the {session.role}", hint=hint)
    sender, why = _sender(layout, strategy_id, stage), stated(reason, "reason")
    again: StrategyStatus = "draft" if sender in {"ml_engineer", "strategy_researcher"} else "in_progress"
    change = noted(
        layout,
        strategy_id,
        time=session.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        role=session.role,
        event=f"returned to {sender}: {why}"[:500],
        stage=sender,
        status=permitted(layout, strategy_id, session.role, again, sender),
    )
    revision = commit_records(
        layout,
        role=session.role,
        tool="return-work",
        strategy_id=strategy_id,
        changes=[change],
        message=f"{strategy_id}: returned to {sender}",
    )
    return Outcome(
        ok=True, summary=f"{strategy_id} is with the {sender} again", path=str(change.path), revision=revision
    )


def _sender(layout: Layout, strategy_id: str, stage: Stage) -> Stage:
    """Return the role that handed the strategy to its present one."""
    for record in reversed(handoff_records(layout, strategy_id)):
        if record.receiver == stage:
            return record.sender
    raise RefusedError(
        f"{strategy_id} is with the {stage}, where it began: there is nobody to return it to",
        hint=f"crypto-team {stage.replace('_', '-')} next {strategy_id}",
    )
