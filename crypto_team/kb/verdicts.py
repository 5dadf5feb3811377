"""Verdicts against a strategy stand: who gave one may lift it, everybody else only by changing what it was about.

Entries belong to every role, so anybody may write an event. That makes a status more careful at most: what an event
would bring back from a refusal, a rejection or a halt is compared with what was judged then, file by file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto_team.errors import RefusedError
from crypto_team.kb import git, git_range
from crypto_team.kb.chain import PIPELINE, rank
from crypto_team.kb.events import known_before, ordered
from crypto_team.kb.files import sha256
from crypto_team.kb.handoffs import subject_of
from crypto_team.kb.registry import CAUTION, events, state
from crypto_team.kb.secrets import contained
from crypto_team.kb.yaml import check, load_record, parse
from crypto_team.schemas import EvidenceManifest, Registration, RegistryEvent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.kb.writer import Change
    from crypto_team.schemas.base import RoleId, Stage
    from crypto_team.schemas.registry import EarlierHistory, StrategyStatus

GIVEN_BY: Final[dict[str, RoleId]] = {
    "approved": "risk_manager",
    "rejected": "risk_manager",
    "live": "execution_specialist",
    "halted": "execution_specialist",
}
"""Whose word a status is; the others are given by whoever has the strategy."""
NEVER: Final = "1970-01-01T00:00:00Z"
AGAINST: Final = ("halted", "rejected", "refused")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status that holds a strategy back, who gave it, and the event that did; None where the entry itself says it."""

    status: str
    role: str
    event: str | None

    @property
    def told(self) -> str:
        """Return it in words."""
        return f"{self.status} by the {self.role}"


def against(before: EarlierHistory | None, known: Sequence[RegistryEvent]) -> list[Verdict]:
    """Return the verdicts that nothing lifted among the events that are known, whatever was said on top of them."""
    line = ordered(known)
    bits = known_before(line)
    said = [item for item in line if item.status is not None]
    found = [] if before is None or before.status not in AGAINST or _lifted(before.status, said) else [_earlier(before)]
    for number, item in enumerate(line):
        later = [other for other in said if bits[other.event_id] >> number & 1]
        if item.status in AGAINST and not _lifted(item.status, later):
            found.append(Verdict(item.status, GIVEN_BY.get(item.status, item.role), item.event_id))
    return found


def _lifted(status: str, later: Sequence[RegistryEvent]) -> bool:
    return any(_less(status, item.status) for item in later)


def _less(old: str, new: str | None) -> bool:
    """Say whether a new status is less careful than an old one."""
    return new is not None and CAUTION.index(new) > CAUTION.index(old)


def _earlier(before: EarlierHistory) -> Verdict:
    refusals = [item.role for item in before.history if item.event.startswith("refused")]
    return Verdict(before.status, GIVEN_BY.get(before.status, refusals[-1] if refusals else "lead"), None)


def bound(found: Sequence[Verdict], role: str | None, status: str | None, stage: str) -> list[Verdict]:
    """Return the verdicts that a new status would lift although its role did not give them.

    A refusal is that of a gate, so it is over for a strategy that went back behind that gate: it comes to it again.
    """
    return [
        item
        for item in found
        if _less(item.status, status)
        and item.role != role
        and not (item.status == "refused" and rank(stage) < rank(item.role))
    ]


def judged_until(verdict: Verdict) -> Stage:
    """Return the last stage whose work a verdict is about: it judges what came before it, a gate what it was shown."""
    if verdict.status in GIVEN_BY:
        return PIPELINE[rank(verdict.role) - 1]
    return PIPELINE[rank(verdict.role)]


def goes_back(verdict: Verdict, stage: str) -> bool:
    """Say whether a stage is one from which the strategy comes to whoever gave a verdict again."""
    return rank(stage) < rank(verdict.role) or verdict.status == "refused"


def origin(root: Path, verdict: Verdict, entry: str, tip: str) -> str | None:
    """Return the commit that brought a verdict into the history of `tip`; `entry` is the path of the entry's file."""
    path = entry if verdict.event is None else f"{entry.removesuffix('.yaml')}/{verdict.event}.yaml"
    wanted, place = ("--diff-filter=A",) if verdict.event else (), path.removeprefix(git_range.prefix(root))
    said = git.run(root, "log", "--full-history", "--format=%H", *wanted, tip, "--", place).split()
    return None if not said else said[-1] if verdict.event else said[0]


