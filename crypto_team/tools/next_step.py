"""The next step of a strategy: what its present owner still has to make before the handoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crypto_team.kb.chain import links
from crypto_team.kb.handoffs import PIPELINE, current_stage, void_reasons
from crypto_team.kb.learnings import entries
from crypto_team.kb.yaml import load_record
from crypto_team.schemas import Deployment, FeatureSet, MlSpec, RiskAssessment, StrategySpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crypto_team.kb.paths import Layout
    from crypto_team.schemas import RegistryEntry
    from crypto_team.schemas.base import Stage

    Missing = Callable[[Layout, str], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done now, by whom, and the command for it."""

    stage: Stage
    what: str
    command: str


def _no_target(layout: Layout, strategy_id: str) -> bool:
    return load_record(layout.ml_spec(strategy_id), MlSpec).target is None


def _no_features(layout: Layout, strategy_id: str) -> bool:
    path = layout.features(strategy_id)
    return not path.exists() or not load_record(path, FeatureSet).features


def _no_rule(layout: Layout, strategy_id: str) -> bool:
    return load_record(layout.strategy_spec(strategy_id), StrategySpec).entry is None


def _no_code(layout: Layout, strategy_id: str) -> bool:
    return not any(layout.code_dir(strategy_id).glob("ml_strategy_*.py"))


def _nothing_learned(layout: Layout, strategy_id: str) -> bool:
    return not any(strategy_id in " ".join([item.scope, item.title, *item.evidence]) for item in entries(layout))


def _no_backtest(layout: Layout, strategy_id: str) -> bool:
    return not any(layout.backtests_dir(strategy_id).glob("BT-*.yaml"))


STEPS: Final[dict[Stage, tuple[tuple[Missing, str, str], ...]]] = {
    "strategy_researcher": (
        (_no_rule, "there is no entry rule", "strategy-researcher add-rule {id}"),
        (
            lambda layout, id_: not layout.evidence(id_).exists(),
            "it was never tested",
            "strategy-researcher test-rule {id}",
        ),
    ),
    "ml_engineer": (
        (_no_target, "there is no target", "ml-engineer define-target {id} --kind direction --horizon 24"),
        (_no_features, "there are no features", "ml-engineer add-feature {id} --set standard"),
        (lambda layout, id_: not layout.evidence(id_).exists(), "it was never trained", "ml-engineer train {id}"),
        (lambda layout, id_: not layout.ml_report(id_).exists(), "there is no report", "ml-engineer report {id}"),
        (_no_code, "there is no strategy code", "ml-engineer export {id}"),
        (
            _nothing_learned,
            "nothing was learned from it yet",
            "learnings add --scope {id} --title 'what was learned' --text 'what was observed'",
        ),
    ),
    "data_collector": (
        (
            lambda layout, id_: not layout.data_spec(id_).exists(),
            "its data was not assessed",
            "data-collector assess {id}",
        ),
    ),
    "backtester": ((_no_backtest, "it was never run in Freqtrade", "backtester run {id}"),),
    "quant_analyst": (
        (lambda layout, id_: not layout.quant_review(id_).exists(), "it was not reviewed", "quant-analyst review {id}"),
    ),
    "critic": (
        (lambda layout, id_: not layout.critic_review(id_).exists(), "nobody attacked it yet", "critic review {id}"),
    ),
    "risk_manager": (
        (
            lambda layout, id_: not layout.risk_assessment(id_).exists(),
            "it was not assessed",
            "risk-manager approve {id}",
        ),
    ),
    "execution_specialist": (
        (
            lambda layout, id_: not layout.deployment(id_).exists(),
            "it is not planned",
            "execution-specialist paper {id}",
        ),
    ),
}
"""For each stage, in order: what may be missing, in words, and the tool that makes it."""


DEPLOYED: Final = {"planned": "paper trading is planned", "running": "it runs", "halted": "it is halted"}
"""What the status of a deployment says in words."""


def next_step(layout: Layout, entry: RegistryEntry) -> Step:
    """Return the first thing that is missing at the present stage, else the handoff."""
    strategy_id, stage = entry.strategy_id, current_stage(layout, entry.strategy_id)
    if entry.status == "rejected" and stage == "risk_manager":
        again = f"crypto-team risk-manager return-work {strategy_id} --reason TEXT"
        return Step(stage, "the risk manager rejected it: give it back, or start over", again)
    for missing, what, command in STEPS[stage]:
        if missing(layout, strategy_id):
            return Step(stage, what, "crypto-team " + command.format(id=strategy_id))
    if stage == PIPELINE[-1]:
        said = DEPLOYED[load_record(layout.deployment(strategy_id), Deployment).status]
        return Step(stage, said, f"crypto-team execution-specialist show {strategy_id}")
    receiver = "data_collector" if stage == "strategy_researcher" else PIPELINE[PIPELINE.index(stage) + 1]
    what = "refused at the gate: mend it, then try again" if entry.status == "refused" else "ready for the gate"
    return Step(stage, what, f"crypto-team handoff {strategy_id} --to {receiver}")


def obstacles(layout: Layout, entry: RegistryEntry) -> Iterator[str]:
    """Yield why a strategy is not further on: its last refusal, and what changed since its last handoff."""
    refused = [event.event for event in entry.history if event.event.startswith("refused")]
    if entry.status == "refused" and refused:
        yield refused[-1]
    if entry.status == "rejected" and layout.risk_assessment(entry.strategy_id).is_file():
        reasons = load_record(layout.risk_assessment(entry.strategy_id), RiskAssessment).reasons
        yield f"rejected by the risk manager: {'; '.join(reasons) or 'no reason given'}"
    for reason in void_reasons(layout, entry.strategy_id):
        yield f"{reason}, which voids its handoffs"
    for link in links(layout, entry.strategy_id):
        yield from (f"record {link.record.number:03d}: {text}, so it does not count" for text in link.broken)
