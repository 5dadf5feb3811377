"""A stale write is answered with what changed since the caller read the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.errors import ConflictError
from crypto_team.kb.files import revision_of
from crypto_team.kb.writer import Change, commit_records

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout


def write(layout: Layout, text: str, base: str | None) -> None:
    change = Change("code", layout.code_dir("STR-001") / "mine.py", text, base)
    commit_records(layout, role="ml_engineer", tool="t", strategy_id="STR-001", changes=[change], message="m")


def test_the_difference_is_that_from_what_was_read_to_what_is_there(strategy: Layout) -> None:
    write(strategy, "a = 1\nb = 2\n", None)
    read = revision_of(strategy.code_dir("STR-001") / "mine.py")
    write(strategy, "a = 1\nb = 3\n", read)
    with pytest.raises(ConflictError) as caught:
        write(strategy, "mine = 9\n", read)
    assert "-b = 2\n+b = 3" in caught.value.what
    assert "mine" not in caught.value.what.replace("mine.py", "")


def test_what_was_never_committed_and_what_is_gone_are_said(strategy: Layout) -> None:
    write(strategy, "a = 1\n", None)
    with pytest.raises(ConflictError, match="in no commit"):
        write(strategy, "a = 2\n", "sha256:" + "0" * 64)
    with pytest.raises(ConflictError, match=r"\+a = 1"):
        write(strategy, "a = 2\n", None)
    path = strategy.code_dir("STR-001") / "mine.py"
    read = revision_of(path)
    path.unlink()
    with pytest.raises(ConflictError, match="it is gone"):
        write(strategy, "a = 2\n", read)
