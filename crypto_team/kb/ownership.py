"""Who may write what: one matcher over kinds of records; what is not listed is denied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import OwnershipError
from crypto_team.kb.kinds import ANY, GATE, KINDS
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Ownership
from crypto_team.schemas.reviews import OwnershipRule

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout


def default_rules() -> Ownership:
    """Return the rules of a new workspace, from the table of kinds."""
    return Ownership.model_validate(
        {
            "rules": [
                OwnershipRule.model_validate({"kind": kind.name, "role": kind.owner, "mode": kind.mode}).model_dump()
                for kind in KINDS.values()
                if kind.owner != GATE
            ]
        }
    )


def rules(layout: Layout) -> Ownership:
    """Return the rules of the workspace; the defaults where the file is missing."""
    return load_record(layout.ownership, Ownership) if layout.ownership.exists() else default_rules()


def check_write(layout: Layout, role: str, tool: str, kind: str) -> None:
    """Refuse a write that the rules do not allow, naming the owner.

    Raises
    ------
    OwnershipError
        Another role owns the kind, or nobody may write it.
    """
    if kind in KINDS and KINDS[kind].owner == GATE:
        allowed = tool == "handoff"
        owner = "handoff tool"
    else:
        writers = {rule.role for rule in rules(layout).rules if rule.kind == kind and rule.mode != "read"}
        allowed = bool(writers & {role, ANY})
        owner = ", ".join(sorted(writers)) or "nobody"
    if not allowed:
        raise OwnershipError(
            f"the {role} may not write {kind}: it belongs to the {owner}",
            where=kind,
            hint=_way_to_write(owner),
        )


def _way_to_write(owner: str) -> str:
    """Return the command that shows who may do it instead."""
    if owner == "handoff tool":
        return "crypto-team handoff STR-NNN --to ROLE, which runs the gate"
    if owner == "nobody":
        return "add a rule for this kind to .crypto/ownership.yaml"
    return f"crypto-team {owner.partition(',')[0].replace('_', '-')} --help lists the tools that write it"
