"""Ids that nobody else has: create-only git refs for strategies, datasets and backtests; ULIDs for trials.

Within a repository the ref is created only where it does not exist, which is atomic over threads, processes and
worktrees. Over clones it is pushed with a lease that expects nothing there. Where the remote cannot be reached the
id is provisional: a random number of six digits, which keeps it when the next `ids sync` makes it final.
"""

from __future__ import annotations

import re
import secrets
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from crypto_team.errors import ConflictError, CryptoTeamError
from crypto_team.kb import git, git_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from crypto_team.kb.paths import Layout

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
IDS: Final = "refs/crypto-team/ids/"
PROVISIONAL: Final = "refs/crypto-team/provisional/"
FIRST_PROVISIONAL: Final = 100_000
_LONG_STRETCH: Final = 1_000
_LAST_PROVISIONAL: Final = 999_999

IdKind = Literal["STR", "DS", "BT"]


def allot(layout: Layout, kind: IdKind, *, ahead: list[str] | None = None) -> str:
    """Return the next free id of a kind, unique over threads, processes, worktrees and clones of the repository.

    Ids of refs and of files both count, so that a clone that lacks the refs does not allot an id twice. Without a
    remote ids are final at once. Where somebody took the last number, numbering goes on in the first long stretch
    that is free, and the ids above it are added to `ahead`: nobody can use up the ids by taking one.
    """
    remote = git_remote.name(layout.root)
    refs = {} if remote is None else git_remote.refs(layout.root, remote, IDS)
    if refs is None:
        return _provisional(layout, kind)
    taken = {*_numbers(refs, kind), *_known(layout, kind)}
    for number in _free(taken):
        name = f"{kind}-{number:03d}"
        content = _content(name)
        if not git.create_ref(layout.root, IDS + name, content):
            continue
        said = "ours" if remote is None else git_remote.claim(layout.root, remote, IDS + name)
        if said == "ours":
            if ahead is not None:
                ahead += [f"{kind}-{other:03d}" for other in sorted(taken) if other > number]
            return name
        git.delete_ref(layout.root, IDS + name, content)
        if said == "unreachable":
            return _provisional(layout, kind)
    raise CryptoTeamError(f"all {FIRST_PROVISIONAL - 1} ids of {kind} are taken", hint="crypto-team ids list")


def _free(taken: set[int]) -> Iterator[int]:
    """Yield free numbers: those above all that are taken, else those of the first long stretch below."""
    top = max(taken, default=0)
    if top < FIRST_PROVISIONAL - 1:
        yield from range(top + 1, FIRST_PROVISIONAL)
    edges = sorted({0, *taken, FIRST_PROVISIONAL})
    # Ids of deleted work leave short gaps, which stay free as long as there is anything else.
    stretches = sorted(pairwise(edges), key=lambda pair: (min(pair[1] - pair[0], _LONG_STRETCH), -pair[0]))
    for low, high in reversed(stretches):
        yield from range(low + 1, high)


def _provisional(layout: Layout, kind: IdKind) -> str:
    """Return an id that no clone is likely to draw too; whether one did is known when it is made final."""
    while True:
        number = FIRST_PROVISIONAL + secrets.randbelow(_LAST_PROVISIONAL - FIRST_PROVISIONAL + 1)
        name = f"{kind}-{number}"
        content = _content(name)
        if git.create_ref(layout.root, IDS + name, content):
            git.create_ref(layout.root, PROVISIONAL + name, content)
            return name


def drawn_offline(name: str) -> bool:
    """Return whether an id was drawn while the remote could not be reached; it keeps that number for good."""
    return int(name.rpartition("-")[2]) >= FIRST_PROVISIONAL


def _content(name: str) -> bytes:
    """Return the content of a ref; random, because pushing equal content over an existing ref would succeed."""
    return f"{name} {secrets.token_hex(16)}".encode()


def provisional(layout: Layout) -> list[str]:
    """Return the ids of this repository that no remote has confirmed yet."""
    return [name.rpartition("/")[2] for name in git.refs(layout.root, PROVISIONAL)]


def sync(layout: Layout) -> list[str]:
    """Make provisional ids final on the remote, and push ids from before there was one; return what became final.

    Raises
    ------
    CryptoTeamError
        There is no remote, or it cannot be reached; nothing changed.
    ConflictError
        Another clone has one of the ids; the others are final.
    """
    remote = git_remote.name(layout.root)
    if remote is None:
        raise CryptoTeamError("this repository has no remote", where=str(layout.root), hint="git remote add origin URL")
    taken = git_remote.refs(layout.root, remote, IDS)
    if taken is None:
        raise CryptoTeamError(
            f"the remote {remote} cannot be reached", where=str(layout.root), hint="ids stay provisional; try again"
        )
    final, lost = [], []
    for ref in git.refs(layout.root, IDS):
        name = ref.rpartition("/")[2]
        mine = git.run(layout.root, "rev-parse", ref)
        said = "ours" if taken.get(ref) == mine else git_remote.claim(layout.root, remote, ref)
        if said == "unreachable":
            what = f"the remote {remote} takes no refs below refs/crypto-team"
            hint = "allow them there, or: git config crypto-team.idRemote none"
            raise CryptoTeamError(what, where=str(layout.root), hint=hint)
        if said == "taken":
            lost.append(name)
            continue
        git.delete_ref(layout.root, PROVISIONAL + name)
        final += [name] if ref not in taken else []
    if lost:
        raise ConflictError(
            f"another clone has {', '.join(lost)} too",
            where=str(layout.root),
            hint="whoever has done less starts again under a new id, and removes the other: nothing is renumbered, "
            "because trials and handoffs are about the id",
        )
    return final


def _known(layout: Layout, kind: IdKind) -> list[int]:
    return [*_numbers(git.refs(layout.root, IDS), kind), *_from_files(layout, kind)]


def _numbers(names: Iterable[str], kind: IdKind) -> list[int]:
    """Return the numbers of the ids that were allotted in order."""
    found = [re.fullmatch(rf"{kind}-([0-9]{{3,6}})", name.rpartition("/")[2]) for name in names]
    numbers = [int(match[1]) for match in found if match]
    return [number for number in numbers if number < FIRST_PROVISIONAL]


def _from_files(layout: Layout, kind: IdKind) -> list[int]:
    folder, pattern = {
        "STR": (layout.registry_dir, "STR-*.yaml"),
        "DS": (layout.datasets_dir, "DS-*.yaml"),
        "BT": (layout.strategies_root, "*/backtests/BT-*.yaml"),
    }[kind]
    return _numbers(["-".join(path.stem.split("-")[:2]) for path in folder.glob(pattern)], kind)


def new_trial_id(now: datetime) -> str:
    """Return a ULID: 48 bits of milliseconds and 80 random bits, in Crockford's base 32."""
    value = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "".join(_ALPHABET[(value >> (5 * place)) & 31] for place in range(25, -1, -1))
