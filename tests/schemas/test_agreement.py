"""The published JSON Schemas and the models agree on documents that nobody thought of."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from crypto_team.kb.yaml import FindingsError, check, dump_data, parse
from crypto_team.schemas import RECORDS
from crypto_team.schemas.published import BEYOND, json_schema
from tests.schemas.generation import made_from

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crypto_team.schemas.outcome import Finding

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
CALM = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@cache
def documents(kind: str, *, errors: bool) -> st.SearchStrategy[Any]:
    """Return documents of a kind; made once, because building them takes longer than drawing."""
    return made_from(json_schema(kind), errors=errors)


@cache
def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(json_schema(kind))


@cache
def has_more_rules(kind: str) -> bool:
    """Return whether the model has rules between fields, which the schema marks and cannot say."""
    return BEYOND in str(json_schema(kind))


def whole_floats(node: Any) -> bool:
    """Return whether a float without a fraction stands anywhere: an integer for JSON Schema, not for strict models."""
    if isinstance(node, dict):
        return any(whole_floats(item) for item in node.values())
    if isinstance(node, list):
        return any(whole_floats(item) for item in node)
    return isinstance(node, float) and node.is_integer()


def accepted_by_model(kind: str, document: Any) -> bool:
    return not refusals(kind, document)


@pytest.mark.parametrize("kind", RECORDS)
@CALM
@given(data=st.data())
def test_both_accept_and_refuse_the_same_and_every_refusal_has_a_place(kind: str, data: st.DataObject) -> None:
    document = data.draw(documents(kind, errors=True))
    by_schema, by_model = validator(kind).is_valid(document), accepted_by_model(kind, document)
    if by_model:
        assert by_schema
    elif not whole_floats(document) and not has_more_rules(kind):
        assert not by_schema
    if isinstance(document, dict):
        refusals_have_places(kind, document)


@pytest.mark.parametrize("kind", RECORDS)
@CALM
@given(data=st.data())
def test_what_fits_the_schema_is_accepted_up_to_the_rules_between_fields(kind: str, data: st.DataObject) -> None:
    document = data.draw(documents(kind, errors=False))
    assert validator(kind).is_valid(document)
    refused = refusals(kind, document)
    assert set(refused) <= {"value_error"}, refused
    assert not refused or has_more_rules(kind)


def refusals(kind: str, document: Any) -> list[str]:
    """Return the kinds of what the model says about a document."""
    try:
        RECORDS[kind].model_validate(document)
    except ValidationError as problem:
        return [item["type"] for item in problem.errors()]
    return []


def refusals_have_places(kind: str, document: dict[str, Any]) -> None:
    """Write a document, read it, and look at what is said about it."""
    text = dump_data(document)
    for finding in findings_of(text, kind):
        assert finding.code
        assert finding.file == "f.yaml"
        assert finding.line is not None
        assert 1 <= finding.line <= max(len(text.splitlines()), 1)
        assert leads_somewhere(document, finding.pointer or "")


def findings_of(text: str, kind: str) -> list[Finding]:
    try:
        check(parse(text, "f.yaml"), RECORDS[kind])
    except FindingsError as problem:
        return problem.findings
    return []


def leads_somewhere(document: Any, pointer: str) -> bool:
    """Return whether all but the last part of a pointer stands in a document, apart from names of union members."""
    node = document
    for part in list(parts(pointer))[:-1]:
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return not isinstance(node, dict | list) or part not in node
    return True


def parts(pointer: str) -> Iterator[str]:
    for part in pointer.split("/")[1:]:
        yield part.replace("~1", "/").replace("~0", "~")
