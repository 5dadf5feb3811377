"""What an event makes of where a strategy stands, as it enters the history: no role speaks for another by it.

An approval is the risk manager's, a halt the execution specialist's. What was decided against a strategy is lifted by
who decided it, or once the strategy changed and went back. And it goes forward with a handoff only.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from crypto_team.kb import git, git_range
from crypto_team.kb.chain import PIPELINE, rank
from crypto_team.kb.events import known_before, ordered
from crypto_team.kb.paths import Layout
from crypto_team.kb.registry import state
from crypto_team.kb.verdicts import GIVEN_BY, Verdict, against, bound, goes_back, judged_until, origin, subjects_at
from crypto_team.kb.yaml import check, parse
from crypto_team.schemas import Registration, RegistryEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from crypto_team.kb.git_range import Commit

CAUSES: Final[dict[str, str]] = {"risk_manager": "risk-assessment.yaml", "execution_specialist": "deployment.yaml"}
"""The document that is written together with what a role decides."""


def event_problems(root: Path, commit: Commit, folder: str, event: RegistryEvent) -> Iterator[str]:
    """Yield what an event, in the folder of its strategy, may not say of its status and its stage."""
    if event.status is None and event.stage is None:
        return
    content = git_range.content(root, commit.name, f"{folder}.yaml")
    if content is None:
        return  # found already
    entry = check(parse(content.decode(), f"{folder}.yaml"), Registration)
    known = _known(root, commit, folder, event)
    before = state(entry, known)
    stage = event.stage or before.stage
    said = before.status, event.status
    yield from moved(root, commit, folder, event.role, said, stage, against(entry.before, known))
    yield from forward(commit, folder, before.stage, stage)
    yield from _refusal(commit, event, before.stage)
    if stage == PIPELINE[-1] != before.stage and before.status != "approved":
        yield f"it goes to the {stage}, and it is {before.status}"


def numbers(root: Path, commit: Commit, folder: str, event: RegistryEvent) -> Iterator[str]:
    """Yield that headline numbers change where the specification that states them stays."""
    content = git_range.content(root, commit.name, f"{folder}.yaml")
    if event.metrics is None or content is None:
        return
    entry = check(parse(content.decode(), f"{folder}.yaml"), Registration)
    line = _events(root, commit, folder)
    others = [item for item in line if item.event_id != event.event_id]
    # Compared is what comes of it: numbers that were said without knowing of the others would take those away too.
    changed = state(entry, others).metrics != state(entry, line).metrics
    if changed and not _written(commit, folder, "ml-spec.yaml"):
        yield "headline numbers change, and ml-spec.yaml does not"


def _refusal(commit: Commit, event: RegistryEvent, stage: str) -> Iterator[str]:
    """Yield that a refusal is not that of a gate: it is written by the handoff tool for whoever has the strategy."""
    if event.status == "refused" and (commit.trailer("Tool") != "handoff" or rank(event.role) != rank(stage)):
        yield f"a strategy is refused by the gate of the {stage}, and not by the {event.role}"


def _written(commit: Commit, folder: str, name: str) -> bool:
    """Say whether a commit writes a document of a strategy."""
    path = f"{folder.rpartition('/registry/')[0]}/strategies/{folder.rpartition('/')[2]}/{name}"
    return any(item.path == path and item.status in {"A", "M"} for item in commit.changes)


def moved(
    root: Path,
    commit: Commit,
    folder: str,
    role: str | None,
    change: tuple[str, str | None],
    stage: str,
    found: Sequence[Verdict],
) -> Iterator[str]:
    """Yield why a status may not become what a role says, where some verdicts were not lifted before."""
    old, new = change
    owner = GIVEN_BY.get(new or "")
    if owner and role != owner and old != new:
        yield f"only the {owner} says that a strategy is {new}"
    if owner and old != new and not _written(commit, folder, CAUSES[owner]):
        yield f"it becomes {new}, and {CAUSES[owner]} is not written with that"
    for verdict in bound(found, role, new, stage):
        if not goes_back(verdict, stage):
            yield f"it was {verdict.told}, who alone says otherwise as long as it does not go back"
        elif not _changed(root, commit, folder, verdict):
            yield f"it was {verdict.told}, and what that was about has not changed"


def forward(commit: Commit, folder: str, old: str, new: str) -> Iterator[str]:
    """Yield that a strategy goes forward without a handoff in the same commit."""
    place = f"{folder.rpartition('/registry/')[0]}/strategies/{folder.rpartition('/')[2]}/handoffs/"
    record = re.compile(rf"{re.escape(place)}[0-9]{{3}}-[a-z_]+-to-{new}(-[0-9a-f]{{8}})?\.yaml")
    handed = any(item.status == "A" and record.fullmatch(item.path) for item in commit.changes)
    if rank(new) > rank(old) and not handed:
        yield f"it goes forward from the {old} to the {new}, and no handoff of this commit leads there"


def _changed(root: Path, commit: Commit, folder: str, verdict: Verdict) -> bool:
    """Say whether a strategy is, with a commit, something else than what a verdict was about."""
    knowledge, _, strategy_id = folder.rpartition("/registry/")
    tip = commit.name if verdict.event else next(iter(commit.parents), commit.name)
    then = origin(root, verdict, f"{folder}.yaml", tip)
    if then is None:
        return False
    place, until = f"{knowledge}/strategies/{strategy_id}", judged_until(verdict)
    one, other = (subjects_at(Layout(root), name, place, strategy_id, until) for name in (then, commit.name))
    return one != other


def _known(root: Path, commit: Commit, folder: str, event: RegistryEvent) -> list[RegistryEvent]:
    """Return the events that one knew of, as they are in its commit."""
    line = _events(root, commit, folder)
    bits = known_before(line)[event.event_id]
    return [item for number, item in enumerate(line) if bits >> number & 1]


def _events(root: Path, commit: Commit, folder: str) -> list[RegistryEvent]:
    """Return the events of a strategy at a commit, in order."""
    raw = git.run(root, "ls-tree", "-z", "--full-tree", "--end-of-options", commit.name, f"{folder}/")
    heads = [row.partition("\t")[0].split(" ") for row in raw.split("\0") if row.endswith(".yaml")]
    return ordered([_read(root, blob) for _, kind, blob in heads if kind == "blob"])


@lru_cache(maxsize=4096)
def _read(root: Path, blob: str) -> RegistryEvent:
    """Read an event once, however many later ones knew of it."""
    return check(parse(git_range.blob(root, blob).decode(), blob), RegistryEvent)
