"""The hash chain of one strategy: every record names the ones before it; branches that both went on meet in a merge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import attestation, signing_start
from crypto_team.kb.files import sha256
from crypto_team.kb.yaml import check, load_record, parse
from crypto_team.schemas import Handoff, Team

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import Stage

PIPELINE: Final[tuple[Stage, ...]] = (
    "ml_engineer",
    "data_collector",
    "backtester",
    "quant_analyst",
    "critic",
    "risk_manager",
    "execution_specialist",
)
"""Order of the pipeline; the strategy researcher stands beside the ML engineer at its start."""


def rank(stage: str) -> int:
    """Return the place of a stage in the pipeline; both kinds of designers stand at its start."""
    return PIPELINE.index(stage) if stage in PIPELINE else 0


@dataclass(frozen=True, slots=True)
class Link:
    """One record in its chain: its digest, what is wrong about it, and how far the strategy had come with it.

    `whole` says that neither it nor any record before it is broken.
    """

    path: Path
    record: Handoff
    digest: str
    broken: tuple[str, ...]
    whole: bool
    reached: int

    @property
    def parents(self) -> list[str]:
        """Return the digests of the records before it."""
        return [*([self.record.previous] if self.record.previous else []), *self.record.merges]


def record_paths(layout: Layout, strategy_id: str) -> list[Path]:
    """Return the handoff records of a strategy, in order."""
    return sorted(layout.handoffs_dir(strategy_id).glob("[0-9][0-9][0-9]-*.yaml"))


def demanded(layout: Layout) -> bool:
    """Say whether the team of the workspace demands signed handoffs; a broken file says yes."""
    try:
        return layout.team.exists() and load_record(layout.team, Team).require_signature
    except CryptoTeamError:
        return True


def links(layout: Layout, strategy_id: str, *, team: Team | None = None, base: str | None = None) -> list[Link]:
    """Return every record of a strategy, oldest first, with what is wrong about its place in the chain.

    `team` names the keys that are trusted; that of the workspace where not given. Where it demands signatures, records
    that the base branch had before it did need none; `base` is the commit of that branch, the default one if None.
    """
    paths = record_paths(layout, strategy_id)
    if not paths:
        return []
    trusted = team or (load_record(layout.team, Team) if layout.team.exists() else Team())
    known: dict[str, Link] = {}
    for path in paths:
        content = path.read_bytes()
        record = check(parse(content.decode(), str(path)), Handoff)
        digest = sha256(content)
        seals = list(_unsealed(layout, path, record, digest, trusted, base))
        made = _linked(path, record, digest, known, seals)
        known[made.digest] = made
    return list(known.values())


def _unsealed(layout: Layout, path: Path, record: Handoff, digest: str, team: Team, base: str | None) -> Iterator[str]:
    """Yield what is wrong about the envelope of a record, by the rules of the time when the base branch got it."""
    always = attestation.problems(record, team.handoff_keys, required=False)
    now = attestation.problems(record, team.handoff_keys, required=team.require_signature)
    if now == always:
        yield from always
        return
    start = signing_start.began(layout.root, base)
    if start is None or not signing_start.held(layout.root, start, path, digest):
        since = f"since commit {start[:10]}" if start else "by team.yaml"
        yield from (f"{problem}, which is demanded {since}" for problem in now)


def _linked(path: Path, record: Handoff, digest: str, known: dict[str, Link], seals: Sequence[str]) -> Link:
    """Put one record behind those before it."""
    named = [*([record.previous] if record.previous else []), *record.merges]
    before = [known[item] for item in named if item in known]
    due = 1 + max((item.record.number for item in before), default=0)
    reached = max((item.reached for item in before), default=0)
    broken = [
        *_place(path, record, due, reached, whole=len(before) == len(set(named)) == len(named)),
        *seals,
    ]
    whole = not broken and all(item.whole for item in before)
    return Link(path, record, digest, tuple(broken), whole, max(reached, rank(record.receiver)))


def _place(path: Path, record: Handoff, due: int, reached: int, *, whole: bool) -> Iterator[str]:
    """Yield what is wrong about the place of a record."""
    name, at = f"{record.number:03d}-{record.sender}-to-{record.receiver}", rank(record.sender)
    strategy_id, gate = path.parent.parent.name, f"{record.sender}->{record.receiver}"
    wrong = {
        f"number {record.number} where {due} is due": record.number != due,
        f"its content says {name}": re.fullmatch(rf"{name}(-[0-9a-f]{{8}})?", path.stem) is None,
        "the record before it was changed or removed": not whole,
        "its gate did not pass": not record.report.passed or record.report.gate != gate,
        f"it belongs to {record.strategy_id}": {record.strategy_id, record.report.strategy_id} != {strategy_id},
        "it skips a stage": rank(record.receiver) != at + 1 or at > reached,
    }
    yield from (message for message, broken in wrong.items() if broken)


def heads(chain: Sequence[Link]) -> list[Link]:
    """Return the records that no other one follows: one, or several where branches went on side by side."""
    followed = {digest for link in chain for digest in link.parents}
    return [link for link in chain if link.digest not in followed]


def line_of(chain: Sequence[Link], head: Link) -> list[Link]:
    """Return a record and everything before it, oldest first."""
    wanted = {head.digest}
    found = []
    for link in reversed(chain):
        if link.digest in wanted:
            found.append(link)
            wanted.update(link.parents)
    return found[::-1]
