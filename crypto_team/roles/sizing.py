"""The numbers behind a risk assessment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.roles import cases, publishing, records

if TYPE_CHECKING:
    from crypto_team.tools.session import Session

BREAKERS = (0.10, 0.15, 0.20, 0.25)
"""Drawdowns at which new entries stop, size halves, positions close, and the strategy halts."""

RISK_CHECKS = ("RK001", "RK002", "RK003")
KELLY_CAP = 0.5
RESAMPLES = 2_000


def measures(session: Session, strategy_id: str) -> dict[str, float]:
    """Compute limits from the specification and the drawdown by stationary bootstrap of daily net returns.

    `risk_per_trade` is position times stop distance; `portfolio_heat` is that for all positions that may be open at
    once; `kelly_fraction` is mean over variance of daily returns at full size, halved and capped at one half;
    `drawdown_p95` is the 5th percentile of the bootstrap distribution of the maximum drawdown at the position size.
    """
    import numpy as np

    from crypto_team.validation.metrics import daily_returns, max_drawdown
    from crypto_team.validation.resampling import stationary_bootstrap

    spec = records.ml_spec(session, strategy_id)
    evidence = publishing.stored_evidence(session, strategy_id)
    _, daily = daily_returns(evidence.tables.predictions)
    sized = daily * spec.risk.position_fraction * spec.risk.max_open_positions
    rng = np.random.default_rng(evidence.meta.random_seed)
    block = max(1, round(len(daily) ** (1 / 3)))
    draws = stationary_bootstrap(len(sized), mean_block=block, resamples=RESAMPLES, rng=rng)
    drawdowns = np.array([max_drawdown(sized[row]) for row in draws])
    variance = float(np.var(daily, ddof=1))
    kelly = float(np.mean(daily)) / variance / 2 if variance > 0 else 0.0
    risk = spec.risk.position_fraction * spec.risk.stop_loss_fraction
    return {
        "position_fraction": spec.risk.position_fraction,
        "risk_per_trade": risk,
        "portfolio_heat": risk * spec.risk.max_open_positions,
        "kelly_fraction": float(np.clip(kelly, 0.0, KELLY_CAP)),
        "drawdown_p95": float(np.quantile(drawdowns, 0.05)),
    }


def refusals(session: Session, strategy_id: str) -> list[str]:
    """Run the risk checks on the strategy as it stands and return the explanation of each that does not pass."""
    from crypto_team.gates.run import run_checks

    case = cases.gather(session, strategy_id, with_replay=False)
    results = run_checks(RISK_CHECKS, case, records.policy(session), gate="risk_manager->execution_specialist")
    return [f"{item.code}: {item.explanation}" for item in results if item.outcome != "passed"]
