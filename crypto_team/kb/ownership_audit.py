"""Ownership re-derived from history: every commit of a range, judged by the rules of its base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import claim_audit, entry_audit, git_range, handoff_audit, merge_audit, view_audit
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
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from crypto_team.kb.git_range import Commit, FileChange

_KEEP: Final = "merge again and keep both sides: git diff PARENT MERGE -- PATH shows what is missing"
_NO_FILES: Final = {git_range.LINK, git_range.SUBMODULE}
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
    if git_range.merged_base(layout.root, start) is None:
        message = "HEAD and the base have no commit in common, so nothing says what was dropped"
        hint = "start the branch from the base: git switch -c NAME BASE"
        return len(found), [Finding(code="unrelated-history", severity="error", message=message, hint=hint)]
    judged = (item for commit in found for item in trusted.judge(commit))
    places = [*_moved(layout, start), *_nested(layout, start)]
    return len(found), [*places, *judged, *view_audit.problems(layout, start)]


def _moved(layout: Layout, base: str) -> Iterator[Finding]:
    """Yield the workspaces of the base that are gone: rules and records of a moved one would count as new."""
    here = set(git_range.workspaces(layout.root, "HEAD"))
    for name in git_range.workspaces(layout.root, base):
        if name not in here:
            message = "the base has a workspace here, and it is gone or a link: nobody would see what was changed in it"
            hint = "leave it where it is; whoever may write the base branch can move it there"
            yield Finding(code="moved-workspace", severity="error", message=message, file=name, hint=hint)


def _nested(layout: Layout, base: str) -> Iterator[Finding]:
    """Yield workspaces within others that the base has not: who works below would be judged by the new one's rules."""
    here, known = git_range.workspaces(layout.root, "HEAD"), set(git_range.workspaces(layout.root, base))
    roots = {name.removesuffix(".crypto") for name in [*here, *known]}
    for name in here:
        inner = name.removesuffix(".crypto")
        if name not in known and any(inner != outer and inner.startswith(outer) for outer in roots):
            message = "a workspace within another one hides it from whoever works there, and from CI of that folder"
            hint = "put it beside the other; whoever may write the base branch can put it there"
            yield Finding(code="nested-workspace", severity="error", message=message, file=name, hint=hint)


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
            if "@" in member.known_as.removeprefix("@"):  # an address; a name on a forge says nothing about authors
                self.players.setdefault(member.role, set()).add(member.known_as.casefold())

    def _setting(self, base: str, name: str) -> str | None:
        found = git_range.content(self.layout.root, base, f"{self.prefix}.crypto/{name}")
        return found.decode(errors="replace") if found is not None else None

    def judge(self, commit: Commit) -> Iterator[Finding]:
        """Yield everything that a commit should not have done below `.crypto`."""
        own = self._below(commit.changes)
        for change in commit.changes:
            odd = [name for name in change.path.split("/") if name != ".crypto" and looks_like_ours(name)]
            if odd and change not in own:
                message = "this name is .crypto on file systems that write it alike, and would replace records there"
                yield _finding(commit, change, "look-alike", message, "rename it")
        decided = self._decided(commit)
        if own or decided:
            yield from self._author(commit)
            yield from self._changes(commit, own, decided)

    def _decided(self, commit: Commit) -> dict[str, FileChange]:
        """Return the changes that a commit answers for: all of them; of a merge those that git does not make itself."""
        if len(commit.parents) < 2:
            return {item.path: item for item in self._below(commit.changes)}
        return {item.path: item for item in self._below(merge_audit.decided(self.layout.root, commit).values())}

    def _below(self, changes: Iterable[FileChange]) -> list[FileChange]:
        crypto = f"{self.prefix}.crypto"
        return [item for item in changes if item.path == crypto or item.path.startswith(f"{crypto}/")]

    def _too_large(self, changes: Sequence[FileChange]) -> dict[str, int]:
        """Return the size of what is never read, so that a proposal cannot fill the memory of CI."""
        sizes = git_range.sizes(self.layout.root, [name for item in changes for name in (item.old, item.blob)])
        found = {item.path: max(sizes.get(item.old, 0), sizes.get(item.blob, 0)) for item in changes}
        return {path: size for path, size in found.items() if size > MOST_BYTES}

    def _changes(
        self, commit: Commit, own: Sequence[FileChange], decided: Mapping[str, FileChange]
    ) -> Iterator[Finding]:
        """Judge each change, and what a merge dropped."""
        large = self._too_large(own)
        for change in own:
            if change.path in large:
                message = f"{large[change.path]:,} bytes are more than {MOST_BYTES:,}"
                yield _finding(commit, change, "content", message, None)
            elif change.path in decided:
                yield from (_finding(commit, change, *said) for said in self._problems(commit, change))
            else:
                yield from (_finding(commit, change, *said) for said in self._contained(change))
        if len(commit.parents) > 1:
            yield from self._dropped(commit, decided)

    def _dropped(self, commit: Commit, decided: Mapping[str, FileChange]) -> Iterator[Finding]:
        """Yield what a merge took back of either side: records that only grow, and changes that its role may not undo.

        What both sides hold is compared with each of them, so that a merge cannot prefer the older one either.
        """
        lost: set[str | None] = set()
        sides = merge_audit.against_parents(self.layout.root, commit) if decided else []
        sides = [item for item in sides if item.path in decided]
        large = self._too_large(sides)
        for change in (item for item in sides if item.path not in large):
            kind = self._kind(change)
            if change.path not in lost and kind in KINDS and self._grows(commit, kind):
                said = [_finding(commit, change, *each) for each in self._growth(kind, change, merge=True)]
                lost.update(item.file for item in said)
                yield from said
        for path in decided.keys() - lost - {item.path for item in commit.changes}:
            change, kind = decided[path], self._kind(decided[path])
            verdict = decide(self.rules, commit.trailer("Role"), commit.trailer("Tool"), kind)
            if kind != "view" and not verdict.allowed:
                message = f"a merge dropped what one of its sides changed here: {verdict.why}"
                yield _finding(commit, change, "taken-back", message, _KEEP)

    def _kind(self, change: FileChange) -> str | None:
        return record_kind(self.layout, self.layout.root / change.path.removeprefix(self.prefix))

    def _grows(self, commit: Commit, kind: str) -> bool:
        """Say whether records of a kind are never taken back, by the rules or by what the kind is."""
        verdict = decide(self.rules, commit.trailer("Role"), commit.trailer("Tool"), kind)
        return "append" in {verdict.mode, KINDS[kind].mode}

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
        kind = self._kind(change)
        role, tool = commit.trailer("Role"), commit.trailer("Tool")
        if change.mode in _NO_FILES:
            yield from self._contained(change)
            return
        verdict = decide(self.rules, role, tool, kind)
        first = self.new and tool == "init" and change.status == "A" and kind in {*SETTINGS.values(), IGNORE}
        if not verdict.allowed and not first:
            yield "ownership", verdict.why, way_to_write(verdict.owner)
        if kind in KINDS and len(commit.parents) < 2 and self._grows(commit, kind):
            yield from self._growth(kind, change)
        yield from self._contained(change)
        yield from self._forged(commit, change, kind)

    def _contained(self, change: FileChange) -> Iterator[tuple[str, str, str | None]]:
        """Yield what no file may be or hold, whoever wrote it."""
        if change.mode in _NO_FILES:
            yield "link", "links and submodules have no place in the knowledge base", None
        elif change.status != "D":
            yield from _content(self.layout, change)

    def _forged(self, commit: Commit, change: FileChange, kind: str | None) -> Iterator[tuple[str, str, str | None]]:
        """Yield why the tool of a kind cannot have made what this commit makes of a record."""
        if kind == "handoff" and commit.trailer("Role") not in ROLES:
            yield "ownership", "a handoff is made by a role; this commit names none", way_to_write("handoff tool")
        if kind == "handoff" and change.status == "A":
            policy = f"{self.prefix}.crypto/policy.yaml"
            for message in handoff_audit.problems(self.layout.root, commit, change, policy):
                yield "forged-handoff", message, way_to_write("handoff tool")
        if kind in {"registry", "registry_event"} and change.status in {"A", "M"}:
            for message in entry_audit.problems(self.layout.root, commit, change, kind):
                yield "forged-entry", message, "entries are written by the tools of each role, which add an event"
        if kind in {"learning", "learning_event"} and change.status in {"A", "M"}:
            yield from claim_audit.problems(self.layout.root, commit, change)

    def _growth(self, kind: str, change: FileChange, *, merge: bool = False) -> Iterator[tuple[str, str, str | None]]:
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
                    check_growth(self.layout.root / change.path, old, new, merge=merge)
            except CryptoTeamError as problem:
                yield "taken-back", problem.what, problem.hint


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
