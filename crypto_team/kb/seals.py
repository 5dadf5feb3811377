"""From when on the candles of a dataset are sealed, as git remembers it: a seal that was set is never lifted."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git
from crypto_team.kb.documents import plain
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.outcome import Finding

_FILE = re.compile(r"^(?:---|\+\+\+) .*/(DS-[0-9]+)-[^/]*\.yaml\s*$")
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


def lifted(layout: Layout) -> Iterator[Finding]:
    """Yield datasets whose record seals less than it once did."""
    for path in sorted(layout.datasets_dir.glob("DS-*.yaml")):
        try:
            item = load_record(path, Dataset)
        except CryptoTeamError:
            continue  # a broken record is a finding of its own
        before = sealed(layout, item).holdout_from
        if before != item.holdout_from:
            finding = plain(
                "seal-lifted",
                f"{item.dataset_id} was sealed from {before} on, and its record says {item.holdout_from or 'nothing'}: "
                "a seal is never lifted, and tools keep to the earliest",
                path,
            )
            hint = f"git log -p -G holdout_from -- {path.relative_to(layout.root)} shows who did it; put it back"
            yield finding.model_copy(update={"hint": hint, "pointer": "/holdout_from"})
