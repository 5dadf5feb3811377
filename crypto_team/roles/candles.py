"""Candles of the catalog as the tools may see them: verified by hash, on a regular grid, the sealed part cut off."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from crypto_team.errors import NotFoundError
from crypto_team.kb import seals
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from crypto_team.features.surroundings import SeriesKey, Surroundings
    from crypto_team.schemas.data import SeriesKind
    from crypto_team.schemas.features import Feature
    from crypto_team.schemas.ml_spec import Market
    from crypto_team.tools.session import Session


@dataclass(frozen=True, slots=True)
class Around:
    """What formulas read beside: as they read it, the bars of those pairs, and where series and bars come from."""

    surroundings: Surroundings | None = None
    bars: dict[str, pd.DataFrame] = field(default_factory=dict)
    sources: dict[SeriesKey, Dataset] = field(default_factory=dict)
    datasets: list[Dataset] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Candles:
    """What a strategy is developed on: one regular frame per pair, none of it sealed, and what formulas read beside.

    `datasets` are the candles of the pairs; `hashes` are of all datasets, those of `around` too.
    """

    datasets: list[Dataset]
    bars: dict[str, pd.DataFrame]
    research_end: str | None
    hashes: dict[str, str]
    around: Around = field(default_factory=Around)

    @property
    def all_datasets(self) -> list[Dataset]:
        """Return the datasets of the candles and, behind them, of what formulas read beside."""
        return [*self.datasets, *self.around.datasets]


def catalog(session: Session) -> list[Dataset]:
    """Return every registered dataset, by id, each with the earliest seal that it ever had."""
    found = (load_record(path, Dataset) for path in session.layout.datasets_dir.glob("DS-*.yaml"))
    return sorted((seals.sealed(session.layout, item) for item in found), key=lambda item: item.dataset_id)


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
    from crypto_team.data.registered import read_registered

    return read_registered(session.layout.data_file(dataset.path), dataset)


def research(session: Session, market: Market, features: Sequence[Feature] = ()) -> Candles:
    """Load every pair of a market up to the first sealed bar of any of them, and what features read beside."""
    return _load_market(session, market, features, open_seal=False)


def with_sealed(session: Session, market: Market, features: Sequence[Feature]) -> Candles:
    """Load everything, sealed bars too; `research_end` still says where they begin. For the holdout alone."""
    return _load_market(session, market, features, open_seal=True)


def _load_market(session: Session, market: Market, features: Sequence[Feature], *, open_seal: bool) -> Candles:
    import pandas as pd

    from crypto_team.data.frame import regularise
    from crypto_team.roles.surroundings import attach

    datasets = [require(session, market, pair) for pair in market.pairs]
    sealed = sorted(item.holdout_from for item in datasets if item.holdout_from)
    bars: dict[str, pd.DataFrame] = {}
    for item in datasets:
        frame = load(session, item)
        if sealed and not open_seal:
            frame = frame[frame["timestamp"] < pd.Timestamp(sealed[0])].reset_index(drop=True)
        bars[str(item.pair)] = regularise(frame, market.timeframe)
    hashes = {item.dataset_id: item.content_hash for item in datasets}
    found = Candles(datasets, bars, sealed[0] if sealed else None, hashes)
    if not features:
        return found
    around = attach(session, market, found, features, open_seal=open_seal)
    hashes = {item.dataset_id: item.content_hash for item in [*datasets, *around.datasets]}
    return replace(found, around=around, hashes=hashes)
