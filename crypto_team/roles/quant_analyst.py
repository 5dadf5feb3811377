"""The quant analyst: recomputes significance and predictive power from the stored evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from crypto_team.roles import cases, ledgers, path_study, publishing, records
from crypto_team.roles.turns import require_turn
from crypto_team.schemas import QuantReview
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.schemas.gate import CheckResult
    from crypto_team.tools.session import Session

ROLE = Role(
    id="quant_analyst",
    title="Quant analyst",
    mission="Say how likely it is that a result is luck, with the true number of trials.",
    reads=("evidence", "backtest", "trial"),
    owns=("quant_review",),
    receives_from=("backtester",),
    hands_to=("critic",),
    gate="quant_analyst->critic",
    must_read=("registry.yaml",),
)
SIGNIFICANCE_CHECKS = ("OF003", "OF004", "OF008", "OF010", "PF001", "PF002")


def measures(session: Session, strategy_id: str) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Recompute the significance of the daily out-of-sample returns against the whole ledger."""
    import numpy as np

    from crypto_team.validation import metrics, resampling, significance

    evidence = publishing.stored_evidence(session, strategy_id)
    ledger = ledgers.ledger_view(session)
    _, daily = metrics.daily_returns(evidence.tables.predictions)
    found = significance.moments(daily)
    variance = ledger.variance(found.n)
    shape: dict[str, Any] = {"skew": found.skew, "kurtosis": found.kurtosis}
    rng = np.random.default_rng(evidence.meta.random_seed)
    interval = resampling.sharpe_interval(daily, periods_per_year=365, rng=rng)
    numbers = {
        "days": float(found.n),
        "sharpe": metrics.sharpe(daily, periods_per_year=365),
        "probabilistic_sharpe_ratio": significance.probabilistic_sharpe_from_returns(daily),
        "n_trials": float(ledger.n_trials),
        "expected_maximum_sharpe": significance.expected_maximum_sharpe(ledger.n_trials, variance) * 365**0.5,
        "deflated_sharpe_ratio": significance.deflated_sharpe_ratio(
            found.sharpe, n=found.n, n_trials=ledger.n_trials, variance=variance, **shape
        ),
        "newey_west_t": significance.newey_west_t(daily).t,
        "max_drawdown": metrics.max_drawdown(daily),
        "total_return": metrics.total_return(daily),
    }
    return numbers, {"sharpe": [interval.low, interval.high]}


