"""The data collector's tool that turns order books and trades into a series a strategy can read."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.roles import candles
from crypto_team.schemas.base import DatasetId, Timeframe
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.data.market_events import MarketEvents
    from crypto_team.features.microstructure import MicroSettings
    from crypto_team.schemas import Dataset
    from crypto_team.tools.session import Session


@tool(role="data_collector", group="data", name="book-bars", long=True)
def book_bars(
    session: Session,
    book: DatasetId,
    *,
    trades: DatasetId | None = None,
    timeframe: Timeframe,
    tick: float | None = None,
    lot: float | None = None,
    vpin_volume: float | None = None,
) -> Outcome:
    """Write the 84 order-book features at each bar's close as a series of the catalog (time, known_at, columns).

    Parameters
    ----------
    book
        Imported order book, for example DS-001.
    trades
        Imported trades of the same market; without them the features of trades are unknown.
    timeframe
        Length of a bar.
    tick, lot
        Smallest steps of prices and sizes; the decimals of the data where not given.
    vpin_volume
        Volume bucket of VPIN in base coins; where not given a fiftieth of a day's volume, from the first tenth.
    """
    from crypto_team.data.importing import ImportedSeries
    from crypto_team.features import microstructure_bars
    from crypto_team.roles.book_quality import crossed_note
    from crypto_team.roles.catalog_entries import register

    session.progress(0.1, "checking the sequence of the book")
    entry, events, settings, notes = _stream(session, book, trades, (tick, lot, vpin_volume))
    session.progress(0.3, "replaying")
    notes = [*notes, *crossed_note(events, settings)[0]]
    made = microstructure_bars.book_bars(events, settings, timeframe).rename(columns={"time": "timestamp"})
    series = ImportedSeries(entry.pair, timeframe, "series", entry.trading_mode, made, entry.price_decimals)
    written = register(session, series, exchange=entry.exchange, source=f"microstructure_84 of {book} {trades or ''}")
    return Outcome(
        ok=True,
        summary=f"{written.dataset_id}: {len(made)} bars of {made.shape[1] - 2} order-book features",
        data={"dataset_id": written.dataset_id, "bars": len(made), **asdict(settings)},
        findings=[Finding(code="sequence", severity="warning", message=note, file=entry.source) for note in notes],
        next=[f"crypto-team data show {written.dataset_id}"],
    )


def _stream(
    session: Session, book: str, trades: str | None, given: tuple[float | None, float | None, float | None]
) -> tuple[Dataset, MarketEvents, MicroSettings, list[str]]:
    """Return the catalog entry of a book, its events with those of its trades, settings, and what was wrong."""
    from crypto_team.data.market_events import decimals_unit, merge
    from crypto_team.data.order_book import book_events
    from crypto_team.data.trades import trade_events
    from crypto_team.features.microstructure import MicroSettings
    from crypto_team.features.microstructure_bars import usual_bucket

    entry, frame = _dataset(session, book, "l2")
    tick = given[0] or decimals_unit(frame["price"].to_numpy())
    lot = given[1] or decimals_unit(frame["qty"].to_numpy())
    events, report = book_events(frame, tick=tick, lot=lot, where=book)
    if trades is None:
        return entry, events, MicroSettings(tick, lot, given[2] or lot), report.notes
    other, traded = _dataset(session, trades, "trades")
    if (other.exchange, other.pair) != (entry.exchange, entry.pair):
        raise UsageError(f"{trades} is of {other.exchange} {other.pair}, {book} of {entry.exchange} {entry.pair}")
    flow = trade_events(traded, tick=tick, lot=lot, where=trades)
    bucket = given[2] or max(usual_bucket(flow.time, (lot * flow.size).astype(float)), lot)
    return entry, merge(flow, events), MicroSettings(tick, lot, bucket), report.notes


def _dataset(session: Session, dataset_id: str, kind: str) -> tuple[Dataset, pd.DataFrame]:
    """Return a dataset of one kind and its content, checked against its hash."""
    found = next((item for item in candles.catalog(session) if item.dataset_id == dataset_id), None)
    if found is None:
        raise NotFoundError(f"there is no dataset {dataset_id}", hint="crypto-team data list")
    if found.kind != kind:
        raise UsageError(
            f"{dataset_id} holds {found.kind}, not {kind}",
            hint=f"crypto-team data import FILE --kind {kind} --exchange {found.exchange} --pair {found.pair}",
        )
    return found, candles.load(session, found)
