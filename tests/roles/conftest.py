"""A workspace with synthetic candles of known truth, and a caller of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crypto_team.cli.table import TOOLS
from crypto_team.data.synthetic import planted_market
from crypto_team.kb import workspace
from crypto_team.tools.base import call
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.schemas.outcome import Outcome


class Desk:
    """Calls tools in one workspace, each as the role that has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout = workspace.init(folder)

    def try_(self, key: str, **arguments: Any) -> Outcome:
        found = TOOLS[key]
        role = found.role if found.role not in {None, "every"} else "lead"
        return call(found, open_session(self.folder, role), arguments)  # type: ignore[arg-type]

    def use(self, key: str, **arguments: Any) -> Outcome:
        outcome = self.try_(key, **arguments)
        assert outcome.ok, f"{key}: {outcome.summary} {outcome.findings}"
        return outcome

    def candles(self, scratch: Path, *, bars: int, sharpe: float, pair: str = "EDGE/USD", seed: int = 11) -> None:
        file = scratch / "market.parquet"
        planted_market(seed=seed, bars=bars, timeframe="1h", oracle_sharpe=sharpe).frame.to_parquet(file, index=False)
        self.use("data.import", file=[file], exchange="synthetic", pair=pair, timeframe="1h")

    def designed(self, name: str = "edge", **model: Any) -> str:
        strategy_id: str = self.use("ml_engineer.new", name=name, pair=["EDGE/USD"]).data["strategy_id"]
        self.use("ml_engineer.define-target", strategy_id=strategy_id, horizon="12")
        formulas = [
            "zscore(close, {24, 72, 168})",
            "roc(close, {24, 168, 336})",
            "rsi(close, 14)",
            "realised_vol(close, 24)",
        ]
        self.use("ml_engineer.add-feature", strategy_id=strategy_id, formula=formulas)
        self.use("ml_engineer.set-model", strategy_id=strategy_id, model="logistic", **model)
        self.use("ml_engineer.set-signal", strategy_id=strategy_id, entry=0.54, exit=0.5)
        return strategy_id


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "work")
    made.candles(tmp_path, bars=4_000, sharpe=8.0)
    return made


@pytest.fixture(scope="module")
def designed(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A workspace with the design STR-001, shared by tests that change nothing."""
    scratch = tmp_path_factory.mktemp("designed")
    made = Desk(scratch / "work")
    made.candles(scratch, bars=4_000, sharpe=8.0)
    made.designed()
    return made
