"""The life of a claim: proposed, accepted by another role, superseded by a better one, or retracted; never edited.

What rests on a claim that was taken back is stale until another role accepts it anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from crypto_team.errors import NotFoundError, RefusedError
from crypto_team.kb.index_walk import current

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas import Learning
    from crypto_team.schemas.base import RoleId

STANDING: Final = ("proposed", "accepted")
NEAR: Final = 0.6
"""From this share of equal words on, two claims are probably the same."""
_CLAIM: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[a-z_]+-[0-9a-f]{8}")


def another(role: RoleId) -> RoleId:
    """Return a role that may accept what this one wrote."""
    return "lead" if role == "critic" else "critic"


def grounds(learning: Learning) -> set[str]:
    """Return the claims that one stands on: those that it rests on, and those that it cites as evidence."""
    return {*learning.rests_on, *(item for item in learning.evidence if _CLAIM.fullmatch(item))}


def may_accept(learning: Learning, role: RoleId) -> None:
    """Refuse to accept one's own claim, or one that is not proposed; a stale one may be accepted anew."""
    if learning.role == role:
        raise RefusedError(
            f"the {role} wrote this learning; another role has to accept it",
            hint=f"crypto-team learnings accept {learning.learning_id} --as {another(role)}",
        )
    if learning.status != "proposed" and not (learning.status == "accepted" and learning.stale_since):
        what = f"{learning.learning_id} is {learning.status}, not proposed"
        raise RefusedError(what, hint="crypto-team learnings list --status proposed")


def shaken(found: Iterable[Learning], gone: str) -> list[Learning]:
    """Return the standing claims that rest on one that is taken back, directly or over others."""
    claims = {item.learning_id: item for item in found}
    lost, waiting = {gone}, [gone]
    while waiting:
        at = waiting.pop()
        above = [name for name, item in claims.items() if at in grounds(item) and name not in lost]
        lost |= set(above)
        waiting += above
    upon = [claims[name] for name in sorted(lost - {gone}) if name in claims]
    return [item for item in upon if item.status in STANDING and gone not in item.stale_since]


def duplicates(layout: Layout, title: str, text: str, *, but: str | None = None) -> list[tuple[float, str, str]]:
    """Return standing claims that probably say the same: share of equal words, id, title; the nearest first."""
    wanted = words(f"{title} {text}")
    if not wanted:
        return []
    asked = " OR ".join(f'"{word}"' for word in sorted(wanted, key=len, reverse=True)[:40])
    rows = current(layout).execute(
        "SELECT l.learning_id, l.title, l.text FROM texts JOIN learnings l ON l.learning_id = texts.id "
        "WHERE texts MATCH ? AND texts.kind = 'learning' AND l.status IN ('proposed', 'accepted') "
        "ORDER BY bm25(texts) LIMIT 50",
        (asked,),
    )
    scored = [
        (_equal_share(wanted, words(f"{name} {body}")), id_, name) for id_, name, body in rows.fetchall() if id_ != but
    ]
    return sorted((item for item in scored if item[0] >= NEAR), key=lambda item: (-item[0], item[1]))


def words(text: str) -> set[str]:
    """Return the words of a text; numbers count, because `3 bps` and `30 bps` are two claims."""
    return set(re.findall(r"\w+", text.lower()))


def _equal_share(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def may_retract(learning: Learning) -> None:
    """Refuse to retract what nobody rests on any more."""
    if learning.status not in STANDING:
        hint = f"crypto-team learnings show {learning.learning_id}"
        raise RefusedError(f"{learning.learning_id} is {learning.status} already", hint=hint)


def standing(found: dict[str, Learning], names: Sequence[str], what: str) -> None:
    """Refuse to build on claims that are not known or that were taken back."""
    for name in names:
        if name not in found:
            raise NotFoundError(f"there is no learning {name}", where=what, hint="crypto-team learnings list")
        if found[name].status not in STANDING:
            raise RefusedError(f"{name} is {found[name].status}", where=what, hint=f"crypto-team learnings show {name}")
