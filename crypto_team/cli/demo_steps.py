"""What the demo's team does: the same tools that agents and people call, one after the other."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crypto_team.cli.table import TOOLS
from crypto_team.errors import CryptoTeamError
from crypto_team.kb.workspace import init
from crypto_team.roles import cases, handoff, ledgers, publishing, records, reporting
from crypto_team.tools.base import call
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crypto_team.reports.html import StrategyPage
    from crypto_team.schemas.gate import CheckResult, GateReport
    from crypto_team.schemas.outcome import Outcome
    from crypto_team.tools.session import Session

MARKER = ".crypto-team-demo"
LEAK = '''"""A feature that looks harmless and knows the future: the average is centred on the bar."""

import pandas as pd


def centred_deviation(ohlcv: pd.DataFrame) -> pd.Series:
    """Return the close against the average of the 12 bars around it, six of which have not happened yet."""
    close = ohlcv["close"]
    return close / close.rolling(13, center=True).mean() - 1.0
'''
DECIDING = {"planted_edge": (), "leaking_feature": ("LK001",), "best_of_noise": ("OF010",)}
DEPTH = 2.0
"""Of the generator's volume. In one half as deep one order in twenty of the gates' account takes 2 % of a quiet bar."""
LEARNED = {
    "planted_edge": "An edge that lasts a day can be learned from the standard features after costs",
    "leaking_feature": "A centred average makes any model look good",
    "best_of_noise": "The best of many tries looks like skill on a market without any",
}
"""Strategy -> what the demo's team writes down before it hands over."""
STAGES: tuple[tuple[str, str | None], ...] = (
    ("data_collector", None),
    ("backtester", "data_collector.assess"),
    ("quant_analyst", "backtester.run"),
    ("critic", "quant_analyst.review"),
    ("risk_manager", "critic.review"),
)


@dataclass(frozen=True)
class Crew:
    """A session for every role in one demo workspace, and a line on the terminal for what is going on."""

    folder: Path
    session: Session
    started: float

    @classmethod
    def hire(cls, folder: Path) -> Crew:
        """Make the workspace and a session in it."""
        init(folder)
        return cls(folder=folder, session=open_session(folder, "lead"), started=time.monotonic())

    @contextmanager
    def watch(self) -> Iterator[Callable[[str], None]]:
        """Give the demo something to tell its story to."""
        yield lambda text: print(f"\n{text}", file=sys.stderr, flush=True)  # noqa: T201 - the demo's voice

    def use(self, key: str, *, may_refuse: bool = False, **arguments: Any) -> Outcome:
        """Call one tool as the role that has it and tell what came of it; an unexpected refusal ends the demo."""
        found = TOOLS[key]
        role = found.role if found.role not in {None, "every"} else "lead"
        outcome = call(found, self._as(str(role)), arguments)
        self._tell(key, outcome)
        if not outcome.ok and not may_refuse:
            raise CryptoTeamError(f"{key}: {outcome.summary}", hint="; ".join(outcome.next) or None)
        return outcome

    def hand(self, strategy_id: str, receiver: Any) -> tuple[GateReport, Outcome]:
        """Try a handoff and keep the report, whatever it says."""
        report, outcome = handoff.attempt(self._as("lead"), strategy_id, receiver)
        self._tell(f"handoff to {receiver}", outcome)
        return report, outcome

    def _as(self, role: Any) -> Session:
        from dataclasses import replace

        return replace(self.session.as_role(role), progress=self.bar)

    def bar(self, fraction: float, text: str) -> None:
        """Redraw the progress line on a terminal; elsewhere only what is finished is written."""
        if sys.stderr.isatty():
            print(f"\r  {fraction:4.0%} {text:<70.70}", end="", file=sys.stderr, flush=True)  # noqa: T201

    def _tell(self, what: str, outcome: Outcome) -> None:
        clear = "\r" + " " * 78 + "\r" if sys.stderr.isatty() else ""
        mark = "ok     " if outcome.ok else "REFUSED"
        passed = time.monotonic() - self.started
        print(f"{clear}  {passed:5.0f}s {mark} {what}: {outcome.summary}", file=sys.stderr, flush=True)  # noqa: T201


