from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import registry, validate, workspace
from crypto_team.kb.yaml import dump
from tests.kb.entries import event, stated

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout


def codes(layout: Layout) -> set[str]:
    return {item.code for item in validate.validate(layout)}


def test_a_number_written_into_the_registry_by_hand_is_found_even_after_a_repair(strategy: Layout) -> None:
    event(strategy, "critic", "measured", metrics={"oos_sharpe": 9.9})
    workspace.repair(strategy)
    found = [item for item in validate.validate(strategy) if item.code == "claim"]
    assert [item.message for item in found] == ["metrics.oos_sharpe says 9.9, ml-spec.yaml says nothing"]
    assert "train STR-001" in (found[0].hint or "")


@pytest.mark.parametrize("name", ["ml-spec.yaml", "features.yaml"])
def test_half_a_design_is_incomplete(strategy: Layout, name: str) -> None:
    (strategy.strategy_dir("STR-001") / name).unlink()
    assert codes(strategy) == {"incomplete"}


def test_a_strategy_without_an_entry_is_incomplete(strategy: Layout) -> None:
    strategy.registry_entry("STR-001").unlink()
    workspace.repair(strategy)
    assert codes(strategy) == {"incomplete"}


@pytest.mark.parametrize("kind", ["ml_based", "rule_based"])
def test_a_number_without_a_specification_that_states_it_is_a_claim(strategy: Layout, kind: str) -> None:
    entry = registry.entry(strategy, "STR-001")
    other = entry.model_copy(update={"strategy_id": "STR-500", "type": kind, "metrics": {"oos_sharpe": 99.0}})
    strategy.registry_entry("STR-500").write_text(dump(stated(other), schema="registry"))
    assert "claim" in codes(strategy)
    strategy.registry_entry("STR-500").write_text(
        dump(stated(other.model_copy(update={"metrics": {}})), schema="registry")
    )
    assert "claim" not in codes(strategy)
