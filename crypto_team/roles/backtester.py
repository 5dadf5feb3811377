"""The backtester: runs the exported strategy in the real Freqtrade, offline, and compares it with the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError
from crypto_team.roles import backtesting, records
from crypto_team.roles.cases import newest_backtest
from crypto_team.schemas.base import StrategyId
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session

ROLE = Role(
    id="backtester",
    title="Backtester",
    mission="Run every strategy in the real engine and refuse it where it differs from the evidence.",
    reads=("ml_spec", "features", "code", "model", "data_spec", "evidence"),
    owns=("backtest", "backtest_report"),
    receives_from=("data_collector",),
    hands_to=("quant_analyst",),
    gate="backtester->quant_analyst",
    must_read=("registry.yaml",),
)


@tool(role="backtester", long=True)
def run(session: Session, strategy_id: StrategyId, *, lookahead: bool = True) -> Outcome:
    """Run the exported strategy in real Freqtrade over the test folds, offline, in a child process.

    Only a strategy whose work passed the gate in front of the backtester is run.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    lookahead
        Run Freqtrade's own look-ahead analysis as well.
    """
    return backtesting.run(session, strategy_id, lookahead=lookahead)


@tool(role="backtester", read_only=True)
def show(session: Session, strategy_id: StrategyId) -> Outcome:
    """Show the newest Freqtrade run of a strategy.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    records.ml_spec(session, strategy_id)
    found = newest_backtest(session, strategy_id)
    if found is None:
        raise NotFoundError(
            f"{strategy_id} was never run in Freqtrade", hint=f"crypto-team backtester run {strategy_id}"
        )
    return Outcome(
        ok=True,
        summary=f"{found.backtest_id}: Freqtrade {found.freqtrade_version}",
        data={**found.metrics, "signal_agreement": found.signal_agreement, "open_trades_left": found.open_trades_left},
    )


@tool(role="backtester")
def report(session: Session, strategy_id: StrategyId) -> Outcome:
    """Write backtest-report.md from the newest run.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    return backtesting.write_report(session, strategy_id)
