"""The chain of handoffs: envelopes, signatures, forks and merges, and what was cut off."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto_team.errors import InputError
from crypto_team.kb import attestation, chain, chain_audit, git, handoffs, ownership_audit, registry
from crypto_team.kb.noting import noted
from crypto_team.kb.paths import Layout
from crypto_team.kb.writer import commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import Team
from crypto_team.schemas.reviews import HandoffKey
from tests.kb.reports import passed_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
IDENTITY = ("-c", "user.name=e", "-c", "user.email=e@e")


def hand(layout: Layout, *, at: datetime = NOW) -> Path:
    report = passed_report("ml_engineer->data_collector")
    _, changes = handoffs.make_handoff(
        layout, "STR-001", sender="ml_engineer", receiver="data_collector", report=report, now=at
    )
    old = registry.entry(layout, "STR-001")
    if old.stage != "data_collector":
        time = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        made = noted(layout, "STR-001", time=time, role="ml_engineer", event="handed over", stage="data_collector")
        changes.append(made)
    commit_records(layout, role="ml_engineer", tool="handoff", strategy_id="STR-001", changes=changes, message="h")
    return changes[0].path


def messages(layout: Layout) -> set[str]:
    return {item.message for item in handoffs.verify_chain(layout, "STR-001")}


def trust(layout: Layout, key: Ed25519PrivateKey) -> None:
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    team = Team(handoff_keys=[HandoffKey(holder="ci", public_key=public)], require_signature=True)
    layout.team.write_text(dump(team, schema="team"))


def pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_the_envelope_is_an_in_toto_statement_about_the_subjects(strategy: Layout) -> None:
    record = handoffs.handoff_records(strategy, "STR-001") or [hand(strategy)]
    record = handoffs.handoff_records(strategy, "STR-001")
    envelope = record[0].envelope
    assert envelope is not None
    said = json.loads(base64.b64decode(envelope.payload))
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert [item["name"] for item in said["subject"]] == ["features.yaml", "ml-spec.yaml"]
    assert len(said["subject"][0]["digest"]["sha256"]) == 64
    assert said["predicate"]["report"]["policy_digest"]
    assert messages(strategy) == set()


def test_the_encoding_that_is_signed_is_the_one_of_the_standard() -> None:
    assert attestation.encoded(b"hello") == b"DSSEv1 28 application/vnd.in-toto+json 5 hello"


def test_a_trusted_signature_holds_and_any_other_does_not(strategy: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    trust(strategy, key)
    monkeypatch.setenv(attestation.KEY_VARIABLE, pem(key))
    path = hand(strategy)
    assert messages(strategy) == set()
    assert handoffs.current_stage(strategy, "STR-001") == "data_collector"
    trust(strategy, other)
    assert messages(strategy) == {"no trusted key signed it, which is demanded by team.yaml"}
    assert handoffs.current_stage(strategy, "STR-001") == "ml_engineer"
    trust(strategy, key)
    record = handoffs.handoff_records(strategy, "STR-001")[0]
    assert record.envelope is not None
    forged = record.model_copy(update={"tool_version": "9"})
    sealed = attestation.seal(forged, None).envelope
    assert sealed is not None
    sealed = sealed.model_copy(update={"signatures": record.envelope.signatures})
    path.write_text(dump(forged.model_copy(update={"envelope": sealed}), schema="handoff"))
    assert messages(strategy) == {"its signature does not match"}
    path.write_text(dump(record.model_copy(update={"envelope": None}), schema="handoff"))
    assert messages(strategy) == {"it has no envelope, which is demanded by team.yaml"}


def test_a_signing_key_that_is_none_is_refused_without_being_shown(tmp_path: Path) -> None:
    for value in ("-----BEGIN nonsense hidden", str(tmp_path / "missing")):
        with pytest.raises(InputError) as caught:
            attestation.private_key(value)
        assert "hidden" not in str(caught.value)


def test_a_chain_that_was_cut_off_is_found_from_its_history_and_from_the_base(strategy: Layout) -> None:
    hand(strategy)
    last = hand(strategy)
    base = str(git.head(strategy.root))
    assert chain_audit.audit(strategy, base) == []
    git.run(strategy.root, "rm", "-q", str(last))
    git.run(strategy.root, *IDENTITY, "commit", "-q", "-m", "shorter")
    assert handoffs.verify_chain(strategy, "STR-001") == []
    assert len(chain_audit.audit(strategy)) == 1
    assert "gone" in chain_audit.audit(strategy)[0].message
    git.run(strategy.root, "reset", "-q", "--hard", f"{base}~1")
    assert chain_audit.audit(strategy) == []
    assert "cut off" in chain_audit.audit(strategy, base)[0].message
    assert not ownership_audit.audit(strategy, f"{base}~1")[1]


def test_keys_are_those_that_the_base_trusts(strategy: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    key, mine = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    trust(strategy, key)
    git.run(strategy.root, *IDENTITY, "commit", "-qam", "keys")
    base = str(git.head(strategy.root))
    trust(strategy, mine)
    monkeypatch.setenv(attestation.KEY_VARIABLE, pem(mine))
    hand(strategy)
    assert messages(strategy) == set()
    said = [f"no trusted key signed it, which is demanded since commit {base[:10]}"]
    assert [item.message for item in chain_audit.audit(strategy, base)] == said


def test_branches_that_both_went_on_merge_and_meet_in_the_next_record(strategy: Layout) -> None:
    root = strategy.root
    hand(strategy)
    for name, second in (("a", 1), ("b", 2)):
        git.run(root, "checkout", "-q", "-b", name, "main")
        hand(strategy, at=NOW.replace(second=second))
    git.run(root, "checkout", "-q", "main")
    for name in ("a", "b"):
        git.run(root, *IDENTITY, "merge", "-q", "--no-edit", name)
    found = chain.links(strategy, "STR-001")
    assert [link.record.number for link in found] == [1, 2, 2]
    assert len(chain.heads(found)) == 2
    assert handoffs.current_stage(strategy, "STR-001") == "data_collector"
    hand(strategy)
    found = chain.links(strategy, "STR-001")
    assert messages(strategy) == set()
    assert [link.record.number for link in chain.heads(found)] == [3]
    assert len(found[-1].parents) == 2
    assert [link.record.number for link in chain.line_of(found, found[-1])] == [1, 2, 2, 3]
    found[1].path.unlink()
    assert "the record before it was changed or removed" in messages(strategy)


def test_a_changed_subject_voids_the_merged_chain(strategy: Layout) -> None:
    hand(strategy)
    path = strategy.features("STR-001")
    path.write_text(path.read_text() + "# touched\n")
    assert handoffs.void_reasons(strategy, "STR-001") == ["features.yaml changed"]
    assert handoffs.current_stage(strategy, "STR-001") == "ml_engineer"


def restated(layout: Layout, change: Callable[[dict[str, Any]], object]) -> set[str]:
    """Change what the envelope of the only record states, leave the record, and return what is wrong."""
    path = hand(layout)
    record = handoffs.handoff_records(layout, "STR-001")[0]
    said = attestation.statement(record)
    change(said)
    payload = base64.b64encode(json.dumps(said).encode()).decode()
    assert record.envelope is not None
    envelope = record.envelope.model_copy(update={"payload": payload})
    path.write_text(dump(record.model_copy(update={"envelope": envelope}), schema="handoff"))
    return messages(layout)


def test_a_record_from_before_a_field_existed_is_whole(strategy: Layout) -> None:
    def older(said: dict[str, Any]) -> None:
        for item in said["predicate"]["report"]["results"]:
            del item["blocking"]
        del said["predicate"]["merges"]

    assert restated(strategy, older) == set()


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["predicate"].update(number=2),
        lambda said: said["predicate"].update(more=1),
        lambda said: said.update(more=1),
        lambda said: said.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda said: said.pop("predicateType"),
        lambda said: said["subject"].pop(),
        lambda said: said["subject"][0].update(more=1),
        lambda said: said["subject"][0]["digest"].update(sha512="0"),
        lambda said: said["subject"][0].update(digest={"sha256": "0" * 64}),
        lambda said: said["subject"].append("x"),
        lambda said: said.update(predicate=[]),
        lambda said: said["predicate"]["report"]["results"][0].update(blocking=False),
        lambda said: said["predicate"].update(envelope=None),
    ],
)
def test_an_envelope_that_states_anything_else_is_found(
    strategy: Layout, change: Callable[[dict[str, Any]], object]
) -> None:
    assert restated(strategy, change) == {"it was changed: its envelope says something else"}
