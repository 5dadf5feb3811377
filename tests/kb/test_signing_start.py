"""Signatures that were demanded later: what the base branch had by then counts, everything since is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto_team.errors import RefusedError
from crypto_team.kb import attestation, chain, chain_audit, git, handoffs, signing_start
from crypto_team.kb.validate import validate
from crypto_team.kb.yaml import dump
from crypto_team.schemas import Team
from tests.kb.test_chain import NOW, hand, messages, pem, trust
from tests.kb.test_conflicts import specify
from tests.kb.test_ownership import by_hand

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout

WHO = ("-c", "user.name=e", "-c", "user.email=e@e")
KEY = Ed25519PrivateKey.generate()


def demand(layout: Layout) -> str:
    """Let the lead demand signatures of one key; return the commit."""
    trust(layout, KEY)
    git.run(layout.root, *WHO, "commit", "-qam", "signatures", "--trailer", "Crypto-Team-Role: lead")
    return str(git.head(layout.root))


def unsigned(layout: Layout, second: int) -> None:
    """Hand over as an older program did, which let anybody write a record without a signature."""
    text = layout.team.read_text()
    layout.team.write_text(dump(Team(), schema="team"))
    hand(layout, at=NOW.replace(second=second))
    layout.team.write_text(text)


def broken(layout: Layout, base: str | None = None) -> list[str]:
    return [item.message for item in chain_audit.audit(layout, base)]


def test_what_was_handed_over_before_signatures_were_demanded_counts_and_what_follows_is_signed(
    strategy: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand(strategy)
    start = demand(strategy)
    assert signing_start.began(strategy.root) == start
    assert handoffs.current_stage(strategy, "STR-001") == "data_collector"
    assert messages(strategy) == set()
    assert broken(strategy, start) == []
    monkeypatch.setenv(attestation.KEY_VARIABLE, pem(KEY))
    specify(strategy, hypothesis="weekends pay")
    hand(strategy, at=NOW.replace(second=2))
    assert [link.whole for link in chain.links(strategy, "STR-001")] == [True, True]
    assert handoffs.current_stage(strategy, "STR-001") == "data_collector"
    assert [item for item in validate(strategy) if item.code in {"handoff-chain", "void"}] == []


def test_nobody_hands_over_without_the_key_once_it_is_demanded(
    strategy: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    demand(strategy)
    with pytest.raises(RefusedError, match="no key is configured"):
        hand(strategy)
    monkeypatch.setenv(attestation.KEY_VARIABLE, pem(Ed25519PrivateKey.generate()))
    with pytest.raises(RefusedError, match="trusts another key"):
        hand(strategy)


def test_a_record_without_a_signature_after_the_switch_is_broken_and_says_since_when(strategy: Layout) -> None:
    start = demand(strategy)
    unsigned(strategy, 3)
    assert messages(strategy) == {f"no trusted key signed it, which is demanded since commit {start[:10]}"}
    assert handoffs.current_stage(strategy, "STR-001") == "ml_engineer"
    assert "no trusted key signed it" in handoffs.why_void(strategy, "STR-001")


@pytest.mark.parametrize("way", ["older branch", "older dates", "older branch, merged into itself"])
def test_nobody_makes_a_record_older_than_it_is(strategy: Layout, way: str) -> None:
    begin = str(git.head(strategy.root))
    start = demand(strategy)
    git.run(strategy.root, "switch", "-q", "-c", "mal", begin if "branch" in way else "main")
    unsigned(strategy, 3)
    if "dates" in way:
        long_ago = {f"GIT_{who}_DATE": "2001-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")}
        amend = ("commit", "-q", "--amend", "--no-edit", "--date", "2001-01-01T00:00:00Z")
        assert git.attempt(strategy.root, *WHO, *amend, extra=long_ago).returncode == 0
        assert git.run(strategy.root, "log", "-1", "--format=%cI").startswith("2001")
    if "merged" in way:
        git.run(strategy.root, *WHO, "merge", "-q", "--no-edit", "main")
    said = [f"no trusted key signed it, which is demanded since commit {start[:10]}"]
    assert broken(strategy, "main") == said
    if "itself" in way:
        assert broken(strategy) == said, "also without a base, by the default branch"


def test_another_record_under_the_name_of_an_old_one_is_not_the_old_one(strategy: Layout) -> None:
    path = hand(strategy)
    start = demand(strategy)
    record = handoffs.handoff_records(strategy, "STR-001")[0].model_copy(update={"tool_version": "9"})
    path.write_text(dump(attestation.seal(record, None), schema="handoff"))
    assert any(text.startswith("no trusted key signed it") for text in broken(strategy, start))


def test_the_last_switch_counts_where_signatures_were_demanded_before(strategy: Layout) -> None:
    first = demand(strategy)
    by_hand(strategy, strategy.team, dump(Team(), schema="team"), Role="lead")
    assert signing_start.began(strategy.root) is None
    hand(strategy)
    second = demand(strategy)
    assert second != first
    assert signing_start.began(strategy.root) == second
    assert messages(strategy) == set()


def test_a_switch_that_came_with_a_merge_is_that_merge(strategy: Layout) -> None:
    git.run(strategy.root, "switch", "-q", "-c", "keys")
    demand(strategy)
    git.run(strategy.root, "switch", "-q", "main")
    hand(strategy)
    git.run(strategy.root, *WHO, "merge", "-q", "--no-ff", "--no-edit", "keys")
    assert signing_start.began(strategy.root) == git.head(strategy.root)
    assert messages(strategy) == set()
    assert broken(strategy, "main") == []
