"""The sealed bars: the only place that reads them, for one candidate, at the handoff that every other check let pass.

A look is anchored before a bar is read and recorded after. The same candidate is answered from its record. A second
candidate of one strategy is answered by the Ladder, and everybody with noise once the registry's budget is spent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team.kb import looks as booked
from crypto_team.kb.evidence import load_manifest, manifest_digest
from crypto_team.kb.ids import new_trial_id
from crypto_team.roles import candles, publishing, records, training
from crypto_team.schemas import HoldoutLook
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.features.matrix import FeatureMatrix
    from crypto_team.kb.looks import Looks
    from crypto_team.roles.candles import Candles
    from crypto_team.roles.training import Design
    from crypto_team.schemas.base import RoleId
    from crypto_team.schemas.holdout import Answer
    from crypto_team.tools.session import Session
    from crypto_team.validation.evidence_io import Evidence
    from crypto_team.validation.holdout import SealedSkill

HOLDOUT_CHECK = "HO001"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the sealed bars say about a candidate, exactly; never stored unless the answer is exact."""

    skill: SealedSkill
    sharpe: float | None
    first: str
    last: str


def earlier_answer(session: Session, strategy_id: str) -> HoldoutLook | None:
    """Return the answer that was given about the stored evidence of a strategy, or None; nothing sealed is read."""
    if not session.layout.evidence(strategy_id).exists():
        return None
    return booked.looks(session.layout).answer_for(manifest_digest(load_manifest(session.layout, strategy_id)))


def look(session: Session, strategy_id: str, role: RoleId) -> HoldoutLook:
    """Judge the stored evidence of a strategy on the sealed bars and record the answer."""
    manifest = load_manifest(session.layout, strategy_id)
    digest = manifest_digest(manifest)
    before = booked.looks(session.layout)
    answered = before.answer_for(digest)
    if answered is not None:
        return answered
    look_id = new_trial_id(session.now())
    booked.anchor(session.layout, strategy_id, look_id, digest)
    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    budget = records.policy(session).holdout_budget
    found = candles.with_sealed(session, spec.market, features.features)
    evidence = publishing.stored_evidence(session, strategy_id)
    plan = training.assemble(session, spec, features, found=found)
    judged = _judged(evidence, found, training.matrices(plan, session), plan)
    kind, told = _told(judged.skill, before, strategy_id, budget)
    record = HoldoutLook(
        look_id=look_id,
        strategy_id=strategy_id,
        looked=records.utc_text(session),
        evidence_hash=digest,
        model_hash=evidence.meta.folds[-1].model_hash,
        datasets=[item.dataset_id for item in found.all_datasets],
        data_hashes=[item.content_hash for item in found.all_datasets],
        first=judged.first,
        last=judged.last,
        bars=told.bars,
        answer=kind,
        rank_ic=_number(told.rank_ic),
        rank_ic_error=_number(told.error),
        sharpe=judged.sharpe if kind == "exact" else None,
        oos_rank_ic=_number(_out_of_sample(evidence).rank_ic),
        looks_before=before.total,
        budget=budget,
    )
    path = session.layout.holdout_look(strategy_id, look_id)
    staged = [records.change(session, "holdout_look", path, record)]
    records.save(session, role, "handoff", strategy_id, staged, f"{strategy_id}: sealed bars opened ({kind} answer)")
    return record


