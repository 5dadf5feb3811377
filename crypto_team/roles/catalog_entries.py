"""Registering imported series: canonical file, content hash, quality, sealed part, catalog entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crypto_team.roles import candles, records, seals
from crypto_team.schemas import Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.data.importing import ImportedSeries
    from crypto_team.schemas.data import SeriesKind
    from crypto_team.tools.session import Session


def register_series(
    session: Session,
    path: Path,
    *,
    exchange: str,
    pair: str | None,
    timeframe: str | None,
    kind: SeriesKind,
    repair: bool,
    source: str,
) -> list[Dataset]:
    """Import one file or directory; a series whose content is registered already keeps its id."""
    from crypto_team.data.importing import read_series

    found = read_series(path, pair=pair, timeframe=timeframe, kind=kind, repair=repair)
    return [register(session, series, exchange=exchange, source=source) for series in found]


def register(session: Session, series: ImportedSeries, *, exchange: str, source: str) -> Dataset:
    """Write the canonical file of one series and its catalog entry."""
    from crypto_team.data.frame import content_hash
    from crypto_team.data.importing import write_canonical

    hashed = content_hash(series.frame)
    for known in candles.catalog(session):
        same = (known.content_hash, known.exchange, known.pair, known.kind, known.name)
        as_before = known.lag_seconds in {None, _lag(series)}
        if as_before and same == (hashed, exchange, series.pair, series.kind, series.name):
            write_canonical(series.frame, session.layout.data_file(known.path))
            return known
    dataset_id = session.allot("DS")
    made = _entry(session, series, dataset_id, exchange=exchange, source=source, hashed=hashed)
    write_canonical(series.frame, session.layout.data_file(made.path))
    change = records.change(session, "dataset", session.layout.dataset(dataset_id, _slug(series)), made)
    records.save(
        session,
        "data_collector",
        "import",
        None,
        [change],
        f"{dataset_id}: {series.kind} {exchange} {series.pair or series.name} {series.timeframe or ''}".rstrip(),
    )
    return made


def _entry(
    session: Session, series: ImportedSeries, dataset_id: str, *, exchange: str, source: str, hashed: str
) -> Dataset:
    from crypto_team.data.quality import assess
    from crypto_team.roles.book_quality import book_quality

    times = series.frame["timestamp"]
    candles_of = series.timeframe if series.kind == "ohlcv" else None
    quality = assess(series.frame, candles_of) if candles_of else series.quality
    if series.kind == "l2" and quality is not None:
        quality = book_quality(series.frame, quality)
    return Dataset.model_validate(
        {
            "dataset_id": dataset_id,
            "exchange": exchange,
            "pair": series.pair,
            "timeframe": series.timeframe,
            "name": series.name,
            "trading_mode": series.trading_mode,
            "kind": series.kind,
            "path": f"{exchange}/{dataset_id}-{_slug(series)}.parquet",
            "content_hash": hashed,
            "rows": len(series.frame),
            "first": _text(times.min()),
            "last": _text(times.max()),
            "price_decimals": series.decimals,
            "holdout_from": seals.holdout_from(session, series, exchange) if series.kind == "ohlcv" else None,
            "lag_seconds": _lag(series),
            "source": source,
            "quality": quality.model_dump() if quality else None,
            "registered": records.utc_text(session),
        }
    )


def _lag(series: ImportedSeries) -> int | None:
    """Return the publication lag that the catalog states; None where the file itself says when values were known."""
    from crypto_team.data.series import FUNDING_LAG_SECONDS

    return FUNDING_LAG_SECONDS if series.kind == "funding" and series.lag_seconds is None else series.lag_seconds


def _slug(series: ImportedSeries) -> str:
    market = series.pair or series.name or "market"
    parts = [market.replace("/", "-").replace(":", "-").lower(), series.timeframe or "events", series.kind]
    return "-".join(parts).replace("_", "-")


def _text(stamp: Any) -> str:
    return str(stamp.strftime("%Y-%m-%dT%H:%M:%SZ"))
