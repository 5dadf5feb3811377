"""The ledger of trials: every attempt that could have been reported, over the whole registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from crypto_team.errors import CryptoTeamError
from crypto_team.kb import git
from crypto_team.kb.append_only import FIXED
from crypto_team.kb.index_walk import current
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Trial

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from crypto_team.kb.paths import Layout

ANCHORS = "refs/crypto-team/trials/"
_ANCHOR = re.compile(r"(STR-[0-9]{3,6})/([0-9A-HJKMNP-TV-Z]{26})-([1-9][0-9]*)")
_CHANGES = (
    "log", "--full-history", "-p", "-U0", "-m", "--format=", "--diff-filter=DM", "--no-renames", "--full-index",
    "--text", "--no-color", "--no-ext-diff", "--no-textconv",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """What the ledger says: how many trials count, their daily Sharpe ratios, and what is wrong with it."""

    n_trials: int
    sharpes: tuple[float, ...]
    per_strategy: dict[str, int]
    problems: tuple[str, ...]
    searches: tuple[tuple[int, tuple[float, ...]], ...] = ()


def trials(layout: Layout, strategy_id: str | None = None) -> list[Trial]:
    """Return the booked trials, oldest first."""
    folder = layout.trials_dir(strategy_id) if strategy_id else layout.trials_root
    found = [load_record(path, Trial) for path in folder.rglob("*.yaml")]
    return sorted(found, key=lambda item: item.trial_id)


def ledger(layout: Layout) -> LedgerSummary:
    """Count the trials of the whole registry.

    Single trials with equal predictions count once (a replay is not a new try), and not at all where an import of many
    trials had shown these predictions; started and failed ones count, because
    nobody knows what was seen before they ended, unless the very same attempt was then finished. A backtest replays
    predictions that a training run has booked. Trials of other branches, and those that were taken out of the history,
    count by their anchors.
    """
    problems = [*_tampering(layout), *_other_than_anchored(layout)]
    try:
        booked = trials(layout)
    except CryptoTeamError as problem:
        return LedgerSummary(0, (), {}, (*problems, str(problem)))
    problems += _broken_chains(layout, booked)
    here = {item.trial_id for item in booked}
    problems += _unbooked(layout, here)
    elsewhere = [(name, number) for name, trial_id, number in _anchors(layout) if trial_id not in here]
    return _summed(_different(booked), elsewhere, problems)


def _unbooked(layout: Layout, booked: Collection[str]) -> Iterator[str]:
    """Yield evidence that names a trial which the ledger does not have, as after a history that was rewritten."""
    rows = current(layout).execute(
        "SELECT source, target FROM lineage WHERE relation = 'made by' AND source GLOB 'STR-*/evidence.yaml' "
        "ORDER BY source"
    )
    for source, trial_id in rows.fetchall():
        if trial_id not in booked:
            yield f"{source} was made by the trial {trial_id}, which is not in the ledger"


def _summed(
    counted: Iterable[Trial], elsewhere: Iterable[tuple[str, int]] = (), problems: Iterable[str] = ()
) -> LedgerSummary:
    """Add trials up, and tries of strategies that only anchors know."""
    counted = list(counted)
    per_strategy: dict[str, int] = {}
    for strategy_id, number in [*((item.strategy_id, item.n_trials) for item in counted), *elsewhere]:
        per_strategy[strategy_id] = per_strategy.get(strategy_id, 0) + number
    sharpes = tuple(value for item in counted for value in item.sharpe_per_period)
    return LedgerSummary(sum(per_strategy.values()), sharpes, per_strategy, tuple(problems), _searches(counted))


def _searches(counted: Iterable[Trial]) -> tuple[tuple[int, tuple[float, ...]], ...]:
    """Return how many trials each strategy, each kind of its trials and each booking counts, and their ratios."""
    found: dict[tuple[str, ...], tuple[int, tuple[float, ...]]] = {}
    for item in counted:
        keys = [(item.strategy_id,), (item.strategy_id, item.kind)]
        for key in [*keys, (item.trial_id,)] if item.n_trials > 1 else keys:
            number, ratios = found.get(key, (0, ()))
            found[key] = (number + item.n_trials, (*ratios, *item.sharpe_per_period))
    return tuple(each for each in found.values() if len(each[1]) > 1)


def _different(booked: Sequence[Trial]) -> Iterator[Trial]:
    """Leave out single trials that are another one again: equal predictions, or a killed one that was then finished."""
    done = {(item.strategy_id, item.fingerprint) for item in booked if item.predictions_hash and item.n_trials == 1}
    seen: set[str] = set()
    for item in booked:
        if item.n_trials == 1 and not item.predictions_hash and (item.strategy_id, item.fingerprint) in done:
            continue
        if item.n_trials > 1 or not item.predictions_hash or item.predictions_hash not in seen:
            yield item
        seen.add(item.predictions_hash or item.trial_id)


def count(layout: Layout, *, running: str = "", predictions_hash: str | None = None) -> int:
    """Return how many trials the ledger counts, from the index: the number of `ledger`, without judging any record.

    `running` is a trial whose predictions are known already but not written yet.
    """
    connection = current(layout)
    [(several, singles)] = connection.execute(
        "WITH t AS (SELECT trial_id, strategy_id, fingerprint, n_trials, "
        "CASE trial_id WHEN :running THEN :hash ELSE predictions_hash END AS predicted FROM trials) "
        "SELECT coalesce(sum(CASE WHEN n_trials > 1 THEN n_trials END), 0), "
        "count(DISTINCT CASE WHEN n_trials = 1 AND NOT EXISTS (SELECT 1 FROM trials AS m WHERE m.n_trials > 1 "
        "AND m.predictions_hash = t.predicted AND m.trial_id < t.trial_id) THEN coalesce(predicted, trial_id) END) "
        "FROM t "
        "WHERE n_trials > 1 OR predicted IS NOT NULL OR NOT EXISTS (SELECT 1 FROM t AS u "
        "WHERE u.fingerprint = t.fingerprint AND u.strategy_id = t.strategy_id AND u.n_trials = 1 "
        "AND u.predicted IS NOT NULL)",
        {"running": running, "hash": predictions_hash},
    ).fetchall()
    here = {name for (name,) in connection.execute("SELECT trial_id FROM trials")}
    elsewhere = sum(number for _, trial_id, number in _anchors(layout) if trial_id not in here)
    return int(several) + int(singles) + elsewhere


def when_it_counted(layout: Layout, n_trials: int) -> LedgerSummary | None:
    """Return the ledger as it was when it counted so many trials; None where it never did, on this branch."""
    counted = list(_different(trials(layout)))
    totals = list(accumulate(item.n_trials for item in counted))
    return _summed(counted[: totals.index(n_trials) + 1]) if n_trials in totals else None


def anchor(layout: Layout, trial: Trial) -> None:
    """Keep a ref beside the history that says that the trial was booked, and how many tries it stands for.

    All worktrees share it, and neither a reset nor another branch takes it away.
    """
    name = f"{ANCHORS}{trial.strategy_id}/{trial.trial_id}-{trial.n_trials}"
    git.create_ref(layout.root, name, f"{trial.fingerprint}\n{trial.booking}\n".encode())


def _anchors(layout: Layout) -> Iterator[tuple[str, str, int]]:
    """Yield strategy, trial and number of tries of every anchor."""
    for name in git.refs(layout.root, ANCHORS):
        found = _ANCHOR.fullmatch(name.removeprefix(ANCHORS))
        if found:
            yield found[1], found[2], int(found[3])


def _other_than_anchored(layout: Layout) -> Iterator[str]:
    """Yield trials whose file says another number of tries than was anchored when they were booked."""
    for strategy_id, trial_id, count in _anchors(layout):
        path = layout.trial(strategy_id, trial_id)
        if not path.exists():
            continue
        try:
            stated = load_record(path, Trial).n_trials
        except CryptoTeamError:
            continue  # a broken record is a problem of its own
        if stated != count:
            yield f"the trial {path.name} says {stated} tries, {count} were booked"


def _broken_chains(layout: Layout, booked: Sequence[Trial]) -> Iterator[str]:
    """Yield trials that were booked after one that is not there, and was not left on another branch either."""
    known = {item.booking for item in booked}
    absent = [(item, digest) for item in booked for digest in item.previous if digest not in known]
    if not absent:
        return
    elsewhere = set(git.run(layout.root, "for-each-ref", "--format=%(raw)", ANCHORS).split())
    for item, digest in absent:
        if digest not in elsewhere:
            yield f"the trial {item.trial_id} was booked after one that is missing ({digest[:19]})"


def _tampering(layout: Layout) -> list[str]:
    """Return what git contradicts: trials that vanished, or changed after they had ended or outside of a tool."""
    if git.head(layout.root) is None:
        return []
    patches = git.run(layout.root, *_CHANGES, "--", str(layout.trials_root))
    present = git.blobs(layout.root, layout.trials_root)
    found = {text for patch in patches.split("diff --git ")[1:] for text in _takes_back(patch, present)}
    found |= {
        f"the trial {name.rpartition('/')[2]} differs from what was committed"
        for name in git.changed_since_commit(layout.root, [layout.trials_root])
    }
    found |= {
        f"git was told to overlook changes of the trial {name.rpartition('/')[2]}"
        for name in git.hidden(layout.root, layout.trials_root)
    }
    return sorted(found)


def _takes_back(patch: str, present: Mapping[str, str]) -> list[str]:
    """Judge how one commit changed one trial: only one that had started may change, into one that ended."""
    name = re.search(r"[0-9A-Z]{26}\.yaml", patch)
    before = re.search(r"^index ([0-9a-f]+)\.\.", patch, re.MULTILINE)
    if name is None or before is None:
        return []
    if "\ndeleted file mode" in patch:
        return [] if present.get(name[0]) == before[1] else [f"the trial {name[0]} was deleted from the ledger"]
    if "\n-status: started" not in patch:
        return [f"the trial {name[0]} was changed after it had ended"]
    booked = [field for field in FIXED[Trial] if f"\n-{field}:" in patch]
    return [f"the trial {name[0]} was booked with another {', '.join(booked)}"] if booked else []