def _told(skill: SealedSkill, before: Looks, strategy_id: str, budget: int) -> tuple[Answer, SealedSkill]:
    """Choose how exactly to answer: budget first, then whether this strategy was judged before."""
    import numpy as np

    from crypto_team.validation.holdout import through_ladder, with_noise

    if not (math.isfinite(skill.rank_ic) and skill.error > 0.0):
        return "exact", skill
    if before.total >= budget:
        # Noise that could be computed again could be taken off again: it comes from the operating system.
        return "noisy", with_noise(skill, np.random.default_rng())
    released = before.best_released(strategy_id)
    return ("exact", skill) if released is None else ("ladder", through_ladder(skill, released))


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _judged(evidence: Evidence, found: Candles, computed: dict[str, FeatureMatrix], plan: Design) -> Judged:
    """Let the last fold's model predict every sealed row whose label is known, trade it, and measure."""
    from crypto_team.gates.recompute import recompute_returns
    from crypto_team.validation.evidence_tables import market_table
    from crypto_team.validation.holdout import sealed_skill
    from crypto_team.validation.metrics import DAYS_PER_YEAR, daily_returns, sharpe

    rows = _predicted(evidence, found, computed, plan)
    meta = evidence.meta
    skill = sealed_skill(rows, horizon_bars=meta.horizon_bars, seed=meta.random_seed)
    if rows.empty:
        return Judged(skill, None, found.research_end or "", found.research_end or "")
    import pandas as pd

    stored = evidence.tables.predictions
    # A regression's signal is measured in the spread of its calibration rows.
    inner = stored[(stored["part"] == "inner") & (stored["fold"] == meta.folds[-1].fold)]
    traded = recompute_returns(pd.concat([inner, rows], ignore_index=True), market_table(found.bars), meta)
    _, daily = daily_returns(traded.predictions)
    first, last = rows["time"].min(), rows["time"].max()
    return Judged(skill, _number(sharpe(daily, periods_per_year=DAYS_PER_YEAR)), _utc(first), _utc(last))


def _utc(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _out_of_sample(evidence: Evidence) -> SealedSkill:
    from crypto_team.validation.holdout import sealed_skill

    table = evidence.tables.predictions
    test = table[table["part"] == "test"]
    return sealed_skill(test, horizon_bars=evidence.meta.horizon_bars, seed=evidence.meta.random_seed)


def _predicted(evidence: Evidence, found: Candles, computed: dict[str, FeatureMatrix], plan: Design) -> pd.DataFrame:
    """Return the predictions table of the sealed rows, in the form of evidence, part ``test``."""
    import numpy as np
    import pandas as pd

    from crypto_team.validation.clock import utc_times
    from crypto_team.validation.prediction import FoldModel

    fold = evidence.meta.folds[-1]
    model = FoldModel.load(evidence.models[fold.model_file])
    panel = training.joined(plan, computed)
    opened = int(pd.Timestamp(found.research_end or "9999-12-31").timestamp() * 1000)
    parts = []
    for number, pair in enumerate(panel.pairs):
        own = np.flatnonzero(panel.pair_index == number)
        rows = np.flatnonzero(panel.time[own] >= opened)
        said = model.signal(model.values(computed[pair], rows, panel.time[own]))
        made = {"time": utc_times(panel.time[own][rows]), "pair": pair, "fold": fold.fold, "part": "test"}
        made |= {"forward_return": panel.forward_return[own][rows], "signal": said.signal}
        if model.n_classes:
            made |= {f"p_{k}": said.calibrated[:, k] for k in range(model.n_classes)}
        else:
            made["expected_bps"] = said.calibrated[:, 0]
        parts.append(pd.DataFrame(made))
    return pd.concat(parts, ignore_index=True)


@tool(role="every", group="holdout", name="status", read_only=True)
def holdout_status(session: Session, strategy_id: StrategyId | None = None) -> Outcome:
    """Show the looks at sealed bars and how many exact answers the registry has left.

    Parameters
    ----------
    strategy_id
        Only the looks of this strategy, for example STR-001.
    """
    found = booked.looks(session.layout)
    budget = records.policy(session).holdout_budget
    rows = [
        {
            "look": item.look_id,
            "strategy": item.strategy_id,
            "looked": item.looked,
            "sealed_bars": item.bars,
            "answer": item.answer,
            "rank_ic": item.rank_ic,
            "error": item.rank_ic_error,
        }
        for item in found.recorded
        if strategy_id in {None, item.strategy_id}
    ]
    left = max(0, budget - found.total)
    return Outcome(ok=True, summary=f"{found.total} look(s) at sealed bars; {left} of {budget} left", data=rows)
