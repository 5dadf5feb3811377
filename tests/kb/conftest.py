"""Workspaces in real git repositories."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import workspace
from crypto_team.kb.writer import Change, commit_records
from crypto_team.kb.yaml import dump
from crypto_team.schemas import FeatureSet, MlSpec
from tests.kb.entries import fresh

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return workspace.init(tmp_path / "work")


@pytest.fixture
def strategy(layout: Layout) -> Layout:
    """A workspace with STR-001, a registry entry, an empty specification and an empty feature set."""
    entry = fresh()
    features = FeatureSet(strategy_id="STR-001")
    spec = MlSpec.model_validate(
        {
            "strategy_id": "STR-001",
            "strategy_name": "momentum",
            "market": {"exchange": "binance", "pairs": ["BTC/USDT"], "timeframe": "1h"},
        }
    )
    commit_records(
        layout,
        role="ml_engineer",
        tool="new",
        strategy_id="STR-001",
        changes=[
            Change("registry", layout.registry_entry("STR-001"), dump(entry, schema="registry")),
            Change("ml_spec", layout.ml_spec("STR-001"), dump(spec, schema="ml_spec")),
            Change("features", layout.features("STR-001"), dump(features, schema="features")),
        ],
        message="STR-001: new",
    )
    return layout
