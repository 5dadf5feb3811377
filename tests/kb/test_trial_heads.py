"""Where a chain of trials ends is found without looking at the chain, and is what looking at all of it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crypto_team.kb import git, trial_heads
from crypto_team.kb.index_walk import current
from crypto_team.kb.kinds import kind_of
from tests.kb.test_records import book

if TYPE_CHECKING:
    from crypto_team.kb.paths import Layout


def searched(layout: Layout) -> list[str]:
    ends = trial_heads._searched(current(layout, exact=True), "STR-001")
    return [ends[name] for name in sorted(ends)]


def test_a_booking_reads_one_trial_and_never_walks(strategy: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    book(strategy, minutes=1)
    monkeypatch.setattr(trial_heads, "current", lambda _: pytest.fail("everything was looked at"))
    for minute in range(2, 6):
        made = book(strategy, minutes=minute)
        assert trial_heads.heads(strategy, "STR-001") == [made.booking]
    monkeypatch.undo()
    assert trial_heads.heads(strategy, "STR-001") == searched(strategy)


def test_switching_and_resetting_branches_moves_the_ends_with_them(strategy: Layout) -> None:
    first, second = book(strategy, minutes=1), book(strategy, minutes=2)
    assert trial_heads.heads(strategy, "STR-001") == [second.booking]
    git.run(strategy.root, "switch", "-q", "-c", "other", "HEAD~1")
    assert trial_heads.heads(strategy, "STR-001") == [first.booking] == searched(strategy)
    third = book(strategy, minutes=3)
    git.run(strategy.root, "merge", "-q", "--no-edit", "main")
    assert trial_heads.heads(strategy, "STR-001") == [second.booking, third.booking] == searched(strategy)
    fourth = book(strategy, minutes=4)
    assert set(fourth.previous) == {second.booking, third.booking}
    assert trial_heads.heads(strategy, "STR-001") == [fourth.booking] == searched(strategy)


def test_a_trial_that_was_gone_and_came_back_is_no_end(strategy: Layout) -> None:
    first, last = book(strategy, minutes=1), book(strategy, minutes=2)
    assert trial_heads.heads(strategy, "STR-001") == [last.booking]
    git.run(strategy.root, "rm", "-q", str(strategy.trial("STR-001", first.trial_id)))
    git.run(strategy.root, "commit", "-q", "-m", "oops", "--no-verify")
    trial_heads.heads(strategy, "STR-001")
    git.run(strategy.root, "revert", "--no-edit", "HEAD")
    assert trial_heads.heads(strategy, "STR-001") == [last.booking] == searched(strategy)


def test_trials_from_before_there_were_folders_stay_where_they_are(strategy: Layout) -> None:
    first = book(strategy, minutes=1)
    path = strategy.trial("STR-001", first.trial_id)
    assert path.parent.name == first.trial_id[-2:]
    flat = path.parent.parent / path.name
    git.run(strategy.root, "mv", str(path), str(flat))
    git.run(strategy.root, "commit", "-q", "-m", "as it was", "--no-verify")
    assert strategy.trial("STR-001", first.trial_id) == flat
    assert kind_of(strategy, flat) is not None
    assert book(strategy, minutes=2).previous == [first.booking]


def test_a_trial_in_a_folder_of_another_name_lies_where_nothing_may_lie(strategy: Layout) -> None:
    path = strategy.trial("STR-001", book(strategy, minutes=1).trial_id)
    assert kind_of(strategy, path) is not None
    assert kind_of(strategy, path.parent.with_name("ZZ") / path.name) is None
