"""What a claim rests on exists, carries its hash, and can be looked up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import citations, store
from crypto_team.kb.files import sha256

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout

HASH = "sha256:" + "0" * 64


def cite(layout: Layout, item: str) -> str:
    [made] = citations.cited(layout, [item])
    return made


def test_documents_and_files_carry_the_hash_they_have_now(strategy: Layout) -> None:
    digest = sha256(strategy.ml_spec("STR-001").read_bytes())
    wanted = f"strategies/STR-001/ml-spec.yaml#{digest}"
    for name in ("STR-001/ml-spec.yaml", "strategies/STR-001/ml-spec.yaml", wanted):
        assert cite(strategy, name) == wanted
    (strategy.root / "notes").mkdir()
    (strategy.root / "notes" / "costs.md").write_text("30 bps\n")
    made = cite(strategy, "notes/costs.md")
    assert made == f"file:notes/costs.md#{sha256(b'30 bps' + bytes([10]))}"
    assert cite(strategy, made) == made
    assert all(citations.resolvable(item) for item in (wanted, made))


def test_ids_addresses_and_stored_objects_are_evidence(strategy: Layout) -> None:
    stored = store.put(strategy, b"predictions").sha256
    for item in ("STR-001", "https://example.org/paper.pdf", stored):
        assert cite(strategy, item) == item
        assert citations.resolvable(item)


@pytest.mark.parametrize(
    "item",
    [
        *("../../../../etc/passwd", "/etc/passwd", "no/such/file.md", "a talk", "", "STR-999", "STR-001/BT-001", HASH),
        *("file:../x", f"STR-001/ml-spec.yaml#{HASH}", "https://", "https://user:pw@example.org/x", "ftp://x/y"),
        *(
            ".git/config",
            "file:.git/HEAD",
            "STR-001/../STR-001/ml-spec.yaml",
            "x\0y",
            "a" * 5000,
            "file:" + "a" * 300,
            "x/" * 1000,
            "link.md",
            "2026",
        ),
    ],
)
def test_what_does_not_exist_or_lies_elsewhere_is_no_evidence(strategy: Layout, item: str) -> None:
    (strategy.root / "link.md").symlink_to("/etc/hostname")
    with pytest.raises(CryptoTeamError):
        citations.cited(strategy, [item])
