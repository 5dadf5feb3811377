"""The data collector's tool for series beside the candles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.schemas.base import DatasetId, ExchangeId, Pair, Slug
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session

Kind = Literal[
    "open_interest", "long_liquidations", "short_liquidations", "whale_flow", "sentiment", "dominance", "custom"
]


@tool(role="data_collector", group="data", name="import-series")
def import_series(
    session: Session,
    file: Path,
    *,
    kind: Kind,
    exchange: ExchangeId,
    pair: Pair | None = None,
    name: Slug | None = None,
    lag_seconds: int | None = None,
    repair: bool = False,
) -> Outcome:
    """Import a series that formulas read: open interest, liquidations, whale flow, sentiment, dominance, any other.

    The file has a time, a value, and when the value was known: a column known_at, or a publication lag given here.
    Formulas see a value from the first bar on that closes when it was known.

    Parameters
    ----------
    file
        Parquet, CSV, gzipped CSV or Feather.
    kind
        What the values are.
    exchange
        Exchange or provider in lower case, for example binance.
    pair
        For open interest and liquidations: the market they belong to.
    name
        For all other kinds: what formulas call them, for example fear_greed.
    lag_seconds
        How many seconds after its time a value was published, where the file does not say it.
    repair
        Sort the rows and drop exact duplicates instead of refusing them.
    """
    from crypto_team.data.series import read_known
    from crypto_team.roles.catalog_entries import register
    from crypto_team.roles.data_collector import row

    series = read_known(file, kind, pair=pair, name=name, lag_seconds=lag_seconds, repair=repair)
    made = register(session, series, exchange=exchange, source=file.name)
    return Outcome(
        ok=True,
        summary=f"{made.dataset_id}: {made.rows} values of {kind} of {made.pair or made.name}",
        data=row(made) | {"lag_seconds": made.lag_seconds},
        next=["crypto-team features list"],
    )


@tool(role="data_collector", group="data", name="refresh-series")
def refresh_series(session: Session, dataset_id: DatasetId, file: Path, *, repair: bool = False) -> Outcome:
    """Add what a series has published since, for strategies that trade live; the registered series stays as it is.

    New values count from when they were known. Nothing that was known before is changed or added behind the back of
    decisions that were made without it. Exported strategies read the refreshed series with their next candle; training,
    gates and backtests never do.

    Parameters
    ----------
    dataset_id
        The registered series, for example DS-007.
    file
        Parquet, CSV, gzipped CSV or Feather: the whole series or only what is new.
    repair
        Sort the rows and drop exact duplicates instead of refusing them.
    """
    import pandas as pd

    from crypto_team.data.growing import LIVE_FOLDER, grown
    from crypto_team.data.importing import read_series, write_canonical
    from crypto_team.data.series import VALUES, read_known
    from crypto_team.roles import candles

    item = next((each for each in candles.catalog(session) if each.dataset_id == dataset_id), None)
    if item is None:
        raise NotFoundError(f"there is no dataset {dataset_id}", hint="crypto-team data list")
    if item.kind not in {"funding", *VALUES}:
        raise UsageError(f"{dataset_id} holds {item.kind}, no series", hint="crypto-team data import FILE")
    if item.kind == "funding":
        given = read_series(file, pair=item.pair, timeframe=item.timeframe, kind="funding", repair=repair)[0].frame
    else:
        given = read_known(
            file, item.kind, pair=item.pair, name=item.name, lag_seconds=item.lag_seconds, repair=repair
        ).frame
    live = session.layout.data_file(f"{LIVE_FOLDER}/{item.path}")
    before = pd.read_parquet(live) if live.is_file() else candles.load(session, item)
    frame, added = grown(before, given, where=file.name)
    write_canonical(frame, live)
    return Outcome(
        ok=True,
        summary=f"{dataset_id}: {added} new value(s), {len(frame)} in all until {frame['timestamp'].max()}",
        path=str(live),
        data={"dataset_id": dataset_id, "added": added, "rows": len(frame)},
    )
