"""Tools that look at a file of candles see nothing of what a registered dataset of that market seals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from crypto_team.cli.table import TOOLS
from crypto_team.roles.candles import catalog
from crypto_team.tools.base import call
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.roles.conftest import Desk


def test_looks_at_a_file_end_at_the_seal_of_its_market(desk: Desk, tmp_path: Path) -> None:
    [dataset] = catalog(open_session(desk.folder, "lead"))
    assert dataset.holdout_from is not None
    original = tmp_path / "market.parquet"
    bars = pd.read_parquet(original)
    open_bars = int((bars["timestamp"] < pd.Timestamp(dataset.holdout_from)).sum())
    scaled = tmp_path / "scaled.parquet"
    prices = {name: bars[name] * 1.003 for name in ("open", "high", "low", "close")}
    bars.assign(**prices).to_parquet(scaled, index=False)
    for file in (original, scaled, desk.layout.data_file(dataset.path)):
        tried = desk.use("features.test", formula="roc(close, 4)", data=file)
        assert f"on {open_bars:,} bars" in tried.summary
        assert f"behind {dataset.holdout_from} is sealed" in tried.summary
    late = tmp_path / "late.parquet"
    bars.iloc[open_bars - 60 :].to_parquet(late, index=False)
    refused = desk.try_("features.test", formula="roc(close, 4)", data=late)
    assert not refused.ok
    assert "before the seal of this market" in refused.findings[0].message


def test_prices_turned_around_are_the_same_market(desk: Desk, tmp_path: Path) -> None:
    [dataset] = catalog(open_session(desk.folder, "lead"))
    bars = pd.read_parquet(tmp_path / "market.parquet")
    turned = bars.assign(open=1 / bars["open"], high=1 / bars["low"], low=1 / bars["high"], close=1 / bars["close"])
    turned.to_parquet(tmp_path / "turned.parquet", index=False)
    tried = desk.use("features.test", formula="roc(close, 4)", data=tmp_path / "turned.parquet")
    assert f"behind {dataset.holdout_from} is sealed" in tried.summary


def test_a_file_of_a_workspace_is_cut_for_those_who_stand_elsewhere(desk: Desk, tmp_path: Path) -> None:
    [dataset] = catalog(open_session(desk.folder, "lead"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    session = open_session(elsewhere, "lead")
    assert session.workspace is None
    arguments = {"formula": "roc(close, 4)", "data": desk.layout.data_file(dataset.path)}
    tried = call(TOOLS["features.test"], session, arguments)
    assert f"behind {dataset.holdout_from} is sealed" in tried.summary


@pytest.mark.parametrize("days", [364, -30])
def test_other_dates_move_the_seal_with_them(desk: Desk, tmp_path: Path, days: int) -> None:
    [dataset] = catalog(open_session(desk.folder, "lead"))
    assert dataset.holdout_from is not None
    bars, span = pd.read_parquet(tmp_path / "market.parquet"), pd.Timedelta(days=days)
    sealed = pd.Timestamp(dataset.holdout_from) + span
    open_bars = int((bars["timestamp"] + span < sealed).sum())
    # The first tenth is left out: the seal of a file of its own would lie elsewhere.
    moved = bars.assign(timestamp=(bars["timestamp"] + span).astype(bars["timestamp"].dtype)).iloc[len(bars) // 10 :]
    moved.to_parquet(tmp_path / "moved.parquet", index=False)
    tried = desk.use("features.test", formula="roc(close, 4)", data=tmp_path / "moved.parquet")
    assert f"on {open_bars - len(bars) // 10:,} bars" in tried.summary
    desk.use("data.import", file=[tmp_path / "moved.parquet"], exchange="elsewhere", pair="OLD/USD", timeframe="1h")
    found = {item.pair: item.holdout_from for item in catalog(open_session(desk.folder, "lead"))}
    assert found["OLD/USD"] == sealed.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_other_markets_are_looked_at_in_full(desk: Desk, tmp_path: Path) -> None:
    bars = pd.read_parquet(tmp_path / "market.parquet")
    other = bars.assign(**{name: bars[name].to_numpy()[::-1] for name in ("open", "high", "low", "close")})
    other.to_parquet(tmp_path / "other.parquet", index=False)
    tried = desk.use("features.test", formula="roc(close, 4)", data=tmp_path / "other.parquet")
    assert f"on {len(bars):,} bars" in tried.summary


def test_an_audit_of_a_function_ends_at_the_seal(desk: Desk, tmp_path: Path) -> None:
    code = tmp_path / "features.py"
    code.write_text("def features(ohlcv):\n    return ohlcv[['close']].rolling(5).mean()\n")
    audited = desk.use("features.audit", file=str(code), data=tmp_path / "market.parquet")
    assert "are sealed and were left out" in audited.summary
