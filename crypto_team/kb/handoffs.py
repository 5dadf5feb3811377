"""Handoff records: a gate passed for exactly these bytes. One hash chain per strategy; a changed subject voids it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from crypto_team import __version__
from crypto_team.errors import RefusedError
from crypto_team.kb import git
from crypto_team.kb.attestation import KEY_VARIABLE, private_key, seal, trusted
from crypto_team.kb.chain import PIPELINE, heads, line_of, links, rank, record_paths
from crypto_team.kb.documents import plain
from crypto_team.kb.evidence import load_manifest
from crypto_team.kb.files import sha256
from crypto_team.kb.kinds import kind_of
from crypto_team.kb.registry import entry
from crypto_team.kb.secrets import contained
from crypto_team.kb.writer import Change
from crypto_team.kb.yaml import dump, load_record
from crypto_team.schemas import Handoff, Team
from crypto_team.schemas.gate import Subject

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from crypto_team.kb.chain import Link
    from crypto_team.kb.kinds import Kind
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import Stage
    from crypto_team.schemas.gate import GateReport
    from crypto_team.schemas.outcome import Finding

__all__ = [
    "FIRST_STAGES",
    "PIPELINE",
    "artifacts",
    "current_stage",
    "handoff_records",
    "holds",
    "make_handoff",
    "record_paths",
    "signing_key",
    "subject_of",
    "verify_chain",
    "void_reasons",
    "why_void",
]

FIRST_STAGES: Final = ("ml_engineer", "strategy_researcher")


_PROSE: Final = {".md", ".svg"}


def artifacts(layout: Layout, strategy_id: str, *, sender: Stage) -> dict[str, str]:
    """Return the hash of everything that a handoff of `sender` is about.

    These are the records, code, models and evidence objects of all stages up to the sender; what later stages still
    write, and reports that are rendered from records, are no part of it.
    """
    folder = layout.strategy_dir(strategy_id)
    found = {
        path.relative_to(folder).as_posix(): sha256(contained(path))
        for path in folder.rglob("*")
        if path.is_file() and subject_of(layout, path, sender)
    }
    if layout.evidence(strategy_id).exists():
        manifest = load_manifest(layout, strategy_id)
        found |= {f"evidence/{name}": item.sha256 for name, item in manifest.objects.items()}
    return dict(sorted(found.items()))


def subject_of(layout: Layout, path: Path, sender: Stage) -> bool:
    """Say whether a file of a strategy is something that a handoff of `sender` is about."""
    return path.suffix not in _PROSE and _made_until(kind_of(layout, path), sender)


def _made_until(kind: Kind | None, sender: Stage) -> bool:
    if kind is None or kind.name == "evidence" or kind.owner not in {*PIPELINE, *FIRST_STAGES}:
        return False
    return rank(kind.owner) <= rank(sender)


def handoff_records(layout: Layout, strategy_id: str) -> list[Handoff]:
    """Return the handoffs of a strategy, oldest first."""
    return [load_record(path, Handoff) for path in record_paths(layout, strategy_id)]


def void_reasons(layout: Layout, strategy_id: str) -> list[str]:
    """Return what of the newest handoff's subjects changed since it was recorded."""
    found = handoff_records(layout, strategy_id)
    return _changed(layout, found[-1]) if found else []


def holds(layout: Layout, record: Handoff) -> bool:
    """Say whether the subjects of a handoff are still what they were."""
    return not _changed(layout, record)


def why_void(layout: Layout, strategy_id: str) -> str:
    """Return in words why a strategy is not as far as its registry entry says."""
    if void_reasons(layout, strategy_id):
        return "void since its files changed"
    broken = [f"record {link.record.number:03d}: {text}" for link in links(layout, strategy_id) for text in link.broken]
    return f"void, {broken[0]}" if broken else "not handed on since"


def signing_key(layout: Layout) -> Ed25519PrivateKey | None:
    """Return the key that handoffs are signed with, None where none is configured and none is needed.

    Raises
    ------
    RefusedError
        The team demands signatures of its keys, and the configured one is none of them.
    """
    key = private_key(os.environ.get(KEY_VARIABLE))
    team = load_record(layout.team, Team) if layout.team.exists() else Team()
    if team.require_signature and (key is None or not trusted(key, team.handoff_keys)):
        raise RefusedError(
            "team.yaml demands signed handoffs, and "
            + ("no key is configured" if key is None else "it trusts another key"),
            where=KEY_VARIABLE,
            hint="let CI hand over, which has the key; --dry-run judges without a record",
        )
    return key


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
    first: Stage = "strategy_researcher" if at.type == "rule_based" else "ml_engineer"
    if at.stage in FIRST_STAGES:
        return first
    chain = [link for link in links(layout, strategy_id) if link.whole]
    # Where branches went on side by side, the strategy is as far as the one that came least far.
    holding = [_holding(layout, line_of(chain, head)) or first for head in heads(chain)]
    return min(*holding, at.stage, key=rank) if holding else first


def _holding(layout: Layout, line: list[Link]) -> Stage | None:
    """Return the receiver of the newest record that holds; None where none does."""
    return next((link.record.receiver for link in reversed(line) if not _changed(layout, link.record)), None)


def make_handoff(
    layout: Layout, strategy_id: str, *, sender: Stage, receiver: Stage, report: GateReport, now: datetime
) -> tuple[Handoff, list[Change]]:
    """Make the next record of the chain and the change that writes it; it joins branches that went on side by side.

    On other branches than the default one its name ends with a part of its hash, so that branches merge.
    """
    chain = links(layout, strategy_id)
    ends = sorted(heads(chain), key=lambda link: (link.record.number, link.digest), reverse=True)
    record = Handoff(
        number=1 + max((link.record.number for link in ends), default=0),
        strategy_id=strategy_id,
        sender=sender,
        receiver=receiver,
        created=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        tool_version=__version__,
        subjects=[
            Subject(name=name, sha256=value) for name, value in artifacts(layout, strategy_id, sender=sender).items()
        ],
        report=report,
        previous=ends[0].digest if ends else None,
        merges=[link.digest for link in ends[1:]],
    )
    record = seal(record, signing_key(layout))
    content = dump(record, schema="handoff")
    shared = git.branch(layout.root) == git.default_branch(layout.root)
    suffix = "" if shared else f"-{sha256(content.encode()).removeprefix('sha256:')[:8]}"
    path = layout.handoffs_dir(strategy_id) / f"{record.number:03d}-{sender}-to-{receiver}{suffix}.yaml"
    return record, [Change(kind="handoff", path=path, content=content)]


def verify_chain(layout: Layout, strategy_id: str) -> list[Finding]:
    """Return every break of a strategy's chain: order, digests, reports that did not pass, envelopes."""
    return [
        plain("handoff-chain", message, link.path) for link in links(layout, strategy_id) for message in link.broken
    ]
