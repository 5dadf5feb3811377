"""Filters, sorting and columns of the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.tools.conftest import Desk


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ([], ["STR-001", "STR-002"]),
        (["name=momentum"], ["STR-001"]),
        (["name!=momentum"], ["STR-002"]),
        (["metrics.oos_sharpe>=1"], ["STR-001"]),
        (["metrics.oos_sharpe<1"], []),
        (["status=draft", "name=reversal"], ["STR-002"]),
    ],
)
def test_conditions_select_strategies(staffed: Desk, where: list[str], ids: list[str]) -> None:
    outcome = staffed.ok("registry.list", where=where)
    assert [row["strategy_id"] for row in outcome.data] == ids


def test_sorting_puts_strategies_without_the_field_last(staffed: Desk) -> None:
    for sort in ("metrics.oos_sharpe", "-metrics.oos_sharpe"):
        outcome = staffed.ok("registry.list", sort=sort, column=["strategy_id"])
        assert outcome.data == [{"strategy_id": "STR-001"}, {"strategy_id": "STR-002"}]


@pytest.mark.parametrize(
    "arguments",
    [{"where": ["status"]}, {"where": ["state=draft"]}, {"where": ["metrics.oos_sharpe>=good"]}, {"sort": "sharp"}],
)
def test_a_condition_that_makes_no_sense_is_a_usage_error(staffed: Desk, arguments: dict[str, object]) -> None:
    assert staffed("registry.list", **arguments).exit_code == 2


def test_an_empty_registry_says_how_to_begin(desk: Desk) -> None:
    outcome = desk.ok("registry.list", where=["status=draft"])
    assert outcome.data == []
    assert "ml-engineer new" in outcome.next[0]


def test_show_says_who_has_the_strategy(staffed: Desk) -> None:
    outcome = staffed.ok("registry.show", strategy_id="STR-001")
    assert outcome.data["stage"] == "ml_engineer"
    assert outcome.data["metrics.oos_sharpe"] == 1.5


def test_an_unknown_strategy_is_a_usage_error(staffed: Desk) -> None:
    assert staffed("registry.show", strategy_id="STR-999").exit_code == 2
