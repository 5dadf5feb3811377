"""Order-book files: what a feed does wrong is found, named, and never becomes a wrong book."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crypto_team.data.market_events import CLEAR, LEVEL, RESET, decimals_unit, merge, units
from crypto_team.data.order_book import book_events, canonical_book
from crypto_team.errors import InputError

Message = tuple[str, int, int, Sequence[tuple[int, float, float]]]
SNAPSHOT = [(1, 99.5, 1.0), (-1, 100.0, 2.0)]


def frame(messages: Sequence[tuple[Any, ...]], *, futures: bool = False) -> pd.DataFrame:
    """Return rows for messages (kind, first or previous id, last id, levels), a second apart."""
    rows = [
        {
            "timestamp": 1_700_000_000_000 + 1_000 * k,
            "first_id": first,
            "last_id": last,
            "prev_id": first if futures and kind == "delta" else None,
            "kind": kind,
            "side": side,
            "price": price,
            "qty": qty,
        }
        for k, (kind, first, last, levels) in enumerate(messages)
        for side, price, qty in levels
    ]
    return pd.DataFrame(rows)


def run(
    messages: Sequence[tuple[Any, ...]], *, futures: bool = False, repair: bool = False
) -> tuple[Any, Any, list[int]]:
    """Return events, report, and the sizes in order of application (levels only, in lots)."""
    made = canonical_book(frame(messages, futures=futures), where="a file", repair=repair)
    events, report = book_events(made, tick=0.5, lot=0.1)
    return events, report, events.size[events.kind == LEVEL].tolist()


def delta(first: int, last: int, size: float) -> tuple[Any, ...]:
    return ("delta", first, last, [(1, 99.0, size)])


def test_differences_before_the_snapshot_wait_for_it_and_what_it_contains_is_left_out() -> None:
    messages = [
        delta(1, 5, 0.1),
        delta(6, 12, 0.2),
        delta(13, 14, 0.3),
        ("snapshot", 10, 10, SNAPSHOT),
        delta(15, 16, 0.4),
    ]
    events, report, sizes = run(messages)
    assert sizes == [10, 20, 2, 3, 4]
    assert (report.contained, report.applied, report.gaps) == (1, 4, 0)
    assert events.kind[0] == RESET
    assert (np.diff(events.time) >= 0).all()
    assert events.last.tolist() == [0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("futures", [False, True])
def test_a_missing_message_empties_the_book_until_the_next_snapshot(futures: bool) -> None:
    def step(before: int, last: int, size: float) -> tuple[Any, ...]:
        return delta(before if futures else before + 1, last, size)

    messages = [
        ("snapshot", 10, 10, SNAPSHOT),
        step(10, 12, 0.1),
        step(14, 15, 0.2),
        step(15, 17, 0.3),
        ("snapshot", 16, 16, SNAPSHOT),
        step(17, 18, 0.4),
    ]
    events, report, sizes = run(messages, futures=futures)
    assert (report.gaps, report.first_gaps) == (1, ((12, 15),))
    assert sizes == [10, 20, 1, 10, 20, 3, 4]
    assert events.kind.tolist().count(RESET) == 3
    assert "messages are missing" in report.notes[0]
    assert report.quality.verdict == "acceptable"


def test_repeated_and_stale_messages_are_left_out_and_counted() -> None:
    again, stale = delta(11, 12, 0.1), delta(9, 11, 0.9)
    messages = [("snapshot", 10, 10, SNAPSHOT), delta(11, 12, 0.1), delta(13, 14, 0.2), again, stale]
    _, report, sizes = run(messages)
    assert sizes == [10, 20, 1, 2]
    assert report.repeated == 2
    assert report.notes == ["2 repeated or stale message(s) are left out"]


def test_disorder_is_a_gap_unless_the_file_is_repaired() -> None:
    messages = [("snapshot", 10, 10, SNAPSHOT), delta(13, 14, 0.2), delta(11, 12, 0.1), delta(15, 16, 0.3)]
    _, report, _ = run(messages)
    assert report.gaps == 1
    _, repaired, sizes = run(messages, repair=True)
    assert repaired.gaps == 0
    assert sizes == [10, 20, 1, 2, 3]


def test_a_snapshot_within_an_unbroken_sequence_continues_the_book() -> None:
    messages = [("snapshot", 10, 10, SNAPSHOT), delta(11, 12, 0.1), ("snapshot", 13, 13, SNAPSHOT), delta(14, 15, 0.2)]
    events, report, _ = run(messages)
    assert report.gaps == 0
    assert events.kind.tolist() == [RESET, LEVEL, LEVEL, LEVEL, CLEAR, LEVEL, LEVEL, LEVEL]


def test_a_stale_snapshot_changes_nothing() -> None:
    messages = [("snapshot", 10, 10, SNAPSHOT), delta(11, 15, 0.1), ("snapshot", 12, 12, SNAPSHOT), delta(16, 17, 0.2)]
    _, report, sizes = run(messages)
    assert sizes == [10, 20, 1, 2]
    assert report.repeated == 1


def test_a_snapshot_too_old_for_the_first_difference_is_a_gap() -> None:
    _, report, sizes = run([("snapshot", 10, 10, SNAPSHOT), delta(15, 16, 0.1)])
    assert report.gaps == 1
    assert sizes == [10, 20]
    assert report.quality.verdict == "poor"


def test_without_a_snapshot_there_is_no_book() -> None:
    with pytest.raises(InputError, match="no snapshot"):
        run([delta(1, 2, 0.1)])


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("price", 0.0, "price is not positive"),
        ("price", float("nan"), "price is not a finite number"),
        ("qty", -1.0, "qty is negative"),
        ("side", "left", "side is neither bid nor ask"),
        ("kind", "other", "kind is neither"),
        ("last_id", None, "last_id is missing"),
        ("last_id", "x", "last_id is not a whole number"),
        ("last_id", 1.5, "last_id is not a whole number"),
        ("last_id", float("inf"), "last_id is not a whole number"),
        ("first_id", 1.5, "first_id is not a whole number"),
        ("last_id", 2.0**70, "last_id is not a whole number"),
        ("timestamp", "yesterday", "cannot read the times"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(column: str, value: Any, words: str) -> None:
    made = frame([("snapshot", 10, 10, SNAPSHOT)]).astype({column: object})
    made.loc[1, column] = value
    with pytest.raises(InputError, match=words) as caught:
        canonical_book(made, where="a file")
    assert "row 2" in str(caught.value) or column == "timestamp"


def test_missing_columns_and_empty_files_are_refused_with_the_accepted_names() -> None:
    whole = frame([("snapshot", 10, 10, SNAPSHOT)])
    with pytest.raises(InputError, match="missing column") as caught:
        canonical_book(whole.drop(columns=["qty"]), where="a file")
    assert "amount" in str(caught.value)
    with pytest.raises(InputError, match="no rows"):
        canonical_book(whole.iloc[:0], where="a file")


def test_a_price_off_the_grid_is_named() -> None:
    made = canonical_book(frame([("snapshot", 10, 10, [(1, 99.3, 1.0)])]), where="a file")
    with pytest.raises(InputError, match=r"no multiples of 0\.5, the first is 99\.3"):
        book_events(made, tick=0.5, lot=0.1)


def test_units_count_exactly_and_refuse_what_is_too_large() -> None:
    assert units(np.array([0.1 + 0.2, 1e9]), 0.1, "qty", "x").tolist() == [3, 10**10]
    with pytest.raises(InputError):
        units(np.array([1e300]), 0.1, "qty", "x")
    with pytest.raises(InputError, match="positive"):
        units(np.array([1.0]), 0.0, "qty", "x")
    assert decimals_unit(np.array([1.25, 3.0])) == 0.01


def test_trades_come_before_books_of_the_same_millisecond() -> None:
    events, _, _ = run([("snapshot", 10, 10, SNAPSHOT), delta(11, 12, 0.1)])
    joined = merge(events.part(3, 4), events)
    assert joined.time.tolist() == sorted(joined.time.tolist())
    assert joined.size[joined.time == events.time[-1]].tolist() == [1, 1]


@pytest.mark.parametrize(
    "name", ["BTCUSDT-L2-binance_perp-20240808", "BTCUSDT-L2-binance_spot-20240808", "ETHUSDT-L2-binance_perp-20240718"]
)
def test_real_recordings_have_no_gap_and_their_late_snapshot_is_placed(name: str, market_data: Path) -> None:
    made = canonical_book(pd.read_parquet(market_data / "l2" / f"{name}.parquet"), where=name)
    tick, lot = decimals_unit(made["price"].to_numpy()), decimals_unit(made["qty"].to_numpy())
    events, report = book_events(made, tick=tick, lot=lot, where=name)
    assert report.gaps == report.repeated == 0
    assert report.contained > 0
    assert report.quality.verdict == "good"
    assert events.kind[0] == RESET


def test_a_real_recording_with_a_message_cut_out_has_one_gap(market_data: Path) -> None:
    name = "BTCUSDT-L2-binance_perp-20240808"
    raw = pd.read_parquet(market_data / "l2" / f"{name}.parquet").iloc[:60_000]
    ids = raw["last_id"].drop_duplicates().to_numpy()
    cut = raw[raw["last_id"] != ids[400]]
    _, report = book_events(canonical_book(cut, where=name), tick=0.1, lot=0.001)
    assert report.gaps == 1
    assert report.first_gaps[0] == (ids[399], ids[401])