def write_market(file: Path, *, seed: int, bars: int, oracle_sharpe: float) -> str:
    """Write a synthetic market and return in words what is planted in it."""
    from crypto_team.data.synthetic import planted_market

    market = planted_market(seed=seed, bars=bars, timeframe="1h", oracle_sharpe=oracle_sharpe)
    frame = market.frame.assign(volume=DEPTH * market.frame["volume"])
    frame.to_parquet(file, index=False)
    planted = ", ".join(market.alpha_formulas) if oracle_sharpe else "nothing"
    return f"synthetic market, seed {seed}; planted: {planted}"[:500]


def design(crew: Crew, name: str, pair: str, timeframe: str) -> str:
    """Make a strategy with a 24-bar direction target and the standard features; return its id."""
    made = crew.use("ml_engineer.new", name=name, pair=[pair], timeframe=timeframe)
    strategy_id = str(made.data["strategy_id"])
    crew.use("ml_engineer.define-target", strategy_id=strategy_id, kind="direction", horizon="24")
    crew.use("ml_engineer.add-feature", strategy_id=strategy_id, set="standard")
    return strategy_id


def judge(crew: Crew, strategy_id: str, intent: str, *, leak: str | None = None) -> StrategyPage:
    """Train, report, export, and hand over until a gate refuses or the risk manager approves."""
    for key in ("train", "report", "export"):
        crew.use(f"ml_engineer.{key}", strategy_id=strategy_id)
    name = records.ml_spec(crew.session, strategy_id).strategy_name
    crew.use(
        "learnings.add",
        title=LEARNED.get(name, "The standard features on these candles, out of sample"),
        text="What it showed stands in ml-report.md; whether it holds is for the gates to say.",
        scope=strategy_id,
    )
    gates: list[GateReport] = []
    for receiver, before in STAGES:
        if before is not None:
            crew.use(before, may_refuse=True, strategy_id=strategy_id)
        report, outcome = crew.hand(strategy_id, receiver)
        gates.append(report)
        if not outcome.ok:
            return _page(crew, strategy_id, intent, gates, leak=leak)
    crew.use("risk_manager.approve", may_refuse=True, strategy_id=strategy_id)
    return _page(crew, strategy_id, intent, gates, leak=leak)


def _page(crew: Crew, strategy_id: str, intent: str, gates: list[GateReport], *, leak: str | None) -> StrategyPage:
    """Collect what the page shows about one strategy."""
    from crypto_team.reports.html import StrategyPage
    from crypto_team.reports.pictures import TITLES, draw_pictures

    session = crew.session
    spec = records.ml_spec(session, strategy_id)
    evidence = publishing.stored_evidence(session, strategy_id)
    found = reporting.data(evidence, ledgers.ledger_view(session))
    pictures = {
        TITLES[name]: picture.decode() for name, picture in draw_pictures(evidence.meta, evidence.tables, found).items()
    }
    if leak:
        from crypto_team.roles.probe_picture import leak_picture

        pictures = {TITLES["leak"]: leak_picture(session, strategy_id, leak).decode(), **pictures}
    status = reporting.registry_status(session, strategy_id)
    return StrategyPage(
        strategy_id=strategy_id,
        name=spec.strategy_name,
        intent=intent,
        verdict=status,
        deciding=deciding(spec.strategy_name, gates),
        gates=gates,
        numbers=found.headline,
        pictures=pictures,
        notes=[item.explanation for item in gates[-1].results if item.outcome != "passed"],
        data=found,
        backtest=cases.newest_backtest(session, strategy_id),
    )


def deciding(name: str, gates: list[GateReport]) -> CheckResult | None:
    """Return the check that decided: the one a story is about where it refused, else the first that refused."""
    failed = [item for item in gates[-1].results if item.outcome != "passed"]
    wanted = [item for item in failed if item.code in DECIDING.get(name, ())]
    return next(iter(wanted or failed), None)
