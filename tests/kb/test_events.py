"""Events as files: what came before what is part of what they say, and branches only add to them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_team.kb import events, git, queries, registry, validate
from crypto_team.kb.yaml import check, dump, load_record, parse
from crypto_team.schemas import RegistryEvent
from tests.kb.entries import TIME, event, fresh, put, stated
from tests.kb.test_ownership import by_hand, codes, merged_ours

if TYPE_CHECKING:
    from typing import Any

    from crypto_team.kb.paths import Layout

STATUSES = ("draft", "in_progress", "refused", "approved", "rejected", "live", "halted")


def said(number: int, behind: list[RegistryEvent], **values: Any) -> RegistryEvent:
    """An event at a time that says nothing about the order."""
    made = {"strategy_id": "STR-001", "time": f"2026-01-02T03:04:{59 - number:02d}Z", "role": "critic"}
    made |= {"event": f"event {number}", "after": [item.event_id for item in behind]}
    return RegistryEvent.model_validate(made | values)


@given(st.data())
def test_whatever_the_files_are_called_and_whenever_they_were_written_the_order_is_that_of_knowing(
    data: st.DataObject,
) -> None:
    made: list[RegistryEvent] = []
    for number in range(data.draw(st.integers(1, 9))):
        after = data.draw(st.lists(st.sampled_from(made), max_size=3, unique_by=id)) if made else []
        status = data.draw(st.sampled_from([None, *STATUSES]))
        made.append(said(number, after, status=status))
    mixed = data.draw(st.permutations(made))
    line = events.ordered(mixed)
    place = {item.event_id: number for number, item in enumerate(line)}
    assert len(line) == len(made)
    assert all(place[name] < place[item.event_id] for item in line for name in item.after)
    state = registry.state(fresh(), mixed)
    assert state == registry.state(fresh(), made)
    assert {item.event for item in made} <= {item.event for item in state.history}


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(
        st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="\u3164\uffa0\u115f\u1160"),
        min_size=1,
        max_size=50,
    ),
)
def test_an_event_has_the_same_name_after_it_was_written_and_read(number: float, text: str) -> None:
    made = said(1, [], event=text.replace("{", "(").replace("[", "("), metrics={"oos_sharpe": number})
    read = check(parse(dump(made, schema="registry_event"), "e"), RegistryEvent)
    assert read.event_id == made.event_id


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(STATUSES, 2)))
def test_of_statuses_side_by_side_the_more_careful_counts_and_what_follows_both_decides(one: str, other: str) -> None:
    first, second = said(1, [], status=one), said(2, [], status=other)
    both = registry.state(fresh(), [first, second]).status
    assert both == min(one, other, key=registry.CAUTION.index)
    last = said(3, [first, second], status=one)
    assert registry.state(fresh(), [last, second, first]).status == one


def test_a_strategy_is_as_far_as_the_branch_that_came_least_far_and_numbers_count_where_all_agree() -> None:
    one = said(1, [], stage="critic", metrics={"oos_sharpe": 1.0, "folds": 5.0})
    two = said(2, [], stage="backtester", metrics={"oos_sharpe": 2.0, "folds": 5.0})
    state = registry.state(fresh(), [one, two])
    assert (state.stage, state.metrics) == ("backtester", {"folds": 5.0})
    assert state.updated == one.time


def test_an_entry_of_version_1_stands_where_it_stood_and_goes_on_from_there(strategy: Layout) -> None:
    path = put(strategy, stage="critic", status="in_progress", metrics={"oos_sharpe": 1.0})
    before = registry.entry(strategy, "STR-001")
    old = before.model_copy(update={"schema_version": 1})
    path.write_text(dump(old, schema="registry"))
    assert registry.entry(strategy, "STR-001") == before
    event(strategy, "critic", "doubted", time="2026-02-02T03:04:05Z")
    after = registry.entry(strategy, "STR-001")
    assert (after.stage, after.status, after.metrics) == ("critic", "in_progress", {"oos_sharpe": 1.0})
    assert [item.event for item in after.history] == ["created", "doubted"]
    assert path.read_text() == dump(old, schema="registry"), "noting something leaves it as it is"


def test_an_event_under_another_name_or_one_whose_past_is_gone_is_found(strategy: Layout) -> None:
    first = event(strategy, "critic", "doubted")
    second = event(strategy, "critic", "doubted again")
    assert validate.validate(strategy) == []
    assert load_record(second, RegistryEvent).after == [first.stem]
    text = first.read_text()
    first.write_text(text.replace("doubted", "praised"))
    assert "misplaced" in {item.code for item in validate.validate(strategy)}
    first.unlink()
    assert [item.code for item in validate.validate(strategy) if item.severity == "error"] == ["event-missing"]
    first.write_text(text)
    assert [item for item in validate.validate(strategy) if item.severity == "error"] == []
    strategy.registry_entry("STR-001").unlink()
    assert "incomplete" in {item.code for item in validate.validate(strategy)}


def test_the_index_says_what_the_files_say_and_nothing_of_a_strategy_with_an_event_that_nobody_can_read(
    strategy: Layout,
) -> None:
    asked = "SELECT status, last_event FROM strategies"
    assert queries.select(strategy, asked).rows == [{"status": "draft", "last_event": "created"}]
    path = event(strategy, "risk_manager", "risk: rejected", status="rejected")
    told = [{"status": "rejected", "last_event": "risk: rejected"}]
    assert queries.select(strategy, asked).rows == told
    text = path.read_text()
    path.write_text("event: [")
    assert queries.select(strategy, asked).rows == []
    path.write_text(text)
    assert queries.select(strategy, asked).rows == told
    path.unlink()
    assert queries.select(strategy, asked).rows[0]["status"] == "draft"


def written(layout: Layout, role: str | None, **values: Any) -> list[str]:
    """Commit an event by hand, and return what the audit says about it."""
    base = str(git.head(layout.root))
    made = said(1, [], role="risk_manager", event="risk: approved", **values)
    path = layout.registry_event("STR-001", made.event_id)
    trailers = {"Role": role} if role else {}
    by_hand(layout, path, dump(made, schema="registry_event"), **trailers)
    return codes(layout, base)


@pytest.mark.parametrize(
    ("role", "expected"),
    [("risk_manager", []), ("backtester", ["forged-entry"]), (None, ["ownership", "forged-entry"])],
)
def test_nobody_writes_an_event_in_the_name_of_another_role(
    strategy: Layout, role: str | None, expected: list[str]
) -> None:
    assert written(strategy, role, status="in_progress") == expected


def test_an_event_comes_after_events_that_are_there_and_belongs_to_a_strategy_that_is_there(strategy: Layout) -> None:
    absent = ["20260102T030405Z-critic-00000000000000000000"]
    assert written(strategy, "risk_manager", after=absent) == ["forged-entry"]
    git.run(strategy.root, "reset", "-q", "--hard", "HEAD~1")
    git.run(strategy.root, "rm", "-q", "--cached", str(strategy.registry_entry("STR-001")))
    git.run(strategy.root, "commit", "-q", "-m", "x", "--trailer", "Crypto-Team-Role: lead")
    assert "forged-entry" in written(strategy, "risk_manager")


@pytest.mark.parametrize("way", ["change", "remove", "rename"])
def test_an_event_is_never_changed_nor_removed(strategy: Layout, way: str) -> None:
    path = event(strategy, "critic", "doubted")
    base, text = str(git.head(strategy.root)), path.read_text()
    other = path if way == "change" else path.with_name(path.name.replace("critic", "lead"))
    if way != "change":
        git.run(strategy.root, "rm", "-q", str(path))
    by_hand(strategy, other if way != "remove" else strategy.root / "x", text.replace("doubted", "no"), Role="critic")
    assert "taken-back" in codes(strategy, base)


@pytest.mark.parametrize(
    ("values", "role", "expected"),
    [
        ({"history": "grown"}, "risk_manager", []),
        ({"history": "grown"}, "backtester", ["forged-entry"]),
        ({"status": "in_progress"}, "backtester", ["forged-entry"]),
        ({"metrics": {"sharpe": 9.0}}, "backtester", ["forged-entry"]),
        ({"history": []}, "backtester", ["taken-back"]),
    ],
)
def test_in_entries_that_older_programs_still_write_nobody_speaks_for_another_role_either(
    strategy: Layout, values: dict[str, Any], role: str, expected: list[str]
) -> None:
    path = strategy.registry_entry("STR-001")
    entry = registry.entry(strategy, "STR-001")
    by_hand(strategy, path, dump(entry, schema="registry"), Role="lead")
    base = str(git.head(strategy.root))
    if values.get("history") == "grown":
        line = {"time": TIME, "role": "risk_manager", "event": "risk: approved"}
        values = {"history": [*entry.model_dump()["history"], line]}
    by_hand(strategy, path, dump(type(entry).model_validate(entry.model_dump() | values), schema="registry"), Role=role)
    assert codes(strategy, base) == expected


def test_an_entry_is_migrated_by_anybody_and_never_changed_otherwise(strategy: Layout) -> None:
    path = strategy.registry_entry("STR-001")
    entry = registry.entry(strategy, "STR-001")
    assert path.read_text().startswith("# yaml-language-server")
    forged = stated(entry.model_copy(update={"status": "approved"}))
    base = str(git.head(strategy.root))
    by_hand(strategy, path, dump(forged, schema="registry"), Role="lead")
    assert codes(strategy, base) == ["forged-entry"]
    by_hand(strategy, path, dump(entry, schema="registry"), Role="lead")
    old = str(git.head(strategy.root))
    by_hand(strategy, path, dump(stated(entry), schema="registry"), Role="backtester")
    assert codes(strategy, old) == []
    by_hand(strategy, path, dump(forged, schema="registry"), Role="backtester")
    assert codes(strategy, old) == ["forged-entry"]


def test_a_new_entry_has_no_past_that_nobody_judged(strategy: Layout) -> None:
    base = str(git.head(strategy.root))
    entry = registry.entry(strategy, "STR-001").model_copy(update={"strategy_id": "STR-002", "status": "live"})
    by_hand(strategy, strategy.registry_entry("STR-002"), dump(stated(entry), schema="registry"), Role="critic")
    assert codes(strategy, base) == ["forged-entry"]


def test_events_of_a_side_that_a_merge_throws_away_are_missed(strategy: Layout) -> None:
    git.run(strategy.root, "switch", "-q", "-c", "one")
    event(strategy, "risk_manager", "risk: pending", status="in_progress")
    git.run(strategy.root, "switch", "-q", "-c", "two", "main")
    event(strategy, "critic", "critic: fine")
    merged_ours(strategy, "one")
    assert codes(strategy, "main") == ["taken-back"]
