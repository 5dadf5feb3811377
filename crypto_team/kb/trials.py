"""The ledger of trials: every attempt that could have been reported, over the whole registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git
from crypto_team.kb.append_only import FIXED
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Trial

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout

_CHANGES = (
    "log", "-p", "-U0", "-m", "--format=", "--diff-filter=DM", "--no-renames", "--full-index", "--text",
    "--no-color", "--no-ext-diff", "--no-textconv",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """What the ledger says: how many trials count, their daily Sharpe ratios, and what is wrong with it."""

    n_trials: int
    sharpes: tuple[float, ...]
    per_strategy: dict[str, int]
    problems: tuple[str, ...]


def trials(layout: Layout, strategy_id: str | None = None) -> list[Trial]:
    """Return the booked trials, oldest first."""
    folder = layout.trials_dir(strategy_id) if strategy_id else layout.trials_root
    found = [load_record(path, Trial) for path in folder.rglob("*.yaml")]
    return sorted(found, key=lambda item: item.trial_id)


def ledger(layout: Layout) -> LedgerSummary:
    """Count the trials of the whole registry.

    Single trials with equal predictions count once (a replay is not a new try); started and failed ones count, because
    nobody knows what was seen before they ended. A backtest replays predictions that a training run has booked.
    """
    problems = list(_tampering(layout))
    seen: set[str] = set()
    total, sharpes, per_strategy = 0, list[float](), dict[str, int]()
    try:
        booked = trials(layout)
    except CryptoTeamError as problem:
        return LedgerSummary(0, (), {}, (*problems, str(problem)))
    for item in booked:
        if item.n_trials == 1 and item.predictions_hash and item.predictions_hash in seen:
            continue
        seen.add(item.predictions_hash or item.trial_id)
        total += item.n_trials
        per_strategy[item.strategy_id] = per_strategy.get(item.strategy_id, 0) + item.n_trials
        sharpes += item.sharpe_per_period
    return LedgerSummary(total, tuple(sharpes), per_strategy, tuple(problems))


def _tampering(layout: Layout) -> list[str]:
    """Return what git contradicts: trials that vanished, or changed after they had ended or outside of a tool."""
    if git.head(layout.root) is None:
        return []
    patches = git.run(layout.root, *_CHANGES, "--", str(layout.trials_root))
    present = set(git.blobs(layout.root, layout.trials_root))
    found = {text for patch in patches.split("diff --git ")[1:] for text in _takes_back(patch, present)}
    found |= {
        f"the trial {name.rpartition('/')[2]} differs from what was committed"
        for name in git.changed_since_commit(layout.root, [layout.trials_root])
    }
    return sorted(found)


def _takes_back(patch: str, present: set[str]) -> list[str]:
    """Judge how one commit changed one trial: only one that had started may change, into one that ended."""
    name = re.search(r"[0-9A-Z]{26}\.yaml", patch)
    before = re.search(r"^index ([0-9a-f]+)\.\.", patch, re.MULTILINE)
    if name is None or before is None:
        return []
    if "\ndeleted file mode" in patch:
        return [] if before[1] in present else [f"the trial {name[0]} was deleted from the ledger"]
    if "\n-status: started" not in patch:
        return [f"the trial {name[0]} was changed after it had ended"]
    booked = [field for field in FIXED[Trial] if f"\n-{field}:" in patch]
    return [f"the trial {name[0]} was booked with another {', '.join(booked)}"] if booked else []
