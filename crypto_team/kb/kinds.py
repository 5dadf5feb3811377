"""Every kind of record: where it lies, its shape, and the one role that owns it: by kind, never by glob."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas.base import RoleId

ANY: Final = "any"
GATE: Final = "gate"
_PLACED_IDS: Final = ("strategy_id", "dataset_id", "backtest_id", "learning_id", "event_id")
_STRATEGY = r"strategies/STR-[0-9]{3,6}/"
_CLAIM = r"[0-9-]+-[a-z_]+-[0-9a-f]{8}"
_EVENT = r"[0-9]{8}T[0-9]{6}Z-[a-z_]+-[0-9a-f]{20}"
_TRIAL = r"(?:(?P<shard>[0-9A-Z]{2})/[0-9A-Z]{24}(?P=shard)|[0-9A-Z]{26})"
"""A trial lies in a folder of the last two letters of its id; older ones lie beside those folders."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record. `owner` is a role, `any` for every role, or `gate` for the handoff tool alone."""

    name: str
    pattern: str
    owner: RoleId | str
    schema: str | None
    mode: str = "own"
    ruled_by: str | None = None
    """The kind whose rule counts where `ownership.yaml` has none of its own, as in workspaces older than this kind."""


_TABLE: Final = (
    Kind("ml_spec", _STRATEGY + r"ml-spec\.yaml", "ml_engineer", "ml_spec"),
    Kind("features", _STRATEGY + r"features\.yaml", "ml_engineer", "features"),
    Kind("ml_report", _STRATEGY + r"(ml-report\.md|pictures/[a-z_]+\.svg)", "ml_engineer", None),
    Kind("code", _STRATEGY + r"code/[a-z][a-z0-9_]*\.py", "ml_engineer", None),
    Kind("model", _STRATEGY + r"model/[a-z0-9_]+\.json", "ml_engineer", None),
    Kind("model_manifest", _STRATEGY + r"model/manifest\.yaml", "ml_engineer", "model"),
    Kind("evidence", _STRATEGY + r"evidence\.yaml", "ml_engineer", "evidence"),
    Kind("imported_evidence", _STRATEGY + r"imported-evidence\.yaml", "ml_engineer", "evidence"),
    Kind("strategy_spec", _STRATEGY + r"strategy-spec\.yaml", "strategy_researcher", "strategy_spec"),
    Kind("hypothesis", _STRATEGY + r"hypothesis\.md", "strategy_researcher", None),
    Kind("data_spec", _STRATEGY + r"data-spec\.yaml", "data_collector", "data_spec"),
    Kind("dataset", r"data-catalog/datasets/DS-[0-9]{3,6}-[a-z0-9_-]+\.yaml", "data_collector", "dataset"),
    Kind("backtest", _STRATEGY + r"backtests/BT-[0-9]{3,6}\.yaml", "backtester", "backtest"),
    Kind("backtest_report", _STRATEGY + r"backtest-report\.md", "backtester", None),
    Kind("quant_review", _STRATEGY + r"quant-review\.yaml", "quant_analyst", "quant_review"),
    Kind("quant_review_md", _STRATEGY + r"quant-review\.md", "quant_analyst", None),
    Kind("critic_review", _STRATEGY + r"critic-review\.yaml", "critic", "critic_review"),
    Kind("critic_review_md", _STRATEGY + r"critic-review\.md", "critic", None),
    Kind("risk_assessment", _STRATEGY + r"risk-assessment\.yaml", "risk_manager", "risk_assessment"),
    Kind("deployment", _STRATEGY + r"deployment\.yaml", "execution_specialist", "deployment"),
    Kind("handoff", _STRATEGY + r"handoffs/[0-9]{3}-[a-z_]+-to-[a-z_]+(-[0-9a-f]{8})?\.yaml", GATE, "handoff"),
    Kind("holdout_look", r"holdout/STR-[0-9]{3,6}/[0-9A-Z]{26}\.yaml", GATE, "holdout_look", "append"),
    Kind("registry", r"registry/STR-[0-9]{3,6}\.yaml", ANY, "registry", "append"),
    Kind("registry_event", rf"registry/STR-[0-9]{{3,6}}/{_EVENT}\.yaml", ANY, "registry_event", "append", "registry"),
    Kind("trial", rf"trials/STR-[0-9]{{3,6}}/{_TRIAL}\.yaml", ANY, "trial", "append"),
    Kind("learning", rf"learnings/{_CLAIM}\.md", ANY, "learning", "append"),
    Kind("learning_event", rf"learnings/{_CLAIM}/{_EVENT}\.yaml", ANY, "learning_event", "append", "learning"),
    Kind("view", r"(registry\.yaml|learnings\.md|data-catalog/sources\.yaml)", GATE, None),
)

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in _TABLE}
_PLACES: Final = re.compile("|".join(f"(?P<{kind.name}>{kind.pattern})" for kind in _TABLE))
SETTINGS: Final = {"team.yaml": "team", "policy.yaml": "policy", "ownership.yaml": "ownership"}

IGNORED: Final = ("data/", "store/", "reports/", "logs/", "schemas/")
"""What stays out of git, below .crypto; the index and locks lie in the git directory anyway."""

ATTRIBUTES: Final = "* -text -ident -filter !working-tree-encoding !merge !diff\n"
"""`.crypto/.gitattributes`: git keeps the bytes that were hashed, whatever the repository around says about files."""


def kind_of(layout: Layout, path: Path) -> Kind | None:
    """Return the kind of a file of the knowledge base by where it lies, or None where nothing may lie."""
    # Called for every file of tens of thousands: one search, and no path objects.
    base, place = f"{layout.knowledge.as_posix()}/", path.as_posix()
    found = _PLACES.fullmatch(place, len(base)) if place.startswith(base) else None
    return KINDS[str(found.lastgroup)] if found else None


def misplaced(layout: Layout, path: Path, record: BaseModel) -> str | None:
    """Say which id inside a record is not the one that its path names; None where they agree."""
    parts = [part for piece in path.relative_to(layout.crypto).parts for part in (piece, piece.partition(".")[0])]
    # Other records name the trial that made them; the path of a trial itself does.
    for name in (*_PLACED_IDS, "trial_id") if "trials" in parts else _PLACED_IDS:
        value = getattr(record, name, None)
        if value and not any(part == value or part.startswith(f"{value}-") for part in parts):
            return f"its {name} is {value}"
    return None
