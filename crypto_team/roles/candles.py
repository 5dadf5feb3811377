"""Candles of the catalog as the tools may see them: verified by hash, on a regular grid, the sealed part cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_team.errors import EvidenceError, NotFoundError
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Dataset

if TYPE_CHECKING:
    import pandas as pd

    from crypto_team.schemas.data import SeriesKind
    from crypto_team.schemas.ml_spec import Market
    from crypto_team.tools.session import Session


@dataclass(frozen=True, slots=True)
class Candles:
    """What a strategy is developed on: one regular frame per pair, none of it sealed."""

    datasets: list[Dataset]
    bars: dict[str, pd.DataFrame]
    research_end: str | None
    hashes: dict[str, str]


def catalog(session: Session) -> list[Dataset]:
    """Return every registered dataset, by id."""
    folder = session.layout.datasets_dir
    return sorted((load_record(path, Dataset) for path in folder.glob("DS-*.yaml")), key=lambda item: item.dataset_id)


def find(session: Session, market: Market, pair: str, kind: SeriesKind = "ohlcv") -> Dataset | None:
    """Return the newest dataset that fits a market and pair, or None."""
    fitting = [
        item
        for item in catalog(session)
        if item.kind == kind
        and item.pair == pair
        and item.exchange == market.exchange
        and (kind == "funding" or item.timeframe == market.timeframe)
    ]
    return fitting[-1] if fitting else None


def require(session: Session, market: Market, pair: str) -> Dataset:
    """Return the dataset of a pair or say how to import it."""
    found = find(session, market, pair)
    if found is None:
        raise NotFoundError(
            f"no {market.timeframe} candles of {pair} on {market.exchange} in the catalog",
            hint=f"crypto-team data import FILE --exchange {market.exchange} --pair {pair} "
            f"--timeframe {market.timeframe}",
        )
    return found


def load(session: Session, dataset: Dataset) -> pd.DataFrame:
    """Read one dataset and refuse it unless its content hash is the registered one."""
    import pandas as pd

    from crypto_team.data.frame import content_hash

    path = session.layout.data_file(dataset.path)
    if not path.exists():
        raise NotFoundError(
            f"the candles of {dataset.dataset_id} are not on this machine",
            where=str(path),
            hint=f"import them again: crypto-team data import FILE --exchange {dataset.exchange} --pair {dataset.pair}",
        )
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as problem:
        raise EvidenceError(f"cannot read the candles: {problem}", where=str(path)) from problem
    found = content_hash(frame)
    if found != dataset.content_hash:
        raise EvidenceError(
            f"the candles changed since they were registered as {dataset.dataset_id}",
            where=str(path),
            hint="import the original file again; a changed file gets a dataset of its own",
        )
    return frame


def research(session: Session, market: Market) -> Candles:
    """Load every pair of a market up to the first sealed bar of any of them."""
    import pandas as pd

    from crypto_team.data.frame import regularise

    datasets = [require(session, market, pair) for pair in market.pairs]
    sealed = sorted(item.holdout_from for item in datasets if item.holdout_from)
    bars: dict[str, pd.DataFrame] = {}
    for item in datasets:
        frame = load(session, item)
        if sealed:
            frame = frame[frame["timestamp"] < pd.Timestamp(sealed[0])].reset_index(drop=True)
        bars[item.pair] = regularise(frame, market.timeframe)
    return Candles(
        datasets=datasets,
        bars=bars,
        research_end=sealed[0] if sealed else None,
        hashes={item.dataset_id: item.content_hash for item in datasets},
    )
