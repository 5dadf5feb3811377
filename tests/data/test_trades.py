"""Trades: read under the usual names, refused with the row where they cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.market_events import TRADE
from crypto_team.data.trades import canonical_trades, trade_events
from crypto_team.errors import InputError


def trades(**columns: Any) -> pd.DataFrame:
    base = {
        "timestamp": [1_700_000_000_000 + k for k in (0, 5, 9)],
        "price": [100.0, 100.5, 100.0],
        "qty": [0.1, 0.2, 0.3],
    }
    return pd.DataFrame({**base, **columns})


@pytest.mark.parametrize(
    ("columns", "sides"),
    [
        ({"side": ["buy", "sell", "unknown"]}, [1, -1, 0]),
        ({"side": [1, -1, 0]}, [1, -1, 0]),
        ({"is_buyer_maker": [True, False, True]}, [-1, 1, -1]),
        ({}, [0, 0, 0]),
    ],
)
def test_the_aggressor_is_read_however_the_exchange_says_it(columns: dict[str, Any], sides: list[int]) -> None:
    assert canonical_trades(trades(**columns), where="x")["side"].tolist() == sides


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"price": [1.0, -1.0, 1.0]}, "price is not positive .*row 2"),
        ({"qty": [1.0, 1.0, 0.0]}, "qty is not positive .*row 3"),
        ({"price": [1.0, np.nan, 1.0]}, "not a finite number .*row 2"),
        ({"side": ["buy", "up", "sell"]}, "side is neither .*row 2"),
        ({"trade_id": [1, 2, 2]}, "different trades"),
        ({"timestamp": [5, 4, 6]}, "backwards"),
        ({"trade_id": ["a", "b", "c"]}, "not a whole number"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        canonical_trades(trades(**columns), where="x")


def test_repairing_sorts_and_drops_repetitions_but_never_contradictions() -> None:
    raw = trades(trade_id=[1, 2, 3])
    mixed = pd.concat([raw.iloc[[2, 0]], raw])
    with pytest.raises(InputError):
        canonical_trades(mixed, where="x")
    pd.testing.assert_frame_equal(canonical_trades(mixed, where="x", repair=True), canonical_trades(raw, where="x"))
    with pytest.raises(InputError, match="different trades"):
        canonical_trades(trades(trade_id=[1, 1, 2]), where="x", repair=True)


def test_trades_become_events_of_their_own() -> None:
    events = trade_events(canonical_trades(trades(side=[1, -1, 0]), where="x"), tick=0.5, lot=0.1)
    assert events.kind.tolist() == [TRADE] * 3
    assert events.price.tolist() == [200, 201, 200]
    assert events.size.tolist() == [1, 2, 3]
    assert events.last.tolist() == [1, 1, 1]


def test_real_trades_are_read_whole(market_data: Path) -> None:
    for path in sorted((market_data / "trades").glob("*.parquet")):
        raw = pd.read_parquet(path)
        made = canonical_trades(raw, where=path.name)
        assert len(made) == len(raw)
        assert set(made["side"]) == {1, -1}