@tool(role="quant_analyst", read_only=True, long=True)
def significance(session: Session, strategy_id: StrategyId) -> Outcome:
    """Compute PSR, DSR with the ledger's trials, Newey-West t and a bootstrap interval. Nothing is stored.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    numbers, intervals = measures(session, strategy_id)
    low, high = intervals["sharpe"]
    return Outcome(
        ok=True,
        summary=f"Sharpe {numbers['sharpe']:.2f} [{low:.2f}, {high:.2f}], deflated Sharpe ratio "
        f"{numbers['deflated_sharpe_ratio']:.3f} with {numbers['n_trials']:.0f} trial(s) in the ledger",
        data=numbers,
    )


@tool(role="quant_analyst", read_only=True, long=True)
def drift(
    session: Session, strategy_id: StrategyId, *, detector: Literal["cusum", "page_hinkley", "adwin"] = "cusum"
) -> Outcome:
    """Say what has moved in the evidence: features, the signal, and the error of the forecasts. Nothing is stored.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    detector
        What watches the squared error: tabular sums (cusum), page_hinkley, or adwin.
    """
    from crypto_team.validation import drift_study

    evidence = publishing.stored_evidence(session, strategy_id)
    predictions, bars = evidence.tables.predictions, evidence.meta.horizon_bars
    rows = drift_study.shifts(predictions, evidence.tables.features, horizon_bars=bars)
    alarms = drift_study.error_alarms(predictions, horizon_bars=bars, detector=detector)
    moved = [row["what"] for row in rows if row["moved"]]
    return Outcome(
        ok=True,
        summary=f"{len(moved)} of {len(rows)} distributions moved beyond chance"
        f"{': ' + ', '.join(moved[:3]) if moved else ''}; the error of the forecasts "
        f"{'raised the alarm at ' + alarms[0] if alarms else 'raised no alarm'} ({detector})",
        data=rows,
        next=[f"crypto-team quant-analyst significance {strategy_id}"],
    )


@tool(role="quant_analyst", long=True)
def cross_validate(
    session: Session, strategy_id: StrategyId, *, groups: int = 6, tested: int = 2, embargo_bars: int | None = None
) -> Outcome:
    """Run combinatorial purged cross-validation: many backtest paths instead of one.

    Models learn from both sides of what they predict, so the paths are no track record; they say how much the result
    depends on the order in which history came.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    groups
        Spans of time that the data is cut into.
    tested
        Spans that each split leaves out.
    embargo_bars
        Bars behind a tested span, after its last label, that nothing learns from; the gap of the training where not
        given.
    """
    found = path_study.study(session, strategy_id, groups=groups, tested=tested, embargo_bars=embargo_bars)
    spread = found.metrics
    return Outcome(
        ok=True,
        summary=f"{len(found.rows)} paths: Sharpe {spread['path_sharpe_lowest']:.2f} to "
        f"{spread['path_sharpe_highest']:.2f}, median {spread['path_sharpe_median']:.2f}, "
        f"{spread['paths_profitable']:.0%} profitable; predictions stored as {found.stored.sha256[:19]}",
        data=found.rows,
        next=[f"crypto-team quant-analyst review {strategy_id} --paths"],
    )


@tool(role="quant_analyst", long=True)
def review(session: Session, strategy_id: StrategyId, *, paths: bool = False) -> Outcome:
    """Recompute the statistical checks and write quant-review.yaml.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    paths
        Also run combinatorial purged cross-validation (six groups, two tested) and record the spread of its paths.
    """
    from crypto_team.gates.run import run_checks
    from crypto_team.kb.evidence import load_manifest, manifest_digest

    require_turn(session, strategy_id, "quant_analyst")
    numbers, intervals = measures(session, strategy_id)
    studied = path_study.study(session, strategy_id) if paths else None
    numbers |= studied.metrics if studied else {}
    case = cases.gather(session, strategy_id, with_replay=False)
    results = run_checks(SIGNIFICANCE_CHECKS, case, records.policy(session), gate=ROLE.gate or "")
    verdict = _verdict(results)
    record = QuantReview(
        strategy_id=strategy_id,
        evidence_hash=manifest_digest(load_manifest(session.layout, strategy_id)),
        metrics=numbers,
        intervals=intervals,
        paths=studied.stored if studied else None,
        checks=results,
        verdict=verdict,
        reviewed=records.utc_text(session),
    )
    path = session.layout.quant_review(strategy_id)
    changes = [
        records.change(session, "quant_review", path, record),
        records.registry_change(session, strategy_id, role="quant_analyst", event=f"quant review: {verdict}"),
    ]
    revision = records.save(
        session, "quant_analyst", "review", strategy_id, changes, f"{strategy_id}: quant review, {verdict}"
    )
    return Outcome(
        ok=verdict == "significant",
        summary=f"{strategy_id}: {verdict.replace('_', ' ')}; deflated Sharpe ratio "
        f"{numbers['deflated_sharpe_ratio']:.3f} with {numbers['n_trials']:.0f} trial(s) in the ledger",
        path=str(path),
        revision=revision,
        data=[
            item.model_dump(mode="json", include={"code", "title", "outcome", "value", "threshold"}) for item in results
        ],
        next=[f"crypto-team handoff {strategy_id} --to critic"],
        exit_code=0 if verdict == "significant" else 1,
    )


def _verdict(results: list[CheckResult]) -> Literal["significant", "not_significant", "not_enough_evidence"]:
    outcomes = {item.outcome for item in results}
    if outcomes == {"passed"}:
        return "significant"
    return "not_significant" if "refused" in outcomes else "not_enough_evidence"
