"""The strategy researcher: rule-based strategies, the twin of the ML path, judged by the same downstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crypto_team.errors import UsageError
from crypto_team.kb.registry import entries, entry
from crypto_team.roles import records, rules
from crypto_team.roles.birth import choose_market, first_entry
from crypto_team.schemas import StrategySpec
from crypto_team.schemas.base import ExchangeId, Pair, Slug, StrategyId, Timeframe
from crypto_team.schemas.outcome import Outcome
from crypto_team.tools.base import Role, tool

if TYPE_CHECKING:
    from crypto_team.tools.session import Session

ROLE = Role(
    id="strategy_researcher",
    title="Strategy researcher",
    mission="Write down rules that a person can understand, with the reason why they should work.",
    reads=("learnings", "registry", "policy"),
    owns=("strategy_spec", "hypothesis"),
    receives_from=(),
    hands_to=("data_collector",),
    gate="strategy_researcher->data_collector",
    must_read=("learnings.md", "registry.yaml"),
)


@tool(role="strategy_researcher")
def propose(
    session: Session,
    *,
    name: Slug,
    pair: list[Pair],
    hypothesis: str,
    timeframe: Timeframe = "1h",
    exchange: ExchangeId | None = None,
) -> Outcome:
    """Allot the next strategy id and write down the hypothesis of a rule-based strategy.

    Parameters
    ----------
    name
        Short name in snake_case.
    pair
        Pair to trade; repeat for several.
    hypothesis
        Why the rule should earn money.
    timeframe
        Length of a bar.
    exchange
        Exchange id; taken from the catalog where one dataset fits.
    """
    market = choose_market(session, pair, timeframe, exchange)
    strategy_id = session.allot("STR")
    spec = StrategySpec(strategy_id=strategy_id, strategy_name=name, hypothesis=hypothesis, market=market)
    layout = session.layout
    changes = [
        records.change(session, "strategy_spec", layout.strategy_spec(strategy_id), spec),
        records.change(
            session, "hypothesis", layout.hypothesis(strategy_id), f"# {strategy_id}: {name}\n\n{hypothesis}\n"
        ),
        first_entry(session, strategy_id, name, "rule_based", "strategy_researcher"),
    ]
    revision = records.save(
        session, "strategy_researcher", "propose", strategy_id, changes, f"{strategy_id}: proposed {name}"
    )
    return Outcome(
        ok=True,
        summary=f"{strategy_id} ({name}) proposed",
        path=str(layout.strategy_spec(strategy_id)),
        revision=revision,
        data={"strategy_id": strategy_id},
        next=[f'crypto-team strategy-researcher add-rule {strategy_id} --entry "rsi(close, 14) < 30"'],
    )


@tool(role="strategy_researcher")
def add_rule(
    session: Session, strategy_id: StrategyId, *, entry: str | None = None, exit_: str | None = None
) -> Outcome:
    """Set the entry and exit rule as formulas; a value above zero means yes.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    entry
        Formula of the entry, for example rsi(close, 14) < 30.
    exit_
        Formula of the exit.
    """
    spec = _spec(session, strategy_id)
    given = records.given(entry=rules.canonical(entry), exit=rules.canonical(exit_))
    if not given:
        raise UsageError("nothing to set", hint="give --entry FORMULA, --exit FORMULA or both")
    changed = records.revalidated(spec, given)
    changes = [records.change(session, "strategy_spec", session.layout.strategy_spec(strategy_id), changed)]
    revision = records.save(
        session, "strategy_researcher", "add_rule", strategy_id, changes, f"{strategy_id}: rules changed"
    )
    return Outcome(
        ok=True,
        summary=f"{strategy_id}: " + ", ".join(f"{name} {text}" for name, text in given.items()),
        revision=revision,
        next=[f"crypto-team strategy-researcher test-rule {strategy_id}"],
    )


@tool(role="strategy_researcher", long=True)
def test_rule(session: Session, strategy_id: StrategyId) -> Outcome:
    """Evaluate the rules on the research candles after costs, beside buy-and-hold; booked as a trial.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    rows = rules.evaluate(session, _spec(session, strategy_id))
    return Outcome(ok=True, summary=f"{strategy_id}: {len(rows)} pair(s) evaluated", data=rows)


@tool(role="strategy_researcher", read_only=True)
def check_novelty(session: Session, strategy_id: StrategyId) -> Outcome:
    """List earlier strategies by how similar their rules and hypotheses are to this one.

    Parameters
    ----------
    strategy_id
        For example STR-001.
    """
    spec = _spec(session, strategy_id)
    rows: list[dict[str, Any]] = []
    for other in entries(session.layout):
        path = session.layout.strategy_spec(other.strategy_id)
        if other.strategy_id == strategy_id or not path.exists():
            continue
        earlier = records.read(path, StrategySpec, missing="crypto-team strategy-researcher propose")
        rows.append(
            {
                "strategy": other.strategy_id,
                "status": other.status,
                "similarity": rules.similarity(spec, earlier),
                "entry": earlier.entry,
            }
        )
    rows.sort(key=lambda row: -row["similarity"])
    return Outcome(ok=True, summary=f"compared with {len(rows)} rule-based strategies", data=rows)


def _spec(session: Session, strategy_id: str) -> StrategySpec:
    entry(session.layout, strategy_id)
    path = session.layout.strategy_spec(strategy_id)
    return records.read(path, StrategySpec, missing="crypto-team strategy-researcher propose --name NAME ...")
