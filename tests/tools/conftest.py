"""A workspace in a temporary folder, with one strategy in its registry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from crypto_team.cli.table import TOOLS
from crypto_team.kb.workspace import init
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import FeatureSet, MlSpec, RegistryEvent
from crypto_team.tools.base import call
from crypto_team.tools.session import Session
from tests.kb.entries import fresh

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.schemas.outcome import Outcome

MEASURED = {
    "bars": 1000,
    "folds": 5,
    "sharpe": 1.5,
    "total_return": 0.2,
    "max_drawdown": -0.1,
    "n_trades": 120,
    "hit_rate": 0.6,
    "information_coefficient": 0.05,
}
TIME = "2021-03-04T05:00:00Z"
NOON = datetime(2021, 3, 4, 12, tzinfo=UTC)


class Desk:
    """Calls tools by key, as any role, in one workspace."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __call__(self, key: str, role: Any = "lead", **arguments: Any) -> Outcome:
        return call(TOOLS[key], self.session.as_role(role), arguments)

    def ok(self, key: str, role: Any = "lead", **arguments: Any) -> Outcome:
        """Call a tool that has to succeed."""
        outcome = self(key, role, **arguments)
        assert outcome.ok, outcome
        return outcome


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a desk in an empty workspace at a fixed time."""
    layout = init(tmp_path / "work")
    return Desk(Session(folder=layout.root, role="lead", workspace=layout, now=lambda: NOON))


@pytest.fixture
def staffed(desk: Desk) -> Desk:
    """Return a desk in a workspace with two strategies, the first with a metric."""
    layout = desk.session.layout
    for number, (name, metrics) in enumerate([("momentum", {"oos_sharpe": 1.5}), ("reversal", {})], start=1):
        strategy_id = f"STR-{number:03d}"
        entry = fresh(strategy_id, name, created=TIME)
        measured = RegistryEvent(strategy_id=strategy_id, time=TIME, role="ml_engineer", event="made", metrics=metrics)
        said = layout.registry_event(strategy_id, measured.event_id)
        spec = MlSpec.model_validate(
            {
                "strategy_id": strategy_id,
                "strategy_name": name,
                "market": {"exchange": "binance", "pairs": ["BTC/USDT"], "timeframe": "1h"},
                "out_of_sample": MEASURED if metrics else None,
            }
        )
        features = FeatureSet(strategy_id=strategy_id)
        commit_records(
            layout,
            role="ml_engineer",
            tool="new",
            strategy_id=strategy_id,
            changes=[
                Change("registry", layout.registry_entry(strategy_id), dump(entry, schema="registry")),
                Change("registry_event", said, dump(measured, schema="registry_event")),
                Change("features", layout.features(strategy_id), dump(features, schema="features")),
                Change("ml_spec", layout.ml_spec(strategy_id), dump(spec, schema="ml_spec")),
            ],
            message=f"{strategy_id}: new",
        )
    return desk
