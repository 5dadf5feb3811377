"""What was read is answered in the specification, and the first gate asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.roles import cases, records
from crypto_team.tools.session import open_session

if TYPE_CHECKING:
    from tests.roles.conftest import Desk

CLAIM = {"title": "Costs eat weak signals", "text": "Nothing was left after costs.", "severity": "critical"}


def test_a_critical_learning_is_answered_and_the_design_stays_as_it_was(desk: Desk) -> None:
    strategy_id = desk.designed()
    session = open_session(desk.folder, "ml_engineer")
    learning = desk.use("learnings.add", **CLAIM).data["learning_id"]
    before = records.ml_spec(session, strategy_id)
    memory = cases.memory_of(session, strategy_id)
    assert memory is not None
    assert [key for key, _ in memory.critical] == [learning]
    desk.use("ml_engineer.consider", strategy_id=strategy_id, reference=learning, answer="entries only above 0.54")
    desk.use("ml_engineer.consider", strategy_id=strategy_id, reference=learning, answer="entries only above 0.55")
    after = records.ml_spec(session, strategy_id)
    assert [(item.reference, item.answer) for item in after.considered] == [(learning, "entries only above 0.55")]
    assert after.model_copy(update={"considered": []}) == before.model_copy(update={"considered": []})


def test_what_does_not_exist_cannot_be_answered(desk: Desk) -> None:
    strategy_id = desk.designed()
    for reference in ("STR-042", strategy_id, "2026-01-31-critic-0a1b2c3d"):
        outcome = desk.try_("ml_engineer.consider", strategy_id=strategy_id, reference=reference, answer="x")
        assert not outcome.ok
        assert reference in outcome.summary


def test_a_learning_that_names_the_strategy_counts(desk: Desk) -> None:
    strategy_id = desk.designed()
    session = open_session(desk.folder, "ml_engineer")
    memory = cases.memory_of(session, strategy_id)
    assert memory is not None
    assert memory.learned == 0
    desk.use("learnings.add", title="Momentum fades in a day", text="Seen out of sample.", scope=strategy_id)
    memory = cases.memory_of(session, strategy_id)
    assert memory is not None
    assert memory.learned == 1
