"""Who may write what: rules as data, one matcher over kinds of records; what is not listed is denied.

The tool that writes, the hook guard and CI ask `decide`, each with the rules that it trusts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto_team.errors import OwnershipError
from crypto_team.kb.kinds import ANY, GATE, IGNORED, KINDS, SETTINGS, kind_of
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Ownership
from crypto_team.schemas.reviews import OwnershipRule

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

HANDOFF_TOOL: Final = "handoff"
LEAD: Final = "lead"
EVERYBODY: Final = "role that acts"
IGNORE: Final = "ignore_list"
"""The kind of `.crypto/.gitignore` and `.crypto/.gitattributes`."""

LOCAL: Final = "local"
"""What lies in folders that git ignores: market data, evidence, reports, schemas for editors."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a role may write a kind, who may, and in which mode."""

    allowed: bool
    kind: str | None
    owner: str
    mode: str
    why: str


def default_rules() -> Ownership:
    """Return the rules of a new workspace, from the table of kinds."""
    return Ownership.model_validate(
        {
            "rules": [
                OwnershipRule.model_validate({"kind": kind.name, "role": kind.owner, "mode": kind.mode}).model_dump()
                for kind in KINDS.values()
                if kind.owner != GATE and kind.ruled_by is None
            ]
        }
    )


def rules(layout: Layout) -> Ownership:
    """Return the rules of the workspace; the defaults where the file is missing."""
    return load_record(layout.ownership, Ownership) if layout.ownership.exists() else default_rules()


def record_kind(layout: Layout, path: Path) -> str | None:
    """Return the kind of a record or of a setting by where it lies; None where nothing may lie.

    The place decides as it is written: whoever follows links resolves them first.
    """
    if _in_local_folder(layout, path):
        return LOCAL
    if path.parent == layout.crypto:
        return IGNORE if path.name in {".gitignore", ".gitattributes"} else SETTINGS.get(path.name)
    found = kind_of(layout, path)
    return found.name if found else None


def _in_local_folder(layout: Layout, path: Path) -> bool:
    if not path.is_relative_to(layout.crypto) or layout.crypto in {path, path.parent}:
        return False
    return f"{path.relative_to(layout.crypto).parts[0]}/" in IGNORED


def decide(policy: Ownership, role: str | None, tool: str | None, kind: str | None) -> Verdict:
    """Say whether `role`, by `tool`, may write records of `kind`: the one matcher. Default deny.

    Settings belong to the lead and gate records to the handoff tool, whatever the rules say: no rule can give them
    away. Generated lists have no author; any tool may carry them along, and `views --check` compares them.
    """
    if kind is None:
        return Verdict(False, None, "nobody", "none", "no kind of record lies here")
    if kind == LOCAL:
        return Verdict(False, kind, "git", "none", "this folder stays out of git: it is made on every machine anew")
    fixed = _fixed(role, tool, kind)
    if fixed is not None:
        return fixed
    found = _rules_of(policy, kind)
    writers = sorted({rule.role for rule in found})
    # Every role that exists may write what any may; who is denied then named none.
    owner = EVERYBODY if ANY in writers else ", ".join(writers) or "nobody"
    mode = "append" if KINDS[kind].mode == "append" or all(rule.mode == "append" for rule in found) else "own"
    allowed = role is not None and bool({role, ANY} & set(writers))
    who = f"the {role}" if role else "a change without a role"
    why = f"the {role} may write {kind}" if allowed else f"{who} may not write {kind}: it belongs to the {owner}"
    return Verdict(allowed, kind, owner, mode, why)


def _rules_of(policy: Ownership, kind: str) -> list[OwnershipRule]:
    """Return the rules that let somebody write a kind; those of the kind it belongs to where it has none itself."""
    named = {rule.kind for rule in policy.rules}
    ruled_by = KINDS[kind].ruled_by
    wanted = ruled_by if ruled_by and kind not in named else kind
    return [rule for rule in policy.rules if rule.kind == wanted and rule.mode != "read"]


def _fixed(role: str | None, tool: str | None, kind: str) -> Verdict | None:
    """Decide about the kinds that no rule governs; None for all others."""
    who = f"the {role}" if role else "a change without a role"
    if kind in SETTINGS.values() or kind == IGNORE:
        why = (
            f"the {role} may write {kind}" if role == LEAD else f"{who} may not write {kind}: it belongs to the {LEAD}"
        )
        return Verdict(role == LEAD, kind, LEAD, "own", why)
    if kind == "view":
        return Verdict(tool is not None, kind, "views tool", "own", "generated lists are written by tools only")
    if kind not in KINDS:
        return Verdict(False, kind, "nobody", "none", f"there is no kind {kind}")
    if KINDS[kind].owner == GATE:
        why = f"{who} may not write {kind}: it belongs to the handoff tool"
        return Verdict(tool == HANDOFF_TOOL, kind, "handoff tool", "append", why)
    return None


def check_write(layout: Layout, role: str, tool: str, kind: str) -> None:
    """Refuse a write that the rules do not allow, naming the owner.

    Raises
    ------
    OwnershipError
        Another role owns the kind, or nobody may write it.
    """
    verdict = decide(rules(layout), role, tool, kind)
    if kind == "view" or not verdict.allowed:
        raise OwnershipError(
            f"the {role} may not write {kind}: it belongs to the {verdict.owner}",
            where=kind,
            hint=way_to_write(verdict.owner),
        )


def way_to_write(owner: str) -> str:
    """Return the command that shows who may do it instead."""
    if owner == "handoff tool":
        return "crypto-team handoff STR-NNN --to ROLE, which runs the gate"
    if owner == "views tool":
        return "crypto-team views"
    if owner == "git":
        return "crypto-team doctor --repair tells git to ignore it; then git rm -r --cached FOLDER"
    if owner == "nobody":
        return "add a rule for this kind to .crypto/ownership.yaml"
    if owner == EVERYBODY:
        return "name the role that acts: --as ROLE, or git commit --trailer 'Crypto-Team-Role: ROLE'"
    if owner.startswith(LEAD):
        return "the lead edits it by hand and commits with: git commit --trailer 'Crypto-Team-Role: lead'"
    return f"crypto-team {owner.partition(',')[0].replace('_', '-')} --help lists the tools that write it"