def subjects_at(layout: Layout, commit: str, place: str, strategy_id: str, stage: Stage) -> dict[str, str]:
    """Return the hash of what a strategy consisted of at a commit, up to the work of a stage.

    `place` is its folder, from the root of the repository.
    """
    raw = git.attempt(layout.root, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit, f"{place}/")
    rows = [row.partition("\t") for row in raw.stdout.decode(errors="replace").split("\0") if row]
    blobs = {path.removeprefix(f"{place}/"): head.split(" ")[1:] for head, _, path in rows}
    return _hashes(
        {
            name: git_range.blob(layout.root, blob)
            for name, (kind, blob) in blobs.items()
            if kind == "blob" and _counts(layout, strategy_id, name, stage)
        }
    )


def subjects_now(layout: Layout, strategy_id: str, stage: Stage, changes: Sequence[Change] = ()) -> dict[str, str]:
    """Return the hash of what a strategy consists of, up to the work of a stage, once changes are written."""
    folder = layout.strategy_dir(strategy_id)
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    held = {name: contained(path) for name, path in found.items() if _counts(layout, strategy_id, name, stage)}
    for item in changes:
        name = item.path.relative_to(folder).as_posix() if item.path.is_relative_to(folder) else ""
        if name and _counts(layout, strategy_id, name, stage):
            held.pop(name, None)
            if item.content is not None:
                held[name] = item.content.encode() if isinstance(item.content, str) else item.content
    return _hashes(held)


def _counts(layout: Layout, strategy_id: str, name: str, stage: Stage) -> bool:
    path = layout.strategy_dir(strategy_id) / name
    return path == layout.evidence(strategy_id) or subject_of(layout, path, stage)


def _hashes(held: Mapping[str, bytes]) -> dict[str, str]:
    """Return the hash of each file; of the manifest of the evidence those of its objects, as handoffs have them."""
    found = {name: sha256(content) for name, content in held.items() if name != "evidence.yaml"}
    if "evidence.yaml" in held:
        manifest = check(parse(held["evidence.yaml"].decode(errors="replace"), "evidence.yaml"), EvidenceManifest)
        found |= {f"evidence/{name}": item.sha256 for name, item in manifest.objects.items()}
    return found


def lifted(layout: Layout, made: RegistryEvent, changes: Sequence[Change] = ()) -> list[Verdict]:
    """Return the verdicts that an event, written together with changes, would lift without a right to."""
    if made.status is None:
        return []
    strategy_id, known = made.strategy_id, events(layout, made.strategy_id)
    entry = load_record(layout.registry_entry(strategy_id), Registration)
    stage = made.stage or state(entry, known).stage
    prefix = f"{git_range.prefix(layout.root)}.crypto/knowledge"
    places = f"{prefix}/registry/{strategy_id}.yaml", f"{prefix}/strategies/{strategy_id}"

    def unchanged(item: Verdict) -> bool:
        then, until = origin(layout.root, item, places[0], "HEAD"), judged_until(item)
        return then is None or (
            subjects_at(layout, then, places[1], strategy_id, until)
            == subjects_now(layout, strategy_id, until, changes)
        )

    found = bound(against(entry.before, known), made.role, made.status, stage)
    return [item for item in found if not goes_back(item, stage) or unchanged(item)]


def require_right(layout: Layout, changes: Sequence[Change]) -> None:
    """Refuse changes with an event that lifts what another role said of a strategy that stays as it was.

    Raises
    ------
    RefusedError
        Such an event is among them.
    """
    for item in changes:
        if item.kind == "registry_event" and item.content is not None:
            text = item.content if isinstance(item.content, str) else item.content.decode()
            made = check(parse(text, str(item.path)), RegistryEvent)
            for verdict in lifted(layout, made, changes)[:1]:
                what = f"{made.strategy_id} is {verdict.told}, and nothing changed of what that was about"
                raise RefusedError(what, hint=way_on(verdict, made.strategy_id))


def way_on(verdict: Verdict, strategy_id: str) -> str:
    """Return what to do about a verdict."""
    if verdict.status == "halted":
        return f"crypto-team execution-specialist return-work {strategy_id} --reason TEXT, or change its design"
    if verdict.status == "rejected":
        return f"change what it was rejected for; or crypto-team risk-manager assess {strategy_id} decides again"
    return f"change what it was refused for; crypto-team next {strategy_id} shows that"


def permitted(
    layout: Layout, strategy_id: str, role: RoleId, status: StrategyStatus, stage: Stage
) -> StrategyStatus | None:
    """Return a status for a strategy that goes back to a stage; None where what was said against it stays."""
    words = {"strategy_id": strategy_id, "role": role, "status": status, "stage": stage, "time": NEVER, "event": "back"}
    return None if lifted(layout, RegistryEvent.model_validate(words)) else status
