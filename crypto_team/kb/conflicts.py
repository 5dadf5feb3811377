"""Conflicts that git could not merge: those that the records themselves decide are resolved, the others say who does.

What every role writes is a file for each event, so conflicts are left only where two sides changed the same document of
one owner, in lists that are generated, and in entries that older programs wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import entry_merge, git, git_range, learnings, merge_audit, views
from crypto_team.kb.append_only import check_growth
from crypto_team.kb.documents import plain
from crypto_team.kb.fates import FINALITY
from crypto_team.kb.files import write_atomic
from crypto_team.kb.kinds import ANY, GATE, kind_of
from crypto_team.kb.records_text import document_of
from crypto_team.kb.three_way import merged
from crypto_team.kb.yaml import check, dump, parse
from crypto_team.schemas import RECORDS, Learning, Registration

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from crypto_team.kb.kinds import Kind
    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.outcome import Finding

ANYBODY: Final = "lead"
"""Who commits a merge that needs no owner's word; any role may."""
_MOST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Sides:
    """The versions of a file that a merge could not bring together; None where a side does not have it."""

    base: bytes | None
    ours: bytes | None
    theirs: bytes | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file in conflict: what it has to hold, or why only its owner can say."""

    path: Path
    owner: str
    content: bytes | None
    why: str


def unmerged(layout: Layout) -> dict[Path, Sides]:
    """Return the files of the workspace that git says are in conflict."""
    prefix, blobs = git_range.prefix(layout.root), dict[str, dict[str, str]]()
    for line in git.run(layout.root, "ls-files", "-u", "-z", "--full-name", "--", str(layout.crypto)).split("\0"):
        head, _, name = line.partition("\t")
        if name:
            _, blob, stage = head.split()
            blobs.setdefault(name, {})[stage] = blob
    return {
        layout.root / name.removeprefix(prefix): Sides(*(_content(layout, found.get(stage)) for stage in "123"))
        for name, found in sorted(blobs.items())
    }


def _content(layout: Layout, blob: str | None) -> bytes | None:
    return git_range.blob(layout.root, blob) if blob else None


def judged(layout: Layout) -> list[Conflict]:
    """Return what to do about every conflict."""
    return [_judged(layout, path, sides) for path, sides in unmerged(layout).items()]


def _judged(layout: Layout, path: Path, sides: Sides) -> Conflict:
    kind = kind_of(layout, path)
    owner = ANYBODY if kind is None or kind.owner in {ANY, GATE} else kind.owner
    if kind is None or kind.schema is None:
        known = kind is not None and kind.name == "view"
        return Conflict(path, owner, b"" if known else None, "" if known else "both sides changed it")
    if sides.ours is None or sides.theirs is None:
        return Conflict(path, owner, None, "one side removed it, the other changed it")
    try:
        content, why = _OWN.get(kind.name, _by_field)(path, kind, sides)
        if content is not None:
            document_of(content, str(path), kind.schema)
    except (CryptoTeamError, UnicodeDecodeError) as problem:
        content, why = None, f"the sides cannot be merged: {problem}"
    return Conflict(path, owner, content, why)


def _entry(path: Path, _: Kind, sides: Sides) -> tuple[bytes | None, str]:
    """Merge an entry: what it said in version 1 on either side."""
    entries = [
        check(parse(side.decode(), str(path)), Registration) for side in (sides.ours, sides.theirs) if side is not None
    ]
    made = entry_merge.merged(entries[0], entries[-1])
    for side in entries:
        check_growth(path, side, made, merge=True)
    return dump(made, schema="registry").encode(), ""


def _claim(path: Path, _: Kind, sides: Sides) -> tuple[bytes | None, str]:
    """Take the side of a claim on which more became of it, where that takes nothing back of the other."""
    texts = [side for side in (sides.ours, sides.theirs) if side is not None]
    claims: list[Learning] = [learnings.read(text.decode(), str(path)) for text in texts]
    chosen = max((0, -1), key=lambda number: FINALITY.index(claims[number].status))
    for claim in claims:
        check_growth(path, claim, claims[chosen], merge=True)
    return texts[chosen], ""


def _by_field(path: Path, kind: Kind, sides: Sides) -> tuple[bytes | None, str]:
    """Merge a document field by field."""
    three = (sides.base, sides.ours, sides.theirs)
    base, ours, theirs = (None if side is None else parse(side.decode(), str(path)).data for side in three)
    made, clashes = merged(base, ours, theirs)
    if clashes:
        shown = "; ".join(f"{name}: {_short(mine)} here, {_short(other)} there" for name, mine, other in clashes)
        return None, f"both sides changed {shown}"
    record = RECORDS[str(kind.schema)].model_validate(made)
    return dump(record, schema=kind.schema).encode(), ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


_OWN: Final[dict[str, Callable[[Path, Kind, Sides], tuple[bytes | None, str]]]] = {
    "registry": _entry,
    "learning": _claim,
}
"""Kinds that are not merged field by field."""


def resolve(layout: Layout) -> list[str]:
    """Resolve what the records themselves decide, in the work tree and in git's index; return what was done.

    Whoever merges commits it.
    """
    found = [item for item in judged(layout) if item.content is not None]
    for item in found:
        write_atomic(item.path, item.content or b"", scratch=layout.scratch)
    lists = views.render(layout) if any(item.content == b"" for item in found) else {}
    for path in (item.path for item in found if item.path in lists):
        write_atomic(path, lists[path].encode(), scratch=layout.scratch)
    if found:
        git.run(layout.root, "add", "-f", "--", *(str(item.path) for item in found))
    return [f"merged {item.path.name}" for item in found]


def findings(layout: Layout) -> list[Finding]:
    """Return every conflict as an error that says who decides it, and how."""
    found = []
    for item in judged(layout):
        name = item.path.relative_to(layout.root).as_posix()
        step = f"edit it, or git checkout --ours (or --theirs) -- {name}; then git add {name}"
        if item.content is not None:
            found.append(plain("conflict", "git left this unmerged", item.path, "crypto-team doctor --repair"))
        else:
            found.append(plain("conflict", item.why, item.path, f"the {item.owner} decides: {step}"))
    return found


def conclusion(layout: Layout) -> str:
    """Return the command that ends a merge: in the name of who owns what git could not merge itself."""
    prefix = git_range.prefix(layout.root)
    try:
        names = merge_audit.conflicts(layout.root, "HEAD", "MERGE_HEAD")
    except CryptoTeamError:
        return "git commit --no-edit"  # not a merge, or git is too old to say
    kinds = [kind_of(layout, layout.root / name.removeprefix(prefix)) for name in names]
    owners = sorted({kind.owner for kind in kinds if kind is not None and kind.owner not in {ANY, GATE}})
    role = " and ".join(owners) or ANYBODY
    trailers = f" --trailer 'Crypto-Team-Role: {role}' --trailer 'Crypto-Team-Tool: doctor'"
    return f"git commit --no-edit{trailers if names else ''}"
