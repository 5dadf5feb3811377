"""Changing a part of a document that people write: one tool for all of them, against a base revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from crypto_team.errors import CryptoTeamError, NotFoundError, RefusedError, UsageError
from crypto_team.kb import fallback, names, settings
from crypto_team.kb.kinds import SETTINGS, kind_of
from crypto_team.kb.meanwhile import stale
from crypto_team.kb.ownership import check_write
from crypto_team.kb.partial import applied, read_operation
from crypto_team.kb.remedies import of_value
from crypto_team.kb.writer import Change, commit_records, revision_of
from crypto_team.kb.yaml import check, dump, load_record, parse, read_text
from crypto_team.kb.yaml_splice import comments, splice
from crypto_team.schemas import RECORDS
from crypto_team.schemas.base import in_words
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.partial import Operation
    from crypto_team.schemas import Document
    from crypto_team.tools.session import Session

DESIGNED: Final = frozenset({"ml_spec", "features", "strategy_spec", "data_spec"})
"""Kinds that say what is wanted. All others hold what was computed, and only the tool that computes it writes them."""
CHANGED_BY: Final = {
    "backtest": ("backtester.run",),
    "critic_review": ("critic.perturb", "critic.review"),
    "dataset": ("data.import",),
    "deployment": ("execution_specialist.paper", "execution_specialist.halt"),
    "evidence": ("ml_engineer.train",),
    "handoff": ("handoff", "return-work"),
    "holdout_look": ("holdout.status",),
    "imported_evidence": ("evidence.import",),
    "learning": ("learnings.accept", "learnings.supersede", "learnings.retract"),
    "learning_event": ("learnings.accept", "learnings.supersede", "learnings.retract"),
    "model_manifest": ("ml_engineer.train",),
    "quant_review": ("quant_analyst.significance", "quant_analyst.review"),
    "registry": ("handoff", "return-work", "risk_manager.approve", "risk_manager.reject"),
    "registry_event": ("handoff", "return-work", "risk_manager.approve", "risk_manager.reject"),
    "risk_assessment": ("risk_manager.assess", "risk_manager.size", "risk_manager.approve", "risk_manager.reject"),
    "trial": ("ledger.import", "ledger.disclose"),
}
"""Kinds that nobody edits -> the tools that change a part of such a record, each only what it computes or decides."""


@tool(role="every")
def edit(
    session: Session,
    document: str,
    *,
    set_: list[str] | None = None,
    append: list[str] | None = None,
    remove: list[str] | None = None,
    test: list[str] | None = None,
    base_revision: str | None = None,
    dry_run: bool = False,
) -> Outcome:
    """Change parts of a specification or setting by JSON pointer, as one commit; the result has to fit the schema.

    Single values are replaced where they stand, so that comments stay.

    Parameters
    ----------
    document
        Any name that read takes, for example STR-001/ml-spec.yaml; for the lead also policy.yaml, team.yaml,
        ownership.yaml.
    set_
        /pointer=value, with a value in JSON or plain text.
    append
        /pointer=value: add to the end of a list.
    remove
        /pointer.
    test
        /pointer=value: refuse everything unless this is the value now.
    base_revision
        What `read` said the document was; refused with a difference where it has changed since.
    dry_run
        Show the result and write nothing.
    """
    operations = [
        *(read_operation("test", text) for text in test or []),
        *(read_operation("set", text) for text in set_ or []),
        *(read_operation("append", text) for text in append or []),
        *(read_operation("remove", text) for text in remove or []),
    ]
    if not operations:
        raise UsageError("nothing to change", hint="give --set, --append, --remove or --test")
    layout = session.layout
    path, kind, schema = _place(session, document)
    revision = revision_of(path)
    text = _edited(path, kind, schema, operations)
    dropped = [_dropped(document)] if comments(read_text(path)) - comments(text) else []
    if dry_run:
        if base_revision not in {None, revision}:
            raise stale(layout, path, base_revision)
        summary = f"{document} would change; nothing written"
        return Outcome(ok=True, summary=summary, path=str(path), data=text, findings=dropped)
    message = f"{document}: {len(operations)} part(s) changed"
    change = Change(kind, path, text, base_revision or revision)
    done = _written(session, change, message)
    return Outcome(ok=True, summary=f"{document} changed", path=str(path), revision=done, findings=dropped)


def _written(session: Session, change: Change, message: str) -> str | None:
    """Commit a changed document; a strategy whose handed-over documents it changes falls back."""
    layout, role = session.layout, session.role
    if change.path.parent == layout.crypto:
        return settings.write(layout, role, change, message)
    strategy_id = change.path.relative_to(layout.strategies_root).parts[0]
    done = commit_records(layout, role=role, tool="edit", strategy_id=strategy_id, changes=[change], message=message)
    now = f"{session.now():%Y-%m-%dT%H:%M:%SZ}"
    return fallback.write(layout, strategy_id, role=role, tool="edit", time=now) or done


def _place(session: Session, document: str) -> tuple[Path, str, str]:
    """Return path, kind and schema of a document that may be edited in parts by this role."""
    layout = session.layout
    path = names.document(layout, document)
    if path is not None and path.parent == layout.crypto:
        check_write(layout, session.role, "edit", SETTINGS[path.name])
        return path, SETTINGS[path.name], SETTINGS[path.name]
    kind = kind_of(layout, path) if path else None
    if kind is None or path is None:
        raise NotFoundError(f"there is no document {document[:200]!r}", hint="crypto-team search WORDS")
    if kind.name not in DESIGNED:
        keys = CHANGED_BY.get(kind.name, ())
        tools = ", ".join(f"crypto-team {key.replace('_', '-').replace('.', ' ')}" for key in keys)
        raise RefusedError(
            f"records of kind {kind.name} hold what was computed; only the tool that computes it writes them",
            where=document,
            hint=f"parts of it are changed by: {tools}" if tools else "text and code are edited with an editor",
        )
    check_write(layout, session.role, "edit", kind.name)
    return path, kind.name, str(kind.schema)


def _edited(path: Path, kind: str, schema: str, operations: list[Operation]) -> str:
    """Return the text with the operations done: in place where they replace single values, else in canonical form."""
    model, before = RECORDS[schema], read_text(path)
    made = _changed(path, model, operations)
    try:
        text = before
        for step in operations:
            if step.what == "set":
                text = splice(text, step.pointer, step.value, where=str(path))
        if check(parse(text, str(path)), model) == made:
            return text
    except CryptoTeamError:
        pass  # a field that was not written yet, a list: the whole document is written anew
    return dump(made, schema=kind)


def _dropped(document: str) -> Finding:
    hint = "change lists and new fields by hand where comments matter; then crypto-team ROLE commit"
    message = "the document was written anew, and its comments are gone; git has them"
    return Finding(code="comments-dropped", severity="warning", message=message, file=document, hint=hint)


def _changed(path: Path, model: type[Document], operations: list[Operation]) -> Document:
    """Apply the operations to the record on disk and check what results."""
    data = applied(load_record(path, model).model_dump(mode="json"), operations)
    try:
        return model.model_validate(data)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = "/" + "/".join(str(part) for part in first["loc"])
        what = f"{in_words(first)} (got {first['input']!r:.80})"
        raise UsageError(what, where=where, hint=of_value(first, ())) from problem
