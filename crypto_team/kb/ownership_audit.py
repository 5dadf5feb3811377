"""Ownership re-derived from history: every commit of a range, judged by the rules of its base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import claim_audit, git_range, handoff_audit
from crypto_team.kb.append_only import check_growth
from crypto_team.kb.kinds import KINDS, SETTINGS
from crypto_team.kb.ownership import IGNORE, decide, default_rules, record_kind, way_to_write
from crypto_team.kb.paths import Layout, looks_like_ours
from crypto_team.kb.records_text import document_of
from crypto_team.kb.secrets import MOST_BYTES, check_content
from crypto_team.kb.yaml import check, parse
from crypto_team.schemas import Ownership, Team
from crypto_team.schemas.base import RoleId
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crypto_team.kb.git_range import Commit, FileChange

ROLES: Final[tuple[str, ...]] = get_args(RoleId)


def audit(layout: Layout, base: str) -> tuple[int, list[Finding]]:
    """Judge every commit of `base..HEAD`; return how many there are, and everything that the rules do not allow.

    The rules and the members of the team are those of the base: a branch cannot give itself what it wants to do.
    """
    git_range.require_history(layout.root)
    start = git_range.resolve(layout.root, base)
    prefix = git_range.prefix(layout.root)
    trusted = _Trusted(layout, start, prefix)
    found = git_range.commits(layout.root, start)
    judged = [item for commit in found for item in trusted.judge(commit)]
    known = {item.file for item in judged if item.code == "taken-back"}
    return len(found), [*judged, *(item for item in trusted.dropped(start, found) if item.file not in known)]


class _Trusted:
    """What the base of a range says: the rules, who plays which role, and which settings exist."""

    def __init__(self, layout: Layout, base: str, prefix: str) -> None:
        self.layout, self.prefix = layout, prefix
        rules, team = self._setting(base, "ownership.yaml"), self._setting(base, "team.yaml")
        self.new = rules is None
        self.rules = default_rules() if rules is None else check(parse(rules, "ownership.yaml"), Ownership)
        members = check(parse(team, "team.yaml"), Team).members if team else []
        self.players: dict[str, set[str]] = {}
        for member in members:
            if "@" in member.player.removeprefix("@"):  # an address; a name on a forge says nothing about authors
                self.players.setdefault(member.role, set()).add(member.player.casefold())

    def _setting(self, base: str, name: str) -> str | None:
        found = git_range.content(self.layout.root, base, f"{self.prefix}.crypto/{name}")
        return found.decode(errors="replace") if found is not None else None

    def judge(self, commit: Commit) -> Iterator[Finding]:
        """Yield everything that a commit should not have done below `.crypto`."""
        crypto = f"{self.prefix}.crypto"
        own = [item for item in commit.changes if item.path == crypto or item.path.startswith(f"{crypto}/")]
        for change in commit.changes:
            odd = [name for name in change.path.split("/") if name != ".crypto" and looks_like_ours(name)]
            if odd and change not in own:
                message = "this name is .crypto on file systems that write it alike, and would replace records there"
                yield _finding(commit, change, "look-alike", message, "rename it")
        if own:
            yield from self._author(commit)
            yield from self._changes(commit, own)

    def _changes(self, commit: Commit, own: Sequence[FileChange]) -> Iterator[Finding]:
        """Judge each change; what is too large is never read, so that a proposal cannot fill the memory of CI."""
        sizes = git_range.sizes(self.layout.root, [name for item in own for name in (item.old, item.blob)])
        for change in own:
            size = max(sizes.get(change.old, 0), sizes.get(change.blob, 0))
            if size > MOST_BYTES:
                yield _finding(commit, change, "content", f"{size:,} bytes are more than {MOST_BYTES:,}", None)
            else:
                yield from (_finding(commit, change, *said) for said in self._problems(commit, change))

    def dropped(self, base: str, found: Sequence[Commit]) -> Iterator[Finding]:
        """Yield what a merge threw away: no commit of the range changed it, and yet it is not what the base holds.

        Records that only grow are compared with the base itself, so that a merge cannot prefer their older side either.
        """
        start = git_range.merged_base(self.layout.root, base)
        if start is None:
            message = "HEAD and the base have no commit in common, so nothing says what was dropped"
            hint = "start the branch from the base: git switch -c NAME BASE"
            yield Finding(code="unrelated-history", severity="error", message=message, hint=hint)
            return
        touched = {change.path for commit in found for change in commit.changes}
        crypto = f"{self.prefix}.crypto/"
        for change in git_range.between(self.layout.root, start):
            if not change.path.startswith(crypto):
                continue
            kind = record_kind(self.layout, self.layout.root / change.path.removeprefix(self.prefix))
            if change.path not in touched and kind != "view":
                yield _lost(change, "a merge dropped what the base holds here; no commit of this branch changed it")
            elif kind in KINDS and KINDS[kind].mode == "append":
                yield from (_lost(change, message) for _, message, _ in self._growth(kind, change))

    def _author(self, commit: Commit) -> Iterator[Finding]:
        """Yield a finding where a role with known players was played by somebody else."""
        role = commit.trailer("Role")
        if role is not None and role not in ROLES:
            message = f"commit {commit.name[:10]}: there is no role called {role[:60]!r}"
            yield Finding(code="unknown-role", severity="error", message=message, hint=f"one of: {', '.join(ROLES)}")
        players = self.players.get(role or "", set())
        if players and commit.author.casefold() not in players:
            message = f"commit {commit.name[:10]}: {commit.author} does not play the {role}"
            hint = "players stand in .crypto/team.yaml of the base branch"
            yield Finding(code="wrong-player", severity="error", message=message, hint=hint)

    def _problems(self, commit: Commit, change: FileChange) -> Iterator[tuple[str, str, str | None]]:
        """Yield code, message and hint for one changed path."""
        path = self.layout.root / change.path.removeprefix(self.prefix)
        kind = record_kind(self.layout, path)
        role, tool = commit.trailer("Role"), commit.trailer("Tool")
        if change.mode in {git_range.LINK, git_range.SUBMODULE}:
            yield "link", "links and submodules have no place in the knowledge base", None
            return
        verdict = decide(self.rules, role, tool, kind)
        first = self.new and tool == "init" and change.status == "A" and kind in {*SETTINGS.values(), IGNORE}
        if not verdict.allowed and not first:
            yield "ownership", verdict.why, way_to_write(verdict.owner)
        if kind in KINDS and (verdict.mode == "append" or KINDS[kind].mode == "append"):
            yield from self._growth(kind, change)
        if change.status != "D":
            yield from _content(self.layout, change)
        yield from self._forged(commit, change, kind)

    def _forged(self, commit: Commit, change: FileChange, kind: str | None) -> Iterator[tuple[str, str, str | None]]:
        """Yield why the tool of a kind cannot have made what this commit makes of a record."""
        if kind == "handoff" and commit.trailer("Role") not in ROLES:
            yield "ownership", "a handoff is made by a role; this commit names none", way_to_write("handoff tool")
        if kind == "handoff" and change.status == "A":
            policy = f"{self.prefix}.crypto/policy.yaml"
            for message in handoff_audit.problems(self.layout.root, commit, change, policy):
                yield "forged-handoff", message, way_to_write("handoff tool")
        if kind == "learning" and change.status in {"A", "M"}:
            yield from claim_audit.problems(self.layout.root, commit, change)

    def _growth(self, kind: str, change: FileChange) -> Iterator[tuple[str, str, str | None]]:
        """Yield what was taken back of a record that only grows."""
        hint = "add a new record instead; a learning is retracted, a trial stays counted, a handoff is followed"
        if change.status == "D":
            yield "taken-back", f"records of kind {kind} are never removed", hint
        elif change.status in {"M", "T"} and kind == "handoff":
            yield "taken-back", "a handoff record is never changed", hint
        elif change.status in {"M", "T"}:
            schema, folder = KINDS[kind].schema, self.layout.root
            try:
                old, new = (document_of(git_range.blob(folder, name), change.path, schema)
                            for name in (change.old, change.blob))  # fmt: skip
                if old is not None:
                    check_growth(self.layout.root / change.path, old, new)
            except CryptoTeamError as problem:
                yield "taken-back", problem.what, problem.hint


def _lost(change: FileChange, message: str) -> Finding:
    hint = "merge again and keep both sides: git diff BASE -- PATH shows what is missing"
    return Finding(code="taken-back", severity="error", message=message, file=change.path, hint=hint)


def _content(layout: Layout, change: FileChange) -> Iterator[tuple[str, str, str | None]]:
    try:
        check_content(git_range.blob(layout.root, change.blob), change.path)
    except CryptoTeamError as problem:
        yield "content", problem.what, problem.hint


def _finding(commit: Commit, change: FileChange, code: str, message: str, hint: str | None) -> Finding:
    return Finding(
        code=code,
        severity="error",
        message=f"commit {commit.name[:10]} ({commit.subject[:60]}): {message}",
        file=change.path,
        hint=hint,
    )
