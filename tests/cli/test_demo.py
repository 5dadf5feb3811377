from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.cli.demo import run_demo
from crypto_team.kb import registry, trials, validate
from crypto_team.kb.handoffs import current_stage, handoff_records
from crypto_team.kb.looks import looks
from crypto_team.kb.paths import Layout

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_demo_approves_the_edge_and_refuses_the_leak_and_the_luck(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    assert run_demo(folder=folder, data=[], pair=None, timeframe="1h", exchange="synthetic") == 0
    layout = Layout(folder)
    assert [entry.status for entry in registry.entries(layout)] == ["approved", "refused", "refused"]
    assert current_stage(layout, "STR-001") == "risk_manager"
    assert len(handoff_records(layout, "STR-001")) == 5
    assert [item.answer for item in looks(layout).recorded] == ["exact"]
    assert {path.name for path in layout.backtest_files("STR-001", "BT-001").iterdir()} == {
        "trade_log.csv",
        "equity_curve.csv",
        "summary.json",
    }
    assert "LK001" in registry.entry(layout, "STR-002").history[-1].event
    assert "OF010" in registry.entry(layout, "STR-003").history[-1].event
    assert trials.ledger(layout).per_strategy == {"STR-001": 1, "STR-002": 1, "STR-003": 121}
    assert validate.validate(layout) == []
    page = (folder / "demo.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 18
    assert 'src="http' not in page
    told = capsys.readouterr()
    assert "signals equal on 100.00%" in told.err
    assert str(folder / "demo.html") in told.out
