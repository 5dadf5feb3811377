"""How a strategy comes into being: an id that nobody else has, and the first records under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crypto_team.errors import NotFoundError, UsageError
from crypto_team.roles import candles, design, records
from crypto_team.schemas import FeatureSet, MlSpec, Registration
from crypto_team.schemas.ml_spec import Market, ModelSection, Reproducibility, Risk, Signal
from crypto_team.schemas.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto_team.kb.writer import Change
    from crypto_team.schemas import Dataset
    from crypto_team.schemas.base import Stage
    from crypto_team.tools.session import Session


def create_ml_strategy(
    session: Session,
    *,
    name: str,
    pairs: Sequence[str],
    timeframe: str,
    exchange: str | None,
    side: Literal["auto", "long_only", "long_short"],
    hypothesis: str,
    seed: int,
) -> Outcome:
    """Allot STR-NNN and commit its empty design, with walk-forward windows that fit the candles there are."""
    market = choose_market(session, pairs, timeframe, exchange)
    datasets = [candles.require(session, market, pair) for pair in market.pairs]
    training = design.geometry(min(_research_rows(item) for item in datasets), timeframe)
    chosen = _side(side, market)
    strategy_id = session.allot("STR")
    spec = MlSpec(
        strategy_id=strategy_id,
        strategy_name=name,
        hypothesis=hypothesis,
        market=market,
        model=ModelSection(training=training),
        signal=Signal(side=chosen),
        risk=Risk(max_open_positions=len(market.pairs)),
        reproducibility=Reproducibility(random_seed=seed),
    )
    revision = _commit(session, spec)
    return Outcome(
        ok=True,
        summary=f"{strategy_id} ({name}) on {', '.join(market.pairs)} {timeframe}; "
        f"training {training.window}, test {training.test}{_chosen(session, datasets)}",
        revision=revision,
        path=str(session.layout.ml_spec(strategy_id)),
        data={"strategy_id": strategy_id},
        next=[f"crypto-team ml-engineer define-target {strategy_id} --kind direction --horizon 24"],
    )


def _chosen(session: Session, datasets: Sequence[Dataset]) -> str:
    """Say which datasets were taken where the catalog has others of the same market."""
    known = candles.catalog(session)
    taken = [
        item.dataset_id
        for item in datasets
        if sum(
            (other.kind, other.exchange, other.pair, other.timeframe)
            == (item.kind, item.exchange, item.pair, item.timeframe)
            for other in known
        )
        > 1
    ]
    return f"; of several datasets the newest: {', '.join(taken)}" if taken else ""


def _commit(session: Session, spec: MlSpec) -> str | None:
    """Commit the empty design of a new strategy."""
    strategy_id, name = spec.strategy_id, spec.strategy_name
    changes = [
        records.change(session, "ml_spec", session.layout.ml_spec(strategy_id), spec),
        records.change(session, "features", session.layout.features(strategy_id), FeatureSet(strategy_id=strategy_id)),
        first_entry(session, strategy_id, name, "ml_based", "ml_engineer"),
    ]
    return records.save(session, "ml_engineer", "new", strategy_id, changes, f"{strategy_id}: new strategy {name}")


def _side(wanted: Literal["auto", "long_only", "long_short"], market: Market) -> Literal["long_only", "long_short"]:
    """Return whether shorts are traded: on perpetuals unless told otherwise, on spot markets never."""
    if wanted == "long_short" and market.trading_mode == "spot":
        raise UsageError(
            "spot markets have no short side", where="--side", hint="use a perpetual such as BTC/USDT:USDT"
        )
    if wanted != "auto":
        return wanted
    return "long_short" if market.trading_mode == "futures" else "long_only"


def first_entry(
    session: Session, strategy_id: str, name: str, kind: Literal["ml_based", "rule_based"], role: Stage
) -> Change:
    """Stage the registry entry of a strategy that was just allotted."""
    made = Registration(strategy_id=strategy_id, name=name, type=kind, created=records.utc_text(session))
    return records.change(session, "registry", session.layout.registry_entry(strategy_id), made)


def choose_market(session: Session, pairs: Sequence[str], timeframe: str, exchange: str | None) -> Market:
    """Make the market section; without an exchange the catalog has to name exactly one."""
    known = candles.catalog(session)
    fitting = {item.exchange for item in known if item.pair == pairs[0] and item.timeframe == timeframe}
    if not exchange and len(fitting) != 1:
        raise NotFoundError(
            f"{len(fitting) or 'no'} exchanges in the catalog have {timeframe} candles of {pairs[0]}",
            where="--exchange",
            hint="crypto-team data import FILE --exchange EXCHANGE --pair " + pairs[0]
            if not fitting
            else f"name one of {', '.join(sorted(fitting))} with --exchange",
        )
    if len(set(pairs)) < len(pairs):
        raise UsageError(
            "a pair is named twice", where="--pair", hint=f"name each once: {', '.join(dict.fromkeys(pairs))}"
        )
    perpetual = {":" in pair for pair in pairs}
    if len(perpetual) > 1:
        raise UsageError("spot pairs and perpetuals cannot be mixed in one strategy", where="--pair")
    return Market.model_validate(
        {
            "exchange": exchange or next(iter(fitting)),
            "pairs": list(pairs),
            "timeframe": timeframe,
            "trading_mode": "futures" if perpetual == {True} else "spot",
        }
    )


def _research_rows(dataset: Dataset) -> int:
    """Return how many bars are not sealed, from the span in the catalog."""
    from datetime import datetime

    from crypto_team.data.frame import timeframe_seconds

    last = dataset.holdout_from or dataset.last
    span = datetime.fromisoformat(last) - datetime.fromisoformat(dataset.first)
    return int(span.total_seconds()) // timeframe_seconds(str(dataset.timeframe))
