"""Handoff records: a gate passed for exactly these bytes. One hash chain per strategy; a changed subject voids it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team import __version__
from crypto_team.kb.evidence import load_manifest
from crypto_team.kb.files import sha256
from crypto_team.kb.registry import entry
from crypto_team.kb.writer import Change
from crypto_team.kb.yaml import dump, load_record
from crypto_team.schemas import Handoff
from crypto_team.schemas.gate import Subject
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

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


def artifacts(layout: Layout, strategy_id: str) -> dict[str, str]:
    """Return the hash of every artifact that a handoff is about: design, code, models, evidence objects."""
    folder = layout.strategy_dir(strategy_id)
    singles = [layout.ml_spec(strategy_id), layout.features(strategy_id), layout.strategy_spec(strategy_id)]
    trees = [layout.code_dir(strategy_id).glob("*.py"), layout.model_dir(strategy_id).glob("*")]
    files = [path for path in [*singles, *(item for tree in trees for item in tree)] if path.is_file()]
    found = {path.relative_to(folder).as_posix(): sha256(path.read_bytes()) for path in files}
    if layout.evidence(strategy_id).exists():
        manifest = load_manifest(layout, strategy_id)
        found |= {f"evidence/{name}": item.sha256 for name, item in manifest.objects.items()}
    return dict(sorted(found.items()))


def record_paths(layout: Layout, strategy_id: str) -> list[Path]:
    """Return the handoff records of a strategy, in order."""
    return sorted(layout.handoffs_dir(strategy_id).glob("[0-9][0-9][0-9]-*.yaml"))


def handoff_records(layout: Layout, strategy_id: str) -> list[Handoff]:
    """Return the handoffs of a strategy, oldest first."""
    return [load_record(path, Handoff) for path in record_paths(layout, strategy_id)]


def void_reasons(layout: Layout, strategy_id: str) -> list[str]:
    """Return what of the newest handoff's subjects changed since it was recorded."""
    found = handoff_records(layout, strategy_id)
    if not found:
        return []
    now = artifacts(layout, strategy_id)
    then = {subject.name: subject.sha256 for subject in found[-1].subjects}
    return [
        f"{name} " + ("is new" if name not in then else "is gone" if name not in now else "changed")
        for name in sorted(now.keys() | then.keys())
        if now.get(name) != then.get(name)
    ]


def current_stage(layout: Layout, strategy_id: str) -> Stage:
    """Return who has the strategy now: the newest valid handoff's receiver, else who designs it.

    A changed artifact voids every handoff, and work that was returned starts over: the registry entry then names an
    earlier stage than the record does.
    """
    at = entry(layout, strategy_id)
    first: Stage = "strategy_researcher" if at.type == "rule_based" else "ml_engineer"
    found = handoff_records(layout, strategy_id)
    if not found or at.stage in FIRST_STAGES or void_reasons(layout, strategy_id):
        return first
    receiver = found[-1].receiver
    return min(receiver, at.stage, key=PIPELINE.index)


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
        subjects=[Subject(name=name, sha256=value) for name, value in artifacts(layout, strategy_id).items()],
        report=report,
        previous=sha256(earlier[-1].read_bytes()) if earlier else None,
    )
    path = layout.handoffs_dir(strategy_id) / f"{record.number:03d}-{sender}-to-{receiver}.yaml"
    return record, [Change(kind="handoff", path=path, content=dump(record, schema="handoff"))]


def verify_chain(layout: Layout, strategy_id: str) -> list[Finding]:
    """Return every break of a strategy's chain: order, digest of the record before, reports that did not pass."""
    findings = []
    previous: str | None = None
    for number, path in enumerate(record_paths(layout, strategy_id), start=1):
        record = load_record(path, Handoff)
        wrong = [
            message
            for message, broken in (
                (f"number {record.number} where {number} is due", record.number != number),
                ("the record before it was changed or removed", record.previous != previous),
                ("its gate did not pass", not record.report.passed),
                (f"it belongs to {record.strategy_id}", record.strategy_id != strategy_id),
            )
            if broken
        ]
        findings += [
            Finding(code="handoff-chain", severity="error", message=message, file=str(path), line=1, col=1)
            for message in wrong
        ]
        previous = sha256(path.read_bytes())
    return findings
