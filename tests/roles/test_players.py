"""Who wrote a strategy and who reviewed it, from the team's members and the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto_team.kb import git
from crypto_team.kb.paths import Layout
from crypto_team.roles.cases import players_of

if TYPE_CHECKING:
    from tests.roles.conftest import Desk

TEAM = "schema_version: 1\nmembers:\n{}"


def members(layout: Layout, *said: tuple[str, str]) -> None:
    lines = "".join(f"- role: {role}\n  player: '{player}'\n" for role, player in said)
    layout.team.write_text(TEAM.format(lines))


def test_players_are_those_of_the_team_and_committers_decide_where_addresses_are_known(desk: Desk) -> None:
    strategy_id = desk.designed()
    layout = Layout(desk.folder)
    assert players_of(layout, strategy_id) is None
    members(layout, ("ml_engineer", "@Ada"), ("critic", "ada"))
    found = players_of(layout, strategy_id)
    assert found is not None
    assert found.authors == found.reviewers == {"ada"}
    address = git.run(desk.folder, "log", "-1", "--format=%ae").strip()
    members(layout, ("ml_engineer", address.upper()), ("ml_engineer", "bob@x.org"), ("critic", "bob@x.org"))
    found = players_of(layout, strategy_id)
    assert found is not None
    assert (found.authors, found.reviewers) == ({address.casefold()}, {"bob@x.org"})
