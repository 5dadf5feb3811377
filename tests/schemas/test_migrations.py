"""Every step of a migration does what its golden files say, and every document of an older shape is read."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from crypto_team.kb.yaml import FindingsError, check, parse
from crypto_team.schemas import RECORDS
from crypto_team.schemas.migrations import STEPS, latest, migrated

GOLDEN = Path(__file__).parent / "golden"


def golden(kind: str, version: int) -> Any:
    path = GOLDEN / f"{kind}-{version}.yaml"
    return parse(path.read_text(encoding="utf-8"), str(path)).data


@pytest.mark.parametrize(("kind", "version"), STEPS)
def test_every_step_turns_its_golden_file_into_the_next(kind: str, version: int) -> None:
    before = golden(kind, version)
    kept = deepcopy(before)
    made = STEPS[kind, version](before)
    assert {**made, "schema_version": version + 1} == golden(kind, version + 1)
    assert before == kept, "a step is a pure function"


@pytest.mark.parametrize("kind", RECORDS)
def test_every_older_version_has_a_step_and_reaches_the_present_shape(kind: str) -> None:
    for version in range(1, latest(kind)):
        assert (kind, version) in STEPS
        data = migrated(kind, golden(kind, version))
        assert data == golden(kind, latest(kind))
        assert RECORDS[kind].model_validate(data)
    assert {version for name, version in STEPS if name == kind} == set(range(1, latest(kind)))


@pytest.mark.parametrize("kind", RECORDS)
def test_a_newer_version_is_refused_and_says_what_to_do(kind: str) -> None:
    with pytest.raises(FindingsError) as caught:
        check(parse(f"schema_version: {latest(kind) + 1}\n", "f"), RECORDS[kind])
    assert [item.code for item in caught.value.findings] == ["schema-version"]


@pytest.mark.parametrize("version", ["true", "1.0", "'1'", "0", "-1", "[1]", "null"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(FindingsError):
        check(parse(f"schema_version: {version}\n", "f"), RECORDS["policy"])


def test_an_older_document_is_read_in_the_present_shape() -> None:
    path = GOLDEN / "learning-1.yaml"
    old = check(parse(path.read_text(), str(path)), RECORDS["learning"])
    assert old.model_dump(mode="json", exclude={"text"}) == golden("learning", 2)
