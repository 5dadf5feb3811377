"""Conformance: every tool is a command that works the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from crypto_team.cli.commands import tool_command
from crypto_team.cli.index import ENTRIES, GROUPS, ROLES
from crypto_team.cli.parameters import COMMON, TEAM
from crypto_team.cli.table import ROLES as CONTRACTS
from crypto_team.cli.table import TOOLS
from crypto_team.tools.base import EVERY, tools_of
from crypto_team.tools.signature import shape_of

if TYPE_CHECKING:
    from tests.cli.conftest import Line

MOST_TOOLS = 20


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_command_explains_itself(line: Line, entry: str) -> None:
    words = entry.replace(f"{EVERY} ", "critic ").split()
    done = line(*words, "--help")
    assert done.code == 0
    assert ENTRIES[entry][2].split()[0] in done.out
    assert "<class" not in done.out


@pytest.mark.parametrize("key", TOOLS)
def test_every_tool_has_arguments_that_a_shell_can_offer(key: str) -> None:
    tool = TOOLS[key]
    assert tool.summary.endswith(".")
    for argument in tool.arguments:
        assert argument.name not in COMMON
        assert argument.help
        shape_of(argument.annotation)


@pytest.mark.parametrize("key", TOOLS)
def test_every_option_reaches_the_tool_under_its_own_name(key: str) -> None:
    tool = TOOLS[key]
    command = tool_command(tool, tool.name, None)
    names = {parameter.name for parameter in command.params} - set(COMMON)
    assert names == {argument.name for argument in tool.arguments}
    assert isinstance(command, click.Command)


def test_every_tool_is_reachable_from_the_index() -> None:
    assert {key for _, key, _ in ENTRIES.values()} == set(TOOLS)


def test_every_group_of_a_tool_has_a_title_and_every_title_a_tool() -> None:
    assert {tool.group for tool in TOOLS.values() if tool.group} == set(GROUPS)


def test_the_team_is_the_roles_and_the_lead() -> None:
    assert {"lead", *(role.id for role in CONTRACTS)} == set(TEAM)
    assert [role.command for role in CONTRACTS] == list(ROLES)


def test_no_role_has_more_tools_than_an_agent_can_choose_from() -> None:
    for role in CONTRACTS:
        own = [tool for tool in tools_of(role.id) if tool.role == role.id]
        assert 0 < len(own) <= MOST_TOOLS, role.id
