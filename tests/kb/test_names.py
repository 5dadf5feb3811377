"""One reading of the names of documents, for every tool that takes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import InputError, UsageError
from crypto_team.kb import names

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout


def test_every_way_to_write_a_name_means_the_same_file(strategy: Layout) -> None:
    path = strategy.ml_spec("STR-001")
    short = names.short(strategy, path)
    for name in (
        short,
        "STR-001/ml-spec.yaml",
        f".crypto/knowledge/{short}",
        f"knowledge/{short}",
        f"./{short}",
        str(path),
    ):
        assert names.document(strategy, name) == path, name
    for name in ("policy.yaml", ".crypto/policy.yaml"):
        assert names.document(strategy, name) == strategy.policy


@pytest.mark.parametrize("name", ["", ".", "STR-001", "ml-spec.yaml", "/etc/passwd", ".gitignore", "data/x.yaml"])
def test_what_is_no_document_is_none(strategy: Layout, name: str) -> None:
    assert names.document(strategy, name) is None


@pytest.mark.parametrize("name", ["../x", "STR-001/../../../team.yaml", "a\0b", "a" * 4000, "a" * 300, "ü" * 200])
def test_a_name_never_leads_out(strategy: Layout, name: str) -> None:
    with pytest.raises(UsageError):
        names.document(strategy, name)


def test_a_link_is_no_document(strategy: Layout) -> None:
    path = strategy.ml_spec("STR-001")
    path.rename(strategy.root / "elsewhere.yaml")
    path.symlink_to(strategy.root / "elsewhere.yaml")
    with pytest.raises(InputError):
        names.document(strategy, "STR-001/ml-spec.yaml")
