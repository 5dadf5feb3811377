"""What a folder of evidence has and lacks, and which checks that decides."""

from __future__ import annotations

from crypto_team.gates.case import Case
from crypto_team.gates.imported.contracts import CONTRACTS
from crypto_team.gates.policy import FOREIGN
from crypto_team.gates.registry import find

NAMES = {"features": "features_sample"}


def inventory(case: Case) -> list[dict[str, str | int | None]]:
    """Return for each table of the form whether it is there, its rows, what it is for, and what was noted."""
    notes = case.imported.notes if case.imported is not None else ()
    found: list[dict[str, str | int | None]] = []
    for name, contract in CONTRACTS.items():
        table = getattr(case, NAMES.get(name, name))
        # A table that a check can do without decides how much it finds.
        rules = [find(code) for code in FOREIGN]
        needing = [rule.code for rule in rules if NAMES.get(name, name) in (*rule.required, *rule.optional)]
        found.append(
            {
                "table": name,
                "there": "yes" if table is not None else "no",
                "rows": None if table is None else len(table),
                "what": contract.what,
                "checks that need it": " ".join(needing),
                "notes": "; ".join(note for note in notes if note.startswith(f"{name}:")),
            }
        )
    return found
