"""What is left of a rule whose orders are filled late."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crypto_team.gates.latency import late_fills
from crypto_team.gates.recompute import Returns
from crypto_team.schemas.evidence import EvidenceMeta

BARS = 2400


def traded(close: np.ndarray, position: np.ndarray, *, horizon: int, cost_bps: float = 1.0) -> tuple[Returns, ...]:
    time = pd.date_range("2024-01-01", periods=len(close), freq="1h", tz="UTC", unit="ms")
    market = pd.DataFrame({"time": time, "pair": "A/B", "close": close})
    rows = market[["time", "pair"]].assign(part="test", position=position)
    meta = EvidenceMeta.model_construct(timeframe="1h", horizon_bars=horizon)
    return Returns(rows, np.zeros(len(close)), cost_bps), market, meta  # type: ignore[return-value]


def bounce() -> tuple[np.ndarray, np.ndarray]:
    """Closes that jump between bid and ask, and positions that know which one it was."""
    side = np.random.default_rng(3).choice([-1.0, 1.0], BARS)
    return 100.0 * (1.0 + 0.002 * side), -side


def test_the_bounce_of_closes_is_gone_one_bar_later() -> None:
    close, position = bounce()
    late = late_fills(*traded(close, position, horizon=4), share=0.2)
    assert late.prompt > 1.0
    assert late.total < 0.0
    assert late.surely_below
    assert "one bar late" in late.words()


def test_an_edge_that_lasts_keeps_what_its_horizon_promises() -> None:
    direction = np.repeat(np.random.default_rng(4).choice([-1.0, 1.0], BARS // 4), 4)
    close = 100.0 * np.exp(np.cumsum(np.concatenate([[0.0], 0.001 * direction[:-1]])))
    late = late_fills(*traded(close, direction, horizon=4, cost_bps=0.0), share=0.2)
    # Half of the directions turn after four bars, and only those have an entry that comes late: 2 of 4 bars' gain.
    turns = np.count_nonzero(np.diff(direction)) + 0.5
    assert late.total / late.prompt == pytest.approx(1.0 - 2.0 * turns / BARS, abs=0.01)
    assert not late.surely_below


def test_labels_over_one_bar_are_filled_a_quarter_of_it_late() -> None:
    moves = 0.001 * np.random.default_rng(5).choice([-1.0, 1.0], BARS)
    close = 100.0 * np.cumprod(1.0 + np.concatenate([[0.0], moves[:-1]]))
    late = late_fills(*traded(close, np.sign(moves), horizon=1, cost_bps=0.0), share=0.2)
    assert late.bars == 0.25
    changes = np.abs(np.diff(np.sign(moves), prepend=0.0)).mean()
    assert late.total / late.prompt == pytest.approx(1.0 - 0.25 * changes, abs=0.01)


def test_a_position_after_a_gap_is_a_new_entry() -> None:
    close = np.array([100.0, 101.0, 102.0, 103.0, 104.0])
    returns, market, meta = traded(close, np.ones(5), horizon=4, cost_bps=0.0)
    rows = returns.predictions.drop(index=[1, 4])
    late = late_fills(Returns(rows, np.zeros(3), 0.0), market, meta, share=0.2)
    # Bars 0 and 2 are both entries, whose move is missed; bar 3 is held.
    assert late.total == pytest.approx(104.0 / 103.0 - 1.0)
