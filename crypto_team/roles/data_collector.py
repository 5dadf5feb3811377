"""The data collector: brings market data into the catalog, judges it, and says whether it is enough for a strategy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from crypto_team.errors import NotFoundError
from crypto_team.roles import candles, records
from crypto_team.schemas import DataSpec
from crypto_team.schemas.base import DatasetId, ExchangeId, Pair, StrategyId, Timeframe
from crypto_team.schemas.data import DataRequirement
from crypto_team.schemas.outcome import Finding, Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.schemas import Dataset, MlSpec
    from crypto_team.schemas.data import SeriesKind
    from crypto_team.tools.session import Session

ROLE = Role(
    id="data_collector",
    title="Data collector",
    mission="Bring in market data that others can trust, say what is wrong with it, and refuse work that lacks it.",
    reads=("ml_spec", "strategy_spec", "features"),
    owns=("dataset", "data_spec"),
    receives_from=("ml_engineer", "strategy_researcher"),
    hands_to=("backtester",),
    gate="data_collector->backtester",
    must_read=("data-catalog/sources.yaml",),
)


@tool(role="data_collector", group="data", name="import", long=True)
def import_(
    session: Session,
    file: list[Path],
    *,
    exchange: ExchangeId,
    pair: Pair | None = None,
    timeframe: Timeframe | None = None,
    kind: Literal["ohlcv", "funding", "l2", "trades"] = "ohlcv",
    repair: bool = False,
    source: str | None = None,
) -> Outcome:
    """Import candles, funding rates, order books or trades, judge them, and register them in the catalog.

    Reads Parquet, CSV, gzipped CSV, Feather and directories in Freqtrade's layout. The last part of each series is
    sealed (`holdout_fraction` of the policy): no training or tuning tool reads it.

    Parameters
    ----------
    file
        File or directory to read; several at once where their names say the pair.
    exchange
        Exchange id in lower case, for example binance.
    pair
        BASE/QUOTE for spot, BASE/QUOTE:SETTLE for perpetuals.
    timeframe
        Length of a bar.
    kind
        Candles, funding rates of a perpetual, an order book (snapshots and differences), or trades.
    repair
        Sort the rows and drop exact duplicates instead of refusing them.
    source
        Where the data came from; the file name where not given.
    """
    from crypto_team.roles.catalog_entries import register_series

    made: list[Dataset] = []
    for number, path in enumerate(file):
        session.progress(number / len(file), f"reading {path.name}")
        made += register_series(
            session,
            path,
            exchange=exchange,
            pair=pair,
            timeframe=timeframe,
            kind=kind,
            repair=repair,
            source=source or path.name,
        )
    findings = [
        Finding(code="quality", severity="warning", message=f"{item.dataset_id}: {note}", file=item.source)
        for item in made
        if item.quality
        for note in item.quality.notes
    ]
    return Outcome(
        ok=True,
        summary=f"{len(made)} dataset(s) registered: " + ", ".join(item.dataset_id for item in made),
        data=[row(item) for item in made],
        findings=findings,
        next=[_after_import(made[0])],
    )


def _after_import(first: Dataset) -> str:
    """Say what to do with what was imported."""
    if first.kind == "l2":
        return f"crypto-team data book-bars {first.dataset_id} --trades DS-NNN --timeframe 1m"
    if first.kind == "trades":
        return f"crypto-team data book-bars DS-NNN --trades {first.dataset_id} --timeframe 1m"
    if first.kind != "ohlcv":
        return "crypto-team data list"
    return f"crypto-team ml-engineer new --name NAME --pair {first.pair} --timeframe {first.timeframe}"


def row(item: Dataset) -> dict[str, str | int | float | None]:
    """Show a dataset as one row of a table."""
    return {
        "id": item.dataset_id,
        "kind": item.kind,
        "exchange": item.exchange,
        "pair": item.pair or item.name,
        "timeframe": item.timeframe,
        "rows": item.rows,
        "first": item.first,
        "last": item.last,
        "sealed_from": item.holdout_from,
        "quality": item.quality.verdict if item.quality else None,
    }


@tool(role="data_collector", group="data", name="list", read_only=True)
def list_(session: Session) -> Outcome:
    """List the datasets of the catalog."""
    found = candles.catalog(session)
    hint = [] if found else ["crypto-team data import FILE --exchange EXCHANGE --pair BASE/QUOTE --timeframe 1h"]
    return Outcome(ok=True, summary=f"{len(found)} dataset(s)", data=[row(item) for item in found], next=hint)


@tool(role="data_collector", group="data", name="show", read_only=True)
def show(session: Session, dataset_id: DatasetId) -> Outcome:
    """Show everything the catalog knows about one dataset, after checking its hash.

    Parameters
    ----------
    dataset_id
        For example DS-001.
    """
    found = next((item for item in candles.catalog(session) if item.dataset_id == dataset_id), None)
    if found is None:
        raise NotFoundError(f"there is no dataset {dataset_id}", hint="crypto-team data list")
    candles.load(session, found)
    return Outcome(ok=True, summary=f"{dataset_id}: content hash verified", data=found.model_dump(mode="json"))


@tool(role="data_collector")
def assess(session: Session, strategy_id: StrategyId) -> Outcome:
    """Judge whether the catalog holds what a strategy needs: there, good, and long enough. Writes data-spec.yaml.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    spec = records.ml_spec(session, strategy_id)
    requirements = _requirements(session, spec)
    enough = all(item.verdict == "ok" for item in requirements)
    record = DataSpec(
        strategy_id=strategy_id,
        requirements=requirements,
        verdict="sufficient" if enough else "insufficient",
        assessed=records.utc_text(session),
    )
    path = session.layout.data_spec(strategy_id)
    changes = [
        records.change(session, "data_spec", path, record),
        records.registry_change(session, strategy_id, role="data_collector", event=f"data {record.verdict}"),
    ]
    revision = records.save(
        session, "data_collector", "assess", strategy_id, changes, f"{strategy_id}: data {record.verdict}"
    )
    return Outcome(
        ok=enough,
        summary=f"the data for {strategy_id} is {record.verdict}",
        path=str(path),
        revision=revision,
        data=[item.model_dump(mode="json") for item in requirements],
        next=[f"crypto-team handoff {strategy_id} --to backtester"] if enough else ["crypto-team data import FILE ..."],
        exit_code=0 if enough else 1,
    )


