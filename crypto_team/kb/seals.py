"""From when on the candles of a dataset are sealed, as git remembers it: a seal that was set is never lifted."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git
from crypto_team.kb.documents import plain
from crypto_team.kb.yaml import check, load_record, parse
from crypto_team.schemas import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.outcome import Finding

_FILE = re.compile(r"^(?:---|\+\+\+) .*/(DS-[0-9]+)-[^/]*\.yaml\s*$")
_NAMED = re.compile(r"(?:^|/)(DS-[0-9]+)-[^/]*\.yaml$")
_SEAL = re.compile(r"^[+-]holdout_from: *['\"]?([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z)")


def earliest(layout: Layout) -> dict[str, str]:
    """Return the earliest seal that any commit ever gave each dataset; datasets that never had one are left out."""
    head = git.head(layout.root)
    return {} if head is None else dict(_earliest(layout.root, layout.datasets_dir, head))


@lru_cache(maxsize=8)
def _earliest(root: Path, folder: Path, head: str) -> tuple[tuple[str, str], ...]:
    told = git.run(
        root, "log", head, "--full-history", "-m", "-p", "-U0", "--format=", "--no-renames", "--text", "--no-color",
        "--no-ext-diff", "--no-textconv", "-G", "^holdout_from:", "--", str(folder),
    )  # fmt: skip
    found: dict[str, str] = {}
    name = ""
    for line in told.splitlines():
        named, sealed = _FILE.match(line), _SEAL.match(line)
        if named:
            name = named[1]
        elif sealed and name:
            found[name] = min(found.get(name, sealed[1]), sealed[1])
    return tuple(sorted(found.items()))


def sealed(layout: Layout, item: Dataset) -> Dataset:
    """Return a dataset with the earliest seal that it ever had, whatever its record says now."""
    first = earliest(layout).get(item.dataset_id)
    if first is None or (item.holdout_from is not None and item.holdout_from <= first):
        return item
    return item.model_copy(update={"holdout_from": first})


def removed(layout: Layout) -> list[Dataset]:
    """Return sealed datasets whose record git has had and the folder has no more, as they were, with earliest seals.

    One whose record named different candles in turn is there once for each: none of them opens with the record.
    """
    head = git.head(layout.root)
    if head is None:
        return []
    there = {named[1] for path in layout.datasets_dir.glob("DS-*.yaml") if (named := _NAMED.search(path.name))}
    seals = earliest(layout)
    return [
        item.model_copy(update={"holdout_from": seals[item.dataset_id]})
        for name, versions in _ever(layout.root, layout.datasets_dir, head)
        if name not in there
        for item in _told(layout.root, name, versions)
    ]


@lru_cache(maxsize=8)
def _ever(root: Path, folder: Path, head: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the id of each dataset that was ever sealed, and its versions as ``COMMIT:PATH``, newest first."""
    told = git.run(
        root, "log", head, "--full-history", "-m", "--format=:%H", "--name-only", "--no-renames", "--diff-filter=AM",
        "--", str(folder),
    )  # fmt: skip
    found: dict[str, list[str]] = {name: [] for name, _ in _earliest(root, folder, head)}
    commit = ""
    for line in told.splitlines():
        named = _NAMED.search(line)
        if line.startswith(":"):
            commit = line[1:]
        elif named and named[1] in found:
            found[named[1]].append(f"{commit}:{line}")
    return tuple((name, tuple(versions)) for name, versions in found.items())


@lru_cache(maxsize=64)
def _told(root: Path, dataset_id: str, versions: tuple[str, ...]) -> tuple[Dataset, ...]:
    """Return what a record said of its candles in turn, newest first, of the versions that can be read."""
    found: dict[tuple[object, ...], Dataset] = {}
    for version in versions:
        try:
            item = check(parse(git.run(root, "show", version), version), Dataset)
        except CryptoTeamError:
            continue  # whoever breaks a record before removing it gains nothing
        if item.dataset_id == dataset_id:
            found.setdefault((item.path, item.kind, item.exchange, item.pair, item.timeframe), item)
    return tuple(found.values())


def lifted(layout: Layout) -> Iterator[Finding]:
    """Yield datasets whose record seals less than it once did, or is gone."""
    kept = []
    for path in sorted(layout.datasets_dir.glob("DS-*.yaml")):
        try:
            item = load_record(path, Dataset)
        except CryptoTeamError:
            continue  # a broken record is a finding of its own
        before = sealed(layout, item).holdout_from
        kept.append((item.content_hash, before or ""))
        if before != item.holdout_from:
            finding = plain(
                "seal-lifted",
                f"{item.dataset_id} was sealed from {before} on, and its record says {item.holdout_from or 'nothing'}: "
                "a seal is never lifted, and tools keep to the earliest",
                path,
            )
            hint = f"git log -p -G holdout_from -- {path.relative_to(layout.root)} shows who did it; put it back"
            yield finding.model_copy(update={"hint": hint, "pointer": "/holdout_from"})
    # The newest version of each is enough to say that it is gone.
    for item in {each.dataset_id: each for each in reversed(removed(layout))}.values():
        if not any(known == item.content_hash and "" < seal <= str(item.holdout_from) for known, seal in kept):
            yield _gone(layout, item)


def _gone(layout: Layout, item: Dataset) -> Finding:
    finding = plain(
        "seal-removed",
        f"{item.dataset_id} was sealed from {item.holdout_from} on, and its record is gone: a seal is never lifted, "
        "and tools keep to it",
        layout.datasets_dir,
    )
    place = layout.datasets_dir.relative_to(layout.root)
    hint = f"git log --diff-filter=D --name-only -- {place} shows by whom; git checkout COMMIT^ -- FILE undoes it"
    return finding.model_copy(update={"hint": hint})
