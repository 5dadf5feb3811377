"""Handoff records: a gate passed for exactly these bytes. One hash chain per strategy; a changed subject voids it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from crypto_team import __version__
from crypto_team.kb.evidence import load_manifest
from crypto_team.kb.files import sha256
from crypto_team.kb.kinds import kind_of
from crypto_team.kb.registry import entry
from crypto_team.kb.writer import Change
from crypto_team.kb.yaml import dump, load_record
from crypto_team.schemas import Handoff
from crypto_team.schemas.gate import Subject
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from crypto_team.kb.kinds import Kind
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import Stage
    from crypto_team.schemas.gate import GateReport

PIPELINE: Final[tuple[Stage, ...]] = (
    "ml_engineer",
    "data_collector",
    "backtester",
    "quant_analyst",
    "critic",
    "risk_manager",
    "execution_specialist",
)
"""Order of the pipeline; the strategy researcher stands beside the ML engineer at its start."""

FIRST_STAGES: Final = ("ml_engineer", "strategy_researcher")


_PROSE: Final = {".md", ".svg"}


def _rank(stage: str) -> int:
    """Return the place of a stage in the pipeline; both kinds of designers stand at its start."""
    return PIPELINE.index(stage) if stage in PIPELINE else 0


def artifacts(layout: Layout, strategy_id: str, *, sender: Stage) -> dict[str, str]:
    """Return the hash of everything that a handoff of `sender` is about.

    These are the records, code, models and evidence objects of all stages up to the sender; what later stages still
    write, and reports that are rendered from records, are no part of it.
    """
    folder = layout.strategy_dir(strategy_id)
    found = {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in _PROSE and _made_until(kind_of(layout, path), sender)
    }
    if layout.evidence(strategy_id).exists():
        manifest = load_manifest(layout, strategy_id)
        found |= {f"evidence/{name}": item.sha256 for name, item in manifest.objects.items()}
    return dict(sorted(found.items()))


def _made_until(kind: Kind | None, sender: Stage) -> bool:
    if kind is None or kind.name == "evidence" or kind.owner not in {*PIPELINE, *FIRST_STAGES}:
        return False
    return _rank(kind.owner) <= _rank(sender)


def record_paths(layout: Layout, strategy_id: str) -> list[Path]:
    """Return the handoff records of a strategy, in order."""
    return sorted(layout.handoffs_dir(strategy_id).glob("[0-9][0-9][0-9]-*.yaml"))


def handoff_records(layout: Layout, strategy_id: str) -> list[Handoff]:
    """Return the handoffs of a strategy, oldest first."""
    return [load_record(path, Handoff) for path in record_paths(layout, strategy_id)]


def void_reasons(layout: Layout, strategy_id: str) -> list[str]:
    """Return what of the newest handoff's subjects changed since it was recorded."""
    found = handoff_records(layout, strategy_id)
    return _changed(layout, found[-1]) if found else []


def _changed(layout: Layout, record: Handoff) -> list[str]:
    """Compare the subjects of a record with what is there now."""
    now = artifacts(layout, record.strategy_id, sender=record.sender)
    then = {subject.name: subject.sha256 for subject in record.subjects}
    return [
        f"{name} " + ("is new" if name not in then else "is gone" if name not in now else "changed")
        for name in sorted(now.keys() | then.keys())
        if now.get(name) != then.get(name)
    ]


def current_stage(layout: Layout, strategy_id: str) -> Stage:
    """Return who has the strategy now: the receiver of the newest handoff that still holds, else who designs it.

    A handoff holds while its subjects are unchanged and the chain up to it is whole. Work that was returned starts
    over: the registry entry then names an earlier stage than the record does.
    """
    at = entry(layout, strategy_id)
    whole = [record for _, record, broken in itertools.takewhile(lambda link: not link[2], _chain(layout, strategy_id))]
    first: Stage = "strategy_researcher" if at.type == "rule_based" else "ml_engineer"
    if at.stage in FIRST_STAGES:
        return first
    holding = (record.receiver for record in reversed(whole) if not _changed(layout, record))
    receiver = next(holding, first)
    return min(receiver, at.stage, key=_rank)


def make_handoff(
    layout: Layout, strategy_id: str, *, sender: Stage, receiver: Stage, report: GateReport, now: datetime
) -> tuple[Handoff, list[Change]]:
    """Make the next record of the chain and the change that writes it."""
    earlier = record_paths(layout, strategy_id)
    record = Handoff(
        number=len(earlier) + 1,
        strategy_id=strategy_id,
        sender=sender,
        receiver=receiver,
        created=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        tool_version=__version__,
        subjects=[
            Subject(name=name, sha256=value) for name, value in artifacts(layout, strategy_id, sender=sender).items()
        ],
        report=report,
        previous=sha256(earlier[-1].read_bytes()) if earlier else None,
    )
    path = layout.handoffs_dir(strategy_id) / f"{record.number:03d}-{sender}-to-{receiver}.yaml"
    return record, [Change(kind="handoff", path=path, content=dump(record, schema="handoff"))]


def verify_chain(layout: Layout, strategy_id: str) -> list[Finding]:
    """Return every break of a strategy's chain: order, digest of the record before, reports that did not pass."""
    return [
        Finding(code="handoff-chain", severity="error", message=message, file=str(path), line=1, col=1)
        for path, _, broken in _chain(layout, strategy_id)
        for message in broken
    ]


def _chain(layout: Layout, strategy_id: str) -> Iterator[tuple[Path, Handoff, list[str]]]:
    """Yield each record of a strategy, oldest first, with what is wrong about its place in the chain."""
    digest: str | None = None
    reached = 0
    for number, path in enumerate(record_paths(layout, strategy_id), start=1):
        record = load_record(path, Handoff)
        name, at = f"{record.number:03d}-{record.sender}-to-{record.receiver}", _rank(record.sender)
        gate = f"{record.sender}->{record.receiver}"
        wrong = {
            f"number {record.number} where {number} is due": record.number != number,
            f"its content says {name}": path.stem != name,
            "the record before it was changed or removed": record.previous != digest,
            "its gate did not pass": not record.report.passed or record.report.gate != gate,
            f"it belongs to {record.strategy_id}": {record.strategy_id, record.report.strategy_id} != {strategy_id},
            "it skips a stage": _rank(record.receiver) != at + 1 or at > reached,
        }
        yield path, record, [message for message, broken in wrong.items() if broken]
        digest, reached = sha256(path.read_bytes()), max(reached, _rank(record.receiver))
