"""Chains of handoffs against git: nothing that was recorded may be missing. A shortened chain is whole by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import chain, git, git_range
from crypto_team.kb.files import sha256
from crypto_team.kb.yaml import check, parse
from crypto_team.schemas import Team
from crypto_team.schemas.outcome import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

_RECORD = re.compile(r"\.crypto/knowledge/strategies/STR-[0-9]{3,6}/handoffs/[^/]+\.yaml")


def audit(layout: Layout, base: str | None = None) -> list[Finding]:
    """Return every handoff record that history knows and the work tree lacks, and every break of a chain.

    With `base`, its records have to be here unchanged, and its team says which keys are trusted; without it, the
    heads in the trailers of this history are all that can be compared.
    """
    git_range.require_history(layout.root)
    found, team, start = [], None, None
    if base is not None:
        start = git_range.resolve(layout.root, base)
        found += _against(layout, start)
        text = git_range.content(layout.root, start, f"{git_range.prefix(layout.root)}.crypto/team.yaml")
        team = check(parse(text.decode(errors="replace"), "team.yaml"), Team) if text else None
    found += _announced(layout, new_only=base is not None)
    for folder in sorted(layout.strategies_root.glob("STR-*/handoffs")):
        found += broken(layout, folder.parent.name, team, start)
    return found


def broken(layout: Layout, strategy_id: str, team: Team | None = None, base: str | None = None) -> list[Finding]:
    """Return every break of one strategy's chain."""
    try:
        found = chain.links(layout, strategy_id, team=team, base=base)
    except (CryptoTeamError, UnicodeDecodeError) as problem:
        return [_finding(layout.handoffs_dir(strategy_id), f"a record cannot be read: {problem}")]
    return [_finding(link.path, message) for link in found for message in link.broken]


def _against(layout: Layout, base: str) -> list[Finding]:
    """Compare with the records of the base: its chain has to be a prefix of what is here."""
    prefix = git_range.prefix(layout.root)
    listed = git.run(
        layout.root, "ls-tree", "-r", "-z", "--full-tree", base, "--", f"{prefix}.crypto/knowledge/strategies"
    )
    found = []
    for entry in filter(None, listed.split("\0")):
        head, _, name = entry.partition("\t")
        path = layout.root / name.removeprefix(prefix)
        if not _RECORD.fullmatch(name.removeprefix(prefix)):
            continue
        if not path.is_file() or path.is_symlink():
            found.append(_finding(path, "the base has this handoff record, and it is gone: the chain was cut off"))
        elif sha256(path.read_bytes()) != sha256(git_range.blob(layout.root, head.split()[2])):
            found.append(_finding(path, "the base has this handoff record with another content"))
    return found


def _announced(layout: Layout, *, new_only: bool) -> list[Finding]:
    """Compare with the heads that commits announced.

    A record that no commit announced is a warning where there is no base to compare with; where there is one, the
    audit of ownership judges the commits that add records.
    """
    if git.head(layout.root) is None:
        return []
    trailers = f"%(trailers:key={git_range.HEAD_TRAILER},valueonly,separator=%x20)"
    shown = git.run(
        layout.root,
        # Without --full-history git leaves out what a merge threw away, which is what is looked for.
        *("log", "--full-history", f"--format=%H {trailers}", "--", "."),
    )
    here = {sha256(path.read_bytes()): path for path in layout.strategies_root.glob("STR-*/handoffs/*.yaml")}
    said = [(name, digest) for name, *digests in (line.split() for line in shown.splitlines()) for digest in digests]
    gone = [
        _finding(layout.strategies_root, f"commit {name[:10]} announced the handoff {digest[:19]}…, which is gone")
        for name, digest in said
        if digest not in here
    ]
    known = {digest for _, digest in said}
    silent = [] if new_only else [_silent(path) for digest, path in here.items() if digest not in known]
    return gone + silent


def _silent(path: Path) -> Finding:
    message = "no commit of this history announces this record, so nobody would see it cut off"
    hint = "check with --base BRANCH, and merge without squashing: the trailers of its commit belong to the chain"
    return Finding(code="handoff-silent", severity="warning", message=message, file=str(path), hint=hint)


def _finding(path: Path, message: str) -> Finding:
    hint = (
        "merge the base where this branch is behind it; else restore the record: git log --all --full-history -- PATH"
    )
    return Finding(code="handoff-chain", severity="error", message=message, file=str(path), hint=hint)
