"""Editors find the schema of every record beside it, and the copies never reach git."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from crypto_team.kb import editor_schemas, formatting, git, health, workspace
from crypto_team.kb.yaml import parse
from tests.kb.test_writer import document, write

if TYPE_CHECKING:
    from pathlib import Path

    from crypto_team.kb.paths import Layout


def named(path: Path) -> Path:
    """Return the schema that the first line of a record leads an editor to."""
    head = path.read_text().splitlines()[0]
    assert head.startswith(editor_schemas.MARK), head
    return (path.parent / head.removeprefix(editor_schemas.MARK)).resolve()


def test_the_first_line_of_every_record_leads_to_a_schema_that_accepts_it(strategy: Layout) -> None:
    write(strategy, document("one"))
    found = [*strategy.knowledge.rglob("STR-*.yaml"), *strategy.strategies_root.rglob("*.yaml"), strategy.policy,
             strategy.team, strategy.ownership]  # fmt: skip
    assert len(found) >= 6
    for path in found:
        schema = named(path)
        assert schema.parent == strategy.crypto / "schemas"
        Draft202012Validator(json.loads(schema.read_text())).validate(parse(path.read_text(), str(path)).data)


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ("registry", "../../schemas/registry.json"),
        ("handoff", "../../../../schemas/handoff.json"),
        ("model_manifest", "../../../../schemas/model.json"),
        ("policy", "schemas/policy.json"),
    ],
)
def test_the_path_is_relative_to_where_the_record_lies(schema: str, line: str) -> None:
    assert editor_schemas.editor_line(schema) == f"{editor_schemas.MARK}{line}\n"


def test_the_copies_stay_out_of_git_and_a_lost_one_comes_back(strategy: Layout) -> None:
    assert git.changed_since_commit(strategy.root, [strategy.crypto]) == []
    assert not git.tracked(strategy.root, strategy.crypto / "schemas" / "registry.json")
    (strategy.crypto / "schemas" / "registry.json").write_text("{}")
    assert {item.name: item.state for item in health.workspace(strategy)}["schemas"] == "note"
    assert "wrote the schemas for editors" in workspace.repair(strategy)
    assert editor_schemas.missing(strategy) == []


def test_a_record_with_another_line_for_editors_is_in_canonical_form(strategy: Layout) -> None:
    path = strategy.features("STR-001")
    old = path.read_text().replace(path.read_text().splitlines()[0], editor_schemas.MARK + "urn:crypto-team:schema:x:1")
    path.write_text(old)
    assert list(formatting.rewrites(strategy)) == []
