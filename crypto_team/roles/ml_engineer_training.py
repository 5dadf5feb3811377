"""The ML engineer's tools that compute: training, sweeps, evaluation, the report and the exported strategy."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal

from crypto_team.roles import (
    exporting,
    feature_audit,
    publishing,
    records,
    reporting,
    sweeping,
    training,
    tuning,
)
from crypto_team.roles.booking import booked
from crypto_team.roles.ml_engineer import write_design
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session


@tool(role="ml_engineer", long=True)
def train(session: Session, strategy_id: StrategyId) -> Outcome:
    """Run purged walk-forward training, calibrate, store the evidence, and book the trial.

    Finished folds are kept: a training that was killed goes on where it stopped, to the same evidence.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    plan = training.design(session, strategy_id)
    prepared = training.ready(plan, session)
    seeded: dict[str, Any] = {"seedless": plan.seedless, "random_seed": plan.spec.reproducibility.random_seed}
    with booked(session, strategy_id, kind="train", fingerprint=plan.fingerprint, **seeded) as booking:
        store = training.fold_store(session)
        result = training.walk_forward(plan, prepared, session, store=store)
        booking.measure(result.predictions)
        declared = booking.n_trials
        evidence = training.evidence(plan, prepared, result, declared_n_trials=declared)
        manifest = publishing.store_evidence(session, plan, evidence, booking.trial_id)
        changes = publishing.changes(session, plan, evidence, manifest)
        revision = records.save(
            session,
            "ml_engineer",
            "train",
            strategy_id,
            [*changes, booking.finished()],
            f"{strategy_id}: trained {plan.spec.model.primary} over {len(result.folds)} folds",
        )
    store.prune()
    session.progress(1.0, "evidence stored")
    spec = records.ml_spec(session, strategy_id)
    assert spec.out_of_sample is not None  # noqa: S101 - written a moment ago
    return Outcome(
        ok=True,
        summary=f"{strategy_id}: out-of-sample Sharpe {spec.out_of_sample.sharpe:.2f} after costs over "
        f"{spec.out_of_sample.folds} folds, {spec.out_of_sample.n_trades} trades"
        f"{training.why_idle(spec, result.predictions)}; the ledger counts {declared} trial(s)",
        revision=revision,
        path=str(session.layout.evidence(strategy_id)),
        data=spec.out_of_sample.model_dump(),
        next=[
            f"crypto-team ml-engineer report {strategy_id}",
            f"crypto-team ml-engineer export {strategy_id}"
            if spec.out_of_sample.n_trades
            else training.what_helps_idle(spec, result.predictions),
        ],
    )


@tool(role="ml_engineer", long=True)
def sweep(session: Session, strategy_id: StrategyId, *, trials: int = 50, features_per_trial: int = 6) -> Outcome:
    """Try many random feature subsets and thresholds, keep the best, and book every one of them as a trial.

    The winner of such a search looks better than it is; the deflated Sharpe ratio of the gates takes the number of
    tries out of it again.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    trials
        How many configurations to try.
    features_per_trial
        How many features each configuration draws from the candidates.
    """
    return sweeping.sweep(session, strategy_id, trials=trials, features_per_trial=features_per_trial)


@tool(role="ml_engineer", long=True)
def tune(session: Session, strategy_id: StrategyId, *, trials: int = 30, space: list[str] | None = None) -> Outcome:
    """Search hyperparameters over inner purged splits and book every one as a trial.

    The splits lie in the earliest training window: no test part is seen.
    A search that was interrupted goes on where it stopped.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    trials
        How many configurations to try.
    space
        What to search instead of the learner's own space: num_leaves=3:31, learning_rate=0.01:0.1:log or
        shared_bins=true|false; repeat for several.
    """
    return tuning.tune(session, strategy_id, trials=trials, own_space=space or ())


