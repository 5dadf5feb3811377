"""The data collector's tool for series beside the candles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crypto_team.schemas.base import ExchangeId, Pair, Slug
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
        data=row(made) | {"lag_seconds": made.lag_seconds, "stale_after_seconds": made.stale_after_seconds},
        next=["crypto-team features list"],
    )
