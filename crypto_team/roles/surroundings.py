"""Other pairs and series that the formulas of a strategy read, from the catalog, verified by hash, the sealed part cut.

Nothing that was known only in the sealed part is served: bars that open, and values known, from there on are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError
from crypto_team.roles import candles

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from crypto_team.features.surroundings import Frame, KnownSeries, SeriesKey
    from crypto_team.roles.candles import Around, Candles
    from crypto_team.schemas import Dataset
    from crypto_team.schemas.features import Feature
    from crypto_team.schemas.ml_spec import Market
    from crypto_team.tools.session import Session


def attach(
    session: Session, market: Market, found: Candles, features: Sequence[Feature], *, open_seal: bool = False
) -> Around:
    """Load everything that formulas read beside the candles of their own pair; with `open_seal` sealed parts too."""
    from crypto_team.features.needs import needs
    from crypto_team.features.surroundings import Surroundings
    from crypto_team.roles.candles import Around

    wanted = needs([text for item in features for text in item.formulas], market.pairs)
    frames: dict[str, Frame] = {pair: _frame(bars) for pair, bars in found.bars.items() if pair in wanted.pairs}
    used: dict[str, Dataset] = {}
    bars: dict[str, pd.DataFrame] = {pair: found.bars[pair] for pair in frames}
    for pair in (item for item in wanted.pairs if item not in frames):
        item = candles.require(session, market, pair)
        used[item.dataset_id] = item
        bars[pair] = _bars(session, item, found.research_end, open_seal=open_seal)
        frames[pair] = _frame(bars[pair])
    series: dict[SeriesKey, KnownSeries] = {}
    sources: dict[SeriesKey, Dataset] = {}
    tables: dict[str, pd.DataFrame] = {}
    for key in wanted.series:
        item = series_dataset(session, market, key)
        used[item.dataset_id] = item
        sources[key] = item
        if item.dataset_id not in tables:
            tables[item.dataset_id] = candles.load(session, item)
        series[key] = _known(tables[item.dataset_id], item, key.column, None if open_seal else found.research_end)
    around = Surroundings(market.pairs[0], frames, series) if frames or series else None
    return Around(around, bars, sources, [used[name] for name in sorted(used)])


def _frame(bars: pd.DataFrame) -> Frame:
    from crypto_team.features.matrix import bar_frame

    return bar_frame(bars)


def _bars(session: Session, item: Dataset, research_end: str | None, *, open_seal: bool) -> pd.DataFrame:
    """Load the bars of another pair up to the seal of either, or all of them."""
    from crypto_team.data.frame import regularise, research_part

    ends = [] if open_seal else [end for end in (research_end, item.holdout_from) if end]
    assert item.timeframe is not None  # noqa: S101 - candles always have one
    return regularise(research_part(candles.load(session, item), min(ends, default=None)), item.timeframe)


def series_dataset(session: Session, market: Market, key: SeriesKey) -> Dataset:
    """Return the newest dataset of a series, or say how to import it."""
    exchange = key.source or market.exchange
    fitting = [
        item
        for item in candles.catalog(session)
        if item.kind == key.kind
        and (not key.column or item.timeframe == market.timeframe)
        and ((item.pair == key.pair and item.exchange == exchange) if key.pair else item.name == key.source)
    ]
    if not fitting:
        named = f"of {key.pair} on {exchange}" if key.pair else f"called {key.source}"
        if key.column:
            raise NotFoundError(
                f"no order book at the close of {market.timeframe} bars {named} in the catalog",
                hint=f"crypto-team data book-bars DS-000 --timeframe {market.timeframe}, of an imported order book",
            )
        what = "" if key.kind == "funding" else "-series"
        place = f"--exchange {exchange} --pair {key.pair}" if key.pair else f"--exchange SOURCE --name {key.source}"
        raise NotFoundError(
            f"no series of {key.kind} {named} in the catalog",
            hint=f"crypto-team data import{what} FILE --kind {key.kind} {place}",
        )
    return fitting[-1]


def _known(table: pd.DataFrame, item: Dataset, column: str, research_end: str | None) -> KnownSeries:
    import pandas as pd

    from crypto_team.features.surroundings import known_series

    series = known_series(table, item.lag_seconds, item.stale_after_seconds, column)
    return series if research_end is None else series.before(int(pd.Timestamp(research_end).timestamp() * 1000))


def basket_members(session: Session, market: Market, assets: tuple[str, ...]) -> list[str]:
    """Return the pairs of some assets, quoted and settled as the strategy's own, that the catalog has candles of."""
    suffix = "/" + market.pairs[0].partition("/")[2]
    wanted = [asset + suffix for asset in assets]
    return [pair for pair in wanted if candles.find(session, market, pair) is not None]


def resolved(session: Session, market: Market, texts: Sequence[str]) -> list[str]:
    """Return formulas in canonical form with baskets pinned to pairs, checked against the strategy's timeframe."""
    from crypto_team.features.needs import pinned

    return [pinned(text, lambda assets: basket_members(session, market, assets), market.timeframe) for text in texts]


def check_sources(session: Session, market: Market, texts: Sequence[str]) -> None:
    """Refuse formulas that read pairs, columns or series that are not in the catalog, with the way to import them."""
    from crypto_team.features.needs import needs, optional_columns_of

    wanted = needs(texts, market.pairs)
    for pair in wanted.pairs:
        candles.require(session, market, pair)
    for key in wanted.series:
        series_dataset(session, market, key)
    for pair, column in optional_columns_of(texts, market.pairs):
        _require_column(session, market, pair, column)


def _require_column(session: Session, market: Market, pair: str, column: str) -> None:
    import pyarrow.parquet as pq

    found = candles.find(session, market, pair)
    if found is None:  # whoever asks for candles first says how to import them
        return
    if column not in pq.read_schema(session.layout.data_file(found.path)).names:
        raise NotFoundError(
            f"the candles of {pair} ({found.dataset_id}) have no column {column}",
            where="formula",
            hint=f"import candles of {pair} from a source that has {column}",
        )
