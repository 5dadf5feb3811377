"""What was edited without a tool and is not committed: it gets a commit of its own, no tool's commit carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crypto_team.errors import ConflictError
from crypto_team.kb import git, git_range
from crypto_team.kb.documents import judge
from crypto_team.kb.kinds import ANY, GATE, KINDS
from crypto_team.kb.ownership import decide, record_kind, rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from crypto_team.kb.kinds import Kind
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.outcome import Finding

TOOL: Final = "hand"
"""The tool that the commit of an edit by hand names."""
COMPUTED: Final = frozenset({"evidence", "model", "model_manifest", "backtest"})
"""Kinds that hold what a machine computed: an edit by hand is never right."""


def changed(layout: Layout, places: Sequence[Path]) -> list[Path]:
    """Return the files below some places that differ from the last commit, those that are gone included."""
    prefix = git_range.prefix(layout.root)
    names = git.changed_since_commit(layout.root, places)
    return sorted(layout.root / name.removeprefix(prefix) for name in names if name.startswith(prefix))


def commit_before(layout: Layout, role: str, targets: Iterable[Path], strategy_id: str | None) -> list[Path]:
    """Commit the role's own edits by hand before a tool writes: of its targets, and of the strategy; return them.

    Raises
    ------
    ConflictError
        A target was edited by hand in a way that cannot be committed; the tool would write over it.
    """
    wanted = set(targets)
    places = [*wanted, *([layout.strategies_root / strategy_id] if strategy_id else [])]
    found = changed(layout, places)
    own = [path for path in found if is_own_edit(layout, role, path) and not flaws(layout, path)]
    lost = [path for path in found if path in wanted and path not in own]
    if lost:
        raise ConflictError(
            "it was changed without a tool and is not committed; this command would write over it",
            where=str(lost[0]),
            hint=f"see git diff -- {lost[0].name}; then git restore it, or crypto-team doctor --repair",
        )
    commit(layout, role, own, strategy_id)
    return own


def is_own_edit(layout: Layout, role: str, path: Path) -> bool:
    """Say whether a role may change this file by hand: it owns the kind, and no machine computed it."""
    kind = record_kind(layout, path)
    if kind is None or kind in COMPUTED or (kind in KINDS and KINDS[kind].owner == GATE):
        return False
    verdict = decide(rules(layout), role, TOOL, kind)
    return verdict.allowed and verdict.mode == "own"


def flaws(layout: Layout, path: Path) -> list[Finding]:
    """Return why a file cannot be committed as it is; a removed one can."""
    if not path.exists() and not path.is_symlink():
        return []
    return [item for item in judge(layout, path, None).findings if item.severity == "error"]


def commit(layout: Layout, role: str, paths: Sequence[Path], strategy_id: str | None, why: str = "") -> str | None:
    """Commit edits by hand under the role that made them; None where there are none. Needs the write lock."""
    if not paths:
        return None
    trailers = {"Crypto-Team-Role": role, "Crypto-Team-Tool": TOOL}
    if strategy_id:
        trailers["Crypto-Team-Strategy"] = strategy_id
    names = ", ".join(path.relative_to(layout.crypto).as_posix() for path in paths[:3])
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return git.commit(layout.root, paths, why or f"Edited by hand: {names}{more}", trailers)


def owner_of(kind: Kind, default: str) -> str:
    """Return on whose behalf a file of a kind is committed where nobody said who wrote it."""
    return default if kind.owner in {ANY, GATE} else kind.owner