def _requirements(session: Session, spec: MlSpec) -> list[DataRequirement]:
    """Compare what the walk-forward geometry and the features need with what is there."""
    from crypto_team.trading.durations import bars as to_bars

    training, timeframe = spec.model.training, spec.market.timeframe
    lookback = max((item.lookback for item in records.feature_set(session, spec.strategy_id).features), default=0)
    horizon = spec.target.horizon_bars if spec.target else 1
    needed = (
        lookback
        + to_bars(training.window.partition("_")[2], timeframe)
        + max(to_bars(training.gap, timeframe), horizon)
        + (training.n_splits - 1) * to_bars(training.step, timeframe)
        + to_bars(training.test, timeframe)
    )
    made = []
    for pair in spec.market.pairs:
        item = candles.find(session, spec.market, pair)
        made.append(_requirement(pair, spec, item, needed))
    return [*made, *_beside(session, spec, needed)]


def _beside(session: Session, spec: MlSpec, needed: int) -> list[DataRequirement]:
    """Judge the other pairs and the series that formulas read: pairs as their own, series by being there."""
    from crypto_team.features.needs import needs
    from crypto_team.roles.surroundings import series_dataset

    features = records.feature_set(session, spec.strategy_id).features
    formulas = [text for item in features for text in item.formulas]
    wanted = needs(formulas, spec.market.pairs)
    others = [pair for pair in wanted.pairs if pair not in spec.market.pairs]
    made = [_requirement(pair, spec, candles.find(session, spec.market, pair), needed) for pair in others]
    for key in dict.fromkeys(replace(key, column="") for key in wanted.series):
        try:
            item: Dataset | None = series_dataset(session, spec.market, key)
        except NotFoundError:
            item = None
        made.append(
            DataRequirement(
                pair=key.pair or None,
                timeframe=spec.market.timeframe,
                kind=cast("SeriesKind", key.kind),
                name=key.source if key.source and not key.pair else None,
                dataset_id=item.dataset_id if item else None,
                rows_needed=1,
                rows_present=item.rows if item else 0,
                verdict="ok" if item else "missing",
            )
        )
    return made


def _requirement(pair: str, spec: MlSpec, item: Dataset | None, needed: int) -> DataRequirement:
    """Judge one series."""
    verdict: Literal["ok", "missing", "too_short", "poor_quality"] = "ok"
    if item is None:
        verdict = "missing"
    elif item.rows < needed:
        verdict = "too_short"
    elif item.quality and item.quality.verdict == "poor":
        verdict = "poor_quality"
    return DataRequirement(
        pair=pair,
        timeframe=spec.market.timeframe,
        kind="ohlcv",
        dataset_id=item.dataset_id if item else None,
        rows_needed=needed,
        rows_present=item.rows if item else 0,
        verdict=verdict,
    )
