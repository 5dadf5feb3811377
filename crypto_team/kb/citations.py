"""What a claim may rest on: something that exists and can be looked up again.

A document of the knowledge base or another file of the workspace is cited with its hash
(`strategies/STR-001/ml-spec.yaml#sha256:…`, `file:notes/costs.md#sha256:…`), an object of the evidence store by its
hash alone, a strategy, dataset, trial or learning by its id, anything else by its address on the web. Prose belongs
into the text of the claim.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from crypto_team.errors import InputError, NotFoundError
from crypto_team.kb import names, store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas import Learning

FILE: Final = "file:"
"""Begins the citation of a file that is no document of the knowledge base, from the root of the workspace."""
_CITATION: Final = re.compile(r"(?P<path>.+)#(?P<digest>sha256:[0-9a-f]{64})")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"https?://[^\s/@]+(/\S*)?", re.IGNORECASE)
_IDS: Final = {
    r"STR-[0-9]{3,6}": "registry/{}.yaml",
    r"DS-[0-9]{3,6}": "data-catalog/datasets/{}-*.yaml",
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[a-z_]+-[0-9a-f]{8}": "learnings/{}.md",
    r"[0-9A-HJKMNP-TV-Z]{26}": "trials/STR-*/{}.yaml",
}
"""Id -> where the record of that id lies."""
HINT: Final = (
    "give a document (STR-001/ml-spec.yaml), a file of this workspace, an id, sha256:… of stored evidence, or an https "
    "address; prose belongs into --text"
)


def resolvable(text: str) -> bool:
    """Say whether a citation has a form that can be looked up, without looking."""
    return any(pattern.fullmatch(text) for pattern in (_CITATION, _DIGEST, _ADDRESS)) or _place_of_id(text) is not None


def _place_of_id(text: str) -> str | None:
    run = re.fullmatch(r"(STR-[0-9]{3,6})/(BT-[0-9]{3,6})", text)
    if run:
        return f"strategies/{run[1]}/backtests/{run[2]}.yaml"
    return next((place.format(text) for form, place in _IDS.items() if re.fullmatch(form, text)), None)


def cited(layout: Layout, evidence: Sequence[str]) -> list[str]:
    """Return evidence as a claim keeps it: every document and file with the hash that it has now.

    Raises
    ------
    NotFoundError
        Something of it does not exist.
    InputError
        A file lies outside of the workspace, or is not what the given hash says.
    """
    return [_cited(layout, item) for item in evidence]


def _cited(layout: Layout, item: str) -> str:
    if _ADDRESS.fullmatch(item):
        return item
    place = _place_of_id(item)
    if place is not None:
        if not any(layout.knowledge.glob(place)):
            raise NotFoundError("the evidence does not exist", where=item, hint=HINT)
        return item
    if _DIGEST.fullmatch(item):
        if not _in_manifest(layout, item):
            store.get(layout, item)
        return item
    return _with_digest(layout, item)


def _in_manifest(layout: Layout, digest: str) -> bool:
    """Say whether a strategy's evidence names this object: the store itself lies on the machine that made it."""
    return any(digest.encode() in path.read_bytes() for path in layout.strategies_root.glob("STR-*/*evidence.yaml"))


def _with_digest(layout: Layout, item: str) -> str:
    given = _CITATION.fullmatch(item)
    name = (given["path"] if given else item).removeprefix(FILE)
    if ".." in PurePosixPath(name).parts or "\0" in name:
        raise InputError("the evidence lies outside of the workspace", where=repr(name[:200]), hint=HINT)
    short = len(os.fsencode(name)) <= names.LONGEST
    path = (names.document(layout, name) if short else None) or _file(layout, name)
    known = path.is_relative_to(layout.knowledge)
    made = path.relative_to(layout.knowledge if known else layout.root).as_posix()
    digest = _digest_of(path)
    if given and given["digest"] != digest:
        raise InputError("the evidence is not what its hash says", where=name, hint="cite it without #sha256:…")
    return f"{'' if known else FILE}{made}#{digest}"


def _digest_of(path: Path) -> str:
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _file(layout: Layout, name: str) -> Path:
    """Return a file of the workspace that is no document; refuse what lies elsewhere, in .git, or is not there."""
    if any(len(os.fsencode(part)) > names.LONGEST for part in PurePosixPath(name).parts):
        raise NotFoundError("the evidence does not exist", where=name[:200], hint=HINT)
    path = layout.root / name
    if not path.is_relative_to(layout.root) or ".git" in path.parts:
        raise InputError("the evidence lies outside of the workspace", where=name[:200], hint=HINT)
    if not path.is_file():
        raise NotFoundError("the evidence does not exist", where=name[:200], hint=HINT)
    return layout.inside(path, layout.root)


def changed_evidence(layout: Layout, learning: Learning) -> list[str]:
    """Return the cited documents and files that are not what they were when the claim was made."""
    changed = []
    for item in learning.evidence:
        found = _CITATION.fullmatch(item)
        if found is None:
            continue
        name = found["path"].removeprefix(FILE)
        path = (layout.root if found["path"].startswith(FILE) else layout.knowledge) / name
        known = ".." not in path.parts and path.is_file() and not path.is_symlink()
        if not known or _digest_of(path) != found["digest"]:
            changed.append(found["path"])
    return changed