@tool(role="ml_engineer", read_only=True)
def importance(session: Session, strategy_id: StrategyId) -> Outcome:
    """Show the share of importance of each feature, averaged over folds, and how it varies.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    import numpy as np

    table = publishing.stored_evidence(session, strategy_id).tables.importances
    wide = table.pivot_table(index="feature", columns="fold", values="value", fill_value=0.0)
    rows: list[dict[str, Any]] = [
        {
            "feature": str(name),
            "mean": float(values.mean()),
            "std": float(values.std()),
            "folds": int(np.count_nonzero(values)),
        }
        for name, values in zip(wide.index, wide.to_numpy(np.float64), strict=True)
    ]
    rows.sort(key=operator.itemgetter("mean"), reverse=True)
    return Outcome(ok=True, summary=f"{len(rows)} features were used in some fold", data=rows)


@tool(role="ml_engineer")
def set_split(
    session: Session,
    strategy_id: StrategyId,
    *,
    window: str | None = None,
    test: str | None = None,
    step: str | None = None,
    gap: str | None = None,
    anchor: Literal["start", "end"] | None = None,
    n_splits: int | None = None,
) -> Outcome:
    """Change the walk-forward geometry. A random split cannot be expressed.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    window
        Training window, for example rolling_252d or expanding_90d.
    test
        Length of each test part, for example 63d or 500bars.
    step
        Distance between test parts; at least their length.
    gap
        Least distance between training and test; raised to the horizon where shorter.
    anchor
        Where bars that fill no test part are left out: start (behind the last) or end (before the first window).
    n_splits
        Least number of folds that is accepted, at least 5.
    """
    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    given = {"window": window, "test": test, "step": step, "gap": gap, "anchor": anchor, "n_splits": n_splits}
    changed = records.revalidated(
        spec.model.training, {name: value for name, value in given.items() if value is not None}
    )
    model = spec.model.model_copy(update={"training": changed})
    training.check_step(changed, spec.market.timeframe)
    revision = write_design(
        session, "set_split", spec.model_copy(update={"model": model}), features, f"split: {changed.window}"
    )
    told = f"training {changed.window}, test {changed.test}, step {changed.step}"
    return Outcome(ok=True, summary=told, revision=revision)


@tool(role="ml_engineer")
def set_signal(
    session: Session,
    strategy_id: StrategyId,
    *,
    entry: float | None = None,
    exit_: float | None = None,
    fee_bps: float | None = None,
    slippage_bps: float | None = None,
    position_fraction: float | None = None,
    stop_loss: float | None = None,
) -> Outcome:
    """Change the thresholds, the costs that every evaluation pays, and the limits that the strategy carries.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    entry
        Go long when P(up) is at least this; short when it is at most 1 - this.
    exit_
        Leave a long when P(up) is at most this; mirrored for shorts.
    fee_bps
        Exchange fee per side in basis points.
    slippage_bps
        Spread and slippage per side in basis points.
    position_fraction
        Share of the account in one position.
    stop_loss
        Distance of the hard stop as a fraction of the entry price.
    """
    spec, features = records.ml_spec(session, strategy_id), records.feature_set(session, strategy_id)
    signal = records.revalidated(spec.signal, records.given(entry_threshold=entry, exit_threshold=exit_))
    costs = records.revalidated(spec.costs, records.given(fee_bps=fee_bps, slippage_bps=slippage_bps))
    risk = records.revalidated(
        spec.risk, records.given(position_fraction=position_fraction, stop_loss_fraction=stop_loss)
    )
    changed = spec.model_copy(update={"signal": signal, "costs": costs, "risk": risk})
    revision = write_design(session, "set_signal", changed, features, f"signal: {signal.entry_threshold:g}")
    return Outcome(
        ok=True,
        summary=f"entry {signal.entry_threshold:g}, exit {signal.exit_threshold:g}, "
        f"costs {costs.fee_bps + costs.slippage_bps:g} bps per side",
        revision=revision,
    )


@tool(role="ml_engineer", long=True, idempotent=True)
def report(session: Session, strategy_id: StrategyId) -> Outcome:
    """Render ml-report.md and one self-contained HTML page from the stored evidence.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    return reporting.write_report(session, strategy_id)


@tool(role="ml_engineer", idempotent=True)
def export(session: Session, strategy_id: StrategyId) -> Outcome:
    """Render the Freqtrade strategy that reproduces the stored signals.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    return exporting.export(session, strategy_id)


@tool(role="ml_engineer", long=True)
def audit(session: Session, strategy_id: StrategyId) -> Outcome:
    """Probe the Python features for leaks and derive their look-backs; features.yaml says what was found.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    spec = records.ml_spec(session, strategy_id)
    features, rows = feature_audit.audited(session, strategy_id)
    leaking = sorted({row["feature"] for row in rows if not row["causal"]})
    revision = write_design(session, "audit", spec, features, f"Python features audited, {len(leaking)} leaking")
    return Outcome(
        ok=not leaking,
        summary=f"{', '.join(leaking)} look ahead" if leaking else "no probe found a leak",
        path=str(session.layout.features(strategy_id)),
        revision=revision,
        data=rows,
        next=[f"crypto-team ml-engineer remove-feature {strategy_id} {name}" for name in leaking]
        or [f"crypto-team ml-engineer train {strategy_id}"],
        exit_code=1 if leaking else 0,
    )
