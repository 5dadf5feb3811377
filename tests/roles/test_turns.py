from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import history
from crypto_team.tools.base import call
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.roles.conftest import Desk


def test_only_the_role_that_has_a_strategy_or_the_lead_hands_it_over(desk: Desk) -> None:
    from crypto_team.cli.table import TOOLS

    strategy_id = desk.designed()
    before = history.history(desk.layout, desk.layout.registry_entry(strategy_id))
    outcome = call(
        TOOLS["handoff"], open_session(desk.folder, "critic"), {"strategy_id": strategy_id, "to": "data_collector"}
    )
    assert outcome.exit_code == 3
    assert "the critic cannot hand it over" in outcome.summary
    assert history.history(desk.layout, desk.layout.registry_entry(strategy_id)) == before


@pytest.mark.parametrize("key", ["quant_analyst.review", "critic.review", "backtester.run"])
def test_nobody_works_on_what_the_gates_have_not_let_through(designed: Desk, key: str) -> None:
    outcome = designed.try_(key, strategy_id="STR-001")
    assert outcome.exit_code == 3
    assert "STR-001 is with the ml_engineer" in outcome.summary
    assert any("gate check STR-001" in step for step in outcome.next)


@pytest.mark.parametrize("reference", ["../../x.py:f", "code/none", "x.py:f", "code/a/b.py:f", "code/x.py:f g"])
def test_a_malformed_reference_to_code_says_how_it_is_written(designed: Desk, reference: str) -> None:
    outcome = designed.try_("ml_engineer.add-feature", strategy_id="STR-001", python=reference)
    assert outcome.exit_code == 2
    assert any("code/FILE.py:FUNCTION" in step for step in outcome.next)


def test_a_reference_needs_a_function_that_is_there(desk: Desk, tmp_path: Path) -> None:
    strategy_id = desk.designed()
    file = tmp_path / "mine.py"
    file.write_text("def there(ohlcv):\n    return ohlcv['close'].diff()\n")
    missing = desk.try_("ml_engineer.add-feature", strategy_id=strategy_id, python="code/mine.py:there")
    assert missing.exit_code == 2
    assert any("add-code STR-001" in step for step in missing.next)
    desk.use("ml_engineer.add-code", strategy_id=strategy_id, file=file)
    assert not desk.try_("ml_engineer.add-feature", strategy_id=strategy_id, python="code/mine.py:other").ok
    desk.use("ml_engineer.add-feature", strategy_id=strategy_id, python="code/mine.py:there")


def test_a_pair_is_named_once(designed: Desk) -> None:
    outcome = designed.try_("ml_engineer.new", name="twice", pair=["EDGE/USD", "EDGE/USD"])
    assert outcome.exit_code == 2
    assert "named twice" in outcome.summary
